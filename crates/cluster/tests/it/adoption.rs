//! A server that is killed leaves its postmasters; the next one takes them over.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use cluster::{Clusters, Options, Progress, Role};
use kernel::Database;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use sqlx::ConnectOptions;
use test_support::TestFolder;

use crate::{alive, all_end, pids, runs_again, start};

const DATA_DIR: &str = "TEST_OWNER_DATA_DIR";

/// Runs only when another test starts it: a server that starts clusters and is killed.
#[tokio::test]
#[ignore = "the victim of another test, which starts it by itself"]
async fn owner() {
    let Some(data_dir) = std::env::var_os(DATA_DIR).map(PathBuf::from) else { return };
    let mut options = Options::new(data_dir);
    options.binaries = std::env::var_os("SALUS_PG_BIN").map(PathBuf::from);
    options.max_connections = 300;
    options.shared_buffers_mib = 64;
    let clusters = Clusters::start(options, |_| {}).await.unwrap();
    println!("owner is up");
    tokio::time::sleep(Duration::from_secs(60)).await;
    drop(clusters);
}

/// Starts clusters in another process and kills that with SIGKILL.
fn abandon(folder: &TestFolder) {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "adoption::owner", "--ignored", "--nocapture"]);
    command.env(DATA_DIR, folder.options().data_dir).stdout(Stdio::piped());
    let mut process = command.spawn().unwrap();
    let mut lines = BufReader::new(process.stdout.take().unwrap()).lines().map_while(Result::ok);
    assert!(lines.any(|line| line.contains("owner is up")));
    process.kill().unwrap();
    process.wait().unwrap();
}

/// The pids in the three `postmaster.pid` files.
fn left(folder: &TestFolder) -> [i32; 3] {
    Database::ALL.map(|database| {
        let path = folder.options().data_dir.join(format!("pg/{database}/postmaster.pid"));
        std::fs::read_to_string(path).unwrap().lines().next().unwrap().parse().unwrap()
    })
}

#[tokio::test]
async fn postmasters_of_a_killed_server_are_taken_over_guarded_and_stopped() {
    let folder = TestFolder::create();
    abandon(&folder);
    let orphans = left(&folder);
    assert!(orphans.into_iter().all(alive));

    let began = std::time::Instant::now();
    let (clusters, said) = start(folder.options()).await.unwrap();
    println!("taken over in {:?}", began.elapsed());
    assert_eq!(pids(&clusters), orphans);
    let adopted = said.iter().filter(|each| matches!(each, Progress::Adopted { .. })).count();
    assert_eq!(adopted, 3);

    kill(Pid::from_raw(orphans[0]), Signal::SIGKILL).unwrap();
    let again = runs_again(&clusters, Database::Auth, orphans[0]).await;
    assert!(clusters.options(Database::Auth, Role::App).connect().await.is_ok());
    clusters.stop().await.unwrap();
    all_end([again, orphans[1], orphans[2]]).await;
}

#[tokio::test]
async fn other_settings_or_a_lost_socket_make_a_new_postmaster_and_reset_ends_orphans() {
    let folder = TestFolder::create();
    abandon(&folder);
    let orphans = left(&folder);
    std::fs::remove_file(folder.options().data_dir.join("pg/sockets/auth/.s.PGSQL.5432")).unwrap();
    let mut options = folder.options();
    let (clusters, said) = start(options.clone()).await.unwrap();
    let now = pids(&clusters);
    assert!(now[0] != orphans[0] && now[1..] == orphans[1..], "{now:?} {orphans:?} {said:?}");
    clusters.stop().await.unwrap();
    drop(clusters);

    abandon(&folder);
    let orphans = left(&folder);
    options.max_prepared_transactions = 50;
    let (clusters, _) = start(options).await.unwrap();
    assert!(pids(&clusters).iter().all(|pid| !orphans.contains(pid)));
    let mut superuser = clusters.options(Database::Phi, Role::Superuser).connect().await.unwrap();
    let slots: String =
        sqlx::query_scalar("show max_prepared_transactions").fetch_one(&mut superuser).await.unwrap();
    assert_eq!(slots, "50");
    clusters.stop().await.unwrap();
    drop(clusters);

    abandon(&folder);
    let orphans = left(&folder);
    cluster::reset(&folder.options().data_dir).await.unwrap();
    all_end(orphans).await;
    assert!(!folder.options().data_dir.exists());
}
