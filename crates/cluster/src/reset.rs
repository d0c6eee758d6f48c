//! Deleting everything that starting the clusters made, and nothing else.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;

use kernel::Database;

use crate::bootstrap::Role;
use crate::error::ClusterError;
use crate::fetch;
use crate::initdb;
use crate::marker::Marker;
use crate::place;
use crate::postmaster::{Postmaster, StopMode, start_log};
use crate::secret;

/// What [`reset`] removed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Removed {
    /// The folder that held the clusters.
    pub home: PathBuf,
    /// Whether the data directory itself is gone too, because nothing else was in it.
    pub data_dir_too: bool,
}

/// How long each way of stopping a postmaster may take.
const STOP_WITHIN: Duration = Duration::from_secs(20);

/// Stops the clusters of a data directory, those that an earlier server left too, and deletes them with their
/// sockets, passwords, marker and lock. Files that others put into the data directory stay.
///
/// Errors: [`ClusterError::Foreign`] if the folder does not carry our marker, [`ClusterError::InUse`] while a
/// server runs on it, [`ClusterError::File`] if something could not be removed; then the marker stays, so
/// that the reset can be tried again.
pub async fn reset(data_dir: &Path) -> Result<Removed, ClusterError> {
    let data_dir = fs::canonicalize(data_dir).map_err(ClusterError::file("find", data_dir))?;
    let marker = Marker::read(&data_dir)?.ok_or_else(|| ClusterError::Foreign {
        folder: data_dir.clone(),
        reason: "it has no marker of ours".to_owned(),
    })?;
    let _lock = place::lock(&data_dir)?;
    let marker = marker.resolve(&data_dir)?;
    let elsewhere = !marker.home.starts_with(&data_dir);
    for database in Database::ALL {
        let cluster = marker.home.join(database.name());
        if let Some(mut postmaster) = Postmaster::of(&cluster)? {
            stop(database, &mut postmaster).await?;
        }
    }
    for database in Database::ALL {
        let cluster = marker.home.join(database.name());
        for folder in
            [initdb::partial_folder(&cluster), marker.sockets.join(database.name()), cluster.clone()]
        {
            remove_folder(&folder)?;
        }
        for file in [start_log(&cluster), cluster.with_extension("password")] {
            remove_file(&file)?;
        }
        for role in Role::ALL {
            let path = secret::path(&data_dir, database, role);
            remove_file(&path.with_extension("partial"))?;
            remove_file(&path)?;
        }
    }
    remove_if_empty(&marker.sockets)?;
    if elsewhere {
        for file in place::files_of(&marker.home) {
            remove_file(&file)?;
        }
    }
    remove_folder(&marker.home.join(fetch::FOLDER))?;
    remove_if_empty(&marker.home)?;
    remove_if_empty(&data_dir.join(secret::FOLDER))?;
    for file in place::files_of(&data_dir) {
        remove_file(&file)?;
    }
    let data_dir_too = remove_if_empty(&data_dir)?;
    Ok(Removed { home: marker.home, data_dir_too })
}

async fn stop(database: Database, postmaster: &mut Postmaster) -> Result<(), ClusterError> {
    let stopped = postmaster.stop_within(StopMode::Fast, STOP_WITHIN).await;
    stopped.map_err(|error| match error {
        Some(error) => error,
        None => ClusterError::TooSlow {
            database,
            doing: "stop",
            after_s: STOP_WITHIN.as_secs(),
            log: String::new(),
        },
    })
}

fn remove_folder(path: &Path) -> Result<(), ClusterError> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(ClusterError::file("remove", path)(error)),
        _ => Ok(()),
    }
}

fn remove_file(path: &Path) -> Result<(), ClusterError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(ClusterError::file("remove", path)(error)),
        _ => Ok(()),
    }
}

/// Removes a folder that holds nothing any more; answers whether it is gone.
fn remove_if_empty(path: &Path) -> Result<bool, ClusterError> {
    match fs::remove_dir(path) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(true),
        Err(error) if error.kind() == ErrorKind::DirectoryNotEmpty => Ok(false),
        Err(error) => Err(ClusterError::file("remove", path)(error)),
    }
}
