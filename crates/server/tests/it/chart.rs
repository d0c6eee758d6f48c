//! The chart through the typed door, and the same records through FHIR.

mod entries;
mod faults;
mod isolation;
mod summary;
mod vital_signs;

use axum::http::{Request, StatusCode};
use serde_json::{Value, json};

use crate::client::{Answer, Client, text};
use crate::salus::shared;

/// The least that is an entry of each kind, by the list that it goes to.
pub fn least_of_each_kind() -> [(&'static str, Value); 6] {
    [
        ("problems", json!({ "code": { "text": "x" } })),
        ("allergies", json!({ "code": { "text": "x" } })),
        ("medications", json!({ "code": { "text": "x" } })),
        ("encounters", json!({ "class": "AMB" })),
        ("notes", json!({ "type": "nursing-note", "sections": [{ "text": "x" }] })),
        ("vital-signs", json!({ "heart_rate": 60 })),
    ]
}

/// A patient of the shared server, and the one who asks.
struct Chart {
    client: Client,
    patient: String,
}

impl Chart {
    async fn new() -> Chart {
        let client = shared().await;
        let patient = json!({ "resourceType": "Patient", "name": [{ "family": "Chart", "given": ["Ada"] }] });
        let patient = client.create(patient).await;
        Chart { client, patient }
    }

    /// Another patient, asked for by the same.
    async fn other(&self) -> Chart {
        let patient = self.client.create(json!({ "resourceType": "Patient" })).await;
        Chart { client: self.client.clone(), patient }
    }

    fn path(&self, rest: &str) -> String {
        format!("/api/v1/patients/{}/{rest}", self.patient)
    }

    async fn get(&self, rest: &str) -> Answer {
        self.client.get(&self.path(rest)).await
    }

    async fn post(&self, rest: &str, body: &Value) -> Answer {
        send(&self.client, "POST", &self.path(rest), None, body.to_string()).await
    }

    async fn patch(&self, rest: &str, version: &str, body: &Value) -> Answer {
        send(&self.client, "PATCH", &self.path(rest), Some(version), body.to_string()).await
    }

    /// Creates and gives the body.
    async fn made(&self, rest: &str, body: Value) -> Value {
        let answer = self.post(rest, &body).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{answer:?}");
        answer.json()
    }

    /// Amends the current version and gives the body.
    async fn amended(&self, rest: &str, body: Value) -> Value {
        let version = self.get(rest).await.header("etag").to_owned();
        let answer = self.patch(rest, &version, &body).await;
        assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
        answer.json()
    }

    /// The ids that a FHIR search finds among this patient's records.
    async fn found(&self, resource_type: &str, query: &str) -> Vec<String> {
        let path = format!("/fhir/R4/{resource_type}?patient={}&{query}", self.patient);
        let bundle = self.client.get(&path).await;
        assert_eq!(bundle.status, StatusCode::OK, "{bundle:?}");
        let entries = bundle.json()["entry"].as_array().cloned().unwrap_or_default();
        entries.iter().map(|entry| text(&entry["resource"]["id"])).collect()
    }

    /// Creates a FHIR resource about the patient; gives the id.
    async fn fhir(&self, mut resource: Value) -> String {
        let subject = if resource["resourceType"] == "AllergyIntolerance" { "patient" } else { "subject" };
        resource[subject] = json!({ "reference": format!("Patient/{}", self.patient) });
        self.client.create(resource).await
    }
}

async fn send(client: &Client, method: &str, path: &str, if_match: Option<&str>, body: String) -> Answer {
    let mut request = Request::builder().method(method).uri(path).header("content-type", "application/json");
    if let Some(version) = if_match {
        request = request.header("if-match", version);
    }
    client.send(request.body(body).unwrap()).await
}

/// The members that a refusal names.
fn pointers(answer: &Answer) -> Vec<String> {
    let body = answer.json();
    let errors = body["errors"].as_array().cloned().unwrap_or_default();
    errors.iter().map(|error| text(&error["pointer"])).collect()
}

/// The ids on a page.
fn ids(page: &Value) -> Vec<String> {
    page["items"].as_array().unwrap().iter().map(|item| text(&item["id"])).collect()
}
