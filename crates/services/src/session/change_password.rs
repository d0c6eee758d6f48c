//! Choosing another password.

use chrono::TimeDelta;
use domain::audit::Action;
use domain::store::{EndReason, Whose};
use domain::{Context, Operation, StoreError, Touches, UnitOfWork};
use identity::RefreshToken;
use kernel::{Database, Secret, SessionId};

use super::open::{Fresh, open};
use super::{Client, Grant, Lanes, SessionLimits};
use crate::trail;

/// Replaces the caller's password, if the current one is still what was compared; ends every session of the account and
/// opens one in the place of the caller's.
#[derive(Clone, Debug)]
pub struct ChangePassword {
    /// The hash that the current password was compared with.
    pub compared: Secret<String>,
    /// The new password's hash.
    pub password_hash: Secret<String>,
    /// The session that takes the place of the caller's.
    pub session: SessionId,
    /// What it is renewed with.
    pub refresh: RefreshToken,
    /// The program that asks.
    pub client: Client,
    /// How long the session may last.
    pub limits: SessionLimits,
    /// The lanes whose failures are forgiven.
    pub lanes: Lanes,
}

/// What came of it.
#[derive(Clone, Debug)]
pub enum Changed {
    /// The password is the new one.
    Granted(Box<Grant>),
    /// The account changed meanwhile, or can no longer act here.
    Refused,
}

impl Operation for ChangePassword {
    const NAME: &'static str = "session.change_password";
    type Output = Changed;
    type Error = StoreError;

    fn touches(&self) -> Touches {
        Touches::writes(&[Database::Auth])
    }

    async fn run(&self, context: &Context, work: &mut dyn UnitOfWork) -> Result<Changed, StoreError> {
        let (id, tenant, now) = (context.caller.account, context.caller.tenant, context.now());
        let mut accounts = work.accounts()?;
        accounts.lock_user(tenant, id).await?;
        let held = accounts.hold(id).await?;
        let Some(mut account) = held.filter(|account| account.password_hash == self.compared) else {
            return Ok(Changed::Refused);
        };
        let place = account.usable().find(|place| place.tenant == tenant).cloned();
        let Some(membership) = place else { return Ok(Changed::Refused) };
        accounts.set_password(id, &self.password_hash, false, now).await?;
        drop(accounts);
        account.must_change_password = false;
        let mut sessions = work.sessions()?;
        sessions.end(Whose::Account(id), now, EndReason::Password).await?;
        sessions.forget_attempts(self.lanes.cleared()).await?;
        drop(sessions);
        let expires_at = now + TimeDelta::from_std(self.limits.absolute).unwrap_or(TimeDelta::zero());
        let fresh = Fresh { session: self.session, refresh: &self.refresh, client: &self.client, expires_at };
        let grant = open(work, &account, &membership, fresh, now).await?;
        trail::act(work, context, Action::Update, Self::NAME, id.to_string(), None).await?;
        Ok(Changed::Granted(Box::new(grant)))
    }
}
