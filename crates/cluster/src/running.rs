//! The clusters of a data directory that another process serves: how to log in to them, and which processes they
//! are. For programs that look on, such as a measurement; nothing is started, stopped or locked.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use kernel::Database;
use sqlx::postgres::PgConnectOptions;

use crate::bootstrap::Role;
use crate::error::ClusterError;
use crate::login::Login;
use crate::marker::Marker;
use crate::place::LOCK;
use crate::postmaster::login;
use crate::process::{PidFile, is_postmaster_of};
use crate::secret;

/// Three clusters that somebody else runs.
#[derive(Debug)]
pub struct Running {
    data_dir: PathBuf,
    marker: Marker,
}

impl Running {
    /// The clusters of this data directory, which a server has started before.
    ///
    /// # Errors
    /// [`ClusterError::Foreign`] where the folder has no marker of ours, [`ClusterError::File`] where it cannot be read.
    pub fn find(data_dir: &Path) -> Result<Running, ClusterError> {
        let data_dir = fs::canonicalize(data_dir).map_err(ClusterError::file("find", data_dir))?;
        match Marker::read(&data_dir)? {
            Some(marker) => Ok(Running { marker: marker.resolve(&data_dir)?, data_dir }),
            None => {
                Err(ClusterError::Foreign { folder: data_dir, reason: "it has no marker of ours".to_owned() })
            }
        }
    }

    /// How to log in to a database as a role, for programs other than the driver too.
    ///
    /// # Errors
    /// [`ClusterError`] where the role's password cannot be read.
    pub fn login(&self, database: Database, role: Role) -> Result<Login, ClusterError> {
        let password = secret::load(&self.data_dir, database, role)?;
        Ok(login(&self.marker.sockets.join(database.name()), role, &password, database.name()))
    }

    /// How to log in to a database as a role.
    ///
    /// # Errors
    /// [`ClusterError`] where the role's password cannot be read.
    pub fn options(&self, database: Database, role: Role) -> Result<PgConnectOptions, ClusterError> {
        Ok(self.login(database, role)?.options())
    }

    /// Whether a server holds the data directory at this moment. A killed one leaves postmasters, and nobody who settles
    /// what is in doubt.
    pub fn is_served(&self) -> bool {
        let lock = File::open(self.data_dir.join(LOCK));
        // Given back at once: a server that starts in this instant would be told that another is there.
        lock.is_ok_and(|file| matches!(file.try_lock_shared(), Err(fs::TryLockError::WouldBlock)))
    }

    /// The process id of a cluster's postmaster; `None` while it does not run.
    ///
    /// # Errors
    /// [`ClusterError::File`] where its file cannot be read.
    pub fn postmaster(&self, database: Database) -> Result<Option<u32>, ClusterError> {
        let cluster = self.marker.home.join(database.name());
        let file = PidFile::read(&cluster)?.filter(|file| is_postmaster_of(file.pid, &cluster));
        Ok(file.and_then(|file| u32::try_from(file.pid).ok()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_without_clusters_is_refused_and_stays_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        assert!(matches!(Running::find(folder.path()), Err(ClusterError::Foreign { .. })));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_missing_password_is_an_error_and_is_not_made() {
        let folder = tempfile::tempdir().unwrap();
        let home = folder.path().join("pg");
        let marker =
            Marker { data_dir: folder.path().canonicalize().unwrap(), sockets: home.join("sockets"), home };
        marker.write(folder.path()).unwrap();
        let running = Running::find(folder.path()).unwrap();
        assert!(running.options(Database::Phi, Role::App).is_err());
        assert!(!folder.path().join(secret::FOLDER).exists());
        assert_eq!(running.postmaster(Database::Phi).unwrap(), None);
    }
}
