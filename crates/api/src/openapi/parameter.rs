//! Parameters: in the path, the query and the headers.

use fhir::ResourceType;
use schemars::{Schema, SchemaGenerator};
use serde_json::{Value, json};

use crate::docs;
use crate::policy::{Endpoint, RequestHeader, Rule, Shape};
use crate::sample;

/// The variable segments of the path, in their order.
pub(super) fn path(rule: &'static Rule) -> impl Iterator<Item = Value> {
    let names = rule.path.split('/').filter_map(|segment| segment.strip_prefix('{')?.strip_suffix('}'));
    names.map(|name| {
        let (description, schema) = segment(rule.endpoint, name);
        json!({ "name": name, "in": "path", "required": true, "description": description, "schema": schema })
    })
}

fn segment(endpoint: Endpoint, name: &str) -> (&'static str, Value) {
    // The first is what /docs offers.
    let types = || {
        let others = ResourceType::all().filter(|resource_type| *resource_type != ResourceType::Patient);
        let all = [ResourceType::Patient].into_iter().chain(others);
        all.map(|resource_type| resource_type.name()).collect::<Vec<_>>()
    };
    let record = |description| {
        (description, json!({ "type": "string", "pattern": "^[A-Za-z0-9.-]{1,64}$", "examples": ["p1"] }))
    };
    match (endpoint, name) {
        (_, "type") => (
            "A resource type of FHIR R4.",
            json!({ "enum": types(), "type": "string", "examples": ["Patient"] }),
        ),
        (Endpoint::Fhir(_), "version") => {
            ("The version, from 1.", json!({ "type": "integer", "minimum": 1, "maximum": i32::MAX }))
        }
        (Endpoint::Fhir(_), _) => record("The record's id: 1 to 64 letters, digits, hyphens and dots."),
        (_, "file") => {
            ("The file's name.", json!({ "type": "string", "enum": docs::names().collect::<Vec<_>>() }))
        }
        (_, "release") => {
            let schema = json!({ "type": "string", "examples": [docs::release()] });
            ("A number that changes when one of the files does.", schema)
        }
        (Endpoint::Patients(_) | Endpoint::Chart(_), "id") => record("The patient's id, the same as FHIR's."),
        (Endpoint::Patients(_), "mrn") => {
            ("The medical record number.", json!({ "type": "string", "examples": ["MRN-70318"] }))
        }
        (Endpoint::Patients(_), "number") => {
            ("The patient number.", json!({ "type": "string", "examples": ["P2026000001"] }))
        }
        (Endpoint::Chart(_), _) => record("The entry's id."),
        (_, "kid") => ("The key's id.", json!({ "type": "string", "examples": [sample::KEY] })),
        _ => {
            ("The identifier.", json!({ "type": "string", "format": "uuid", "examples": [sample::ACCOUNT] }))
        }
    }
}

/// A header of the request.
pub(super) fn header(header: &RequestHeader) -> Value {
    json!({
        "name": header.name,
        "in": "header",
        "description": header.description,
        "required": header.required,
        "schema": { "type": "string" },
    })
}

/// The members of the object as parameters. `additionalProperties` becomes one free-form parameter.
pub(super) fn query(shape: Shape, generator: &mut SchemaGenerator) -> Vec<Value> {
    let schema = resolved(shape.schema(generator), generator);
    let required: Vec<_> = schema["required"].as_array().into_iter().flatten().cloned().collect();
    let mut parameters = Vec::new();
    for (name, member) in schema["properties"].as_object().into_iter().flatten() {
        let mut member = never_null(member.clone());
        let description = member.as_object_mut().and_then(|member| member.remove("description"));
        parameters.push(json!({
            "name": name,
            "in": "query",
            "description": description.unwrap_or_default(),
            "required": required.contains(&Value::from(name.as_str())),
            "schema": member,
        }));
    }
    if schema["additionalProperties"].is_object() {
        parameters.push(json!({
            "name": "parameters",
            "in": "query",
            "description": schema["description"],
            "required": false,
            "style": "form",
            "explode": true,
            "schema": { "type": "object", "additionalProperties": { "type": "string" } },
        }));
    }
    parameters
}

/// A parameter that may be left out is an `Option` in Rust; but a URL cannot say null.
fn never_null(mut schema: Value) -> Value {
    let Some(members) = schema.as_object_mut() else { return schema };
    if members.get("default").is_some_and(Value::is_null) {
        members.remove("default");
    }
    if let Some(choices) = members.get_mut("enum").and_then(Value::as_array_mut) {
        choices.retain(|choice| !choice.is_null());
    }
    if let Some(kinds) = members.get_mut("type")
        && let Some(kind) = the_other(kinds, |kind| kind == "null")
    {
        *kinds = kind;
    }
    let choice =
        members.get("anyOf").and_then(|choices| the_other(choices, |choice| choice["type"] == "null"));
    if let Some(Value::Object(choice)) = choice {
        members.remove("anyOf");
        members.extend(choice);
    }
    schema
}

/// The one of two that is not null.
fn the_other(two: &Value, is_null: impl Fn(&Value) -> bool) -> Option<Value> {
    match two.as_array()?.as_slice() {
        [value, null] | [null, value] if is_null(null) => Some(value.clone()),
        _ => None,
    }
}

/// The schema itself, where it is a reference to a definition.
fn resolved(schema: Schema, generator: &SchemaGenerator) -> Value {
    let value = schema.to_value();
    let name = value["$ref"].as_str().and_then(|reference| reference.rsplit('/').next());
    match name.and_then(|name| generator.definitions().get(name)) {
        Some(definition) => definition.clone(),
        None => value,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parameter_that_may_be_left_out_is_not_null() {
        let plain = never_null(json!({ "type": ["integer", "null"], "minimum": 0, "default": null }));
        assert_eq!(plain, json!({ "type": "integer", "minimum": 0 }));
        let reference = never_null(json!({ "anyOf": [{ "$ref": "#/x" }, { "type": "null" }] }));
        assert_eq!(reference, json!({ "$ref": "#/x" }));
    }
}
