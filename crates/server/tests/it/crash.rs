//! Killing the server while Bundles are on their way: each is wholly there or not at all, in all three databases.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use axum::http::{Request, StatusCode};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper_util::rt::TokioIo;
use nix::sys::signal::Signal;
use serde_json::{Value, json};
use tokio::net::TcpStream;

use crate::client::{Client, FHIR_JSON};
use crate::salus::Salus;

const KILLS: u64 = 20;
const LOADERS: usize = 4;
pub const OBSERVATIONS: usize = 40;

/// What a Bundle writes: type, database, how many.
pub const WRITTEN: [(&str, usize); 4] =
    [("Practitioner", 1), ("Patient", 1), ("Encounter", 1), ("Observation", OBSERVATIONS)];

pub fn bundle(number: u64) -> String {
    let identifier = json!([{"system": "urn:crash", "value": number.to_string()}]);
    let entry = |name: String, mut resource: Value| {
        resource["identifier"] = identifier.clone();
        let url = resource["resourceType"].clone();
        json!({"fullUrl": format!("urn:uuid:{name}"), "resource": resource, "request": {"method": "POST", "url": url}})
    };
    let subject = json!({"reference": "urn:uuid:patient"});
    let mut entries = vec![
        entry("doctor".to_owned(), json!({"resourceType": "Practitioner"})),
        entry(
            "patient".to_owned(),
            json!({"resourceType": "Patient", "generalPractitioner": [{"reference": "urn:uuid:doctor"}]}),
        ),
        entry(
            "visit".to_owned(),
            json!({"resourceType": "Encounter", "status": "finished", "class": {"code": "AMB"}, "subject": subject}),
        ),
    ];
    for n in 0..OBSERVATIONS {
        entries.push(entry(
            format!("o{n}"),
            json!({"resourceType": "Observation", "status": "final", "code": {"text": "pulse"}, "subject": subject,
                "encounter": {"reference": "urn:uuid:visit"}, "valueQuantity": {"value": n}}),
        ));
    }
    json!({"resourceType": "Bundle", "type": "transaction", "entry": entries}).to_string()
}

/// Posts to a server that may die meanwhile; none where no answer came.
pub async fn post(client: &Client, body: String) -> Option<StatusCode> {
    let stream = TcpStream::connect(client.address).await.ok()?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.ok()?;
    tokio::spawn(connection);
    let request = Request::post("/fhir/R4")
        .header("host", client.address.to_string())
        .header("content-type", FHIR_JSON)
        .header("authorization", format!("Bearer {}", client.token.as_deref().unwrap_or_default()))
        .body(Full::new(Bytes::from(body)))
        .ok()?;
    let response = sender.send_request(request).await.ok()?;
    let status = response.status();
    response.into_body().collect().await.ok()?;
    Some(status)
}

/// How many resources of each type of [`WRITTEN`] carry the Bundle's number.
pub async fn found(client: &Client, number: u64) -> [usize; 4] {
    let mut found = [0; 4];
    for (i, (kind, _)) in WRITTEN.iter().enumerate() {
        let path = format!("/fhir/R4/{kind}?identifier=urn:crash%7C{number}&_count=0");
        let answer = client.get(&path).await;
        assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
        found[i] = usize::try_from(answer.json()["total"].as_u64().unwrap()).unwrap();
    }
    found
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_server_leaves_every_bundle_whole_or_absent() {
    let mut salus = Salus::new();
    let next = Arc::new(AtomicU64::new(0));
    let acknowledged = Arc::new(Mutex::new(Vec::new()));
    let mut kills_in_flight = 0;
    for kill in 0..KILLS {
        salus.start();
        let client = salus.administrator().await;
        let dead = Arc::new(AtomicBool::new(false));
        let in_flight = Arc::new(AtomicUsize::new(0));
        let loaders: Vec<_> = (0..LOADERS)
            .map(|_| {
                let (client, next, acknowledged) =
                    (client.clone(), Arc::clone(&next), Arc::clone(&acknowledged));
                let (dead, in_flight) = (Arc::clone(&dead), Arc::clone(&in_flight));
                tokio::spawn(async move {
                    while !dead.load(Ordering::SeqCst) {
                        let number = next.fetch_add(1, Ordering::SeqCst);
                        in_flight.fetch_add(1, Ordering::SeqCst);
                        let status = post(&client, bundle(number)).await;
                        match status {
                            Some(StatusCode::OK) => acknowledged.lock().unwrap().push(number),
                            Some(status) => {
                                // Nothing but being busy is a reason not to store it.
                                assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
                            }
                            // No answer: this one was on its way when the server died.
                            None => return,
                        }
                        in_flight.fetch_sub(1, Ordering::SeqCst);
                    }
                })
            })
            .collect();
        // Under way, and then a different moment each time, spread over what a Bundle takes.
        let before = acknowledged.lock().unwrap().len();
        let patience = Instant::now() + Duration::from_secs(10);
        while acknowledged.lock().unwrap().len() < before + 2 && Instant::now() < patience {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        tokio::time::sleep(Duration::from_millis(kill * 37 % 190)).await;
        salus.end(Signal::SIGKILL);
        dead.store(true, Ordering::SeqCst);
        for loader in loaders {
            loader.await.unwrap();
        }
        if in_flight.load(Ordering::SeqCst) > 0 {
            kills_in_flight += 1;
        }
    }
    salus.start();
    let client = salus.administrator().await;
    let acknowledged = acknowledged.lock().unwrap().clone();
    let whole = WRITTEN.map(|(_, count)| count);
    let mut stored = 0;
    for number in 0..next.load(Ordering::SeqCst) {
        let found = found(&client, number).await;
        assert!(found == whole || found == [0; 4], "bundle {number} is half there: {found:?}");
        stored += u64::from(found == whole);
        assert!(
            found == whole || !acknowledged.contains(&number),
            "bundle {number} was acknowledged and is lost"
        );
    }
    let ready = client.get("/readyz").await.json();
    for database in ["auth", "phi", "clinical"] {
        assert_eq!(ready["databases"][database]["in_doubt"], 0, "{ready}");
    }
    println!(
        "{KILLS} kills, {kills_in_flight} of them with a Bundle in flight; {} Bundles sent, {} acknowledged, {stored} stored",
        next.load(Ordering::SeqCst),
        acknowledged.len(),
    );
    assert!(kills_in_flight >= 15, "only {kills_in_flight} kills met a Bundle in flight");
    assert!(acknowledged.len() >= 20, "only {} Bundles were acknowledged", acknowledged.len());
}
