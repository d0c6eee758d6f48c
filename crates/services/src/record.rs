//! Records: writing them, one by one or as a Bundle, in one transaction over every database that they live in.
//!
//! Every write, single or Bundle, is a [`Write`]: parsed and checked before the transaction ([`plan`]), resolved and
//! written inside it ([`write`]) by a fixed set of statements per database, whatever the number of entries.

mod compose;
mod entry;
mod names;
mod plan;
mod refusal;
mod resolve;
mod response;
mod write;

pub(crate) use compose::compose;
pub use entry::Kind;
pub use plan::Write;
pub use refusal::Refusal;
pub use response::bundle_response;
pub(crate) use write::{breathe, next_time};

pub use write::{Done, EntryOutcome, ReadEntry, WriteError, Written};
