//! Lists of the typed door with a filter, where what is wanted is rare: every page but the last is full.

use domain::chart::Entry;
use domain::chart::allergy::Allergy;
use domain::chart::encounter::Encounter;
use domain::chart::problem::Problem;
use domain::chart::vital_signs::Status;
use domain::chart::vital_signs::table::Member;
use serde_json::{Value, json};
use services::chart::{self, ChartError, Chosen, SetFilters};
use services::patient;

use crate::harness::{ALICE, Harness, context, start, transaction};

/// Creates all of them, in this order, in a few transactions.
async fn load(harness: &Harness, resources: Vec<Value>) {
    for some in resources.chunks(500) {
        let entry = |resource: &Value| {
            let url = resource["resourceType"].clone();
            json!({ "resource": resource, "request": { "method": "POST", "url": url } })
        };
        harness.bundle(ALICE, &transaction(some.iter().map(entry).collect())).await.unwrap();
    }
}

/// All pages, each of which but the last must hold `limit`.
async fn walk<T>(limit: usize, mut page: impl AsyncFnMut(Option<String>) -> Chosen<T>) -> Vec<T> {
    let (mut all, mut cursor) = (Vec::new(), None);
    loop {
        let Chosen { items, next } = page(cursor).await;
        assert!(!items.is_empty() && items.len() <= limit, "a page of {}", items.len());
        assert!(items.len() == limit || next.is_none(), "a short page has a next one");
        all.extend(items);
        let Some(next) = next else { return all };
        cursor = Some(next);
    }
}

/// What the notes of the entries with this status say, in the order of the list.
async fn with_status<E: Entry>(harness: &Harness, patient: &str, status: &str, limit: usize) -> Vec<String> {
    let list = walk(limit, async |cursor| {
        let status = Some(status.to_owned());
        let filters = chart::Filters { status, limit, cursor, ..chart::Filters::default() };
        chart::list::<E>(&harness.store, &context(ALICE), patient, &filters).await.unwrap()
    })
    .await;
    let note = |entry: &E| serde_json::to_value(entry).unwrap()["note"].as_str().unwrap().to_owned();
    list.iter().map(|it| note(&it.entry)).collect()
}

#[tokio::test]
async fn a_list_by_status_gives_full_pages_of_that_status_alone() {
    let harness = start().await;
    let patient = harness.patient(ALICE, "Listed").await;
    let reference = json!({ "reference": format!("Patient/{patient}") });
    for (kind, subject) in [("Condition", "subject"), ("AllergyIntolerance", "patient")] {
        let systems = match kind {
            "Condition" => ["condition-clinical", "condition-ver-status"],
            _ => ["allergyintolerance-clinical", "allergyintolerance-verification"],
        };
        let coded = |system: &str, code: &str| json!({ "coding": [{ "system": format!("http://terminology.hl7.org/CodeSystem/{system}"), "code": code }] });
        let resources = (0..120).map(|n| {
            let (clinical, verification) = match n {
                _ if n % 25 == 7 => (Some("inactive"), "confirmed"),
                // Not as FHIR wants it, and all the same in error.
                60 => (Some("active"), "entered-in-error"),
                61 => (None, "entered-in-error"),
                _ => (Some("active"), "confirmed"),
            };
            let mut resource = json!({
                "resourceType": kind, "code": { "text": "x" }, "note": [{ "text": n.to_string() }],
                "verificationStatus": coded(systems[1], verification),
            });
            resource[subject] = reference.clone();
            if let Some(clinical) = clinical {
                resource["clinicalStatus"] = coded(systems[0], clinical);
            }
            resource
        });
        load(&harness, resources.collect()).await;
    }
    for limit in [1, 2, 4, 100] {
        let inactive = ["107", "82", "57", "32", "7"];
        assert_eq!(with_status::<Problem>(&harness, &patient, "inactive", limit).await, inactive);
        assert_eq!(with_status::<Allergy>(&harness, &patient, "inactive", limit).await, inactive);
    }
    for error in [
        with_status::<Problem>(&harness, &patient, "entered-in-error", 20).await,
        with_status::<Allergy>(&harness, &patient, "entered-in-error", 20).await,
    ] {
        assert_eq!(error, ["61", "60"]);
    }
    let active = with_status::<Problem>(&harness, &patient, "active", 10).await;
    assert_eq!(active.len(), 120 - 5 - 2);
    assert!(!active.contains(&"60".to_owned()), "what was entered in error is not active");

    // What the typed door's lists ask for, FHIR's search can be asked for too.
    let query = format!("patient={patient}&clinical-status=inactive&verification-status=confirmed");
    assert_eq!(harness.found(ALICE, fhir::ResourceType::Condition, &query).await.len(), 5);

    let unknown = chart::Filters { status: Some("gone".to_owned()), limit: 1, ..chart::Filters::default() };
    let refused = chart::list::<Encounter>(&harness.store, &context(ALICE), &patient, &unknown).await;
    assert!(matches!(refused, Err(ChartError::Query(_))), "{refused:?}");
    // The cursor of one status is not one of another.
    let mut filters = chart::Filters { status: Some("inactive".to_owned()), limit: 1, ..Default::default() };
    let page = chart::list::<Problem>(&harness.store, &context(ALICE), &patient, &filters).await.unwrap();
    (filters.status, filters.cursor) = (Some("active".to_owned()), page.next);
    assert!(chart::list::<Problem>(&harness.store, &context(ALICE), &patient, &filters).await.is_err());
}

async fn found(harness: &Harness, filters: &patient::Filters, limit: usize) -> Vec<String> {
    let patients = walk(limit, async |cursor| {
        let search = patient::search(filters, limit, cursor.as_deref()).unwrap();
        patient::find(&harness.store, &context(ALICE), filters, search).await.unwrap()
    })
    .await;
    patients.into_iter().map(|it| it.demographics.family_name.unwrap()).collect()
}

#[tokio::test]
async fn patients_out_of_use_are_found_among_the_others_and_the_others_without_them() {
    let harness = start().await;
    let patients = (0..90).map(|n| {
        let mut patient = json!({ "resourceType": "Patient", "name": [{ "family": format!("P{n}") }] });
        match n {
            _ if n % 30 == 4 => patient["active"] = json!(false),
            _ if n % 2 == 0 => patient["active"] = json!(true),
            _ => {}
        }
        patient
    });
    load(&harness, patients.collect()).await;
    let filters = |active| patient::Filters { active: Some(active), ..patient::Filters::default() };
    for limit in [1, 2, 50] {
        assert_eq!(found(&harness, &filters(false), limit).await, ["P64", "P34", "P4"]);
    }
    let named = patient::Filters { name: Some("p3".to_owned()), ..filters(false) };
    assert_eq!(found(&harness, &named, 1).await, ["P34"]);
    let in_use = found(&harness, &filters(true), 7).await;
    assert_eq!(in_use.len(), 87);
    assert_eq!(in_use.iter().collect::<std::collections::BTreeSet<_>>().len(), 87, "each is there once");
}

#[tokio::test]
async fn a_medical_record_number_is_found_however_many_have_its_digits_from_elsewhere() {
    let harness = start().await;
    let patient = |n: usize, system: &str| {
        json!({
            "resourceType": "Patient", "name": [{ "family": format!("P{n}") }],
            "identifier": [{ "system": system, "value": "4711" }],
        })
    };
    let mut patients = vec![patient(0, domain::patient::MRN_SYSTEM)];
    patients.extend((1..120).map(|n| patient(n, &format!("urn:elsewhere:{n}"))));
    load(&harness, patients).await;
    let filters = patient::Filters { mrn: Some("4711".to_owned()), ..patient::Filters::default() };
    for limit in [1, 10] {
        assert_eq!(found(&harness, &filters, limit).await, ["P0"]);
    }
}

#[tokio::test]
async fn what_is_measured_rarely_is_found_among_what_is_measured_often() {
    let harness = start().await;
    let patient = harness.patient(ALICE, "Measured").await;
    let observation = |n: usize, code: &str, value: Value| {
        let (day, minute) = (1 + n / 1_440, n % 1_440);
        json!({
            "resourceType": "Observation", "status": "final",
            "category": [{ "coding": [{
                "system": "http://terminology.hl7.org/CodeSystem/observation-category", "code": "vital-signs",
            }] }],
            "code": { "coding": [{ "system": "http://loinc.org", "code": code }] },
            "subject": { "reference": format!("Patient/{patient}") },
            "effectiveDateTime": format!("2026-03-{day:02}T{:02}:{:02}:00Z", minute / 60, minute % 60),
            "valueQuantity": value,
        })
    };
    let beats = |n: usize| json!({ "value": 60 + n % 20, "unit": "/min", "code": "/min" });
    let kilograms = json!({ "value": 80, "unit": "kg", "code": "kg" });
    // Twice at the beginning, then a heart rate each minute; every second of these without a value.
    let mut resources =
        vec![observation(0, "29463-7", kilograms.clone()), observation(1, "29463-7", kilograms.clone())];
    for n in 2..700 {
        let mut rate = observation(n, "8867-4", beats(n));
        if n % 2 == 0 {
            rate.as_object_mut().unwrap().shift_remove("valueQuantity");
            rate["dataAbsentReason"] = json!({ "text": "the probe was off" });
        }
        resources.push(rate);
    }
    resources.insert(300, observation(700, "29463-7", kilograms));
    load(&harness, resources).await;
    let weights = async |limit: usize| {
        let sets = walk(limit, async |cursor| {
            let filters = SetFilters { member: Some(Member::Weight), limit, cursor, ..SetFilters::default() };
            chart::list_vital_signs(&harness.store, &context(ALICE), &patient, &filters).await.unwrap()
        });
        let at = |it: domain::chart::vital_signs::set::View| {
            it.entry.measured_at.unwrap().timestamp() / 60 % 1_440
        };
        sets.await.into_iter().map(at).collect::<Vec<_>>()
    };
    for limit in [1, 2, 20] {
        assert_eq!(weights(limit).await, [700, 1, 0]);
    }
    let trend = walk(50, async |cursor| {
        let (member, limit) = (Some(Member::HeartRate), 50);
        let filters = SetFilters { member, limit, cursor, ..SetFilters::default() };
        chart::vital_signs_trend(&harness.store, &context(ALICE), &patient, &filters).await.unwrap()
    })
    .await;
    assert_eq!(trend.len(), 349);
    assert!(trend.windows(2).all(|two| two[0].measured_at > two[1].measured_at), "newest first, each once");

    // A bound ends the search for what is rarer still; its page is short, and the next one goes on from there.
    let more = (701..2_900).map(|n| observation(n, "8867-4", beats(n)));
    load(&harness, more.collect()).await;
    let mut filters = SetFilters { member: Some(Member::Weight), limit: 2, ..SetFilters::default() };
    let list = async |filters: &SetFilters| {
        chart::list_vital_signs(&harness.store, &context(ALICE), &patient, filters).await.unwrap()
    };
    let page = list(&filters).await;
    assert_eq!(page.items.len(), 0);
    filters.cursor = page.next;
    let page = list(&filters).await;
    assert_eq!((page.items.len(), page.next.is_some()), (2, true));
    filters.cursor = page.next;
    let page = list(&filters).await;
    assert_eq!((page.items.len(), page.next.is_some()), (1, false));
}

#[tokio::test]
async fn a_list_of_amended_sets_has_those_that_fhir_calls_corrected() {
    let harness = start().await;
    let patient = harness.patient(ALICE, "Corrected").await;
    let observation = |status: &str| {
        json!({
            "resourceType": "Observation", "status": status, "effectiveDateTime": "2026-03-01",
            "category": [{ "coding": [{
                "system": "http://terminology.hl7.org/CodeSystem/observation-category", "code": "vital-signs",
            }] }],
            "code": { "coding": [{ "system": "http://loinc.org", "code": "8867-4" }] },
            "subject": { "reference": format!("Patient/{patient}") },
            "valueQuantity": { "value": 60, "code": "/min" },
        })
    };
    load(&harness, ["final", "corrected", "amended", "entered-in-error"].map(observation).to_vec()).await;
    for (status, count) in [(Status::Final, 1), (Status::Amended, 2), (Status::EnteredInError, 1)] {
        let filters = SetFilters { status: Some(status), limit: 10, ..SetFilters::default() };
        let page =
            chart::list_vital_signs(&harness.store, &context(ALICE), &patient, &filters).await.unwrap();
        assert_eq!(page.items.len(), count, "{status:?}");
        assert!(page.items.iter().all(|it| it.entry.status == Some(status)), "{page:?}");
    }
}
