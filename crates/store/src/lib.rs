//! Three databases, one transaction: the only place that opens, commits, retries or recovers one.
//!
//! Owns the connections (three pools and the lists before them), [`Store::execute`], the paired commit that
//! `coordinator` decides about, the recovery worker, and the health of the three databases. May depend on `domain`,
//! `coordinator`, `seal`, the db crates and sqlx. Read [`execute`] first, then [`commit`] and [`recovery`].
//!
//! The SQL of this crate is not checked at compile time as that of the db crates is: one statement runs against three
//! databases, and most of it is transaction control, which takes no parameters. What is put into its text is a number, a
//! code of [`kernel::Database`] or a [`coordinator::Gid`], whose alphabet needs no quoting.

pub mod audit;
pub mod baseline;
pub mod bootstrap;
pub mod commit;
pub mod connection;
pub mod diagnose;
pub mod execute;
pub mod health;
pub mod measure;
pub mod options;
pub mod reader;
pub mod recovery;

mod begin;
mod contact;
mod done;
mod link;
mod open;
mod preflight;
mod probe;
mod queue;
mod refusal;
mod sessions;
mod settle;
mod slot;
mod sql;
mod work;

pub use commit::Settlement;
pub use connection::Connection;
pub use execute::Committed;
pub use health::{Counts, DatabaseHealth, DatabaseState, Health, Sightings};
pub use open::{OpenError, Store};
pub use options::{Pool, StoreOptions};
pub use preflight::{Looked, preflight};
pub use refusal::{Refusal, Warning};
