//! Postmasters that die, and what dead ones leave behind.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::process::Command;

use cluster::{ClusterError, Clusters, Options, Progress, Role, State, StopMode};
use futures::future::BoxFuture;
use kernel::Database;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use sqlx::{ConnectOptions, raw_sql};
use test_support::{TestClusters, TestFolder};
use tokio::sync::mpsc::UnboundedReceiver;

use crate::{pids, runs_again, start};

#[tokio::test]
async fn a_killed_postmaster_is_restarted_and_the_others_do_not_notice() {
    let test = TestClusters::dedicated().await;
    let clusters = test.clusters();
    let mut owner = clusters.options(Database::Phi, Role::Owner).connect().await.unwrap();
    raw_sql("create table public.kept (id int); insert into public.kept values (7)")
        .execute(&mut owner)
        .await
        .unwrap();
    let before = pids(clusters);
    kill(Pid::from_raw(before[1]), Signal::SIGKILL).unwrap();
    let first = runs_again(clusters, Database::Phi, before[1]).await;
    // And once more, now that it is the supervisor's own child.
    kill(Pid::from_raw(first), Signal::SIGKILL).unwrap();
    runs_again(clusters, Database::Phi, first).await;
    let mut owner = clusters.options(Database::Phi, Role::Owner).connect().await.unwrap();
    let kept: i32 = sqlx::query_scalar("select id from public.kept").fetch_one(&mut owner).await.unwrap();
    assert_eq!(kept, 7);
    let after = pids(clusters);
    assert_eq!((after[0], after[2]), (before[0], before[2]));

    stopped_on_purpose_it_stays_stopped(&test).await;
}

async fn stopped_on_purpose_it_stays_stopped(test: &TestClusters) {
    for mode in [StopMode::Fast, StopMode::Immediate, StopMode::Kill] {
        test.stop(Database::Clinical, mode).await;
        tokio::time::sleep(std::time::Duration::from_millis(400)).await;
        assert_eq!(*test.clusters().state(Database::Clinical).borrow(), State::Stopped, "{mode:?}");
        assert!(test.options(Database::Clinical, Role::App).connect().await.is_err(), "{mode:?}");
        assert!(test.options(Database::Phi, Role::App).connect().await.is_ok(), "{mode:?}");
        test.start(Database::Clinical).await;
        assert!(test.options(Database::Clinical, Role::App).connect().await.is_ok(), "{mode:?}");
    }
}

#[tokio::test]
async fn stale_files_are_cleared_and_a_wrong_version_or_a_damaged_cluster_is_named() {
    let folder = TestFolder::create();
    let (clusters, _) = start(folder.options()).await.unwrap();
    let cluster = |database| clusters.cluster_folder(database);
    let [auth, phi, clinical] = Database::ALL.map(cluster);
    clusters.stop().await.unwrap();
    drop(clusters);

    // The pid of a dead postmaster that another program of the same user got meanwhile.
    let owner = fs::metadata(&auth).unwrap();
    let mut stranger = Command::new("sleep");
    stranger.arg("60").current_dir("/");
    if nix::unistd::geteuid().is_root() {
        stranger.uid(owner.uid()).gid(owner.gid());
    }
    let mut stranger = stranger.spawn().unwrap();
    let text = |cluster: &std::path::Path| {
        let sockets = folder.path().join("data/pg/sockets").join(cluster.file_name().unwrap());
        let (pid, cluster, sockets_path) = (stranger.id(), cluster.display(), sockets.display());
        fs::write(sockets.join(".s.PGSQL.5432.lock"), format!("{pid}\n{cluster}\n")).unwrap();
        fs::write(sockets.join(".s.PGSQL.5432"), "").unwrap();
        format!("{pid}\n{cluster}\n1700000000\n5432\n{sockets_path}\n\n  1234567  99\nready   \n")
    };
    let put = |cluster: &std::path::Path, text: String| {
        fs::write(cluster.join("postmaster.pid"), text).unwrap();
        if nix::unistd::geteuid().is_root() {
            std::os::unix::fs::chown(cluster.join("postmaster.pid"), Some(owner.uid()), Some(owner.gid()))
                .unwrap();
        }
    };
    put(&auth, text(&auth));
    put(&phi, String::new());
    put(&clinical, "torn".to_owned());
    let (clusters, said) = start(folder.options()).await.unwrap();
    assert!(!said.iter().any(|each| matches!(each, Progress::Adopted { .. })), "{said:?}");
    assert!(!pids(&clusters).contains(&i32::try_from(stranger.id()).unwrap()));
    assert_eq!(stranger.try_wait().unwrap(), None, "the stranger lives");
    stranger.kill().unwrap();
    stranger.wait().unwrap();
    clusters.stop().await.unwrap();
    drop(clusters);

    fs::write(phi.join("PG_VERSION"), "14\n").unwrap();
    let error = start(folder.options()).await.unwrap_err();
    let message = error.to_string();
    assert!(matches!(error, ClusterError::WrongMajor { database: Database::Phi, .. }), "{message}");
    assert!(message.contains("made by PostgreSQL 14") && message.contains("are PostgreSQL 1"), "{message}");

    // A damaged cluster is reported in the server's own words, time after time: the two healthy ones, which
    // were told to end, are not in the way of the next start.
    fs::copy(auth.join("PG_VERSION"), phi.join("PG_VERSION")).unwrap();
    fs::remove_file(clinical.join("global/pg_control")).unwrap();
    for _ in 0..2 {
        let error = start(folder.options()).await.unwrap_err();
        let message = error.to_string();
        assert!(matches!(error, ClusterError::DidNotStart { database: Database::Clinical, .. }), "{message}");
        assert!(message.contains("could not find the database system"), "{message}");
    }
}

/// A start that has begun, and what it says.
fn begin(
    options: Options,
) -> (BoxFuture<'static, Result<Clusters, ClusterError>>, UnboundedReceiver<Progress>) {
    let (tell, told) = tokio::sync::mpsc::unbounded_channel();
    let starting = Clusters::start(options, move |progress| {
        let _ = tell.send(progress);
    });
    (Box::pin(starting), told)
}

#[tokio::test]
async fn a_start_that_was_given_up_can_be_repeated() {
    let folder = TestFolder::create();
    // Given up while clusters are being made, and then while they are being started.
    for moment in [Progress::Initialising(Database::Clinical), Progress::Starting(Database::Auth)] {
        let (mut starting, mut told) = begin(folder.options());
        loop {
            tokio::select! {
                result = &mut starting => panic!("finished before it was given up: {:?}", result.map(|_| ())),
                said = told.recv() => if said.unwrap() == moment { break },
            }
        }
    }
    let (clusters, _) = start(folder.options()).await.unwrap();
    assert!(clusters.options(Database::Clinical, Role::App).connect().await.is_ok());
    clusters.stop().await.unwrap();
}
