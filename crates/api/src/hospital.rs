//! The typed door: `/api/v1`, the work of a hospital as a plain REST API.
//!
//! What its routes share stands here: [`listing`] (pages), [`version`] (`If-Match`, `ETag`), [`answer`] (what is
//! created), [`path`] (ids), [`merge_patch`], and `crate::body` (JSON whose errors name the member).

mod answer;
pub(crate) mod chart;
mod listing;
mod merge_patch;
mod path;
pub(crate) mod patients;
mod version;

pub(crate) use answer::{created, versioned};
pub(crate) use listing::{Listing, page_size};
pub(crate) use version::IfMatch;
