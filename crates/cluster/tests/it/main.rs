//! The clusters against real PostgreSQL binaries: one test program, so that it is linked once.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

mod adoption;
mod backup;
mod faults;
mod fetching;
mod lifecycle;
mod migrations;
mod places;
mod roles;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use cluster::{ClusterError, Clusters, Options, Progress, State};
use kernel::Database;
use nix::sys::signal::kill;
use nix::unistd::Pid;

/// Starts clusters and keeps what was said meanwhile.
async fn start(options: Options) -> Result<(Clusters, Vec<Progress>), ClusterError> {
    let said = Arc::new(Mutex::new(Vec::new()));
    let listener = Arc::clone(&said);
    let clusters = Clusters::start(options, move |progress| listener.lock().unwrap().push(progress)).await?;
    let said = said.lock().unwrap().clone();
    Ok((clusters, said))
}

/// The process ids of three running clusters.
fn pids(clusters: &Clusters) -> [i32; 3] {
    Database::ALL.map(|database| match *clusters.state(database).borrow() {
        State::Running { pid } => pid,
        ref other => panic!("{database} is {other:?}"),
    })
}

/// Waits until a cluster runs with another postmaster than `old`, and answers its process id.
async fn runs_again(clusters: &Clusters, database: Database, old: i32) -> i32 {
    let mut state = clusters.state(database);
    let again = state.wait_for(|state| matches!(state, State::Running { pid } if *pid != old));
    let again = tokio::time::timeout(Duration::from_secs(20), again).await;
    match *again.expect("restarted in time").unwrap() {
        State::Running { pid } => pid,
        ref other => panic!("{other:?}"),
    }
}

/// Whether a process exists and is no zombie.
fn alive(pid: i32) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{pid}/stat"));
    let state = status.ok().and_then(|text| Some(text.rsplit_once(')')?.1.trim().chars().next()));
    kill(Pid::from_raw(pid), None).is_ok() && state != Some(Some('Z'))
}

/// Waits until none of these processes is alive.
async fn all_end(pids: [i32; 3]) {
    for _ in 0..200 {
        if !pids.into_iter().any(alive) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("still alive: {:?}", pids.into_iter().filter(|pid| alive(*pid)).collect::<Vec<_>>());
}
