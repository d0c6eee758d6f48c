//! Examples: what a type gives itself (`#[schemars(example = ...)]`), and else what its members give.
//!
//! Texts and numbers are never made up: a reader could not tell them from what the API really says. A type without an
//! example, in a place where one is needed, fails the tests of the document.

use serde_json::{Map, Value};

/// How deep an example goes into types that hold themselves.
const DEPTH_MAX: usize = 12;

/// A value that the schema allows, as far as the types give one.
pub(super) fn of(schema: &Value, definitions: &Map<String, Value>) -> Value {
    made(schema, definitions, 0).unwrap_or_default()
}

/// None where the schema is too deep, allows null alone, or gives nothing.
fn made(schema: &Value, definitions: &Map<String, Value>, depth: usize) -> Option<Value> {
    if depth > DEPTH_MAX {
        return None;
    }
    if let Some(given) = schema["examples"].get(0).or_else(|| schema.get("const")) {
        return Some(completed(given.clone(), schema, definitions, depth));
    }
    if let Some(first) = schema["enum"].as_array().and_then(|all| all.iter().find(|choice| !choice.is_null()))
    {
        return Some(first.clone());
    }
    if let Some(name) = schema["$ref"].as_str().and_then(|reference| reference.rsplit('/').next()) {
        return made(definitions.get(name)?, definitions, depth + 1);
    }
    for choice in ["anyOf", "oneOf", "allOf"].iter().filter_map(|key| schema[*key].as_array()).flatten() {
        if let Some(value) = made(choice, definitions, depth + 1) {
            return Some(value);
        }
    }
    let kind = match &schema["type"] {
        Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).find(|kind| *kind != "null")?,
        kind => kind.as_str()?,
    };
    match kind {
        "object" => Some(object(schema, definitions, depth)),
        "array" => Some(made(&schema["items"], definitions, depth + 1).into_iter().collect()),
        _ => None,
    }
}

/// The example with the members that it lacks: one that is flattened into another type brings its example along.
fn completed(mut given: Value, schema: &Value, definitions: &Map<String, Value>, depth: usize) -> Value {
    let Some(members) = given.as_object_mut() else { return given };
    for name in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        if !members.contains_key(name)
            && let Some(value) = made(&schema["properties"][name], definitions, depth + 1)
        {
            members.insert(name.to_owned(), value);
        }
    }
    given
}

/// All members for which there is an example.
fn object(schema: &Value, definitions: &Map<String, Value>, depth: usize) -> Value {
    let members = schema["properties"].as_object().into_iter().flatten();
    members
        .filter_map(|(name, member)| Some((name.clone(), made(member, definitions, depth + 1)?)))
        .collect::<Map<_, _>>()
        .into()
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use schemars::JsonSchema;
    use serde::{Deserialize, Serialize};

    use super::*;

    #[derive(JsonSchema, Serialize, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Tree {
        #[schemars(example = &"oak")]
        name: String,
        planted: Option<chrono::NaiveDate>,
        #[schemars(example = 31)]
        rings: u16,
        kind: Kind,
        boughs: Vec<Tree>,
    }

    #[derive(JsonSchema, Serialize, Deserialize)]
    #[serde(rename_all = "snake_case")]
    enum Kind {
        BroadLeaved,
        Conifer,
    }

    #[test]
    fn an_example_is_of_the_type_that_it_is_made_from() {
        let mut generator = schemars::SchemaGenerator::default();
        let schema = generator.subschema_for::<Tree>().to_value();
        let example = of(&schema, generator.definitions());
        assert_eq!(example["name"], "oak");
        assert_eq!(example["kind"], "broad_leaved");
        let tree: Tree = serde_json::from_value(example).unwrap();
        assert_eq!(tree.rings, 31);
        assert!(tree.planted.is_none(), "a date is not made up");
        assert_eq!(tree.boughs[0].name, "oak");
    }

    /// Every example of the document with its place: of bodies, parameters, headers and schemas.
    fn examples<'a>(place: &str, value: &'a Value, found: &mut Vec<(String, &'a Value)>) {
        match value {
            Value::Object(members) => {
                for (name, member) in members {
                    let place = format!("{place}/{}", name.replace('/', "~1"));
                    match (name.as_str(), member) {
                        ("example", example) => found.push((place, example)),
                        ("examples", Value::Array(all)) => {
                            found.extend(all.iter().map(|it| (place.clone(), it)))
                        }
                        _ => examples(&place, member, found),
                    }
                }
            }
            Value::Array(items) => items.iter().for_each(|item| examples(place, item, found)),
            _ => {}
        }
    }

    /// What somebody writes who has nothing to say.
    const PLACEHOLDERS: &[&str] = &[
        "", "text", "string", "example", "value", "name", "id", "kid", "abc", "foo", "bar", "x", "todo",
        "test",
    ];

    /// Members of an example that say nothing, and those that name two things by one UUID.
    fn empty_words(place: &str, value: &Value, faults: &mut Vec<String>) {
        match value {
            Value::String(text) if PLACEHOLDERS.contains(&text.trim_matches('-').to_lowercase().as_str()) => {
                faults.push(format!("{place}: {text:?} is a placeholder"));
            }
            Value::Object(members) => {
                let mut seen = HashMap::new();
                // `value` is a code of FHIR's.
                for (name, member) in members.iter().filter(|(name, _)| *name != "code") {
                    empty_words(&format!("{place}/{name}"), member, faults);
                    let id = member.as_str().filter(|text| uuid::Uuid::try_parse(text).is_ok());
                    if let Some(other) = id.and_then(|id| seen.insert(id, name)) {
                        faults.push(format!("{place}: {other} and {name} are the same"));
                    }
                }
            }
            Value::Array(items) => items.iter().for_each(|item| empty_words(place, item, faults)),
            _ => {}
        }
    }

    #[test]
    fn no_example_is_a_placeholder() {
        let document = crate::openapi::document();
        let mut found = Vec::new();
        examples("", &document, &mut found);
        let operations = crate::openapi::documented().count();
        assert!(found.len() > 5 * operations, "only {} examples", found.len());
        let mut faults = Vec::new();
        found.iter().for_each(|(place, example)| empty_words(place, example, &mut faults));
        // An example of a body with nothing in it shows nothing; where all may be left out, what can be said is shown.
        let empty =
            |example: &Value| example.is_null() || example.as_object().is_some_and(serde_json::Map::is_empty);
        let bodies = found.iter().filter(|(place, example)| place.ends_with("/example") && empty(example));
        faults.extend(bodies.map(|(place, _)| format!("{place}: shows nothing")));
        assert!(faults.is_empty(), "\n{}\n", faults.join("\n"));
    }
}
