//! The key from which all others come: read from its file, or made on the first start.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use seal::{KeyTextError, MasterKey, SealError};
use zeroize::Zeroizing;

use crate::config::Config;
use crate::secret_file;

/// The file's name in the data folder.
const NAME: &str = "master.key";

/// Why there is no master key.
#[derive(Debug, thiserror::Error)]
pub enum MasterKeyError {
    /// The file cannot be read or written.
    #[error("the master key's file {} cannot be used", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file holds something else.
    #[error("{} does not hold a master key", path.display())]
    Content {
        /// Which.
        path: PathBuf,
        /// What is wrong with it.
        source: KeyTextError,
    },
    /// The system has no randomness to give.
    #[error("a master key cannot be made")]
    Make(#[from] SealError),
}

/// Where the key lives in a data folder.
pub fn path_in(data_dir: &Path) -> PathBuf {
    data_dir.join(NAME)
}

/// Reads the key. Without `SALUS_MASTER_KEY_FILE` it lives in `data_dir`, and is made where it is not there
/// yet.
///
/// # Errors
/// [`MasterKeyError`]; a file that was named and does not exist is not made.
pub fn obtain(config: &Config, data_dir: &Path) -> Result<MasterKey, MasterKeyError> {
    let (path, may_be_made) = match &config.master_key_file {
        Some(path) => (path.clone(), false),
        None => (path_in(data_dir), true),
    };
    match fs::read_to_string(&path).map(Zeroizing::new) {
        Ok(text) => MasterKey::from_text(&text).map_err(|source| MasterKeyError::Content { path, source }),
        Err(error) if error.kind() == io::ErrorKind::NotFound && may_be_made => {
            let key = MasterKey::generate()?;
            match secret_file::write(&path, &key.to_text()) {
                Ok(()) => Ok(key),
                Err(source) => Err(MasterKeyError::File { path, source }),
            }
        }
        Err(source) => Err(MasterKeyError::File { path, source }),
    }
}

#[cfg(test)]
mod tests {
    use seal::Keyring;

    use super::*;

    fn config(file: Option<PathBuf>) -> Config {
        let mut config = Config::read(std::iter::empty()).unwrap();
        config.master_key_file = file;
        config
    }

    #[test]
    fn the_second_start_finds_the_key_of_the_first() {
        let folder = tempfile::tempdir().unwrap();
        let id = || Keyring::new(obtain(&config(None), folder.path()).unwrap()).key_id();
        assert_eq!(id(), id());
    }

    #[test]
    fn a_named_file_is_read_and_never_made() {
        let folder = tempfile::tempdir().unwrap();
        let named = folder.path().join("elsewhere");
        assert!(matches!(
            obtain(&config(Some(named.clone())), folder.path()),
            Err(MasterKeyError::File { .. })
        ));
        fs::write(&named, "not a key").unwrap();
        let error = obtain(&config(Some(named.clone())), folder.path()).unwrap_err();
        assert!(matches!(error, MasterKeyError::Content { .. }));
        assert!(!error.to_string().contains("not a key"));
        fs::write(&named, format!("{}\n", "0123456789abcdef".repeat(4))).unwrap();
        assert!(obtain(&config(Some(named)), folder.path()).is_ok());
    }
}
