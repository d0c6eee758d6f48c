//! One planned act on one record.

use std::ops::Range;

use domain::patient::Named;
use domain::store::{Criterion, Key};
use fhir::ResourceType;
use fhir::etag::Condition;

use super::refusal::Refusal;

/// How the entries of a write belong together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// One interaction on one record.
    Single,
    /// A batch Bundle: a refused entry does not touch the others.
    Batch,
    /// A transaction Bundle: all entries or none.
    Transaction,
}

/// What is asked of one record.
#[derive(Clone, Debug)]
pub(super) enum Act {
    /// Create under an id that the server makes.
    Create { resource_type: ResourceType, resource: Range<usize>, if_none_exist: Option<Criterion> },
    /// Create or replace under a given id; not where the current version is one of `if_none_match`.
    Update { key: Key, resource: Range<usize>, if_match: Option<i32>, if_none_match: Option<Condition> },
    /// Delete.
    Delete { key: Key, if_match: Option<i32> },
    /// Read after the others are done; the target as it stood in the request.
    Read { target: String },
}

/// A reference inside an entry's resource that must be settled before it is stored.
#[derive(Clone, Debug)]
pub(super) struct Mention {
    /// Where, as a FHIRPath from the resource (`Observation.subject`).
    pub expression: String,
    /// To what.
    pub target: Target,
}

/// What a reference names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Target {
    /// A record by type and id.
    Record(Key),
    /// Criteria: the index into the write's criteria.
    Criterion(usize),
}

/// One entry of a write.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    /// Its place in the request, from 0.
    pub index: usize,
    /// Its `fullUrl`, where it has one: what other entries may refer to.
    pub full_url: Option<String>,
    /// What is asked; or why it was refused before anything else was looked at (in a batch).
    pub act: Result<Act, Refusal>,
    /// Its references.
    pub mentions: Vec<Mention>,
    /// The numbers of ours that a Patient carries.
    pub named: Vec<Named>,
}

impl Entry {
    /// The type that the entry writes, if it writes.
    pub fn writes(&self) -> Option<ResourceType> {
        match self.act.as_ref().ok()? {
            Act::Create { resource_type, .. } => Some(*resource_type),
            Act::Update { key, .. } | Act::Delete { key, .. } => Some(key.resource_type),
            Act::Read { .. } => None,
        }
    }

    /// Where the entry's resource stands in the request.
    pub fn resource(&self) -> Option<Range<usize>> {
        match self.act.as_ref().ok()? {
            Act::Create { resource, .. } | Act::Update { resource, .. } => Some(resource.clone()),
            Act::Delete { .. } | Act::Read { .. } => None,
        }
    }
}
