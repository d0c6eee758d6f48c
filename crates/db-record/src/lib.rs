//! The record store in PostgreSQL: schema `record` and schema `audit`, which every database carries.
//!
//! Owns sealing and unsealing of bodies, the hashing of search terms, and the SQL of both schemas. Begins and commits
//! nothing: a connection arrives inside its transaction, or runs one statement that sets its tenant itself. May
//! depend on `domain`, `fhir`, `seal` and sqlx. Read [`records`] first, then [`read`] and [`search`].

pub mod alike;
pub mod audit;
pub mod classify;
pub mod read;
pub mod records;
pub mod search;
pub mod slices;

mod about;
mod prepare;
mod resolve;
mod stored;
mod write;

pub use classify::classify;
pub use records::PgRecords;
