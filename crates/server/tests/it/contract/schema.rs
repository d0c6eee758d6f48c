//! Whether a value keeps to a JSON Schema, as far as our document uses JSON Schema.

use serde_json::{Map, Value};

/// Keywords that allow and forbid nothing. The patterns are those of identifiers, which other tests read.
const SILENT: &[&str] = &[
    "description",
    "title",
    "examples",
    "example",
    "default",
    "deprecated",
    "pattern",
    "readOnly",
    "writeOnly",
];

/// What is wrong with the value, each with its place.
pub fn faults(document: &Value, schema: &Value, value: &Value) -> Vec<String> {
    let mut faults = Vec::new();
    Check { document, faults: &mut faults }.schema("", schema, value);
    faults
}

struct Check<'a> {
    document: &'a Value,
    faults: &'a mut Vec<String>,
}

impl Check<'_> {
    fn fault(&mut self, place: &str, what: impl std::fmt::Display) {
        self.faults.push(format!("{place}: {what}"));
    }

    fn keeps(&self, schema: &Value, value: &Value) -> bool {
        faults(self.document, schema, value).is_empty()
    }

    fn schema(&mut self, place: &str, schema: &Value, value: &Value) {
        let keywords = match schema {
            Value::Bool(true) => return,
            Value::Bool(false) => return self.fault(place, "nothing is allowed here"),
            schema => schema.as_object().unwrap_or_else(|| panic!("no schema: {schema}")),
        };
        for (keyword, said) in keywords {
            self.keyword(place, keywords, keyword, said, value);
        }
    }

    fn keyword(&mut self, place: &str, all: &Map<String, Value>, keyword: &str, said: &Value, value: &Value) {
        let number = |value: &Value| value.as_f64();
        let length = || value.as_str().map(|text| text.chars().count() as u64);
        let count = || value.as_array().map(|items| items.len() as u64);
        let ok = match keyword {
            "$ref" => {
                let pointer = said.as_str().unwrap().trim_start_matches('#');
                let schema = self.document.pointer(pointer).unwrap_or_else(|| panic!("no {pointer}")).clone();
                return self.schema(place, &schema, value);
            }
            "type" => match said {
                Value::Array(kinds) => kinds.iter().any(|kind| is(kind, value)),
                kind => is(kind, value),
            },
            "const" => said == value,
            "enum" => said.as_array().unwrap().contains(value),
            "anyOf" => said.as_array().unwrap().iter().any(|schema| self.keeps(schema, value)),
            "oneOf" => {
                said.as_array().unwrap().iter().filter(|schema| self.keeps(schema, value)).count() == 1
            }
            "allOf" => said.as_array().unwrap().iter().all(|schema| self.keeps(schema, value)),
            "minimum" => number(value).is_none_or(|value| value >= said.as_f64().unwrap()),
            "maximum" => number(value).is_none_or(|value| value <= said.as_f64().unwrap()),
            "exclusiveMinimum" => number(value).is_none_or(|value| value > said.as_f64().unwrap()),
            "minLength" => length().is_none_or(|length| length >= said.as_u64().unwrap()),
            "maxLength" => length().is_none_or(|length| length <= said.as_u64().unwrap()),
            "minItems" => count().is_none_or(|count| count >= said.as_u64().unwrap()),
            "maxItems" => count().is_none_or(|count| count <= said.as_u64().unwrap()),
            "uniqueItems" => true,
            "format" => value.as_str().is_none_or(|text| has_format(said.as_str().unwrap(), text)),
            "items" => {
                for (index, item) in value.as_array().into_iter().flatten().enumerate() {
                    self.schema(&format!("{place}/{index}"), said, item);
                }
                return;
            }
            "required" => {
                let Some(members) = value.as_object() else { return };
                for name in said.as_array().unwrap().iter().filter_map(Value::as_str) {
                    if !members.contains_key(name) {
                        self.fault(place, format!("no member {name}"));
                    }
                }
                return;
            }
            "properties" => {
                for (name, schema) in said.as_object().unwrap() {
                    if let Some(member) = value.get(name) {
                        self.schema(&format!("{place}/{name}"), schema, member);
                    }
                }
                return;
            }
            "additionalProperties" => {
                let known = all.get("properties").and_then(Value::as_object);
                for (name, member) in value.as_object().into_iter().flatten() {
                    if known.is_none_or(|known| !known.contains_key(name)) {
                        self.schema(&format!("{place}/{name}"), said, member);
                    }
                }
                return;
            }
            silent if SILENT.contains(&silent) || silent.starts_with("x-") => true,
            unknown => panic!("the document uses the keyword {unknown}, which this test does not know"),
        };
        if !ok {
            self.fault(place, format!("{keyword} {said} does not allow {value}"));
        }
    }
}

fn is(kind: &Value, value: &Value) -> bool {
    match kind.as_str().unwrap() {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        unknown => panic!("no JSON type: {unknown}"),
    }
}

fn has_format(format: &str, text: &str) -> bool {
    match format {
        "uuid" => uuid::Uuid::parse_str(text).is_ok(),
        "date-time" => chrono::DateTime::parse_from_rfc3339(text).is_ok(),
        "date" => chrono::NaiveDate::parse_from_str(text, "%Y-%m-%d").is_ok(),
        _ => true,
    }
}

#[test]
fn each_keyword_forbids_what_it_should() {
    use serde_json::json;
    let document = json!({ "named": { "type": "string" } });
    for (schema, bad) in [
        (json!({ "$ref": "#/named" }), json!(1)),
        (json!({ "type": ["string", "null"] }), json!(1)),
        (json!({ "type": "integer" }), json!(1.5)),
        (json!({ "const": 1 }), json!(2)),
        (json!({ "enum": ["a"] }), json!("b")),
        (json!({ "anyOf": [{ "type": "null" }, { "$ref": "#/named" }] }), json!(1)),
        (json!({ "oneOf": [{ "type": "integer" }, { "type": "number" }] }), json!(1)),
        (json!({ "allOf": [{ "type": "integer" }, { "minimum": 3 }] }), json!(2)),
        (json!({ "maximum": 3 }), json!(4)),
        (json!({ "minLength": 2 }), json!("a")),
        (json!({ "maxLength": 2 }), json!("abc")),
        (json!({ "minItems": 1 }), json!([])),
        (json!({ "maxItems": 1 }), json!([1, 2])),
        (json!({ "format": "uuid" }), json!("x")),
        (json!({ "format": "date-time" }), json!("2026-11-21")),
        (json!({ "format": "date" }), json!("2026-02-30")),
        (json!({ "items": { "type": "string" } }), json!(["a", 1])),
        (json!({ "required": ["a"] }), json!({})),
        (json!({ "properties": { "a": { "type": "string" } } }), json!({ "a": 1 })),
        (json!({ "properties": { "a": true }, "additionalProperties": false }), json!({ "a": 1, "b": 1 })),
    ] {
        assert_eq!(faults(&document, &schema, &bad).len(), 1, "{schema} {bad}");
    }
}
