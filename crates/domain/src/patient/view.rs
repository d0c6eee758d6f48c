//! From the FHIR Patient to the typed view. What does not have the expected shape is passed over: a patient that came
//! through the other door is always shown, if with gaps.

use fhir::ResourceType;
use fhir::reference::Reference;
use serde_json::Value;

use super::identifiers::{MRN_SYSTEM, NUMBER_SYSTEM, TYPE_SYSTEM, is_mrn_type, system_value};
use super::{Address, Demographics, Gender, Identifier, Patient, Telecom};

/// The typed view of a stored Patient.
pub fn view(patient: &Value) -> Patient {
    let meta = |name| patient.get("meta").and_then(|meta| string(meta, name));
    Patient {
        id: string(patient, "id").unwrap_or_default(),
        patient_number: patient_number(patient).map(str::to_owned),
        demographics: demographics(patient),
        merged_into: merged_into(patient).map(str::to_owned),
        version: meta("versionId").and_then(|version| version.parse().ok()).unwrap_or_default(),
        last_updated: meta("lastUpdated"),
    }
}

pub(super) fn demographics(patient: &Value) -> Demographics {
    let name = main_name(patient).map(|index| &patient["name"][index]);
    let mrn = mrn_index(patient);
    let (deceased, deceased_at) = deceased(patient);
    Demographics {
        family_name: name.and_then(|name| string(name, "family")),
        given_names: name.map(|name| strings(name, "given")).unwrap_or_default(),
        birth_date: string(patient, "birthDate"),
        gender: patient.get("gender").and_then(Value::as_str).and_then(Gender::from_code),
        mrn: mrn.and_then(|index| string(&patient["identifier"][index], "value")),
        identifiers: list(patient, "identifier")
            .iter()
            .enumerate()
            .filter(|(index, it)| Some(*index) != mrn && system_value(it).0 != Some(NUMBER_SYSTEM))
            .filter_map(|(_, it)| identifier(it))
            .collect(),
        telecom: list(patient, "telecom").iter().filter_map(telecom).collect(),
        address: list(patient, "address").iter().filter_map(address).collect(),
        active: patient.get("active").and_then(Value::as_bool),
        deceased,
        deceased_at,
        managing_organization: patient
            .get("managingOrganization")
            .and_then(local)
            .and_then(|(kind, id)| (kind == ResourceType::Organization).then(|| id.to_owned())),
        general_practitioners: list(patient, "generalPractitioner").iter().filter_map(practitioner).collect(),
    }
}

pub(super) fn list<'a>(object: &'a Value, name: &str) -> &'a [Value] {
    object.get(name).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

fn string(object: &Value, name: &str) -> Option<String> {
    object.get(name)?.as_str().filter(|text| !text.is_empty()).map(str::to_owned)
}

fn strings(object: &Value, name: &str) -> Vec<String> {
    list(object, name).iter().filter_map(Value::as_str).map(str::to_owned).collect()
}

/// Which of the names is the patient's: the official one, else the first that is neither old nor a nickname or
/// maiden name, else the first.
pub(super) fn main_name(patient: &Value) -> Option<usize> {
    let names = list(patient, "name");
    let usage = |name: &Value| name.get("use").and_then(Value::as_str).map(str::to_owned);
    let official = names.iter().position(|name| usage(name).as_deref() == Some("official"));
    let usual = || {
        names.iter().position(|name| {
            !matches!(usage(name).as_deref(), Some("old" | "maiden" | "nickname" | "anonymous" | "temp"))
        })
    };
    official.or_else(usual).or(if names.is_empty() { None } else { Some(0) })
}

fn is_old(identifier: &Value) -> bool {
    identifier.get("use").and_then(Value::as_str) == Some("old")
}

/// Which of the identifiers is the medical record number: the one of this organization, else the first of that type.
pub(super) fn mrn_index(patient: &Value) -> Option<usize> {
    let identifiers = list(patient, "identifier");
    let has_value = |it: &Value| system_value(it).1.is_some() && !is_old(it);
    let own = identifiers.iter().position(|it| has_value(it) && system_value(it).0 == Some(MRN_SYSTEM));
    own.or_else(|| identifiers.iter().position(|it| has_value(it) && is_mrn_type(it)))
}

fn patient_number(patient: &Value) -> Option<&str> {
    let numbers =
        || list(patient, "identifier").iter().filter(|it| system_value(it).0 == Some(NUMBER_SYSTEM));
    // A merged patient keeps its own, which is old by then.
    let number = numbers().find(|it| !is_old(it)).or_else(|| numbers().next());
    number.and_then(|it| system_value(it).1)
}

/// The code of an identifier's type in HL7 table 0203.
pub(super) fn type_code(identifier: &Value) -> Option<&str> {
    let codings = identifier.get("type").map(|kind| list(kind, "coding")).unwrap_or_default();
    let ours = codings.iter().find(|coding| {
        matches!(
            coding.get("system").and_then(Value::as_str),
            Some(TYPE_SYSTEM | "http://hl7.org/fhir/v2/0203")
        )
    });
    ours?.get("code")?.as_str()
}

pub(super) fn identifier(element: &Value) -> Option<Identifier> {
    let (system, value) = system_value(element);
    Some(Identifier {
        system: system.map(str::to_owned),
        value: value?.to_owned(),
        kind: type_code(element).map(str::to_owned),
        usage: string(element, "use"),
    })
}

pub(super) fn telecom(element: &Value) -> Option<Telecom> {
    Some(Telecom {
        system: string(element, "system").unwrap_or_else(|| "other".to_owned()),
        value: string(element, "value")?,
        usage: string(element, "use"),
    })
}

pub(super) fn address(element: &Value) -> Option<Address> {
    let mut lines = strings(element, "line");
    let parts = ["city", "district", "state", "postalCode", "country"];
    if lines.is_empty() && parts.iter().all(|part| string(element, part).is_none()) {
        // An address that is a text only.
        lines = string(element, "text")?.lines().map(str::to_owned).collect();
    }
    Some(Address {
        usage: string(element, "use"),
        lines,
        city: string(element, "city"),
        district: string(element, "district"),
        state: string(element, "state"),
        postal_code: string(element, "postalCode"),
        country: string(element, "country"),
    })
}

fn deceased(patient: &Value) -> (Option<bool>, Option<String>) {
    match (patient.get("deceasedBoolean").and_then(Value::as_bool), string(patient, "deceasedDateTime")) {
        (_, Some(at)) => (Some(true), Some(at)),
        (known, None) => (known, None),
    }
}

/// What a Reference names, where that is a record of ours.
fn local(reference: &Value) -> Option<(ResourceType, &str)> {
    match Reference::parse_local(reference.get("reference")?.as_str()?)? {
        Reference::Local { resource_type, id, .. } => Some((resource_type, id)),
        _ => None,
    }
}

pub(super) fn practitioner(reference: &Value) -> Option<String> {
    local(reference).map(|(kind, id)| format!("{}/{id}", kind.name()))
}

/// The patient that replaces this one.
fn merged_into(patient: &Value) -> Option<&str> {
    let replaced = list(patient, "link")
        .iter()
        .find(|link| link.get("type").and_then(Value::as_str) == Some("replaced-by"))?;
    local(replaced.get("other")?).filter(|(kind, _)| *kind == ResourceType::Patient).map(|(_, id)| id)
}
