//! The log: one JSON object per line whatever a client sends, the request's id on each, and nothing of what was sent.

use axum::http::Request;
use bytes::Bytes;
use serde_json::{Value, json};

use crate::client::{FHIR_JSON, text};
use crate::salus::Salus;

/// Nobody is called so.
const CANARY: &str = "Zebrafink";

#[tokio::test(flavor = "multi_thread")]
async fn every_line_is_one_object_with_the_requests_id_and_holds_nothing_that_a_client_sent() {
    let mut salus = Salus::new();
    salus.settings.push(("SALUS_LOG_FORMAT", "json".to_owned()));
    salus.settings.push(("SALUS_LOG", "debug,hyper=info,sqlx=warn".to_owned()));
    salus.start();
    let client = salus.administrator().await;
    let id = client.create(json!({ "resourceType": "Patient", "name": [{ "family": CANARY }] })).await;

    // What a header, a target or a body may hold of what confuses a log, beside the canary.
    let evil = format!("{CANARY}%0d%0a%1b[31m{{\"level\":\"ERROR\"}}");
    let encoded = evil.replace('[', "%5B").replace(['{', '}', '"'], "%22");
    for path in [
        format!("/fhir/R4/Patient?family={encoded}"),
        format!("/fhir/R4/Patient/{encoded}"),
        format!("/fhir/R4/{encoded}"),
        format!("/{encoded}?{encoded}={encoded}"),
        format!("/api/v1/patients/{encoded}"),
    ] {
        client.get(&path).await;
    }
    let mut request = Request::builder().method(CANARY).uri(format!("/fhir/R4/Patient/{id}"));
    for name in [
        "x-request-id",
        "user-agent",
        "referer",
        "origin",
        "prefer",
        "if-match",
        "if-none-match",
        "if-none-exist",
        "accept",
        "accept-encoding",
        "content-type",
        "content-encoding",
        "x-forwarded-for",
        "traceparent",
        "tracestate",
        "cookie",
    ] {
        request = request.header(name, format!("{CANARY}\t\u{9b}31m {{\"a\":\"b\"}}"));
    }
    let request = request.body(Bytes::new()).unwrap();
    client.send(request).await;
    for method in ["GET", "PUT", "DELETE"] {
        let mut request = Request::builder().method(method).uri(format!("/fhir/R4/Patient/{id}"));
        for name in ["x-request-id", "if-match", "authorization", "content-type"] {
            request = request.header(name, format!("Bearer {CANARY}.{CANARY}.{CANARY}"));
        }
        client.send(request.body(Bytes::from(CANARY)).unwrap()).await;
    }
    for body in [format!("{CANARY}\r\n\u{1b}[31m"), format!("{{\"resourceType\":\"{CANARY}\\r\\n\"}}")] {
        client.post("/fhir/R4/Patient", body.clone()).await;
        client.post("/fhir/R4", body).await;
    }
    client.log_in(&format!("{CANARY}\r\n\u{1b}[31m"), &format!("{CANARY}\r\n")).await;
    let form =
        Request::post("/fhir/R4/Patient/_search").header("content-type", "application/x-www-form-urlencoded");
    client.send(form.body(format!("family={encoded}")).unwrap()).await;
    let cut = format!(
        "POST /fhir/R4/Patient HTTP/1.1\r\nhost: {CANARY}\r\ncontent-type: {FHIR_JSON}\r\n{CANARY}\r\n\r\n"
    );
    client.raw(cut.as_bytes()).await;
    let last = client.get(&format!("/fhir/R4/Patient/{id}")).await;
    let last = last.header("x-request-id").to_owned();
    assert!(salus.end(nix::sys::signal::Signal::SIGTERM));

    let log = salus.log();
    let lines: Vec<Value> = log
        .iter()
        .filter(|line| line.starts_with('{') || line.contains(CANARY))
        .map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("not one object: {line}")))
        .collect();
    for line in &log {
        assert!(!line.contains(CANARY), "{line}");
        assert!(!line.chars().any(char::is_control), "{line:?}");
    }
    let answered: Vec<_> = lines.iter().filter(|line| line["target"] == "access").collect();
    assert!(answered.len() > 15, "{} requests in the access log", answered.len());
    for line in &answered {
        assert_eq!(line["level"], "INFO");
        assert_eq!(text(&line["spans"][0]["request"]).len(), 36, "{line}");
        let fields = &line["fields"];
        assert!(fields["status"].is_u64() && fields["milliseconds"].is_f64(), "{line}");
    }
    let of_last: Vec<_> =
        answered.iter().filter(|line| line["spans"][0]["request"] == last.as_str()).collect();
    assert_eq!(of_last.len(), 1, "one line for a request");
    assert_eq!(of_last[0]["fields"]["route"], "/fhir/R4/{type}/{id}");
    assert_eq!(of_last[0]["fields"]["method"], "GET");
    assert!(answered.iter().any(|line| line["fields"]["method"] == "other"), "a method that was made up");
}
