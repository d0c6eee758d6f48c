//! Finding and rewriting references in a resource.

use serde_json::{Map, Value};

use super::is_urn;

/// A step on the way to an element.
#[derive(Clone, Copy)]
enum Step<'a> {
    Name(&'a str),
    Index(usize),
}

/// Every `reference` string of every Reference in the resource, extensions and contained resources included,
/// with the path of the Reference (`Encounter.participant[0].individual`), in document order.
pub fn references(resource: &Value) -> Vec<(String, &str)> {
    let mut found = Vec::new();
    let root = resource.get("resourceType").and_then(Value::as_str).unwrap_or("Resource");
    find(resource, &mut vec![Step::Name(root)], &mut found);
    found
}

fn find<'a>(value: &'a Value, path: &mut Vec<Step<'a>>, found: &mut Vec<(String, &'a str)>) {
    match value {
        Value::Object(object) => {
            let parent = path.iter().rev().find_map(|step| match step {
                Step::Name(name) => Some(*name),
                Step::Index(_) => None,
            });
            if let Some(Value::String(text)) = reference_of(object, parent) {
                found.push((render(path), text));
            }
            for (name, child) in object {
                if child.is_object() || child.is_array() {
                    path.push(Step::Name(name));
                    find(child, path, found);
                    path.pop();
                }
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                path.push(Step::Index(index));
                find(item, path, found);
                path.pop();
            }
        }
        _ => {}
    }
}

/// The `reference` of an object that is a Reference. Three things of R4 have a `reference` that is a plain
/// uri: DetectedIssue, Immunization.education, and Expression, which alone of these has a `language`.
fn reference_of<'a>(object: &'a Map<String, Value>, parent: Option<&str>) -> Option<&'a Value> {
    let reference = object.get("reference")?;
    let other =
        object.contains_key("resourceType") || object.contains_key("language") || parent == Some("education");
    (!other).then_some(reference)
}

fn render(path: &[Step<'_>]) -> String {
    let mut text = String::new();
    for step in path {
        match step {
            Step::Name(name) => {
                if !text.is_empty() {
                    text.push('.');
                }
                text.push_str(name);
            }
            Step::Index(index) => {
                text.push('[');
                text.push_str(&index.to_string());
                text.push(']');
            }
        }
    }
    text
}

/// Replaces references: `replace` is asked for each, and what it answers is put in its place.
///
/// Asked are the `reference` string of every Reference; every other string that is a `urn:uuid:` or
/// `urn:oid:` (an element of type uri, url, oid or uuid can name an entry of the Bundle), except the `value`
/// of an Identifier, which is a string and says who the resource is; and `href` and `src` with such a urn in
/// a narrative's `div`.
pub fn rewrite(resource: &mut Value, replace: &mut dyn FnMut(&str) -> Option<String>) {
    rewrite_in(resource, None, replace);
}

fn rewrite_in(value: &mut Value, parent: Option<&str>, replace: &mut dyn FnMut(&str) -> Option<String>) {
    match value {
        Value::Object(object) => {
            let is_reference = reference_of(object, parent).is_some();
            for (name, child) in object {
                match child {
                    Value::String(text) if is_reference && name == "reference" => put(text, replace),
                    Value::String(text) if name == "div" => rewrite_narrative(text, replace),
                    Value::String(_) if name == "value" => {}
                    Value::String(text) if is_urn(text) => put(text, replace),
                    Value::Object(_) | Value::Array(_) => rewrite_in(child, Some(name), replace),
                    _ => {}
                }
            }
        }
        Value::Array(items) => {
            for item in items {
                match item {
                    Value::String(text) if is_urn(text) => put(text, replace),
                    _ => rewrite_in(item, parent, replace),
                }
            }
        }
        _ => {}
    }
}

fn put(text: &mut String, replace: &mut dyn FnMut(&str) -> Option<String>) {
    if let Some(other) = replace(text) {
        *text = other;
    }
}

/// Replaces the urns in `href="urn:..."` and `src='urn:...'`.
fn rewrite_narrative(div: &mut String, replace: &mut dyn FnMut(&str) -> Option<String>) {
    let mut from = 0;
    while let Some(found) = div[from..].find("urn:") {
        let start = from + found;
        from = start + 4;
        let Some(quote) = div[..start].chars().next_back().filter(|c| matches!(c, '"' | '\'')) else {
            continue;
        };
        let before = div[..start - 1].trim_end().strip_suffix('=').map(str::trim_end).unwrap_or_default();
        if !(before.ends_with("href") || before.ends_with("src")) {
            continue;
        }
        let Some(length) = div[start..].find(quote) else { return };
        let end = start + length;
        if let Some(other) = replace(&div[start..end]).filter(|_| is_urn(&div[start..end])) {
            // What a server puts here is `Type/id`; escaping keeps the attribute whole whatever it is.
            let other = other
                .replace('&', "&amp;")
                .replace('"', "&quot;")
                .replace('\'', "&#39;")
                .replace('<', "&lt;");
            div.replace_range(start..end, &other);
            from = start + other.len();
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_reference_is_found_with_its_path() {
        let resource = json!({
            "resourceType": "Encounter",
            "contained": [{"resourceType": "Condition", "subject": {"reference": "#"}}],
            "extension": [{"url": "x", "valueReference": {"reference": "Group/1"}}],
            "subject": {"reference": "Patient/1", "display": "somebody"},
            "participant": [{}, {"individual": {"reference": "Practitioner/2"}}],
            "serviceProvider": {"display": "no reference"},
            "_status": {"extension": [{"url": "y", "valueReference": {"reference": "List/9"}}]},
        });
        let found = references(&resource);
        let found: Vec<_> = found.iter().map(|(path, text)| (path.as_str(), *text)).collect();
        assert_eq!(
            found,
            [
                ("Encounter.contained[0].subject", "#"),
                ("Encounter.extension[0].valueReference", "Group/1"),
                ("Encounter.subject", "Patient/1"),
                ("Encounter.participant[1].individual", "Practitioner/2"),
                ("Encounter._status.extension[0].valueReference", "List/9"),
            ]
        );
    }

    #[test]
    fn a_uri_named_reference_is_not_a_reference() {
        for resource in [
            json!({"resourceType": "DetectedIssue", "reference": "http://guideline"}),
            json!({"resourceType": "Immunization", "education": [{"reference": "http://leaflet"}]}),
            json!({"resourceType": "Measure", "x": {"language": "text/cql", "reference": "http://library"}}),
            json!({"resourceType": "Claim", "related": [{"reference": {"value": "an Identifier"}}]}),
        ] {
            assert_eq!(references(&resource), [], "{resource}");
        }
    }

    #[test]
    fn references_urns_and_narrative_links_are_rewritten_and_nothing_else() {
        let mut resource = json!({
            "resourceType": "DocumentReference",
            "text": {"div": "<a href=\"urn:uuid:1\">x</a><i src = 'urn:uuid:1'/><a href=\"urn:x:2\"/>"},
            "identifier": [{"system": "urn:ietf:rfc:3986", "value": "urn:uuid:1"}],
            "subject": {"reference": "urn:uuid:1", "display": "urn:uuid:1 is not alone here"},
            "author": [{"reference": "Practitioner?identifier=x|1"}],
            "content": [{"attachment": {"url": "urn:uuid:1"}}],
            "context": {"encounter": [{"reference": "urn:uuid:3"}]},
            "meta": {"profile": ["urn:uuid:1"]},
        });
        rewrite(&mut resource, &mut |text| match text {
            "urn:uuid:1" => Some("Patient/7".to_owned()),
            "Practitioner?identifier=x|1" => Some("Practitioner/8".to_owned()),
            _ => None,
        });
        assert_eq!(
            resource,
            json!({
                "resourceType": "DocumentReference",
                "text": {"div": "<a href=\"Patient/7\">x</a><i src = 'Patient/7'/><a href=\"urn:x:2\"/>"},
                "identifier": [{"system": "urn:ietf:rfc:3986", "value": "urn:uuid:1"}],
                "subject": {"reference": "Patient/7", "display": "urn:uuid:1 is not alone here"},
                "author": [{"reference": "Practitioner/8"}],
                "content": [{"attachment": {"url": "Patient/7"}}],
                "context": {"encounter": [{"reference": "urn:uuid:3"}]},
                "meta": {"profile": ["Patient/7"]},
            })
        );
    }

    #[test]
    fn odd_narratives_are_left_alone() {
        for text in
            ["urn:", "\"urn:", "href=\"urn:uuid:1", "='urn:uuid:1'", "é\"urn:uuid:1\"", "href=é'urn:x'"]
        {
            let mut resource = json!({"text": {"div": text}});
            rewrite(&mut resource, &mut |_| Some("Patient/1".to_owned()));
            assert_eq!(resource["text"]["div"], text);
        }
    }
}
