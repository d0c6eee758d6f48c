//! `/openapi.json`: the OpenAPI 3.1 document, made from the table of routes and the types that handlers read and write.
//!
//! Nothing in it is written by hand a second time: paths, permissions and limits are the rules', schemas and examples
//! come from the Rust types. What every route of a kind can answer is added here: [`operation`] makes one entry,
//! [`parameter`], [`header`], [`refusal`] and [`example`] its parts, [`tag`] and [`text`] the prose around them.

mod example;
mod header;
mod operation;
mod parameter;
mod refusal;
mod tag;
mod text;

use std::borrow::Cow;
use std::convert::Infallible;

use axum::http::{HeaderValue, header as http_header};
use axum::response::{IntoResponse, Response};
use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::{Map, Value, json};

use crate::policy::{Rule, table};
use crate::public_url::{Made, PublicUrl};

/// An OpenAPI document, as a schema.
pub(crate) struct OpenApi;

impl JsonSchema for OpenApi {
    fn schema_name() -> Cow<'static, str> {
        "OpenApi".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "An OpenAPI document (https://spec.openapis.org/oas/v3.1.1.html).",
            "type": "object",
            "required": ["openapi", "info", "paths", "components"],
            "properties": {
                "openapi": { "const": "3.1.0" },
                "info": { "type": "object" },
                "paths": { "type": "object" },
                "components": { "type": "object" },
            },
            "examples": [{
                "openapi": "3.1.0",
                "info": { "title": "Salus", "version": env!("CARGO_PKG_VERSION") },
                "paths": {},
                "components": {},
            }],
        })
    }
}

/// Handles the request.
pub(crate) async fn openapi(url: Option<PublicUrl>) -> Response {
    static MADE: Made = Made::new();
    let Ok(made) = MADE.of(url.as_ref(), || {
        let mut document = document();
        if let Some(url) = &url {
            document["servers"][0]["url"] = url.as_str().into();
        }
        Ok::<_, Infallible>(document.to_string().into())
    });
    let mut response = made.into_response();
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(http_header::CONTENT_TYPE, json);
    response
}

/// The routes that the document shows. A path with a slash at its end is a second way to the one without.
pub fn documented() -> impl Iterator<Item = &'static Rule> {
    table().filter(|rule| !rule.path.ends_with('/'))
}

/// The whole document.
pub fn document() -> Value {
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        settings.definitions_path = "/components/schemas".into();
        settings.meta_schema = None;
    });
    let mut generator = settings.into_generator();
    let mut paths = Map::new();
    for rule in documented() {
        let path = paths.entry(rule.path).or_insert_with(|| json!({}));
        path[rule.verb.name().to_ascii_lowercase()] = operation::operation(rule, &mut generator);
    }
    let paths = Value::from(paths);
    let responses = refusal::components(documented(), &mut generator);
    let headers = header::components(&[&paths, &responses]);
    let mut schemas = generator.take_definitions(true);
    leave_out_unused(&mut schemas, &[&paths, &responses]);
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Salus",
            "version": env!("CARGO_PKG_VERSION"),
            "summary": "The backend of a health care provider",
            "description": text::ABOUT,
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
        },
        "servers": [{ "url": "/", "description": "This server." }],
        "tags": tag::tags(documented()),
        "paths": paths,
        "components": {
            "schemas": schemas,
            "responses": responses,
            "headers": headers,
            "securitySchemes": {
                "bearer": {
                    "type": "http",
                    "scheme": "bearer",
                    "bearerFormat": "JWT",
                    "description": text::SECURITY,
                },
            },
        },
    })
}

/// Leaves the schemas out that nothing refers to: a type that is shown only as a merge patch is one.
fn leave_out_unused(schemas: &mut Map<String, Value>, referring: &[&Value]) {
    let outside: String = referring.iter().map(ToString::to_string).collect();
    loop {
        let inside = Value::from(schemas.clone()).to_string();
        let before = schemas.len();
        schemas.retain(|name, _| {
            let reference = format!("\"#/components/schemas/{name}\"");
            outside.contains(&reference) || inside.contains(&reference)
        });
        if schemas.len() == before {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_route_is_in_the_document_under_an_operation_id_of_its_own() {
        let document = document();
        let mut seen = HashSet::new();
        for rule in documented() {
            let operation = &document["paths"][rule.path][rule.verb.name().to_ascii_lowercase()];
            assert!(operation.is_object(), "{} {}", rule.verb.name(), rule.path);
            assert!(seen.insert(operation["operationId"].to_string()), "{}", rule.operation);
            assert!(!rule.documentation.summary.is_empty() && !rule.documentation.answers.is_empty());
        }
    }

    #[test]
    fn every_reference_leads_somewhere() {
        let document = document();
        let text = document.to_string();
        let mut references = 0;
        for part in text.split("\"$ref\":\"#").skip(1) {
            let pointer = part.split('"').next().unwrap();
            assert!(document.pointer(pointer).is_some(), "{pointer}");
            references += 1;
        }
        assert!(references > 100);
    }

    #[test]
    fn every_variable_segment_of_a_path_is_a_described_parameter() {
        let document = document();
        for rule in documented() {
            let operation = &document["paths"][rule.path][rule.verb.name().to_ascii_lowercase()];
            let declared: Vec<_> = operation["parameters"]
                .as_array()
                .unwrap()
                .iter()
                .filter(|parameter| parameter["in"] == "path")
                .map(|parameter| {
                    assert_eq!(parameter["required"], true);
                    assert!(!parameter["description"].as_str().unwrap_or_default().is_empty());
                    parameter["name"].as_str().unwrap()
                })
                .collect();
            let needed: Vec<_> = rule
                .path
                .split('/')
                .filter_map(|segment| segment.strip_prefix('{')?.strip_suffix('}'))
                .collect();
            assert_eq!(declared, needed, "{}", rule.path);
        }
    }

    #[test]
    fn no_operation_names_a_parameter_twice() {
        let document = document();
        for (path, operations) in document["paths"].as_object().unwrap() {
            for operation in operations.as_object().unwrap().values() {
                let mut seen = HashSet::new();
                for parameter in operation["parameters"].as_array().unwrap() {
                    assert!(
                        seen.insert((parameter["in"].to_string(), parameter["name"].to_string())),
                        "{path}: {parameter}"
                    );
                }
            }
        }
    }

    #[test]
    fn whoever_must_log_in_is_told_of_401_and_who_needs_a_permission_of_403() {
        let document = document();
        let responses = &document["paths"]["/fhir/R4/{type}/{id}"]["get"]["responses"];
        for status in ["200", "304", "401", "403", "404", "410", "503"] {
            assert!(responses[status].is_object(), "{status}");
        }
        assert!(document["paths"]["/healthz"]["get"]["responses"]["401"].is_null());
    }
}
