//! From nothing to three migrated databases, and from there to a router.

use std::path::Path;
use std::sync::Arc;

use api::{Gate, LargeBundles, PasswordPool, Readiness, Sessions};
use axum::Router;
use cluster::{ClusterError, Clusters, MigrationError, Migrations, Options, Progress, Role};
use domain::{Context, StoreError};
use identity::{Issuer, PasswordCost, PasswordError, PasswordHasher, TokenVerifier};
use kernel::{Clock, Database, InstanceId, RequestId, SystemClock};
use seal::Keyring;
use services::bootstrap::{EnsureSigningKey, SigningKeyError, new_signing_key, open_signing_key};
use services::session::{Minter, nobody};
use store::bootstrap::BootstrapError;
use store::{OpenError, Store, StoreOptions};

use crate::administrator::{self, AdministratorError, PasswordPlace};
use crate::config::Config;
use crate::master_key::{self, MasterKeyError};
use crate::say;
use crate::state::AppState;

/// Who the tokens are for.
const AUDIENCE: &str = "salus";

/// Why the server does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The clusters do not.
    #[error(transparent)]
    Cluster(#[from] ClusterError),
    /// A schema cannot be brought up to date.
    #[error(transparent)]
    Migration(#[from] MigrationError),
    /// The databases cannot be made one installation.
    #[error(transparent)]
    Identity(#[from] BootstrapError),
    /// There is no master key.
    #[error(transparent)]
    MasterKey(#[from] MasterKeyError),
    /// A database must not be used.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The signing keys cannot be used.
    #[error("{0}: is the master key the one that this installation was made with?")]
    SigningKey(#[from] SigningKeyError),
    /// Passwords cannot be hashed.
    #[error(transparent)]
    Password(#[from] PasswordError),
    /// There is no administrator.
    #[error(transparent)]
    Administrator(#[from] AdministratorError),
}

/// Starts the clusters, telling the person who waits what takes time.
///
/// # Errors
/// [`ClusterError`].
pub async fn clusters(config: &Config) -> Result<Clusters, ClusterError> {
    let mut options = Options::new(&config.data_dir);
    options.binaries = config.pg_bin.clone();
    Clusters::start(options, |progress| match progress {
        // Routine, and over in a moment.
        Progress::Starting(_) | Progress::Ready(_) => tracing::debug!("{progress}"),
        Progress::Binaries { .. }
        | Progress::Account(_)
        | Progress::Elsewhere { .. }
        | Progress::Initialising(_)
        | Progress::StillStarting(..)
        | Progress::Adopted { .. } => say::progress(format_args!("  {progress}")),
    })
    .await
}

/// Brings all three schemas up to date, side by side.
///
/// # Errors
/// [`MigrationError`], the first of them.
pub async fn migrate(clusters: &Clusters) -> Result<(), MigrationError> {
    let migrations = Migrations::embedded()?;
    let up = |database| {
        let owner = clusters.options(database, Role::Owner);
        let migrations = &migrations;
        async move { migrations.up(database, &owner).await.map(|applied| (database, applied)) }
    };
    let (auth, phi, clinical) =
        tokio::try_join!(up(Database::Auth), up(Database::Phi), up(Database::Clinical))?;
    for (database, applied) in [auth, phi, clinical] {
        if !applied.is_empty() {
            tracing::info!(%database, ?applied, "migrated");
        }
    }
    Ok(())
}

/// A running application.
pub struct Application {
    /// The store, to be closed at the end.
    pub store: Store,
    /// Everything that is served.
    pub router: Router,
    /// Where the administrator's password is.
    pub password: PasswordPlace,
}

/// Opens the store over migrated clusters, sees to what a login needs, and wires everything.
///
/// # Errors
/// [`StartError`]; the store is closed again.
pub async fn application(config: &Config, clusters: &Clusters) -> Result<Application, StartError> {
    let owners = Database::ALL.map(|database| clusters.options(database, Role::Owner));
    store::bootstrap::ensure_identity(&owners).await?;
    let keyring = Arc::new(Keyring::new(master_key::obtain(config, clusters.data_dir())?));
    let app = Database::ALL.map(|database| clusters.options(database, Role::App));
    let options = StoreOptions::new(app, InstanceId::generate(), Arc::clone(&keyring));
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let store = Store::open(options).await?;
    match wire(config, clusters.data_dir(), store.clone(), &keyring, clock).await {
        Ok(application) => Ok(application),
        Err(error) => {
            store.close().await;
            Err(error)
        }
    }
}

async fn wire(
    config: &Config,
    data_dir: &Path,
    store: Store,
    keyring: &Keyring,
    clock: Arc<dyn Clock>,
) -> Result<Application, StartError> {
    let hasher = Arc::new(PasswordHasher::new(PasswordCost::STANDARD)?);
    let password = administrator::ensure(config, data_dir, &store, &hasher, &clock).await?;
    // The key's id names the installation: a token of another one is no good here.
    let issuer =
        Issuer { issuer: format!("urn:salus:{:08x}", keyring.key_id()), audience: AUDIENCE.to_owned() };
    let (verifier, minter) = tokens(&store, keyring, issuer, &clock).await?;
    let health = store.clone();
    let state = AppState {
        gate: Gate { verifier: Arc::new(verifier), store: store.clone(), clock: Arc::clone(&clock) },
        sessions: Sessions {
            store: store.clone(),
            passwords: PasswordPool::new(hasher),
            minter: Arc::new(minter),
            clock,
        },
        large_bundles: LargeBundles::default(),
        readiness: Readiness::new(move || health.health()),
        store: store.clone(),
    };
    Ok(Application { store, router: api::router(state), password })
}

/// Verifies with every key that is stored and signs with the newest; the first start makes one.
async fn tokens(
    store: &Store,
    keyring: &Keyring,
    issuer: Issuer,
    clock: &Arc<dyn Clock>,
) -> Result<(TokenVerifier, Minter), StartError> {
    let context =
        Context { caller: nobody(), request: RequestId::generate(), network: None, clock: Arc::clone(clock) };
    let candidate = new_signing_key(keyring, clock.now())?;
    let stored = store.execute(EnsureSigningKey { candidate }, context).await?.output;
    let mut keys =
        stored.iter().map(|stored| open_signing_key(keyring, stored)).collect::<Result<Vec<_>, _>>()?;
    let verifier = TokenVerifier::new(issuer.clone(), keys.iter().map(identity::SigningKey::public));
    // Never empty: the operation stores the candidate where there is no other.
    let newest = if keys.is_empty() {
        return Err(StoreError::Corrupt { table: "identity.signing_key" }.into());
    } else {
        keys.remove(0)
    };
    Ok((verifier, Minter::new(newest, issuer)))
}
