//! `salus backup` and `salus restore-point`: while the server runs, or without it.

mod source;

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use chrono::Utc;
use clap::Args;
use cluster::backup::{self, Backup, BackupProgress, Take, Tools};
use cluster::operations::{self, Event, Kind};
use cluster::{Databases, Login};
use kernel::Database;
use serde_json::json;
use tokio::process::Command;

pub use source::logins_of;

use crate::config::{self, Config};
use crate::signals::Signals;
use crate::{master_key, say};

/// What `salus backup` is told.
#[derive(Debug, Args)]
pub struct BackupOptions {
    /// The folder in which the backup's own folder is made; SALUS_BACKUP_DIR without it
    #[arg(long, value_name = "DIR")]
    pub to: Option<PathBuf>,
    /// Remove the oldest backups of this installation there, so that this many stay
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub keep: Option<u16>,
}

/// A backup that is there, but not as it should be: the program ends with [`Unfinished::STATUS`].
#[derive(Debug, thiserror::Error)]
pub enum Unfinished {
    /// The copy elsewhere failed.
    #[error("the backup {} is complete, but {} failed ({reason}): it was copied nowhere", folder.display(), hook.display())]
    NotCopied {
        /// The backup.
        folder: PathBuf,
        /// The program.
        hook: PathBuf,
        /// How it ended.
        reason: String,
    },
    /// The databases hold half transactions.
    #[error("the backup {} is complete, but {count} transactions are half in the databases themselves; first: {first}",
        folder.display())]
    Half {
        /// The backup.
        folder: PathBuf,
        /// How many.
        count: usize,
        /// The first.
        first: String,
    },
}

impl Unfinished {
    /// The exit status of a command that did its work and found something that somebody must look at.
    pub const STATUS: u8 = 3;
}

/// Takes a backup, has it copied elsewhere, and removes old ones.
///
/// # Errors
/// Whatever prevents it; [`Unfinished`] where there is a backup all the same.
pub async fn backup(config: Config, options: BackupOptions) -> Result<(), Box<dyn Error>> {
    let to = folder(&config, options.to);
    let taken = source::during(&config, async |logins| take(&config, logins, &to).await).await?;
    copy_elsewhere(&config, &taken.folder).await?;
    if let Some(keep) = options.keep {
        remove_old(&to, &taken, keep.into())?;
    }
    match taken.manifest.findings.first() {
        None => Ok(()),
        Some(first) => Err(Unfinished::Half {
            folder: taken.folder,
            count: taken.manifest.findings.len(),
            first: first.to_string(),
        }
        .into()),
    }
}

/// Takes one before the schemas are changed, where there is anything to lose.
///
/// # Errors
/// As [`backup`].
pub async fn before_migrating(config: &Config, databases: &Databases) -> Result<(), Box<dyn Error>> {
    let logins = logins_of(config, databases)?;
    let taken = take(config, &logins, &folder(config, None)).await?;
    copy_elsewhere(config, &taken.folder).await
}

/// Marks one point in the logs of the three servers under a name.
///
/// # Errors
/// Whatever prevents it.
pub async fn restore_point(config: Config, name: Option<String>) -> Result<(), Box<dyn Error>> {
    let name = name.unwrap_or_else(|| format!("salus-{}", Utc::now().format("%Y%m%dT%H%M%SZ")));
    let mark = async |logins: &[Login; 3]| {
        Ok(backup::restore_point(logins, &name, &|progress| told(&progress)).await?)
    };
    let (marked, held) = source::during(&config, mark).await?;
    for database in Database::ALL {
        say::result(format_args!("{database}: {name} at {}", marked[database.index()]));
    }
    say::progress(format_args!("  writes over several databases waited {} ms", held.as_millis()));
    Ok(())
}

fn folder(config: &Config, named: Option<PathBuf>) -> PathBuf {
    named.or_else(|| config.backups.dir.clone()).unwrap_or_else(|| config.data_dir.join("backups"))
}

async fn take(config: &Config, logins: &[Login; 3], to: &Path) -> Result<Backup, Box<dyn Error>> {
    let tools = tools(config, logins).await?;
    let key = master_key::existing_id(config, &config.data_dir)?;
    let wanted =
        Take { logins, tools: &tools, to, master_key_id: key.clone(), program: env!("CARGO_PKG_VERSION") };
    let taken = backup::take(&wanted, &|progress| told(&progress)).await?;
    for database in Database::ALL {
        let detail = json!({
            "backup": taken.folder.file_name().map(|name| name.to_string_lossy()),
            "bytes": taken.contents(database).bytes,
            "taken_at": taken.manifest.taken_at,
        });
        let event = Event { kind: Kind::Backup, program: env!("CARGO_PKG_VERSION"), why: None, detail };
        // The backup is good without it.
        if let Err(error) = operations::record(database, &logins[database.index()], &event).await {
            say::progress(format_args!("salus: {error}"));
        }
    }
    say::result(taken.folder.display());
    match key {
        Some(key) => say::progress(format_args!(
            "The master key ({key}) is NOT in the backup: keep it apart, without it no record can be read"
        )),
        None => say::progress(
            "NO MASTER KEY was found here: without the right one no record of this backup can be read",
        ),
    }
    Ok(taken)
}

/// The programs that fit the servers.
pub async fn tools(config: &Config, logins: &[Login; 3]) -> Result<Tools, backup::BackupError> {
    let auth = &logins[Database::Auth.index()];
    Tools::fitting(config.pg_bin.as_deref(), Database::Auth, auth).await
}

/// One line of progress.
pub fn told(progress: &BackupProgress) {
    say::progress(format_args!("  {progress}"));
}

/// Calls the program that copies a backup elsewhere, with what is in the environment but our own settings: they hold
/// passwords. It ends with us.
async fn copy_elsewhere(config: &Config, folder: &Path) -> Result<(), Box<dyn Error>> {
    let Some(hook) = &config.backups.hook else { return Ok(()) };
    let mut command = Command::new(hook);
    command.arg(folder).stdin(Stdio::null()).kill_on_drop(true);
    for variable in config::variables() {
        command.env_remove(variable.name);
        for alias in variable.aliases {
            command.env_remove(alias);
        }
    }
    let copying = async { Ok(command.status().await?) };
    let reason = match Signals::listen()?.unless_one_comes(copying).await {
        Ok(status) if status.success() => {
            say::progress(format_args!("  {} has it", hook.display()));
            return Ok(());
        }
        Ok(status) => status.to_string(),
        Err(error) => error.to_string(),
    };
    Err(Unfinished::NotCopied { folder: folder.to_path_buf(), hook: hook.clone(), reason }.into())
}

/// Removes the oldest backups of the same installation, until `keep` are left; never the one that was just taken.
fn remove_old(to: &Path, taken: &Backup, keep: usize) -> Result<(), Box<dyn Error>> {
    let listed = backup::list(to, taken.manifest.pair_id)?;
    let surplus = listed.len().saturating_sub(keep);
    for old in listed.iter().take(surplus).filter(|old| old.folder.file_name() != taken.folder.file_name()) {
        fs::remove_dir_all(&old.folder).map_err(|source| backup::BackupError::File {
            doing: "remove",
            path: old.folder.clone(),
            source,
        })?;
        say::progress(format_args!("  removed {}", old.folder.display()));
    }
    Ok(())
}
