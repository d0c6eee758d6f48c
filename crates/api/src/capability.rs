//! What the server claims, made from the table of routes.

use std::sync::OnceLock;

use axum::body::Bytes;
use chrono::{DateTime, Utc};
use fhir::ResourceType;
use fhir::capability::{Interaction, Server, SystemInteraction};

use crate::failure::Failure;
use crate::policy::{Endpoint, FhirEndpoint, table};

/// When what the statement says last changed. To be moved with it.
const CHANGED: &str = "2026-11-21T00:00:00Z";

/// The CapabilityStatement as JSON, made once.
///
/// # Errors
/// 500 where the date above is not one.
pub(crate) fn statement() -> Result<Bytes, Failure> {
    static MADE: OnceLock<Bytes> = OnceLock::new();
    if let Some(made) = MADE.get() {
        return Ok(made.clone());
    }
    let changed = DateTime::parse_from_rfc3339(CHANGED)
        .map_err(|_| Failure::defect("the CapabilityStatement's date is not a date"))?;
    Ok(MADE.get_or_init(|| make(changed.into())).clone())
}

fn make(date: DateTime<Utc>) -> Bytes {
    let (types, system) = claimed();
    let resources: Vec<_> =
        ResourceType::all().map(|resource_type| (resource_type, types.as_slice())).collect();
    let server = Server {
        name: "Salus",
        version: env!("CARGO_PKG_VERSION"),
        date,
        base_url: None,
        system: &system,
        resources: &resources,
        conditional_create: true,
        update_create: true,
    };
    fhir::capability::statement(&server).to_string().into_bytes().into()
}

/// The interactions that the router serves, each once.
fn claimed() -> (Vec<Interaction>, Vec<SystemInteraction>) {
    let mut types = Vec::new();
    let mut system = Vec::new();
    for rule in table() {
        let Endpoint::Fhir(endpoint) = rule.endpoint else { continue };
        let interaction = match endpoint {
            FhirEndpoint::Metadata => continue,
            FhirEndpoint::Bundle => {
                system = vec![SystemInteraction::Transaction, SystemInteraction::Batch];
                continue;
            }
            FhirEndpoint::Create => Interaction::Create,
            FhirEndpoint::Search | FhirEndpoint::SearchForm => Interaction::SearchType,
            FhirEndpoint::Read => Interaction::Read,
            FhirEndpoint::Update => Interaction::Update,
            FhirEndpoint::Delete => Interaction::Delete,
            FhirEndpoint::History => Interaction::HistoryInstance,
            FhirEndpoint::VersionRead => Interaction::Vread,
        };
        if !types.contains(&interaction) {
            types.push(interaction);
        }
    }
    (types, system)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_claims_what_the_table_serves_for_every_type() {
        let statement: serde_json::Value = serde_json::from_slice(&statement().unwrap()).unwrap();
        let resources = statement["rest"][0]["resource"].as_array().unwrap();
        assert_eq!(resources.len(), ResourceType::all().len());
        let codes: Vec<_> = resources[0]["interaction"]
            .as_array()
            .unwrap()
            .iter()
            .map(|i| i["code"].as_str().unwrap())
            .collect();
        assert_eq!(codes, ["create", "search-type", "read", "update", "delete", "history-instance", "vread"]);
    }
}
