//! Merging two registrations of one person.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::http::{Request, StatusCode};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper_util::rt::TokioIo;
use nix::sys::signal::Signal;
use serde_json::{Value, json};
use tokio::net::TcpStream;

use super::{PATH, patch, person, pointers, post, register, unique};
use crate::client::{Client, text};
use crate::salus::{Salus, shared};

fn subject(id: &str) -> Value {
    json!({"reference": format!("Patient/{id}"), "display": "as it was"})
}

/// What is written for a patient: something in each database, with references wherever they can be.
fn records(id: &str, observations: usize) -> Value {
    let entry = |resource: Value| {
        let url = resource["resourceType"].clone();
        json!({"resource": resource, "request": {"method": "POST", "url": url}})
    };
    let mut entries = vec![
        entry(json!({"resourceType": "Coverage", "status": "active", "beneficiary": subject(id),
            "payor": [subject(id)], "policyHolder": subject(id)})),
        entry(json!({"resourceType": "RelatedPerson", "patient": subject(id)})),
        entry(json!({"resourceType": "Encounter", "status": "finished", "class": {"code": "AMB"},
            "subject": subject(id)})),
        entry(json!({"resourceType": "Condition", "subject": subject(id), "asserter": subject(id),
            "contained": [{"resourceType": "Observation", "id": "in", "status": "final", "code": {"text": "x"},
                "subject": subject(id)}],
            "extension": [{"url": "urn:x", "valueReference": subject(id)}]})),
    ];
    for n in 0..observations {
        entries
            .push(entry(json!({"resourceType": "Observation", "status": "final", "code": {"text": "pulse"},
            "subject": subject(id), "valueQuantity": {"value": n}})));
    }
    json!({"resourceType": "Bundle", "type": "transaction", "entry": entries})
}

const TYPES: [&str; 5] = ["Coverage", "RelatedPerson", "Encounter", "Condition", "Observation"];

async fn store_records(client: &Client, id: &str, observations: usize) {
    let answer = client.post("/fhir/R4", records(id, observations).to_string()).await;
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
}

/// How many records of each type are the patient's.
async fn counts(client: &Client, id: &str) -> [u64; 5] {
    let mut counts = [0; 5];
    for (count, kind) in counts.iter_mut().zip(TYPES) {
        let answer = client.get(&format!("/fhir/R4/{kind}?patient={id}&_count=0")).await;
        assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
        *count = answer.json()["total"].as_u64().unwrap();
    }
    counts
}

async fn two(client: &Client) -> (Value, Value) {
    (register(client, &person(&unique())).await, register(client, &person(&unique())).await)
}

fn request(source: &str) -> Value {
    json!({"source": source, "reason": "the same person, registered twice"})
}

#[tokio::test]
async fn a_merge_moves_everything_and_leaves_a_trail() {
    let client = shared().await;
    let (winner, loser) = two(&client).await;
    let (winner_id, loser_id) = (text(&winner["id"]), text(&loser["id"]));
    store_records(&client, &loser_id, 3).await;
    store_records(&client, &winner_id, 1).await;
    let observation = client.get(&format!("/fhir/R4/Observation?patient={loser_id}")).await.json();
    let observation = text(&observation["entry"][0]["resource"]["id"]);

    let merged = post(&client, &format!("{PATH}/{winner_id}/merge"), &request(&loser_id)).await;
    assert_eq!(merged.status, StatusCode::OK, "{merged:?}");
    assert_eq!(merged.json()["moved"], json!({"phi": 2, "clinical": 5}), "{merged:?}");
    assert_eq!(counts(&client, &loser_id).await, [0; 5]);
    assert_eq!(counts(&client, &winner_id).await, [2, 2, 2, 2, 4]);
    for kind in TYPES {
        let bundle = client.get(&format!("/fhir/R4/{kind}?patient={winner_id}")).await;
        assert!(
            !String::from_utf8_lossy(&bundle.body).contains(&format!("Patient/{loser_id}")),
            "{bundle:?}"
        );
        assert!(String::from_utf8_lossy(&bundle.body).contains("as it was"), "displays are left");
    }
    // What was moved is a new version; the one before says what it said.
    let path = format!("/fhir/R4/Observation/{observation}");
    assert_eq!(client.get(&path).await.header("etag"), "W/\"2\"");
    let before = client.get(&format!("{path}/_history/1")).await.json();
    assert_eq!(before["subject"]["reference"], json!(format!("Patient/{loser_id}")));

    let shown = client.get(&format!("{PATH}/{loser_id}")).await.json();
    assert_eq!((&shown["merged_into"], &shown["active"]), (&json!(winner_id), &json!(false)), "{shown}");
    let resource = client.get(&format!("/fhir/R4/Patient/{winner_id}")).await.json();
    assert_eq!(resource["link"][0]["type"], "replaces", "{resource}");
    // The loser's numbers lead to the winner.
    for (route, number) in [("by-number", &loser["patient_number"]), ("by-mrn", &loser["mrn"])] {
        let found = client.get(&format!("{PATH}/{route}/{}", text(number))).await;
        assert_eq!(found.header("content-location"), format!("{PATH}/{winner_id}"), "{route}: {found:?}");
    }
    for id in [&winner_id, &loser_id] {
        let trail = client.get(&format!("{PATH}/{id}/merges")).await.json();
        let entry = &trail["items"][0];
        assert_eq!((&entry["winner"], &entry["source"]), (&json!(winner_id), &json!(loser_id)), "{trail}");
        assert_eq!(entry["reason"], "the same person, registered twice");
    }
}

#[tokio::test]
async fn nothing_is_written_for_a_merged_patient_by_either_door() {
    let client = shared().await;
    let (winner, loser) = two(&client).await;
    let (winner_id, loser_id) = (text(&winner["id"]), text(&loser["id"]));
    let merged = post(&client, &format!("{PATH}/{winner_id}/merge"), &request(&loser_id)).await;
    assert_eq!(merged.status, StatusCode::OK, "{merged:?}");
    for resource in [
        json!({"resourceType": "Observation", "status": "final", "code": {"text": "x"}, "subject": subject(&loser_id)}),
        json!({"resourceType": "Coverage", "status": "active", "beneficiary": subject(&loser_id),
            "payor": [{"display": "x"}]}),
    ] {
        let path = format!("/fhir/R4/{}", text(&resource["resourceType"]));
        let refused = client.post(&path, resource.to_string()).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{refused:?}");
        assert!(refused.issue().1.contains(&winner_id), "{refused:?}");
    }
    // Named by what both carry, the one that stayed is meant.
    let named = json!({"resourceType": "Bundle", "type": "transaction", "entry": [{
        "resource": {"resourceType": "Observation", "status": "final", "code": {"text": "x"},
            "subject": {"reference": format!("Patient?identifier=urn:salus:mrn|{}", text(&loser["mrn"]))}},
        "request": {"method": "POST", "url": "Observation"}}]});
    let answer = client.post("/fhir/R4", named.to_string()).await;
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    assert_eq!(counts(&client, &winner_id).await[4], 1);

    let resource = client.get(&format!("/fhir/R4/Patient/{loser_id}")).await.json();
    let refused = client.put(&format!("/fhir/R4/Patient/{loser_id}"), resource.to_string()).await;
    assert_eq!(refused.status, StatusCode::CONFLICT, "{refused:?}");
    assert!(refused.issue().1.contains(&winner_id), "{refused:?}");
    assert_eq!(client.delete(&format!("{PATH}/{loser_id}")).await.status, StatusCode::CONFLICT);
    assert_eq!(patch(&client, &loser_id, 2, &json!({"gender": "male"})).await.status, StatusCode::CONFLICT);
    for (target, source, status) in [
        (&winner_id, &loser_id, StatusCode::CONFLICT),
        (&loser_id, &winner_id, StatusCode::CONFLICT),
        (&winner_id, &winner_id, StatusCode::UNPROCESSABLE_ENTITY),
    ] {
        let refused = post(&client, &format!("{PATH}/{target}/merge"), &request(source)).await;
        assert_eq!(refused.status, status, "{refused:?}");
    }
    let blank = json!({"source": "x y", "reason": ""});
    let refused = post(&client, &format!("{PATH}/{winner_id}/merge"), &blank).await;
    assert_eq!(pointers(&refused), ["/source", "/reason"], "{refused:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_written_while_a_merge_runs_is_moved_or_refused() {
    let client = shared().await;
    let (winner, loser) = two(&client).await;
    let (winner_id, loser_id) = (text(&winner["id"]), text(&loser["id"]));
    store_records(&client, &loser_id, 20).await;
    let kept = client.get(&format!("/fhir/R4/Observation?patient={loser_id}&_count=20")).await.json();
    let kept: Vec<String> =
        kept["entry"].as_array().unwrap().iter().map(|entry| text(&entry["resource"]["id"])).collect();
    let barrier = Arc::new(tokio::sync::Barrier::new(51));
    let writers: Vec<_> = (0..50)
        .map(|n: usize| {
            let (client, loser_id, barrier) = (client.clone(), loser_id.clone(), Arc::clone(&barrier));
            let amended = kept[n % kept.len()].clone();
            tokio::spawn(async move {
                barrier.wait().await;
                let observation = |id: Option<&str>| {
                    let mut it = json!({"resourceType": "Observation", "status": "final", "code": {"text": "late"},
                        "subject": subject(&loser_id)});
                    if let Some(id) = id {
                        it["id"] = json!(id);
                    }
                    it.to_string()
                };
                match n % 3 {
                    0 => client.post("/fhir/R4/Observation", observation(None)).await,
                    1 => {
                        client.put(&format!("/fhir/R4/Observation/{amended}"), observation(Some(&amended))).await
                    }
                    _ => {
                        let coverage = json!({"resourceType": "Coverage", "status": "active",
                            "beneficiary": subject(&loser_id), "payor": [{"display": "x"}]});
                        client.post("/fhir/R4/Coverage", coverage.to_string()).await
                    }
                }
                .status
            })
        })
        .collect();
    barrier.wait().await;
    let path = format!("{PATH}/{winner_id}/merge");
    let mut merged = post(&client, &path, &request(&loser_id)).await;
    while merged.status == StatusCode::SERVICE_UNAVAILABLE && !merged.header("retry-after").is_empty() {
        merged = post(&client, &path, &request(&loser_id)).await;
    }
    assert_eq!(merged.status, StatusCode::OK, "{merged:?}");
    let mut written = 0;
    let mut refused = 0;
    for writer in writers {
        match writer.await.unwrap() {
            StatusCode::CREATED | StatusCode::OK => written += 1,
            StatusCode::UNPROCESSABLE_ENTITY => refused += 1,
            StatusCode::SERVICE_UNAVAILABLE => {}
            other => panic!("{other}"),
        }
    }
    println!("50 writes beside a merge: {written} written before it, {refused} refused after it");
    assert_eq!(counts(&client, &loser_id).await, [0; 5], "no record is left behind");
}

/// Posts to a server that may die meanwhile; none where no answer came.
async fn post_unsure(client: &Client, path: &str, body: String) -> Option<StatusCode> {
    let stream = TcpStream::connect(client.address).await.ok()?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.ok()?;
    tokio::spawn(connection);
    let request = Request::post(path)
        .header("host", client.address.to_string())
        .header("content-type", "application/json")
        .header("authorization", format!("Bearer {}", client.token.as_deref().unwrap_or_default()))
        .body(Full::new(Bytes::from(body)))
        .ok()?;
    let response = sender.send_request(request).await.ok()?;
    let status = response.status();
    response.into_body().collect().await.ok()?;
    Some(status)
}

/// Kills at the least, and at the most where these were all early or all late.
const KILLS: std::ops::Range<u32> = 12..48;
/// The moments of the kills, from a merge's beginning to well after its end.
const PHASES: u32 = 6;
/// Kills that must meet a merge in flight.
const IN_FLIGHT: u32 = 3;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_server_leaves_every_merge_done_or_undone_in_both_databases() {
    let mut salus = Salus::new();
    let mut pairs = Vec::new();
    let (mut in_flight, mut answered_ok) = (0, 0);
    // What such a merge takes on this machine, as far as the kills so far have shown.
    let mut whole_merge = Duration::ZERO;
    for kill in 0..KILLS.end {
        let both_ways = in_flight >= IN_FLIGHT && answered_ok >= 1;
        if kill >= KILLS.start && both_ways {
            break;
        }
        salus.start();
        let client = salus.administrator().await;
        if kill == 0 {
            let (winner, loser) = two(&client).await;
            store_records(&client, &text(&loser["id"]), 150).await;
            let began = Instant::now();
            let path = format!("{PATH}/{}/merge", text(&winner["id"]));
            let merged = post(&client, &path, &request(&text(&loser["id"]))).await;
            assert_eq!(merged.status, StatusCode::OK, "{merged:?}");
            whole_merge = began.elapsed();
        }
        let (winner, loser) = two(&client).await;
        let (winner, loser) = (text(&winner["id"]), text(&loser["id"]));
        store_records(&client, &loser, 150).await;
        let merging = {
            let (client, path, body) =
                (client.clone(), format!("{PATH}/{winner}/merge"), request(&loser).to_string());
            tokio::spawn(async move { post_unsure(&client, &path, body).await })
        };
        let phase = kill % PHASES;
        tokio::time::sleep(whole_merge * phase / (PHASES - 2)).await;
        salus.end(Signal::SIGKILL);
        let answered = merging.await.unwrap();
        in_flight += u32::from(answered.is_none());
        answered_ok += u32::from(answered == Some(StatusCode::OK));
        // The machine is not as fast each time: late kills come earlier from now on, and early ones later.
        match answered {
            Some(_) if phase < PHASES - 2 => whole_merge = whole_merge * 3 / 4,
            None if phase > PHASES - 2 => whole_merge = whole_merge * 3 / 2,
            _ => {}
        }
        pairs.push((winner, loser, answered == Some(StatusCode::OK)));
    }
    salus.start();
    let client = salus.administrator().await;
    let whole = [1, 1, 1, 1, 150];
    let mut done = 0_u32;
    for (winner, loser, acknowledged) in &pairs {
        let (of_winner, of_loser) = (counts(&client, winner).await, counts(&client, loser).await);
        let shown = client.get(&format!("{PATH}/{loser}")).await.json();
        let merged = shown["merged_into"] == json!(winner);
        match merged {
            true => assert_eq!((of_winner, of_loser), (whole, [0; 5]), "done by half"),
            false => assert_eq!((of_winner, of_loser), ([0; 5], whole), "undone by half"),
        }
        assert!(merged || !acknowledged, "a merge was acknowledged and is lost");
        let resource = json!({"resourceType": "Observation", "status": "final", "code": {"text": "x"},
            "subject": subject(loser)});
        let after = client.post("/fhir/R4/Observation", resource.to_string()).await;
        assert_eq!(after.status == StatusCode::CREATED, !merged, "the anchor says the same: {after:?}");
        let trail = client.get(&format!("{PATH}/{winner}/merges")).await.json();
        assert_eq!(trail["items"].as_array().unwrap().len(), usize::from(merged));
        done += u32::from(merged);
    }
    println!("{} kills, {in_flight} of them with a merge in flight; {done} merges done", pairs.len());
    assert!(in_flight >= IN_FLIGHT, "only {in_flight} kills met a merge in flight");
    let all = u32::try_from(pairs.len()).unwrap();
    assert!((1..all).contains(&done), "the kills were all early or all late: {done} merges are done");
    salus.end(Signal::SIGTERM);
}
