//! Traces: a collector that is this test takes the spans of a request.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Request, StatusCode};
use axum::routing::post;
use nix::sys::signal::Signal;

use crate::salus::Salus;

type Batches = Arc<Mutex<Vec<u8>>>;

async fn take(State(batches): State<Batches>, headers: HeaderMap, body: Bytes) -> StatusCode {
    assert_eq!(headers["content-type"], "application/x-protobuf");
    batches.lock().unwrap().extend_from_slice(&body);
    StatusCode::OK
}

/// How often these bytes stand in the batches: strings are in OTLP's encoding as they are.
fn times(batches: &[u8], wanted: &[u8]) -> usize {
    batches.windows(wanted.len()).filter(|window| *window == wanted).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_spans_of_a_request_join_the_callers_trace_and_name_the_route_the_operation_and_the_statements() {
    let batches = Batches::default();
    let router = Router::new().route("/v1/traces", post(take)).with_state(Arc::clone(&batches));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let collector = format!("http://{}", listener.local_addr().unwrap());
    let collecting = tokio::spawn(async move { axum::serve(listener, router).await });

    let mut salus = Salus::new();
    salus.settings.push(("OTEL_EXPORTER_OTLP_ENDPOINT", collector));
    salus.settings.push(("OTEL_SERVICE_NAME", "salus-under-test".to_owned()));
    salus.start();
    let client = salus.administrator().await;
    let send = |body: &'static str| {
        let request = Request::post("/fhir/R4/Patient")
            .header("content-type", "application/fhir+json")
            .header("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
        client.send(request.body(body).unwrap())
    };
    let created = send(r#"{"resourceType":"Patient","name":[{"family":"Zebrafink"}]}"#).await;
    assert_eq!(created.status, StatusCode::CREATED);
    assert_eq!(send("{").await.status, StatusCode::BAD_REQUEST);
    let bundle = r#"{"resourceType":"Bundle","type":"transaction","entry":[
        {"resource":{"resourceType":"Patient"},"request":{"method":"POST","url":"Patient"}}]}"#;
    let request = Request::post("/fhir/R4")
        .header("content-type", "application/fhir+json")
        .header("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
    assert_eq!(client.send(request.body(bundle).unwrap()).await.status, StatusCode::OK);
    // What is left is sent before the end.
    assert!(salus.end(Signal::SIGTERM));
    collecting.abort();

    let batches = batches.lock().unwrap();
    for name in [
        &b"salus-under-test"[..],
        b"POST /fhir/R4/{type}",
        b"POST /api/v1/auth/login",
        b"http.response.status_code",
        b"record.write",
        b"statements",
        b"begin",
        b"db.namespace",
    ] {
        assert!(times(&batches, name) > 0, "no span says {}", String::from_utf8_lossy(name));
    }
    let spans = |trace: &str| {
        let octet = |at: usize| u8::from_str_radix(&trace[2 * at..][..2], 16).unwrap();
        times(&batches, &(0..16).map(octet).collect::<Vec<u8>>())
    };
    let of_two = spans("4bf92f3577b34da6a3ce929d0e0e4736");
    assert!(of_two >= 5, "{of_two} spans of the caller's trace: two requests, an operation, its statements");
    let of_bundle = spans("0af7651916cd43dd8448eb211c80319c");
    assert!(of_bundle >= 4, "{of_bundle} spans: a Bundle's request, its operation, its statements");
    assert!(
        times(&batches, &[0x00, 0xf0, 0x67, 0xaa, 0x0b, 0xa9, 0x02, 0xb7]) >= 2,
        "the caller's span is the parent"
    );
    assert_eq!(times(&batches, b"Zebrafink"), 0, "what a record says is in no span");
}
