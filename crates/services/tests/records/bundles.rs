//! Many records at once.

use fhir::ResourceType;
use fhir::outcome::IssueType;
use kernel::Database;
use serde_json::{Value, json};
use services::record::{EntryOutcome, Write};

use crate::harness::{ALICE, post, start, transaction};

fn three_databases() -> Value {
    transaction(vec![
        post("doc", json!({"resourceType": "Practitioner", "name": [{"family": "House"}]})),
        post("pat", json!({"resourceType": "Patient", "name": [{"family": "Curie"}]})),
        post(
            "enc",
            json!({"resourceType": "Encounter", "status": "finished", "class": {"code": "AMB"},
                "subject": {"reference": "urn:uuid:pat"}, "participant": [{"individual": {"reference": "urn:uuid:doc"}}],
                "period": {"start": "2020-01-01T10:00:00Z", "end": "2020-01-01T11:00:00Z"}}),
        ),
        post(
            "obs",
            json!({"resourceType": "Observation", "status": "final", "code": {"coding": [{"system": "http://loinc.org", "code": "8867-4"}]},
                "subject": {"reference": "urn:uuid:pat"}, "encounter": {"reference": "urn:uuid:enc"}, "effectiveDateTime": "2020-01-01"}),
        ),
    ])
}

#[tokio::test]
async fn a_transaction_over_three_databases_links_its_entries() {
    let h = start().await;
    let written = h.bundle(ALICE, &three_databases()).await.unwrap();
    let ids: Vec<String> = written
        .entries
        .iter()
        .map(|entry| match entry {
            EntryOutcome::Done(done) => done.key.id.clone(),
            other => panic!("{other:?}"),
        })
        .collect();
    let observation = h.json(ALICE, ResourceType::Observation, &ids[3]).await;
    assert_eq!(observation["subject"]["reference"], format!("Patient/{}", ids[1]));
    assert_eq!(observation["encounter"]["reference"], format!("Encounter/{}", ids[2]));
    let encounter = h.json(ALICE, ResourceType::Encounter, &ids[2]).await;
    assert_eq!(encounter["participant"][0]["individual"]["reference"], format!("Practitioner/{}", ids[0]));
    assert_eq!(
        h.found(ALICE, ResourceType::Observation, &format!("patient={}", ids[1])).await,
        [ids[3].clone()]
    );
    assert_eq!(
        h.found(ALICE, ResourceType::Observation, &format!("encounter={}", ids[2])).await,
        [ids[3].clone()]
    );
    // One commit: the decision stands in auth, the marks in the others, and every database has its audit row.
    assert_eq!(
        h.count(Database::Auth, "select count(*) from txn.decision where verdict = 'commit'").await,
        1
    );
    for database in Database::ALL {
        let events = "select count(*) from audit.event where operation = 'record.transaction'";
        assert_eq!(h.count(database, events).await, 1, "{database}");
    }
}

#[tokio::test]
async fn one_bad_entry_and_nothing_is_stored() {
    let h = start().await;
    for (entry, status, expression) in [
        (
            post("x", json!({"resourceType": "Condition", "subject": {"reference": "urn:uuid:nobody"}})),
            400,
            "Bundle.entry[4].resource.subject",
        ),
        (
            post("x", json!({"resourceType": "Condition", "subject": {"reference": "Patient/nobody"}})),
            422,
            "Bundle.entry[4].resource.subject",
        ),
        (
            post(
                "x",
                json!({"resourceType": "Condition", "subject": {"reference": "Patient?identifier=urn:x|none"}}),
            ),
            422,
            "Bundle.entry[4].resource.subject",
        ),
        (
            post("x", json!({"resourceType": "Condition", "nonsense": 1})),
            400,
            "Bundle.entry[4].resource.nonsense",
        ),
        (
            json!({"request": {"method": "PATCH", "url": "Patient/1"}, "resource": {"resourceType": "Binary"}}),
            400,
            "Bundle.entry[4].request.method",
        ),
    ] {
        let mut bundle = three_databases();
        bundle["entry"].as_array_mut().unwrap().push(entry);
        let refusal = h.bundle(ALICE, &bundle).await.unwrap_err();
        assert_eq!(refusal.status, status, "{refusal}");
        assert_eq!(refusal.issues[0].expression.as_deref(), Some(expression), "{refusal}");
        for database in Database::ALL {
            assert_eq!(h.count(database, "select count(*) from record.resource").await, 0);
            assert_eq!(h.count(database, "select count(*) from audit.event").await, 0);
            assert_eq!(
                h.count(
                    database,
                    "select count(*) from pg_prepared_xacts where database = current_database()"
                )
                .await,
                0
            );
        }
    }
}

#[tokio::test]
async fn a_conditional_reference_names_exactly_one() {
    let h = start().await;
    let practitioner = |npi: &str| json!({"resourceType": "Practitioner", "identifier": [{"system": "urn:npi", "value": npi}]});
    let one = h.create(ALICE, practitioner("1")).await.unwrap().key.id;
    h.create(ALICE, practitioner("2")).await.unwrap();
    h.create(ALICE, practitioner("2")).await.unwrap();
    let role = |npi: &str| {
        let reference = format!("Practitioner?identifier=urn:npi|{npi}");
        transaction(vec![post(
            "r",
            json!({"resourceType": "PractitionerRole", "practitioner": {"reference": reference}}),
        )])
    };
    let written = h.bundle(ALICE, &role("1")).await.unwrap();
    let EntryOutcome::Done(done) = &written.entries[0] else { panic!() };
    let stored = h.json(ALICE, ResourceType::PractitionerRole, &done.key.id).await;
    assert_eq!(stored["practitioner"]["reference"], format!("Practitioner/{one}"));
    let several = h.bundle(ALICE, &role("2")).await.unwrap_err();
    assert_eq!((several.status, several.issues[0].code), (412, IssueType::MultipleMatches));
    let none = h.bundle(ALICE, &role("3")).await.unwrap_err();
    assert_eq!((none.status, none.issues[0].code), (422, IssueType::NotFound));
    let unusable = Write::bundle(
        transaction(vec![post(
            "r",
            json!({"resourceType": "PractitionerRole",
            "practitioner": {"reference": "Practitioner?_lastUpdated=gt2020"}}),
        )])
        .to_string()
        .into_bytes(),
    );
    assert_eq!(unusable.unwrap_err().status, 400);
}

#[tokio::test]
async fn a_patient_found_by_identifier_is_the_patient_of_the_clinical_record() {
    let h = start().await;
    let patient = json!({"resourceType": "Patient", "identifier": [{"system": "urn:mrn", "value": "9"}]});
    let id = h.create(ALICE, patient).await.unwrap().key.id;
    let condition =
        json!({"resourceType": "Condition", "subject": {"reference": "Patient?identifier=urn:mrn|9"}});
    h.bundle(ALICE, &transaction(vec![post("c", condition)])).await.unwrap();
    assert_eq!(h.found(ALICE, ResourceType::Condition, &format!("patient={id}")).await.len(), 1);
}

#[tokio::test]
async fn if_none_exist_finds_what_is_there_and_what_the_bundle_makes() {
    let h = start().await;
    let entry = |name: &str, value: &str| {
        let mut entry = post(
            name,
            json!({"resourceType": "Organization", "identifier": [{"system": "urn:o", "value": value}]}),
        );
        entry["request"]["ifNoneExist"] = json!(format!("identifier=urn:o|{value}"));
        entry
    };
    let bundle = json!({"resourceType": "Bundle", "type": "batch", "entry": [entry("a", "1"), entry("b", "1"), entry("c", "2")]});
    let statuses = |written: &services::record::Written| -> Vec<u16> {
        written
            .entries
            .iter()
            .map(|e| match e {
                EntryOutcome::Done(done) => done.status,
                other => panic!("{other:?}"),
            })
            .collect()
    };
    assert_eq!(statuses(&h.bundle(ALICE, &bundle).await.unwrap()), [201, 200, 201]);
    assert_eq!(statuses(&h.bundle(ALICE, &bundle).await.unwrap()), [200, 200, 200]);
    assert_eq!(h.count(Database::Auth, "select count(*) from record.resource").await, 2);
}

#[tokio::test]
async fn a_batch_does_what_it_can() {
    let h = start().await;
    let id = h.patient(ALICE, "Batch").await;
    let bundle = json!({"resourceType": "Bundle", "type": "batch", "entry": [
        {"resource": {"resourceType": "Patient"}, "request": {"method": "POST", "url": "Patient"}},
        {"resource": {"resourceType": "Patient", "nonsense": 1}, "request": {"method": "POST", "url": "Patient"}},
        {"resource": {"resourceType": "Condition", "subject": {"reference": "Patient/nobody"}}, "request": {"method": "POST", "url": "Condition"}},
        {"request": {"method": "DELETE", "url": format!("Patient/{id}"), "ifMatch": "W/\"5\""}},
        {"request": {"method": "GET", "url": format!("Patient/{id}")}},
    ]});
    let written = h.bundle(ALICE, &bundle).await.unwrap();
    let seen: Vec<u16> = written
        .entries
        .iter()
        .map(|entry| match entry {
            EntryOutcome::Done(done) => done.status,
            EntryOutcome::Refused(refusal) => refusal.status,
            EntryOutcome::Read(_) => 0,
        })
        .collect();
    assert_eq!(seen, [201, 400, 422, 412, 0]);
    assert_eq!(h.count(Database::Phi, "select count(*) from record.resource").await, 2);
}

#[tokio::test]
async fn two_entries_on_one_record_are_refused() {
    let entry = json!({"resource": {"resourceType": "Patient", "id": "a"}, "request": {"method": "PUT", "url": "Patient/a"}});
    let refusal =
        Write::bundle(transaction(vec![entry.clone(), entry]).to_string().into_bytes()).unwrap_err();
    assert_eq!((refusal.status, refusal.issues[0].expression.as_deref()), (400, Some("Bundle.entry[1]")));
}

#[tokio::test]
async fn a_document_that_is_stored_keeps_the_urns_of_its_own_entries() {
    let h = start().await;
    let document = json!({"resourceType": "Bundle", "type": "document", "entry": [
        {"fullUrl": "urn:uuid:1", "resource": {"resourceType": "Basic", "code": {"text": "x"},
            "subject": {"reference": "urn:uuid:2"}}}]});
    for kind in ["batch", "transaction"] {
        let bundle = json!({"resourceType": "Bundle", "type": kind, "entry": [
            {"resource": document, "request": {"method": "POST", "url": "Bundle"}}]});
        let written = h.bundle(ALICE, &bundle).await.unwrap();
        let EntryOutcome::Done(done) = &written.entries[0] else { panic!("{written:?}") };
        let stored = h.json(ALICE, ResourceType::Bundle, &done.key.id).await;
        assert_eq!(stored["entry"][0]["resource"]["subject"]["reference"], "urn:uuid:2");
    }
}

#[tokio::test]
async fn an_entry_that_must_not_replace_fails_its_transaction_where_there_is_something() {
    let h = start().await;
    let entry = json!({"resource": {"resourceType": "Patient", "id": "a"},
        "request": {"method": "PUT", "url": "Patient/a", "ifNoneMatch": "*"}});
    assert!(h.bundle(ALICE, &transaction(vec![entry.clone()])).await.is_ok());
    assert_eq!(h.bundle(ALICE, &transaction(vec![entry])).await.unwrap_err().status, 412);
}
