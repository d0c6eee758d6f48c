//! FHIR R4 (4.0.1) without I/O: the types and where each lives, strict JSON, structural checks, references,
//! Bundles, the search grammar, and what a search needs to know of a resource.
//!
//! A resource stays what it is on the wire, a [`serde_json::Value`] with its decimals as they were written;
//! there is no struct per type. What is known of the types is in [`definitions`], generated from the official
//! definitions by `tools/definitions`. Depends on `kernel` only. Read [`resource_type`] first, then
//! [`search`] and [`extract`], which must agree and therefore share their terms.

pub mod bundle;
pub mod capability;
pub mod date;
pub mod definitions;
pub mod etag;
pub mod extract;
pub mod json;
pub mod outcome;
pub mod prefer;
pub mod reference;
pub mod resource_type;
pub mod search;
pub mod structure;
pub mod text;

pub use definitions::ResourceType;
