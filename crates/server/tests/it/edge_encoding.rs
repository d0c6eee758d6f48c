//! Compressed answers, compressed bodies, and bodies that pretend.

use std::io::Write;

use axum::body::Body;
use axum::http::{Request, StatusCode};
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::json;

use crate::client::{Answer, Client, FHIR_JSON, call};
use crate::in_process::InProcess;
use crate::salus::shared;

const ENCODINGS: [&str; 3] = ["gzip", "br", "zstd"];

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

async fn get(client: &Client, path: &str, accept: &str) -> Answer {
    let request = Request::get(path).header("accept-encoding", accept);
    client.send(request.body(Bytes::new()).unwrap()).await
}

async fn put(client: &Client, path: &str, encoding: &str, body: impl Into<Bytes>) -> Answer {
    let request = Request::put(path).header("content-type", FHIR_JSON).header("content-encoding", encoding);
    client.send(request.body(body.into()).unwrap()).await
}

#[tokio::test]
async fn what_is_sent_out_compressed_is_taken_back_compressed() {
    let client = shared().await;
    let text = "the quick brown fox ".repeat(400);
    let basic = json!({ "resourceType": "Basic", "code": { "text": text } });
    let id = client.create(basic).await;
    let path = format!("/fhir/R4/Basic/{id}");
    let plain = client.get(&path).await;
    assert_eq!(plain.header("content-encoding"), "");
    assert!(plain.header("vary").to_lowercase().contains("accept-encoding"));
    for encoding in ENCODINGS {
        let packed = get(&client, &path, encoding).await;
        assert_eq!(packed.status, StatusCode::OK);
        assert_eq!(packed.header("content-encoding"), encoding);
        assert!(packed.header("etag").starts_with("W/\""), "a weak tag is the same whatever the encoding");
        assert!(packed.body.len() < plain.body.len() / 10, "{encoding}: {}", packed.body.len());
        let back = put(&client, &path, encoding, packed.body.clone()).await;
        assert_eq!(back.status, StatusCode::OK, "{encoding}: {back:?}");
        assert_eq!(back.json()["code"]["text"], text.as_str(), "{encoding}");
        let cut = put(&client, &path, encoding, packed.body.slice(..packed.body.len() / 2)).await;
        assert_eq!(cut.status, StatusCode::BAD_REQUEST, "{encoding}: half of it");
    }
    let read = get(&client, &path, "gzip").await;
    let unchanged =
        Request::get(&path).header("if-none-match", read.header("etag")).header("accept-encoding", "gzip");
    let unchanged = client.send(unchanged.body(Bytes::new()).unwrap()).await;
    assert_eq!(unchanged.status, StatusCode::NOT_MODIFIED);
}

#[tokio::test]
async fn small_answers_and_answers_about_sessions_are_not_compressed() {
    let client = shared().await;
    for path in ["/healthz", "/api/v1/auth/me"] {
        assert_eq!(get(&client, path, "gzip, br, zstd").await.header("content-encoding"), "", "{path}");
    }
    // The login of somebody with a very long name: long enough to be worth it, and yet not.
    let body = json!({ "username": "a".repeat(900), "password": "b".repeat(900) }).to_string();
    let request = Request::post("/api/v1/auth/login")
        .header("content-type", "application/json")
        .header("accept-encoding", "gzip");
    let answer = client.send(request.body(body).unwrap()).await;
    assert_eq!(answer.header("content-encoding"), "");
    assert_eq!(get(&client, "/openapi.json", "gzip").await.header("content-encoding"), "gzip");
}

#[tokio::test]
async fn an_encoding_that_is_not_known_is_415_and_the_known_ones_are_named() {
    let client = shared().await;
    for encoding in ["deflate", "compress", "gzip, gzip", "x-gzip", "", "GZIP;q=1"] {
        let answer = put(&client, "/fhir/R4/Basic/e", encoding, "{}").await;
        assert_eq!(answer.status, StatusCode::UNSUPPORTED_MEDIA_TYPE, "{encoding}");
        assert_eq!(answer.header("accept-encoding"), "gzip, br, zstd");
    }
    let not_gzip = put(&client, "/fhir/R4/Basic/e", "gzip", "{}").await;
    assert_eq!(not_gzip.status, StatusCode::BAD_REQUEST, "{not_gzip:?}");
}

/// What this thread has spent on a processor, nanoseconds; none where the system does not say.
fn spent() -> Option<u64> {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    stat.split_whitespace().next()?.parse().ok()
}

#[tokio::test]
async fn a_bomb_is_refused_at_the_limit_of_its_route_and_for_little() {
    let salus = InProcess::start().await;
    let token = salus.token(&["administrator"]);
    // 200 MiB in 200 KB; and 10 MB, which are too much before they are decoded.
    let bomb = gzip(&vec![b' '; 200 * 1024 * 1024]);
    let large = bomb.repeat(10_000_000_usize.div_ceil(bomb.len()));
    for (path, bomb, most_ms) in
        [("/fhir/R4/Basic", &bomb, 50), ("/fhir/R4/Basic", &large, 50), ("/fhir/R4", &bomb, 150)]
    {
        let length = bomb.len();
        let request = Request::post(path)
            .header("host", "h")
            .header("content-type", FHIR_JSON)
            .header("content-encoding", "gzip")
            .header("content-length", length)
            .header("authorization", format!("Bearer {token}"));
        let request = request.body(Body::from(bomb.clone())).unwrap();
        let before = spent();
        let answer = call(salus.router.clone(), request).await;
        assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE, "{path}");
        match (before, spent()) {
            (Some(before), Some(after)) => {
                let milliseconds = (after - before) / 1_000_000;
                eprintln!("{path}, {length} bytes: {milliseconds} ms");
                assert!(milliseconds < most_ms, "{path}: {milliseconds} ms of a processor");
            }
            _ => eprintln!("SKIPPED: this system does not say how long a thread was on a processor"),
        }
    }
}

#[tokio::test]
async fn a_stream_that_decodes_to_nothing_is_held_to_the_limit_too() {
    let salus = InProcess::start().await;
    let token = salus.token(&["administrator"]);
    // A frame of zstd's that is to be skipped, and holds nothing.
    let nothing = Bytes::from([0x50, 0x2a, 0x4d, 0x18, 0, 0, 0, 0].repeat(1_000));
    let chunks = (0..200_000).map(move |_| Ok::<_, std::io::Error>(nothing.clone()));
    let request = Request::post("/fhir/R4/Basic")
        .header("host", "h")
        .header("content-type", FHIR_JSON)
        .header("content-encoding", "zstd")
        .header("authorization", format!("Bearer {token}"));
    let body = Body::from_stream(futures::stream::iter(chunks));
    let answer = call(salus.router.clone(), request.body(body).unwrap()).await;
    assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE, "{answer:?}");
}
