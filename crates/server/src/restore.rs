//! `salus restore`: a backup takes the place of what is there. `salus reconcile`: what no backup brought back.

use std::error::Error;
use std::path::{Path, PathBuf};

use clap::Args;
use cluster::backup::{self, Backup, Restore, Target};
use cluster::operations::{self, Event, Kind};
use cluster::{Databases, Login, Migrations, Role};
use kernel::Database;
use serde_json::{Value, json};

use crate::config::Config;
use crate::{ask, databases, master_key, say};

/// What `salus restore` is told.
#[derive(Debug, Args)]
pub struct RestoreOptions {
    /// The folder of the backup: the one that `salus backup` printed
    pub from: PathBuf,
    /// Put it in the place of databases that are not empty; what is in them is lost
    #[arg(long)]
    pub force: bool,
    /// Do not ask
    #[arg(long)]
    pub yes: bool,
}

/// What `salus reconcile` is told.
#[derive(Debug, Args)]
pub struct ReconcileOptions {
    /// Raise the epoch: after the databases were brought back by other means than `salus restore`
    #[arg(long)]
    pub raise_epoch: bool,
}

/// The backup cannot be read with the key that is here.
#[derive(Debug, thiserror::Error)]
enum KeyError {
    #[error(
        "there is no master key here: put the one with the id {id} into {} first (or name it in SALUS_MASTER_KEY_FILE)",
        path.display()
    )]
    Missing { id: String, path: PathBuf },
    #[error("the backup was sealed with the master key {wanted}, and the one here is {found}")]
    Other { wanted: String, found: String },
}

/// Transactions that are half.
#[derive(Debug, thiserror::Error)]
#[error("{0} transactions are half")]
pub struct Half(usize);

/// Restores.
///
/// # Errors
/// Whatever prevents it; then nothing of ours was replaced.
pub async fn restore(config: Config, options: RestoreOptions) -> Result<(), Box<dyn Error>> {
    let backup = Backup::open(&options.from)?;
    backup.fits(&Migrations::embedded()?)?;
    check_key(&config, &backup)?;
    if options.force && !options.yes {
        let mut places = Database::ALL.map(|database| databases::place(&config, database)).to_vec();
        places.dedup();
        let question = format!(
            "This puts the backup of {} in the place of the three databases of {}; whatever they hold is lost.",
            backup.manifest.taken_at.to_rfc3339(),
            places.join(", ")
        );
        if !ask::confirm(&question)? {
            return Err("nothing was changed".into());
        }
    }
    let force = options.force;
    databases::during(&config, async |databases| perform(&config, databases, &backup, force).await).await
}

async fn perform(
    config: &Config,
    databases: &Databases,
    backup: &Backup,
    force: bool,
) -> Result<(), Box<dyn Error>> {
    let readers = crate::backup::logins_of(config, databases)?;
    let owners = owners(databases)?;
    let target = match databases.clusters() {
        Some(clusters) => Target::Clusters(clusters),
        None => Target::Given { owners: &owners, readers: &readers },
    };
    let tools = crate::backup::tools(config, &readers).await?;
    let wanted = Restore { target, tools: &tools, backup, force };
    let restored = backup::restore(&wanted, &|progress| crate::backup::told(&progress)).await?;
    let detail = json!({
        "backup": backup.folder.file_name().map(|name| name.to_string_lossy()),
        "taken_at": restored.taken_at,
        "epoch": restored.epoch,
    });
    write_down(&owners, Kind::Restore, &detail).await?;
    for finding in &restored.findings {
        say::progress(format_args!("half, as it was already when the backup was taken: {finding}"));
    }
    say::result(format_args!(
        "Restored to {}, epoch {}. What was written later is not there: say so to whoever was answered since.",
        restored.taken_at.to_rfc3339(),
        restored.epoch
    ));
    Ok(())
}

/// Compares the decisions of the three databases with the marks of those that took part, while no server runs.
///
/// # Errors
/// Whatever prevents it; [`Half`] where something is half.
pub async fn reconcile(config: Config, options: ReconcileOptions) -> Result<(), Box<dyn Error>> {
    databases::during(&config, async |databases| compare(databases, options.raise_epoch).await).await
}

async fn compare(databases: &Databases, raise_epoch: bool) -> Result<(), Box<dyn Error>> {
    let owners = owners(databases)?;
    let findings = backup::reconcile(&owners).await?;
    for finding in &findings {
        say::result(finding);
    }
    if !findings.is_empty() {
        return Err(Half(findings.len()).into());
    }
    say::result("no transaction is half");
    if raise_epoch {
        let epoch = backup::raise_epoch(&owners).await?;
        write_down(&owners, Kind::Epoch, &json!({ "epoch": epoch })).await?;
        say::result(format_args!("epoch {epoch}"));
    }
    Ok(())
}

fn owners(databases: &Databases) -> Result<[Login; 3], cluster::ClusterError> {
    let [auth, phi, clinical] = Database::ALL.map(|database| databases.login(database, Role::Owner));
    Ok([auth?, phi?, clinical?])
}

async fn write_down(owners: &[Login; 3], kind: Kind, detail: &Value) -> Result<(), cluster::ClusterError> {
    for (database, owner) in Database::ALL.into_iter().zip(owners) {
        let event = Event { kind, program: env!("CARGO_PKG_VERSION"), why: None, detail: detail.clone() };
        operations::record(database, owner, &event).await?;
    }
    Ok(())
}

/// The key must be there before the records: a restored installation with another key would make a new one, and
/// nobody could read anything.
fn check_key(config: &Config, backup: &Backup) -> Result<(), Box<dyn Error>> {
    let Some(wanted) = backup.manifest.master_key_id.clone() else { return Ok(()) };
    match master_key::existing_id(config, Path::new(&config.data_dir))? {
        Some(found) if found == wanted => Ok(()),
        Some(found) => Err(KeyError::Other { wanted, found }.into()),
        None => Err(KeyError::Missing { id: wanted, path: master_key::path_in(&config.data_dir) }.into()),
    }
}
