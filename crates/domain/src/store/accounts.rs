//! Organizations, accounts and signing keys: the part of `auth` that a login needs.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use kernel::{AccountId, Secret, Tenant};
use uuid::Uuid;

use crate::Stored;

/// An account and the organizations that it belongs to.
#[derive(Clone, Debug)]
pub struct Account {
    /// Who.
    pub id: AccountId,
    /// The name typed at login, lower case, unique over all organizations.
    pub username: String,
    /// Argon2id, PHC string format.
    pub password_hash: Secret<String>,
    /// Where it belongs, oldest first.
    pub memberships: Vec<Membership>,
}

/// An account's place in one organization.
#[derive(Clone, Debug)]
pub struct Membership {
    /// The organization's number.
    pub tenant: Tenant,
    /// The organization's public identifier.
    pub organization: Uuid,
    /// The organization's name.
    pub organization_name: String,
    /// The account's roles there.
    pub roles: Vec<String>,
}

/// An organization to create.
#[derive(Clone, Debug)]
pub struct NewOrganization {
    /// Its public identifier.
    pub id: Uuid,
    /// Its name.
    pub name: String,
}

/// An account to create in one organization.
#[derive(Clone, Debug)]
pub struct NewAccount {
    /// Who.
    pub id: AccountId,
    /// The name typed at login.
    pub username: String,
    /// Argon2id, PHC string format.
    pub password_hash: Secret<String>,
    /// Its roles.
    pub roles: Vec<String>,
}

/// A token signing key as stored: the private half sealed under the master key.
#[derive(Clone, Debug)]
pub struct StoredSigningKey {
    /// The key's id (JWK `kid`).
    pub kid: String,
    /// The PKCS #8 document, sealed.
    pub sealed: Vec<u8>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
}

/// Accounts and what belongs to them, in `auth`.
#[async_trait]
pub trait Accounts: Send {
    /// The account with this name, in any organization: what a login starts from.
    async fn find_by_username(&mut self, username: &str) -> Stored<Option<Account>>;
    /// The account, with its memberships.
    async fn find(&mut self, account: AccountId) -> Stored<Option<Account>>;
    /// Whether nobody can log in yet: the state of a fresh installation.
    async fn is_empty(&mut self) -> Stored<bool>;
    /// Creates an organization; gives its number.
    async fn create_organization(&mut self, organization: &NewOrganization) -> Stored<Tenant>;
    /// Creates an account as a member of `tenant`.
    async fn create_account(&mut self, tenant: Tenant, account: &NewAccount) -> Stored<()>;
    /// Replaces the password's hash.
    async fn set_password_hash(&mut self, account: AccountId, password_hash: &Secret<String>) -> Stored<()>;
    /// All signing keys, newest first.
    async fn signing_keys(&mut self) -> Stored<Vec<StoredSigningKey>>;
    /// Adds a signing key.
    async fn add_signing_key(&mut self, key: &StoredSigningKey) -> Stored<()>;
}
