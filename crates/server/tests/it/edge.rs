//! What holds for every request, whatever it asks.

use axum::http::{Request, StatusCode};
use bytes::Bytes;
use kernel::limits;

use crate::client::{Client, FHIR_JSON};
use crate::salus::shared;

async fn anybody() -> Client {
    Client { token: None, ..shared().await }
}

#[tokio::test]
async fn an_unknown_route_is_404_in_the_form_of_its_door() {
    let client = anybody().await;
    let plain = client.get("/api/v1/nothing").await;
    assert_eq!(plain.status, StatusCode::NOT_FOUND);
    assert_eq!(plain.header("content-type"), "application/problem+json");
    assert_eq!(plain.json()["status"], 404);
    let fhir = client.get("/fhir/R4/Patient/1/2/3").await;
    assert_eq!(fhir.status, StatusCode::NOT_FOUND);
    assert_eq!(fhir.issue().0, "not-found");
}

#[tokio::test]
async fn a_method_that_the_path_does_not_know_is_405_and_names_those_that_it_does() {
    let client = anybody().await;
    for (method, path, allow) in [
        ("PATCH", "/fhir/R4/Patient/1", "GET,HEAD,PUT,DELETE"),
        ("GET", "/fhir/R4", "POST"),
        ("GET", "/fhir/R4/Patient/_search", "POST"),
        ("DELETE", "/healthz", "GET,HEAD"),
        ("TRACE", "/api/v1/auth/login", "POST"),
    ] {
        let answer =
            client.send(Request::builder().method(method).uri(path).body(Bytes::new()).unwrap()).await;
        if path.ends_with("_search") && answer.status == StatusCode::UNAUTHORIZED {
            continue;
        }
        assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED, "{method} {path}");
        assert_eq!(answer.header("allow"), allow, "{method} {path}");
    }
}

#[tokio::test]
async fn every_answer_has_a_request_id_of_ours_and_gives_a_sane_one_back() {
    let client = anybody().await;
    let with = |id: &str| Request::get("/healthz").header("x-request-id", id).body(Bytes::new()).unwrap();
    let answer = client.send(with("client-42")).await;
    assert_eq!(answer.header("x-correlation-id"), "client-42");
    assert_eq!(answer.header("x-request-id").len(), 36);
    let odd = client.send(with("a b\"c")).await;
    assert_eq!(odd.header("x-correlation-id"), "");
    assert_ne!(odd.header("x-request-id"), answer.header("x-request-id"));
}

#[tokio::test]
async fn answers_are_neither_sniffed_nor_stored() {
    for path in ["/healthz", "/fhir/R4/Patient/1", "/nothing"] {
        let answer = anybody().await.get(path).await;
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(answer.header("cache-control"), "no-store", "{path}");
        let policy = "default-src 'none'; frame-ancestors 'none'";
        assert_eq!(answer.header("content-security-policy"), policy, "{path}");
        assert_eq!(answer.header("referrer-policy"), "no-referrer", "{path}");
        assert_eq!(answer.header("cross-origin-resource-policy"), "same-origin", "{path}");
        assert_eq!(answer.header("strict-transport-security"), "", "{path}: there is no https here");
        assert_eq!(answer.header("access-control-allow-origin"), "", "{path}");
    }
}

#[tokio::test]
async fn a_target_one_byte_too_long_is_414() {
    let client = anybody().await;
    let path = |length: usize| format!("/healthz?{}", "a".repeat(length - "/healthz?".len()));
    assert_eq!(client.get(&path(limits::URL_BYTES)).await.status, StatusCode::OK);
    assert_eq!(client.get(&path(limits::URL_BYTES + 1)).await.status, StatusCode::URI_TOO_LONG);
    assert_eq!(client.get(&path(4 * limits::URL_BYTES)).await.status, StatusCode::URI_TOO_LONG);
}

#[tokio::test]
async fn headers_that_are_too_large_are_431_however_large_they_are() {
    let client = anybody().await;
    for bytes in [limits::HEADER_BYTES, 3 * limits::HEADER_BYTES, 64 * limits::HEADER_BYTES] {
        let head = format!("GET /healthz HTTP/1.1\r\nhost: h\r\nfiller: {}\r\n\r\n", "a".repeat(bytes));
        let answer = client.raw(head.as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 431"), "{bytes}: {answer}");
    }
}

#[tokio::test]
async fn what_is_no_http_is_refused() {
    let client = anybody().await;
    for bytes in [
        &b"GET / HTTP/1.1\r\nhost: h\r\ncontent-length: 5\r\ncontent-length: 6\r\nconnection: close\r\n\r\nhello"[..],
        b"GET / HTTP/1.1\r\nhost : h\r\n\r\n",
        b"\0\0\0\0\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nconnection: close\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nhost: a\r\nhost: b\r\nconnection: close\r\n\r\n",
    ] {
        let answer = client.raw(bytes).await;
        assert!(answer.starts_with("HTTP/1.1 400"), "{}: {answer}", String::from_utf8_lossy(bytes));
    }
}

#[tokio::test]
async fn a_body_one_byte_too_large_is_413_and_one_at_the_limit_is_read() {
    let client = shared().await;
    for (path, limit) in [("/fhir/R4/Patient", limits::BODY_BYTES), ("/fhir/R4", limits::BUNDLE_BYTES)] {
        let fits = client.post(path, vec![b' '; limit]).await;
        assert_eq!(fits.status, StatusCode::BAD_REQUEST, "{path}");
        let too_large = client.post(path, vec![b' '; limit + 1]).await;
        assert_eq!(too_large.status, StatusCode::PAYLOAD_TOO_LARGE, "{path}");
        assert_eq!(too_large.issue().0, "too-long");
    }
}

#[tokio::test]
async fn a_chunked_body_is_measured_as_it_comes() {
    let client = shared().await;
    let token = client.token.clone().unwrap();
    let mut request = format!(
        "POST /fhir/R4/Patient HTTP/1.1\r\nhost: h\r\nauthorization: Bearer {token}\r\ncontent-type: {FHIR_JSON}\r\n\
         transfer-encoding: chunked\r\nconnection: close\r\n\r\n"
    )
    .into_bytes();
    let chunk = vec![b' '; 64 * 1024];
    for _ in 0..17 {
        request.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
        request.extend_from_slice(&chunk);
        request.extend_from_slice(b"\r\n");
    }
    request.extend_from_slice(b"0\r\n\r\n");
    let answer = client.raw(&request).await;
    assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
}

#[tokio::test]
async fn other_media_types_are_415_and_impossible_accepts_406() {
    let client = shared().await;
    for content_type in ["application/xml", "text/plain", "application/json; charset=iso-8859-1"] {
        let request = Request::post("/fhir/R4/Patient").header("content-type", content_type);
        let answer = client.send(request.body("{}").unwrap()).await;
        assert_eq!(answer.status, StatusCode::UNSUPPORTED_MEDIA_TYPE, "{content_type}");
    }
    let none = client.send(Request::post("/fhir/R4/Patient").body("{}").unwrap()).await;
    assert_eq!(none.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    let xml = Request::get("/fhir/R4/Patient/1").header("accept", "application/fhir+xml");
    assert_eq!(client.send(xml.body(Bytes::new()).unwrap()).await.status, StatusCode::NOT_ACCEPTABLE);
    assert_eq!(client.get("/fhir/R4/Patient/1?_format=xml").await.status, StatusCode::NOT_ACCEPTABLE);
}

#[tokio::test]
async fn the_server_is_alive_and_ready() {
    let client = anybody().await;
    assert_eq!(client.get("/healthz").await.status, StatusCode::OK);
    let ready = client.get("/readyz").await;
    assert_eq!(ready.status, StatusCode::OK, "{ready:?}");
    assert_eq!(ready.json(), serde_json::json!({ "status": "ready" }), "anybody learns no more");
    let ready = shared().await.get("/readyz").await;
    for database in ["auth", "phi", "clinical"] {
        assert_eq!(ready.json()["databases"][database]["state"], "up");
        assert_eq!(ready.json()["databases"][database]["recovered"], true);
    }
}

#[tokio::test]
async fn a_connection_that_never_finishes_its_head_is_closed() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let mut stream = tokio::net::TcpStream::connect(anybody().await.address).await.unwrap();
    stream.write_all(b"GET /healthz HTTP/1.1\r\nhost: h\r\nslow: ").await.unwrap();
    let began = std::time::Instant::now();
    let mut rest = Vec::new();
    let closed = tokio::time::timeout(2 * limits::HEADER_READ, stream.read_to_end(&mut rest)).await;
    assert!(closed.is_ok(), "still open");
    assert!(began.elapsed() >= limits::HEADER_READ / 2, "closed too early");
}
