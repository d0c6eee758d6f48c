//! The schemas of FHIR bodies and parameters, as far as the OpenAPI document goes: the rest stands in the
//! specification.

mod parameters;

use std::borrow::Cow;

use fhir::outcome::IssueType;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde_json::{Value, json};

pub(crate) use parameters::{HistoryParameters, Presentation, SearchParameters};

/// A type without values whose schema is written by hand.
macro_rules! shape {
    ($(#[$doc:meta])* $name:ident = $shown:literal, $schema:expr) => {
        $(#[$doc])*
        pub(crate) struct $name;

        impl JsonSchema for $name {
            fn schema_name() -> Cow<'static, str> {
                $shown.into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                let schema: Value = $schema;
                schema.try_into().unwrap_or_default()
            }
        }
    };
}
use shape;

shape! {
    /// Any resource.
    Resource = "Resource", json!({
        "description": "A FHIR R4 resource (https://hl7.org/fhir/R4/resource.html), of the type that the path names. \
            `id` and `meta` are the server's in what it gives. A property that the type does not have is refused.",
        "type": "object",
        "required": ["resourceType"],
        "properties": {
            "resourceType": { "type": "string" },
            "id": { "type": "string", "pattern": "^[A-Za-z0-9.-]{1,64}$" },
            "meta": { "type": "object" },
        },
        "additionalProperties": true,
        "examples": [patient()],
    })
}

shape! {
    /// A resource to be stored under the id of the path.
    ResourceUnderId = "ResourceUnderId", json!({
        "description": "A FHIR R4 resource (https://hl7.org/fhir/R4/resource.html) with the type and the id that the \
            path names.",
        "type": "object",
        "required": ["resourceType", "id"],
        "properties": {
            "resourceType": { "type": "string" },
            "id": { "type": "string", "pattern": "^[A-Za-z0-9.-]{1,64}$" },
        },
        "additionalProperties": true,
        "examples": [{
            "resourceType": "Patient",
            "id": "p1",
            "name": [{ "use": "official", "family": "Vesterholm", "given": ["Ingrid", "Solveig"] }],
            "gender": "female",
            "birthDate": "1961-04-17",
        }],
    })
}

shape! {
    /// What is posted to the base.
    BundleToDo = "BundleToDo", json!({
        "description": "A batch or transaction Bundle (https://hl7.org/fhir/R4/http.html#transaction).",
        "type": "object",
        "required": ["resourceType", "type"],
        "properties": {
            "resourceType": { "const": "Bundle" },
            "type": { "enum": ["batch", "transaction"] },
            "entry": {
                "type": "array",
                "maxItems": kernel::limits::BUNDLE_ENTRIES,
                "items": {
                    "type": "object",
                    "required": ["request"],
                    "properties": {
                        "fullUrl": { "type": "string" },
                        "resource": { "type": "object" },
                        "request": {
                            "type": "object",
                            "required": ["method", "url"],
                            "properties": {
                                "method": { "enum": ["GET", "POST", "PUT", "DELETE"] },
                                "url": { "type": "string" },
                                "ifMatch": { "type": "string" },
                                "ifNoneMatch": { "type": "string" },
                                "ifNoneExist": { "type": "string" },
                            },
                        },
                    },
                },
            },
        },
        "examples": [{
            "resourceType": "Bundle",
            "type": "transaction",
            "entry": [
                {
                    "fullUrl": "urn:uuid:1f0c7d52-6a51-4b8e-9a0e-7d1c5a4e0003",
                    "resource": patient(),
                    "request": { "method": "POST", "url": "Patient" },
                },
                {
                    "resource": {
                        "resourceType": "Observation",
                        "status": "final",
                        "code": { "coding": [{ "system": "http://loinc.org", "code": "8867-4" }] },
                        "subject": { "reference": "urn:uuid:1f0c7d52-6a51-4b8e-9a0e-7d1c5a4e0003" },
                        "effectiveDateTime": "2026-11-21T09:30:00Z",
                        "valueQuantity": { "value": 72, "unit": "/min" },
                    },
                    "request": { "method": "POST", "url": "Observation" },
                },
            ],
        }],
    })
}

shape! {
    /// The answer to a Bundle.
    BundleDone = "BundleDone", bundle(
        "An answer for each entry, in the order of the entries.",
        &["batch-response", "transaction-response"],
        &json!({
            "type": "object",
            "required": ["response"],
            "properties": {
                "resource": { "type": "object" },
                "response": {
                    "type": "object",
                    "required": ["status"],
                    "properties": {
                        "status": { "type": "string" },
                        "location": { "type": "string" },
                        "etag": { "type": "string" },
                        "lastModified": { "type": "string" },
                        "outcome": { "type": "object" },
                    },
                },
            },
        }),
        &json!([{
            "response": {
                "status": "201 Created",
                "location": "http://127.0.0.1:8080/fhir/R4/Patient/p1/_history/1",
                "etag": "W/\"1\"",
                "lastModified": "2026-11-21T09:30:00.000Z",
            },
        }]),
    )
}

shape! {
    /// A page of a search.
    Matches = "Matches", bundle(
        "A page of what matches; `link` with `relation` `next` leads to the next.",
        &["searchset"],
        &json!({
            "type": "object",
            "required": ["resource", "search"],
            "properties": {
                "fullUrl": { "type": "string" },
                "resource": { "type": "object" },
                "search": {
                    "type": "object",
                    "required": ["mode"],
                    "properties": { "mode": { "enum": ["match", "outcome"] } },
                },
            },
        }),
        &json!([{
            "fullUrl": "http://127.0.0.1:8080/fhir/R4/Patient/p1",
            "resource": patient(),
            "search": { "mode": "match" },
        }]),
    )
}

shape! {
    /// A page of a history.
    Versions = "Versions", bundle(
        "A page of versions, newest first. A deletion is a version without `resource`.",
        &["history"],
        &json!({
            "type": "object",
            "required": ["fullUrl", "request", "response"],
            "properties": {
                "fullUrl": { "type": "string" },
                "resource": { "type": "object" },
                "request": {
                    "type": "object",
                    "required": ["method", "url"],
                    "properties": { "method": { "type": "string" }, "url": { "type": "string" } },
                },
                "response": {
                    "type": "object",
                    "required": ["status", "etag", "lastModified"],
                    "properties": {
                        "status": { "type": "string" },
                        "etag": { "type": "string" },
                        "lastModified": { "type": "string", "format": "date-time" },
                    },
                },
            },
        }),
        &json!([{
            "fullUrl": "http://127.0.0.1:8080/fhir/R4/Patient/p1",
            "resource": patient(),
            "request": { "method": "POST", "url": "Patient" },
            "response": {
                "status": "201 Created", "etag": "W/\"1\"", "lastModified": "2026-11-21T09:30:00.000Z",
            },
        }]),
    )
}

shape! {
    /// The CapabilityStatement.
    Capabilities = "CapabilityStatement", json!({
        "description": "What the server can do: for each type its interactions and search parameters.",
        "type": "object",
        "required": ["resourceType", "status", "date", "kind", "fhirVersion", "format", "rest"],
        "properties": {
            "resourceType": { "const": "CapabilityStatement" },
            "status": { "const": "active" },
            "date": { "type": "string", "format": "date-time" },
            "kind": { "const": "instance" },
            "fhirVersion": { "const": "4.0.1" },
            "format": { "type": "array", "items": { "type": "string" } },
            "rest": {
                "type": "array",
                "items": {
                    "type": "object",
                    "required": ["mode", "resource"],
                    "properties": { "mode": { "const": "server" }, "resource": { "type": "array" } },
                },
            },
        },
        "additionalProperties": true,
        "examples": [{
            "resourceType": "CapabilityStatement",
            "status": "active",
            "date": "2026-11-21T00:00:00Z",
            "kind": "instance",
            "fhirVersion": "4.0.1",
            "format": ["application/fhir+json", "json"],
            "rest": [{ "mode": "server", "resource": [{ "type": "Patient", "interaction": [{ "code": "read" }] }] }],
        }],
    })
}

shape! {
    /// A refusal.
    OperationOutcomeBody = "OperationOutcome", json!({
        "description": "What FHIR answers when something is to be said about a request.",
        "type": "object",
        "required": ["resourceType", "issue"],
        "additionalProperties": false,
        "properties": {
            "resourceType": { "const": "OperationOutcome" },
            "issue": {
                "type": "array",
                "minItems": 1,
                "items": {
                    "type": "object",
                    "required": ["severity", "code", "diagnostics"],
                    "additionalProperties": false,
                    "properties": {
                        "severity": { "enum": ["fatal", "error", "warning", "information"] },
                        "code": issue_codes(),
                        "diagnostics": {
                            "description": "What is wrong and how to right it; quotes nothing that is stored.",
                            "type": "string",
                        },
                        "expression": {
                            "description": "The element (FHIRPath) or the parameter that it is about.",
                            "type": "array",
                            "items": { "type": "string" },
                        },
                    },
                },
            },
        },
        "examples": [{
            "resourceType": "OperationOutcome",
            "issue": [{ "severity": "error", "code": "invalid", "diagnostics": "_count is a whole number from 1" }],
        }],
    })
}

/// The codes of refusals, at either door.
pub(crate) fn issue_code(_: &mut SchemaGenerator) -> Schema {
    issue_codes().try_into().unwrap_or_default()
}

fn issue_codes() -> Value {
    let codes: Vec<_> = IssueType::ALL.iter().map(|code| code.code()).collect();
    json!({
        "description": "A FHIR IssueType (https://hl7.org/fhir/R4/valueset-issue-type.html), finer than the status.",
        "type": "string",
        "enum": codes,
    })
}

fn bundle(description: &str, kinds: &[&str], entry: &Value, example: &Value) -> Value {
    json!({
        "description": description,
        "type": "object",
        "required": ["resourceType", "type"],
        "properties": {
            "resourceType": { "const": "Bundle" },
            "type": { "enum": kinds },
            "total": { "type": "integer", "minimum": 0 },
            "link": {
                "type": "array",
                "items": {
                    "type": "object",
                    "required": ["relation", "url"],
                    "properties": { "relation": { "type": "string" }, "url": { "type": "string" } },
                },
            },
            "entry": { "type": "array", "minItems": 1, "items": entry },
        },
        "examples": [{ "resourceType": "Bundle", "type": kinds[0], "entry": example }],
    })
}

/// A patient who does not exist.
fn patient() -> Value {
    json!({
        "resourceType": "Patient",
        "identifier": [{ "system": "urn:example:patients", "value": "MRN-70318" }],
        "name": [{ "use": "official", "family": "Vesterholm", "given": ["Ingrid", "Solveig"] }],
        "gender": "female",
        "birthDate": "1961-04-17",
    })
}
