//! The databases that a backup is taken of: those that a server runs at this moment, those of its data folder while it
//! does not, or external ones.

use std::error::Error;
use std::sync::Arc;
use std::time::{Duration, Instant};

use cluster::{ClusterError, Databases, Login, Role, Running};
use kernel::{Database, InstanceId};
use seal::Keyring;
use store::{DatabaseHealth, Store, StoreOptions};

use crate::config::{self, Config};
use crate::signals::Signals;
use crate::{databases, master_key};

/// An external database whose login for backups was not given.
#[derive(Debug, thiserror::Error)]
#[error("backups of an external database need a login that sees past row security: set {0}")]
struct NoLogin(&'static str);

/// Works as who may back them up. Databases of a server that does not run are started for it and stopped, and what the
/// server left in doubt when it was killed is settled first.
///
/// # Errors
/// The work's own, and whatever prevents it.
pub async fn during<T>(
    config: &Config,
    work: impl AsyncFnOnce(&[Login; 3]) -> Result<T, Box<dyn Error>>,
) -> Result<T, Box<dyn Error>> {
    if config.databases.external.is_none()
        && let Some(logins) = running(config)?
    {
        return Signals::listen()?.unless_one_comes(work(&logins)).await;
    }
    databases::during(config, async |databases| {
        if databases.clusters().is_some() {
            settle(config, databases).await?;
        }
        work(&logins_of(config, databases)?).await
    })
    .await
}

/// Who may back up databases that were opened.
///
/// # Errors
/// Where the login of an external one was not given.
pub fn logins_of(config: &Config, databases: &Databases) -> Result<[Login; 3], Box<dyn Error>> {
    let login = |database: Database| match &config.databases.external {
        None => Ok::<_, Box<dyn Error>>(databases.login(database, Role::Superuser)?),
        Some(external) => {
            let given = config.backups.logins[database.index()].clone();
            let (user, password) = given.ok_or(NoLogin(config::backup_password_variable(database)))?;
            Ok(Login { user, password: Some(password), ..external[database.index()].app.clone() })
        }
    };
    Ok([login(Database::Auth)?, login(Database::Phi)?, login(Database::Clinical)?])
}

/// The clusters of the data folder, where a server runs all three.
fn running(config: &Config) -> Result<Option<[Login; 3]>, ClusterError> {
    let Ok(running) = Running::find(&config.data_dir) else { return Ok(None) };
    if !running.is_served() {
        return Ok(None);
    }
    for database in Database::ALL {
        if running.postmaster(database)?.is_none() {
            return Ok(None);
        }
    }
    let login = |database| running.login(database, Role::Superuser);
    Ok(Some([login(Database::Auth)?, login(Database::Phi)?, login(Database::Clinical)?]))
}

/// How long what is in doubt is waited for: recovery passes every half second, and each pass may meet a slow disk.
const PATIENCE: Duration = Duration::from_secs(20);
/// Recovery leaves alone what is younger than half a second: a pass counts that began when nothing could be.
const GROWN: Duration = Duration::from_millis(600);

/// Opens the store until nothing is in doubt, which its recovery sees to. What stays is told by the backup itself.
async fn settle(config: &Config, databases: &Databases) -> Result<(), Box<dyn Error>> {
    let data_dir = databases::data_dir(config, databases)?;
    if master_key::existing_id(config, &data_dir)?.is_none() {
        // Nothing was ever sealed, or the key is elsewhere: then nothing can be settled from here either.
        return Ok(());
    }
    let keyring = Arc::new(Keyring::new(master_key::obtain(config, &data_dir, false)?));
    let options = StoreOptions::new(databases.every(Role::App)?, InstanceId::generate(), keyring);
    let store = Store::open(options).await?;
    let began = Instant::now();
    let settled = |database: &DatabaseHealth| {
        let late = database.recovered_at.is_some_and(|at| at.elapsed() + GROWN < began.elapsed());
        late && database.seen.in_doubt == 0
    };
    while !store.health().databases.iter().all(settled) && began.elapsed() < PATIENCE {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    store.close().await;
    Ok(())
}
