//! Batch and transaction Bundles (R4 http, 3.1.0.11), read in one pass over the bytes: the whole is checked,
//! and what each entry holds is left as text, so that a server builds one entry's tree at a time.

mod read;
mod url;

use std::borrow::Cow;

use serde_json::value::RawValue;

use crate::outcome::Issue;

pub use url::{EntryUrl, EntryUrlError};

/// A batch or transaction.
#[derive(Debug)]
pub struct Bundle<'a> {
    /// Which.
    pub kind: BundleKind,
    /// What is to be done, in the order of the document.
    pub entries: Vec<Entry<'a>>,
}

/// Which of the two kinds of Bundle that a server acts upon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BundleKind {
    /// Each entry for itself.
    Batch,
    /// All entries or none.
    Transaction,
}

/// One request of a Bundle.
#[derive(Clone, Debug)]
pub struct Entry<'a> {
    /// The position in the document, from 0, as in `Bundle.entry[0]`.
    pub index: usize,
    /// What other entries call the resource: an absolute URI, in no other entry of the Bundle.
    pub full_url: Option<Cow<'a, str>>,
    /// The resource's JSON; always there for POST, PUT and PATCH, never for the others.
    pub resource: Option<&'a RawValue>,
    /// The method.
    pub method: Method,
    /// The address below the base; see [`EntryUrl`].
    pub url: Cow<'a, str>,
    /// Criteria of a conditional create, as in the query of a search. Only with POST.
    pub if_none_exist: Option<Cow<'a, str>>,
    /// As the header `If-Match`.
    pub if_match: Option<Cow<'a, str>>,
    /// As the header `If-None-Match`.
    pub if_none_match: Option<Cow<'a, str>>,
    /// An instant, as it was written.
    pub if_modified_since: Option<Cow<'a, str>>,
}

/// The method of an entry (FHIR `http-verb`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Method {
    /// Read or search.
    Get,
    /// The same without the body.
    Head,
    /// Create.
    Post,
    /// Update.
    Put,
    /// Change in part.
    Patch,
    /// Delete.
    Delete,
}

impl Method {
    /// Every method.
    pub const ALL: [Method; 6] =
        [Method::Get, Method::Head, Method::Post, Method::Put, Method::Patch, Method::Delete];

    /// The name in capitals.
    pub const fn name(self) -> &'static str {
        match self {
            Method::Get => "GET",
            Method::Head => "HEAD",
            Method::Post => "POST",
            Method::Put => "PUT",
            Method::Patch => "PATCH",
            Method::Delete => "DELETE",
        }
    }

    /// Whether an entry with this method holds a resource.
    pub const fn has_resource(self) -> bool {
        match self {
            Method::Post | Method::Put | Method::Patch => true,
            Method::Get | Method::Head | Method::Delete => false,
        }
    }
}

/// Reads a batch or transaction Bundle.
///
/// # Errors
/// What is wrong with the JSON (the first thing, by the rules of [`crate::json`]), or everything that is
/// wrong with the Bundle and its entries, up to a hundred issues, each naming the element. The resources
/// themselves are checked as JSON only.
pub fn parse(bytes: &[u8]) -> Result<Bundle<'_>, Vec<Issue>> {
    read::bundle(bytes)
}

#[cfg(test)]
mod tests;
