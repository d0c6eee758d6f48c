//! One record at a time.

use domain::store::{Archive, Found};
use fhir::ResourceType;
use fhir::outcome::IssueType;
use kernel::Database;
use serde_json::json;
use services::record::Write;

use crate::harness::{ALICE, context, key, start};

#[tokio::test]
async fn a_record_is_read_back_byte_for_byte_with_the_servers_id_and_meta() {
    let h = start().await;
    let posted = br#"{"resourceType":"Observation","status":"final","code":{"text":"\u00e9"},"valueQuantity":{"value":1.00},
        "component":[{"code":{"text":"x"},"valueQuantity":{"value":1E-22}}]}"#;
    let done =
        h.single(ALICE, Write::create(ResourceType::Observation, posted.to_vec(), None)).await.unwrap();
    assert_eq!((done.status, done.version), (201, Some(1)));
    let Found::Version(body) = h.read(ALICE, ResourceType::Observation, &done.key.id).await else { panic!() };
    let text = String::from_utf8(body.json.into_inner()).unwrap();
    assert!(text.starts_with(&format!(
        r#"{{"resourceType":"Observation","id":"{}","meta":{{"versionId":"1","#,
        done.key.id
    )));
    assert!(
        text.contains(r#""valueQuantity":{"value":1.00}"#) && text.contains(r#""value":1E-22"#),
        "{text}"
    );
    assert_eq!(text.into_bytes(), done.json.unwrap().into_inner(), "the answer is what is stored");
}

#[tokio::test]
async fn versions_follow_each_other_and_all_stay_readable() {
    let h = start().await;
    let id = h.patient(ALICE, "Lovelace").await;
    let update = |family: &str, if_match| {
        let body = json!({"resourceType": "Patient", "id": id, "name": [{"family": family}]});
        Write::update(ResourceType::Patient, id.clone(), body.to_string().into_bytes(), if_match)
    };
    let second = h.single(ALICE, update("Byron", Some(1))).await.unwrap();
    assert_eq!((second.status, second.version), (200, Some(2)));
    let stale = h.single(ALICE, update("King", Some(1))).await.unwrap_err();
    assert_eq!((stale.status, stale.issues[0].code), (412, IssueType::Conflict));

    assert_eq!(h.json(ALICE, ResourceType::Patient, &id).await["name"][0]["family"], "Byron");
    let patient = key(ResourceType::Patient, &id);
    let Found::Version(first) = h.store.version(&context(ALICE), &patient, 1).await.unwrap() else {
        panic!()
    };
    assert!(String::from_utf8(first.json.into_inner()).unwrap().contains("Lovelace"));
    assert_eq!(h.store.version(&context(ALICE), &patient, 3).await.unwrap(), Found::Missing);

    let gone = h.single(ALICE, Ok(Write::delete(ResourceType::Patient, id.clone(), None))).await.unwrap();
    assert_eq!((gone.status, gone.version), (204, Some(3)));
    assert!(matches!(h.read(ALICE, ResourceType::Patient, &id).await, Found::Deleted { version: 3, .. }));
    assert!(h.found(ALICE, ResourceType::Patient, "family=byron").await.is_empty());
    assert_eq!(
        h.count(Database::Clinical, "select count(*) from record.patient_anchor where deleted").await,
        1
    );

    let back = h.single(ALICE, update("Again", None)).await.unwrap();
    assert_eq!((back.status, back.version), (201, Some(4)));
    assert_eq!(
        h.count(Database::Clinical, "select count(*) from record.patient_anchor where deleted").await,
        0
    );

    let page = h.store.history(&context(ALICE), &patient, 3, None).await.unwrap().unwrap();
    let versions: Vec<(i32, bool)> = page.entries.iter().map(|e| (e.version, e.json.is_some())).collect();
    assert_eq!(versions, [(4, true), (3, false), (2, true)]);
    let rest = h.store.history(&context(ALICE), &patient, 3, page.next.as_deref()).await.unwrap().unwrap();
    assert_eq!((rest.entries.len(), rest.entries[0].version, rest.next), (1, 1, None));
    let times: Vec<_> = page.entries.iter().chain(&rest.entries).map(|e| e.last_updated).collect();
    assert!(times.windows(2).all(|pair| pair[0] > pair[1]));
}

#[tokio::test]
async fn a_client_may_choose_the_id() {
    let h = start().await;
    let body = json!({"resourceType": "Patient", "id": "mine.1"}).to_string().into_bytes();
    let write = Write::update(ResourceType::Patient, "mine.1".to_owned(), body.clone(), None);
    assert_eq!(h.single(ALICE, write).await.unwrap().status, 201);
    let observation = json!({"resourceType": "Observation", "status": "final", "code": {"text": "x"},
        "subject": {"reference": "Patient/mine.1"}});
    let id = h.create(ALICE, observation).await.unwrap().key.id;
    assert_eq!(h.found(ALICE, ResourceType::Observation, "patient=mine.1").await, [id]);
    let wrong = Write::update(ResourceType::Patient, "other".to_owned(), body, None).unwrap_err();
    assert_eq!(wrong.status, 400);
}

#[tokio::test]
async fn a_reference_to_nothing_is_refused_with_its_element() {
    let h = start().await;
    let observation = |patient: &str, performer: &str| {
        json!({"resourceType": "Observation", "status": "final", "code": {"text": "x"},
            "subject": {"reference": patient}, "performer": [{"reference": performer}]})
    };
    let refusal = h.create(ALICE, observation("Patient/none", "Practitioner/none")).await.unwrap_err();
    assert_eq!(refusal.status, 422);
    assert_eq!(refusal.issues[0].expression.as_deref(), Some("Observation.subject"));

    let id = h.patient(ALICE, "Gone").await;
    let refusal =
        h.create(ALICE, observation(&format!("Patient/{id}"), "Practitioner/none")).await.unwrap_err();
    assert_eq!(refusal.issues[0].expression.as_deref(), Some("Observation.performer[0]"));
    h.single(ALICE, Ok(Write::delete(ResourceType::Patient, id.clone(), None))).await.unwrap();
    let refusal = h.create(ALICE, observation(&format!("Patient/{id}"), "http://x/y")).await.unwrap_err();
    assert_eq!((refusal.status, refusal.issues[0].code), (422, IssueType::Deleted));
}

#[tokio::test]
async fn a_hundred_creates_on_one_condition_make_one_record() {
    let h = start().await;
    let body = json!({"resourceType": "Patient", "identifier": [{"system": "urn:mrn", "value": "7"}]});
    let body = body.to_string().into_bytes();
    let attempts = (0..100).map(|_| {
        let condition = Some("identifier=urn:mrn|7".to_owned());
        h.single(ALICE, Write::create(ResourceType::Patient, body.clone(), condition))
    });
    let results = futures::future::join_all(attempts).await;
    let ids: std::collections::HashSet<String> =
        results.iter().map(|it| it.as_ref().unwrap().key.id.clone()).collect();
    assert_eq!(ids.len(), 1);
    assert_eq!(results.iter().filter(|it| it.as_ref().unwrap().status == 201).count(), 1);
    assert_eq!(h.count(Database::Phi, "select count(*) from record.resource").await, 1);
    assert_eq!(h.count(Database::Clinical, "select count(*) from record.patient_anchor").await, 1);
}

#[tokio::test]
async fn of_parallel_updates_on_one_version_one_wins() {
    let h = start().await;
    let id = h.patient(ALICE, "Race").await;
    let attempts = (0..20).map(|n| {
        let body = json!({"resourceType": "Patient", "id": id, "name": [{"family": format!("N{n}")}]});
        let body = body.to_string().into_bytes();
        h.single(ALICE, Write::update(ResourceType::Patient, id.clone(), body, Some(1)))
    });
    let results = futures::future::join_all(attempts).await;
    assert_eq!(results.iter().filter(|it| it.is_ok()).count(), 1);
    assert!(results.iter().filter_map(|it| it.as_ref().err()).all(|refusal| refusal.status == 412));
}
