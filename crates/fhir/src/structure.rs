//! What must hold of every resource whatever its profile: it is an object, of the type that it should be,
//! with an id that can be one, and with no element that its type does not have (R4 resource, 2.26; json,
//! 2.6.2).

use serde_json::Value;

use crate::ResourceType;
use crate::definitions::elements;
use crate::outcome::{Issue, IssueType};
use crate::reference::is_id;

/// Unknown elements that are told of one resource; more are of no use to anyone.
const UNKNOWN_ELEMENTS: usize = 100;

/// Checks a resource that should be of this type. An empty list means that all is well.
pub fn check(resource_type: ResourceType, resource: &Value) -> Vec<Issue> {
    let name = resource_type.name();
    let Value::Object(object) = resource else {
        return vec![Issue::error(IssueType::Structure, "a resource is a JSON object").at(name)];
    };
    let mut issues = Vec::new();
    let mut refuse = |code, what: String, element: &str| {
        issues.push(Issue::error(code, what).at(format!("{name}.{element}")));
    };
    match object.get("resourceType") {
        Some(Value::String(given)) if given == name => {}
        Some(Value::String(given)) if ResourceType::from_name(given).is_some() => {
            refuse(IssueType::Invalid, format!("this is a {given}; a {name} is needed here"), "resourceType");
        }
        Some(_) => refuse(IssueType::Invalid, format!("is not {name}"), "resourceType"),
        None => refuse(IssueType::Required, "resourceType is missing".to_owned(), "resourceType"),
    }
    match object.get("id") {
        None => {}
        Some(Value::String(id)) if is_id(id) => {}
        Some(_) => refuse(IssueType::Value, "an id is 1 to 64 letters, digits, `-` and `.`".to_owned(), "id"),
    }
    if object.get("meta").is_some_and(|meta| !meta.is_object()) {
        refuse(IssueType::Structure, "meta is an object".to_owned(), "meta");
    }
    let unknown = object.keys().filter(|element| !is_element(resource_type, element));
    for element in unknown.take(UNKNOWN_ELEMENTS) {
        let shown: String = element.chars().take(64).collect();
        refuse(IssueType::Structure, format!("{name} has no element `{shown}`"), &shown);
    }
    issues
}

/// Whether a JSON property is an element of the type, or the `_` sibling of a primitive one.
pub(crate) fn is_element(resource_type: ResourceType, property: &str) -> bool {
    let own = elements(resource_type);
    let has = |names: &[&str], name: &str| names.binary_search(&name).is_ok();
    let primitive =
        |name: &str| matches!(name, "id" | "implicitRules" | "language") || has(own.primitive, name);
    if let Some(name) = property.strip_prefix('_') {
        return primitive(name);
    }
    match property {
        "resourceType" | "meta" => true,
        "text" | "contained" | "extension" | "modifierExtension" if own.domain => true,
        _ => primitive(property) || has(own.complex, property),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn said(resource_type: ResourceType, resource: Value) -> Vec<String> {
        let issues = check(resource_type, &resource);
        issues.into_iter().filter_map(|issue| issue.expression).collect()
    }

    #[test]
    fn a_resource_with_elements_of_its_type_passes() {
        let observation = json!({
            "resourceType": "Observation", "id": "a-1.B", "meta": {}, "language": "en", "_language": {},
            "implicitRules": "x", "text": {}, "contained": [], "extension": [], "modifierExtension": [],
            "status": "final", "_status": {}, "code": {}, "valueQuantity": {}, "_valueString": {},
            "component": []
        });
        assert_eq!(said(ResourceType::Observation, observation), [""; 0]);
        assert_eq!(
            said(ResourceType::Bundle, json!({"resourceType": "Bundle", "type": "collection"})),
            [""; 0]
        );
    }

    #[test]
    fn each_defect_is_said_with_its_element() {
        let observation = json!({
            "resourceType": "Observation", "id": "a_1", "meta": [], "valueFoo": 1, "value": 1, "_code": {},
            "status_": 1, "Status": "final", "": 1
        });
        assert_eq!(
            said(ResourceType::Observation, observation),
            [
                "Observation.id",
                "Observation.meta",
                "Observation.valueFoo",
                "Observation.value",
                "Observation._code",
                "Observation.status_",
                "Observation.Status",
                "Observation."
            ]
        );
        assert_eq!(said(ResourceType::Patient, json!([])), ["Patient"]);
        assert_eq!(said(ResourceType::Patient, json!({})), ["Patient.resourceType"]);
        assert_eq!(said(ResourceType::Patient, json!({"resourceType": 7})), ["Patient.resourceType"]);
        assert_eq!(said(ResourceType::Patient, json!({"resourceType": "Patient", "id": 7})), ["Patient.id"]);
        assert_eq!(
            said(ResourceType::Binary, json!({"resourceType": "Binary", "text": {}})),
            ["Binary.text"]
        );
    }

    #[test]
    fn no_more_than_a_hundred_unknown_elements_are_told() {
        let mut patient: Value = (0..1_000).map(|n| (format!("x{n}"), json!(n))).collect();
        patient["resourceType"] = "Patient".into();
        assert_eq!(said(ResourceType::Patient, patient).len(), UNKNOWN_ELEMENTS);
    }

    #[test]
    fn another_type_is_named() {
        let issues = check(ResourceType::Patient, &json!({"resourceType": "Group"}));
        assert_eq!(issues[0].diagnostics, "this is a Group; a Patient is needed here");
    }
}
