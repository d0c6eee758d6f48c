//! What a version changed, member by member.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};

use super::view;

/// A member that differs between a version and the one before.
#[derive(Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Change {
    #[schemars(example = &"family_name")]
    /// The member's name; for an element that the typed view does not show, its name in FHIR after `fhir.`.
    #[schemars(example = &"family_name")]
    pub member: String,
    /// What it was; null where it was absent.
    #[schemars(example = &"Vester")]
    pub before: Value,
    /// What it became; null where it is absent now.
    #[schemars(example = &"Vester-Moon")]
    pub after: Value,
}

impl std::fmt::Debug for Change {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Change({} [phi])", self.member)
    }
}

/// Members that differ in every version, or are said elsewhere.
const APART: [&str; 3] = ["version", "last_updated", "id"];
/// The elements that the view shows; of `name` and `link` it shows a part.
const SHOWN: [&str; 15] = [
    "resourceType",
    "id",
    "meta",
    "identifier",
    "active",
    "name",
    "telecom",
    "gender",
    "birthDate",
    "deceasedBoolean",
    "deceasedDateTime",
    "address",
    "managingOrganization",
    "generalPractitioner",
    "link",
];

/// What differs between two versions of a Patient. None before is nothing: then everything that is there is new.
pub fn changes(before: Option<&Value>, after: Option<&Value>) -> Vec<Change> {
    let shown = |patient: Option<&Value>| match patient.map(|patient| serde_json::to_value(view(patient))) {
        Some(Ok(Value::Object(members))) => members,
        _ => Map::new(),
    };
    let (old, new) = (shown(before), shown(after));
    let mut changes = Vec::new();
    let mut names: Vec<&String> = new.keys().collect();
    names.extend(old.keys().filter(|name| !new.contains_key(*name)));
    for name in names.into_iter().filter(|name| !APART.contains(&name.as_str())) {
        compare(&mut changes, name.clone(), value(&old, name), value(&new, name));
    }
    let seen = !changes.is_empty();
    let nothing = Map::new();
    let elements = |patient: Option<&'_ Value>| patient.and_then(Value::as_object).cloned();
    let (old, new) = (elements(before), elements(after));
    let (old, new) = (old.as_ref().unwrap_or(&nothing), new.as_ref().unwrap_or(&nothing));
    let mut names: Vec<&String> = new.keys().collect();
    names.extend(old.keys().filter(|name| !new.contains_key(*name)));
    for name in names {
        // An element that is shown in part may differ in the other.
        let partly = matches!(name.as_str(), "name" | "identifier" | "telecom" | "address" | "link") && !seen;
        if partly || !SHOWN.contains(&name.as_str()) {
            compare(&mut changes, format!("fhir.{name}"), value(old, name), value(new, name));
        }
    }
    changes
}

/// An empty list is as good as none.
fn value(members: &Map<String, Value>, name: &str) -> Value {
    match members.get(name) {
        Some(Value::Array(items)) if items.is_empty() => Value::Null,
        Some(value) => value.clone(),
        None => Value::Null,
    }
}

fn compare(changes: &mut Vec<Change>, member: String, before: Value, after: Value) {
    if before != after {
        changes.push(Change { member, before, after });
    }
}
