//! What can go wrong with a cluster. Every message names the path, pid or version that a person needs to act
//! on.

use std::io;
use std::path::{Path, PathBuf};

use kernel::Database;
use nix::errno::Errno;

/// Why the clusters could not be found, started, stopped or deleted.
#[derive(Debug, thiserror::Error)]
pub enum ClusterError {
    /// No usable PostgreSQL binaries on this machine.
    #[error(
        "no PostgreSQL {oldest} to {newest} found (looked in {looked}){refused}\n\
         install it, then start again (or name its bin folder in SALUS_PG_BIN):\n\
         \x20 Debian, Ubuntu:  sudo apt-get install postgresql\n\
         \x20 Fedora:          sudo dnf install postgresql-server\n\
         \x20 macOS:           brew install postgresql@17"
    )]
    NoBinaries {
        /// The oldest major version that is accepted.
        oldest: u32,
        /// The newest major version that is accepted.
        newest: u32,
        /// The places that were looked into, comma separated.
        looked: String,
        /// Installations that were found and refused, each with its reason; empty when there were none.
        refused: String,
    },
    /// The folder that the caller named holds no usable PostgreSQL.
    #[error("SALUS_PG_BIN={}: {reason}", folder.display())]
    Binaries {
        /// The folder that the caller named.
        folder: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The programs that were fetched are not as they should be.
    #[error("the programs that were fetched into {} cannot be used: {reason}", folder.display())]
    Fetched {
        /// Where they are.
        folder: PathBuf,
        /// What is wrong with them.
        reason: String,
    },
    /// The data directory belongs to another major version of PostgreSQL.
    #[error(
        "the {database} cluster in {} was made by PostgreSQL {found}, but the binaries in {} are PostgreSQL \
         {installed}: install PostgreSQL {found} (or name its bin folder in SALUS_PG_BIN), or upgrade the \
         cluster with pg_upgrade",
        folder.display(), binaries.display()
    )]
    WrongMajor {
        /// Whose cluster it is.
        database: Database,
        /// Its data directory.
        folder: PathBuf,
        /// The major version in the data directory's `PG_VERSION`.
        found: String,
        /// The major version of the binaries.
        installed: u32,
        /// The folder of the binaries.
        binaries: PathBuf,
    },
    /// Another server holds the lock of the data directory.
    #[error("{} is in use by another server (pid {pid}): stop it or use another folder", folder.display())]
    InUse {
        /// The data directory.
        folder: PathBuf,
        /// The process id that the lock file names, or `unknown`.
        pid: String,
    },
    /// The folder does not carry our marker, or the marker cannot be read.
    #[error("{} is not a data folder of ours: {reason}", folder.display())]
    Foreign {
        /// The folder that was refused.
        folder: PathBuf,
        /// Why.
        reason: String,
    },
    /// The user that runs the postmasters cannot reach the place where the clusters already live.
    #[error(
        "the clusters live in {}, which the user {user} can no longer reach: {} does not let it through \
         (chmod o+x)",
        home.display(), blocked.display()
    )]
    Unreachable {
        /// The folder that holds the clusters.
        home: PathBuf,
        /// The user that runs the postmasters.
        user: String,
        /// The first folder on the way that refuses.
        blocked: PathBuf,
    },
    /// Running as root, and neither `postgres` nor `nobody` exists to run the postmasters.
    #[error(
        "PostgreSQL refuses to run as root, and neither the user postgres nor the user nobody exists here"
    )]
    NoAccount,
    /// A folder or file could not be made, read or removed.
    #[error("cannot {doing} {}", path.display())]
    File {
        /// What was being done, as a verb: `create`, `read` ...
        doing: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The operating system's reason.
        source: io::Error,
    },
    /// A program of PostgreSQL could not be run or failed.
    #[error("{program} failed for the {database} cluster: {output}")]
    Program {
        /// The program's name.
        program: &'static str,
        /// Whose cluster it worked on.
        database: Database,
        /// The last lines that it wrote, or why it could not be started.
        output: String,
    },
    /// The postmaster ended before it accepted connections.
    #[error("the {database} cluster did not start ({status}); its log ends with:\n{log}")]
    DidNotStart {
        /// Whose cluster it is.
        database: Database,
        /// How the process ended.
        status: String,
        /// The last lines of its log.
        log: String,
    },
    /// The postmaster lives but did not accept connections, or did not end, in time.
    #[error("the {database} cluster did not {doing} within {} s; its log ends with:\n{log}", after_s)]
    TooSlow {
        /// Whose cluster it is.
        database: Database,
        /// `start` or `stop`.
        doing: &'static str,
        /// How long was waited, seconds.
        after_s: u64,
        /// The last lines of its log.
        log: String,
    },
    /// A process that we must not touch holds the cluster's data directory.
    #[error("process {pid} serves the {database} cluster's data directory but is not ours to use: {reason}")]
    NotOurs {
        /// Whose cluster it is.
        database: Database,
        /// The process id in `postmaster.pid`.
        pid: i32,
        /// What did not match.
        reason: String,
    },
    /// A signal could not be sent.
    #[error("cannot signal process {pid}")]
    Signal {
        /// The process id.
        pid: i32,
        /// The operating system's reason.
        source: Errno,
    },
    /// The cluster answered a statement of ours with an error, or could not be reached.
    #[error("the {database} cluster failed while {doing}")]
    Sql {
        /// Whose cluster it is.
        database: Database,
        /// What was being done.
        doing: &'static str,
        /// The driver's error.
        source: sqlx::Error,
    },
    /// The login of this role was not given for an external database.
    #[error("no login for {role} of the {database} database was given: set {variable}")]
    NoLogin {
        /// Which database.
        database: Database,
        /// The role's name.
        role: &'static str,
        /// The variable that gives it.
        variable: &'static str,
    },
    /// The operating system gave no random bytes.
    #[error("no random bytes from the operating system: {0}")]
    Random(String),
    /// The task that looks after a cluster has ended; only possible while everything is being stopped.
    #[error("the {0} cluster is no longer supervised")]
    NotSupervised(Database),
}

impl ClusterError {
    /// For `map_err` after a file operation on `path`.
    pub fn file(doing: &'static str, path: impl AsRef<Path>) -> impl FnOnce(io::Error) -> ClusterError {
        let path = path.as_ref().to_path_buf();
        move |source| ClusterError::File { doing, path, source }
    }

    /// For `map_err` after a statement.
    pub(crate) fn sql(database: Database, doing: &'static str) -> impl Fn(sqlx::Error) -> ClusterError {
        move |source| ClusterError::Sql { database, doing, source }
    }
}
