//! What can go wrong with a backup. Messages name files, databases and transactions, never what is in a record.

use std::io;
use std::path::{Path, PathBuf};

use kernel::Database;

use crate::backup::reconcile::Finding;
use crate::error::ClusterError;

/// Why a backup could not be taken or restored.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// A database did not answer, or refused.
    #[error("{database}: {doing} failed")]
    Sql {
        /// Which.
        database: Database,
        /// What was being done.
        doing: &'static str,
        /// The driver's reason.
        source: sqlx::Error,
    },
    /// A cluster could not be prepared.
    #[error(transparent)]
    Cluster(#[from] ClusterError),
    /// The programs that dump and restore are missing.
    #[error(
        "no pg_dump and pg_restore of PostgreSQL {major} found (looked in {looked}): install the client programs of \
         that version, such as postgresql-client-{major} on Debian"
    )]
    NoTools {
        /// The servers' major version.
        major: u32,
        /// Where they were looked for.
        looked: String,
    },
    /// `pg_dump` or `pg_restore` failed.
    #[error("{program} failed for {database}: {output}")]
    Program {
        /// Which program.
        program: &'static str,
        /// On which database.
        database: Database,
        /// What it said of itself; what it quoted of the data is left out.
        output: String,
    },
    /// A folder or file could not be made, read or removed.
    #[error("cannot {doing} {}", path.display())]
    File {
        /// What was being done, as a verb.
        doing: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The operating system's reason.
        source: io::Error,
    },
    /// Another backup of the same databases is under way.
    #[error("another backup of these databases is being taken")]
    Busy,
    /// The databases are at work so that no point without transactions in doubt was found.
    #[error(
        "no consistent point was found within {after_s} s: {in_doubt} transactions over several databases stay in \
         doubt; `/readyz` and the table txn.quarantine say why"
    )]
    InDoubt {
        /// How long it was tried.
        after_s: u64,
        /// How many there were in the end.
        in_doubt: usize,
    },
    /// A database is not one of an installation.
    #[error("{0} has no identity: it was never migrated, or never served")]
    NoIdentity(Database),
    /// The three databases do not belong together.
    #[error("{0} belongs to another installation or epoch than auth")]
    Strangers(Database),
    /// The folder holds no backup that can be used.
    #[error("{} is no usable backup: {reason}", folder.display())]
    Unusable {
        /// The folder.
        folder: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The backup was made by a newer PostgreSQL than the one that would take it.
    #[error("{database} was dumped from PostgreSQL {found}, which {installed} cannot take")]
    NewerServer {
        /// Which.
        database: Database,
        /// The version in the manifest.
        found: u32,
        /// The version of the programs here.
        installed: u32,
    },
    /// There are records where the backup would go.
    #[error("{0} is not empty: --force puts the backup in its place, and what is there now is lost")]
    NotEmpty(Database),
    /// A server still works with the database.
    #[error(
        "{database} is in use: {sessions} sessions of salus_app, {prepared} prepared transactions; stop the server"
    )]
    InUse {
        /// Which.
        database: Database,
        /// Sessions of the server's login.
        sessions: i64,
        /// Transactions that were prepared and not ended.
        prepared: i64,
    },
    /// The restored database is not what the manifest says.
    #[error("{database} came back with {found} {what}, the manifest says {expected}")]
    Incomplete {
        /// Which.
        database: Database,
        /// What was counted.
        what: &'static str,
        /// How many there are.
        found: i64,
        /// How many there should be.
        expected: i64,
    },
    /// Transactions are half in the restored databases that were not in the backed up ones.
    #[error("{} transactions are half in what was restored, first {}; nothing was replaced", .0.len(), .0[0])]
    Half(Vec<Finding>),
}

impl BackupError {
    /// For `map_err`: a refusal of a database.
    pub(crate) fn sql(database: Database, doing: &'static str) -> impl Fn(sqlx::Error) -> BackupError {
        move |source| BackupError::Sql { database, doing, source }
    }

    /// For `map_err`: a refusal of the file system.
    pub(crate) fn file(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> BackupError + use<> {
        let path = path.to_path_buf();
        move |source| BackupError::File { doing, path, source }
    }
}
