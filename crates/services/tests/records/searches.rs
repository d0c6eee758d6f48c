//! Searching, sorting, paging.

use domain::StoreError;
use fhir::ResourceType;
use serde_json::{Value, json};

use crate::harness::{ALICE, BOB, Harness, start};

fn observation(patient: &str, code: &str, date: &str, status: &str) -> Value {
    json!({"resourceType": "Observation", "status": status, "subject": {"reference": format!("Patient/{patient}")},
        "category": [{"coding": [{"system": "http://cat", "code": "vital-signs"}]}],
        "code": {"coding": [{"system": "http://loinc.org", "code": code}, {"system": "urn:local", "code": "twin"}]},
        "effectiveDateTime": date})
}

async fn some_observations(h: &Harness) -> (String, Vec<String>) {
    let patient = h.patient(ALICE, "Measured").await;
    let mut ids = Vec::new();
    for (code, date, status) in [
        ("1", "2020-01-01", "final"),
        ("1", "2021-06-15T10:00:00Z", "final"),
        ("2", "2021", "amended"),
        ("1", "2022-03", "final"),
    ] {
        ids.push(h.create(ALICE, observation(&patient, code, date, status)).await.unwrap().key.id);
    }
    (patient, ids)
}

#[tokio::test]
async fn parameters_are_and_values_are_or() {
    let h = start().await;
    let (patient, ids) = some_observations(&h).await;
    let kind = ResourceType::Observation;
    let pick = |wanted: &[usize]| wanted.iter().map(|i| ids[*i].clone()).collect::<Vec<_>>();
    for (query, wanted) in [
        ("", vec![3, 2, 1, 0]),
        ("code=http://loinc.org|1", vec![3, 1, 0]),
        ("code=1", vec![3, 1, 0]),
        ("code=http://loinc.org|1,http://loinc.org|2", vec![3, 2, 1, 0]),
        ("code=urn:local|twin", vec![3, 2, 1, 0]),
        ("code=urn:local|", vec![3, 2, 1, 0]),
        ("code=|1", vec![]),
        ("status=final&code=http://loinc.org|1", vec![3, 1, 0]),
        ("status=http://hl7.org/fhir/observation-status|amended", vec![2]),
        ("category=vital-signs&status=amended,final", vec![3, 2, 1, 0]),
        ("date=2021", vec![2, 1]),
        ("date=ge2021-07", vec![3, 2]),
        ("date=gt2021", vec![3]),
        ("date=lt2021", vec![0]),
        ("date=le2021-06-15", vec![2, 1, 0]),
        ("date=sa2021", vec![3]),
        ("date=eb2021", vec![0]),
        ("date=ne2021", vec![3, 0]),
        ("date=ge2021&date=le2021-12-31", vec![2, 1]),
        ("_lastUpdated=gt2020", vec![3, 2, 1, 0]),
        ("_lastUpdated=lt2020", vec![]),
        ("_sort=date", vec![0, 2, 1, 3]),
        ("_sort=-date", vec![3, 1, 2, 0]),
        ("code=http://loinc.org|1&_sort=-date&_count=2", vec![3, 1]),
        ("_sort=_lastUpdated", vec![0, 1, 2, 3]),
        ("_sort=date,_lastUpdated", vec![0, 2, 1, 3]),
    ] {
        assert_eq!(h.found(ALICE, kind, query).await, pick(&wanted), "{query}");
        let of_patient = format!("patient={patient}&{query}");
        assert_eq!(h.found(ALICE, kind, &of_patient).await, pick(&wanted), "{of_patient}");
        let subject = format!("subject=Patient/{patient}&{query}");
        assert_eq!(h.found(ALICE, kind, &subject).await, pick(&wanted), "{subject}");
        assert!(h.found(BOB, kind, query).await.is_empty(), "{query}");
    }
    assert!(h.found(ALICE, kind, "patient=nobody").await.is_empty());
    let two = format!("_id={},{},nobody&_sort=_id", ids[2], ids[0]);
    assert_eq!(h.found(ALICE, kind, &two).await, pick(&[0, 2]));
}

#[tokio::test]
async fn a_patient_is_found_by_who_they_are() {
    let h = start().await;
    let patient = json!({"resourceType": "Patient", "gender": "female", "birthDate": "1867-11-07",
        "identifier": [{"system": "urn:mrn", "value": "A-1"}],
        "name": [{"family": "Skłodowska-Curie", "given": ["Marie", "Salomea"]}]});
    let id = h.create(ALICE, patient).await.unwrap().key.id;
    h.patient(ALICE, "Meitner").await;
    for query in [
        "family=sklodowska",
        "family=Curie",
        "family=SKŁO",
        "given=sal",
        "name=marie",
        "name=marie%20curie",
        "gender=female&birthdate=1867",
        "birthdate=lt1900",
        "identifier=urn:mrn|A-1",
        "identifier=A-1",
        "identifier=urn:mrn|A-1,urn:mrn|none",
        "name=lise,marie",
    ] {
        let wanted =
            if query.contains("SKŁO") { query.replace("SKŁO", "SK%C5%81O") } else { query.to_owned() };
        assert_eq!(
            h.found(ALICE, ResourceType::Patient, &wanted).await,
            std::slice::from_ref(&id),
            "{query}"
        );
    }
    for query in [
        "family=urie",
        "given=curie",
        "gender=male",
        "birthdate=gt1900",
        "identifier=urn:mrn|A-2",
        "identifier=urn:other|A-1",
    ] {
        assert!(h.found(ALICE, ResourceType::Patient, query).await.is_empty(), "{query}");
    }
}

#[tokio::test]
async fn pages_follow_each_other_without_loss_while_others_write() {
    let h = start().await;
    let patient = h.patient(ALICE, "Paged").await;
    let mut ids = Vec::new();
    for n in 0..25 {
        // Several share a date, and some have none.
        let mut resource = observation(&patient, "1", &format!("2020-01-{:02}", 1 + n / 4), "final");
        if n % 10 == 9 {
            resource.as_object_mut().unwrap().remove("effectiveDateTime");
        }
        ids.push(h.create(ALICE, resource).await.unwrap().key.id);
    }
    for sort in [
        "",
        "&_sort=date",
        "&_sort=-date",
        "&_sort=_id",
        "&_sort=-_id",
        "&_sort=_lastUpdated",
        "&_sort=-_lastUpdated",
        "&_sort=-date,_id",
        "&_sort=date,-_lastUpdated",
        "&_sort=-date,-_lastUpdated,_id",
        "&code=http://loinc.org|1&_sort=-date",
        "&status=final",
    ] {
        let query = format!("patient={patient}&_count=4&_total=accurate{sort}");
        let mut seen = Vec::new();
        let mut cursor = None;
        loop {
            let link = cursor.map(|cursor: String| format!("&_cursor={cursor}")).unwrap_or_default();
            let page = h.search(ALICE, ResourceType::Observation, &format!("{query}{link}")).await.unwrap();
            assert!(page.total >= Some(25));
            seen.extend(page.page.entries.into_iter().map(|(id, _)| id));
            cursor = page.page.next;
            if cursor.is_none() {
                break;
            }
            if seen.len() == 8 && !sort.contains("_lastUpdated") {
                let other = h.patient(ALICE, "Other").await;
                h.create(ALICE, observation(&other, "1", "2020-01-03", "final")).await.unwrap();
            }
        }
        let distinct: std::collections::HashSet<&String> = seen.iter().collect();
        assert_eq!((seen.len(), distinct.len()), (25, 25), "{sort}");
        assert!(ids.iter().all(|id| distinct.contains(id)), "{sort}");
    }
}

#[tokio::test]
async fn a_second_sort_key_orders_what_the_first_leaves_equal() {
    let h = start().await;
    let patient = h.patient(ALICE, "Sorted").await;
    let mut ids = Vec::new();
    for date in ["2020-01-01", "2020-01-01", "2019-01-01"] {
        ids.push(h.create(ALICE, observation(&patient, "1", date, "final")).await.unwrap().key.id);
    }
    let order = |wanted: [usize; 3]| wanted.map(|i| ids[i].clone());
    let kind = ResourceType::Observation;
    assert_eq!(h.found(ALICE, kind, "_sort=-date,_lastUpdated").await, order([0, 1, 2]));
    assert_eq!(h.found(ALICE, kind, "_sort=-date,-_lastUpdated").await, order([1, 0, 2]));
    assert_eq!(h.found(ALICE, kind, "_sort=date,-_id").await, order([2, 1, 0]));
}

#[tokio::test]
async fn a_cursor_belongs_to_its_search_and_its_organization() {
    let h = start().await;
    let (patient, _) = some_observations(&h).await;
    let first =
        h.search(ALICE, ResourceType::Observation, &format!("patient={patient}&_count=1")).await.unwrap();
    let cursor = first.page.next.unwrap();
    for (tenant, query) in [
        (BOB, format!("patient={patient}&_count=1&_cursor={cursor}")),
        (ALICE, format!("_count=1&_cursor={cursor}")),
        (ALICE, format!("patient={patient}&_sort=date&_cursor={cursor}")),
        (ALICE, format!("patient={patient}&_cursor=x{cursor}")),
    ] {
        let refused = h.search(tenant, ResourceType::Observation, &query).await.unwrap_err();
        assert_eq!(refused, StoreError::Constraint { name: "cursor".to_owned() });
    }
}

#[tokio::test]
async fn a_count_of_nothing_asks_for_the_total_only() {
    let h = start().await;
    some_observations(&h).await;
    let page = h.search(ALICE, ResourceType::Observation, "code=http://loinc.org|1&_count=0").await.unwrap();
    assert_eq!((page.page.entries.len(), page.total, page.page.next), (0, Some(3), None));
    let page = h
        .search(ALICE, ResourceType::Observation, "code=urn:local|twin&_total=accurate&_count=1")
        .await
        .unwrap();
    assert_eq!((page.page.entries.len(), page.total), (1, Some(4)));
}
