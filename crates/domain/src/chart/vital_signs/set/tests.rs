use kernel::AccountId;
use serde_json::json;

use super::*;
use crate::chart::Author;

fn decimal(text: &str) -> Option<Decimal> {
    Some(serde_json::from_str(text).unwrap())
}

fn author() -> Author {
    Author { account: AccountId::generate(), now: Utc::now() }
}

/// Stores changes as a database would: every new record gets an id, and references are rewritten.
fn stored(changes: Vec<Change>, old: &[Record]) -> Set {
    let mut records: Vec<Record> = old.to_vec();
    let mut names = Vec::new();
    let mut head = String::new();
    for (i, change) in changes.into_iter().enumerate() {
        let (id, version, resource) = match change {
            Change::Create { full_url, resource } => {
                let id = format!("new{}-{i}", records.len());
                names.push((full_url, format!("Observation/{id}")));
                (id, 1, resource)
            }
            Change::Update { id, version, resource } => (id, version + 1, resource),
        };
        let mut text = Value::Object(resource).to_string();
        for (from, to) in &names {
            text = text.replace(from, to);
        }
        let resource: Value = serde_json::from_str(&text).unwrap();
        head.clone_from(&id);
        let record = Record { id: id.clone(), version, last_updated: Utc::now(), resource };
        match records.iter_mut().find(|it| it.id == id) {
            Some(place) => *place = record,
            None => records.push(record),
        }
    }
    let at = records.iter().position(|record| record.id == head).unwrap();
    let head = records.remove(at);
    let named = member_ids(&head.resource);
    records.retain(|record| named.contains(&record.id));
    Set { head, members: records }
}

fn all(set: &Set) -> Vec<Record> {
    std::iter::once(&set.head).chain(&set.members).cloned().collect()
}

fn full() -> VitalSigns {
    let mut entry = VitalSigns {
        body_temperature: decimal("37.60"),
        systolic: decimal("120"),
        diastolic: decimal("80"),
        heart_rate: decimal("72"),
        oxygen_saturation: decimal("88"),
        weight: decimal("80"),
        height: decimal("180"),
        consciousness: Some(Consciousness::Verbal),
        glasgow_coma_score: decimal("15"),
        note: Some("sitting".to_owned()),
        encounter: Some("e1".to_owned()),
        ..Default::default()
    };
    entry.complete(None, Utc::now());
    entry
}

#[test]
fn a_set_is_read_as_it_was_written() {
    let entry = full();
    let set = stored(create(&entry, "p", &author()), &[]);
    assert_eq!(set.entry(), entry);
    let view = set.view("p");
    assert_eq!(view.body_mass_index, decimal("24.7"));
    assert_eq!(view.observations["systolic"], view.observations["diastolic"]);
    assert_eq!(view.observations.len(), 10);
    assert_eq!(view.others, []);
    assert_eq!(view.alerts[0].member, Member::OxygenSaturation);
    // Blood pressure is one record; with the computed index there are nine members.
    assert_eq!(set.members.len(), 9);
}

#[test]
fn every_member_follows_the_vital_signs_profile() {
    let set = stored(create(&full(), "p", &author()), &[]);
    for record in &set.members {
        let resource = &record.resource;
        assert_eq!(resource["category"][0]["coding"][0]["code"], VITAL_SIGNS);
        assert_eq!(resource["code"]["coding"][0]["system"], LOINC);
        assert_eq!(resource["subject"]["reference"], "Patient/p");
        assert!(resource["effectiveDateTime"].is_string());
        assert!(fhir::structure::check(ResourceType::Observation, resource).is_empty());
        if let Some(quantity) = resource.get("valueQuantity") {
            assert_eq!(quantity["system"], "http://unitsofmeasure.org");
        }
    }
    let saturation = set.members.iter().find(|it| it.resource["valueQuantity"]["code"] == "%").unwrap();
    assert_eq!(saturation.resource["code"]["coding"][1]["code"], "59408-5");
    assert_eq!(saturation.resource["interpretation"][0]["coding"][0]["code"], "LL");
    let temperature = set.members.iter().find(|it| it.resource["valueQuantity"]["code"] == "Cel").unwrap();
    assert_eq!(temperature.resource["valueQuantity"]["value"].to_string(), "37.60");
    assert_eq!(temperature.resource["interpretation"][0]["coding"][0]["code"], "H");
}

#[test]
fn an_amendment_changes_only_what_differs() {
    let before = full();
    let set = stored(create(&before, "p", &author()), &[]);
    let mut after = before.clone();
    after.heart_rate = decimal("75");
    after.reason = Some("misread".to_owned());
    after.complete(Some(&before), Utc::now());
    let changes = amend(&set, &after, "p", &author()).unwrap();
    assert_eq!(changes.len(), 2, "the heart rate and the head");
    let amended = stored(changes, &all(&set));
    assert_eq!(amended.entry(), after);
    assert_eq!(amended.head.version, 2);
}

#[test]
fn measurements_are_added_taken_away_and_recomputed() {
    let before = full();
    let set = stored(create(&before, "p", &author()), &[]);
    let mut after = before.clone();
    after.weight = decimal("90");
    after.oxygen_saturation = None;
    after.diastolic = None;
    after.consciousness = None;
    after.glucose = decimal("100");
    after.reason = Some("second look".to_owned());
    after.complete(Some(&before), Utc::now());
    let amended = stored(amend(&set, &after, "p", &author()).unwrap(), &all(&set));
    assert_eq!(amended.entry(), after);
    assert_eq!(amended.view("p").body_mass_index, decimal("27.8"));
    let mut again = after.clone();
    again.diastolic = decimal("70");
    again.height = None;
    again.reason = Some("third look".to_owned());
    let third = stored(amend(&amended, &again, "p", &author()).unwrap(), &all(&amended));
    assert_eq!(third.entry(), again);
    assert_eq!(third.view("p").body_mass_index, None);
    assert_eq!(third.view("p").observations["diastolic"], third.view("p").observations["systolic"]);
}

#[test]
fn what_is_entered_in_error_is_so_with_all_its_members_and_stays_readable() {
    let before = full();
    let set = stored(create(&before, "p", &author()), &[]);
    let after = VitalSigns {
        status: Some(Status::EnteredInError),
        reason: Some("another patient".to_owned()),
        ..before.clone()
    };
    let voided = stored(amend(&set, &after, "p", &author()).unwrap(), &all(&set));
    assert!(voided.members.iter().all(|it| it.resource["status"] == "entered-in-error"));
    assert_eq!(voided.entry(), after);
    assert_eq!(voided.view("p").alerts, []);
}

#[test]
fn what_others_wrote_is_shown_as_far_as_it_can_be() {
    let record =
        |resource: Value| Record { id: "o".to_owned(), version: 1, last_updated: Utc::now(), resource };
    let alone = |resource: Value| Set { head: record(resource), members: Vec::new() };
    let rate = alone(json!({
        "resourceType": "Observation", "status": "preliminary",
        "code": { "coding": [{ "system": "urn:x", "code": "hr" }, { "system": LOINC, "code": "8867-4" }] },
        "valueQuantity": { "value": 130, "unit": "/min" }, "effectiveDateTime": "2026-01",
    }));
    let view = rate.view("p");
    assert_eq!(view.entry.heart_rate, decimal("130"));
    assert_eq!((view.entry.status, view.alerts.len()), (None, 1));
    assert_eq!(view.entry.measured_at, "2026-01-01T00:00:00Z".parse().ok());

    let fahrenheit = alone(json!({
        "resourceType": "Observation", "status": "final", "code": { "coding": [{ "system": LOINC, "code": "8310-5" }] },
        "valueQuantity": { "value": 98.6, "unit": "degF", "code": "[degF]" },
    }));
    let view = fahrenheit.view("p");
    assert_eq!(view.entry.body_temperature, None, "a number in another unit is not ours");
    assert_eq!(
        (view.others[0].value.clone(), view.others[0].unit.as_deref()),
        (decimal("98.6"), Some("degF"))
    );

    let nothing = alone(json!({ "resourceType": "Observation" })).view("p");
    assert!(nothing.entry.is_empty() && nothing.others.is_empty());
    let after = VitalSigns { pain: decimal("3"), ..rate.entry() };
    assert_eq!(amend(&rate, &after, "p", &author()).unwrap_err(), Alone(Member::Pain));
}
