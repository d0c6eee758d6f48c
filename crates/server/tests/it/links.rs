//! Where the operator names the URL by which clients reach the server, every link begins with it: also the path of a
//! proxy, which our own paths do not know.

use api::{Edge, PublicUrl};
use axum::body::Body;
use axum::http::{Request, StatusCode};
use identity::PasswordCost;
use serde_json::{Value, json};

use crate::chart::least_of_each_kind;
use crate::client::{Answer, call, text};
use crate::in_process::InProcess;
use crate::people::PASSWORD;

const BASE: &str = "https://salus.example.org/proxied";

struct Proxied {
    salus: InProcess,
    token: String,
    links: usize,
}

impl Proxied {
    async fn start() -> Proxied {
        let edge = Edge { public_url: Some(PublicUrl::new(BASE)), ..Edge::default() };
        let salus = InProcess::behind(edge).await;
        // The organization that the token names.
        salus.create_account("admin", PASSWORD, PasswordCost::CHEAP).await;
        let token = salus.token(&["administrator", "system_administrator"]);
        Proxied { salus, token, links: 0 }
    }

    /// Sends, and looks at every link of the answer.
    async fn send(&mut self, method: &str, path: &str, body: Option<Value>) -> Answer {
        let kind = if path.starts_with("/fhir") { "application/fhir+json" } else { "application/json" };
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", "inside.example:8080")
            .header("content-type", kind)
            .header("if-match", "W/\"1\"")
            .header("authorization", format!("Bearer {}", self.token));
        let body = body.map_or_else(Body::empty, |body| Body::from(body.to_string()));
        let answer = call(self.salus.router.clone(), request.body(body).unwrap()).await;
        assert!(answer.status.is_success(), "{method} {path}: {answer:?}");
        for name in ["location", "content-location", "link"] {
            let link = answer.header(name).trim_start_matches('<').to_owned();
            if !link.is_empty() {
                self.look(&format!("{method} {path}: {name}"), &link);
            }
        }
        if !answer.body.is_empty() {
            let body = answer.json();
            assert!(!body.to_string().contains("inside.example"), "{method} {path}: {body}");
            self.look_at_members(&format!("{method} {path}"), &body);
        }
        answer
    }

    fn look(&mut self, place: &str, link: &str) {
        assert!(link.starts_with(&format!("{BASE}/")), "{place}: {link}");
        self.links += 1;
    }

    fn look_at_members(&mut self, place: &str, value: &Value) {
        match value {
            Value::Object(members) => {
                // What is to be done in an entry of a Bundle is no link.
                for (name, member) in members.iter().filter(|(name, _)| *name != "request") {
                    match member.as_str() {
                        Some(link) if ["next", "fullUrl", "location", "url"].contains(&name.as_str()) => {
                            self.look(&format!("{place}: {name}"), link);
                        }
                        _ => self.look_at_members(place, member),
                    }
                }
            }
            Value::Array(items) => items.iter().for_each(|item| self.look_at_members(place, item)),
            _ => {}
        }
    }

    /// The list has a second page, which lies where the first one says.
    async fn pages(&mut self, method: &str, path: &str, body: Option<Value>) {
        let first = self.send(method, path, body.clone()).await;
        let (next, items) = match first.json()["resourceType"].as_str() {
            Some(_) => (first.json()["link"][1]["url"].clone(), "entry"),
            None => {
                assert_eq!(first.header("link"), format!("<{}>; rel=\"next\"", text(&first.json()["next"])));
                (first.json()["next"].clone(), "items")
            }
        };
        let next = text(&next);
        let second = self.send(method, next.strip_prefix(BASE).unwrap(), body).await;
        assert_eq!(second.json()[items].as_array().unwrap().len(), 1, "{path}");
        assert_ne!(second.json()[items], first.json()[items], "{path}");
    }

    async fn made(&mut self, path: &str, body: Value) -> String {
        let made = self.send("POST", path, Some(body)).await;
        assert_eq!(made.status, StatusCode::CREATED);
        assert_ne!(made.header("location"), "", "{path}");
        text(&made.json()["id"])
    }
}

#[tokio::test]
async fn the_links_of_the_typed_door_begin_with_the_public_url() {
    let mut proxied = Proxied::start().await;
    let new = |family: &str| json!({ "family_name": family, "birth_date": "1961-04-17", "gender": "female" });
    let patient = proxied.made("/api/v1/patients", new("Vesterholm")).await;
    proxied.made("/api/v1/patients", new("Vesterlund")).await;
    let shown = proxied.send("GET", &format!("/api/v1/patients/{patient}"), None).await.json();
    let number = text(&shown["patient_number"]);
    let found = proxied.send("GET", &format!("/api/v1/patients/by-number/{number}"), None).await;
    assert_eq!(found.header("content-location"), format!("{BASE}/api/v1/patients/{patient}"));
    let path = format!("/api/v1/patients/{patient}");
    proxied.send("PATCH", &path, Some(json!({ "family_name": "Vestergaard" }))).await;
    proxied.pages("GET", "/api/v1/patients?limit=1", None).await;
    proxied.pages("POST", "/api/v1/patients/search?limit=1", Some(json!({ "family_name": "vester" }))).await;
    proxied.pages("GET", &format!("{path}/history?limit=1"), None).await;

    for (kind, new) in least_of_each_kind() {
        proxied.made(&format!("{path}/{kind}"), new.clone()).await;
        proxied.made(&format!("{path}/{kind}"), new).await;
        proxied.pages("GET", &format!("{path}/{kind}?limit=1"), None).await;
    }
    proxied.pages("GET", &format!("{path}/vital-signs/trend?member=heart_rate&limit=1"), None).await;

    proxied.made("/api/v1/users", json!({ "username": "nora.north", "roles": ["nurse"] })).await;
    proxied.pages("GET", "/api/v1/users?limit=1", None).await;
    let clinic = json!({ "name": "North Clinic", "administrator": { "username": "north.admin" } });
    proxied.made("/api/v1/organizations", clinic).await;
    proxied.pages("GET", "/api/v1/organizations?limit=1", None).await;
    assert!(proxied.links > 40, "only {} links", proxied.links);
}

#[tokio::test]
async fn the_links_of_the_fhir_door_and_of_the_documents_begin_with_the_public_url() {
    let mut proxied = Proxied::start().await;
    let patient = json!({ "resourceType": "Patient" });
    let id = proxied.made("/fhir/R4/Patient", patient.clone()).await;
    let changed = json!({ "resourceType": "Patient", "id": id, "active": true });
    proxied.send("PUT", &format!("/fhir/R4/Patient/{id}"), Some(changed)).await;
    let create = json!({ "resource": patient, "request": { "method": "POST", "url": "Patient" } });
    let search = json!({ "request": { "method": "GET", "url": "Patient?_count=1" } });
    let bundle = json!({ "resourceType": "Bundle", "type": "transaction", "entry": [create, search] });
    proxied.send("POST", "/fhir/R4", Some(bundle)).await;
    proxied.pages("GET", "/fhir/R4/Patient?_count=1", None).await;
    proxied.pages("GET", &format!("/fhir/R4/Patient/{id}/_history?_count=1"), None).await;
    assert!(proxied.links > 12, "only {} links", proxied.links);

    let get = |path: &str| Request::get(path).header("host", "inside.example").body(Body::empty()).unwrap();
    let document = call(proxied.salus.router.clone(), get("/openapi.json")).await.json();
    assert_eq!(document["servers"][0]["url"], BASE);
    let statement = call(proxied.salus.router.clone(), get("/fhir/R4/metadata")).await.json();
    assert_eq!(statement["implementation"]["url"], format!("{BASE}/fhir/R4"));
    // What is one server's is not another's.
    let plain = InProcess::start().await;
    let document = call(plain.router.clone(), get("/openapi.json")).await.json();
    assert_eq!(document["servers"][0]["url"], "/");
}
