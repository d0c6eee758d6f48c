//! From three migrated databases to a router.

use std::path::Path;
use std::sync::Arc;

use api::{Edge, LargeBundles, Maintenance, Metrics, PasswordPool, PublicUrl, RateLimits, Readiness};
use axum::Router;
use cluster::{ClusterError, Databases};
use domain::StoreError;
use identity::{Issuer, PasswordCost, PasswordError, PasswordHasher};
use kernel::{Clock, SystemClock};
use seal::Keyring;
use services::signing::SigningKeyError;
use store::{OpenError, Store};

use crate::administrator::{self, AdministratorError, PasswordPlace};
use crate::config::Config;
use crate::databases::{self, UpdateError};
use crate::master_key::{self, MasterKeyError};
use crate::metrics::Recorder;
use crate::state::AppState;
use crate::traces;

/// Who the tokens are for.
const AUDIENCE: &str = "salus";

/// Why the server does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The clusters do not.
    #[error(transparent)]
    Cluster(#[from] ClusterError),
    /// The databases cannot be brought up to date.
    #[error(transparent)]
    Update(#[from] UpdateError),
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

/// A running application.
pub struct Application {
    /// The store, to be closed at the end.
    pub store: Store,
    /// Everything that is served.
    pub router: Router,
    /// To be told when the server is about to stop.
    pub readiness: Readiness,
    /// What is counted and measured.
    pub metrics: Metrics,
    /// Where the administrator's password is.
    pub password: PasswordPlace,
}

/// Opens the store over migrated databases, sees to what a login needs, and wires everything.
///
/// # Errors
/// [`StartError`]; the store is closed again.
pub async fn application(
    config: &Config,
    databases: &Databases,
    recorder: &Recorder,
) -> Result<Application, StartError> {
    let data_dir = databases::data_dir(config, databases)?;
    let keyring = Arc::new(Keyring::new(master_key::obtain(config, &data_dir, databases.are_external())?));
    let options = databases::store_options(config, databases, Arc::clone(&keyring))?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let store = Store::open(options).await?;
    match wire(config, &data_dir, store.clone(), &keyring, clock, recorder).await {
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
    recorder: &Recorder,
) -> Result<Application, StartError> {
    let hasher = Arc::new(PasswordHasher::new(PasswordCost::STANDARD)?);
    let password = administrator::ensure(config, data_dir, &store, &hasher, &clock).await?;
    // Without a URL of its own the key's id names the installation: a token of another one is no good here.
    let installation = || format!("urn:salus:{:08x}", keyring.key_id());
    let issuer = config.public_url.clone().unwrap_or_else(installation);
    let issuer = Issuer { issuer, audience: AUDIENCE.to_owned() };
    let passwords = PasswordPool::new(hasher);
    let (sessions, gate) =
        api::open_sessions(store.clone(), passwords, issuer, config.session_limits, clock).await?;
    sessions.maintain(Maintenance::of_keys_younger_than(config.signing_key_age));
    let health = store.clone();
    let readiness = Readiness::new(move || health.health());
    let metrics = recorder.of(&store);
    let state = AppState {
        gate,
        sessions,
        large_bundles: LargeBundles::default(),
        readiness: readiness.clone(),
        metrics: metrics.clone(),
        edge: edge(config),
        store: store.clone(),
    };
    Ok(Application { store, router: api::router(state), readiness, metrics, password })
}

fn edge(config: &Config) -> Edge {
    let told = &config.edge;
    Edge {
        origins: told.origins.clone(),
        proxies: told.proxies.clone(),
        rates: told.rates.map(|rates| Arc::new(RateLimits::new(rates))),
        https: config.public_url.as_ref().is_some_and(|url| url.starts_with("https://")),
        public_url: config.public_url.clone().map(PublicUrl::new),
        tracing: told.traces.as_ref().map(|_| traces::OF_REQUESTS),
    }
}
