//! Who a patient is, as the typed door takes it.

use chrono::{DateTime, SecondsFormat, Utc};
use demo::Patient;
use demo::person::{Person, Sex};
use domain::patient::{self, Address, Demographics, Gender, Identifier, Telecom};
use serde_json::{Map, Value, json};

use super::directory::Open;
use super::error::Mistake;

/// The system of the numbers that no nation gives.
const NATIONAL_IDS: &str = "urn:salus:demo:national-id";
/// What somebody is to a patient.
const RELATIONSHIPS: &str = "http://terminology.hl7.org/CodeSystem/v3-RoleCode";

/// The Patient, registered under these numbers.
///
/// # Errors
/// [`Mistake::Faults`].
pub fn record(
    patient: &Patient,
    house: &Open,
    (number, mrn): (&str, String),
    now: DateTime<Utc>,
) -> Result<Map<String, Value>, Mistake> {
    let mut wanted = demographics(patient, house);
    patient::check(None, &wanted, now).map_err(|faults| Mistake::Faults { what: "patient", faults })?;
    // As a registration fills them in.
    wanted.active = Some(true);
    wanted.mrn = Some(mrn);
    let resource = patient::amend(&json!({ "resourceType": "Patient" }), &wanted);
    let mut resource = patient::with_number(resource, number);
    resource["contact"] = json!([contact(&patient.person)]);
    match resource {
        Value::Object(object) => Ok(object),
        _ => Ok(Map::new()),
    }
}

fn demographics(patient: &Patient, house: &Open) -> Demographics {
    let person = &patient.person;
    let telecom = |system: &str, value: &str, usage: &str| Telecom {
        system: system.to_owned(),
        value: value.to_owned(),
        usage: Some(usage.to_owned()),
    };
    let mut telecoms = vec![telecom("phone", &person.phone, "mobile")];
    telecoms.extend(person.email.as_ref().map(|email| telecom("email", email, "home")));
    Demographics {
        family_name: Some(person.name.family.clone()),
        given_names: person.name.given.clone(),
        birth_date: Some(person.birth_date.to_string()),
        gender: Some(if person.sex == Sex::Female { Gender::Female } else { Gender::Male }),
        mrn: None,
        identifiers: vec![Identifier {
            system: Some(NATIONAL_IDS.to_owned()),
            value: person.national_id.clone(),
            kind: Some("NI".to_owned()),
            usage: Some("official".to_owned()),
        }],
        telecom: telecoms,
        address: vec![Address {
            usage: Some("home".to_owned()),
            lines: vec![person.address.line.clone()],
            city: Some(person.address.city.clone()),
            postal_code: Some(person.address.postal_code.clone()),
            ..Address::default()
        }],
        active: None,
        deceased: None,
        deceased_at: patient.death.map(|death| death.to_rfc3339_opts(SecondsFormat::Secs, true)),
        managing_organization: Some(house.organization.clone()),
        general_practitioners: house
            .practitioners
            .get(patient.doctor)
            .map(|id| format!("Practitioner/{id}"))
            .into_iter()
            .collect(),
    }
}

/// The next of kin, whom the typed view does not know.
fn contact(person: &Person) -> Value {
    let kin = &person.kin;
    json!({
        "relationship": [{
            "coding": [{ "system": RELATIONSHIPS, "code": kin.relationship.code(), "display": kin.relationship.text() }],
        }],
        "name": { "family": kin.name.family, "given": kin.name.given },
        "telecom": [{ "system": "phone", "value": kin.phone }],
    })
}
