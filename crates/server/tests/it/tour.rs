//! The README's tour, run as it stands there.

use std::path::Path;
use std::process::Command;

use crate::salus::Salus;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_tour_of_the_readme_works_as_it_is_printed() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap();
    let readme = std::fs::read_to_string(root.join("README.md")).unwrap();
    let (_, rest) = readme.split_once("<!-- tour -->").expect("the README marks its tour");
    let (_, rest) = rest.split_once("```sh\n").expect("the tour is a block of shell");
    let (script, _) = rest.split_once("```").unwrap();
    let commands = script.lines().filter(|line| !line.trim().is_empty() && !line.starts_with('#')).count();
    assert!((8..=14).contains(&commands), "a tour of about ten lines has {commands}");

    let mut salus = Salus::new();
    salus.start();
    let folder = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink(salus.data_dir(), folder.path().join(".salus")).unwrap();
    std::os::unix::fs::symlink(root.join("samples"), folder.path().join("samples")).unwrap();
    let output = Command::new("sh")
        .args(["-euc", script])
        .env("BASE", format!("http://{}", salus.client().address))
        .current_dir(folder.path())
        .output()
        .unwrap();
    let (said, complained) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{said}\n{complained}");
    for expected in
        [r#""type":"transaction-response""#, r#""resourceType":"Patient""#, r#""type":"searchset""#]
    {
        assert!(said.contains(expected), "the tour does not show {expected}:\n{said}\n{complained}");
    }
    assert!(!said.contains("OperationOutcome"), "{said}");
}
