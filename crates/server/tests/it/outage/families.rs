//! Each database in turn goes away: of each family of routes, those go on that do not need it, at their usual speed.

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use axum::http::{Request, StatusCode};
use bytes::Bytes;
use kernel::Database;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::json;

use super::until;
use crate::client::{Client, text};
use crate::salus::Salus;

use Database::{Auth, Clinical, Phi};

/// A request, and the databases without which it cannot be answered.
struct Asked {
    method: &'static str,
    path: String,
    body: String,
    needs: &'static [Database],
}

impl Asked {
    fn get(path: impl Into<String>, needs: &'static [Database]) -> Asked {
        Asked { method: "GET", path: path.into(), body: String::new(), needs }
    }

    fn post(path: impl Into<String>, body: serde_json::Value, needs: &'static [Database]) -> Asked {
        Asked { method: "POST", path: path.into(), body: body.to_string(), needs }
    }
}

/// At least one reading and one writing route of each family.
fn families(patient: &str, practitioner: &str, observation: &str) -> Vec<Asked> {
    let chart = |rest: &str| format!("/api/v1/patients/{patient}/{rest}");
    let observed = json!({ "resourceType": "Observation", "status": "final", "code": { "text": "x" },
                           "subject": { "reference": format!("Patient/{patient}") } });
    vec![
        // Operations and documents.
        Asked::get("/healthz", &[]),
        Asked::get("/openapi.json", &[]),
        Asked::get("/docs", &[]),
        Asked::get("/.well-known/jwks.json", &[]),
        Asked::get("/fhir/R4/metadata", &[]),
        // Sessions and administration.
        Asked::get("/api/v1/auth/me", &[]),
        Asked::get("/api/v1/auth/sessions", &[Auth]),
        Asked::get("/api/v1/users", &[Auth]),
        Asked::get("/api/v1/organizations", &[Auth]),
        // Patients.
        Asked::get("/api/v1/patients", &[Phi]),
        Asked::get(format!("/api/v1/patients/{patient}"), &[Phi]),
        Asked::post("/api/v1/patients/search", json!({ "family_name": "Vester" }), &[Phi]),
        Asked::post(
            "/api/v1/patients",
            json!({ "family_name": "Vester", "given_names": ["Asta"], "birth_date": "1960-02-03", "gender": "female" }),
            &[Phi, Clinical],
        ),
        // The chart.
        Asked::get(chart("problems"), &[Clinical]),
        Asked::get(chart("vital-signs"), &[Clinical]),
        Asked::get(chart("vital-signs/latest"), &[Clinical]),
        Asked::get(chart("encounters"), &[Clinical]),
        Asked::post(chart("vital-signs"), json!({ "heart_rate": 72 }), &[Clinical]),
        Asked::get(chart("summary"), &[Phi, Clinical]),
        // FHIR.
        Asked::get(format!("/fhir/R4/Practitioner/{practitioner}"), &[Auth]),
        Asked::get(format!("/fhir/R4/Patient/{patient}"), &[Phi]),
        Asked::get(format!("/fhir/R4/Observation/{observation}"), &[Clinical]),
        Asked::get(format!("/fhir/R4/Observation?patient={patient}"), &[Clinical]),
        Asked::post("/fhir/R4/Observation", observed, &[Clinical]),
    ]
}

async fn ask(client: &Client, asked: &Asked) -> (StatusCode, bool, Duration) {
    let media_type =
        if asked.path.starts_with("/fhir") { "application/fhir+json" } else { "application/json" };
    let mut request = Request::builder().method(asked.method).uri(&asked.path);
    if asked.method == "POST" {
        request = request.header("content-type", media_type);
    }
    let began = Instant::now();
    let answer = client.send(request.body(Bytes::from(asked.body.clone())).unwrap()).await;
    (answer.status, !answer.header("retry-after").is_empty(), began.elapsed())
}

/// The folder of a cluster, out of its server's reach.
struct Away {
    folder: PathBuf,
    away: PathBuf,
}

impl Away {
    fn take(salus: &Salus, database: Database) -> Away {
        let folder = salus.data_dir().join("pg").join(database.name());
        let away = folder.with_extension("away");
        let pid = fs::read_to_string(folder.join("postmaster.pid")).unwrap();
        let pid = Pid::from_raw(pid.lines().next().unwrap().trim().parse().unwrap());
        fs::rename(&folder, &away).unwrap();
        kill(pid, Signal::SIGKILL).unwrap();
        Away { folder, away }
    }

    fn give_back(self) {
        fs::rename(self.away, self.folder).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_each_family_of_routes_those_go_on_that_do_not_need_the_database_that_is_down() {
    let mut salus = Salus::new();
    salus.start();
    let client = salus.administrator().await;
    let patient = client.create(json!({ "resourceType": "Patient", "name": [{ "family": "Vester" }] })).await;
    let practitioner = client.create(json!({ "resourceType": "Practitioner" })).await;
    let observation = client
        .create(json!({ "resourceType": "Observation", "status": "final", "code": { "text": "x" },
                        "subject": { "reference": format!("Patient/{patient}") } }))
        .await;
    let families = families(&patient, &practitioner, &observation);
    for asked in &families {
        let (status, ..) = ask(&client, asked).await;
        assert!(status.is_success(), "{} {}: {status}", asked.method, asked.path);
    }
    for database in Database::ALL {
        let away = Away::take(&salus, database);
        let down = until(&client, "/readyz", StatusCode::SERVICE_UNAVAILABLE, Duration::from_secs(10)).await;
        assert_eq!(text(&down.json()["databases"][database.name()]["state"]), "down", "{down:?}");
        for asked in &families {
            let named = format!("without {database}: {} {}", asked.method, asked.path);
            let (status, comes_back, took) = ask(&client, asked).await;
            if asked.needs.contains(&database) {
                assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "{named}");
                assert!(comes_back || asked.method == "POST", "{named} does not say when to come back");
            } else {
                assert!(status.is_success(), "{named}: {status}");
                assert!(took < Duration::from_secs(1), "{named} took {took:?}");
            }
        }
        away.give_back();
        until(&client, "/readyz", StatusCode::OK, Duration::from_secs(60)).await;
    }
    assert!(salus.end(Signal::SIGTERM));
}
