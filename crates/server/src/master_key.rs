//! The key from which all others come: read from its file, or made on the first start.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use seal::{KeyTextError, Keyring, MasterKey, SealError};
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
    /// `ENCRYPTION_KEY` is too short.
    #[error("ENCRYPTION_KEY cannot be used")]
    Secret(#[source] KeyTextError),
    /// Nobody gave one, and none may be made.
    #[error(
        "external databases need a master key: name its file in SALUS_MASTER_KEY_FILE (openssl rand -hex 32 makes one) \
         or set ENCRYPTION_KEY"
    )]
    NotGiven,
    /// The system has no randomness to give.
    #[error("a master key cannot be made")]
    Make(#[from] SealError),
}

/// Where the key lives in a data folder.
pub fn path_in(data_dir: &Path) -> PathBuf {
    data_dir.join(NAME)
}

/// Reads the key: from the file that `SALUS_MASTER_KEY_FILE` names, or the one in `data_dir`; where there is none it is
/// stretched from `ENCRYPTION_KEY`, or made, unless the databases are external: a key in the folder of a container would
/// go with the container, and every record with it.
///
/// # Errors
/// [`MasterKeyError`]; a file that was named and does not exist is not made.
pub fn obtain(config: &Config, data_dir: &Path, external: bool) -> Result<MasterKey, MasterKeyError> {
    let (path, named) = match &config.master_key_file {
        Some(path) => (path.clone(), true),
        None => (path_in(data_dir), false),
    };
    if !named && !path.exists() {
        if let Some(secret) = &config.encryption_key {
            return MasterKey::stretch(secret.expose()).map_err(MasterKeyError::Secret);
        }
        if external {
            return Err(MasterKeyError::NotGiven);
        }
    }
    if config.encryption_key.is_some() {
        tracing::warn!(file = %path.display(), "ENCRYPTION_KEY is set and not used: the key file wins");
    }
    let may_be_made = !named;
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

/// The public identifier of the key that there is, as a backup names it; none where there is no key yet. Never makes
/// one.
///
/// # Errors
/// [`MasterKeyError`].
pub fn existing_id(config: &Config, data_dir: &Path) -> Result<Option<String>, MasterKeyError> {
    let made = config.master_key_file.is_none() && config.encryption_key.is_none();
    if made && !path_in(data_dir).exists() {
        return Ok(None);
    }
    let key = obtain(config, data_dir, true)?;
    Ok(Some(format!("{:08x}", Keyring::new(key).key_id())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(file: Option<PathBuf>) -> Config {
        let mut config = Config::read(std::iter::empty()).unwrap();
        config.master_key_file = file;
        config
    }

    #[test]
    fn the_second_start_finds_the_key_of_the_first() {
        let folder = tempfile::tempdir().unwrap();
        let id = || Keyring::new(obtain(&config(None), folder.path(), false).unwrap()).key_id();
        assert_eq!(id(), id());
    }

    #[test]
    fn a_named_file_is_read_and_never_made() {
        let folder = tempfile::tempdir().unwrap();
        let named = folder.path().join("elsewhere");
        assert!(matches!(
            obtain(&config(Some(named.clone())), folder.path(), false),
            Err(MasterKeyError::File { .. })
        ));
        fs::write(&named, "not a key").unwrap();
        let error = obtain(&config(Some(named.clone())), folder.path(), false).unwrap_err();
        assert!(matches!(error, MasterKeyError::Content { .. }));
        assert!(!error.to_string().contains("not a key"));
        fs::write(&named, format!("{}\n", "0123456789abcdef".repeat(4))).unwrap();
        assert!(obtain(&config(Some(named)), folder.path(), false).is_ok());
    }

    #[test]
    fn a_file_wins_over_a_secret_and_external_databases_make_no_key() {
        let folder = tempfile::tempdir().unwrap();
        let mut stretched = config(None);
        stretched.encryption_key =
            Some(kernel::Secret::new("a secret of more than thirty-two characters".into()));
        let id = |config: &Config| obtain(config, folder.path(), true).map(|key| Keyring::new(key).key_id());
        assert!(matches!(id(&config(None)), Err(MasterKeyError::NotGiven)));
        let from_secret = id(&stretched).unwrap();
        assert!(!path_in(folder.path()).exists());
        fs::write(path_in(folder.path()), "0123456789abcdef".repeat(4)).unwrap();
        let from_file = id(&config(None)).unwrap();
        assert_ne!(from_secret, from_file);
        assert_eq!(id(&stretched).unwrap(), from_file);
    }
}
