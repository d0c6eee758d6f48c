//! What belongs to another patient or another organization is not there.

use axum::body::Body;
use axum::http::{Request, StatusCode};
use serde_json::{Value, json};

use super::{Chart, least_of_each_kind, pointers};
use crate::client::{Answer, call, text};
use crate::in_process::InProcess;

const LISTS: [&str; 9] = [
    "problems",
    "allergies",
    "medications",
    "encounters",
    "notes",
    "vital-signs",
    "vital-signs/latest",
    "vital-signs/trend?member=heart_rate",
    "summary",
];

#[tokio::test]
async fn a_record_of_another_patient_is_not_under_this_one() {
    let (chart, other) = {
        let chart = Chart::new().await;
        let other = chart.other().await;
        (chart, other)
    };
    for (path, new) in least_of_each_kind() {
        let made = chart.made(path, new).await;
        let one = format!("{path}/{}", text(&made["id"]));
        assert_eq!(chart.get(&one).await.status, StatusCode::OK, "{one}");
        assert_eq!(other.get(&one).await.status, StatusCode::NOT_FOUND, "{one}");
        let patched = other.patch(&one, "W/\"1\"", &json!({ "note": "x" })).await;
        assert_eq!(patched.status, StatusCode::NOT_FOUND, "{one}: {patched:?}");
        assert_eq!(other.get(path).await.json()["items"], json!([]), "{path}");
        assert_eq!(chart.get(&format!("{path}/nobody-has-this")).await.status, StatusCode::NOT_FOUND);
    }
    let encounter = chart.made("encounters", json!({ "class": "AMB" })).await;
    for (path, mut new) in
        [("problems", json!({ "code": { "text": "x" } })), ("vital-signs", json!({ "heart_rate": 60 }))]
    {
        new["encounter"] = encounter["id"].clone();
        assert_eq!(chart.post(path, &new).await.status, StatusCode::CREATED);
        let refused = other.post(path, &new).await;
        assert_eq!(
            (refused.status, pointers(&refused)),
            (StatusCode::UNPROCESSABLE_ENTITY, vec!["/encounter".to_owned()])
        );
    }
}

#[tokio::test]
async fn that_a_record_was_deleted_is_told_only_under_the_patient_whose_it_was() {
    let chart = Chart::new().await;
    let other = chart.other().await;
    for (path, resource_type, new) in [
        ("problems", "Condition", json!({ "code": { "text": "x" } })),
        ("allergies", "AllergyIntolerance", json!({ "code": { "text": "x" } })),
        ("medications", "MedicationRequest", json!({ "code": { "text": "x" } })),
        ("encounters", "Encounter", json!({ "class": "AMB" })),
        ("notes", "Composition", json!({ "type": "nursing-note", "sections": [{ "text": "x" }] })),
        ("vital-signs", "Observation", json!({ "heart_rate": 60 })),
    ] {
        let made = chart.made(path, new).await;
        let (id, one) = (text(&made["id"]), format!("{path}/{}", text(&made["id"])));
        let deleted = chart.client.delete(&format!("/fhir/R4/{resource_type}/{id}")).await;
        assert_eq!(deleted.status, StatusCode::NO_CONTENT, "{deleted:?}");
        let theirs = chart.get(&one).await;
        assert_eq!((theirs.status, theirs.header("etag")), (StatusCode::GONE, "W/\"2\""), "{one}");
        let patched = chart.patch(&one, "W/\"1\"", &json!({ "note": "x" })).await;
        assert_eq!(patched.status, StatusCode::GONE, "{one}");
        assert_eq!(other.get(&one).await.status, StatusCode::NOT_FOUND, "{one}");
        let patched = other.patch(&one, "W/\"1\"", &json!({ "note": "x" })).await;
        assert_eq!(patched.status, StatusCode::NOT_FOUND, "{one}");
    }
    let lone =
        chart.fhir(json!({ "resourceType": "Observation", "status": "final", "code": { "text": "x" } }));
    let path = format!("/fhir/R4/Observation/{}", lone.await);
    chart.client.delete(&path).await;
    let no_set = chart.get(&path.replace("/fhir/R4/Observation", "vital-signs")).await;
    assert_eq!(no_set.status, StatusCode::NOT_FOUND, "what was no set is none that was deleted");
}

#[tokio::test]
async fn a_deleted_patient_and_a_deleted_record_are_gone_and_an_unknown_patient_is_missing() {
    let chart = Chart::new().await;
    let made = chart.made("problems", json!({ "code": { "text": "x" } })).await;
    let one = format!("problems/{}", text(&made["id"]));
    chart.client.delete(&format!("/fhir/R4/Condition/{}", text(&made["id"]))).await;
    assert_eq!(chart.get(&one).await.status, StatusCode::GONE);
    assert_eq!(chart.get("problems").await.json()["items"], json!([]));

    let kept = chart.made("problems", json!({ "code": { "text": "y" } })).await;
    let set = chart.made("vital-signs", json!({ "heart_rate": 60 })).await;
    let kept = [format!("problems/{}", text(&kept["id"])), format!("vital-signs/{}", text(&set["id"]))];
    let deleted = chart.client.delete(&format!("/fhir/R4/Patient/{}", chart.patient)).await;
    assert_eq!(deleted.status, StatusCode::NO_CONTENT);
    let nobody = Chart { client: chart.client.clone(), patient: "nobody-has-this".to_owned() };
    let strange = Chart { client: chart.client.clone(), patient: "no%20id".to_owned() };
    for list in LISTS {
        assert_eq!(chart.get(list).await.status, StatusCode::GONE, "{list}");
        assert_eq!(nobody.get(list).await.status, StatusCode::NOT_FOUND, "{list}");
        assert_eq!(strange.get(list).await.status, StatusCode::NOT_FOUND, "{list}");
    }
    for one in kept {
        assert_eq!(chart.get(&one).await.status, StatusCode::GONE, "{one}: its patient is gone");
        let patched = chart.patch(&one, "W/\"1\"", &json!({ "note": "x", "reason": "y" })).await;
        assert_eq!(patched.status, StatusCode::GONE, "{one}");
    }
    let new = json!({ "code": { "text": "x" } });
    assert_eq!(chart.post("problems", &new).await.status, StatusCode::GONE);
    assert_eq!(nobody.post("problems", &new).await.status, StatusCode::NOT_FOUND);
}

async fn ask(salus: &InProcess, token: &str, method: &str, path: &str, body: Value) -> Answer {
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header("host", "localhost")
        .header("content-type", "application/json")
        .header("if-match", "W/\"1\"")
        .header("authorization", format!("Bearer {token}"));
    let body = if body.is_null() { Body::empty() } else { Body::from(body.to_string()) };
    call(salus.router.clone(), request.body(body).unwrap()).await
}

#[tokio::test]
async fn another_organization_sees_neither_the_patient_nor_the_records() {
    let salus = InProcess::start().await;
    let (ours, theirs) = (salus.token(&["administrator"]), salus.token_in(2, &["administrator"]));
    let patient = ask(&salus, &ours, "POST", "/fhir/R4/Patient", json!({ "resourceType": "Patient" })).await;
    let base = format!("/api/v1/patients/{}", text(&patient.json()["id"]));
    for (path, new) in
        [("problems", json!({ "code": { "text": "x" } })), ("vital-signs", json!({ "heart_rate": 60 }))]
    {
        let made = ask(&salus, &ours, "POST", &format!("{base}/{path}"), new.clone()).await;
        assert_eq!(made.status, StatusCode::CREATED, "{made:?}");
        let one = format!("{base}/{path}/{}", text(&made.json()["id"]));
        assert_eq!(ask(&salus, &ours, "GET", &one, Value::Null).await.status, StatusCode::OK);
        for (method, path, body) in [
            ("GET", &one, Value::Null),
            ("PATCH", &one, json!({ "note": "x" })),
            ("POST", &format!("{base}/{path}"), new),
        ] {
            let answer = ask(&salus, &theirs, method, path, body).await;
            assert_eq!(answer.status, StatusCode::NOT_FOUND, "{method} {path}: {answer:?}");
        }
    }
    for list in LISTS {
        let path = format!("{base}/{list}");
        assert_eq!(ask(&salus, &ours, "GET", &path, Value::Null).await.status, StatusCode::OK, "{list}");
        assert_eq!(
            ask(&salus, &theirs, "GET", &path, Value::Null).await.status,
            StatusCode::NOT_FOUND,
            "{list}"
        );
    }
}
