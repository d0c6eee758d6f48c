//! Opening a session for an account whose password was right.

use chrono::{DateTime, TimeDelta, Utc};
use domain::store::{Account, Membership, NewSession};
use domain::{Context, Operation, StoreError, Stored, Touches, UnitOfWork};
use identity::RefreshToken;
use kernel::{AccountId, Database, Secret, SessionId};
use uuid::Uuid;

use super::{Client, Grant, Lanes, SessionLimits};
use crate::trail;

/// Opens the session, if what the password was compared with is still true.
#[derive(Clone, Debug)]
pub struct OpenSession {
    /// Whose password was right.
    pub account: AccountId,
    /// The hash that it was compared with.
    pub compared: Secret<String>,
    /// The organization to act for, where the account named one.
    pub organization: Option<Uuid>,
    /// The session.
    pub session: SessionId,
    /// What it is renewed with.
    pub refresh: RefreshToken,
    /// The program that asks.
    pub client: Client,
    /// How long it may last.
    pub limits: SessionLimits,
    /// The lanes whose failures are forgiven.
    pub lanes: Lanes,
}

/// What came of it.
#[derive(Clone, Debug)]
pub enum Opened {
    /// The session is open.
    Granted(Box<Grant>),
    /// The account can act for several organizations and has not named one of them.
    Choose(Vec<Membership>),
    /// The account cannot act for any, or changed meanwhile.
    Refused,
}

impl Operation for OpenSession {
    const NAME: &'static str = "session.login";
    type Output = Opened;
    type Error = StoreError;

    fn touches(&self) -> Touches {
        Touches::writes(&[Database::Auth])
    }

    async fn run(&self, context: &Context, work: &mut dyn UnitOfWork) -> Result<Opened, StoreError> {
        let held = work.accounts()?.hold(self.account).await?;
        // A password that was changed since the comparison is not the one that was right.
        let Some(account) = held.filter(|account| account.password_hash == self.compared) else {
            return Ok(Opened::Refused);
        };
        let usable: Vec<&Membership> = account.usable().collect();
        let chosen = match (self.organization, usable.as_slice()) {
            (_, []) => return Ok(Opened::Refused),
            (None, [only]) => Some(*only),
            (None, _) => None,
            (Some(named), _) => usable.iter().copied().find(|membership| membership.organization == named),
        };
        let Some(membership) = chosen else {
            // No session, but somebody has learnt that the password is right.
            let event = trail::of_account(context, "session.choose_organization", None, Some(account.id));
            trail::write(work, &event).await?;
            return Ok(Opened::Choose(usable.into_iter().cloned().collect()));
        };
        work.sessions()?.forget_attempts(self.lanes.cleared()).await?;
        let now = context.now();
        let expires_at = now + TimeDelta::from_std(self.limits.absolute).unwrap_or(TimeDelta::zero());
        let fresh = Fresh { session: self.session, refresh: &self.refresh, client: &self.client, expires_at };
        let grant = open(work, &account, membership, fresh, now).await?;
        let event = trail::of_account(context, Self::NAME, Some(membership.tenant), Some(account.id));
        trail::write(work, &event).await?;
        Ok(Opened::Granted(Box::new(grant)))
    }
}

/// A session about to be opened.
pub(super) struct Fresh<'f> {
    pub(super) session: SessionId,
    pub(super) refresh: &'f RefreshToken,
    pub(super) client: &'f Client,
    pub(super) expires_at: DateTime<Utc>,
}

/// Opens a session of `account` for `membership`.
pub(super) async fn open(
    work: &mut dyn UnitOfWork,
    account: &Account,
    membership: &Membership,
    fresh: Fresh<'_>,
    now: DateTime<Utc>,
) -> Stored<Grant> {
    let session = NewSession {
        id: fresh.session,
        account: account.id,
        tenant: membership.tenant,
        at: now,
        expires_at: fresh.expires_at,
        user_agent: fresh.client.user_agent.clone(),
        address: fresh.client.address,
        refresh_hash: fresh.refresh.hash(),
    };
    work.sessions()?.open(&session).await?;
    let opened = (fresh.session, 1, fresh.expires_at);
    Ok(Grant::new(account, membership, opened, fresh.refresh.clone()))
}
