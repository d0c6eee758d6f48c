//! The demonstration hospital, seen through every door.

use std::collections::{BTreeMap, HashMap, HashSet};

use axum::http::StatusCode;
use nix::sys::signal::Signal;
use serde_json::Value;

use crate::client::{Client, text};
use crate::salus::Salus;

const PATIENTS: u32 = 20;
const PASSWORD: &str = "everybody-knows-this-one";

/// The figures of the table that `salus seed` prints.
fn figures(printed: &str) -> BTreeMap<String, u64> {
    let lines = printed.lines().filter_map(|line| {
        let (what, count) = line.trim().rsplit_once(' ')?;
        Some((what.trim().to_owned(), count.parse().ok()?))
    });
    lines.collect()
}

async fn logged_in(client: &Client, username: &str, password: &str) -> Client {
    let answer = client.log_in(username, password).await;
    assert_eq!(answer.status, StatusCode::OK, "{username}: {answer:?}");
    Client { token: Some(text(&answer.json()["access_token"])), ..client.clone() }
}

/// Every record of these types that the client's organization has, by `Type/id`.
async fn crawl(client: &Client, types: impl Iterator<Item = &String>) -> HashMap<String, Value> {
    let mut records = HashMap::new();
    for resource_type in types {
        let mut path = format!("/fhir/R4/{resource_type}?_count=1000");
        loop {
            let page = client.get(&path).await;
            assert_eq!(page.status, StatusCode::OK, "{path}: {page:?}");
            let page = page.json();
            for entry in page["entry"].as_array().into_iter().flatten() {
                let key = format!("{resource_type}/{}", text(&entry["resource"]["id"]));
                assert!(records.insert(key, entry["resource"].clone()).is_none());
            }
            let links = page["link"].as_array().unwrap();
            let Some(next) = links.iter().find(|link| link["relation"] == "next") else { break };
            let next = text(&next["url"]);
            path = next[next.find("/fhir/").unwrap()..].to_owned();
        }
    }
    records
}

/// Every literal reference in a resource.
fn references(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(object) => {
            found.extend(object.get("reference").and_then(Value::as_str).map(str::to_owned));
            object.values().for_each(|child| references(child, found));
        }
        Value::Array(items) => items.iter().for_each(|item| references(item, found)),
        _ => {}
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_demonstration_is_whole_and_seen_through_every_door() {
    let mut salus = Salus::new();
    let number = PATIENTS.to_string();
    let seeded = salus.run(&["seed", "--patients", &number, "--seed", "7", "--date", "2026-03-01"]);
    let printed = String::from_utf8(seeded.stdout).unwrap();
    assert!(seeded.status.success(), "{printed} {}", String::from_utf8_lossy(&seeded.stderr));
    let figures = figures(&printed);
    assert_eq!((figures["organizations"], figures["Patient"]), (2, u64::from(PATIENTS)));
    assert!(printed.contains(PASSWORD), "nobody is told how to log in");

    // Once is enough, unless it is meant.
    let again = salus.run(&["seed", "--patients", "1"]);
    let refusal = String::from_utf8_lossy(&again.stderr).into_owned();
    assert!(!again.status.success() && refusal.contains("--force"), "{refusal}");

    salus.start();
    let beside = salus.run(&["seed", "--patients", "1", "--force"]);
    let refusal = String::from_utf8_lossy(&beside.stderr).into_owned();
    assert!(!beside.status.success() && refusal.contains("in use by another server"), "{refusal}");

    let client = salus.client();
    let hospital = salus.administrator().await;
    let clinic = logged_in(&client, "clinic-admin", PASSWORD).await;
    assert_eq!(client.log_in("admin", PASSWORD).await.status, StatusCode::UNAUTHORIZED);

    // What was printed is what is there, and no reference leads nowhere.
    let types: Vec<String> =
        figures.keys().filter(|name| name.starts_with(char::is_uppercase)).cloned().collect();
    assert!(types.len() >= 10, "{types:?}");
    let mut found: BTreeMap<&str, u64> = BTreeMap::new();
    let houses = [crawl(&hospital, types.iter()).await, crawl(&clinic, types.iter()).await];
    for records in &houses {
        for (key, resource) in records {
            *found.entry(key.split('/').next().unwrap()).or_default() += 1;
            let mut referred = Vec::new();
            references(resource, &mut referred);
            for reference in referred {
                assert!(records.contains_key(&reference), "{key} refers to {reference}, which is not there");
            }
        }
    }
    for resource_type in &types {
        assert_eq!(found.get(resource_type.as_str()), figures.get(resource_type), "{resource_type}");
    }
    let all: u64 = found.values().sum();
    assert_eq!(all, figures["records in all"]);
    let [ours, theirs] = &houses;
    let keys: HashSet<&String> = ours.keys().collect();
    assert!(theirs.keys().all(|key| !keys.contains(key)), "two organizations share a record");

    // As whoever works there sees it: by number, by FHIR, in one summary.
    let doctor = logged_in(&client, "doctor1", PASSWORD).await;
    let mut seen = 0;
    for nth in 1..=16 {
        let answer = doctor.get(&format!("/api/v1/patients/by-number/P{:04}{nth:06}", this_year())).await;
        assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
        let patient = answer.json();
        let id = text(&patient["id"]);
        let fhir = &ours[&format!("Patient/{id}")];
        assert_eq!(patient["family_name"], fhir["name"][0]["family"]);
        assert_eq!(patient["birth_date"], fhir["birthDate"]);
        let summary = doctor.get(&format!("/api/v1/patients/{id}/summary")).await;
        assert_eq!(summary.status, StatusCode::OK, "{summary:?}");
        let summary = summary.json();
        let of = |resource_type: &str| {
            let theirs = ours.iter().filter(|(key, resource)| {
                key.starts_with(&format!("{resource_type}/"))
                    && [&resource["subject"], &resource["patient"]]
                        .into_iter()
                        .any(|it| it["reference"] == format!("Patient/{id}"))
            });
            theirs.map(|(_, resource)| resource).collect::<Vec<_>>()
        };
        let active = of("Condition")
            .into_iter()
            .filter(|it| it["clinicalStatus"]["coding"][0]["code"] == "active")
            .count();
        assert_eq!(summary["problems"].as_array().unwrap().len(), active, "{summary}");
        // That none is known is no allergy.
        let known =
            of("AllergyIntolerance").into_iter().filter(|it| it["code"]["coding"][0]["code"] != "716186003");
        assert_eq!(summary["allergies"].as_array().unwrap().len(), known.count(), "{summary}");
        assert!(!summary["vital_signs"].as_array().unwrap().is_empty(), "{summary}");
        let sets = doctor.get(&format!("/api/v1/patients/{id}/vital-signs?limit=100")).await.json();
        let heads = of("Observation").into_iter().filter(|it| it["hasMember"].is_array()).count();
        assert_eq!(sets["items"].as_array().unwrap().len(), heads.min(100), "{sets}");
        seen += active;
    }
    assert!(seen > 10, "only {seen} active problems");
    // The clerk at the desk finds the patient and not the chart.
    let clerk = logged_in(&client, "clerk1", PASSWORD).await;
    let path = format!("/api/v1/patients/by-number/P{:04}000001", this_year());
    let patient = clerk.get(&path).await;
    assert_eq!(patient.status, StatusCode::OK, "{patient:?}");
    let chart = clerk.get(&format!("/api/v1/patients/{}/summary", text(&patient.json()["id"]))).await;
    assert_eq!(chart.status, StatusCode::FORBIDDEN);
    // The same number in the other house is another patient's.
    let other = logged_in(&client, "clinic-doctor1", PASSWORD).await.get(&path).await.json();
    assert_ne!(other["id"], patient.json()["id"]);
    assert!(theirs.contains_key(&format!("Patient/{}", text(&other["id"]))), "{other}");

    assert!(salus.end(Signal::SIGTERM));
}

/// The year in which the numbers were given.
fn this_year() -> String {
    let seconds = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    let day = chrono::DateTime::from_timestamp(seconds as i64, 0).unwrap();
    day.format("%Y").to_string()
}
