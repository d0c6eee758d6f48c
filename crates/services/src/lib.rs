//! The use cases: one file each, grouped by noun. A use case is a [`domain::Operation`], or arithmetic around one.
//!
//! Sees neither SQL nor HTTP: repositories come through [`domain::UnitOfWork`], requests have been understood before.
//! May depend on `domain`, `fhir`, `identity`, `seal`. Read [`session`] first.

pub mod administration;
pub mod bootstrap;
pub mod chart;
pub mod merge_patch;
pub mod patient;
mod read_on;
pub mod record;
pub mod session;
pub mod signing;

mod trail;
