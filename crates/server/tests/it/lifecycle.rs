//! Starting, stopping, starting again.

use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use axum::http::StatusCode;
use nix::sys::signal::Signal;
use serde_json::json;

use crate::salus::Salus;

fn said(output: &std::process::Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

#[tokio::test(flavor = "multi_thread")]
async fn data_and_passwords_survive_stops_and_kills_and_a_reset_ends_them() {
    let mut salus = Salus::new();
    assert!(salus.start() < Duration::from_secs(60));
    let password_file = salus.data_dir().join("admin-password");
    for secret in ["admin-password", "master.key"] {
        let mode = std::fs::metadata(salus.data_dir().join(secret)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{secret}");
    }
    let client = salus.administrator().await;
    let id = client.create(json!({ "resourceType": "Patient", "active": true })).await;
    let path = format!("/fhir/R4/Patient/{id}");

    let second = salus.run(&["serve"]);
    assert!(!second.status.success() && said(&second).contains("in use"), "{}", said(&second));
    let reset = salus.run(&["reset", "--yes"]);
    assert!(!reset.status.success(), "{}", said(&reset));

    assert!(salus.end(Signal::SIGTERM), "SIGTERM is a request, not a failure");
    salus.start();
    assert_eq!(salus.administrator().await.get(&path).await.status, StatusCode::OK);
    salus.end(Signal::SIGKILL);
    salus.start();
    assert_eq!(salus.administrator().await.get(&path).await.status, StatusCode::OK);
    assert!(salus.end(Signal::SIGINT));

    salus.settings.push(("SALUS_ADMIN_PASSWORD", "chosen by the operator".to_owned()));
    salus.start();
    let log_in = salus.client().log_in("admin", "chosen by the operator").await;
    assert_eq!(log_in.status, StatusCode::OK);
    assert!(!password_file.exists(), "the file would name a password that is none any more");
    assert!(salus.end(Signal::SIGTERM));

    let status = salus.run(&["migrate", "status"]);
    assert!(said(&status).contains("auth 0004 applied identity"), "{}", said(&status));
    let unasked = salus.run(&["reset"]);
    assert!(!unasked.status.success() && salus.data_dir().exists());
    let reset = salus.run(&["reset", "--yes"]);
    assert!(reset.status.success(), "{}", said(&reset));
    assert!(!salus.data_dir().exists());
}

#[test]
fn an_unknown_setting_stops_the_start_by_name() {
    let mut salus = Salus::new();
    salus.settings.push(("SALUS_HTTP_ADRR", "127.0.0.1:1".to_owned()));
    let output = salus.run(&[]);
    assert_eq!(output.status.code(), Some(2));
    assert!(said(&output).contains("SALUS_HTTP_ADRR"), "{}", said(&output));
    assert!(!salus.data_dir().exists());
}

#[test]
fn an_address_in_use_is_said_before_anything_is_started() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mut salus = Salus::new();
    salus.settings.push(("SALUS_HTTP_ADDR", taken.local_addr().unwrap().to_string()));
    let output = salus.run(&["serve"]);
    assert!(!output.status.success());
    assert!(said(&output).contains("in use"), "{}", said(&output));
    assert!(!salus.data_dir().exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_stops_says_so_first_and_waits_for_nobody_who_asks_nothing() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let mut salus = Salus::new();
    salus.settings.push(("SALUS_DRAIN_DELAY", "2".to_owned()));
    salus.start();
    let client = salus.client();
    let _silent = tokio::net::TcpStream::connect(client.address).await.unwrap();
    let mut kept = tokio::net::TcpStream::connect(client.address).await.unwrap();
    kept.write_all(b"GET /healthz HTTP/1.1\r\nhost: h\r\n\r\n").await.unwrap();
    let mut head = [0; 15];
    kept.read_exact(&mut head).await.unwrap();
    assert_eq!(&head, b"HTTP/1.1 200 OK");

    let began = std::time::Instant::now();
    let ending = tokio::task::spawn_blocking(move || salus.end(Signal::SIGTERM));
    tokio::time::sleep(Duration::from_millis(500)).await;
    let ready = client.get("/readyz").await;
    assert_eq!(ready.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(ready.json()["status"], "stopping");
    assert_eq!(client.get("/fhir/R4/metadata").await.status, StatusCode::OK, "it still takes requests");
    let mut rest = Vec::new();
    kept.read_to_end(&mut rest).await.unwrap();
    assert!(began.elapsed() < Duration::from_secs(6), "idle connections were waited for");
    assert!(ending.await.unwrap());
    assert!(began.elapsed() < Duration::from_secs(12), "{:?}", began.elapsed());
}
