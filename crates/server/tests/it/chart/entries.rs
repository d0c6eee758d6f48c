//! Problems, allergies, medication, encounters and notes.

use axum::http::StatusCode;
use serde_json::{Value, json};

use super::{Chart, ids, pointers};
use crate::client::text;

/// A kind of entry: where it is, what is written, how FHIR finds it, what is changed, and what FHIR then says.
struct Kind {
    path: &'static str,
    resource: &'static str,
    new: Value,
    search: &'static str,
    patch: Value,
    fhir_pointer: &'static str,
    fhir_value: Value,
}

fn kinds() -> Vec<Kind> {
    let concept = |system: &str, code: &str, display: &str| json!({ "text": display, "codings": [{ "system": system, "code": code, "display": display }] });
    vec![
        Kind {
            path: "problems",
            resource: "Condition",
            new: json!({
                "code": concept("http://snomed.info/sct", "195967001", "Asthma"), "severity": "mild", "onset": "2019-03",
            }),
            search: "code=http://snomed.info/sct|195967001&category=problem-list-item",
            patch: json!({ "severity": "severe", "clinical_status": "inactive" }),
            fhir_pointer: "/severity/coding/0/code",
            fhir_value: json!("24484000"),
        },
        Kind {
            path: "allergies",
            resource: "AllergyIntolerance",
            new: json!({
                "code": concept("http://snomed.info/sct", "91936005", "Allergy to penicillin"), "type": "allergy",
                "categories": ["medication"], "criticality": "high",
                "reactions": [{ "manifestations": [{ "text": "hives" }], "severity": "moderate" }],
            }),
            search: "code=http://snomed.info/sct|91936005&category=medication",
            patch: json!({ "verification_status": "confirmed" }),
            fhir_pointer: "/verificationStatus/coding/0/code",
            fhir_value: json!("confirmed"),
        },
        Kind {
            path: "medications",
            resource: "MedicationRequest",
            new: json!({
                "code": concept("http://www.nlm.nih.gov/research/umls/rxnorm", "308191", "Amoxicillin 500 MG"),
                "dose": { "value": 500, "unit": "mg" }, "frequency": "three times a day",
                "timing": { "frequency": 3, "period": 1, "period_unit": "d" }, "start": "2026-03-01",
            }),
            search: "code=http://www.nlm.nih.gov/research/umls/rxnorm|308191&status=active",
            patch: json!({ "status": "stopped", "status_reason": "rash" }),
            fhir_pointer: "/statusReason/text",
            fhir_value: json!("rash"),
        },
        Kind {
            path: "encounters",
            resource: "Encounter",
            new: json!({ "class": "AMB", "status": "in-progress", "start": "2026-03-01T09:00:00Z", "location": "Room 3" }),
            search: "status=in-progress&date=ge2026-03-01",
            patch: json!({ "status": "finished", "end": "2026-03-01T09:30:00Z" }),
            fhir_pointer: "/period/end",
            fhir_value: json!("2026-03-01T09:30:00Z"),
        },
        Kind {
            path: "notes",
            resource: "Composition",
            new: json!({
                "type": "progress-note", "date": "2026-03-01T10:00:00Z",
                "sections": [{ "part": "subjective", "text": "feels < better\nslept" }, { "part": "plan", "text": "home" }],
            }),
            search: "status=preliminary&date=2026-03-01",
            patch: json!({ "status": "final" }),
            fhir_pointer: "/attester/0/mode",
            fhir_value: json!("professional"),
        },
    ]
}

#[tokio::test]
async fn every_kind_of_entry_is_created_found_listed_read_and_amended_through_both_doors() {
    let chart = Chart::new().await;
    for kind in kinds() {
        let created = chart.post(kind.path, &kind.new).await;
        assert_eq!(created.status, StatusCode::CREATED, "{}: {created:?}", kind.path);
        assert_eq!(created.header("etag"), "W/\"1\"");
        let made = created.json();
        let id = text(&made["id"]);
        let one = format!("{}/{id}", kind.path);
        assert_eq!(created.header("location"), chart.path(&one));
        for (member, value) in kind.new.as_object().unwrap() {
            assert!(made[member] == *value || value.is_object() || value.is_array(), "{member}: {made}");
        }
        let read = chart.get(&one).await;
        assert_eq!((read.status, read.header("etag")), (StatusCode::OK, "W/\"1\""));
        let mut without_warnings = made.clone();
        without_warnings.as_object_mut().unwrap().remove("warnings");
        assert_eq!(read.json(), without_warnings, "{}", kind.path);

        assert_eq!(chart.found(kind.resource, kind.search).await, std::slice::from_ref(&id), "{}", kind.path);
        assert_eq!(ids(&chart.get(kind.path).await.json()), std::slice::from_ref(&id));

        let amended = chart.patch(&one, "W/\"1\"", &kind.patch).await;
        assert_eq!((amended.status, amended.header("etag")), (StatusCode::OK, "W/\"2\""), "{amended:?}");
        for (member, value) in kind.patch.as_object().unwrap() {
            assert_eq!(amended.json()[member], *value, "{}", kind.path);
        }
        let resource = chart.client.get(&format!("/fhir/R4/{}/{id}", kind.resource)).await.json();
        assert_eq!(resource.pointer(kind.fhir_pointer), Some(&kind.fhir_value), "{resource}");
        assert_eq!(resource["meta"]["versionId"], "2");
    }
}

#[tokio::test]
async fn a_change_needs_the_version_that_it_is_based_on_and_one_that_changes_nothing_makes_none() {
    let chart = Chart::new().await;
    for kind in kinds() {
        let made = chart.made(kind.path, kind.new).await;
        let one = format!("{}/{}", kind.path, text(&made["id"]));
        let without =
            super::send(&chart.client, "PATCH", &chart.path(&one), None, kind.patch.to_string()).await;
        assert_eq!(without.status, StatusCode::PRECONDITION_REQUIRED, "{without:?}");
        let stale = chart.patch(&one, "W/\"7\"", &kind.patch).await;
        assert_eq!(stale.status, StatusCode::PRECONDITION_FAILED, "{stale:?}");
        let nothing = chart.patch(&one, "W/\"1\"", &json!({})).await;
        assert_eq!((nothing.status, nothing.header("etag")), (StatusCode::OK, "W/\"1\""), "{nothing:?}");
    }
}

#[tokio::test]
async fn an_illegal_transition_is_a_conflict_that_names_both_states() {
    let chart = Chart::new().await;
    let cases = [
        (
            "problems",
            json!({ "code": { "text": "x" }, "clinical_status": "resolved", "abatement": "2020" }),
            json!({ "clinical_status": "active", "abatement": null }),
            "resolved",
            "active",
        ),
        (
            "allergies",
            json!({ "code": { "text": "x" }, "clinical_status": "resolved" }),
            json!({ "clinical_status": "inactive" }),
            "resolved",
            "inactive",
        ),
        (
            "medications",
            json!({ "code": { "text": "x" }, "status": "completed" }),
            json!({ "status": "active" }),
            "completed",
            "active",
        ),
        (
            "encounters",
            json!({ "class": "IMP", "status": "planned" }),
            json!({ "status": "finished", "start": "2026-01-01", "end": "2026-01-02" }),
            "planned",
            "finished",
        ),
        (
            "notes",
            json!({ "type": "nursing-note", "status": "final", "sections": [{ "text": "x" }] }),
            json!({ "status": "preliminary", "reason": "r" }),
            "final",
            "preliminary",
        ),
    ];
    for (path, new, patch, from, to) in cases {
        let made = chart.made(path, new).await;
        let refused = chart.patch(&format!("{path}/{}", text(&made["id"])), "W/\"1\"", &patch).await;
        assert_eq!(refused.status, StatusCode::CONFLICT, "{path}: {refused:?}");
        let detail = text(&refused.json()["detail"]);
        assert!(detail.contains(&format!("`{from}`")) && detail.contains(&format!("`{to}`")), "{detail}");
    }
}

#[tokio::test]
async fn a_record_written_through_fhir_is_shown_as_far_as_it_can_be_and_amending_leaves_the_rest() {
    let chart = Chart::new().await;
    let bare = [
        ("problems", json!({ "resourceType": "Condition" })),
        ("allergies", json!({ "resourceType": "AllergyIntolerance", "reaction": [{ "severity": "odd" }] })),
        (
            "medications",
            json!({ "resourceType": "MedicationRequest", "status": "odd", "dosageInstruction": "odd" }),
        ),
        ("encounters", json!({ "resourceType": "Encounter", "class": [1], "participant": [{}] })),
        ("notes", json!({ "resourceType": "Composition", "section": [{ "text": 7 }], "date": "2020" })),
    ];
    for (path, resource) in bare {
        let id = chart.fhir(resource).await;
        let list = chart.get(path).await;
        assert_eq!(list.status, StatusCode::OK, "{path}: {list:?}");
        assert_eq!(ids(&list.json()), std::slice::from_ref(&id), "{path}");
        let one = chart.get(&format!("{path}/{id}")).await;
        assert_eq!((one.status, &one.json()["recorded_by"]), (StatusCode::OK, &Value::Null), "{path}");
    }
    let exact: Value = serde_json::from_str("1.50").unwrap();
    let id = chart
        .fhir(json!({
            "resourceType": "Condition", "code": { "coding": [{ "system": "urn:x", "code": "1", "version": "3" }] },
            "clinicalStatus": { "coding": [{ "code": "active" }] }, "verificationStatus": { "coding": [{ "code": "confirmed" }] },
            "bodySite": [{ "text": "knee" }], "extension": [{ "url": "urn:e", "valueDecimal": exact }],
        }))
        .await;
    chart.amended(&format!("problems/{id}"), json!({ "note": "watch", "onset": "2020" })).await;
    let resource = chart.client.get(&format!("/fhir/R4/Condition/{id}")).await;
    assert!(String::from_utf8_lossy(&resource.body).contains(r#""valueDecimal":1.50"#), "{resource:?}");
    let resource = resource.json();
    assert_eq!(resource["code"]["coding"][0]["version"], "3");
    assert_eq!(resource["bodySite"][0]["text"], "knee");
    assert_eq!((&resource["note"][0]["text"], &resource["onsetDateTime"]), (&json!("watch"), &json!("2020")));
}

#[tokio::test]
async fn lists_are_cut_into_pages_and_filtered_by_status_and_date() {
    let chart = Chart::new().await;
    let mut made = Vec::new();
    for day in 1..=5 {
        let status = if day % 2 == 0 { "finished" } else { "in-progress" };
        let mut encounter =
            json!({ "class": "AMB", "status": status, "start": format!("2026-02-0{day}T08:00:00Z") });
        if status == "finished" {
            encounter["end"] = json!(format!("2026-02-0{day}T09:00:00Z"));
        }
        made.push(text(&chart.made("encounters", encounter).await["id"]));
    }
    made.reverse();
    let first = chart.get("encounters?limit=2").await;
    let next = text(&first.json()["next"]);
    assert_eq!(first.header("link"), format!("<{next}>; rel=\"next\""));
    let mut seen = ids(&first.json());
    let mut next = Some(next);
    while let Some(path) = next.take() {
        let page = chart.client.get(&path).await;
        assert_eq!(page.status, StatusCode::OK, "{page:?}");
        seen.extend(ids(&page.json()));
        next = page.json()["next"].as_str().map(str::to_owned);
    }
    assert_eq!(seen, made);
    let finished = chart.get("encounters?status=finished").await.json();
    assert_eq!(ids(&finished), [made[1].clone(), made[3].clone()]);
    let days = chart.get("encounters?from=2026-02-02&to=2026-02-03").await.json();
    assert_eq!(ids(&days), made[2..], "also what had begun before and goes on");

    for (status, text) in [("active", "a"), ("inactive", "b")] {
        chart.made("problems", json!({ "code": { "text": text }, "clinical_status": status })).await;
    }
    let active = chart.get("problems?status=active").await.json();
    assert_eq!((ids(&active).len(), &active["items"][0]["code"]["text"]), (1, &json!("a")));
}

#[tokio::test]
async fn a_prescription_against_an_active_allergy_is_made_with_a_warning() {
    let chart = Chart::new().await;
    let penicillin = json!({ "text": "Penicillin G" });
    let allergy = chart.made("allergies", json!({ "code": penicillin })).await;
    let made = chart.made("medications", json!({ "code": { "text": "penicillin g" } })).await;
    assert_eq!(made["warnings"][0]["kind"], "allergy");
    assert_eq!(made["warnings"][0]["record"], allergy["id"]);
    let other = chart.made("medications", json!({ "code": { "text": "Ibuprofen" } })).await;
    assert_eq!(other["warnings"], json!([]));
    let path = format!("allergies/{}", text(&allergy["id"]));
    chart.amended(&path, json!({ "verification_status": "refuted" })).await;
    let again = chart.made("medications", json!({ "code": penicillin })).await;
    assert_eq!(again["warnings"], json!([]), "a refuted allergy is none");
}

#[tokio::test]
async fn who_wrote_it_down_stands_in_the_record_as_an_account() {
    let chart = Chart::new().await;
    let account = chart.client.get("/api/v1/auth/me").await.json()["account"].clone();
    for (path, new) in [
        ("problems", json!({ "code": { "text": "x" } })),
        ("allergies", json!({ "code": { "text": "x" } })),
        ("medications", json!({ "code": { "text": "x" } })),
        ("notes", json!({ "type": "nursing-note", "sections": [{ "text": "x" }] })),
        ("vital-signs", json!({ "heart_rate": 60 })),
    ] {
        let made = chart.made(path, new).await;
        assert_eq!(made["recorded_by"], json!({ "account": account, "reference": null }), "{path}: {made}");
        assert!(made["recorded_at"].is_string(), "{path}");
    }
}

#[tokio::test]
async fn a_signed_note_is_changed_with_a_reason_only_and_may_have_addenda() {
    let chart = Chart::new().await;
    let note =
        json!({ "type": "discharge-summary", "status": "final", "sections": [{ "text": "went home" }] });
    let made = chart.made("notes", note).await;
    assert_eq!(made["title"], "Discharge summary");
    let one = format!("notes/{}", text(&made["id"]));
    let change = json!({ "sections": [{ "text": "went home with a friend" }] });
    let refused = chart.patch(&one, "W/\"1\"", &change).await;
    assert_eq!(
        (refused.status, pointers(&refused)),
        (StatusCode::UNPROCESSABLE_ENTITY, vec!["/reason".into()])
    );
    let mut change = change;
    change["reason"] = json!("the friend was left out");
    let amended = chart.amended(&one, change).await;
    assert_eq!((&amended["status"], &amended["version"]), (&json!("amended"), &json!(2)));

    let addendum = json!({
        "type": "discharge-summary", "status": "final", "sections": [{ "text": "called" }], "addendum_to": made["id"],
    });
    let added = chart.made("notes", addendum).await;
    assert_eq!(added["addendum_to"], made["id"]);
    let nothing = json!({ "type": "nursing-note", "sections": [{ "text": "x" }], "addendum_to": "none" });
    let refused = chart.post("notes", &nothing).await;
    assert_eq!(
        (refused.status, pointers(&refused)),
        (StatusCode::UNPROCESSABLE_ENTITY, vec!["/addendum_to".into()])
    );
}
