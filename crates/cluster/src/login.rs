//! How to log in to a database: what the driver needs to know, and what other programs (`pg_dump`) do.

use std::path::PathBuf;

use kernel::{Database, Secret};
use sqlx::postgres::{PgConnectOptions, PgSslMode};

use crate::bootstrap::Role;
use crate::clusters::Clusters;
use crate::error::ClusterError;

/// Where a server listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Host {
    /// In this folder, through a Unix socket.
    Socket(PathBuf),
    /// Under this name or address.
    Name(String),
}

/// How much TLS is asked of a server, as libpq names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TlsMode {
    /// None.
    Disable,
    /// Where the server offers it, unverified.
    Prefer,
    /// Always, unverified.
    Require,
    /// Always, and the certificate must be signed by a known authority.
    VerifyCa,
    /// That, and it must name the host.
    VerifyFull,
}

impl TlsMode {
    /// All modes.
    pub const ALL: [TlsMode; 5] =
        [TlsMode::Disable, TlsMode::Prefer, TlsMode::Require, TlsMode::VerifyCa, TlsMode::VerifyFull];

    /// libpq's name for it.
    pub const fn name(self) -> &'static str {
        match self {
            TlsMode::Disable => "disable",
            TlsMode::Prefer => "prefer",
            TlsMode::Require => "require",
            TlsMode::VerifyCa => "verify-ca",
            TlsMode::VerifyFull => "verify-full",
        }
    }
}

/// TLS to a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tls {
    /// How much.
    pub mode: TlsMode,
    /// File with certificates that the server's may be signed by, beside those of the system.
    pub root: Option<PathBuf>,
    /// Our own certificate and its key.
    pub client: Option<(PathBuf, PathBuf)>,
}

/// A database and who logs in to it.
#[derive(Clone, Debug)]
pub struct Login {
    /// Where its server listens.
    pub host: Host,
    /// On which port.
    pub port: u16,
    /// The database's name there.
    pub database: String,
    /// The role that logs in.
    pub user: String,
    /// Its password, where it needs one.
    pub password: Option<Secret<String>>,
    /// TLS to it.
    pub tls: Tls,
}

impl Login {
    /// What the driver needs to know.
    pub fn options(&self) -> PgConnectOptions {
        let mut options = PgConnectOptions::new_without_pgpass()
            .port(self.port)
            .username(&self.user)
            .database(&self.database)
            .ssl_mode(match self.tls.mode {
                TlsMode::Disable => PgSslMode::Disable,
                TlsMode::Prefer => PgSslMode::Prefer,
                TlsMode::Require => PgSslMode::Require,
                TlsMode::VerifyCa => PgSslMode::VerifyCa,
                TlsMode::VerifyFull => PgSslMode::VerifyFull,
            })
            .application_name("salus");
        options = match &self.host {
            Host::Socket(folder) => options.socket(folder),
            Host::Name(name) => options.host(name),
        };
        if let Some(password) = &self.password {
            options = options.password(password.expose());
        }
        if let Some(root) = &self.tls.root {
            options = options.ssl_root_cert(root);
        }
        if let Some((certificate, key)) = &self.tls.client {
            options = options.ssl_client_cert(certificate).ssl_client_key(key);
        }
        options
    }
}

/// A database that somebody else runs.
#[derive(Clone, Debug)]
pub struct External {
    /// Which of the three it is.
    pub database: Database,
    /// The server's own login.
    pub app: Login,
    /// The owner's, which migrates; the server itself is not given it.
    pub owner: Option<Login>,
    /// The variable that would give the owner's.
    pub owner_variable: &'static str,
}

/// The three databases, wherever they are.
#[derive(Debug)]
pub enum Databases {
    /// In clusters that this process started.
    Embedded(Box<Clusters>),
    /// On servers that somebody else runs.
    External(Box<[External; 3]>),
}

impl Databases {
    /// How to log in to a database as a role.
    ///
    /// # Errors
    /// [`ClusterError::NoLogin`] where an external database's login for this role was not given.
    pub fn login(&self, database: Database, role: Role) -> Result<Login, ClusterError> {
        match self {
            Databases::Embedded(clusters) => Ok(clusters.login(database, role)),
            Databases::External(external) => external[database.index()].login(role),
        }
    }

    /// The same, as the driver wants it.
    ///
    /// # Errors
    /// As [`Databases::login`].
    pub fn options(&self, database: Database, role: Role) -> Result<PgConnectOptions, ClusterError> {
        Ok(self.login(database, role)?.options())
    }

    /// All three as one role, in lock order.
    ///
    /// # Errors
    /// As [`Databases::login`].
    pub fn every(&self, role: Role) -> Result<[PgConnectOptions; 3], ClusterError> {
        let [auth, phi, clinical] = Database::ALL.map(|database| self.options(database, role));
        Ok([auth?, phi?, clinical?])
    }

    /// Whether somebody else runs them.
    pub fn are_external(&self) -> bool {
        matches!(self, Databases::External(_))
    }

    /// The clusters, where this process started them.
    pub fn clusters(&self) -> Option<&Clusters> {
        match self {
            Databases::Embedded(clusters) => Some(clusters),
            Databases::External(_) => None,
        }
    }

    /// Stops what this process started.
    ///
    /// # Errors
    /// As [`Clusters::stop`].
    pub async fn stop(&self) -> Result<(), ClusterError> {
        match self {
            Databases::Embedded(clusters) => clusters.stop().await,
            Databases::External(_) => Ok(()),
        }
    }
}

impl External {
    /// How to log in as a role. Nobody gives us a superuser.
    ///
    /// # Errors
    /// [`ClusterError::NoLogin`].
    pub fn login(&self, role: Role) -> Result<Login, ClusterError> {
        let login = match role {
            Role::App => Some(&self.app),
            Role::Owner => self.owner.as_ref(),
            Role::Superuser => None,
        };
        login.cloned().ok_or(ClusterError::NoLogin {
            database: self.database,
            role: role.name(),
            variable: self.owner_variable,
        })
    }
}
