//! What the server claims, made from the table of routes.

use chrono::DateTime;
use fhir::ResourceType;
use fhir::capability::{Interaction, Server, SystemInteraction};
use serde_json::Value;

use crate::failure::Failure;
use crate::fhir::BASE;
use crate::policy::{Endpoint, FhirEndpoint, table};
use crate::public_url::PublicUrl;

/// When what the statement says last changed. To be moved with it.
const CHANGED: &str = "2026-11-21T00:00:00Z";

/// The CapabilityStatement, for clients that reach the server by this URL.
///
/// # Errors
/// 500 where the date above is not one.
pub(crate) fn statement(url: Option<&PublicUrl>) -> Result<Value, Failure> {
    let changed = DateTime::parse_from_rfc3339(CHANGED)
        .map_err(|_| Failure::defect("the CapabilityStatement's date is not a date"))?;
    let (types, system) = claimed();
    let resources: Vec<_> =
        ResourceType::all().map(|resource_type| (resource_type, types.as_slice())).collect();
    let base = url.map(|url| format!("{}{BASE}", url.as_str()));
    let server = Server {
        name: "Salus",
        version: env!("CARGO_PKG_VERSION"),
        date: changed.into(),
        base_url: base.as_deref(),
        system: &system,
        resources: &resources,
        conditional_create: true,
        update_create: true,
    };
    Ok(fhir::capability::statement(&server))
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
        let statement = statement(None).unwrap();
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
