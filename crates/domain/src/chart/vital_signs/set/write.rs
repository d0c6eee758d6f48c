//! Writing a set: the Observations of a new one, and those that change when it is amended.

use fhir::ResourceType;
use serde_json::{Value, json};

use super::super::table::{self, BLOOD_PRESSURE, Member, PANEL};
use super::super::{Status, VitalSigns};
use super::{
    CATEGORIES, LOINC, Measured, Place, Record, SET_MEMBER, SET_SYSTEM, Set, VITAL_SIGNS, find, in_error,
    member_of,
};
use crate::chart::element::{self, edit_each, instant, put};
use crate::chart::{self, Author, Decimal, Object};

const UCUM: &str = "http://unitsofmeasure.org";
const INTERPRETATIONS: &str = "http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation";
const ABSENT: &str = "http://terminology.hl7.org/CodeSystem/data-absent-reason";

/// An Observation to be written.
#[derive(Clone)]
pub enum Change {
    /// A new one, under the name by which the head refers to it.
    Create {
        /// `urn:uuid:...`
        full_url: String,
        /// The resource.
        resource: Object,
    },
    /// The next version of one that is there.
    Update {
        /// Its id.
        id: String,
        /// The version that it is made from.
        version: i32,
        /// The resource.
        resource: Object,
    },
}

/// A measurement cannot be added to an Observation that stands alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Alone(pub Member);

/// What new members have in common.
struct Common<'a> {
    entry: &'a VitalSigns,
    patient: &'a str,
    author: &'a Author,
}

impl Common<'_> {
    fn observation(&self, code: Value, is_member: bool) -> Object {
        let mut object = Object::new();
        put(&mut object, "resourceType", Some("Observation".into()));
        let status = self.entry.status.unwrap_or(Status::Final);
        put(&mut object, "status", Some(status.code().into()));
        let mut categories = vec![json!({ "coding": [{ "system": CATEGORIES, "code": VITAL_SIGNS }] })];
        if is_member {
            categories.push(json!({ "coding": [{ "system": SET_SYSTEM, "code": SET_MEMBER }] }));
        }
        put(&mut object, "category", Some(Value::Array(categories)));
        put(&mut object, "code", Some(code));
        put(&mut object, "subject", Some(element::reference(ResourceType::Patient, self.patient)));
        element::put_encounter(&mut object, self.entry.encounter.as_deref());
        let at = self.entry.measured_at.unwrap_or(self.author.now);
        put(&mut object, "effectiveDateTime", Some(instant(at).into()));
        put(&mut object, "issued", Some(self.author.instant()));
        put(&mut object, "performer", Some(json!([self.author.reference()])));
        object
    }

    /// The Observation of one member; both pressures share one.
    fn member(&self, member: Member, measured: &Measured) -> Object {
        match member {
            Member::Systolic | Member::Diastolic => {
                let code = loinc(&[BLOOD_PRESSURE.0], BLOOD_PRESSURE.1);
                let mut object = self.observation(code, true);
                let parts = [Member::Systolic, Member::Diastolic].map(|part| {
                    let mut component = Object::new();
                    put(&mut component, "code", Some(code_of(part)));
                    let value = self.entry.number(part).map(|value| Measured::Number(value.clone()));
                    write_value(&mut component, part, value.as_ref());
                    Value::Object(component)
                });
                put(&mut object, "component", Some(Value::Array(parts.to_vec())));
                object
            }
            _ => {
                let mut object = self.observation(code_of(member), true);
                write_value(&mut object, member, Some(measured));
                object
            }
        }
    }
}

fn loinc(codes: &[&str], display: &str) -> Value {
    let codings = codes.iter().enumerate().map(|(i, code)| match i {
        0 => json!({ "system": LOINC, "code": code, "display": display }),
        _ => json!({ "system": LOINC, "code": code }),
    });
    json!({ "coding": codings.collect::<Vec<_>>(), "text": display })
}

fn code_of(member: Member) -> Value {
    let row = member.measurement();
    let codes: Vec<&str> = std::iter::once(row.loinc).chain(row.also).collect();
    loinc(&codes, row.display)
}

/// Writes the value and what it means; without a value, that there is none.
fn write_value(object: &mut Object, member: Member, measured: Option<&Measured>) {
    let row = member.measurement();
    put(object, "valueInteger", None);
    let quantity = |value: &Decimal| json!({ "value": value.number(), "unit": row.unit_shown, "system": UCUM, "code": row.unit });
    let interpreted = |code: &str, display: &str| json!([{ "coding": [{ "system": INTERPRETATIONS, "code": code, "display": display }] }]);
    match measured {
        Some(Measured::Number(value)) => {
            put(object, "dataAbsentReason", None);
            put(object, "valueQuantity", Some(quantity(value)));
            let said = member.interpretation(value);
            put(object, "interpretation", said.map(|(code, display)| interpreted(code, display)));
        }
        Some(Measured::State(state)) => {
            put(object, "dataAbsentReason", None);
            let (code, display) = state.loinc();
            let coding = json!([{ "system": LOINC, "code": code, "display": display }]);
            put(object, "valueCodeableConcept", Some(json!({ "coding": coding, "text": state.code() })));
            let said = match table::consciousness_level(*state) {
                None => interpreted("N", "Normal"),
                Some(table::Level::Critical) => interpreted("AA", "Critical abnormal"),
                Some(_) => interpreted("A", "Abnormal"),
            };
            put(object, "interpretation", Some(said));
        }
        None => {
            put(object, "valueQuantity", None);
            put(object, "valueCodeableConcept", None);
            put(object, "interpretation", None);
            let reason = json!({ "coding": [{ "system": ABSENT, "code": "unknown" }] });
            put(object, "dataAbsentReason", Some(reason));
        }
    }
}

/// What a set says of a member, the body mass index included.
fn said(entry: &VitalSigns, member: Member) -> Option<Measured> {
    match member {
        Member::Consciousness => entry.consciousness.map(Measured::State),
        Member::BodyMassIndex => entry.body_mass_index().map(Measured::Number),
        _ => entry.number(member).map(|value| Measured::Number(value.clone())),
    }
}

/// A name under which an entry of a Bundle is referred to by the others.
fn full_url() -> String {
    format!("urn:uuid:{}", uuid::Uuid::new_v4())
}

fn member_reference(full_url: &str) -> Value {
    json!({ "reference": full_url })
}

/// The Observations of a new set; the head comes last, so that it is the newest of them.
pub fn create(entry: &VitalSigns, patient: &str, author: &Author) -> Vec<Change> {
    let common = Common { entry, patient, author };
    let mut changes = Vec::new();
    let mut references = Vec::new();
    for member in Member::ALL {
        let Some(measured) = said(entry, *member) else { continue };
        if *member == Member::Diastolic && entry.systolic.is_some() {
            continue;
        }
        let full_url = full_url();
        references.push(member_reference(&full_url));
        changes.push(Change::Create { full_url, resource: common.member(*member, &measured) });
    }
    let mut head = common.observation(loinc(&[PANEL.0], PANEL.1), false);
    put(&mut head, "hasMember", Some(Value::Array(references)));
    if let Some(note) = &entry.note {
        element::put_note(&mut head, Some(note));
    }
    changes.push(Change::Create { full_url: full_url(), resource: head });
    changes
}

/// The Observations that change when a set becomes `after`; the head comes last.
///
/// # Errors
/// The member that cannot be added, because there is no set to add it to.
pub fn amend(set: &Set, after: &VitalSigns, patient: &str, author: &Author) -> Result<Vec<Change>, Alone> {
    let (found, _) = find(&set.records());
    let before = set.entry_of(&found);
    let common = Common { entry: after, patient, author };
    let mut records: Vec<(Object, bool)> = set
        .records()
        .into_iter()
        .map(|record| match &record.resource {
            Value::Object(object) => (object.clone(), false),
            _ => (Object::new(), false),
        })
        .collect();
    let mut added = Vec::new();
    for member in Member::ALL {
        let measured = said(after, *member);
        let place = found.iter().find(|it| it.member == *member);
        match (place, measured) {
            (Some(it), measured) if measured.as_ref() != Some(&it.measured) => {
                let (object, touched) = &mut records[it.record];
                *touched = true;
                match it.place {
                    Place::Value if measured.is_none() && it.record > 0 => {
                        put(object, "status", Some(Status::EnteredInError.code().into()));
                    }
                    Place::Value => write_value(object, *member, measured.as_ref()),
                    Place::Component(at) => write_component(object, at, *member, measured.as_ref()),
                }
            }
            (None, Some(measured)) => {
                if set.is_alone() && *member != Member::BodyMassIndex {
                    return Err(Alone(*member));
                }
                if !set.is_alone() {
                    added.push((*member, measured));
                }
            }
            _ => {}
        }
    }
    let pressure = found.iter().find(|it| {
        matches!(it.member, Member::Systolic | Member::Diastolic) && matches!(it.place, Place::Component(_))
    });
    let mut changes = Vec::new();
    let mut references = Vec::new();
    for (member, measured) in &added {
        if let (Member::Systolic | Member::Diastolic, Some(pressure)) = (member, pressure) {
            let (object, touched) = &mut records[pressure.record];
            *touched = true;
            add_component(object, *member, measured);
            continue;
        }
        let both = added.iter().any(|(other, _)| *other == Member::Systolic);
        if *member == Member::Diastolic && both && pressure.is_none() {
            continue;
        }
        let full_url = full_url();
        references.push(member_reference(&full_url));
        changes.push(Change::Create { full_url, resource: common.member(*member, measured) });
    }
    let moved = (after.measured_at, &after.encounter) != (before.measured_at, &before.encounter);
    let voided = after.status == Some(Status::EnteredInError) && before.status != after.status;
    for (i, record) in set.members.iter().enumerate() {
        let (object, touched) = &mut records[i + 1];
        let was_in_error = in_error(&record.resource);
        if was_in_error || !(*touched || moved || voided) {
            continue;
        }
        let now_in_error = object.get("status").is_some_and(|it| it == "entered-in-error");
        if !now_in_error {
            put(object, "status", after.status.map(|it| it.code().into()));
        }
        finish(object, &before, after);
        changes.push(Change::Update {
            id: record.id.clone(),
            version: record.version,
            resource: object.clone(),
        });
    }
    let (head, _) = &mut records[0];
    put(head, "status", after.status.map(|it| it.code().into()));
    finish(head, &before, after);
    if before.note != after.note {
        element::put_note(head, after.note.as_deref());
    }
    if !references.is_empty() {
        let mut all = match head.get_mut("hasMember").map(Value::take) {
            Some(Value::Array(all)) => all,
            _ => Vec::new(),
        };
        all.extend(references);
        put(head, "hasMember", Some(Value::Array(all)));
    }
    let Record { id, version, .. } = &set.head;
    changes.push(Change::Update { id: id.clone(), version: *version, resource: head.clone() });
    Ok(changes)
}

/// What every changed record gets: time and encounter where they moved, and the reason.
fn finish(object: &mut Object, before: &VitalSigns, after: &VitalSigns) {
    if before.measured_at != after.measured_at {
        for form in ["effectivePeriod", "effectiveInstant", "effectiveTiming"] {
            put(object, form, None);
        }
        put(object, "effectiveDateTime", after.measured_at.map(|at| instant(at).into()));
    }
    if before.encounter != after.encounter {
        element::put_encounter(object, after.encounter.as_deref());
    }
    if let Some(reason) = &after.reason {
        chart::set_amendment_reason(object, reason);
    }
}

fn write_component(object: &mut Object, at: usize, member: Member, measured: Option<&Measured>) {
    if let Some(Value::Object(component)) =
        object.get_mut("component").and_then(Value::as_array_mut).and_then(|all| all.get_mut(at))
    {
        write_value(component, member, measured);
    }
}

/// Gives the component of this member its value, or adds one.
fn add_component(object: &mut Object, member: Member, measured: &Measured) {
    let components = object.get("component").and_then(Value::as_array).cloned().unwrap_or_default();
    match components.iter().position(|component| member_of(component) == Some(member)) {
        Some(at) => write_component(object, at, member, Some(measured)),
        None => {
            let mut component = Object::new();
            put(&mut component, "code", Some(code_of(member)));
            write_value(&mut component, member, Some(measured));
            let nothing = vec![Object::new(); components.len()];
            let mut after = nothing.clone();
            after.push(component);
            edit_each(object, "component", &after, &nothing, |new, _, old| {
                for (name, value) in new {
                    old.insert(name.clone(), value.clone());
                }
            });
        }
    }
}

crate::chart::veil::veiled!(Change);
