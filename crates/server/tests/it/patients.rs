//! `/api/v1/patients`: registering, finding, amending, deleting, and that both doors show the same patient.

mod isolation;
mod merge;
mod numbers;

use axum::http::{Request, StatusCode};
use bytes::Bytes;
use serde_json::{Value, json};

use crate::client::{Answer, Client, text};
use crate::salus::shared;

const PATH: &str = "/api/v1/patients";

/// A name of letters only that no other test uses.
fn unique() -> String {
    let letters = uuid::Uuid::new_v4().simple().to_string();
    let letters: String = letters.bytes().map(|it| char::from(b'a' + (it % 26))).collect();
    format!("Q{letters}")
}

fn person(family: &str) -> Value {
    json!({"family_name": family, "given_names": ["Eve"], "birth_date": "1980-05-17", "gender": "female"})
}

async fn send(client: &Client, method: &str, path: &str, headers: &[(&str, &str)], body: &Value) -> Answer {
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let body = if body.is_null() { Bytes::new() } else { Bytes::from(body.to_string()) };
    if !body.is_empty() {
        request = request.header("content-type", "application/json");
    }
    client.send(request.body(body).unwrap()).await
}

async fn post(client: &Client, path: &str, body: &Value) -> Answer {
    send(client, "POST", path, &[], body).await
}

async fn register(client: &Client, body: &Value) -> Value {
    let answer = post(client, PATH, body).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{answer:?}");
    answer.json()
}

async fn patch(client: &Client, id: &str, version: i64, body: &Value) -> Answer {
    let tag = format!("W/\"{version}\"");
    send(client, "PATCH", &format!("{PATH}/{id}"), &[("if-match", &tag)], body).await
}

fn pointers(answer: &Answer) -> Vec<String> {
    answer.json()["errors"].as_array().unwrap().iter().map(|error| text(&error["pointer"])).collect()
}

async fn listed(client: &Client, query: &str) -> Vec<String> {
    let answer = client.get(&format!("{PATH}?{query}")).await;
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    answer.json()["items"].as_array().unwrap().iter().map(|item| text(&item["id"])).collect()
}

#[tokio::test]
async fn a_registered_patient_stands_behind_both_doors() {
    let client = shared().await;
    let family = unique();
    let mut body = person(&family);
    // Like nobody whom another test registers.
    body["given_names"] = json!(["Aurelia"]);
    body["birth_date"] = json!("1931-01-07");
    body["identifiers"] = json!([{"system": "urn:oid:1.2.3", "value": family, "type": "SS"}]);
    body["telecom"] = json!([{"system": "email", "value": "eve@example.org", "use": "home"}]);
    body["address"] = json!([{"lines": ["1 Way"], "city": "Town", "country": "CH"}]);
    let answer = post(&client, PATH, &body).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{answer:?}");
    let created = answer.json();
    let id = text(&created["id"]);
    assert_eq!(answer.header("location"), format!("{PATH}/{id}"));
    assert_eq!(answer.header("etag"), "W/\"1\"");
    let number = text(&created["patient_number"]);
    let digits = number.strip_prefix('P').unwrap();
    assert!(digits.len() >= 10 && digits.bytes().all(|it| it.is_ascii_digit()), "{number}");
    assert!(text(&created["mrn"]).starts_with("MRN-"), "{created}");
    assert_eq!((&created["active"], &created["version"]), (&json!(true), &json!(1)));
    assert_eq!(created["possible_duplicates"], json!([]));

    let resource = client.get(&format!("/fhir/R4/Patient/{id}")).await.json();
    assert_eq!(resource["name"][0]["family"], json!(family));
    let identifiers = resource["identifier"].as_array().unwrap();
    let system = |wanted: &str| identifiers.iter().find(|it| it["system"] == wanted).unwrap();
    assert_eq!(system("urn:salus:patient-number")["value"], json!(number));
    assert_eq!(system("urn:salus:mrn")["type"]["coding"][0]["code"], "MR");
    let found = client.get(&format!("/fhir/R4/Patient?identifier=urn:salus:patient-number%7C{number}")).await;
    assert_eq!(found.json()["entry"][0]["resource"]["id"], json!(id));

    for path in [
        format!("{PATH}/{id}"),
        format!("{PATH}/by-number/{number}"),
        format!("{PATH}/by-mrn/{}", text(&created["mrn"])),
    ] {
        let read = client.get(&path).await;
        assert_eq!((read.status, read.header("etag")), (StatusCode::OK, "W/\"1\""), "{path}");
        let mut expected = created.clone();
        expected.as_object_mut().unwrap().remove("possible_duplicates");
        assert_eq!(read.json(), expected, "{path}");
    }
    assert_eq!(client.get(&format!("{PATH}/by-number/P1999000001")).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_patient_from_the_other_door_is_shown_and_given_a_number_once() {
    let client = shared().await;
    let id = client.create(json!({"resourceType": "Patient", "photo": [{"title": "kept"}]})).await;
    let shown = client.get(&format!("{PATH}/{id}")).await.json();
    assert_eq!((&shown["patient_number"], &shown["family_name"]), (&Value::Null, &Value::Null), "{shown}");
    let path = format!("{PATH}/{id}/patient-number");
    let given = post(&client, &path, &Value::Null).await;
    assert_eq!(given.status, StatusCode::OK, "{given:?}");
    let number = text(&given.json()["patient_number"]);
    assert!(number.starts_with('P'), "{given:?}");
    let again = post(&client, &path, &Value::Null).await.json();
    assert_eq!((text(&again["patient_number"]), &again["version"]), (number, &json!(2)));
    // Amended through this door, it keeps what this door does not know.
    let amended = patch(&client, &id, 2, &json!({"family_name": "Late"})).await;
    assert_eq!(amended.status, StatusCode::OK, "{amended:?}");
    let resource = client.get(&format!("/fhir/R4/Patient/{id}")).await.json();
    assert_eq!(resource["photo"][0]["title"], "kept");
    assert_eq!(resource["name"][0]["family"], "Late");
}

#[tokio::test]
async fn a_patch_changes_what_it_names_and_needs_the_current_version() {
    let client = shared().await;
    let created = register(&client, &person(&unique())).await;
    let id = text(&created["id"]);
    let path = format!("{PATH}/{id}");
    let blind = send(&client, "PATCH", &path, &[], &json!({"gender": "male"})).await;
    assert_eq!(blind.status, StatusCode::PRECONDITION_REQUIRED);
    let body = json!({"gender": "other", "telecom": [{"system": "phone", "value": "+41 44 123 45 67"}],
        "deceased_at": "2020-01-02"});
    let changed = patch(&client, &id, 1, &body).await;
    assert_eq!((changed.status, changed.header("etag")), (StatusCode::OK, "W/\"2\""), "{changed:?}");
    let changed = changed.json();
    assert_eq!(changed["gender"], "other");
    assert_eq!((&changed["deceased"], &changed["given_names"]), (&json!(true), &json!(["Eve"])));
    assert_eq!(changed["mrn"], created["mrn"]);
    assert_eq!(patch(&client, &id, 1, &body).await.status, StatusCode::PRECONDITION_FAILED);
    let cleared =
        patch(&client, &id, 2, &json!({"telecom": null, "deceased_at": null, "deceased": null})).await;
    assert_eq!(cleared.json()["telecom"], json!([]), "{cleared:?}");
    assert_eq!(cleared.json()["deceased"], Value::Null);
    for (body, pointer) in [
        (json!({"family_name": null}), "/family_name"),
        (json!({"patient_number": "P1"}), "/patient_number"),
        (json!({"version": 7}), "/version"),
        (json!({"telecom": [{"system": "phone", "value": "x"}]}), "/telecom/0/value"),
        (json!([]), "/"),
    ] {
        let refused = patch(&client, &id, 3, &body).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{body}: {refused:?}");
        assert_eq!(pointers(&refused), [pointer], "{refused:?}");
    }
}

#[tokio::test]
async fn what_cannot_be_registered_is_refused_member_by_member() {
    let client = shared().await;
    for (change, expected) in [
        (json!({"family_name": null}), vec!["/family_name"]),
        (json!({"family_name": 7}), vec!["/family_name"]),
        (
            json!({"birth_date": "2999-01-01", "telecom": [{"system": "email", "value": "x"}]}),
            vec!["/birth_date", "/telecom/0/value"],
        ),
        (json!({"gender": "m"}), vec!["/gender"]),
        (
            json!({"identifiers": [{"system": "urn:salus:patient-number", "value": "P1"}]}),
            vec!["/identifiers/0/system"],
        ),
        (json!({"shoe_size": 46}), vec!["/shoe_size"]),
        (json!({"address": [{"street": "x"}]}), vec!["/address/0/street"]),
        (json!({"general_practitioners": ["Practitioner/nobody"]}), vec!["/general_practitioners/0"]),
        (json!({"managing_organization": "nobody"}), vec!["/managing_organization"]),
    ] {
        let mut body = person("Wrong");
        for (name, value) in change.as_object().unwrap() {
            body[name] = value.clone();
        }
        let refused = post(&client, PATH, &body).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{change}: {refused:?}");
        assert_eq!(pointers(&refused), expected, "{refused:?}");
        assert!(!String::from_utf8_lossy(&refused.body).contains("Wrong"), "{refused:?}");
    }
    assert_eq!(client.get(&format!("{PATH}?birth_date=soon")).await.status, StatusCode::BAD_REQUEST);
    assert_eq!(client.get(&format!("{PATH}?shoe_size=46")).await.status, StatusCode::BAD_REQUEST);
    assert_eq!(client.get(&format!("{PATH}?cursor=x")).await.status, StatusCode::BAD_REQUEST);
    assert_eq!(client.get(&format!("{PATH}/a%20b")).await.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn each_filter_finds_who_it_describes() {
    let client = shared().await;
    let family = unique();
    let mut other = person(&family);
    other["given_names"] = json!(["Zoë Ada"]);
    other["birth_date"] = json!("1999-12-31");
    other["gender"] = json!("other");
    other["active"] = json!(false);
    other["mrn"] = json!(format!("M{family}"));
    other["identifiers"] = json!([{"system": "urn:oid:9", "value": family}]);
    let eve = register(&client, &person(&family)).await;
    let zoe = register(&client, &other).await;
    let (eve_id, zoe_id) = (text(&eve["id"]), text(&zoe["id"]));
    let prefix = &family[..30];
    for (query, expected) in [
        (format!("family_name={family}"), vec![&zoe_id, &eve_id]),
        (format!("family_name={prefix}&sort=birth_date"), vec![&eve_id, &zoe_id]),
        (format!("family_name={family}&sort=-birth_date"), vec![&zoe_id, &eve_id]),
        (format!("family_name={family}&sort=last_updated"), vec![&eve_id, &zoe_id]),
        (format!("family_name={family}&given_name=zoe"), vec![&zoe_id]),
        (format!("name={family}&given_name=ada"), vec![&zoe_id]),
        (format!("name={family}&birth_date=1980-05"), vec![&eve_id]),
        (format!("name={family}&birth_date_from=1990-01-01"), vec![&zoe_id]),
        (format!("name={family}&birth_date_to=1990-01-01"), vec![&eve_id]),
        (format!("name={family}&gender=other"), vec![&zoe_id]),
        (format!("name={family}&active=true"), vec![&eve_id]),
        (format!("name={family}&active=false"), vec![&zoe_id]),
        (format!("mrn=M{family}"), vec![&zoe_id]),
        (format!("patient_number={}", text(&eve["patient_number"])), vec![&eve_id]),
        (format!("identifier=urn:oid:9%7C{family}"), vec![&zoe_id]),
        (format!("identifier={family}"), vec![&zoe_id]),
        (format!("mrn={family}"), vec![]),
    ] {
        assert_eq!(listed(&client, &query).await.iter().collect::<Vec<_>>(), expected, "{query}");
    }
    let posted =
        post(&client, &format!("{PATH}/search"), &json!({"family_name": family, "gender": "other"})).await;
    assert_eq!(text(&posted.json()["items"][0]["id"]), zoe_id, "{posted:?}");
}

#[tokio::test]
async fn pages_are_stable_while_patients_are_registered() {
    let client = shared().await;
    let family = unique();
    let mut expected = Vec::new();
    for _ in 0..5 {
        let created = client.create(json!({"resourceType": "Patient", "name": [{"family": family}]})).await;
        expected.insert(0, created);
    }
    let mut seen = Vec::new();
    let mut next = Some(format!("{PATH}/search?limit=2"));
    while let Some(path) = next {
        let page = post(&client, &path, &json!({"family_name": family})).await;
        assert_eq!(page.status, StatusCode::OK, "{page:?}");
        let body = page.json();
        seen.extend(body["items"].as_array().unwrap().iter().map(|item| text(&item["id"])));
        next = body["next"].as_str().map(str::to_owned);
        assert_eq!(page.header("link").contains("rel=\"next\""), next.is_some());
        client.create(json!({"resourceType": "Patient", "name": [{"family": family}]})).await;
    }
    assert_eq!(seen, expected);
    let page = client.get(&format!("{PATH}?family_name={family}&limit=5000")).await.json();
    assert!(page["items"].as_array().unwrap().len() >= 8);
}

#[tokio::test]
async fn likely_duplicates_are_hinted_or_on_request_refused() {
    let client = shared().await;
    let family = unique();
    let first = register(&client, &person(&family)).await;
    let mut swapped = person("Eve");
    swapped["given_names"] = json!([family]);
    let second = register(&client, &swapped).await;
    let hinted = &second["possible_duplicates"][0];
    assert_eq!(hinted["id"], first["id"], "{second}");
    assert_eq!(hinted["score"], 100);
    assert!(hinted["reasons"].as_array().unwrap().contains(&json!("names_swapped")), "{second}");
    let refused = post(&client, &format!("{PATH}?on_duplicate=refuse"), &person(&family)).await;
    assert_eq!(refused.status, StatusCode::CONFLICT, "{refused:?}");
    assert!(String::from_utf8_lossy(&refused.body).contains(&text(&first["id"])));
    let mut stranger = person(&unique());
    stranger["given_names"] = json!(["Oleander"]);
    stranger["birth_date"] = json!("1933-03-03");
    let welcome = post(&client, &format!("{PATH}?on_duplicate=refuse"), &stranger).await;
    assert_eq!(welcome.status, StatusCode::CREATED, "{welcome:?}");
    let path = format!("{PATH}/{}/duplicates", text(&first["id"]));
    let found = client.get(&path).await.json();
    let found: Vec<_> = found["items"].as_array().unwrap().iter().map(|it| text(&it["id"])).collect();
    assert!(found.contains(&text(&second["id"])) && !found.contains(&text(&first["id"])), "{found:?}");
}

#[tokio::test]
async fn who_is_deleted_is_gone_and_leaves_a_history_that_says_what_changed() {
    let client = shared().await;
    let family = unique();
    let created = register(&client, &person(&family)).await;
    let id = text(&created["id"]);
    let path = format!("{PATH}/{id}");
    let later = unique();
    assert_eq!(patch(&client, &id, 1, &json!({"family_name": later})).await.status, StatusCode::OK);
    let late = send(&client, "DELETE", &path, &[("if-match", "W/\"1\"")], &Value::Null).await;
    assert_eq!(late.status, StatusCode::PRECONDITION_FAILED, "{late:?}");
    assert_eq!(client.delete(&path).await.status, StatusCode::NO_CONTENT);
    assert_eq!(client.get(&path).await.status, StatusCode::GONE);
    assert_eq!(client.get(&format!("/fhir/R4/Patient/{id}")).await.status, StatusCode::GONE);
    assert_eq!(
        client.delete(&format!("{PATH}/{}", uuid::Uuid::new_v4())).await.status,
        StatusCode::NOT_FOUND
    );

    let me = client.get("/api/v1/auth/me").await.json();
    let mut versions = Vec::new();
    let mut next = Some(format!("{path}/history?limit=2"));
    while let Some(path) = next {
        let page = client.get(&path).await.json();
        versions.extend(page["items"].as_array().unwrap().clone());
        next = page["next"].as_str().map(str::to_owned);
    }
    assert_eq!(versions.len(), 3);
    assert_eq!((&versions[0]["deleted"], &versions[1]["deleted"]), (&json!(true), &json!(false)));
    let change = json!([{"member": "family_name", "before": family, "after": later}]);
    assert_eq!(versions[1]["changes"], change, "{versions:?}");
    assert!(versions[2]["changes"].as_array().unwrap().iter().any(|it| it["member"] == "patient_number"));
    for version in &versions {
        let account = text(&version["account"]);
        assert!(!account.is_empty() && me.to_string().contains(&account), "{version} {me}");
    }
}
