//! The keys that sign tokens.

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use crate::Stored;

/// A token signing key as stored: the private half sealed under the master key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredSigningKey {
    /// The key's id (JWK `kid`).
    pub kid: String,
    /// The PKCS #8 document, sealed.
    pub sealed: Vec<u8>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it begins to sign.
    pub not_before: DateTime<Utc>,
    /// When its tokens cease to be believed; none while no newer key has taken its place.
    pub retire_after: Option<DateTime<Utc>>,
}

/// Signing keys, in `auth`.
#[async_trait]
pub trait SigningKeys: Send {
    /// All keys that were not removed and are not retired at `at`, the one that signs latest first.
    async fn all(&mut self, at: DateTime<Utc>) -> Stored<Vec<StoredSigningKey>>;
    /// Lets nobody else change the keys until commit.
    async fn lock(&mut self) -> Stored<()>;
    /// Adds a key.
    async fn add(&mut self, key: &StoredSigningKey) -> Stored<()>;
    /// Says when the key's tokens cease to be believed.
    async fn retire(&mut self, kid: &str, after: DateTime<Utc>) -> Stored<()>;
    /// Ends the belief in the key at once; gives whether there was one.
    async fn remove(&mut self, kid: &str, at: DateTime<Utc>) -> Stored<bool>;
}
