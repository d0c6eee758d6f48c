//! Numbers: each given once, through whichever door, however many ask at once.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::http::StatusCode;
use serde_json::{Value, json};

use super::{PATH, patch, person, pointers, post, register, unique};
use crate::client::{Client, text};
use crate::salus::{Salus, shared};

/// Registrations at the same time, and connections that they come through.
const REGISTRATIONS: usize = 1_000;
const CLIENTS: usize = 64;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_parallel_registrations_get_a_thousand_numbers() {
    let mut salus = Salus::new();
    salus.start();
    let client = salus.administrator().await;
    let next = Arc::new(AtomicUsize::new(0));
    let began = std::time::Instant::now();
    let clients: Vec<_> = (0..CLIENTS)
        .map(|_| {
            let (client, next) = (client.clone(), Arc::clone(&next));
            tokio::spawn(async move {
                let mut numbers = Vec::new();
                loop {
                    let place = next.fetch_add(1, Ordering::Relaxed);
                    if place >= REGISTRATIONS {
                        return numbers;
                    }
                    numbers.push(registered(&client, place).await);
                }
            })
        })
        .collect();
    let mut numbers = HashSet::new();
    let mut mrns = HashSet::new();
    for client in clients {
        for created in client.await.unwrap() {
            assert!(numbers.insert(text(&created["patient_number"])), "{created}");
            assert!(mrns.insert(text(&created["mrn"])), "{created}");
        }
    }
    println!("{REGISTRATIONS} registrations by {CLIENTS} clients in {:?}", began.elapsed());
    assert_eq!((numbers.len(), mrns.len()), (REGISTRATIONS, REGISTRATIONS));
    salus.end(nix::sys::signal::Signal::SIGTERM);
}

/// Registers, again while the server is busy, as clients do.
async fn registered(client: &Client, place: usize) -> Value {
    let mut body = person(&unique());
    // Different people: nobody is anybody's duplicate.
    body["birth_date"] =
        json!(format!("{}-{:02}-{:02}", 1920 + place / 28 % 100, place % 12 + 1, place % 28 + 1));
    loop {
        let answer = post(client, PATH, &body).await;
        match answer.status {
            StatusCode::CREATED => return answer.json(),
            StatusCode::SERVICE_UNAVAILABLE if !answer.header("retry-after").is_empty() => {
                tokio::time::sleep(std::time::Duration::from_millis(100)).await;
            }
            _ => panic!("{answer:?}"),
        }
    }
}

#[tokio::test]
async fn a_medical_record_number_is_one_patients_through_both_doors_and_after_deletion() {
    let client = shared().await;
    let mrn = unique();
    let mut body = person(&unique());
    body["mrn"] = json!(mrn);
    let holder = register(&client, &body).await;
    let refused = post(&client, PATH, &body).await;
    assert_eq!(refused.status, StatusCode::CONFLICT, "{refused:?}");
    assert_eq!(pointers(&refused), ["/mrn"]);
    let resource =
        json!({"resourceType": "Patient", "identifier": [{"system": "urn:salus:mrn", "value": mrn}]});
    let refused = client.post("/fhir/R4/Patient", resource.to_string()).await;
    assert_eq!(refused.status, StatusCode::CONFLICT, "{refused:?}");
    assert!(refused.issue().1.contains("identifier_belongs_to_one_patient"), "{refused:?}");
    // Under another system it is another number.
    client
        .create(json!({"resourceType": "Patient", "identifier": [{"system": "urn:elsewhere", "value": mrn}]}))
        .await;

    let other = register(&client, &person(&unique())).await;
    let refused = patch(&client, &text(&other["id"]), 1, &json!({"mrn": mrn})).await;
    assert_eq!(refused.status, StatusCode::CONFLICT, "{refused:?}");
    let path = format!("{PATH}/{}", text(&holder["id"]));
    assert_eq!(client.delete(&path).await.status, StatusCode::NO_CONTENT);
    assert_eq!(post(&client, PATH, &body).await.status, StatusCode::CONFLICT, "deleting releases nothing");
    let entry =
        |resource: &Value| json!({"resource": resource, "request": {"method": "POST", "url": "Patient"}});
    let twice = unique();
    let same =
        json!({"resourceType": "Patient", "identifier": [{"system": "urn:salus:mrn", "value": twice}]});
    let batch = json!({"resourceType": "Bundle", "type": "batch", "entry": [entry(&same), entry(&same)]});
    let answer = client.post("/fhir/R4", batch.to_string()).await.json();
    assert_eq!(answer["entry"][0]["response"]["status"], "201 Created", "{answer}");
    assert_eq!(answer["entry"][1]["response"]["status"], "409 Conflict", "{answer}");
    let found = client.get(&format!("/fhir/R4/Patient?identifier={twice}&_total=accurate")).await.json();
    assert_eq!(found["total"], 1, "the refused entry is not there");
}

#[tokio::test]
async fn nobody_but_the_server_gives_changes_or_takes_a_patient_number() {
    let client = shared().await;
    let created = register(&client, &person(&unique())).await;
    let id = text(&created["id"]);
    let mut resource = client.get(&format!("/fhir/R4/Patient/{id}")).await.json();
    let path = format!("/fhir/R4/Patient/{id}");
    let mut forged = resource.clone();
    forged["identifier"][0]["value"] = json!("P2026999999");
    let mut bare = resource.clone();
    bare["identifier"] = json!([{"system": "urn:oid:5", "value": "5"}]);
    for body in [forged, bare] {
        let refused = client.put(&path, body.to_string()).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{refused:?}");
        assert!(refused.issue().1.contains("patient number"), "{refused:?}");
    }
    let invented = json!({"resourceType": "Patient",
        "identifier": [{"system": "urn:salus:patient-number", "value": "P2026999998"}]});
    let refused = client.post("/fhir/R4/Patient", invented.to_string()).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{refused:?}");
    resource["maritalStatus"] = json!({"text": "married"});
    assert_eq!(client.put(&path, resource.to_string()).await.status, StatusCode::OK, "its own it may keep");
}

#[tokio::test]
async fn a_generated_number_that_somebody_has_already_gives_way_to_the_next() {
    let mut salus = Salus::new();
    salus.start();
    let client = salus.administrator().await;
    let today = chrono::Utc::now().format("%Y%m%d");
    let mut squatter = person(&unique());
    // The first registration takes number 1; the second would be given this.
    squatter["mrn"] = json!(format!("MRN-{today}-000002"));
    register(&client, &squatter).await;
    let created = register(&client, &person(&unique())).await;
    let expected = [format!("MRN-{today}-000003")];
    // Midnight may have passed between the two.
    assert!(expected.contains(&text(&created["mrn"])) || !text(&created["mrn"]).contains(&today.to_string()));
    salus.end(nix::sys::signal::Signal::SIGTERM);
}
