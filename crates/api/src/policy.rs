//! The one table of routes: what each needs before it is let through, and what it costs at most.
//!
//! The router is built from this table (`crate::routes`), so a route that has no rule does not exist.

use std::time::Duration;

use domain::audit::Action;
use kernel::limits;

/// What the server can be asked to do. Each has one handler (`crate::routes`) and at least one rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Endpoint {
    /// The process is alive.
    Live,
    /// The process can serve.
    Ready,
    /// Password in, token out.
    LogIn,
    /// Who the token is.
    Me,
    /// The CapabilityStatement.
    Metadata,
    /// A batch or transaction.
    Bundle,
    /// Create.
    Create,
    /// Search with the parameters in the URL.
    Search,
    /// Search with the parameters in the body.
    SearchForm,
    /// The current version.
    Read,
    /// Update, or create under the client's id.
    Update,
    /// Delete.
    Delete,
    /// All versions.
    History,
    /// One version.
    VersionRead,
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
    /// `DELETE`.
    Delete,
}

/// What a role can allow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Permission {
    /// Read and search records.
    RecordRead,
    /// Create, update and delete records.
    RecordWrite,
}

impl Permission {
    /// All of them.
    pub const ALL: &'static [Permission] = &[Permission::RecordRead, Permission::RecordWrite];

    /// `noun:verb`.
    pub const fn name(self) -> &'static str {
        match self {
            Permission::RecordRead => "record:read",
            Permission::RecordWrite => "record:write",
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
#[derive(Debug, PartialEq, Eq)]
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
    /// The operation's name, in an audit row of a denied request.
    pub operation: &'static str,
    /// Largest request body, bytes.
    pub body_bytes: usize,
    /// Time until an answer.
    pub time: Duration,
}

/// Roles, and what they allow. A role that is not here allows nothing.
pub const ROLES: &[(&str, &[Permission])] = &[("administrator", Permission::ALL)];

/// Whether these roles together allow `permission`.
pub fn allows(roles: &[String], permission: Permission) -> bool {
    ROLES.iter().any(|(name, allowed)| roles.iter().any(|role| role == name) && allowed.contains(&permission))
}

/// Largest login request, bytes: a name and a password of at most 1,024 bytes each, escaped.
const LOGIN_BYTES: usize = 16 * 1024;

const READ: Policy = Policy::Permissions(&[Permission::RecordRead]);
const WRITE: Policy = Policy::Permissions(&[Permission::RecordWrite]);

const fn open(endpoint: Endpoint, path: &'static str, operation: &'static str) -> Rule {
    Rule {
        endpoint,
        verb: Verb::Get,
        path,
        policy: Policy::Public,
        patient_data: false,
        action: Action::Read,
        operation,
        body_bytes: 0,
        time: limits::REQUEST,
    }
}

const fn record(endpoint: Endpoint, verb: Verb, path: &'static str, policy: Policy, action: Action) -> Rule {
    let operation = match action {
        Action::Create => "record.create",
        Action::Read => "record.read",
        Action::Update => "record.update",
        Action::Delete => "record.delete",
        Action::Execute => "record.search",
    };
    let body_bytes = match verb {
        Verb::Get | Verb::Delete => 0,
        Verb::Post | Verb::Put => limits::BODY_BYTES,
    };
    Rule {
        endpoint,
        verb,
        path,
        policy,
        patient_data: true,
        action,
        operation,
        body_bytes,
        time: limits::REQUEST,
    }
}

const fn bundle(path: &'static str) -> Rule {
    Rule {
        policy: Policy::Permissions(&[Permission::RecordRead, Permission::RecordWrite]),
        operation: "record.bundle",
        body_bytes: limits::BUNDLE_BYTES,
        time: limits::BUNDLE_REQUEST,
        ..record(Endpoint::Bundle, Verb::Post, path, WRITE, Action::Execute)
    }
}

/// Every route there is.
pub const TABLE: &[Rule] = &[
    open(Endpoint::Live, "/healthz", "health.live"),
    open(Endpoint::Ready, "/readyz", "health.ready"),
    Rule {
        verb: Verb::Post,
        action: Action::Execute,
        body_bytes: LOGIN_BYTES,
        ..open(Endpoint::LogIn, "/api/v1/auth/login", "session.login")
    },
    Rule { policy: Policy::Authenticated, ..open(Endpoint::Me, "/api/v1/auth/me", "session.me") },
    open(Endpoint::Metadata, "/fhir/R4/metadata", "record.metadata"),
    bundle("/fhir/R4"),
    bundle("/fhir/R4/"),
    record(Endpoint::Create, Verb::Post, "/fhir/R4/{type}", WRITE, Action::Create),
    record(Endpoint::Search, Verb::Get, "/fhir/R4/{type}", READ, Action::Execute),
    record(Endpoint::SearchForm, Verb::Post, "/fhir/R4/{type}/_search", READ, Action::Execute),
    record(Endpoint::Read, Verb::Get, "/fhir/R4/{type}/{id}", READ, Action::Read),
    record(Endpoint::Update, Verb::Put, "/fhir/R4/{type}/{id}", WRITE, Action::Update),
    record(Endpoint::Delete, Verb::Delete, "/fhir/R4/{type}/{id}", WRITE, Action::Delete),
    record(Endpoint::History, Verb::Get, "/fhir/R4/{type}/{id}/_history", READ, Action::Read),
    record(Endpoint::VersionRead, Verb::Get, "/fhir/R4/{type}/{id}/_history/{version}", READ, Action::Read),
];

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn only_these_routes_are_open_to_anybody() {
        let open: Vec<_> =
            TABLE.iter().filter(|rule| rule.policy == Policy::Public).map(|rule| rule.path).collect();
        assert_eq!(open, ["/healthz", "/readyz", "/api/v1/auth/login", "/fhir/R4/metadata"]);
    }

    #[test]
    fn no_route_to_a_patients_data_is_open_to_whoever_is_merely_logged_in() {
        for rule in TABLE.iter().filter(|rule| rule.patient_data) {
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
        for rule in TABLE {
            assert!(seen.insert((rule.verb, rule.path)), "{:?} {}", rule.verb, rule.path);
        }
    }

    #[test]
    fn an_unknown_role_allows_nothing() {
        for permission in Permission::ALL {
            assert!(allows(&["administrator".to_owned()], *permission));
            assert!(!allows(&["Administrator".to_owned(), String::new()], *permission));
            assert!(!allows(&[], *permission));
        }
    }
}
