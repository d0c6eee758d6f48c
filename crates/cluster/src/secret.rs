//! The passwords of the clusters' roles: one file each, readable by the server's user alone.

use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use kernel::{Database, Secret};

use crate::bootstrap::Role;
use crate::error::ClusterError;

/// The folder with the secrets, below the data directory.
pub(crate) const FOLDER: &str = "secrets";

/// The password of one role of one cluster.
pub(crate) fn path(data_dir: &Path, database: Database, role: Role) -> PathBuf {
    data_dir.join(FOLDER).join(format!("{database}-{}", role.file_name()))
}

/// Creates the folder for secrets, mode 0700.
pub(crate) fn create_folder(data_dir: &Path) -> Result<(), ClusterError> {
    let folder = data_dir.join(FOLDER);
    match fs::DirBuilder::new().mode(0o700).create(&folder) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => {
            Err(ClusterError::file("create", &folder)(error))
        }
        _ => fs::set_permissions(&folder, fs::Permissions::from_mode(0o700))
            .map_err(ClusterError::file("protect", &folder)),
    }
}

/// Reads the password of a role that has one.
pub(crate) fn load(data_dir: &Path, database: Database, role: Role) -> Result<Secret<String>, ClusterError> {
    let path = path(data_dir, database, role);
    let text = fs::read_to_string(&path).map_err(ClusterError::file("read", &path))?;
    if text.trim().len() != 64 {
        let reason = "it holds no password of ours".to_owned();
        return Err(ClusterError::Foreign { folder: path, reason });
    }
    Ok(Secret::new(text.trim().to_owned()))
}

/// Reads the password, or makes a new one of 256 random bits (hexadecimal, so that it needs no quoting
/// anywhere). The file appears whole or not at all.
pub(crate) fn load_or_create(
    data_dir: &Path,
    database: Database,
    role: Role,
) -> Result<Secret<String>, ClusterError> {
    let path = path(data_dir, database, role);
    if fs::exists(&path).map_err(ClusterError::file("find", &path))? {
        return load(data_dir, database, role);
    }
    let password = random_hex()?;
    let partial = path.with_extension("partial");
    let write = || {
        let mut options = OpenOptions::new();
        let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(&partial)?;
        writeln!(file, "{password}")?;
        file.sync_all()?;
        fs::rename(&partial, &path)
    };
    write().map_err(ClusterError::file("write", &path))?;
    Ok(Secret::new(password))
}

/// 256 random bits in hexadecimal.
fn random_hex() -> Result<String, ClusterError> {
    let mut bytes = [0u8; 32];
    getrandom::fill(&mut bytes).map_err(|error| ClusterError::Random(error.to_string()))?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_made_once_and_only_its_owner_reads_it() {
        let folder = tempfile::tempdir().unwrap();
        create_folder(folder.path()).unwrap();
        let load = |database| load_or_create(folder.path(), database, Role::App).unwrap();
        let first = load(Database::Auth);
        assert_eq!(first, load(Database::Auth));
        assert_ne!(first, load(Database::Phi));
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&path(folder.path(), Database::Auth, Role::App)), 0o600);
        assert_eq!(mode(&folder.path().join(FOLDER)), 0o700);
    }
}
