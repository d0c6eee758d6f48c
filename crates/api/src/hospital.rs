//! The typed door: `/api/v1`, the work of a hospital as a plain REST API.
//!
//! What its routes share stands here: [`listing`] (pages), [`version`] (`If-Match`, `ETag`), [`answer`] (what is
//! created), and `crate::body` (JSON and merge patches whose errors name the member).

#[allow(dead_code)] // Until the first typed route is there.
mod answer;
pub(crate) mod chart;
#[allow(dead_code)] // Until the first typed route is there.
mod listing;
pub(crate) mod patients;
#[allow(dead_code)] // Until the first typed route is there.
mod version;
