//! The three databases: clusters of its own, which it starts and migrates, or external ones, which it is given.

use std::error::Error;
use std::fs;
use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;

use cluster::operations::{self, Event, Kind};
use cluster::{
    ClusterError, Clusters, ConnectOptions, Databases, Host, MigrationError, Migrations, Options, Progress,
    Role, Running,
};
use kernel::{Database, InstanceId};
use seal::Keyring;
use serde_json::json;
use store::StoreOptions;
use store::bootstrap::BootstrapError;

use crate::config::Config;
use crate::say;
use crate::signals::{Interrupted, Signals};

/// Connections that a cluster of ours accepts beyond those of the pool: the store's own, backups, people.
const BESIDE_THE_POOL: u32 = 60;

/// Why databases of ours cannot be brought up to date.
#[derive(Debug, thiserror::Error)]
pub enum UpdateError {
    /// A schema cannot be.
    #[error(transparent)]
    Migration(#[from] MigrationError),
    /// They cannot be made one installation.
    #[error(transparent)]
    Identity(#[from] BootstrapError),
    /// A login is missing.
    #[error(transparent)]
    Login(#[from] ClusterError),
}

/// The databases that the configuration names; those of our own are started, telling the person who waits what takes
/// time.
///
/// # Errors
/// [`ClusterError`]. Nothing is asked of external databases yet.
pub async fn open(config: &Config) -> Result<Databases, ClusterError> {
    if let Some(external) = &config.databases.external {
        return Ok(Databases::External(external.clone()));
    }
    let mut options = Options::new(&config.data_dir);
    options.binaries = config.pg_bin.clone();
    options.fetch = config.fetch;
    let most = config.databases.pools.iter().map(|pool| pool.max_connections).max().unwrap_or_default();
    options.max_connections = options.max_connections.max(most + BESIDE_THE_POOL);
    let clusters = Clusters::start(options, |progress| match progress {
        // Routine, and over in a moment.
        Progress::Starting(_) | Progress::Ready(_) => tracing::debug!("{progress}"),
        Progress::Binaries { .. }
        | Progress::Fetching { .. }
        | Progress::Fetched
        | Progress::Account(_)
        | Progress::Elsewhere { .. }
        | Progress::Initialising(_)
        | Progress::StillStarting(..)
        | Progress::Adopted { .. } => say::progress(format_args!("  {progress}")),
    });
    Ok(Databases::Embedded(Box::new(clusters.await?)))
}

/// Opens the databases, unless a signal comes first: what is being started is then stopped, and there are none.
///
/// # Errors
/// [`ClusterError`].
pub async fn open_unless(signals: &mut Signals, config: &Config) -> Result<Option<Databases>, ClusterError> {
    let mut opening = pin!(open(config));
    tokio::select! {
        opened = &mut opening => opened.map(Some),
        () = signals.next() => {
            // What is being started must be known before it can be stopped.
            opening.await?.stop().await?;
            Ok(None)
        }
    }
}

/// Opens the databases for one piece of work, and stops what was started for it, also where a signal ends the work.
///
/// # Errors
/// The work's own, [`ClusterError`], [`Interrupted`].
pub async fn during<T>(
    config: &Config,
    work: impl AsyncFnOnce(&Databases) -> Result<T, Box<dyn Error>>,
) -> Result<T, Box<dyn Error>> {
    let mut signals = Signals::listen()?;
    let databases = open_unless(&mut signals, config).await?.ok_or(Interrupted)?;
    let done = signals.unless_one_comes(work(&databases)).await;
    databases.stop().await?;
    done
}

/// Brings databases of our own up to date, side by side, and makes them one installation. External ones are migrated
/// by whoever may: the server has not their owner's password.
///
/// # Errors
/// [`UpdateError`], the first of them.
pub async fn update(databases: &Databases) -> Result<(), UpdateError> {
    if databases.are_external() {
        return Ok(());
    }
    let owners = databases.every(Role::Owner)?;
    let migrations = Migrations::embedded()?;
    let up = |database: Database| {
        let (owner, migrations) = (&owners[database.index()], &migrations);
        async move { migrations.up(database, owner).await.map(|applied| (database, applied)) }
    };
    let (auth, phi, clinical) =
        tokio::try_join!(up(Database::Auth), up(Database::Phi), up(Database::Clinical))?;
    for (database, applied) in [auth, phi, clinical] {
        if !applied.is_empty() {
            tracing::info!(%database, ?applied, "migrated");
            let detail = json!({ "versions": applied });
            let event = Event { kind: Kind::Migrate, program: env!("CARGO_PKG_VERSION"), why: None, detail };
            operations::record(database, &databases.login(database, Role::Owner)?, &event).await?;
        }
    }
    store::bootstrap::ensure_identity(&owners).await?;
    Ok(())
}

/// What the store needs to know of them.
///
/// # Errors
/// [`UpdateError::Migration`] where this program's own migrations are not whole.
pub fn store_options(
    config: &Config,
    databases: &Databases,
    keyring: Arc<Keyring>,
) -> Result<StoreOptions, UpdateError> {
    store_options_of(config, databases.every(Role::App)?, databases.are_external(), keyring)
}

/// The same, of databases that are reached so.
///
/// # Errors
/// As [`store_options`].
pub fn store_options_of(
    config: &Config,
    connect: [ConnectOptions; 3],
    external: bool,
    keyring: Arc<Keyring>,
) -> Result<StoreOptions, UpdateError> {
    let migrations = Migrations::embedded()?;
    let mut options = StoreOptions::new(connect, InstanceId::generate(), keyring);
    options.pools = config.databases.pools;
    options.external = external;
    options.schema = Some(Database::ALL.map(|database| migrations.versions(database)));
    Ok(options)
}

/// Works over the databases as they are: external ones, those of a server that runs, or our own, which are started for
/// it and stopped.
///
/// # Errors
/// The work's own, [`UpdateError`], [`Interrupted`].
pub async fn reach<T>(
    config: &Config,
    keyring: Arc<Keyring>,
    work: impl AsyncFnOnce(StoreOptions) -> Result<T, Box<dyn Error>>,
) -> Result<T, Box<dyn Error>> {
    if config.databases.external.is_none()
        && let Ok(running) = Running::find(&config.data_dir)
    {
        let up = |database| running.postmaster(database).is_ok_and(|pid| pid.is_some());
        if Database::ALL.into_iter().all(up) {
            let [auth, phi, clinical] = Database::ALL.map(|database| running.options(database, Role::App));
            let connect = [auth?, phi?, clinical?];
            let options = store_options_of(config, connect, false, keyring)?;
            return Signals::listen()?.unless_one_comes(work(options)).await;
        }
    }
    during(config, async |databases| work(store_options(config, databases, keyring)?).await).await
}

/// The folder of what lasts beside the databases: the master key and the password file.
///
/// # Errors
/// [`ClusterError::File`] where it cannot be made.
pub fn data_dir(config: &Config, databases: &Databases) -> Result<PathBuf, ClusterError> {
    match databases.clusters() {
        Some(clusters) => Ok(clusters.data_dir().to_path_buf()),
        None => {
            let folder = &config.data_dir;
            let made = fs::create_dir_all(folder);
            made.map_err(|source| ClusterError::File { doing: "create", path: folder.clone(), source })?;
            Ok(folder.clone())
        }
    }
}

/// Where a database is, for a question to a person.
pub fn place(config: &Config, database: Database) -> String {
    match &config.databases.external {
        None => config.data_dir.display().to_string(),
        Some(external) => {
            let login = &external[database.index()].app;
            match &login.host {
                Host::Socket(folder) => format!("{} ({})", login.database, folder.display()),
                Host::Name(name) => format!("{} on {name}:{}", login.database, login.port),
            }
        }
    }
}
