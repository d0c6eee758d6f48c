//! `salus bench` from end to end, on a few invented patients. No figure is judged: machines differ.

use std::process::{Command, Stdio};

/// The program, without settings of the surroundings but the one that finds PostgreSQL.
fn bench(data: &std::path::Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_salus"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("SALUS_") && name != "SALUS_PG_BIN" {
            command.env_remove(name);
        }
    }
    command.args(["bench", "--seconds", "1", "--concurrency", "2", "--patients", "2", "--data"]).arg(data);
    command.stdin(Stdio::null());
    command
}

#[test]
fn every_phase_runs_and_nothing_is_left_behind() {
    let data = tempfile::tempdir().unwrap();
    let temporary = tempfile::Builder::new().prefix("salus-").tempdir().unwrap();
    // The clusters' user must get there.
    let passable = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(temporary.path(), passable).unwrap();
    let output = bench(data.path()).env("TMPDIR", temporary.path()).output().unwrap();
    let (said, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{said}\n{errors}");
    assert!(said.starts_with("Data: 2 invented patients"), "{said}");
    for phase in [
        "import, one connection",
        "import, all connections",
        "read by id",
        "  beside SQL without its audit",
        "search patient+code, -date",
        "search category+code+status",
        "create Observation",
    ] {
        let line = said.lines().find(|line| line.starts_with(phase));
        let line = line.unwrap_or_else(|| panic!("no {phase} in {said}"));
        let per_second = line[phase.len()..].split_whitespace().next().unwrap();
        assert!(per_second.parse::<f64>().unwrap() > 0.0, "{line}");
    }
    for target in ["read CPU ratio >= 0.40", "import >= 1500 resources/s", "resident memory <= 150 MiB"] {
        assert!(said.contains(target), "{said}");
    }
    assert_eq!(std::fs::read_dir(temporary.path()).unwrap().count(), 0, "{errors}");
}

#[test]
fn an_option_out_of_range_starts_nothing() {
    let data = tempfile::tempdir().unwrap();
    let output = bench(data.path()).args(["--patients", "0"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
}
