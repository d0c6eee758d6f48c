//! A patient at a glance.

use axum::http::StatusCode;
use serde_json::json;

use super::{Chart, ids};
use crate::client::text;

#[tokio::test]
async fn a_summary_has_what_is_active_from_both_databases() {
    let chart = Chart::new().await;
    let empty = chart.get("summary").await;
    assert_eq!(empty.status, StatusCode::OK, "{empty:?}");
    let empty = empty.json();
    assert_eq!(empty["patient"]["family_name"], "Chart");
    assert_eq!(empty["allergy_status"], "not-recorded");
    assert_eq!((&empty["vital_signs"], &empty["truncated"]), (&json!([]), &json!([])));

    let none =
        json!({ "code": { "codings": [{ "system": "http://snomed.info/sct", "code": "716186003" }] } });
    let none = chart.made("allergies", none).await;
    assert_eq!(chart.get("summary").await.json()["allergy_status"], "none-known");

    let asthma = chart.made("problems", json!({ "code": { "text": "Asthma" } })).await;
    let old = json!({ "code": { "text": "Flu" }, "clinical_status": "resolved", "abatement": "2020" });
    chart.made("problems", old).await;
    let latex = chart.made("allergies", json!({ "code": { "text": "Latex" } })).await;
    let taken = chart.made("medications", json!({ "code": { "text": "Salbutamol" } })).await;
    chart.made("medications", json!({ "code": { "text": "Amoxicillin" }, "status": "completed" })).await;
    let here = json!({ "class": "IMP", "status": "in-progress", "start": "2026-03-02T08:00:00Z" });
    let here = chart.made("encounters", here).await;
    let over = json!({
        "class": "AMB", "status": "finished", "start": "2026-03-01T08:00:00Z", "end": "2026-03-01T09:00:00Z",
    });
    let over = chart.made("encounters", over).await;
    let measured = json!({ "oxygen_saturation": 92, "measured_at": "2026-03-02T09:00:00Z" });
    chart.made("vital-signs", measured).await;

    let summary = chart.get("summary").await.json();
    let only = |part: &str| ids(&json!({ "items": summary[part] }));
    assert_eq!(only("problems"), [text(&asthma["id"])]);
    assert_eq!(only("allergies"), [text(&latex["id"])], "that none is known is no allergy: {}", none["id"]);
    assert_eq!(summary["allergy_status"], "listed");
    assert_eq!(only("medications"), [text(&taken["id"])]);
    assert_eq!(only("current_encounters"), [text(&here["id"])]);
    assert_eq!(only("recent_encounters"), [text(&over["id"])]);
    assert_eq!(summary["vital_signs"][0]["value"], 92);
    assert_eq!(summary["vital_signs"][0]["alert"]["level"], "high");
}
