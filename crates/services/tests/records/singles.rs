//! One record at a time.

use domain::store::{Archive, Found};
use fhir::ResourceType;
use fhir::etag::Condition;
use fhir::outcome::IssueType;
use kernel::Database;
use serde_json::json;
use services::record::{EntryOutcome, Write};
use test_support::Role;
use test_support::sqlx::{self, AssertSqlSafe};

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

#[tokio::test]
async fn an_id_that_a_client_gives_is_claimed_in_one_database_after_the_other() {
    let h = start().await;
    // Somebody else is about to create the same Patient, and has come as far as `phi`.
    let mut phi = h.databases.connect(Database::Phi, Role::Superuser).await;
    let claim =
        "begin; insert into record.resource (rid, tenant, type, version, last_updated, fhir_id, tokens, body)
        values (1, 1, TYPE, 1, now(), 'claimed', '{}', '')";
    let claim = claim.replace("TYPE", &ResourceType::Patient.number().to_string());
    sqlx::raw_sql(AssertSqlSafe(claim)).execute(&mut phi).await.unwrap();
    let body = json!({"resourceType": "Patient", "id": "claimed"}).to_string().into_bytes();
    let write = Write::update(ResourceType::Patient, "claimed".to_owned(), body, None).unwrap();
    let other = async {
        tokio::time::sleep(std::time::Duration::from_millis(400)).await;
        // Whoever waits in `phi` holds nothing in `clinical` that the other could wait for in turn.
        let mut clinical = h.databases.connect(Database::Clinical, Role::Superuser).await;
        let anchor = "set lock_timeout = '500ms'; begin;
            insert into record.patient_anchor (tenant, fhir_id, rid) values (1, 'claimed', 1); rollback";
        let anchored = sqlx::raw_sql(anchor).execute(&mut clinical).await;
        sqlx::raw_sql("rollback").execute(&mut phi).await.unwrap();
        anchored.map(|_| ())
    };
    let (written, anchored) = futures::join!(h.execute(ALICE, write), other);
    anchored.unwrap();
    let written = written.unwrap();
    assert!(matches!(&written.entries[0], EntryOutcome::Done(done) if done.status == 201), "{written:?}");
}

#[tokio::test]
async fn a_conditional_create_that_finds_a_patient_leaves_a_trace() {
    let h = start().await;
    let body = json!({"resourceType": "Patient", "identifier": [{"system": "urn:mrn", "value": "9"}]});
    let create = || {
        let condition = Some("identifier=urn:mrn|9".to_owned());
        Write::create(ResourceType::Patient, body.to_string().into_bytes(), condition)
    };
    assert_eq!(h.single(ALICE, create()).await.unwrap().status, 201);
    let rows = "select count(*) from audit.event where cardinality(patients) = 1";
    let before = h.count(Database::Phi, rows).await;
    assert_eq!(h.single(ALICE, create()).await.unwrap().status, 200);
    assert_eq!(h.count(Database::Phi, rows).await, before + 1);
}

#[tokio::test]
async fn an_update_that_must_not_replace_creates_or_is_refused() {
    let h = start().await;
    let update = |condition| {
        let body = json!({"resourceType": "Patient", "id": "once"}).to_string().into_bytes();
        Write::update(ResourceType::Patient, "once".to_owned(), body, None)
            .map(|write| write.unless(Some(condition)))
    };
    assert_eq!(h.single(ALICE, update(Condition::Any)).await.unwrap().status, 201);
    assert_eq!(h.single(ALICE, update(Condition::Any)).await.unwrap_err().status, 412);
    assert_eq!(h.single(ALICE, update(Condition::Versions(vec![1]))).await.unwrap_err().status, 412);
    assert_eq!(h.single(ALICE, update(Condition::Versions(vec![7]))).await.unwrap().version, Some(2));
    h.single(ALICE, Ok(Write::delete(ResourceType::Patient, "once".to_owned(), None))).await.unwrap();
    assert_eq!(h.single(ALICE, update(Condition::Any)).await.unwrap().status, 201);
}

#[test]
fn a_condition_without_criteria_is_refused() {
    let body = br#"{"resourceType":"Patient"}"#.to_vec();
    for empty in ["", "&", "&&"] {
        let refused = Write::create(ResourceType::Patient, body.clone(), Some(empty.to_owned())).unwrap_err();
        assert_eq!(refused.status, 400, "{empty}");
    }
}
