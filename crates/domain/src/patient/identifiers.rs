//! The two identifiers that are ours: the patient number, which the server gives, and the medical record number.

use std::fmt;

use serde_json::{Value, json};

/// The system of patient numbers. Unique within an organization; nobody but the server gives one.
pub const NUMBER_SYSTEM: &str = "urn:salus:patient-number";
/// The system of an organization's own medical record numbers. Unique within an organization.
pub const MRN_SYSTEM: &str = "urn:salus:mrn";
/// HL7 table 0203 as FHIR names it.
pub(super) const TYPE_SYSTEM: &str = "http://terminology.hl7.org/CodeSystem/v2-0203";
/// The code of a medical record number there.
pub(super) const MRN_TYPE: &str = "MR";

/// Which of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum NamedKind {
    /// The patient number.
    Number,
    /// The medical record number.
    Mrn,
}

impl NamedKind {
    /// As it stands in the table of claims.
    pub const fn name(self) -> &'static str {
        match self {
            NamedKind::Number => "patient_number",
            NamedKind::Mrn => "mrn",
        }
    }
}

/// An identifier of ours that a Patient carries.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Named {
    /// Which of the two.
    pub kind: NamedKind,
    /// Its value.
    pub value: String,
    /// Its place in the Patient's list.
    pub index: usize,
}

impl fmt::Debug for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Named({:?} [phi])", self.kind)
    }
}

/// The system and value of an element of `Patient.identifier`.
pub(super) fn system_value(identifier: &Value) -> (Option<&str>, Option<&str>) {
    let text = |name| identifier.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    (text("system"), text("value"))
}

/// Whether an identifier's type is the medical record number of HL7 table 0203.
pub(super) fn is_mrn_type(identifier: &Value) -> bool {
    super::view::type_code(identifier) == Some(MRN_TYPE)
}

/// The identifiers of ours that this Patient carries, each once.
pub fn named(patient: &Value) -> Vec<Named> {
    let identifiers = patient.get("identifier").and_then(Value::as_array);
    let mut found: Vec<Named> = Vec::new();
    for (index, identifier) in identifiers.into_iter().flatten().enumerate() {
        let (Some(system), Some(value)) = system_value(identifier) else { continue };
        let kind = match system {
            NUMBER_SYSTEM => NamedKind::Number,
            MRN_SYSTEM => NamedKind::Mrn,
            _ => continue,
        };
        if !found.iter().any(|it| it.kind == kind && it.value == value) {
            found.push(Named { kind, value: value.to_owned(), index });
        }
    }
    found
}

/// The element for a medical record number of this organization.
pub(super) fn mrn_element(value: &str) -> Value {
    json!({
        "use": "usual",
        "type": {"coding": [{"system": TYPE_SYSTEM, "code": MRN_TYPE}]},
        "system": MRN_SYSTEM,
        "value": value,
    })
}

/// The same Patient with this patient number, which must be a new one.
pub fn with_number(mut patient: Value, number: &str) -> Value {
    let element = json!({
        "use": "official",
        "type": {"coding": [{"system": TYPE_SYSTEM, "code": "PI"}]},
        "system": NUMBER_SYSTEM,
        "value": number,
    });
    if let Value::Object(object) = &mut patient {
        match object.get_mut("identifier") {
            Some(Value::Array(list)) => list.insert(0, element),
            _ => {
                object.insert("identifier".to_owned(), json!([element]));
            }
        }
    }
    patient
}
