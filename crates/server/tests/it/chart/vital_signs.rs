//! Vital signs: sets, alerts, amendments, and the same measurements through FHIR.

use axum::http::StatusCode;
use serde_json::{Value, json};

use super::{Chart, ids, pointers};
use crate::client::text;

fn full() -> Value {
    let exact: Value = serde_json::from_str("80.500").unwrap();
    json!({
        "measured_at": "2026-03-01T09:00:00Z", "body_temperature": 38.6, "systolic": 185, "diastolic": 95,
        "heart_rate": 72, "respiratory_rate": 16, "oxygen_saturation": 97, "glucose": 110, "pain": 3,
        "weight": exact, "height": 180, "glasgow_coma_score": 15, "consciousness": "alert", "note": "sitting",
    })
}

#[tokio::test]
async fn a_set_is_found_through_fhir_under_every_loinc_code_and_gives_its_alerts() {
    let chart = Chart::new().await;
    let created = chart.post("vital-signs", &full()).await;
    assert_eq!((created.status, created.header("etag")), (StatusCode::CREATED, "W/\"1\""), "{created:?}");
    assert!(
        String::from_utf8_lossy(&created.body).contains(r#""weight":80.500"#),
        "decimals stay as they were"
    );
    let set = created.json();
    assert_eq!(created.header("location"), chart.path(&format!("vital-signs/{}", text(&set["id"]))));
    assert_eq!(set["body_mass_index"], json!(24.8));
    let alerts: Vec<_> = set["alerts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| (text(&it["member"]), text(&it["level"]), text(&it["threshold"])))
        .collect();
    let alert = |member: &str, level: &str, threshold: &str| {
        (member.to_owned(), level.to_owned(), threshold.to_owned())
    };
    assert_eq!(
        alerts,
        [
            alert("systolic", "critical", ">= 180"),
            alert("body_temperature", "high", "> 38.5"),
            alert("diastolic", "high", ">= 90"),
        ]
    );
    for (code, member) in [
        ("8310-5", "body_temperature"),
        ("85354-9", "systolic"),
        ("85354-9", "diastolic"),
        ("8867-4", "heart_rate"),
        ("9279-1", "respiratory_rate"),
        ("2708-6", "oxygen_saturation"),
        ("59408-5", "oxygen_saturation"),
        ("2339-0", "glucose"),
        ("72514-3", "pain"),
        ("29463-7", "weight"),
        ("8302-2", "height"),
        ("39156-5", "body_mass_index"),
        ("9269-2", "glasgow_coma_score"),
        ("67775-7", "consciousness"),
    ] {
        let found =
            chart.found("Observation", &format!("code=http://loinc.org|{code}&category=vital-signs")).await;
        assert_eq!(found, [text(&set["observations"][member])], "{member}");
    }
    assert_eq!(chart.found("Observation", "code=http://loinc.org|85353-1").await, [text(&set["id"])]);
    let systolic = text(&set["observations"]["systolic"]);
    let pressure = chart.client.get(&format!("/fhir/R4/Observation/{systolic}")).await.json();
    assert_eq!(pressure["component"][0]["code"]["coding"][0]["code"], "8480-6");
    assert_eq!(pressure["component"][0]["interpretation"][0]["coding"][0]["code"], "HH");
    assert_eq!(pressure["component"][1]["valueQuantity"]["code"], "mm[Hg]");
}

#[tokio::test]
async fn an_amendment_keeps_the_original_in_the_history() {
    let chart = Chart::new().await;
    let set = chart.made("vital-signs", full()).await;
    let one = format!("vital-signs/{}", text(&set["id"]));
    let without = chart.patch(&one, "W/\"1\"", &json!({ "heart_rate": 75 })).await;
    assert_eq!(
        (without.status, pointers(&without)),
        (StatusCode::UNPROCESSABLE_ENTITY, vec!["/reason".into()])
    );
    let stale = chart.patch(&one, "W/\"9\"", &json!({ "heart_rate": 75, "reason": "misread" })).await;
    assert_eq!(stale.status, StatusCode::PRECONDITION_FAILED);

    let change = json!({ "heart_rate": 75, "weight": 90, "glucose": null, "reason": "misread" });
    let amended = chart.amended(&one, change).await;
    assert_eq!((&amended["status"], &amended["version"]), (&json!("amended"), &json!(2)));
    assert_eq!((&amended["heart_rate"], &amended["glucose"]), (&json!(75), &Value::Null));
    assert_eq!(amended["body_mass_index"], json!(27.8), "computed again");
    assert_eq!(amended["respiratory_rate"], json!(16));
    assert_eq!(chart.get(&one).await.json(), amended, "what a write answers is what is read");
    let observation = text(&set["observations"]["heart_rate"]);
    let observation = chart.client.get(&format!("/fhir/R4/Observation/{observation}")).await.json();
    assert_eq!(
        (&observation["status"], &observation["valueQuantity"]["value"]),
        (&json!("amended"), &json!(75))
    );

    let error = json!({ "status": "entered-in-error", "reason": "another patient" });
    let voided = chart.amended(&one, error).await;
    assert_eq!((&voided["status"], &voided["alerts"]), (&json!("entered-in-error"), &json!([])));
    let again = chart.patch(&one, "W/\"3\"", &json!({ "status": "final", "reason": "no" })).await;
    assert_eq!(again.status, StatusCode::CONFLICT);

    let history = chart.get(&format!("{one}/history")).await.json();
    let seen: Vec<_> = history["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| {
            (it["version"].clone(), it["heart_rate"].clone(), it["glucose"].clone(), it["reason"].clone())
        })
        .collect();
    assert_eq!(seen[2], (json!(1), json!(72), json!(110), Value::Null), "the original");
    assert_eq!(seen[1], (json!(2), json!(75), Value::Null, json!("misread")));
    assert_eq!(seen[0].0, json!(3));
    let first = chart.get(&format!("{one}/history?limit=1")).await.json();
    let second = chart.client.get(&text(&first["next"])).await.json();
    assert_eq!((ids(&first).len(), &second["items"][0]["version"]), (1, &json!(2)));
}

#[tokio::test]
async fn lists_show_every_set_once_and_what_was_measured_alone_through_fhir() {
    let chart = Chart::new().await;
    let mut expected = Vec::new();
    for day in 1..=3 {
        let mut set = full();
        set["measured_at"] = json!(format!("2026-03-0{day}T09:00:00Z"));
        expected.push(text(&chart.made("vital-signs", set).await["id"]));
    }
    let alone = |code: &str, unit: &str, day: &str| {
        json!({
            "resourceType": "Observation", "status": "final", "effectiveDateTime": day,
            "category": [{ "coding": [{ "system": "http://terminology.hl7.org/CodeSystem/observation-category",
                "code": "vital-signs" }] }],
            "code": { "coding": [{ "system": "http://loinc.org", "code": code }] },
            "valueQuantity": { "value": 130, "unit": unit, "system": "http://unitsofmeasure.org", "code": unit },
        })
    };
    expected.push(chart.fhir(alone("8867-4", "/min", "2026-03-04")).await);
    expected.push(chart.fhir(alone("8310-5", "[degF]", "2026-03-05")).await);
    let mut laboratory = alone("2339-0", "mg/dL", "2026-03-06");
    laboratory["category"] = json!([{ "coding": [{ "code": "laboratory" }] }]);
    let laboratory = chart.fhir(laboratory).await;
    expected.reverse();

    let mut seen = Vec::new();
    let mut next = Some(chart.path("vital-signs?limit=2"));
    let mut pages = 0;
    while let Some(path) = next.take() {
        let page = chart.client.get(&path).await;
        assert_eq!(page.status, StatusCode::OK, "{page:?}");
        assert!(ids(&page.json()).len() <= 2);
        seen.extend(ids(&page.json()));
        next = page.json()["next"].as_str().map(str::to_owned);
        pages += 1;
    }
    assert_eq!(
        (seen, pages),
        (expected.clone(), 3),
        "members of a set are no sets, and no laboratory result is one"
    );

    let list = chart.get("vital-signs").await.json();
    assert_eq!(list["items"][1]["heart_rate"], 130);
    assert_eq!(list["items"][1]["alerts"][0]["level"], "medium");
    assert_eq!(list["items"][0]["body_temperature"], Value::Null, "130 degrees Fahrenheit are not Celsius");
    assert_eq!(list["items"][0]["others"][0]["unit"], "[degF]");
    let days = chart.get("vital-signs?from=2026-03-02&to=2026-03-04&member=pain").await.json();
    assert_eq!(ids(&days), expected[2..4]);

    assert_eq!(chart.get(&format!("vital-signs/{laboratory}")).await.status, StatusCode::NOT_FOUND);
    let member = text(&list["items"][2]["observations"]["pain"]);
    assert_eq!(chart.get(&format!("vital-signs/{member}")).await.status, StatusCode::NOT_FOUND);

    let one = format!("vital-signs/{}", expected[1]);
    let added = chart.patch(&one, "W/\"1\"", &json!({ "pain": 1, "reason": "x" })).await;
    assert_eq!((added.status, pointers(&added)), (StatusCode::UNPROCESSABLE_ENTITY, vec!["/pain".into()]));
    let amended = chart.amended(&one, json!({ "heart_rate": 80, "reason": "misread" })).await;
    assert_eq!((&amended["heart_rate"], &amended["status"]), (&json!(80), &json!("amended")));
}

#[tokio::test]
async fn the_latest_values_and_the_course_of_one_leave_out_what_was_entered_in_error() {
    let chart = Chart::new().await;
    let mut sets = Vec::new();
    for (day, rate) in [(1, 70), (2, 150), (3, 90)] {
        let set = json!({
            "measured_at": format!("2026-03-0{day}T09:00:00Z"), "heart_rate": rate, "systolic": 100 + day, "diastolic": 60,
        });
        sets.push(text(&chart.made("vital-signs", set).await["id"]));
    }
    let error = json!({ "status": "entered-in-error", "reason": "another patient" });
    chart.amended(&format!("vital-signs/{}", sets[2]), error).await;

    let latest = chart.get("vital-signs/latest").await.json();
    let of = |member: &str| {
        latest["items"].as_array().unwrap().iter().find(|it| it["member"] == member).cloned().unwrap()
    };
    assert_eq!((&of("heart_rate")["value"], &of("heart_rate")["unit"]), (&json!(150), &json!("/min")));
    assert_eq!(of("heart_rate")["alert"]["level"], "critical");
    assert_eq!(of("heart_rate")["measured_at"], "2026-03-02T09:00:00Z");
    assert_eq!(of("systolic")["value"], 102);

    let values = |page: &Value| -> Vec<Value> {
        page["items"].as_array().unwrap().iter().map(|it| it["value"].clone()).collect()
    };
    let trend = chart.get("vital-signs/trend?member=heart_rate").await.json();
    assert_eq!(values(&trend), [json!(150), json!(70)]);
    let page = chart.get("vital-signs/trend?member=systolic&limit=1").await.json();
    assert_eq!(values(&page), [json!(102)]);
    assert_eq!(values(&chart.client.get(&text(&page["next"])).await.json()), [json!(101)]);
    let until = chart.get("vital-signs/trend?member=heart_rate&to=2026-03-01").await.json();
    assert_eq!(values(&until), [json!(70)]);
}
