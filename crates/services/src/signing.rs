//! The keys that sign tokens: made, published before they are used, followed by the next, and taken away.
//!
//! A key is *next* until its time comes, *current* until the next one's does, then *old* until the last token that it
//! signed has expired. Whoever verifies knows it from the moment it is made.

use chrono::{DateTime, TimeDelta, Utc};
use domain::audit::Action;
use domain::store::StoredSigningKey;
use domain::{Context, Operation, StoreError, Touches, UnitOfWork};
use identity::token::{LEEWAY, LIFETIME_MAX};
use identity::{KeyError, SigningKey};
use kernel::{Classify, Database, ErrorKind};
use seal::{Keyring, SealError, UnsealError};

use crate::trail;

/// How long a key is published before it signs: longer than anybody keeps the published keys, and than any server takes
/// to hear of it.
pub const LEAD: TimeDelta = TimeDelta::seconds(120);

/// What a key is doing at some instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyState {
    /// Published, not signing yet.
    Next,
    /// Signing.
    Current,
    /// Its last tokens are still believed.
    Old,
}

impl KeyState {
    /// The text on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            KeyState::Next => "next",
            KeyState::Current => "current",
            KeyState::Old => "old",
        }
    }
}

/// The state of each key at `now`; they come as [`domain::store::SigningKeys::all`] gives them.
pub fn states(keys: &[StoredSigningKey], now: DateTime<Utc>) -> Vec<KeyState> {
    let current = keys.iter().position(|key| key.not_before <= now);
    let state = |at: usize| match current {
        Some(current) if at == current => KeyState::Current,
        Some(current) if at > current => KeyState::Old,
        Some(_) | None => KeyState::Next,
    };
    (0..keys.len()).map(state).collect()
}

/// When the tokens cease to be believed of a key that another follows at `followed`.
fn retirement(followed: DateTime<Utc>) -> DateTime<Utc> {
    // Clocks differ, and so does the moment in which servers change over.
    let life = LIFETIME_MAX + 2 * LEEWAY;
    followed + TimeDelta::from_std(life).unwrap_or(TimeDelta::minutes(11)) + LEAD
}

/// Gives the signing keys; where there is none, stores `candidate` first.
#[derive(Clone, Debug)]
pub struct EnsureSigningKey {
    /// The key to store where there is none.
    pub candidate: StoredSigningKey,
}

impl Operation for EnsureSigningKey {
    const NAME: &'static str = "signing.ensure";
    type Output = Vec<StoredSigningKey>;
    type Error = StoreError;

    fn touches(&self) -> Touches {
        Touches::writes(&[Database::Auth])
    }

    async fn run(
        &self,
        context: &Context,
        work: &mut dyn UnitOfWork,
    ) -> Result<Vec<StoredSigningKey>, StoreError> {
        let mut keys = work.signing_keys()?;
        keys.lock().await?;
        let found = keys.all(context.now()).await?;
        if found.iter().any(|key| key.not_before <= context.now()) {
            return Ok(found);
        }
        keys.add(&self.candidate).await?;
        keys.all(context.now()).await
    }
}

/// Gives the signing keys.
#[derive(Clone, Copy, Debug)]
pub struct ListSigningKeys;

impl Operation for ListSigningKeys {
    const NAME: &'static str = "signing.list";
    type Output = Vec<StoredSigningKey>;
    type Error = StoreError;

    fn touches(&self) -> Touches {
        Touches::reads(&[Database::Auth])
    }

    async fn run(
        &self,
        context: &Context,
        work: &mut dyn UnitOfWork,
    ) -> Result<Vec<StoredSigningKey>, StoreError> {
        work.signing_keys()?.all(context.now()).await
    }
}

/// Publishes a key that follows the current one after [`LEAD`].
#[derive(Clone, Debug)]
pub struct RotateSigningKey {
    /// The key.
    pub candidate: StoredSigningKey,
    /// Where the current key must be older than this; none to rotate in any case.
    pub older_than: Option<TimeDelta>,
    /// Who asks without an account, for the audit trail.
    pub operator: Option<String>,
}

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rotated {
    /// The key is published.
    Published,
    /// A next key is published already.
    AlreadyUnderWay,
    /// The current key is not old enough.
    NotDue,
}

impl Operation for RotateSigningKey {
    const NAME: &'static str = "signing.rotate";
    type Output = Rotated;
    type Error = StoreError;

    fn touches(&self) -> Touches {
        Touches::writes(&[Database::Auth])
    }

    async fn run(&self, context: &Context, work: &mut dyn UnitOfWork) -> Result<Rotated, StoreError> {
        let now = context.now();
        let mut keys = work.signing_keys()?;
        keys.lock().await?;
        let found = keys.all(now).await?;
        if states(&found, now).contains(&KeyState::Next) {
            return Ok(Rotated::AlreadyUnderWay);
        }
        let current = found.first();
        let young = |limit: TimeDelta| current.is_some_and(|key| now - key.not_before < limit);
        if self.older_than.is_some_and(young) {
            return Ok(Rotated::NotDue);
        }
        let next = StoredSigningKey { not_before: now + LEAD, ..self.candidate.clone() };
        keys.add(&next).await?;
        if let Some(current) = current {
            keys.retire(&current.kid, retirement(next.not_before)).await?;
        }
        drop(keys);
        trail::act(work, context, Action::Create, Self::NAME, next.kid, self.operator.clone()).await?;
        Ok(Rotated::Published)
    }
}

/// Ends the belief in a key at once, and has another sign from now on where it was the current one: for a key that
/// somebody else may have.
#[derive(Clone, Debug)]
pub struct RemoveSigningKey {
    /// Which.
    pub kid: String,
    /// The key that signs in its place.
    pub candidate: StoredSigningKey,
    /// Who asks without an account, for the audit trail.
    pub operator: Option<String>,
}

impl Operation for RemoveSigningKey {
    const NAME: &'static str = "signing.remove";
    type Output = bool;
    type Error = StoreError;

    fn touches(&self) -> Touches {
        Touches::writes(&[Database::Auth])
    }

    async fn run(&self, context: &Context, work: &mut dyn UnitOfWork) -> Result<bool, StoreError> {
        let now = context.now();
        let mut keys = work.signing_keys()?;
        keys.lock().await?;
        let found = keys.all(now).await?;
        if !found.iter().any(|key| key.kid == self.kid) {
            return Ok(false);
        }
        keys.remove(&self.kid, now).await?;
        let left = keys.all(now).await?;
        // An old key must not sign again: what it signs ends with it.
        if !left.iter().any(|key| key.not_before <= now && key.retire_after.is_none()) {
            keys.add(&StoredSigningKey { not_before: now, ..self.candidate.clone() }).await?;
        }
        drop(keys);
        trail::act(work, context, Action::Delete, Self::NAME, self.kid.clone(), self.operator.clone())
            .await?;
        Ok(true)
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
    /// It could not be loaded or stored.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Classify for SigningKeyError {
    fn kind(&self) -> ErrorKind {
        match self {
            SigningKeyError::Store(error) => error.kind(),
            SigningKeyError::Key(_) | SigningKeyError::Seal(_) | SigningKeyError::Unseal(_) => ErrorKind::Bug,
        }
    }
}

/// A new signing key as it is stored, which signs from `now` on.
///
/// # Errors
/// [`SigningKeyError`], where the system has no randomness to give.
pub fn new_signing_key(keyring: &Keyring, now: DateTime<Utc>) -> Result<StoredSigningKey, SigningKeyError> {
    let key = SigningKey::generate()?;
    let sealed = keyring.seal_secret(SIGNING_KEY_PURPOSE, &key.to_pkcs8()?)?;
    Ok(StoredSigningKey {
        kid: key.kid().to_owned(),
        sealed,
        created_at: now,
        not_before: now,
        retire_after: None,
    })
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

    #[test]
    fn of_several_keys_the_latest_whose_time_has_come_is_current() {
        let now = Utc::now();
        let key = |from: i64| StoredSigningKey {
            kid: from.to_string(),
            sealed: Vec::new(),
            created_at: now,
            not_before: now + TimeDelta::seconds(from),
            retire_after: None,
        };
        let keys = [key(60), key(0), key(-60), key(-120)];
        use KeyState::{Current, Next, Old};
        assert_eq!(states(&keys, now), [Next, Current, Old, Old]);
        assert_eq!(states(&keys, now + TimeDelta::seconds(60)), [Current, Old, Old, Old]);
        assert_eq!(states(&keys[..1], now), [Next]);
    }

    #[test]
    fn a_key_outlives_the_last_token_that_it_can_have_signed() {
        let followed = Utc::now();
        let last_token_ends = followed + TimeDelta::from_std(LIFETIME_MAX).unwrap();
        assert!(retirement(followed) > last_token_ends + TimeDelta::seconds(60));
    }
}
