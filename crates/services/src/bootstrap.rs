//! What a fresh installation needs before anybody can log in: an organization, its administrator, a signing
//! key.

use chrono::{DateTime, Utc};
use domain::store::{Account, NewAccount, NewOrganization, StoredSigningKey};
use domain::{Context, Operation, StoreError, Touches, UnitOfWork};
use identity::{KeyError, SigningKey};
use kernel::{Classify, Database, ErrorKind};
use seal::{Keyring, SealError, UnsealError};

/// The first administrator's name.
pub const ADMINISTRATOR: &str = "admin";
/// The role that allows everything inside its organization.
pub const ADMINISTRATOR_ROLE: &str = "administrator";

/// Creates the first organization and its administrator where nobody can log in yet. Run on every start; on
/// all but the first it changes nothing.
#[derive(Clone, Debug)]
pub struct CreateFirstAccount {
    /// The organization to create.
    pub organization: NewOrganization,
    /// Its administrator.
    pub account: NewAccount,
}

/// What [`CreateFirstAccount`] found or did.
#[derive(Clone, Debug)]
pub enum FirstAccount {
    /// Nobody could log in; now the account can.
    Created,
    /// There are accounts already. This is the one with the administrator's name, if it is still there.
    Existing(Option<Account>),
}

impl Operation for CreateFirstAccount {
    const NAME: &'static str = "bootstrap.first_account";
    type Output = FirstAccount;
    type Error = StoreError;

    fn touches(&self) -> Touches {
        Touches::writes(&[Database::Auth])
    }

    async fn run(&self, _: &Context, work: &mut dyn UnitOfWork) -> Result<FirstAccount, StoreError> {
        let mut accounts = work.accounts()?;
        if !accounts.is_empty().await? {
            let account = accounts.find_by_username(&self.account.username).await?;
            return Ok(FirstAccount::Existing(account));
        }
        let tenant = accounts.create_organization(&self.organization).await?;
        accounts.create_account(tenant, &self.account).await?;
        Ok(FirstAccount::Created)
    }
}

/// Gives the signing keys, newest first; where there is none, stores `candidate` first.
#[derive(Clone, Debug)]
pub struct EnsureSigningKey {
    /// The key to store where there is none.
    pub candidate: StoredSigningKey,
}

impl Operation for EnsureSigningKey {
    const NAME: &'static str = "bootstrap.signing_key";
    type Output = Vec<StoredSigningKey>;
    type Error = StoreError;

    fn touches(&self) -> Touches {
        Touches::writes(&[Database::Auth])
    }

    async fn run(&self, _: &Context, work: &mut dyn UnitOfWork) -> Result<Vec<StoredSigningKey>, StoreError> {
        let mut accounts = work.accounts()?;
        let keys = accounts.signing_keys().await?;
        if !keys.is_empty() {
            return Ok(keys);
        }
        accounts.add_signing_key(&self.candidate).await?;
        Ok(vec![self.candidate.clone()])
    }
}

/// What the sealing of a signing key is bound to.
const SIGNING_KEY_PURPOSE: &str = "identity.signing_key";

/// Why a signing key cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SigningKeyError {
    /// It could not be made or read.
    #[error("a signing key cannot be used: {0}")]
    Key(#[from] KeyError),
    /// It could not be sealed.
    #[error("a signing key cannot be sealed: {0}")]
    Seal(#[from] SealError),
    /// It is sealed under another master key, or damaged.
    #[error("a stored signing key does not open under this master key: {0}")]
    Unseal(#[from] UnsealError),
}

impl Classify for SigningKeyError {
    fn kind(&self) -> ErrorKind {
        ErrorKind::Bug
    }
}

/// A new signing key as it is stored.
///
/// # Errors
/// [`SigningKeyError`], where the system has no randomness to give.
pub fn new_signing_key(keyring: &Keyring, now: DateTime<Utc>) -> Result<StoredSigningKey, SigningKeyError> {
    let key = SigningKey::generate()?;
    let sealed = keyring.seal_secret(SIGNING_KEY_PURPOSE, &key.to_pkcs8()?)?;
    Ok(StoredSigningKey { kid: key.kid().to_owned(), sealed, created_at: now })
}

/// Opens a stored signing key.
///
/// # Errors
/// [`SigningKeyError::Unseal`] above all where the master key is not the one that sealed it.
pub fn open_signing_key(keyring: &Keyring, stored: &StoredSigningKey) -> Result<SigningKey, SigningKeyError> {
    Ok(SigningKey::from_pkcs8(&keyring.open_secret(SIGNING_KEY_PURPOSE, &stored.sealed)?)?)
}

#[cfg(test)]
mod tests {
    use seal::MasterKey;

    use super::*;

    #[test]
    fn a_stored_signing_key_opens_under_its_own_master_key_only() {
        let keyring = Keyring::new(MasterKey::generate().unwrap());
        let stored = new_signing_key(&keyring, Utc::now()).unwrap();
        assert_eq!(open_signing_key(&keyring, &stored).unwrap().kid(), stored.kid);
        let other = Keyring::new(MasterKey::generate().unwrap());
        assert!(matches!(open_signing_key(&other, &stored), Err(SigningKeyError::Unseal(_))));
    }
}
