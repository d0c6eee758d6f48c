//! Input that nobody should send, and what it is told.

use axum::http::StatusCode;
use serde_json::{Value, json};

use crate::client::{Answer, Client, text};
use crate::salus::shared;

async fn post_patient(body: impl Into<bytes::Bytes>) -> Answer {
    shared().await.post("/fhir/R4/Patient", body).await
}

/// A 4xx with an OperationOutcome that quotes nothing of the body.
fn refused(answer: &Answer) {
    assert!(answer.status.is_client_error(), "{answer:?}");
    assert_eq!(answer.json()["resourceType"], "OperationOutcome");
}

#[tokio::test]
async fn malformed_json_is_400() {
    for body in
        ["", "{", "null", "[]", "\"x\"", "{\"resourceType\":\"Patient\"}}", "{'resourceType':'Patient'}"]
    {
        let answer = post_patient(body).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{body}");
        refused(&answer);
    }
}

#[tokio::test]
async fn json_nested_ten_thousand_deep_is_400() {
    let body = format!("{{\"resourceType\":\"Patient\",\"x\":{}{}}}", "[".repeat(10_000), "]".repeat(10_000));
    let answer = post_patient(body).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    refused(&answer);
}

#[tokio::test]
async fn nul_lone_surrogates_and_bytes_that_are_not_utf_8_are_400() {
    for body in [
        &br#"{"resourceType":"Patient","language":"a\u0000b"}"#[..],
        br#"{"resourceType":"Patient","language":"\ud800"}"#,
        br#"{"resourceType":"Patient","language":"\udc00\ud800"}"#,
        b"{\"resourceType\":\"Patient\",\"language\":\"\xff\"}",
        b"{\"resourceType\":\"Patient\",\"language\":\"a\0b\"}",
    ] {
        let answer = post_patient(body.to_vec()).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{}", String::from_utf8_lossy(body));
        refused(&answer);
    }
}

#[tokio::test]
async fn absurd_numbers_are_400() {
    for number in
        ["1".repeat(5_000), "1e999999999".to_owned(), "-".to_owned(), "01".to_owned(), "NaN".to_owned()]
    {
        let answer =
            post_patient(format!("{{\"resourceType\":\"Patient\",\"multipleBirthInteger\":{number}}}")).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{number}");
    }
}

#[tokio::test]
async fn a_doubled_key_an_unknown_element_and_another_type_are_400() {
    for body in [
        r#"{"resourceType":"Patient","gender":"male","gender":"female"}"#,
        r#"{"resourceType":"Patient","shoeSize":46}"#,
        r#"{"resourceType":"Observation","status":"final"}"#,
        r#"{"gender":"male"}"#,
    ] {
        let answer = post_patient(body).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{body}");
        refused(&answer);
    }
}

#[tokio::test]
async fn ids_and_versions_that_cannot_be_are_400_and_unknown_types_404() {
    let client = shared().await;
    for path in [
        "a_b",
        "%00",
        "a%2Fb",
        "%F0%9F%98%80",
        &"x".repeat(65),
        "1/_history/0",
        "1/_history/x",
        "1/_history/99999999999",
    ] {
        let answer = client.get(&format!("/fhir/R4/Patient/{path}")).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{path}: {answer:?}");
    }
    for name in ["Foo", "patient", "Resource", "DomainResource"] {
        assert_eq!(client.get(&format!("/fhir/R4/{name}/1")).await.status, StatusCode::NOT_FOUND, "{name}");
    }
    assert_eq!(client.get("/fhir/R4/Patient/%ff").await.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn an_if_match_that_names_no_version_is_400() {
    let client = shared().await;
    let request = axum::http::Request::delete("/fhir/R4/Patient/1").header("if-match", "yesterday");
    assert_eq!(client.send(request.body("").unwrap()).await.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn parameters_that_are_not_there_are_named() {
    let client = shared().await;
    for (path, name) in [
        ("/fhir/R4/Patient/1?_summary=true", "_summary"),
        ("/fhir/R4/Patient?name:contains=x", "name"),
        ("/fhir/R4/Patient?birthdate=yesterday", "birthdate"),
        ("/fhir/R4/Patient?_count=-1", "_count"),
        ("/fhir/R4/Patient?_sort=shoesize", "_sort"),
        ("/fhir/R4/Patient?name=", "name"),
        ("/fhir/R4/Patient/1/_history?_since=2020", "_since"),
    ] {
        let answer = client.get(path).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{path}");
        assert!(
            answer.issue().1.contains(name) || answer.json().to_string().contains(name),
            "{path}: {answer:?}"
        );
    }
    for path in ["/fhir/R4/Patient?name=%", "/fhir/R4/Patient?name=%ff", "/fhir/R4/Patient?name=%00"] {
        assert_eq!(client.get(path).await.status, StatusCode::BAD_REQUEST, "{path}");
    }
}

#[tokio::test]
async fn a_cursor_of_another_search_is_400() {
    let client = shared().await;
    for cursor in ["x", "AAAA", "%22%3B", &"a".repeat(3_000)] {
        let answer = client.get(&format!("/fhir/R4/Patient?_cursor={cursor}")).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{cursor}: {answer:?}");
    }
}

fn bundle(kind: &str, entries: Value) -> String {
    json!({ "resourceType": "Bundle", "type": kind, "entry": entries }).to_string()
}

fn create(resource: Value) -> Value {
    json!({ "resource": resource, "request": { "method": "POST", "url": resource["resourceType"] } })
}

fn observation(subject: &str) -> Value {
    json!({ "resourceType": "Observation", "status": "final", "code": { "text": "x" },
            "subject": { "reference": subject } })
}

async fn nobody_is_called(client: &Client, family: &str) {
    let found = client.get(&format!("/fhir/R4/Patient?family={family}&_total=accurate")).await.json();
    assert_eq!(found["total"], 0, "{found}");
}

#[tokio::test]
async fn one_bad_entry_leaves_nothing_of_a_transaction_and_is_named() {
    let client = shared().await;
    let family = format!("Half{}", uuid::Uuid::new_v4().simple());
    let good = create(json!({ "resourceType": "Patient", "name": [{ "family": family }] }));
    for bad in [
        create(json!({ "resourceType": "Observation", "shoeSize": 46 })),
        create(observation("Patient/nobody-has-this-id")),
        create(observation("urn:uuid:00000000-0000-4000-8000-00000000dead")),
        create(observation("Patient?identifier=urn:test|matches-none")),
        json!({ "resource": { "resourceType": "Patient" } }),
        json!({ "request": { "method": "POST", "url": "Patient" } }),
        json!({ "request": { "method": "BREW", "url": "Patient" } }),
    ] {
        let answer = client.post("/fhir/R4", bundle("transaction", json!([good, bad]))).await;
        refused(&answer);
        assert!(answer.json()["issue"].to_string().contains("Bundle.entry[1]"), "{answer:?}");
    }
    nobody_is_called(&client, &family).await;
}

#[tokio::test]
async fn a_conditional_reference_that_matches_several_is_refused() {
    let client = shared().await;
    let value = uuid::Uuid::new_v4().to_string();
    let twin = json!({ "resourceType": "Patient", "identifier": [{ "system": "urn:test", "value": value }] });
    client.create(twin.clone()).await;
    client.create(twin).await;
    let entry = create(observation(&format!("Patient?identifier=urn:test|{value}")));
    let answer = client.post("/fhir/R4", bundle("transaction", json!([entry]))).await;
    assert_eq!(answer.status, StatusCode::PRECONDITION_FAILED, "{answer:?}");
    assert_eq!(answer.issue().0, "multiple-matches");
}

#[tokio::test]
async fn one_bad_entry_of_a_batch_does_not_touch_the_others() {
    let client = shared().await;
    let good = create(json!({ "resourceType": "Patient" }));
    let bad = create(json!({ "resourceType": "Patient", "shoeSize": 46 }));
    let answer = client.post("/fhir/R4", bundle("batch", json!([bad, good]))).await;
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    let answer = answer.json();
    assert!(text(&answer["entry"][0]["response"]["status"]).starts_with("400"), "{answer}");
    assert!(text(&answer["entry"][1]["response"]["status"]).starts_with("201"), "{answer}");
}

#[tokio::test]
async fn what_is_no_batch_or_transaction_is_400() {
    let client = shared().await;
    for body in [
        bundle("collection", json!([])),
        bundle("searchset", json!([])),
        json!({ "resourceType": "Patient" }).to_string(),
        json!({ "resourceType": "Bundle" }).to_string(),
        bundle("transaction", json!({})),
    ] {
        let answer = client.post("/fhir/R4", body.clone()).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{body}");
    }
}
