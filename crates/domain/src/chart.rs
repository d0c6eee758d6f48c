//! The chart: what is true of a patient, as typed views over FHIR records.
//!
//! A record stays its FHIR resource. An [`Entry`] is what the typed door shows of it and lets a client change; it is
//! read from a resource, checked, and written back onto the resource that it was read from, so that every element
//! that the view does not know stays as it was. Nothing here does I/O. Read [`problem`] first: the others are like
//! it. [`vital_signs`] is a kind of its own, because one set of measurements is several records.

mod codes;
mod concept;
mod decimal;
mod element;
mod veil;

pub mod allergy;
pub mod encounter;
pub mod medication;
pub mod note;
pub mod problem;
pub mod summary;
pub mod vital_signs;

use chrono::{DateTime, Utc};
use fhir::ResourceType;
use fhir::search::Filter;
use kernel::AccountId;
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::fault::Faults;

pub use concept::{Coding, Concept};
pub use decimal::Decimal;
pub(crate) use element::TOLERANCE;

/// A FHIR resource, or an element of one.
pub type Object = Map<String, Value>;

/// The identifier system of accounts, by which a record names who wrote it. A logical reference
/// (`Reference.identifier`): an account need not be a Practitioner.
pub const ACCOUNT_SYSTEM: &str = "urn:salus:account";
/// The extension that says why a finished record was changed.
pub const REASON_EXTENSION: &str = "urn:salus:amendment-reason";

/// Longest text of a member that is read at a glance.
pub const TEXT: usize = 1_000;
/// Longest text of a note.
pub const LONG_TEXT: usize = 10_000;

/// A typed view of one kind of record. All members are optional, because a record that was written through FHIR need
/// not have them; [`Entry::check`] says which ones must be there when it is written through the typed door.
pub trait Entry:
    Serialize + DeserializeOwned + JsonSchema + Clone + Default + PartialEq + Send + Sync + 'static
{
    /// The type of the records.
    const RESOURCE: ResourceType;
    /// What one of them is called in messages.
    const NOUN: &'static str;
    /// Elements of the resource and the members that show them, for refusals that name an element.
    const ELEMENTS: &'static [(&'static str, &'static str)];
    /// Whether lists are in the order of the type's date; otherwise in the order in which they were written.
    const DATED: bool;

    /// What the resource says, as far as it can be shown.
    fn of(resource: &Value) -> Self;

    /// Fills in what follows from the rest: the members of a new entry that have a default, the status of an amended
    /// one.
    fn complete(&mut self, before: Option<&Self>, now: DateTime<Utc>);

    /// Notes everything that cannot be taken as it is.
    fn check(&self, before: Option<&Self>, now: DateTime<Utc>, faults: &mut Faults);

    /// Whether this may follow `before`.
    ///
    /// # Errors
    /// The transition that is not legal.
    fn follow(&self, before: &Self) -> Result<(), IllegalTransition>;

    /// Writes what differs from `before` onto the resource.
    fn write(&self, before: Option<&Self>, resource: &mut Object, author: &Author);

    /// The encounter during which it was written down.
    fn encounter(&self) -> Option<&str>;

    /// What is true of the records with this status, for a list by status; none where there is no such status.
    fn with_status(code: &str) -> Option<Vec<Filter>>;

    /// Who wrote it down, and when, as the resource says it.
    fn recorded(resource: &Value) -> Recorded;
}

/// A change of state that the state machine does not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{noun}: from `{from}` there is no way to `{to}`")]
pub struct IllegalTransition {
    /// What should have changed.
    pub noun: &'static str,
    /// Its state.
    pub from: &'static str,
    /// The state asked for.
    pub to: &'static str,
}

/// Who writes, and when.
#[derive(Clone, Copy, Debug)]
pub struct Author {
    /// The account.
    pub account: AccountId,
    /// The present instant.
    pub now: DateTime<Utc>,
}

impl Author {
    /// The author as a FHIR reference.
    pub fn reference(&self) -> Value {
        json!({ "identifier": { "system": ACCOUNT_SYSTEM, "value": self.account.to_string() } })
    }

    /// The present instant as FHIR writes it.
    pub fn instant(&self) -> Value {
        element::instant(self.now).into()
    }
}

/// Who wrote a record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(title = "Agent")]
pub struct Agent {
    /// The account, where it was written through Salus' own API.
    #[schemars(example = crate::sample::ACCOUNT)]
    pub account: Option<String>,
    /// The reference, such as `Practitioner/1`, where a FHIR client named one.
    pub reference: Option<String>,
}

impl Agent {
    /// Reads a FHIR reference.
    pub fn of(reference: &Value) -> Option<Agent> {
        let ours = element::text(reference, "/identifier/system").as_deref() == Some(ACCOUNT_SYSTEM);
        let account = element::text(reference, "/identifier/value").filter(|_| ours);
        let reference = element::text(reference, "/reference");
        (account.is_some() || reference.is_some()).then_some(Agent { account, reference })
    }
}

/// Who wrote a record down, and when.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recorded {
    /// Who.
    pub by: Option<Agent>,
    /// When, as the resource says it.
    pub at: Option<String>,
}

impl Recorded {
    /// Reads the elements at these JSON pointers.
    fn of(resource: &Value, by: &str, at: &str) -> Recorded {
        Recorded { by: resource.pointer(by).and_then(Agent::of), at: element::text(resource, at) }
    }
}

/// The reason in [`REASON_EXTENSION`], where a record has one.
pub fn amendment_reason(resource: &Value) -> Option<String> {
    let extensions = resource.get("extension")?.as_array()?;
    let ours = extensions.iter().rev().find(|it| it["url"] == REASON_EXTENSION)?;
    element::text(ours, "/valueString")
}

/// Says why a record was changed, in place of the reason of the change before.
pub fn set_amendment_reason(resource: &mut Object, reason: &str) {
    let mut extensions = match resource.get_mut("extension").map(Value::take) {
        Some(Value::Array(extensions)) => extensions,
        _ => Vec::new(),
    };
    extensions.retain(|it| it["url"] != REASON_EXTENSION);
    extensions.push(json!({ "url": REASON_EXTENSION, "valueString": reason }));
    resource.insert("extension".to_owned(), Value::Array(extensions));
}
