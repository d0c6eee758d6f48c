//! What only `phi` carries, in PostgreSQL: patient numbers, claims on identifiers, the trail of merges.
//!
//! Owns the SQL of schema `patient`. Begins and commits nothing: a connection arrives inside its transaction. May
//! depend on `domain`, `db-record` (for the meaning of SQLSTATEs), `seal` and sqlx. Read [`patients`].

pub mod patients;

pub use patients::PgPatients;

use domain::StoreError;
use kernel::Database;

/// What an error of the driver means for a repository of `phi`.
fn classify(error: sqlx::Error) -> StoreError {
    db_record::classify(Database::Phi, error)
}
