//! Nothing of the test clusters outlives the process that started them, even if it is killed.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use kernel::Database;
use nix::sys::signal::kill;
use nix::unistd::Pid;
use test_support::{Role, TestDatabases};

/// Set for the victim.
const VICTIM: &str = "TEST_VICTIM";

/// Runs only when `a_killed_test_process_leaves_nothing` starts it.
#[tokio::test]
#[ignore = "the victim of another test, which starts it by itself"]
async fn victim() {
    if std::env::var_os(VICTIM).is_none() {
        return;
    }
    let databases = TestDatabases::fresh().await;
    for database in Database::ALL {
        let mut connection = databases.connect(database, Role::Superuser).await;
        let (folder, pid): (String, i64) = sqlx::query_as(
            "select current_setting('data_directory'), \
             (pg_catalog.regexp_match(pg_catalog.pg_read_file('postmaster.pid'), '^\\d+'))[1]::bigint",
        )
        .fetch_one(&mut connection)
        .await
        .unwrap();
        println!("victim {pid} {folder}");
    }
    tokio::time::sleep(Duration::from_secs(60)).await;
}

#[test]
fn a_killed_test_process_leaves_nothing() {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "victim", "--ignored", "--nocapture"]).env(VICTIM, "1").stdout(Stdio::piped());
    let mut process = command.spawn().unwrap();
    let lines = BufReader::new(process.stdout.take().unwrap()).lines().map_while(Result::ok);
    let said = lines.filter_map(|line| line.split_once("victim ").map(|(_, rest)| rest.to_owned()));
    let found: Vec<(i32, PathBuf)> = said
        .filter_map(|line| line.split_once(' ').map(|(pid, folder)| (pid.parse().unwrap(), folder.into())))
        .take(3)
        .collect();
    let alive = |pid: i32| {
        let status = std::fs::read_to_string(format!("/proc/{pid}/stat"));
        let zombie =
            status.is_ok_and(|text| text.rsplit(')').next().is_some_and(|rest| rest.trim().starts_with('Z')));
        kill(Pid::from_raw(pid), None).is_ok() && !zombie
    };
    let root: &Path = found[0].1.ancestors().nth(3).unwrap();
    assert!(found.len() == 3 && found.iter().all(|(pid, _)| alive(*pid)) && root.is_dir());
    assert!(root.file_name().unwrap().to_str().unwrap().starts_with("salus-test-"), "{}", root.display());

    process.kill().unwrap();
    process.wait().unwrap();
    let began = Instant::now();
    while root.exists() || found.iter().any(|(pid, _)| alive(*pid)) {
        assert!(began.elapsed() < Duration::from_secs(20), "{} or its postmasters are left", root.display());
        std::thread::sleep(Duration::from_millis(50));
    }
}
