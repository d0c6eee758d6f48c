//! Examples: what a type gives itself (`#[schemars(example = ...)]`), and else a value made from its schema.

use serde_json::{Map, Number, Value, json};

/// How deep an example goes into types that hold themselves.
const DEPTH_MAX: usize = 12;

/// A value that the schema allows.
pub(super) fn of(schema: &Value, definitions: &Map<String, Value>) -> Value {
    made(schema, definitions, 0).unwrap_or_default()
}

/// None where the schema is too deep, or allows null alone.
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
        "string" => Some(string(schema).into()),
        "integer" => Some(schema["minimum"].as_i64().unwrap_or(1).max(1).into()),
        "number" => Number::from_f64(schema["minimum"].as_f64().unwrap_or(1.0).max(1.0)).map(Value::Number),
        "boolean" => Some(json!(true)),
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

fn string(schema: &Value) -> String {
    let text = match schema["format"].as_str() {
        Some("uuid") => "0197c1a0-7a5e-7c3b-9d2f-3b6a1c8e4f10",
        Some("date-time") => "2026-11-21T09:30:00Z",
        Some("date") => "2026-11-21",
        Some("uri") => "https://example.org",
        _ => "text",
    };
    let shortest = usize::try_from(schema["minLength"].as_u64().unwrap_or(0)).unwrap_or(0);
    format!("{text:-<shortest$}")
}

#[cfg(test)]
mod tests {
    use schemars::JsonSchema;
    use serde::{Deserialize, Serialize};

    use super::*;

    #[derive(JsonSchema, Serialize, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Tree {
        #[schemars(example = &"oak")]
        name: String,
        id: uuid::Uuid,
        planted: Option<chrono::NaiveDate>,
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
        assert_eq!(tree.rings, 1);
        assert!(tree.planted.is_some() && !tree.boughs.is_empty());
    }
}
