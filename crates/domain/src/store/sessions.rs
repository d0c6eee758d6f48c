//! Sessions, their refresh tokens, and failed logins.

use std::net::IpAddr;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use kernel::{AccountId, SessionId, Tenant};

use crate::Stored;

/// Why a session ended before its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndReason {
    /// Its holder logged out.
    Logout,
    /// Its holder ended it from another one.
    Revoked,
    /// The password was changed or reset.
    Password,
    /// The account was disabled.
    Disabled,
    /// The organization was suspended.
    Suspended,
    /// A refresh token was used that had been used before: somebody else has it.
    Reuse,
    /// The account is no longer a member.
    Removed,
    /// Its holder went on in another organization.
    Switched,
}

impl EndReason {
    /// All of them.
    pub const ALL: [EndReason; 8] = [
        EndReason::Logout,
        EndReason::Revoked,
        EndReason::Password,
        EndReason::Disabled,
        EndReason::Suspended,
        EndReason::Reuse,
        EndReason::Removed,
        EndReason::Switched,
    ];

    /// The text in the table.
    pub const fn name(self) -> &'static str {
        match self {
            EndReason::Logout => "logout",
            EndReason::Revoked => "revoked",
            EndReason::Password => "password",
            EndReason::Disabled => "disabled",
            EndReason::Suspended => "suspended",
            EndReason::Reuse => "reuse",
            EndReason::Removed => "removed",
            EndReason::Switched => "switched",
        }
    }
}

/// A session to open.
#[derive(Clone, Debug)]
pub struct NewSession {
    /// Which.
    pub id: SessionId,
    /// Whose.
    pub account: AccountId,
    /// For which organization.
    pub tenant: Tenant,
    /// When.
    pub at: DateTime<Utc>,
    /// Its latest end.
    pub expires_at: DateTime<Utc>,
    /// What the client calls itself.
    pub user_agent: Option<String>,
    /// Where the client is.
    pub address: Option<IpAddr>,
    /// SHA-256 of its first refresh token.
    pub refresh_hash: [u8; 32],
}

/// A session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// Which.
    pub id: SessionId,
    /// Whose.
    pub account: AccountId,
    /// For which organization.
    pub tenant: Tenant,
    /// When it was opened.
    pub created_at: DateTime<Utc>,
    /// When it was opened or last renewed.
    pub last_used_at: DateTime<Utc>,
    /// Its latest end.
    pub expires_at: DateTime<Utc>,
    /// What the client calls itself.
    pub user_agent: Option<String>,
    /// Where the client was when it opened it.
    pub address: Option<IpAddr>,
    /// Access tokens of an earlier epoch are refused.
    pub epoch: i32,
    /// Whether it was ended before its time.
    pub revoked: bool,
}

/// A refresh token as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredRefreshToken {
    /// Of which session.
    pub session: SessionId,
    /// When it was used.
    pub used_at: Option<DateTime<Utc>>,
    /// Whether the token that took its place was used too.
    pub successor_used: bool,
}

/// What a running server must hear of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionChange {
    /// Which.
    pub session: SessionId,
    /// Access tokens of an earlier epoch are refused.
    pub epoch: i32,
    /// Whether all of its tokens are.
    pub revoked: bool,
}

/// Whose sessions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whose {
    /// This one.
    Session(SessionId),
    /// All of an account.
    Account(AccountId),
    /// All of an account but one.
    AccountExcept(AccountId, SessionId),
    /// All of an account in one organization.
    Member(Tenant, AccountId),
    /// All in an organization.
    Organization(Tenant),
}

/// What is known of failed logins under one subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attempts {
    /// How many in a row.
    pub failures: u32,
    /// The last.
    pub last_at: DateTime<Utc>,
    /// No attempt is looked at before this.
    pub blocked_until: DateTime<Utc>,
}

/// Which failed logins no longer count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StaleAttempts {
    /// Those whose last failure is older.
    pub before: DateTime<Utc>,
    /// And those with fewer failures than this ...
    pub fewer_than: u32,
    /// ... whose last one is older than this.
    pub few_before: DateTime<Utc>,
}

/// Sessions and failed logins, in `auth`.
#[async_trait]
pub trait Sessions: Send {
    /// Opens a session with its first refresh token.
    async fn open(&mut self, session: &NewSession) -> Stored<()>;
    /// The session.
    async fn find(&mut self, session: SessionId) -> Stored<Option<Session>>;
    /// The session, locked until commit. Whoever also holds its account does so first.
    async fn lock(&mut self, session: SessionId) -> Stored<Option<Session>>;
    /// The refresh token with this SHA-256. To be asked again once the session is locked.
    async fn refresh_token(&mut self, hash: &[u8; 32]) -> Stored<Option<StoredRefreshToken>>;
    /// Marks the token as used, adds its successor and notes the use at the session.
    async fn rotate(
        &mut self,
        session: SessionId,
        hash: &[u8; 32],
        successor: &[u8; 32],
        at: DateTime<Utc>,
    ) -> Stored<()>;
    /// The sessions of an account that have not ended, newest first.
    async fn open_of(&mut self, account: AccountId, at: DateTime<Utc>) -> Stored<Vec<Session>>;
    /// Ends sessions that have not ended; gives how many.
    async fn end(&mut self, whose: Whose, at: DateTime<Utc>, reason: EndReason) -> Stored<u64>;
    /// Refuses the access tokens of an account's sessions in one organization. The sessions go on: renewed, they say
    /// what is true now.
    async fn raise_epoch(&mut self, tenant: Tenant, account: AccountId, at: DateTime<Utc>) -> Stored<u64>;
    /// What is known under these subjects, in their order.
    async fn attempts(&mut self, subjects: &[[u8; 32]]) -> Stored<Vec<Option<Attempts>>>;
    /// The same, locked until commit.
    async fn lock_attempts(
        &mut self,
        subjects: &[[u8; 32]],
        at: DateTime<Utc>,
    ) -> Stored<Vec<Option<Attempts>>>;
    /// Replaces what is known.
    async fn set_attempts(&mut self, attempts: &[([u8; 32], Attempts)]) -> Stored<()>;
    /// Forgets what is known.
    async fn forget_attempts(&mut self, subjects: &[[u8; 32]]) -> Stored<()>;
    /// Deletes what nobody will ask for: sessions that ended long ago, and failures that no longer count.
    async fn sweep(&mut self, at: DateTime<Utc>, stale: StaleAttempts) -> Stored<()>;
}
