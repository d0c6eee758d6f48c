//! What is wrong with a body or a query, and how that is told.

use axum::http::StatusCode;
use serde_json::{Value, json};

use super::{Chart, pointers, send};
use crate::client::text;

#[tokio::test]
async fn every_wrong_member_is_named_with_its_pointer() {
    let chart = Chart::new().await;
    let code = json!({ "text": "x" });
    let future = json!("2999-01-01");
    let long = "x".repeat(10_001);
    let cases: Vec<(&str, Value, &[&str])> = vec![
        ("problems", json!({}), &["/code"]),
        ("problems", json!({ "code": {} }), &["/code"]),
        (
            "problems",
            json!({ "code": { "codings": [{ "system": "x", "code": "" }] } }),
            &["/code/codings/0/code", "/code/codings/0/system"],
        ),
        ("problems", json!({ "code": code, "severity": "awful" }), &["/severity"]),
        ("problems", json!({ "code": code, "shoesize": 46 }), &["/shoesize"]),
        ("problems", json!({ "code": { "text": "x", "a/b": 1 } }), &["/code/a~1b"]),
        ("problems", json!({ "code": code, "onset": future }), &["/onset"]),
        ("problems", json!({ "code": code, "onset": "yesterday" }), &["/onset"]),
        ("problems", json!({ "code": code, "onset": "2020-01-01T10:00" }), &["/onset"]),
        ("problems", json!({ "code": code, "clinical_status": "resolved" }), &["/abatement"]),
        ("problems", json!({ "code": code, "abatement": "2020" }), &["/abatement"]),
        (
            "problems",
            json!({ "code": code, "onset": "2020", "abatement": "2019", "clinical_status": "resolved" }),
            &["/abatement"],
        ),
        ("problems", json!({ "code": code, "note": long }), &["/note"]),
        ("problems", json!({ "code": code, "note": " " }), &["/note"]),
        ("problems", json!({ "code": code, "encounter": "no/id" }), &["/encounter"]),
        ("problems", json!({ "code": code, "encounter": "nobody-has-this" }), &["/encounter"]),
        (
            "problems",
            json!({ "code": code, "verification_status": "entered-in-error" }),
            &["/verification_status"],
        ),
        ("problems", json!("x"), &["/"]),
        ("problems", json!({ "code": code, "severity": 7 }), &["/severity"]),
        ("allergies", json!({ "type": "allergy" }), &["/code"]),
        ("allergies", json!({ "code": code, "categories": ["food", "food"] }), &["/categories/1"]),
        ("allergies", json!({ "code": code, "categories": ["stone"] }), &["/categories/0"]),
        ("allergies", json!({ "code": code, "reactions": [{}] }), &["/reactions/0/manifestations"]),
        (
            "allergies",
            json!({ "code": code, "reactions": [{ "manifestations": [{}] }] }),
            &["/reactions/0/manifestations/0"],
        ),
        (
            "allergies",
            json!({ "code": { "codings": [{ "system": "http://snomed.info/sct", "code": "716186003" }] },
            "criticality": "high" }),
            &["/criticality"],
        ),
        ("medications", json!({ "code": code, "dose": { "value": 0, "unit": "mg" } }), &["/dose/value"]),
        (
            "medications",
            json!({ "code": code, "dose": { "value": 1, "unit": "two spoons" } }),
            &["/dose/unit"],
        ),
        ("medications", json!({ "code": code, "dose": { "value": "1", "unit": "mg" } }), &["/dose/value"]),
        ("medications", json!({ "code": code, "dose": { "value": 1 } }), &["/dose/unit"]),
        ("medications", json!({ "code": code, "status": "stopped" }), &["/status"]),
        (
            "medications",
            json!({ "code": code, "timing": { "frequency": 0, "period": 1, "period_unit": "d" } }),
            &["/timing/frequency"],
        ),
        ("medications", json!({ "code": code, "start": "2026-02-01", "end": "2026-01-01" }), &["/end"]),
        ("encounters", json!({}), &["/class"]),
        ("encounters", json!({ "class": "AMB", "status": "finished" }), &["/start", "/end"]),
        ("encounters", json!({ "class": "AMB", "status": "in-progress", "start": future }), &["/start"]),
        ("encounters", json!({ "class": "AMB", "practitioners": ["nobody-has-this"] }), &["/practitioners"]),
        ("encounters", json!({ "class": "AMB", "practitioners": ["a", "a"] }), &["/practitioners/1"]),
        ("notes", json!({ "sections": [{ "text": "x" }] }), &["/type", "/title"]),
        ("notes", json!({ "type": "progress-note" }), &["/sections"]),
        ("notes", json!({ "type": "progress-note", "sections": [{ "title": "x" }] }), &["/sections/0/text"]),
        (
            "notes",
            json!({ "type": "progress-note", "status": "amended", "sections": [{ "text": "x" }] }),
            &["/status"],
        ),
        (
            "notes",
            json!({ "type": "progress-note", "date": "2999-01-01T00:00:00Z", "sections": [{ "text": "x" }] }),
            &["/date"],
        ),
        ("vital-signs", json!({}), &["/"]),
        ("vital-signs", json!({ "heart_rate": 29 }), &["/heart_rate"]),
        ("vital-signs", json!({ "heart_rate": 72.5 }), &["/heart_rate"]),
        ("vital-signs", json!({ "heart_rate": "72" }), &["/heart_rate"]),
        ("vital-signs", json!({ "body_temperature": 45.1, "pain": 11 }), &["/body_temperature", "/pain"]),
        ("vital-signs", json!({ "systolic": 120, "diastolic": 120 }), &["/diastolic"]),
        ("vital-signs", json!({ "consciousness": "asleep" }), &["/consciousness"]),
        (
            "vital-signs",
            json!({ "heart_rate": 60, "measured_at": "2999-01-01T00:00:00Z" }),
            &["/measured_at"],
        ),
        ("vital-signs", json!({ "heart_rate": 60, "measured_at": "noon" }), &["/measured_at"]),
        ("vital-signs", json!({ "heart_rate": 60, "body_mass_index": 20 }), &["/body_mass_index"]),
        ("vital-signs", json!({ "heart_rate": 60, "encounter": "nobody-has-this" }), &["/encounter"]),
        ("vital-signs", json!({ "heart_rate": 60, "status": "amended" }), &["/status"]),
    ];
    for (path, body, expected) in cases {
        let refused = chart.post(path, &body).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{path} {body}: {refused:?}");
        assert_eq!(refused.header("content-type"), "application/problem+json");
        assert_eq!(pointers(&refused), expected, "{path} {body}: {refused:?}");
        assert!(refused.json()["request_id"].is_string());
    }
    for path in ["problems", "allergies", "medications", "encounters", "notes", "vital-signs"] {
        assert_eq!(chart.get(path).await.json()["items"], json!([]), "{path}: nothing of it was stored");
    }
}

#[tokio::test]
async fn a_patch_is_held_to_the_same_rules() {
    let chart = Chart::new().await;
    let made = chart.made("problems", json!({ "code": { "text": "x" } })).await;
    let one = format!("problems/{}", text(&made["id"]));
    let cases: Vec<(Value, &[&str])> = vec![
        (json!({ "code": null }), &["/code"]),
        (json!({ "severity": 7 }), &["/severity"]),
        (json!({ "shoesize": 46 }), &["/shoesize"]),
        (json!({ "id": "other" }), &["/id"]),
        (json!({ "clinical_status": "resolved" }), &["/abatement"]),
        (json!({ "clinical_status": null }), &["/clinical_status"]),
        (json!({ "encounter": "nobody-has-this" }), &["/encounter"]),
    ];
    for (patch, expected) in cases {
        let refused = chart.patch(&one, "W/\"1\"", &patch).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{patch}: {refused:?}");
        assert_eq!(pointers(&refused), expected, "{patch}");
    }
    let no_object = send(&chart.client, "PATCH", &chart.path(&one), Some("W/\"1\""), "[]".to_owned()).await;
    assert_eq!(no_object.status, StatusCode::UNPROCESSABLE_ENTITY, "{no_object:?}");
    let version = send(&chart.client, "PATCH", &chart.path(&one), Some("1"), "{}".to_owned()).await;
    assert_eq!(version.status, StatusCode::BAD_REQUEST, "{version:?}");
    assert_eq!(chart.get(&one).await.header("etag"), "W/\"1\"");
}

#[tokio::test]
async fn a_parameter_that_cannot_be_understood_is_refused_by_name() {
    let chart = Chart::new().await;
    for (path, name) in [
        ("problems?shoesize=46", "shoesize"),
        ("problems?limit=many", "limit"),
        ("problems?status=asleep", "status"),
        ("problems?from=2026", "from"),
        ("encounters?from=yesterday", "from"),
        ("encounters?to=2026-13", "to"),
        ("encounters?status=finished,planned", "status"),
        ("notes?cursor=nonsense", "cursor"),
        ("vital-signs?member=shoesize", "member"),
        ("vital-signs?status=asleep", "status"),
        ("vital-signs/trend", "member"),
        ("vital-signs/trend?member=heart_rate&from=x", "from"),
    ] {
        let refused = chart.get(path).await;
        assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{path}: {refused:?}");
        assert!(text(&refused.json()["detail"]).contains(name), "{path}: {refused:?}");
    }
}
