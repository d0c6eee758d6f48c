//! `salus serve --ephemeral`: a data folder that goes when the server stops.
//!
//! A server that is killed leaves its folder, and its clusters running. The next ephemeral server ends and removes them.

use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

use cluster::ClusterError;
use nix::unistd::geteuid;
use uuid::Uuid;

use crate::say;

/// What the folders' names begin with.
const PREFIX: &str = "salus-ephemeral-";

/// A folder in the system's temporary one.
pub struct Ephemeral {
    folder: PathBuf,
}

impl Ephemeral {
    /// Removes what killed servers of the same user have left, and makes a new folder.
    ///
    /// # Errors
    /// Where the temporary folder cannot be written.
    pub async fn make() -> io::Result<Ephemeral> {
        let temporary = std::env::temp_dir();
        for entry in fs::read_dir(&temporary)? {
            let path = entry?.path();
            if is_ours(&path) && remove(&path).await.is_ok() {
                say::progress(format_args!("  removed what a killed server left in {}", path.display()));
            }
        }
        // Random, so that nobody can be there before us; others may pass where the clusters run as another user.
        let folder = temporary.join(format!("{PREFIX}{}", Uuid::new_v4().simple()));
        fs::DirBuilder::new().mode(if geteuid().is_root() { 0o711 } else { 0o700 }).create(&folder)?;
        Ok(Ephemeral { folder })
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Removes it with everything in it. The clusters must be stopped.
    pub async fn remove(self) {
        let removed = match self.folder.join("salus-clusters.lock").exists() {
            true => remove(&self.folder).await,
            // Nothing was started.
            false => fs::remove_dir_all(&self.folder).map_err(ClusterError::file("remove", &self.folder)),
        };
        if let Err(error) = removed {
            say::progress(format_args!("salus: {error}"));
        }
    }
}

/// Whether it is a folder of an ephemeral server of this user, and no link to anywhere.
fn is_ours(path: &Path) -> bool {
    let named = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(PREFIX));
    named && fs::symlink_metadata(path).is_ok_and(|found| found.is_dir() && found.uid() == geteuid().as_raw())
}

/// Ends its clusters and removes it; refused while a server holds it.
async fn remove(folder: &Path) -> Result<(), ClusterError> {
    if !cluster::reset(folder).await?.data_dir_too {
        fs::remove_dir_all(folder).map_err(ClusterError::file("remove", folder))?;
    }
    Ok(())
}
