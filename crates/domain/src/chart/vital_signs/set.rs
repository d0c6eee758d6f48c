//! Between a set of measurements and the Observations that it is made of: reading them here, writing them in [`write`].

mod write;

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use fhir::ResourceType;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::table::{self, Alert, BLOOD_PRESSURE, Member, PANEL};
use super::{Consciousness, Status, VitalSigns};
use crate::chart::element::{self, moment, text};
use crate::chart::{self, Agent, Concept, Decimal, Recorded};
use crate::sample;

pub use write::{Alone, Change, amend, create};

/// LOINC.
pub const LOINC: &str = "http://loinc.org";
/// FHIR's categories of observations.
pub const CATEGORIES: &str = "http://terminology.hl7.org/CodeSystem/observation-category";
/// The category of vital signs.
pub const VITAL_SIGNS: &str = "vital-signs";
/// The category system that tells the members of a set from what was measured alone.
pub const SET_SYSTEM: &str = "urn:salus:vital-signs";
/// The further category of a set's members.
pub const SET_MEMBER: &str = "set-member";

/// A stored Observation.
#[derive(Clone)]
pub struct Record {
    /// Its logical id.
    pub id: String,
    /// Its version.
    pub version: i32,
    /// When that was written.
    pub last_updated: DateTime<Utc>,
    /// The resource.
    pub resource: Value,
}

/// A set as it is stored: its head, and the Observations that the head names. What was measured alone, through FHIR,
/// is its own head and has no members.
#[derive(Clone, Debug)]
pub struct Set {
    /// The panel, or the one Observation.
    pub head: Record,
    /// What the panel has as members, as far as it was found.
    pub members: Vec<Record>,
}

/// A measurement that the table does not have, or in another unit: shown as it is.
#[derive(Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(example = other_example())]
pub struct OtherMeasurement {
    /// The id of the Observation.
    pub observation: String,
    /// What was measured.
    pub code: Option<Concept>,
    /// The number.
    pub value: Option<Decimal>,
    /// Its unit.
    pub unit: Option<String>,
    /// The value in words, where it is no number.
    pub text: Option<String>,
}

/// A set, as it is shown.
#[derive(Clone, PartialEq, Serialize, JsonSchema)]
#[schemars(rename = "VitalSigns", transform = as_shown)]
pub struct View {
    /// The id of the set: that of its panel Observation.
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
    /// What was measured.
    #[serde(flatten)]
    pub entry: VitalSigns,
    /// Weight over the square of height, kg/m².
    pub body_mass_index: Option<Decimal>,
    /// What somebody should look at, the worst first.
    pub alerts: Vec<Alert>,
    /// The id of each measurement's Observation.
    pub observations: BTreeMap<String, String>,
    /// What was measured beside, or in other units.
    pub others: Vec<OtherMeasurement>,
}

fn other_example() -> Value {
    json!({
        "observation": sample::OBSERVATION,
        "code": { "text": "Waist circumference", "codings": [] },
        "value": 84,
        "unit": "cm",
        "text": null,
    })
}

/// The example of what is written, with what is shown beside it.
fn as_shown(schema: &mut schemars::Schema) {
    element::as_charted(schema);
    let beside = json!({
        "body_mass_index": null,
        "alerts": [],
        "observations": { "oxygen_saturation": sample::OBSERVATION },
        "others": [],
    });
    sample::extend(schema, &beside);
}

/// What was found under a member.
#[derive(Clone, PartialEq)]
pub enum Measured {
    /// A number, in the unit of the table.
    Number(Decimal),
    /// How awake the patient is.
    State(Consciousness),
}

impl Measured {
    /// As JSON: a number, or the state's name.
    pub fn to_json(&self) -> Value {
        match self {
            Measured::Number(value) => Value::Number(value.number()),
            Measured::State(state) => state.code().into(),
        }
    }
}

/// Where in a record a measurement stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Value,
    Component(usize),
}

struct Found {
    member: Member,
    /// Which record: 0 is the head.
    record: usize,
    place: Place,
    measured: Measured,
}

/// The member that these codes name.
fn member_of(element: &Value) -> Option<Member> {
    let codings = element.pointer("/code/coding")?.as_array()?;
    codings.iter().filter(|coding| coding["system"] == LOINC).find_map(|coding| {
        let code = coding.get("code")?.as_str()?;
        table::TABLE.iter().find(|row| row.loinc == code || row.also == Some(code)).map(|row| row.member)
    })
}

/// What an Observation, or a component of one, says, if the table has it in this unit.
fn measured(member: Member, element: &Value) -> Option<Measured> {
    if member == Member::Consciousness {
        return element::coded(element, "/valueCodeableConcept", Consciousness::from_either)
            .map(Measured::State);
    }
    let row = member.measurement();
    if let Some(Value::Number(number)) = element.pointer("/valueInteger")
        && row.unit == "{score}"
    {
        return Some(Measured::Number(Decimal::from_number(number)));
    }
    let Some(Value::Number(number)) = element.pointer("/valueQuantity/value") else { return None };
    let unit = text(element, "/valueQuantity/code").or_else(|| text(element, "/valueQuantity/unit"));
    let same = unit.as_deref() == Some(row.unit) || unit.as_deref() == Some(row.unit_shown);
    // A score is a bare number to most writers.
    (same || (row.unit == "{score}" && unit.as_deref().is_none_or(|it| it == "1" || it.starts_with('{'))))
        .then(|| Measured::Number(Decimal::from_number(number)))
}

fn other(id: &str, element: &Value) -> Option<OtherMeasurement> {
    let number = match element.pointer("/valueQuantity/value").or_else(|| element.get("valueInteger")) {
        Some(Value::Number(number)) => Some(Decimal::from_number(number)),
        _ => None,
    };
    let concept = element.get("valueCodeableConcept").and_then(Concept::of);
    let words = text(element, "/valueString").or_else(|| {
        let concept = concept?;
        concept.text.or_else(|| concept.codings.into_iter().find_map(|coding| coding.display))
    });
    (number.is_some() || words.is_some()).then(|| OtherMeasurement {
        observation: id.to_owned(),
        code: element.get("code").and_then(Concept::of),
        value: number,
        unit: text(element, "/valueQuantity/unit").or_else(|| text(element, "/valueQuantity/code")),
        text: words,
    })
}

fn in_error(resource: &Value) -> bool {
    resource["status"] == "entered-in-error"
}

/// Every measurement of these records; the first of several under one member counts.
fn find(records: &[&Record]) -> (Vec<Found>, Vec<OtherMeasurement>) {
    let (mut found, mut others) = (Vec::<Found>::new(), Vec::new());
    let whole_in_error = records.first().is_some_and(|head| in_error(&head.resource));
    for (record, one) in records.iter().enumerate() {
        if in_error(&one.resource) && !whole_in_error {
            continue;
        }
        let components = one.resource.get("component").and_then(Value::as_array);
        let components = components.into_iter().flatten().enumerate();
        let elements = std::iter::once((Place::Value, &one.resource))
            .chain(components.map(|(i, component)| (Place::Component(i), component)));
        for (place, element) in elements {
            let member = member_of(element).filter(|it| found.iter().all(|other| other.member != *it));
            match member.and_then(|member| Some((member, measured(member, element)?))) {
                Some((member, measured)) => found.push(Found { member, record, place, measured }),
                None => others.extend(other(&one.id, element)),
            }
        }
    }
    (found, others)
}

/// What an Observation says of this member: of itself or of a component.
pub fn measured_in(resource: &Value, member: Member) -> Option<Measured> {
    let components = resource.get("component").and_then(Value::as_array).into_iter().flatten();
    let mut elements = std::iter::once(resource).chain(components);
    elements.find_map(|element| measured(member_of(element).filter(|it| *it == member)?, element))
}

/// What an Observation says where the table does not have it in this unit.
pub fn other_in(id: &str, resource: &Value) -> Option<OtherMeasurement> {
    other(id, resource)
}

/// Whether it is a set, or a vital sign that was measured alone; not what is a member of a set, or no vital sign.
pub fn is_head(resource: &Value) -> bool {
    let categories = resource.get("category").and_then(Value::as_array).into_iter().flatten();
    let codings = categories.filter_map(|it| it.get("coding")?.as_array()).flatten();
    let (mut vital, mut member) = (false, false);
    for coding in codings {
        vital |= coding["system"] == CATEGORIES && coding["code"] == VITAL_SIGNS;
        member |= coding["system"] == SET_SYSTEM && coding["code"] == SET_MEMBER;
    }
    vital && !member
}

/// The codes under which a measurement is found: that of its own records, and of those that it is a part of.
pub fn codes_of(member: Member) -> Vec<&'static str> {
    let row = member.measurement();
    let panel = matches!(member, Member::Systolic | Member::Diastolic).then_some(BLOOD_PRESSURE.0);
    panel.into_iter().chain([row.loinc]).chain(row.also).collect()
}

/// The alarm that a measurement gives, if it gives one.
pub fn alert(member: Member, measured: &Measured) -> Option<Alert> {
    match measured {
        Measured::Number(value) => member.alert(value),
        Measured::State(state) => table::consciousness_alert(*state),
    }
}

/// When an Observation was made.
pub fn measured_at(resource: &Value) -> Option<DateTime<Utc>> {
    let given = text(resource, "/effectiveDateTime")
        .or_else(|| text(resource, "/effectiveInstant"))
        .or_else(|| text(resource, "/effectivePeriod/start"))?;
    moment(&given)
}

/// The ids of the Observations that this one has as members.
pub fn member_ids(head: &Value) -> Vec<String> {
    let members = head.get("hasMember").and_then(Value::as_array).into_iter().flatten();
    members.filter_map(|it| element::referred(it, "", ResourceType::Observation)).collect()
}

impl Set {
    fn records(&self) -> Vec<&Record> {
        std::iter::once(&self.head).chain(&self.members).collect()
    }

    /// Whether it is a single Observation, and no panel.
    fn is_alone(&self) -> bool {
        self.head.resource.get("hasMember").is_none()
            && element::coded(&self.head.resource, "/code", |code| (code == PANEL.0).then_some(())).is_none()
    }

    /// What was measured.
    pub fn entry(&self) -> VitalSigns {
        self.entry_of(&find(&self.records()).0)
    }

    fn entry_of(&self, found: &[Found]) -> VitalSigns {
        let head = &self.head.resource;
        let mut entry = VitalSigns {
            measured_at: measured_at(head),
            status: text(head, "/status").as_deref().and_then(Status::from_fhir),
            encounter: element::referred(head, "/encounter", ResourceType::Encounter),
            note: element::note(head),
            reason: chart::amendment_reason(head),
            ..VitalSigns::default()
        };
        for one in found {
            match &one.measured {
                Measured::Number(value) => entry.set_number(one.member, Some(value.clone())),
                Measured::State(state) => entry.consciousness = Some(*state),
            }
        }
        entry
    }

    /// The set as it is shown.
    pub fn view(&self, patient: &str) -> View {
        let records = self.records();
        let (found, others) = find(&records);
        let entry = self.entry_of(&found);
        let bmi = found.iter().find_map(|it| match (&it.measured, it.member) {
            (Measured::Number(value), Member::BodyMassIndex) => Some(value.clone()),
            _ => None,
        });
        let recorded = Recorded::of(&self.head.resource, "/performer/0", "/issued");
        let id_of = |it: &Found| (it.member.code().to_owned(), records[it.record].id.clone());
        View {
            id: self.head.id.clone(),
            version: self.head.version,
            patient: patient.to_owned(),
            last_updated: self.head.last_updated,
            recorded_by: recorded.by,
            recorded_at: recorded.at,
            alerts: entry.alerts(),
            body_mass_index: bmi,
            observations: found.iter().map(id_of).collect(),
            others,
            entry,
        }
    }
}

crate::chart::veil::veiled!(Record, OtherMeasurement, View, Measured);

#[cfg(test)]
mod tests;
