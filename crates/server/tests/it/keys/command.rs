//! `salus keys`: beside a server that runs, and without one.

use std::process::Output;
use std::time::{Duration, Instant};

use axum::http::StatusCode;
use kernel::Database;
use nix::sys::signal::Signal;
use serde_json::Value;
use test_support::sqlx::{self, ConnectOptions};

use crate::client::{Client, text};
use crate::salus::Salus;

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

/// The keys of the table that was printed, with their states.
fn table(output: &Output) -> Vec<(String, String)> {
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let mut lines = text.lines();
    let head: Vec<_> = lines.next().unwrap_or_default().split_whitespace().collect();
    assert_eq!(head[..2], ["key", "state"], "{}", said(output));
    let row = |line: &str| {
        let mut words = line.split_whitespace().map(str::to_owned);
        (words.next().unwrap(), words.next().unwrap())
    };
    lines.map(row).collect()
}

fn states(table: &[(String, String)]) -> Vec<&str> {
    table.iter().map(|(_, state)| state.as_str()).collect()
}

async fn published(client: &Client) -> Vec<String> {
    let set: Value = client.get("/.well-known/jwks.json").await.json();
    set["keys"].as_array().unwrap().iter().map(|key| text(&key["kid"])).collect()
}

async fn within_seconds<F: AsyncFn() -> bool>(what: &str, holds: F) {
    let began = Instant::now();
    while !holds().await {
        assert!(began.elapsed() < Duration::from_secs(15), "{what}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_listed_rotated_and_removed_beside_a_running_server_and_without_one() {
    let mut salus = Salus::new();
    salus.start();
    let admin = salus.administrator().await;
    let first = table(&salus.run(&["keys", "list"]));
    assert_eq!((states(&first), published(&admin).await), (vec!["current"], vec![first[0].0.clone()]));

    let rotated = salus.run(&["keys", "rotate"]);
    assert!(rotated.status.success(), "{}", said(&rotated));
    let both = table(&rotated);
    assert_eq!((states(&both), &both[1]), (vec!["next", "current"], &first[0]));
    let again = salus.run(&["keys", "rotate"]);
    assert_eq!(again.status.code(), Some(1));
    assert!(said(&again).contains("published already"), "{}", said(&again));
    assert_eq!(table(&again), both);
    within_seconds("the server publishes what it was not told of", async || {
        published(&admin).await.len() == 2
    })
    .await;

    let asked = salus.run(&["keys", "remove", &first[0].0]);
    assert!(!asked.status.success() && said(&asked).contains("--yes"), "{}", said(&asked));
    assert_eq!(table(&salus.run(&["keys", "list"])), both, "nothing was removed unasked");
    let removed = salus.run(&["keys", "remove", &first[0].0, "--yes"]);
    assert!(removed.status.success(), "{}", said(&removed));
    assert_eq!(states(&table(&removed)), ["next", "current"], "another signs in its place");
    within_seconds("the server ceases to believe a removed key", async || {
        admin.get("/api/v1/auth/me").await.status == StatusCode::UNAUTHORIZED
    })
    .await;
    assert_eq!(salus.administrator().await.get("/api/v1/auth/me").await.status, StatusCode::OK);

    assert!(salus.end(Signal::SIGTERM));
    let missing = salus.run(&["keys", "remove", &first[0].0, "--yes"]);
    assert_eq!(missing.status.code(), Some(1));
    assert!(said(&missing).contains("there is no key"), "{}", said(&missing));
    assert_eq!(table(&missing), table(&removed));
    assert_eq!(audited(&salus).await, [("signing.rotate".into(), true), ("signing.remove".into(), true)]);
}

/// What was done to keys, and whether the row says by whom at the command line. (What it says is sealed.)
async fn audited(salus: &Salus) -> Vec<(String, bool)> {
    let clusters = salus.clusters().await;
    let mut auth = clusters.options(Database::Auth, cluster::Role::Superuser).connect().await.unwrap();
    let rows = sqlx::query_as(
        "select operation, query is not null from audit.event
         where operation like 'signing.%' and outcome = 'success' order by id",
    );
    let rows = rows.fetch_all(&mut auth).await.unwrap();
    drop(auth);
    clusters.stop().await.unwrap();
    rows
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_not_touched_under_another_master_key_and_none_is_made_to_look_at_them() {
    let mut salus = Salus::new();
    let nothing = salus.run(&["keys", "list"]);
    assert!(!nothing.status.success() && said(&nothing).contains("no master key"), "{}", said(&nothing));
    assert!(!salus.data_dir().exists(), "nothing was made");

    salus.start();
    let before = table(&salus.run(&["keys", "list"]));
    let other = salus.data_dir().join("other.key");
    std::fs::write(&other, "0123456789abcdef".repeat(4)).unwrap();
    salus.settings.push(("SALUS_MASTER_KEY_FILE", other.display().to_string()));
    for arguments in [&["keys", "rotate"][..], &["keys", "remove", &before[0].0, "--yes"]] {
        let refused = salus.run(arguments);
        assert_eq!(refused.status.code(), Some(1));
        assert!(said(&refused).contains("is the master key the one"), "{}", said(&refused));
    }
    salus.settings.pop();
    assert_eq!(table(&salus.run(&["keys", "list"])), before);
}
