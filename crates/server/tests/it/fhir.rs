//! The interactions with one resource, Bundles, searches and histories, as a client sees them.

use axum::http::{Request, StatusCode};
use bytes::Bytes;
use serde_json::{Value, json};

use crate::client::{Client, FHIR_JSON, text};
use crate::salus::shared;

fn patient(family: &str) -> Value {
    json!({ "resourceType": "Patient", "name": [{ "family": family }], "gender": "female" })
}

/// A family name that no other test uses.
fn unique() -> String {
    format!("Q{}", uuid::Uuid::new_v4().simple())
}

async fn conditional(
    client: &Client,
    method: &str,
    path: &str,
    header: (&str, &str),
    body: String,
) -> crate::client::Answer {
    let request = Request::builder().method(method).uri(path).header(header.0, header.1);
    client.send(request.header("content-type", FHIR_JSON).body(body).unwrap()).await
}

#[tokio::test]
async fn what_was_posted_is_read_back_with_its_decimals_as_they_were() {
    let client = shared().await;
    let subject = client.create(patient("Decimal")).await;
    // Written by hand: a JSON library might write the number otherwise.
    let body = r#"{"resourceType":"Observation","status":"final","code":{"text":"x"},
        "subject":{"reference":"Patient/SUBJECT"},"valueQuantity":{"value":1.500,"unit":"mmol/L"}}"#;
    let body = body.replace("SUBJECT", &subject);
    let created = client.post("/fhir/R4/Observation", body).await;
    assert_eq!(created.status, StatusCode::CREATED, "{created:?}");
    assert_eq!(created.header("etag"), "W/\"1\"");
    let id = text(&created.json()["id"]);
    let location = format!("http://{}/fhir/R4/Observation/{id}/_history/1", client.address);
    assert_eq!(created.header("location"), location);
    let read = client.get(&format!("/fhir/R4/Observation/{id}")).await;
    assert_eq!(read.status, StatusCode::OK);
    assert_eq!(read.body, created.body);
    assert!(String::from_utf8_lossy(&read.body).contains(r#""value":1.500,"#));
    assert!(read.header("last-modified").ends_with("GMT"));
    let head = Request::head(format!("/fhir/R4/Observation/{id}")).body(Bytes::new()).unwrap();
    let head = client.send(head).await;
    assert_eq!((head.status, head.body.len()), (StatusCode::OK, 0));
    assert_eq!(head.header("etag"), "W/\"1\"");
}

#[tokio::test]
async fn versions_are_kept_and_conditions_on_them_hold() {
    let client = shared().await;
    let id = client.create(patient("Version")).await;
    let path = format!("/fhir/R4/Patient/{id}");
    let mut second = patient("Version");
    second["id"] = json!(id);
    second["active"] = json!(true);
    let stale = conditional(&client, "PUT", &path, ("if-match", "W/\"7\""), second.to_string()).await;
    assert_eq!(stale.status, StatusCode::PRECONDITION_FAILED, "{stale:?}");
    let updated = conditional(&client, "PUT", &path, ("if-match", "W/\"1\""), second.to_string()).await;
    assert_eq!(updated.status, StatusCode::OK, "{updated:?}");
    assert_eq!(updated.header("etag"), "W/\"2\"");
    let unchanged = conditional(&client, "GET", &path, ("if-none-match", "W/\"2\""), String::new()).await;
    assert_eq!((unchanged.status, unchanged.body.len()), (StatusCode::NOT_MODIFIED, 0));

    let first = client.get(&format!("{path}/_history/1")).await;
    assert_eq!(first.status, StatusCode::OK);
    assert_eq!(first.json()["active"], Value::Null);
    assert_eq!(client.get(&format!("{path}/_history/3")).await.status, StatusCode::NOT_FOUND);

    assert_eq!(client.delete(&path).await.status, StatusCode::NO_CONTENT);
    let gone = client.get(&path).await;
    assert_eq!(gone.status, StatusCode::GONE);
    assert_eq!(gone.header("etag"), "W/\"3\"");
    assert_eq!(client.get(&format!("{path}/_history/2")).await.status, StatusCode::OK);

    let newest = client.get(&format!("{path}/_history?_count=2")).await.json();
    let methods: Vec<_> =
        newest["entry"].as_array().unwrap().iter().map(|entry| text(&entry["request"]["method"])).collect();
    assert_eq!(methods, ["DELETE", "PUT"]);
    let next = text(&newest["link"][1]["url"]);
    let next = next.strip_prefix(&format!("http://{}", client.address)).unwrap();
    let oldest = client.get(next).await.json();
    assert_eq!(oldest["entry"].as_array().unwrap().len(), 1);
    assert_eq!(oldest["entry"][0]["response"]["etag"], "W/\"1\"");
    assert!(oldest["link"].as_array().unwrap().iter().all(|link| link["relation"] != "next"));
}

#[tokio::test]
async fn an_update_creates_under_the_clients_id() {
    let client = shared().await;
    let id = unique();
    let mut resource = patient("Own");
    resource["id"] = json!(id);
    let created = client.put(&format!("/fhir/R4/Patient/{id}"), resource.to_string()).await;
    assert_eq!(created.status, StatusCode::CREATED, "{created:?}");
    assert!(created.header("location").ends_with(&format!("/Patient/{id}/_history/1")));
    resource["id"] = json!("another");
    let refused = client.put(&format!("/fhir/R4/Patient/{id}"), resource.to_string()).await;
    assert_eq!(refused.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_write_is_answered_as_the_client_prefers() {
    let client = shared().await;
    let body = patient("Prefer").to_string();
    let minimal =
        conditional(&client, "POST", "/fhir/R4/Patient", ("prefer", "return=minimal"), body.clone()).await;
    assert_eq!((minimal.status, minimal.body.len()), (StatusCode::CREATED, 0));
    assert!(!minimal.header("location").is_empty());
    let outcome = ("prefer", "return=OperationOutcome");
    let outcome = conditional(&client, "POST", "/fhir/R4/Patient", outcome, body).await;
    assert_eq!(outcome.issue().0, "informational");
}

#[tokio::test]
async fn a_conditional_create_creates_once() {
    let client = shared().await;
    let value = unique();
    let mut body = patient("Once");
    body["identifier"] = json!([{ "system": "urn:test", "value": value }]);
    let condition = format!("identifier=urn:test|{value}");
    let create =
        || conditional(&client, "POST", "/fhir/R4/Patient", ("if-none-exist", &condition), body.to_string());
    let (first, second) = (create().await, create().await);
    assert_eq!((first.status, second.status), (StatusCode::CREATED, StatusCode::OK), "{second:?}");
    assert_eq!(first.json()["id"], second.json()["id"]);
}

#[tokio::test]
async fn a_transaction_over_three_databases_is_found_whole() {
    let client = shared().await;
    let family = unique();
    let entry = |url: &str, full: &str, resource: Value| {
        let request = json!({ "method": "POST", "url": url });
        json!({ "fullUrl": full, "resource": resource, "request": request })
    };
    let bundle = json!({ "resourceType": "Bundle", "type": "transaction", "entry": [
        entry("Practitioner", "urn:uuid:00000000-0000-4000-8000-000000000001",
            json!({ "resourceType": "Practitioner", "name": [{ "family": family }] })),
        entry("Patient", "urn:uuid:00000000-0000-4000-8000-000000000002", json!({
            "resourceType": "Patient", "name": [{ "family": family }],
            "generalPractitioner": [{ "reference": "urn:uuid:00000000-0000-4000-8000-000000000001" }] })),
        entry("Observation", "urn:uuid:00000000-0000-4000-8000-000000000003", json!({
            "resourceType": "Observation", "status": "final",
            "code": { "coding": [{ "system": "http://loinc.org", "code": "8302-2" }] },
            "subject": { "reference": "urn:uuid:00000000-0000-4000-8000-000000000002" },
            "effectiveDateTime": "2020-02-03T04:05:06Z" })),
    ]});
    let answer = client.post("/fhir/R4", bundle.to_string()).await;
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    let answer = answer.json();
    assert_eq!(answer["type"], "transaction-response");
    let at = |index: usize| text(&answer["entry"][index]["response"]["location"]);
    let id = |index: usize| at(index).rsplit('/').nth(2).unwrap().to_owned();
    let found = client.get(&format!("/fhir/R4/Patient?family={family}")).await.json();
    assert_eq!(found["entry"][0]["resource"]["id"], json!(id(1)));
    let practitioner = format!("Practitioner/{}", id(0));
    assert_eq!(found["entry"][0]["resource"]["generalPractitioner"][0]["reference"], json!(practitioner));
    let query = format!("/fhir/R4/Observation?patient={}&code=http://loinc.org|8302-2&_sort=-date", id(1));
    let observations = client.get(&query.replace('|', "%7C")).await.json();
    assert_eq!(observations["entry"].as_array().map(Vec::len), Some(1), "{observations}");
    assert_eq!(observations["entry"][0]["search"]["mode"], "match");
}

#[tokio::test]
async fn a_search_pages_through_everything_once() {
    let client = shared().await;
    let family = unique();
    for _ in 0..5 {
        client.create(patient(&family)).await;
    }
    let mut next = Some(format!("/fhir/R4/Patient?family={family}&_count=2&_total=accurate"));
    let mut seen = std::collections::BTreeSet::new();
    let mut pages = 0;
    while let Some(path) = next {
        let page = client.get(&path).await.json();
        assert_eq!(page["type"], "searchset", "{page}");
        assert_eq!(page["total"], 5);
        for entry in page["entry"].as_array().unwrap() {
            assert!(seen.insert(text(&entry["fullUrl"])));
        }
        let link = page["link"].as_array().unwrap().iter().find(|link| link["relation"] == "next");
        let prefix = format!("http://{}", client.address);
        next = link.map(|link| text(&link["url"]).strip_prefix(&prefix).unwrap().to_owned());
        pages += 1;
    }
    assert_eq!((seen.len(), pages), (5, 3));
}

#[tokio::test]
async fn a_search_by_form_finds_what_a_search_by_url_finds() {
    let client = shared().await;
    let family = unique();
    let id = client.create(patient(&family)).await;
    let request =
        Request::post("/fhir/R4/Patient/_search").header("content-type", "application/x-www-form-urlencoded");
    let found = client.send(request.body(format!("family={family}")).unwrap()).await.json();
    assert_eq!(found["entry"][0]["resource"]["id"], json!(id));
}

#[tokio::test]
async fn an_unknown_parameter_is_refused_or_under_lenient_handling_said() {
    let client = shared().await;
    let strict = client.get("/fhir/R4/Patient?shoesize=46").await;
    assert_eq!(strict.status, StatusCode::BAD_REQUEST);
    assert!(strict.issue().1.contains("shoesize"), "{strict:?}");
    let path = format!("/fhir/R4/Patient?shoesize=46&family={}", unique());
    let lenient =
        conditional(&client, "GET", &path, ("prefer", "handling=lenient"), String::new()).await.json();
    assert_eq!(lenient["entry"][0]["search"]["mode"], "outcome", "{lenient}");
    assert!(!text(&lenient["link"][0]["url"]).contains("shoesize"));
}

#[tokio::test]
async fn the_statement_claims_the_types_and_is_open() {
    let client = Client { token: None, ..shared().await };
    let statement = client.get("/fhir/R4/metadata").await;
    assert_eq!(statement.status, StatusCode::OK);
    assert_eq!(statement.json()["fhirVersion"], "4.0.1");
}

#[tokio::test]
async fn indentation_changes_no_value() {
    let client = shared().await;
    let id = client.create(patient("Pretty")).await;
    let plain = client.get(&format!("/fhir/R4/Patient/{id}")).await;
    let pretty = client.get(&format!("/fhir/R4/Patient/{id}?_pretty=true")).await;
    assert!(pretty.body.contains(&b'\n') && !plain.body.contains(&b'\n'));
    assert_eq!(pretty.json(), plain.json());
}

#[tokio::test]
async fn the_reads_of_a_bundle_are_answered_after_its_writes() {
    let client = shared().await;
    let id = client.create(json!({"resourceType": "Patient", "name": [{"family": "Before"}]})).await;
    let get = |url: String| json!({"request": {"method": "GET", "url": url}});
    let bundle = json!({"resourceType": "Bundle", "type": "batch", "entry": [
        get(format!("Patient/{id}")),
        get(format!("Patient?_id={id}&family=after")),
        get(format!("Patient/{id}/_history/1")),
        get(format!("Patient/{id}/_history")),
        get("Patient/nobody".to_owned()),
        get("Patient?shoesize=46".to_owned()),
        json!({"resource": {"resourceType": "Patient", "id": id, "name": [{"family": "After"}]},
            "request": {"method": "PUT", "url": format!("Patient/{id}")}}),
    ]});
    let answer = client.post("/fhir/R4", bundle.to_string()).await;
    assert_eq!(answer.status, StatusCode::OK);
    let entries = answer.json()["entry"].clone();
    assert_eq!(entries[0]["resource"]["name"][0]["family"], "After");
    assert_eq!(entries[1]["resource"]["entry"][0]["resource"]["id"], json!(id));
    assert_eq!(entries[2]["resource"]["name"][0]["family"], "Before");
    assert_eq!(entries[3]["resource"]["entry"].as_array().unwrap().len(), 2);
    assert_eq!(entries[4]["response"]["status"], "404 Not Found");
    assert_eq!(entries[5]["response"]["status"], "400 Bad Request");
    assert!(text(&entries[5]["response"]["outcome"]["issue"][0]["diagnostics"]).contains("shoesize"));
    assert_eq!(entries[6]["response"]["status"], "200 OK");
}

#[tokio::test]
async fn a_put_that_must_not_replace_is_412_where_there_is_a_resource() {
    let client = shared().await;
    let id = unique();
    let path = format!("/fhir/R4/Patient/{id}");
    let body = json!({ "resourceType": "Patient", "id": id }).to_string();
    let star = ("if-none-match", "*");
    let created = conditional(&client, "PUT", &path, star, body.clone()).await;
    assert_eq!(created.status, StatusCode::CREATED, "{created:?}");
    let refused = conditional(&client, "PUT", &path, star, body.clone()).await;
    assert_eq!(refused.status, StatusCode::PRECONDITION_FAILED, "{refused:?}");
    assert_eq!(client.get(&path).await.header("etag"), "W/\"1\"");
    let odd = conditional(&client, "PUT", &path, ("if-none-match", "soon"), body).await;
    assert_eq!(odd.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn many_reads_of_one_bundle_are_answered_in_their_order() {
    let client = shared().await;
    let mut ids = Vec::new();
    for _ in 0..3 {
        ids.push(client.create(patient("Order")).await);
    }
    let entries: Vec<Value> = (0..120)
        .map(|n| json!({ "request": { "method": "GET", "url": format!("Patient/{}", ids[n % 3]) } }))
        .collect();
    let bundle = json!({ "resourceType": "Bundle", "type": "batch", "entry": entries });
    let answer = client.post("/fhir/R4", bundle.to_string()).await.json();
    let answers = answer["entry"].as_array().unwrap();
    assert_eq!(answers.len(), 120);
    for (n, entry) in answers.iter().enumerate() {
        assert_eq!(text(&entry["resource"]["id"]), ids[n % 3], "entry {n}");
    }
}
