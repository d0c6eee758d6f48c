//! What only `auth` carries, in PostgreSQL: organizations, accounts, signing keys and the slots of running
//! servers.
//!
//! Owns the SQL of schema `identity`. Begins and commits nothing: a connection arrives inside its
//! transaction, or runs one statement that stands alone. May depend on `domain`, `db-record` (for the meaning
//! of SQLSTATEs) and sqlx. Read [`accounts`] first, then [`slot`].

pub mod accounts;
pub mod slot;

pub use accounts::PgAccounts;

use domain::StoreError;
use kernel::Database;

/// What an error of the driver means for a repository of `auth`.
fn classify(error: sqlx::Error) -> StoreError {
    db_record::classify(Database::Auth, error)
}
