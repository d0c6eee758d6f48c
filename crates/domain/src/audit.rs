//! The audit event: who did what to whose data, when, from where, and what came of it (shape after IHE BALP).

use std::net::IpAddr;

use chrono::{DateTime, Utc};
use fhir::ResourceType;
use kernel::{AccountId, Phi, RequestId, Rid, Tenant};

use crate::Context;

/// What was done (FHIR AuditEvent.action).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Created.
    Create,
    /// Read.
    Read,
    /// Updated.
    Update,
    /// Deleted.
    Delete,
    /// Executed: a search, a Bundle, a login.
    Execute,
}

impl Action {
    /// FHIR's code: C, R, U, D or E.
    pub const fn code(self) -> &'static str {
        match self {
            Action::Create => "C",
            Action::Read => "R",
            Action::Update => "U",
            Action::Delete => "D",
            Action::Execute => "E",
        }
    }
}

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Done.
    Success,
    /// Nothing there, or deleted.
    Missing,
    /// Refused: not logged in, or not allowed.
    Denied,
}

impl Outcome {
    /// The text in the table.
    pub const fn name(self) -> &'static str {
        match self {
            Outcome::Success => "success",
            Outcome::Missing => "missing",
            Outcome::Denied => "denied",
        }
    }
}

/// One audit row.
#[derive(Clone, Debug)]
pub struct Event {
    /// When.
    pub at: DateTime<Utc>,
    /// For which organization; none where the caller is unknown.
    pub tenant: Option<Tenant>,
    /// Who; none where the caller is unknown.
    pub account: Option<AccountId>,
    /// In which request.
    pub request: RequestId,
    /// From where.
    pub network: Option<IpAddr>,
    /// What kind of act.
    pub action: Action,
    /// The operation's name, such as `record.read`.
    pub operation: &'static str,
    /// What came of it.
    pub outcome: Outcome,
    /// The type of the record asked for, where there is one.
    pub resource_type: Option<ResourceType>,
    /// The id asked for, where the record was named but not found. Without a type, whom or what the operation was done
    /// to: the operation's name says whether that is an account, an organization, a session or a key.
    pub resource_id: Option<String>,
    /// The patients whose data was touched, each once.
    pub patients: Vec<Rid>,
    /// The records touched.
    pub resources: Vec<Rid>,
    /// The search as sent; stored sealed.
    pub query: Option<Phi<String>>,
}

impl Event {
    /// An event of this request, successful until said otherwise.
    pub fn of(context: &Context, action: Action, operation: &'static str) -> Event {
        Event {
            at: context.now(),
            tenant: Some(context.caller.tenant),
            account: Some(context.caller.account),
            request: context.request,
            network: context.network,
            action,
            operation,
            outcome: Outcome::Success,
            resource_type: None,
            resource_id: None,
            patients: Vec::new(),
            resources: Vec::new(),
            query: None,
        }
    }

    /// Adds the patient, once.
    pub fn touch(&mut self, rid: Rid, patient: Option<Rid>) {
        self.resources.push(rid);
        if let Some(patient) = patient
            && !self.patients.contains(&patient)
        {
            self.patients.push(patient);
        }
    }
}
