//! How servers end: with connections open, and without leaving anything where nothing was to last.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use axum::http::StatusCode;
use nix::sys::signal::Signal;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::crash::{bundle, post};
use crate::salus::Salus;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn idle_connections_hold_up_no_stop_and_a_request_in_flight_is_answered() {
    let mut salus = Salus::new();
    salus.start();
    let client = salus.administrator().await;
    let mut idle = Vec::new();
    for asks in [true, true, true, false, false] {
        let mut stream = TcpStream::connect(client.address).await.unwrap();
        if asks {
            stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
            let mut answer = [0; 12];
            stream.read_exact(&mut answer).await.unwrap();
            assert_eq!(&answer, b"HTTP/1.1 200");
        }
        idle.push(stream);
    }
    let in_flight = {
        let client = client.clone();
        tokio::spawn(async move { post(&client, bundle(1)).await })
    };
    // Accepted and begun: the Bundle takes several times as long.
    tokio::time::sleep(Duration::from_millis(20)).await;
    let began = Instant::now();
    let ended = tokio::task::spawn_blocking(move || salus.end(Signal::SIGTERM)).await.unwrap();
    let took = began.elapsed();
    assert!(ended && took < Duration::from_secs(8), "{took:?}");
    assert_eq!(in_flight.await.unwrap(), Some(StatusCode::OK));
    for mut stream in idle {
        let mut rest = Vec::new();
        stream.read_to_end(&mut rest).await.ok();
    }
}

/// The folders of ephemeral servers.
fn folders(temporary: &Path) -> Vec<PathBuf> {
    let found = fs::read_dir(temporary).unwrap().map(|entry| entry.unwrap().path());
    found.filter(|path| path.file_name().unwrap().to_string_lossy().starts_with("salus-ephemeral-")).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_ephemeral_server_leaves_nothing_and_the_next_one_clears_up_after_a_killed_one() {
    let mut salus = Salus::new();
    let temporary = salus.data_dir().with_file_name("tmp");
    fs::create_dir(&temporary).unwrap();
    fs::set_permissions(&temporary, fs::Permissions::from_mode(0o711)).unwrap();
    salus.settings.push(("TMPDIR", temporary.to_str().unwrap().to_owned()));
    salus.arguments = vec!["serve", "--ephemeral"];
    salus.start();
    let [killed] = folders(&temporary).try_into().unwrap();
    salus.end(Signal::SIGKILL);
    assert!(killed.join("master.key").exists());

    salus.arguments.extend(["--seed", "3"]);
    salus.start();
    let doctor = salus.client().log_in("doctor1", "everybody-knows-this-one").await;
    assert!(doctor.status.is_success(), "{doctor:?}");
    let [present] = folders(&temporary).try_into().unwrap();
    assert_ne!(present, killed, "what the killed one left is gone");
    assert!(salus.end(Signal::SIGINT));
    assert!(folders(&temporary).is_empty() && !salus.data_dir().exists());

    salus.settings.push(("SALUS_HTTP_ADDR", "256.0.0.1:1".to_owned()));
    assert!(!salus.run(&["serve", "--ephemeral"]).status.success());
    assert!(folders(&temporary).is_empty());
}
