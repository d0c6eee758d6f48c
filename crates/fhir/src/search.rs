//! Searches: what a query string asks for, parsed against the parameters of the type (R4 search, 3.1.1).
//!
//! Nothing is silently ignored: what is unknown, unsupported or malformed is an [`Issue`] that names the
//! parameter, never its value, which may be a patient's name. [`crate::extract`] says which terms a filter
//! looks for.

mod decode;
mod parse;
mod value;

use std::fmt;

use crate::ResourceType;
use crate::date::DateComparison;
use crate::definitions::{Kind, parameter_code, parameters};

pub use crate::prefer::Handling;
pub use decode::{DecodeError, decode, shown};
pub use parse::parse;

#[cfg(doc)]
use crate::outcome::Issue;

/// A parsed search.
#[derive(Clone, PartialEq, Eq)]
pub struct Search {
    /// The type searched.
    pub resource_type: ResourceType,
    /// What must all be true of a resource.
    pub filters: Vec<Filter>,
    /// Resources on a page, at most [`kernel::limits::PAGE_MAX`]; 0 asks for the count only.
    pub count: usize,
    /// The order, first key first, each with whether it is descending; empty for the server's own.
    pub sort: Vec<(SortKey, bool)>,
    /// Whether the number of all matches is wanted.
    pub total: Total,
    /// Where the page begins, as the server wrote it into a link.
    pub cursor: Option<String>,
    /// Whether the place after each row is wanted, where another page could begin. No query asks for it: doors of our
    /// own do.
    pub places: bool,
    /// The parameters as understood, for the self link: without the cursor and what was ignored.
    pub pairs: Vec<(String, String)>,
    /// Names of parameters that were left out under lenient handling.
    pub ignored: Vec<String>,
}

/// What must be true of a resource. Every list is an OR; it is never empty.
#[derive(Clone, PartialEq, Eq)]
pub enum Filter {
    /// Its logical id is one of these.
    Id(Vec<String>),
    /// When it was last updated.
    LastUpdated(Vec<DateComparison>),
    /// The type's main date: its parameter `date`, or `birthdate`.
    Date(Vec<DateComparison>),
    /// It has one of these tokens.
    Token {
        /// The parameter's number.
        parameter: u16,
        /// The tokens.
        any: Vec<TokenValue>,
    },
    /// It has none of these tokens. No query asks for it: doors of our own do.
    Without {
        /// The parameter's number.
        parameter: u16,
        /// The tokens.
        any: Vec<TokenValue>,
    },
    /// It refers to one of these.
    Reference {
        /// The parameter's number.
        parameter: u16,
        /// The resources.
        any: Vec<RefTarget>,
    },
    /// Its main patient ([`crate::extract::Extracted::patient`]) has one of these logical ids.
    Patient(Vec<String>),
    /// It has strings in which all words of one of these begin words.
    String {
        /// The parameter's number.
        parameter: u16,
        /// The normalised words ([`crate::text::words`]).
        any: Vec<Vec<String>>,
    },
}

/// One token of a search (R4 search, 3.1.1.4.10).
#[derive(Clone, PartialEq, Eq, Hash)]
pub enum TokenValue {
    /// `system|code`.
    SystemCode(String, String),
    /// `code`: of whatever system, or none.
    Code(String),
    /// `|code`: without a system.
    NoSystem(String),
    /// `system|`: any of the system's.
    System(String),
}

/// A resource of this server that is referred to.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct RefTarget {
    /// Its type.
    pub resource_type: ResourceType,
    /// Its logical id.
    pub id: String,
}

/// What a search can be sorted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SortKey {
    /// The type's main date; holds the parameter's number.
    Date(u16),
    /// `_lastUpdated`.
    LastUpdated,
    /// `_id`.
    Id,
}

/// Whether the number of all matches is wanted (`_total`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Total {
    /// No.
    #[default]
    None,
    /// Roughly.
    Estimate,
    /// Exactly.
    Accurate,
}

impl Search {
    /// The name of the first parameter that has no place in the criteria of a conditional interaction, which
    /// must be answered by equality alone: a date, an OR list, or a parameter about the result.
    pub fn unconditional_parameter(&self) -> Option<&str> {
        let filter = self.filters.iter().find_map(|filter| match filter {
            Filter::LastUpdated(_) | Filter::Date(_) | Filter::Without { .. } => {
                Some(filter.code(self.resource_type))
            }
            _ => (filter.alternatives() > 1).then(|| filter.code(self.resource_type)),
        });
        let result = self.pairs.iter().map(|(name, _)| name.as_str());
        let mut result = result.filter(|name| matches!(*name, "_count" | "_sort" | "_total"));
        filter.or_else(|| result.next()).or(self.cursor.as_ref().map(|_| "_cursor"))
    }
}

impl Filter {
    /// How many alternatives the filter has.
    pub fn alternatives(&self) -> usize {
        match self {
            Filter::Id(any) | Filter::Patient(any) => any.len(),
            Filter::LastUpdated(any) | Filter::Date(any) => any.len(),
            Filter::Token { any, .. } | Filter::Without { any, .. } => any.len(),
            Filter::Reference { any, .. } => any.len(),
            Filter::String { any, .. } => any.len(),
        }
    }

    /// The parameter as it is written in a query on this type.
    pub fn code(&self, resource_type: ResourceType) -> &'static str {
        let number = match self {
            Filter::Id(_) => return "_id",
            Filter::LastUpdated(_) => return "_lastUpdated",
            Filter::Patient(_) => return "patient",
            Filter::Date(_) => date_parameter(resource_type).unwrap_or_default(),
            Filter::Token { parameter, .. }
            | Filter::Without { parameter, .. }
            | Filter::Reference { parameter, .. }
            | Filter::String { parameter, .. } => *parameter,
        };
        parameter_code(number).unwrap_or("date")
    }
}

/// The number of the type's main date parameter, where it has one.
pub fn date_parameter(resource_type: ResourceType) -> Option<u16> {
    parameters(resource_type).iter().find(|p| matches!(p.kind, Kind::Date)).map(|p| p.number)
}

// What is searched for may be a name or a number of a patient, so that Debug shows the shape of a search
// only.

impl fmt::Debug for Search {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Search")
            .field("resource_type", &self.resource_type)
            .field("filters", &self.filters)
            .field("count", &self.count)
            .field("sort", &self.sort)
            .field("total", &self.total)
            .field("cursor", &self.cursor.is_some())
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, parameter) = match self {
            Filter::Id(_) => ("Id", None),
            Filter::LastUpdated(_) => ("LastUpdated", None),
            Filter::Date(_) => ("Date", None),
            Filter::Patient(_) => ("Patient", None),
            Filter::Token { parameter, .. } => ("Token", Some(*parameter)),
            Filter::Without { parameter, .. } => ("Without", Some(*parameter)),
            Filter::Reference { parameter, .. } => ("Reference", Some(*parameter)),
            Filter::String { parameter, .. } => ("String", Some(*parameter)),
        };
        let code = parameter.and_then(parameter_code).unwrap_or_default();
        write!(f, "{name}({code} any of {} [phi])", self.alternatives())
    }
}

impl fmt::Debug for TokenValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenValue([phi])")
    }
}

impl fmt::Debug for RefTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.resource_type, self.id)
    }
}
