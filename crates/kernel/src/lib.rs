//! The words that every other crate shares: typed identifiers, the clock, protected values, the one classification
//! of errors, and limits.
//!
//! Owns nothing that does I/O and depends on no other crate of the workspace. Read [`database`] first.

pub mod clock;
pub mod database;
pub mod error;
pub mod ids;
pub mod limits;
pub mod phi;

pub use clock::{Clock, SystemClock};
pub use database::Database;
pub use error::{Classify, ErrorKind};
pub use ids::{AccountId, InstanceId, RequestId, Rid, RidSource, SessionId, Tenant, TransactionId};
pub use phi::{Phi, Secret};
