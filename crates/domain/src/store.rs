//! The repositories' traits and the one error that all of them share.

mod accounts;
mod organizations;
mod patients;
mod records;
mod sessions;
mod signing_keys;

pub use accounts::{Account, Accounts, Membership, NewAccount, Status, User, UserFilter};
pub use organizations::{
    NewOrganization, Organization, OrganizationFilter, OrganizationKind, OrganizationStatus, Organizations,
};
pub use patients::{Claim, Merge, Patients};
pub use records::{
    Anchor, Archive, Body, Changes, Criterion, Draft, Found, Head, Key, Likeness, Match, Opened, Page,
    Prepared, PreparedIndex, Records, SearchPage, Slice, Sliced, VersionEntry,
};
pub use sessions::{
    Attempts, EndReason, NewSession, Session, SessionChange, Sessions, StaleAttempts, StoredRefreshToken,
    Whose,
};
pub use signing_keys::{SigningKeys, StoredSigningKey};

use kernel::{Classify, Database, ErrorKind, TransactionId};

/// The result of a repository call.
pub type Stored<T> = Result<T, StoreError>;

/// Why a repository or a commit failed. Never holds PHI or SQL.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// Another transaction holds what this one needs: serialization failure, deadlock or lock timeout.
    #[error("contended in {database}: another transaction holds what this one needs")]
    Contended {
        /// Where.
        database: Database,
    },
    /// The database cannot be reached.
    #[error("{database} is unavailable")]
    Unavailable {
        /// Which.
        database: Database,
    },
    /// All connections are in use, and too many requests wait for one already.
    #[error("all connections to {database} are in use")]
    Exhausted {
        /// To which.
        database: Database,
    },
    /// A constraint refused the write; the name is written by hand in the migration.
    #[error("constraint {name} refused the write")]
    Constraint {
        /// The constraint's name.
        name: String,
    },
    /// The statement ran into its time limit.
    #[error("the statement took longer than its limit in {database}")]
    TooCostly {
        /// Where.
        database: Database,
    },
    /// A stored row cannot be what it should be: it does not unseal, or does not parse.
    #[error("a row of {table} is corrupt")]
    Corrupt {
        /// `schema.table`.
        table: &'static str,
    },
    /// The commit was decided, or may have been; not all databases have answered yet.
    #[error("transaction {transaction} is not settled yet")]
    InDoubt {
        /// The transaction to ask about.
        transaction: TransactionId,
    },
    /// The operation used a database that it had not declared.
    #[error("{database} was used without being declared")]
    OutsideTouches {
        /// Which.
        database: Database,
    },
    /// Anything else the database said.
    #[error("{database} failed unexpectedly (SQLSTATE {})", sqlstate.as_deref().unwrap_or("none"))]
    Unexpected {
        /// Where.
        database: Database,
        /// The five characters of the SQLSTATE, if the server gave one.
        sqlstate: Option<String>,
    },
}

impl Classify for StoreError {
    fn kind(&self) -> ErrorKind {
        match self {
            StoreError::Contended { .. } | StoreError::Unavailable { .. } | StoreError::Exhausted { .. } => {
                ErrorKind::Busy
            }
            StoreError::Constraint { .. } => ErrorKind::Conflict,
            StoreError::TooCostly { .. } => ErrorKind::Busy,
            StoreError::InDoubt { .. } => ErrorKind::InDoubt,
            StoreError::Corrupt { .. }
            | StoreError::OutsideTouches { .. }
            | StoreError::Unexpected { .. } => ErrorKind::Bug,
        }
    }
}
