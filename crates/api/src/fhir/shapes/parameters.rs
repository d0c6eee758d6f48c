//! Query parameters of the FHIR door.

use std::borrow::Cow;
use std::collections::BTreeMap;

use kernel::limits;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde_json::{Map, Value, json};

use super::shape;

/// Types that a description names, before it only counts them.
const TYPES_SHOWN: usize = 8;

shape! {
    /// `_format` and `_pretty`.
    Presentation = "Presentation", json!({ "type": "object", "properties": presentation() })
}

shape! {
    /// Parameters of a history.
    HistoryParameters = "HistoryParameters", json!({
        "type": "object",
        "properties": with(presentation(), json!({
            "_count": {
                "description": count("Versions"),
                "type": "integer",
                "minimum": 1,
            },
            "_cursor": { "description": CURSOR, "type": "string" },
        })),
    })
}

shape! {
    /// Parameters of a search.
    SearchParameters = "SearchParameters", json!({
        "description": "Search parameters with the type of a reference as modifier (`subject:Patient`), or given more \
            than once: all of them must hold.",
        "type": "object",
        "properties": with(with(presentation(), result()), search()),
        "additionalProperties": { "type": "string" },
        "examples": [{ "family": "vester", "birthdate": "lt1970" }],
    })
}

const CURSOR: &str =
    "Where the page begins. Take it from the link `next`; it is good for the same parameters only.";

fn with(one: Value, other: Value) -> Value {
    match (one, other) {
        (Value::Object(mut one), Value::Object(other)) => {
            one.extend(other);
            Value::Object(one)
        }
        (one, _) => one,
    }
}

fn count(what: &str) -> String {
    format!("{what} of a page: {} where it is left out, at most {}.", limits::PAGE_DEFAULT, limits::PAGE_MAX)
}

fn presentation() -> Value {
    json!({
        "_format": {
            "description": "Takes the place of `Accept`. The only format is JSON.",
            "enum": ["json", "application/json", "application/fhir+json", "text/json"],
            "type": "string",
        },
        "_pretty": { "description": "Whether to indent the answer.", "type": "boolean" },
    })
}

fn result() -> Value {
    json!({
        "_count": {
            "description": format!("{} 0 asks for the total alone.", count("Entries")),
            "type": "integer",
            "minimum": 0,
        },
        "_sort": {
            "description": "`date` (where the type has one), `_lastUpdated` or `_id`; a minus sign in front turns the \
                order round.",
            "type": "string",
        },
        "_total": {
            "description": "Whether to count all matches.",
            "enum": ["none", "estimate", "accurate"],
            "type": "string",
        },
        "_cursor": { "description": CURSOR, "type": "string" },
    })
}

/// What searches on any type can ask for: each parameter with the types that have it, as the CapabilityStatement says.
fn search() -> Value {
    let statement = crate::capability::statement(None).unwrap_or_default();
    let resources = statement["rest"][0]["resource"].as_array().cloned().unwrap_or_default();
    let mut found: BTreeMap<&str, (&str, Vec<&str>)> = BTreeMap::new();
    for resource in &resources {
        for parameter in resource["searchParam"].as_array().into_iter().flatten() {
            if let (Some(name), Some(kind), Some(on)) =
                (parameter["name"].as_str(), parameter["type"].as_str(), resource["type"].as_str())
            {
                found.entry(name).or_insert((kind, Vec::new())).1.push(on);
            }
        }
    }
    let described = |(name, (kind, types)): (&str, (&str, Vec<&str>))| {
        let on = match types.len() {
            all if all == resources.len() => "Every type has it.".to_owned(),
            few if few <= TYPES_SHOWN => format!("On {}.", types.join(", ")),
            many => format!("On {many} types, which the CapabilityStatement names."),
        };
        let description = format!("{} {on}", form(kind));
        (name.to_owned(), json!({ "description": description, "type": "string" }))
    };
    found.into_iter().map(described).collect::<Map<_, _>>().into()
}

/// How a value of this kind is written.
fn form(kind: &str) -> &'static str {
    match kind {
        "token" => "A token: `code`, `system|code`, `|code` or `system|`; a comma means or.",
        "date" => {
            "A date: `2026`, `2026-11`, `2026-11-21` or an instant, after `eq`, `ne`, `gt`, `lt`, `ge` or `le`; a \
            comma means or."
        }
        "string" => "The beginning of a word, in any case and with or without accents; a comma means or.",
        "reference" => "A reference: `id`, `Type/id` or a URL; a comma means or.",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_search_parameter_is_described_with_its_types() {
        let search = search();
        let search = search.as_object().unwrap();
        assert!(search.len() > 12, "{search:?}");
        for (name, schema) in search {
            let description = schema["description"].as_str().unwrap();
            assert!(!description.starts_with(' '), "{name} is of a kind that nothing is said about");
        }
        assert!(search["birthdate"]["description"].as_str().unwrap().contains("Patient"));
        assert!(search["_id"]["description"].as_str().unwrap().contains("Every type"));
    }
}
