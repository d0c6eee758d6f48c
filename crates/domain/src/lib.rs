//! What Salus does, without saying how it is stored or served: operations, the unit of work they run in, and the
//! traits of the repositories that they use.
//!
//! Depends on `kernel` and the pure `fhir` crate; does no I/O. Read [`operation`] first, then [`unit_of_work`].

pub mod audit;
pub mod chart;
pub mod fault;
pub mod operation;
pub mod patient;
pub mod permission;
pub mod sample;
pub mod store;
pub mod unit_of_work;

pub use operation::{Caller, Context, Operation, Touches};
pub use store::{StoreError, Stored};
pub use unit_of_work::UnitOfWork;
