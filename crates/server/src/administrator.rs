//! The first account, and where its password is.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use domain::store::{Account, NewAccount, NewOrganization};
use domain::{Context, StoreError};
use identity::{PasswordError, PasswordHasher, generate_password};
use kernel::{Clock, RequestId, Secret};
use services::bootstrap::{
    ADMINISTRATOR, ADMINISTRATOR_ROLES, CreateFirstAccount, FirstAccount, SetAdministratorPassword,
};
use services::session::{FindAccount, nobody};
use store::Store;

use crate::config::Config;
use crate::secret_file;

/// The password file's name in the data folder.
const NAME: &str = "admin-password";

/// Where the administrator's password can be found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PasswordPlace {
    /// In this file.
    File(PathBuf),
    /// In `SALUS_ADMIN_PASSWORD`.
    Variable,
    /// With whoever set it: it is neither of the two.
    Elsewhere,
}

/// Why there is no administrator.
#[derive(Debug, thiserror::Error)]
pub enum AdministratorError {
    /// The store failed.
    #[error("the administrator's account cannot be looked up or made")]
    Store(#[from] StoreError),
    /// The password cannot be hashed or compared.
    #[error("the administrator's password cannot be used")]
    Password(#[from] PasswordError),
    /// A password cannot be made.
    #[error("a password cannot be made")]
    Generate(#[from] identity::generate::NoRandomness),
    /// The file cannot be written.
    #[error("the password file {} cannot be written", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

/// Where the password file is in a data folder.
pub fn path_in(data_dir: &Path) -> PathBuf {
    data_dir.join(NAME)
}

/// Sees to it that the administrator can log in.
///
/// # Errors
/// [`AdministratorError`].
pub async fn ensure(
    config: &Config,
    data_dir: &Path,
    store: &Store,
    hasher: &Arc<PasswordHasher>,
    clock: &Arc<dyn Clock>,
) -> Result<PasswordPlace, AdministratorError> {
    let context =
        Context { caller: nobody(), request: RequestId::generate(), network: None, clock: Arc::clone(clock) };
    let path = path_in(data_dir);
    match store.execute(FindAccount::new(ADMINISTRATOR), context.clone()).await?.output {
        Some(account) => keep(config, &path, store, hasher, context, account).await,
        None => create(config, path, store, hasher, context).await,
    }
}

/// The account exists; a password that the operator named takes the place of the one that it has.
async fn keep(
    config: &Config,
    path: &Path,
    store: &Store,
    hasher: &PasswordHasher,
    context: Context,
    account: Account,
) -> Result<PasswordPlace, AdministratorError> {
    let Some(password) = &config.admin_password else {
        let there = path.exists();
        return Ok(if there { PasswordPlace::File(path.to_owned()) } else { PasswordPlace::Elsewhere });
    };
    if !hasher.verify(password, &account.password_hash)?.ok {
        let password_hash = hasher.hash(password)?;
        store.execute(SetAdministratorPassword { account: account.id, password_hash }, context).await?;
        tracing::info!(account = %account.id, "the administrator's password was replaced by the configured one");
    }
    // What it holds is no longer the password.
    secret_file::remove(path).map_err(|source| AdministratorError::File { path: path.to_owned(), source })?;
    Ok(PasswordPlace::Variable)
}

async fn create(
    config: &Config,
    path: PathBuf,
    store: &Store,
    hasher: &PasswordHasher,
    context: Context,
) -> Result<PasswordPlace, AdministratorError> {
    let (password, place): (Secret<String>, _) = match &config.admin_password {
        Some(password) => (password.clone(), PasswordPlace::Variable),
        None => {
            let password = generate_password()?;
            // The file comes first: an account whose password nobody knows could never be mended.
            secret_file::write(&path, password.expose())
                .map_err(|source| AdministratorError::File { path: path.clone(), source })?;
            (password, PasswordPlace::File(path))
        }
    };
    let first = CreateFirstAccount {
        organization: NewOrganization::named(&config.organization),
        account: NewAccount::new(ADMINISTRATOR, hasher.hash(&password)?, &ADMINISTRATOR_ROLES),
    };
    match store.execute(first, context).await?.output {
        FirstAccount::Created => Ok(place),
        FirstAccount::Existing(_) => Ok(PasswordPlace::Elsewhere),
    }
}
