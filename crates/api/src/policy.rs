//! The one table of routes: what each needs before it is let through, what it costs at most, and what the OpenAPI
//! document says of it.
//!
//! The router is built from this table (`crate::routes`), so a route that has no rule does not exist. One module for
//! each family of routes.

mod administration;
mod chart;
mod documentation;
mod fhir;
mod operations;
mod patients;
mod session;

use std::time::Duration;

use domain::audit::Action;
pub use domain::permission::{Permission, allows};
use kernel::limits;

pub use self::administration::Endpoint as AdministrationEndpoint;
pub use self::chart::{Endpoint as ChartEndpoint, Kind as ChartKind};
pub use self::documentation::{Answer, Content, Documentation, RequestHeader, Shape};
pub use self::fhir::Endpoint as FhirEndpoint;
pub use self::operations::Endpoint as OperationsEndpoint;
pub use self::patients::Endpoint as PatientsEndpoint;
pub use self::session::Endpoint as SessionEndpoint;

/// What the server can be asked to do, by family. Each has one handler (`crate::routes`) and at least one rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Endpoint {
    /// Health, documents.
    Operations(OperationsEndpoint),
    /// Logging in and who one is.
    Session(SessionEndpoint),
    /// Users and organizations.
    Administration(AdministrationEndpoint),
    /// Patients: the typed door.
    Patients(PatientsEndpoint),
    /// What is true of a patient: the typed door.
    Chart(ChartEndpoint),
    /// FHIR R4.
    Fhir(FhirEndpoint),
}

/// The method of a rule. `HEAD` goes with every `GET`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verb {
    /// `GET` and `HEAD`.
    Get,
    /// `POST`.
    Post,
    /// `PUT`.
    Put,
    /// `PATCH`.
    Patch,
    /// `DELETE`.
    Delete,
}

impl Verb {
    /// The method's name.
    pub const fn name(self) -> &'static str {
        match self {
            Verb::Get => "GET",
            Verb::Post => "POST",
            Verb::Put => "PUT",
            Verb::Patch => "PATCH",
            Verb::Delete => "DELETE",
        }
    }
}

/// Who is let through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Policy {
    /// Anybody.
    Public,
    /// Whoever is logged in.
    Authenticated,
    /// Whoever is logged in with roles that allow all of these.
    Permissions(&'static [Permission]),
}

/// One route.
#[derive(Debug)]
pub struct Rule {
    /// What it does.
    pub endpoint: Endpoint,
    /// How it is asked.
    pub verb: Verb,
    /// The path, with `{name}` for a variable segment.
    pub path: &'static str,
    /// Who is let through.
    pub policy: Policy,
    /// Whether a denied request needs an audit row: whether the route leads to a patient's data.
    pub patient_data: bool,
    /// The act, in an audit row.
    pub action: Action,
    /// The operation's name, in an audit row of a denied request; the `operationId` of the OpenAPI document.
    pub operation: &'static str,
    /// Largest request body, bytes.
    pub body_bytes: usize,
    /// Time until an answer.
    pub time: Duration,
    /// What the OpenAPI document says.
    pub documentation: Documentation,
}

impl Rule {
    /// A route that takes [`limits::BODY_BYTES`] where its verb has a body, and [`limits::REQUEST`].
    pub const fn new(
        endpoint: Endpoint,
        verb: Verb,
        path: &'static str,
        policy: Policy,
        operation: &'static str,
        documentation: Documentation,
    ) -> Rule {
        let (action, body_bytes) = match verb {
            Verb::Get => (Action::Read, 0),
            Verb::Post => (Action::Create, limits::BODY_BYTES),
            Verb::Put | Verb::Patch => (Action::Update, limits::BODY_BYTES),
            Verb::Delete => (Action::Delete, 0),
        };
        Rule {
            endpoint,
            verb,
            path,
            policy,
            patient_data: false,
            action,
            operation,
            body_bytes,
            time: limits::REQUEST,
            documentation,
        }
    }

    /// The same; it leads to a patient's data, so that a denied request leaves an audit row.
    #[must_use]
    pub const fn about_patients(mut self) -> Rule {
        self.patient_data = true;
        self
    }

    /// The same, with another act than its verb says.
    #[must_use]
    pub const fn acting(mut self, action: Action) -> Rule {
        self.action = action;
        self
    }

    /// Whether a request that ran out of time may have changed something nevertheless.
    pub fn writes(&self) -> bool {
        match self.policy {
            Policy::Permissions(needed) => needed.iter().any(|permission| permission.writes()),
            Policy::Public | Policy::Authenticated => self.verb != Verb::Get,
        }
    }
}

/// Every route there is.
pub fn table() -> impl Iterator<Item = &'static Rule> {
    [operations::RULES, session::RULES, administration::RULES, patients::RULES, chart::RULES, fhir::RULES]
        .into_iter()
        .flatten()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn only_these_routes_are_open_to_anybody() {
        let open: Vec<_> =
            table().filter(|rule| rule.policy == Policy::Public).map(|rule| rule.path).collect();
        assert_eq!(
            open,
            [
                "/healthz",
                "/readyz",
                "/openapi.json",
                "/docs",
                "/docs/{release}/{file}",
                "/api/v1/auth/login",
                "/api/v1/auth/refresh",
                "/.well-known/jwks.json",
                "/fhir/R4/metadata"
            ]
        );
    }

    #[test]
    fn no_route_to_a_patients_data_is_open_to_whoever_is_merely_logged_in() {
        for rule in table().filter(|rule| rule.patient_data) {
            assert!(
                matches!(rule.policy, Policy::Permissions(needed) if !needed.is_empty()),
                "{}",
                rule.path
            );
        }
    }

    #[test]
    fn method_and_path_have_one_rule() {
        let mut seen = HashSet::new();
        for rule in table() {
            assert!(seen.insert((rule.verb, rule.path)), "{:?} {}", rule.verb, rule.path);
        }
    }

    #[test]
    fn every_permission_is_needed_by_some_route() {
        let needed: HashSet<_> = table()
            .filter_map(|rule| match rule.policy {
                Policy::Permissions(needed) => Some(needed),
                Policy::Public | Policy::Authenticated => None,
            })
            .flatten()
            .collect();
        for permission in Permission::ALL {
            assert!(needed.contains(permission), "{} opens nothing", permission.name());
        }
    }
}
