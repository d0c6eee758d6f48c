//! What only `auth` carries, in PostgreSQL: organizations, accounts, sessions, signing keys and the slots of
//! running servers.
//!
//! Owns the SQL of schema `identity`. Begins and commits nothing: a connection arrives inside its
//! transaction, or runs one statement that stands alone. May depend on `domain`, `db-record` (for the meaning
//! of SQLSTATEs) and sqlx. Read [`accounts`] first, then [`sessions`] and [`slot`].

pub mod accounts;
pub mod organizations;
pub mod sessions;
pub mod signing_keys;
pub mod slot;

mod scope;

pub use accounts::PgAccounts;
pub use organizations::PgOrganizations;
pub use sessions::PgSessions;
pub use signing_keys::PgSigningKeys;

use domain::StoreError;
use kernel::Database;

/// What an error of the driver means for a repository of `auth`.
fn classify(error: sqlx::Error) -> StoreError {
    db_record::classify(Database::Auth, error)
}
