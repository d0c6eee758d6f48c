//! Commands that start databases for their own work leave nothing behind when they are asked to stop before its end.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use kernel::Database;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use test_support::TestFolder;

use crate::salus::Salus;

/// PostgreSQL's programs with a `pg_dump` that begins and does not end.
fn programs(folder: &Path, real: &Path) {
    for name in ["postgres", "initdb", "pg_ctl", "pg_dump", "pg_restore"] {
        let real = real.join(name);
        let script = match name {
            "pg_dump" => format!(
                "#!/bin/sh\n[ \"$1\" = --version ] && exec {real} --version\n: >{began}\nexec sleep 600\n",
                real = real.display(),
                began = folder.join("began").display()
            ),
            _ => format!("#!/bin/sh\nexec {} \"$@\"\n", real.display()),
        };
        let program = folder.join(name);
        fs::write(&program, script).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    }
}

fn wait_for(what: &str, holds: impl Fn() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < Duration::from_secs(60), "{what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn interrupt(child: Child) -> (bool, String) {
    kill(Pid::from_raw(i32::try_from(child.id()).unwrap()), Signal::SIGTERM).unwrap();
    let output = child.wait_with_output().unwrap();
    (output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned())
}

/// The postmasters of this data directory.
fn postmasters(salus: &Salus) -> Vec<Database> {
    let running = cluster::Running::find(&salus.data_dir()).unwrap();
    Database::ALL.into_iter().filter(|it| running.postmaster(*it).unwrap().is_some()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_that_is_interrupted_stops_its_databases_and_programs_and_leaves_no_folder() {
    let mut salus = Salus::new();
    salus.start();
    assert!(salus.end(Signal::SIGTERM));
    let real =
        cluster::Install::find(std::env::var_os("SALUS_PG_BIN").as_deref().map(Path::new), None).unwrap();
    let folder = TestFolder::create();
    programs(folder.path(), &real.bin);
    salus.settings.push(("SALUS_PG_BIN", folder.path().display().to_string()));

    let mut command = salus.command(&["backup"]);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    wait_for("the dump begins", || folder.path().join("began").exists());
    assert_eq!(postmasters(&salus), Database::ALL);
    let (good, said) = interrupt(child);
    assert!(!good && said.contains("interrupted"), "{said}");
    assert_eq!(postmasters(&salus), [], "{said}");
    let left: Vec<_> = fs::read_dir(salus.data_dir().join("backups")).unwrap().collect();
    assert!(left.is_empty(), "{left:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hook_that_is_interrupted_ends_with_the_program_and_the_backup_counts_as_not_copied() {
    let mut salus = Salus::new();
    salus.start();
    let folder = TestFolder::create();
    // It must not hold the program's output open: whoever waits for that would wait for the hook.
    let (hook, pid) = (folder.path().join("hook"), folder.path().join("pid"));
    fs::write(
        &hook,
        format!(
            "#!/bin/sh\necho $$ >{0}.new\nmv {0}.new {0}\nexec sleep 600 >/dev/null 2>&1\n",
            pid.display()
        ),
    )
    .unwrap();
    fs::set_permissions(&hook, fs::Permissions::from_mode(0o755)).unwrap();
    salus.settings.push(("SALUS_BACKUP_HOOK", hook.display().to_string()));
    let mut command = salus.command(&["backup"]);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    wait_for("the hook begins", || pid.exists());
    let (good, said) = interrupt(child);
    assert!(!good && said.contains("copied nowhere"), "{said}");
    let hook = Pid::from_raw(fs::read_to_string(&pid).unwrap().trim().parse().unwrap());
    wait_for("the hook ends", || kill(hook, None).is_err());
    assert!(salus.end(Signal::SIGTERM));
}
