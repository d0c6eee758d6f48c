//! Accounts, and their places in organizations.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use kernel::{AccountId, Secret, Tenant};
use uuid::Uuid;

use crate::Stored;

/// Whether an account, or its place in one organization, can be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// It can.
    Active,
    /// It cannot, until it is enabled again.
    Disabled,
}

impl Status {
    /// All of them.
    pub const ALL: [Status; 2] = [Status::Active, Status::Disabled];

    /// The text in the table and on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Status::Active => "active",
            Status::Disabled => "disabled",
        }
    }

    /// The status of this name.
    pub fn from_name(name: &str) -> Option<Status> {
        Status::ALL.into_iter().find(|status| status.name() == name)
    }
}

/// An account and the organizations that it belongs to: what a login needs.
#[derive(Clone, Debug)]
pub struct Account {
    /// Who.
    pub id: AccountId,
    /// The name typed at login, lower case, unique over all organizations.
    pub username: String,
    /// Argon2id, PHC string format.
    pub password_hash: Secret<String>,
    /// Whether it can log in at all.
    pub status: Status,
    /// Whether it can do nothing but choose a password.
    pub must_change_password: bool,
    /// The organization that made it.
    pub home: Tenant,
    /// Where it belongs, oldest first.
    pub memberships: Vec<Membership>,
}

impl Account {
    /// The places that can be used now: none where the account is disabled.
    pub fn usable(&self) -> impl Iterator<Item = &Membership> {
        let active = self.status == Status::Active;
        self.memberships.iter().filter(move |membership| active && membership.is_usable())
    }
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
    /// Whether the organization is at work, and not suspended.
    pub organization_is_active: bool,
    /// The account's roles there.
    pub roles: Vec<String>,
    /// Whether the account can act there.
    pub status: Status,
}

impl Membership {
    /// Whether the account can act there now.
    pub fn is_usable(&self) -> bool {
        self.organization_is_active && self.status == Status::Active
    }
}

/// An account to create in one organization.
#[derive(Clone, Debug)]
pub struct NewAccount {
    /// Who.
    pub id: AccountId,
    /// The name typed at login.
    pub username: String,
    /// The holder's name.
    pub display_name: String,
    /// Where the holder can be written to.
    pub email: Option<String>,
    /// Argon2id, PHC string format.
    pub password_hash: Secret<String>,
    /// Whether the password is only good for choosing another.
    pub must_change_password: bool,
    /// Its roles.
    pub roles: Vec<String>,
}

impl NewAccount {
    /// An account whose password its holder has chosen, and of whom no more is known.
    pub fn new(username: &str, password_hash: Secret<String>, roles: &[&str]) -> NewAccount {
        NewAccount {
            id: AccountId::generate(),
            username: username.to_owned(),
            display_name: String::new(),
            email: None,
            password_hash,
            must_change_password: false,
            roles: roles.iter().map(|role| (*role).to_owned()).collect(),
        }
    }
}

/// An account as an organization that it belongs to sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// Who.
    pub account: AccountId,
    /// The name typed at login.
    pub username: String,
    /// The holder's name.
    pub display_name: String,
    /// Where the holder can be written to.
    pub email: Option<String>,
    /// Whether it can log in at all.
    pub account_status: Status,
    /// Whether it can act in this organization.
    pub membership_status: Status,
    /// Whether it can do nothing but choose a password.
    pub must_change_password: bool,
    /// The organization that made it.
    pub home: Tenant,
    /// Its roles in this organization.
    pub roles: Vec<String>,
    /// When it became a member.
    pub member_since: DateTime<Utc>,
    /// Rises with every change to the account or to its place in this organization.
    pub version: i32,
}

impl User {
    /// Whether it can act in this organization, as far as that depends on it.
    pub fn status(&self) -> Status {
        match (self.account_status, self.membership_status) {
            (Status::Active, Status::Active) => Status::Active,
            (Status::Disabled, _) | (_, Status::Disabled) => Status::Disabled,
        }
    }
}

/// Which users of an organization to list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UserFilter {
    /// How the username or the holder's name begins, in any case.
    pub prefix: Option<String>,
    /// A role that they have.
    pub role: Option<String>,
    /// Whether they can act.
    pub status: Option<Status>,
}

/// Accounts, in `auth`. Changes to what is not there change nothing.
#[async_trait]
pub trait Accounts: Send {
    /// The account with this name, in any organization: what a login starts from.
    async fn find_by_username(&mut self, username: &str) -> Stored<Option<Account>>;
    /// The account, with its memberships.
    async fn find(&mut self, account: AccountId) -> Stored<Option<Account>>;
    /// The same, held until commit against changes to the account, its places and their organizations.
    async fn hold(&mut self, account: AccountId) -> Stored<Option<Account>>;
    /// Whether nobody can log in yet: the state of a fresh installation.
    async fn is_empty(&mut self) -> Stored<bool>;
    /// Creates an account as a member of `tenant`, its home.
    async fn create_account(&mut self, tenant: Tenant, account: &NewAccount) -> Stored<()>;
    /// Replaces this hash of the password by another of the same password.
    async fn replace_password_hash(
        &mut self,
        account: AccountId,
        before: &Secret<String>,
        password_hash: &Secret<String>,
    ) -> Stored<()>;
    /// Replaces the password.
    async fn set_password(
        &mut self,
        account: AccountId,
        password_hash: &Secret<String>,
        must_change: bool,
        at: DateTime<Utc>,
    ) -> Stored<()>;
    /// A member of `tenant`, locked until commit.
    async fn lock_user(&mut self, tenant: Tenant, account: AccountId) -> Stored<Option<User>>;
    /// A member of `tenant`.
    async fn user(&mut self, tenant: Tenant, account: AccountId) -> Stored<Option<User>>;
    /// Members of `tenant` in the order of their usernames, those after `after`, `limit` at the most.
    async fn users(
        &mut self,
        tenant: Tenant,
        filter: &UserFilter,
        after: Option<&str>,
        limit: usize,
    ) -> Stored<Vec<User>>;
    /// Replaces the holder's name and address.
    async fn set_holder(&mut self, account: AccountId, display_name: &str, email: Option<&str>)
    -> Stored<()>;
    /// Enables or disables the account everywhere.
    async fn set_account_status(&mut self, account: AccountId, status: Status) -> Stored<()>;
    /// Enables or disables it in one organization.
    async fn set_membership_status(
        &mut self,
        tenant: Tenant,
        account: AccountId,
        status: Status,
    ) -> Stored<()>;
    /// Makes the account a member of `tenant`.
    async fn add_membership(&mut self, tenant: Tenant, account: AccountId, roles: &[String]) -> Stored<()>;
    /// Replaces its roles in `tenant`.
    async fn set_roles(&mut self, tenant: Tenant, account: AccountId, roles: &[String]) -> Stored<()>;
    /// Ends its membership.
    async fn remove_membership(&mut self, tenant: Tenant, account: AccountId) -> Stored<()>;
    /// How many others than `account` can act in `tenant` with this role. Locks the organization first, so that of two
    /// who would each leave the other as the last one the second waits and sees.
    async fn others_with_role(&mut self, tenant: Tenant, account: AccountId, role: &str) -> Stored<i64>;
}
