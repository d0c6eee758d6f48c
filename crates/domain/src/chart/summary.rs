//! A patient at a glance.

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};

use super::codes::codes;
use super::element::text;
use super::vital_signs::table::{Alert, Member};
use super::{Agent, Entry};
use crate::sample;

/// A record of the chart, as it is shown: what was written, and what the server knows of it.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(rename = "{E}Record", transform = super::element::as_charted)]
pub struct Charted<E> {
    /// Its id, the same in FHIR.
    pub id: String,
    /// Its version.
    pub version: i32,
    /// The id of the patient.
    pub patient: String,
    /// When this version was written.
    pub last_updated: DateTime<Utc>,
    /// Who wrote it down.
    pub recorded_by: Option<Agent>,
    /// When it was written down.
    pub recorded_at: Option<String>,
    /// What was written.
    #[serde(flatten)]
    pub entry: E,
}

/// Who the patient is, at a glance.
#[derive(Clone, Default, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(example = banner())]
pub struct PatientBanner {
    /// The id.
    pub id: String,
    /// The version of the Patient.
    pub version: i32,
    /// The family name.
    pub family_name: Option<String>,
    /// The given names.
    pub given_names: Vec<String>,
    /// The date of birth, as far as it is known.
    pub birth_date: Option<String>,
    /// FHIR's administrative gender.
    pub gender: Option<String>,
    /// Whether the patient has died.
    pub deceased: bool,
    /// The numbers under which others know the patient.
    pub identifiers: Vec<PatientIdentifier>,
}

fn banner() -> Value {
    json!({
        "id": sample::PATIENT,
        "version": 1,
        "family_name": "Vester",
        "given_names": ["Ada"],
        "birth_date": "1980-05-17",
        "gender": "female",
        "deceased": false,
        "identifiers": [{ "system": "urn:oid:2.16.756.5.32", "value": "756.9217.0769.85" }],
    })
}

/// A number of a patient.
#[derive(Clone, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct PatientIdentifier {
    /// Whose number it is.
    pub system: Option<String>,
    /// The number.
    pub value: String,
}

impl PatientBanner {
    /// Reads a Patient: the official name, else the first.
    pub fn of(id: &str, version: i32, resource: &Value) -> PatientBanner {
        let list = |value: &Value, name: &str| -> Vec<Value> {
            value.get(name).and_then(Value::as_array).cloned().unwrap_or_default()
        };
        let names = list(resource, "name");
        let name = names.iter().find(|it| it["use"] == "official").or(names.first()).cloned();
        let name = name.unwrap_or_default();
        let identifiers = list(resource, "identifier");
        PatientBanner {
            id: id.to_owned(),
            version,
            family_name: text(&name, "/family"),
            given_names: list(&name, "given").iter().filter_map(|it| Some(it.as_str()?.to_owned())).collect(),
            birth_date: text(resource, "/birthDate"),
            gender: text(resource, "/gender"),
            deceased: resource.get("deceasedDateTime").is_some()
                || resource.get("deceasedBoolean").and_then(Value::as_bool) == Some(true),
            identifiers: identifiers
                .iter()
                .filter_map(|it| {
                    Some(PatientIdentifier { system: text(it, "/system"), value: text(it, "/value")? })
                })
                .collect(),
        }
    }
}

codes! {
    /// What is known of allergies. That none is listed does not say that there is none.
    AllergyStatus {
        /// There are active ones: see the list.
        Listed = "listed",
        /// Somebody wrote down that none is known.
        NoneKnown = "none-known",
        /// Nobody wrote anything down.
        NotRecorded = "not-recorded",
    }
}

codes! {
    /// A part of a summary.
    SummaryPart {
        /// The problems.
        Problems = "problems",
        /// The allergies.
        Allergies = "allergies",
        /// The medication.
        Medications = "medications",
        /// The encounters.
        Encounters = "encounters",
    }
}

/// The latest value of one measurement.
#[derive(Clone, PartialEq, Serialize, JsonSchema)]
#[schemars(example = latest())]
pub struct LatestMeasurement {
    /// Which measurement.
    pub member: Member,
    /// A number in `unit`, or how awake the patient is.
    pub value: Value,
    /// The unit, a code of UCUM; null for what has none.
    pub unit: Option<&'static str>,
    /// When it was measured.
    pub measured_at: Option<DateTime<Utc>>,
    /// The id of the Observation.
    pub observation: String,
    /// The alarm that it gives, if it gives one.
    pub alert: Option<Alert>,
}

fn latest() -> Value {
    json!({
        "member": "oxygen_saturation",
        "value": 89,
        "unit": "%",
        "measured_at": sample::AT,
        "observation": sample::OBSERVATION,
        "alert": Alert::example(),
    })
}

impl<E: Entry> Charted<E> {
    /// Shows a resource.
    pub fn of(
        id: &str,
        version: i32,
        last_updated: DateTime<Utc>,
        patient: &str,
        resource: &Value,
    ) -> Charted<E> {
        let recorded = E::recorded(resource);
        Charted {
            id: id.to_owned(),
            version,
            patient: patient.to_owned(),
            last_updated,
            recorded_by: recorded.by,
            recorded_at: recorded.at,
            entry: E::of(resource),
        }
    }
}

crate::chart::veil::veiled!(PatientBanner, PatientIdentifier, LatestMeasurement);
