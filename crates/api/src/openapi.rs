//! `/openapi.json`: the OpenAPI 3.1 document, made from the table of routes and the types that handlers read and write.
//!
//! Nothing in it is written by hand a second time: paths, permissions and limits are the rules', schemas come from
//! the Rust types. What every route of a kind can answer is added here.

use std::sync::OnceLock;

use axum::body::Bytes;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::{Map, Value, json};

use crate::edge::Problem;
use crate::fhir::OperationOutcomeBody;
use crate::policy::{Content, Documentation, Endpoint, Policy, Rule, Shape, Verb, table};

/// An OpenAPI document, as a schema.
pub(crate) struct OpenApi;

impl JsonSchema for OpenApi {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "OpenApi".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "object",
            "required": ["openapi", "info", "paths"],
            "properties": { "openapi": { "const": "3.1.0" } },
        })
    }
}

/// Handles the request.
pub(crate) async fn openapi() -> Response {
    static MADE: OnceLock<Bytes> = OnceLock::new();
    let made = MADE.get_or_init(|| document().to_string().into_bytes().into());
    let mut response = made.clone().into_response();
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    response
}

/// The whole document.
pub fn document() -> Value {
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        settings.definitions_path = "/components/schemas".into();
        settings.meta_schema = None;
    });
    let mut generator = settings.into_generator();
    let mut paths = Map::new();
    for rule in table().filter(|rule| !rule.path.ends_with('/')) {
        let path = paths.entry(rule.path).or_insert_with(|| json!({}));
        path[rule.verb.name().to_ascii_lowercase()] = operation(rule, &mut generator);
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Salus",
            "version": env!("CARGO_PKG_VERSION"),
            "summary": "The backend of a health care provider",
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
        },
        "servers": [{ "url": "/" }],
        "paths": paths,
        "components": {
            "schemas": generator.take_definitions(true),
            "securitySchemes": {
                "bearer": { "type": "http", "scheme": "bearer", "bearerFormat": "JWT" },
            },
        },
    })
}

fn operation(rule: &Rule, generator: &mut SchemaGenerator) -> Value {
    let Documentation { tag, summary, description, query, headers, body, .. } = rule.documentation;
    let mut parameters: Vec<Value> = path_parameters(rule.path).collect();
    if let Some(query) = query {
        parameters.extend(query_parameters(query, generator));
    }
    parameters.extend(headers.iter().map(|header| {
        json!({
            "name": header.name,
            "in": "header",
            "description": header.description,
            "required": header.required,
            "schema": { "type": "string" },
        })
    }));
    let (security, permissions) = match rule.policy {
        Policy::Public => (json!([]), Vec::new()),
        Policy::Authenticated => (json!([{ "bearer": [] }]), Vec::new()),
        Policy::Permissions(needed) => {
            (json!([{ "bearer": [] }]), needed.iter().map(|permission| permission.name()).collect())
        }
    };
    let mut description = description.to_owned();
    if !permissions.is_empty() {
        let needed = permissions.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
        let break_off = if description.is_empty() { "" } else { "\n\n" };
        description.push_str(&format!("{break_off}Needs the permission {needed}."));
    }
    let mut operation = json!({
        "operationId": rule.operation,
        "tags": [tag],
        "summary": summary,
        "description": description,
        "parameters": parameters,
        "security": security,
        "x-permissions": permissions,
        "responses": responses(rule, generator),
    });
    if let Some(body) = body {
        operation["requestBody"] = json!({ "required": true, "content": content(body, generator) });
    }
    operation
}

fn content(content: Content, generator: &mut SchemaGenerator) -> Value {
    let schema = content.shape.schema(generator).to_value();
    content
        .media_types
        .iter()
        .map(|media_type| ((*media_type).to_owned(), json!({ "schema": schema })))
        .collect::<Map<_, _>>()
        .into()
}

fn responses(rule: &Rule, generator: &mut SchemaGenerator) -> Value {
    let mut responses = Map::new();
    for answer in rule.documentation.answers {
        let headers: Map<_, _> = answer
            .headers
            .iter()
            .map(|name| ((*name).to_owned(), json!({ "schema": { "type": "string" } })))
            .collect();
        let mut response = json!({ "description": answer.description, "headers": headers });
        if let Some(body) = answer.content {
            response["content"] = content(body, generator);
        }
        responses.insert(answer.status.to_string(), response);
    }
    let refusal = match rule.endpoint {
        Endpoint::Fhir(_) => {
            Content { media_types: &["application/fhir+json"], shape: Shape::of::<OperationOutcomeBody>() }
        }
        _ => Content { media_types: &["application/problem+json"], shape: Shape::of::<Problem>() },
    };
    for status in refusals(rule) {
        let entry = responses.entry(status.to_string());
        let reason = StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason());
        entry.or_insert_with(
            || json!({ "description": reason.unwrap_or("Refused"), "content": content(refusal, generator) }),
        );
    }
    responses.sort_keys();
    Value::Object(responses)
}

/// What a route of this kind may refuse with, and what it says itself.
fn refusals(rule: &Rule) -> Vec<u16> {
    let mut refusals = vec![400, 406, 414, 431, 500, 503];
    match rule.policy {
        Policy::Public => {}
        Policy::Authenticated => refusals.push(401),
        Policy::Permissions(_) => refusals.extend([401, 403]),
    }
    if matches!(rule.verb, Verb::Post | Verb::Put | Verb::Patch) && rule.documentation.body.is_some() {
        refusals.extend([408, 413, 415, 422]);
    }
    refusals.extend(rule.documentation.refusals);
    refusals.sort_unstable();
    refusals.dedup();
    refusals
}

fn path_parameters(path: &'static str) -> impl Iterator<Item = Value> {
    path.split('/').filter_map(|segment| segment.strip_prefix('{')?.strip_suffix('}')).map(|name| {
        let (description, schema) = path_parameter(name);
        json!({ "name": name, "in": "path", "required": true, "description": description, "schema": schema })
    })
}

/// What the variable segments of paths are.
fn path_parameter(name: &str) -> (&'static str, Value) {
    let id = json!({ "type": "string", "pattern": "^[A-Za-z0-9.-]{1,64}$" });
    match name {
        "type" => ("A resource type of FHIR R4.", json!({ "type": "string", "examples": ["Patient"] })),
        "version" => {
            ("The version, from 1.", json!({ "type": "integer", "minimum": 1, "maximum": i32::MAX }))
        }
        _ => ("The identifier.", id),
    }
}

/// The members of the object as parameters. `additionalProperties` becomes one free-form parameter.
fn query_parameters(shape: Shape, generator: &mut SchemaGenerator) -> Vec<Value> {
    let schema = resolved(shape.schema(generator), generator);
    let required: Vec<_> = schema["required"].as_array().into_iter().flatten().cloned().collect();
    let mut parameters = Vec::new();
    for (name, member) in schema["properties"].as_object().into_iter().flatten() {
        let mut member = member.clone();
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
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_route_is_in_the_document_under_an_operation_id_of_its_own() {
        let document = document();
        let mut seen = HashSet::new();
        for rule in table().filter(|rule| !rule.path.ends_with('/')) {
            let operation = &document["paths"][rule.path][rule.verb.name().to_ascii_lowercase()];
            assert!(operation.is_object(), "{} {}", rule.verb.name(), rule.path);
            assert!(seen.insert(operation["operationId"].to_string()), "{}", rule.operation);
            assert!(!rule.documentation.summary.is_empty() && !rule.documentation.answers.is_empty());
        }
    }

    #[test]
    fn every_reference_leads_to_a_schema() {
        let document = document();
        let text = document.to_string();
        let mut references = 0;
        for part in text.split("\"$ref\":\"#").skip(1) {
            let pointer = part.split('"').next().unwrap();
            assert!(document.pointer(pointer).is_some(), "{pointer}");
            references += 1;
        }
        assert!(references > 10);
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
