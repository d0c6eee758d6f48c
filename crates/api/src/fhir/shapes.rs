//! The schemas of FHIR bodies, as far as the OpenAPI document goes: the rest stands in the specification.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

/// Any resource.
pub(crate) struct Resource;

impl JsonSchema for Resource {
    fn schema_name() -> Cow<'static, str> {
        "Resource".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A FHIR R4 resource (http://hl7.org/fhir/R4/resource.html).",
            "type": "object",
            "required": ["resourceType"],
            "properties": {
                "resourceType": { "type": "string" },
                "id": { "type": "string", "pattern": "^[A-Za-z0-9.-]{1,64}$" },
            },
        })
    }
}

/// A refusal.
pub(crate) struct OperationOutcomeBody;

impl JsonSchema for OperationOutcomeBody {
    fn schema_name() -> Cow<'static, str> {
        "OperationOutcome".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "What FHIR answers when something is to be said about a request.",
            "type": "object",
            "required": ["resourceType", "issue"],
            "properties": {
                "resourceType": { "const": "OperationOutcome" },
                "issue": {
                    "type": "array",
                    "minItems": 1,
                    "items": {
                        "type": "object",
                        "required": ["severity", "code"],
                        "properties": {
                            "severity": { "enum": ["fatal", "error", "warning", "information"] },
                            "code": { "type": "string" },
                            "diagnostics": { "type": "string" },
                            "expression": { "type": "array", "items": { "type": "string" } },
                        },
                    },
                },
            },
        })
    }
}

/// Search and result parameters, whose names depend on the type.
pub(crate) struct AnyParameters;

impl JsonSchema for AnyParameters {
    fn schema_name() -> Cow<'static, str> {
        "Parameters".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "Search and result parameters (http://hl7.org/fhir/R4/search.html); which ones a type has \
                stands in the CapabilityStatement.",
            "type": "object",
            "properties": {
                "_count": { "description": "Entries of a page.", "type": "integer", "minimum": 0 },
            },
            "additionalProperties": { "type": "string" },
        })
    }
}
