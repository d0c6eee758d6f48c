//! One database goes away and comes back while the server runs.

mod families;

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use axum::http::StatusCode;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::json;
use tokio::task::JoinHandle;

use crate::client::{Answer, Client};
use crate::salus::Salus;

/// Asks until the status is this one.
async fn until(client: &Client, path: &str, status: StatusCode, patience: Duration) -> Answer {
    let began = Instant::now();
    loop {
        let answer = client.get(path).await;
        if answer.status == status {
            return answer;
        }
        assert!(began.elapsed() < patience, "{path} is still {}", answer.status);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Requests that go on while a database comes and goes: what they may be answered depends on which database they need.
struct Load {
    stop: Arc<AtomicBool>,
    workers: Vec<JoinHandle<[usize; 2]>>,
}

impl Load {
    /// Two workers; each reads from every database and creates a patient, over and over. `phi` may be away.
    fn start(client: &Client, elsewhere: [String; 2], in_phi: String) -> Load {
        let stop = Arc::new(AtomicBool::new(false));
        let worker = || {
            let (client, stop) = (client.clone(), Arc::clone(&stop));
            let (elsewhere, in_phi) = (elsewhere.clone(), in_phi.clone());
            tokio::spawn(async move {
                let mut seen = [0, 0];
                while !stop.load(Ordering::SeqCst) {
                    for path in &elsewhere {
                        assert_eq!(client.get(path).await.status, StatusCode::OK, "{path}");
                    }
                    let read = client.get(&in_phi).await;
                    let created = client.post("/fhir/R4/Patient", r#"{"resourceType":"Patient"}"#).await;
                    for answer in [read, created] {
                        match answer.status {
                            StatusCode::OK | StatusCode::CREATED | StatusCode::ACCEPTED => seen[0] += 1,
                            StatusCode::SERVICE_UNAVAILABLE => seen[1] += 1,
                            other => panic!("{other}: {answer:?}"),
                        }
                    }
                    tokio::time::sleep(Duration::from_millis(10)).await;
                }
                seen
            })
        };
        let workers = vec![worker(), worker()];
        Load { stop, workers }
    }

    /// How many requests that need `phi` were answered, and how many were told to come back.
    async fn end(self) -> [usize; 2] {
        self.stop.store(true, Ordering::SeqCst);
        let mut all = [0, 0];
        for worker in self.workers {
            let seen = worker.await.unwrap();
            all = [all[0] + seen[0], all[1] + seen[1]];
        }
        all
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_is_down_takes_only_its_own_routes_along_and_comes_back_by_itself() {
    let mut salus = Salus::new();
    salus.start();
    let client = salus.administrator().await;
    let patient = client.create(json!({ "resourceType": "Patient" })).await;
    let practitioner = client.create(json!({ "resourceType": "Practitioner" })).await;
    let observation = client
        .create(json!({ "resourceType": "Observation", "status": "final", "code": { "text": "x" },
                        "subject": { "reference": format!("Patient/{patient}") } }))
        .await;
    let (summary, problems) =
        (format!("/api/v1/patients/{patient}/summary"), format!("/api/v1/patients/{patient}/problems"));
    assert_eq!(client.get(&summary).await.status, StatusCode::OK);
    let patient = format!("/fhir/R4/Patient/{patient}");
    let practitioner = format!("/fhir/R4/Practitioner/{practitioner}");
    let observation = format!("/fhir/R4/Observation/{observation}");

    let load = Load::start(&client, [practitioner.clone(), observation.clone()], patient.clone());
    // Without its folder the cluster cannot be restarted until the folder is back.
    let folder = salus.data_dir().join("pg/phi");
    let away = folder.with_extension("away");
    let pid = fs::read_to_string(folder.join("postmaster.pid")).unwrap();
    let pid = Pid::from_raw(pid.lines().next().unwrap().trim().parse().unwrap());
    fs::rename(&folder, &away).unwrap();
    kill(pid, Signal::SIGKILL).unwrap();

    let down = until(&client, &patient, StatusCode::SERVICE_UNAVAILABLE, Duration::from_secs(10)).await;
    assert!(!down.header("retry-after").is_empty());
    assert_eq!(down.issue().0, "transient");
    // A summary without the patient would be none; the chart itself is all in clinical.
    let no_summary = client.get(&summary).await;
    assert_eq!(no_summary.status, StatusCode::SERVICE_UNAVAILABLE, "{no_summary:?}");
    assert!(!no_summary.header("retry-after").is_empty());
    let detail = no_summary.json()["detail"].as_str().unwrap_or_default().to_owned();
    assert!(detail.contains("phi"), "{detail}");
    let others = [practitioner.as_str(), observation.as_str(), &problems, "/api/v1/auth/me", "/healthz"];
    for other in others {
        let began = Instant::now();
        assert_eq!(client.get(other).await.status, StatusCode::OK, "{other}");
        assert!(began.elapsed() < Duration::from_secs(1), "{other} was slowed");
    }
    let not_ready = until(&client, "/readyz", StatusCode::SERVICE_UNAVAILABLE, Duration::from_secs(10)).await;
    assert_eq!(not_ready.json()["databases"]["phi"]["state"], "down");
    assert_eq!(not_ready.json()["databases"]["auth"]["state"], "up");
    let refused = client.post("/fhir/R4/Patient", r#"{"resourceType":"Patient"}"#).await;
    assert_eq!(refused.status, StatusCode::SERVICE_UNAVAILABLE, "{refused:?}");
    assert!(!refused.header("retry-after").is_empty());

    fs::rename(&away, &folder).unwrap();
    until(&client, &patient, StatusCode::OK, Duration::from_secs(60)).await;
    until(&client, "/readyz", StatusCode::OK, Duration::from_secs(20)).await;
    let [answered, told_to_come_back] = load.end().await;
    assert!(answered > 0 && told_to_come_back > 0, "{answered} answered, {told_to_come_back} not");
    client.create(json!({ "resourceType": "Patient" })).await;
    assert!(salus.end(Signal::SIGTERM));
}
