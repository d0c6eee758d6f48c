//! Patients: who they are, as the typed door knows it. One file per use case.
//!
//! Registering, amending and deleting are plans for the one write path of records ([`crate::record::Write`]), so that
//! both doors obey the same rules; what they add is the typed view and the numbers.

mod amend;
mod duplicates;
mod find;
mod history;
mod merge;
mod merges;
mod numbers;
mod register;

pub use amend::{Revision, amend, assign_number};
pub use duplicates::{COMPARED, Duplicate, duplicates, likeness_of};
pub use find::{Filters, Sort, find, search};
pub use history::{Version, versions};
pub use merge::{MOST_MOVED, Merge, Merged};
pub use merges::MergesOf;
pub use numbers::{Numbers, ReserveNumbers};
pub use register::register;
