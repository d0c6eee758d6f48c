//! The configuration: read once, from the environment.
//!
//! A setting is a [`Variable`] in a [`Section`]; `--help`, `docs/configuration.md` and `.env.example` are made from the
//! same table. A new one is a constant in its section's file, a field of [`Config`], and
//! `cargo run -- config --markdown > docs/configuration.md`, `cargo run -- config --env > .env.example`.

mod backups;
mod databases;
mod edge;
mod general;
mod show;
mod url;
mod variable;

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;

use chrono::TimeDelta;
use kernel::Secret;
use services::session::SessionLimits;

pub use backups::{BackupConfig, password_variable as backup_password_variable};
pub use databases::DatabaseConfig;
pub use edge::{EdgeConfig, METRICS_ADDR};
pub use general::HTTP_ADDR;
pub use show::{env_example, help, markdown};
pub use variable::{Section, Values, Variable};

/// Every setting there is.
pub const SECTIONS: &[Section] = &[
    general::SERVER,
    general::IDENTITY,
    general::KEYS,
    edge::EDGE,
    edge::LIMITS,
    general::TELEMETRY,
    databases::EMBEDDED,
    databases::CONNECTIONS,
    databases::EXTERNAL,
    backups::BACKUPS,
];

/// Variables of other programs and times, which are never read, with what to use instead.
pub const DEPRECATED: &[(&str, &str)] = &[
    ("DATABASE_URL", "`AUTH_DATABASE_URL`, `PHI_DATABASE_URL` and `CLINICAL_DATABASE_URL`"),
    ("POSTGRES_USER", "`AUTH_DB_USER`, `PHI_DB_USER` and `CLINICAL_DB_USER`"),
    ("POSTGRES_PASSWORD", "`AUTH_DB_PASSWORD`, `PHI_DB_PASSWORD` and `CLINICAL_DB_PASSWORD`"),
    ("POSTGRES_DB", "`AUTH_DB_NAME`, `PHI_DB_NAME` and `CLINICAL_DB_NAME`"),
    ("EHRBASE_USER", "`CLINICAL_DB_USER`"),
    ("EHRBASE_PASSWORD", "`CLINICAL_DB_PASSWORD`"),
];

/// Every variable there is. One that begins with `SALUS_` and is not among them stops the start.
pub fn variables() -> impl Iterator<Item = &'static Variable> {
    SECTIONS.iter().flat_map(|section| section.variables)
}

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object per line.
    Json,
}

/// What the server is told from outside.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where to serve.
    pub http_addr: SocketAddr,
    /// The base of links in answers, without a slash at its end; the request's Host without it.
    pub public_url: Option<String>,
    /// The folder of everything that lasts.
    pub data_dir: PathBuf,
    /// PostgreSQL's programs, if not searched for.
    pub pg_bin: Option<PathBuf>,
    /// Whether PostgreSQL's programs may be fetched where there are none.
    pub fetch: bool,
    /// The databases.
    pub databases: DatabaseConfig,
    /// The administrator's password, if not made.
    pub admin_password: Option<Secret<String>>,
    /// The master key's file, if not in the data folder.
    pub master_key_file: Option<PathBuf>,
    /// What the master key is stretched from where there is no file.
    pub encryption_key: Option<Secret<String>>,
    /// The first organization's name.
    pub organization: String,
    /// How long sessions last.
    pub session_limits: SessionLimits,
    /// The age at which a signing key is followed by the next.
    pub signing_key_age: TimeDelta,
    /// The log's filter.
    pub log: String,
    /// The log's form.
    pub log_format: LogFormat,
    /// Backups.
    pub backups: BackupConfig,
    /// The HTTP edge, metrics and traces.
    pub edge: EdgeConfig,
    /// What the log is told at the start, once.
    pub warnings: Vec<String>,
}

/// Why the configuration cannot be used. Names the variable, never its value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// A name that begins as ours do and is not one of them.
    #[error("{name} is set, but there is no such setting; see `salus --help`")]
    Unknown {
        /// The variable.
        name: String,
    },
    /// Not UTF-8.
    #[error("{name} is not UTF-8")]
    NotText {
        /// The variable.
        name: String,
    },
    /// A value that means nothing.
    #[error("{name} must be {wanted}")]
    Invalid {
        /// The variable.
        name: &'static str,
        /// What would be right.
        wanted: &'static str,
    },
    /// Two variables that say the same thing.
    #[error("{one} and {other} are both set and mean the same: keep one")]
    Twice {
        /// The one.
        one: &'static str,
        /// The other.
        other: &'static str,
    },
    /// Some databases are external, and others are not described.
    #[error("external databases must be configured all three: missing {missing}")]
    MissingDatabases {
        /// The variables, comma separated.
        missing: String,
    },
    /// A database's place cannot be used.
    #[error("{name}: {reason}")]
    Database {
        /// The variable.
        name: &'static str,
        /// What is wrong with it; none of its values.
        reason: String,
    },
}

impl Config {
    /// Reads these variables; those that are not ours are left alone. An empty value counts as none.
    ///
    /// # Errors
    /// [`ConfigError`], the first that is found.
    pub fn read(environment: impl Iterator<Item = (OsString, OsString)>) -> Result<Config, ConfigError> {
        let environment: Vec<_> = environment.collect();
        let is_set = |name: &str| environment.iter().any(|(given, value)| given == name && !value.is_empty());
        let deprecated = DEPRECATED.iter().filter(|(name, _)| is_set(name));
        let mut warnings: Vec<String> = deprecated
            .map(|(name, instead)| format!("{name} is set and not used; use {}", instead.replace('`', "")))
            .collect();
        let values = Values::gather(environment.into_iter())?;
        let databases = databases::read(&values)?;
        warnings.extend(databases.warnings.iter().cloned());
        Ok(Config {
            http_addr: general::http_addr(&values)?,
            public_url: general::public_url(&values)?,
            data_dir: values.text(&general::DATA_DIR).into(),
            pg_bin: values.optional(&databases::PG_BIN).map(PathBuf::from),
            fetch: !values.flag(&databases::NO_FETCH)?,
            databases,
            admin_password: general::admin_password(&values)?,
            master_key_file: values.optional(&general::MASTER_KEY_FILE).map(PathBuf::from),
            encryption_key: general::encryption_key(&values)?,
            organization: general::organization(&values)?,
            session_limits: general::session_limits(&values)?,
            signing_key_age: general::signing_key_age(&values)?,
            log: values.text(&general::LOG),
            log_format: general::log_format(&values)?,
            backups: backups::read(&values),
            edge: edge::read(&values)?,
            warnings,
        })
    }
}

#[cfg(test)]
mod deployment;
#[cfg(test)]
mod tests;
