//! The CapabilityStatement (R4 capabilitystatement): what a server claims, from what its router serves and
//! what the search tables hold, so that it claims no more and no less.

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Value, json};

use crate::ResourceType;
use crate::definitions::{Kind, parameter_code, parameters};

/// What the statement is about.
#[derive(Clone, Copy, Debug)]
pub struct Server<'a> {
    /// The software's name.
    pub name: &'a str,
    /// The software's version.
    pub version: &'a str,
    /// When what the statement says last changed.
    pub date: DateTime<Utc>,
    /// The base address, where it is known.
    pub base_url: Option<&'a str>,
    /// Interactions with the base itself.
    pub system: &'a [SystemInteraction],
    /// The types served, each once.
    pub resources: &'a [(ResourceType, &'a [Interaction])],
    /// Whether a create may be conditional (`If-None-Exist`).
    pub conditional_create: bool,
    /// Whether an update may create, with the client's id.
    pub update_create: bool,
}

/// An interaction with a type or a resource (FHIR `type-restful-interaction`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interaction {
    /// Read the current version.
    Read,
    /// Read a given version.
    Vread,
    /// Replace.
    Update,
    /// Change in part.
    Patch,
    /// Delete.
    Delete,
    /// The versions of one resource.
    HistoryInstance,
    /// The versions of all resources of the type.
    HistoryType,
    /// Create.
    Create,
    /// Search.
    SearchType,
}

impl Interaction {
    /// FHIR's code.
    pub const fn code(self) -> &'static str {
        match self {
            Interaction::Read => "read",
            Interaction::Vread => "vread",
            Interaction::Update => "update",
            Interaction::Patch => "patch",
            Interaction::Delete => "delete",
            Interaction::HistoryInstance => "history-instance",
            Interaction::HistoryType => "history-type",
            Interaction::Create => "create",
            Interaction::SearchType => "search-type",
        }
    }
}

/// An interaction with the base (FHIR `system-restful-interaction`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SystemInteraction {
    /// Post a transaction.
    Transaction,
    /// Post a batch.
    Batch,
}

impl SystemInteraction {
    /// FHIR's code.
    pub const fn code(self) -> &'static str {
        match self {
            SystemInteraction::Transaction => "transaction",
            SystemInteraction::Batch => "batch",
        }
    }
}

/// The statement as a resource.
pub fn statement(server: &Server<'_>) -> Value {
    let date = server.date.to_rfc3339_opts(SecondsFormat::Secs, true);
    let system: Vec<_> = server.system.iter().map(|i| json!({ "code": i.code() })).collect();
    let resources: Vec<_> = server
        .resources
        .iter()
        .map(|(resource_type, served)| resource(server, *resource_type, served))
        .collect();
    let mut statement = json!({
        "resourceType": "CapabilityStatement",
        "status": "active",
        "date": date,
        "kind": "instance",
        "software": { "name": server.name, "version": server.version },
        "implementation": { "description": format!("{} {}", server.name, server.version) },
        "fhirVersion": "4.0.1",
        "format": ["application/fhir+json", "json"],
        "rest": [{ "mode": "server", "resource": resources, "interaction": system }],
    });
    if let Some(url) = server.base_url {
        statement["implementation"]["url"] = url.into();
    }
    statement
}

fn resource(server: &Server<'_>, resource_type: ResourceType, served: &[Interaction]) -> Value {
    let interactions: Vec<_> = served.iter().map(|i| json!({ "code": i.code() })).collect();
    let versioned = served.contains(&Interaction::Vread);
    let mut resource = json!({
        "type": resource_type.name(),
        "interaction": interactions,
        "versioning": if versioned { "versioned-update" } else { "no-version" },
        "readHistory": versioned,
        "updateCreate": server.update_create && served.contains(&Interaction::Update),
        "conditionalCreate": server.conditional_create && served.contains(&Interaction::Create),
    });
    if served.contains(&Interaction::SearchType) {
        resource["searchParam"] = search_parameters(resource_type).into();
    }
    resource
}

fn search_parameters(resource_type: ResourceType) -> Vec<Value> {
    let common = [("_id", "token"), ("_lastUpdated", "date")];
    let own = parameters(resource_type).iter().filter_map(|parameter| {
        let kind = match parameter.kind {
            Kind::Token(_) => "token",
            Kind::Date => "date",
            Kind::String => "string",
            Kind::Reference(_) => "reference",
        };
        Some((parameter_code(parameter.number)?, kind))
    });
    common.into_iter().chain(own).map(|(name, kind)| json!({ "name": name, "type": kind })).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::structure;

    fn server<'a>(resources: &'a [(ResourceType, &'a [Interaction])]) -> Server<'a> {
        Server {
            name: "Salus",
            version: "1.2.3",
            date: DateTime::UNIX_EPOCH,
            base_url: Some("http://127.0.0.1:8080/fhir/R4"),
            system: &[SystemInteraction::Transaction, SystemInteraction::Batch],
            resources,
            conditional_create: true,
            update_create: true,
        }
    }

    #[test]
    fn a_statement_claims_what_is_served_and_nothing_else() {
        let all = [Interaction::Read, Interaction::Vread, Interaction::Create, Interaction::SearchType];
        let statement = statement(&server(&[
            (ResourceType::Patient, &all),
            (ResourceType::Observation, &[Interaction::Read]),
        ]));
        assert_eq!(structure::check(ResourceType::CapabilityStatement, &statement), []);
        let [patient, observation] = &statement["rest"][0]["resource"].as_array().unwrap()[..] else {
            panic!("two types")
        };
        let names: Vec<_> =
            patient["searchParam"].as_array().unwrap().iter().map(|p| p["name"].clone()).collect();
        assert_eq!(
            names,
            ["_id", "_lastUpdated", "identifier", "name", "family", "given", "birthdate", "gender", "active"]
        );
        assert_eq!(patient["conditionalCreate"], true);
        assert_eq!(patient["updateCreate"], false);
        assert_eq!(observation["searchParam"], Value::Null);
        assert_eq!(observation["versioning"], "no-version");
        assert_eq!(statement["rest"][0]["interaction"][1]["code"], "batch");
    }
}
