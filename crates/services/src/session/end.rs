//! Ending sessions.

use domain::store::{EndReason, Whose};
use domain::{Context, Operation, StoreError, Touches, UnitOfWork};
use kernel::{Database, SessionId};

use crate::trail;

/// Ends one session of the caller's: its own, or another device's. Gives whether there was one.
#[derive(Clone, Copy, Debug)]
pub struct EndSession {
    /// Which.
    pub session: SessionId,
    /// Why.
    pub reason: EndReason,
}

impl Operation for EndSession {
    const NAME: &'static str = "session.logout";
    type Output = bool;
    type Error = StoreError;

    fn touches(&self) -> Touches {
        Touches::writes(&[Database::Auth])
    }

    async fn run(&self, context: &Context, work: &mut dyn UnitOfWork) -> Result<bool, StoreError> {
        let mut sessions = work.sessions()?;
        let found = sessions.lock(self.session).await?;
        // Somebody else's session is no session.
        let own = found.filter(|session| session.account == context.caller.account && !session.revoked);
        if own.is_none() {
            return Ok(false);
        }
        sessions.end(Whose::Session(self.session), context.now(), self.reason).await?;
        drop(sessions);
        let mut event =
            trail::of_account(context, Self::NAME, Some(context.caller.tenant), Some(context.caller.account));
        event.resource_id = Some(self.session.to_string());
        trail::write(work, &event).await?;
        Ok(true)
    }
}

/// Ends all sessions of the caller, in every organization. Gives how many.
#[derive(Clone, Copy, Debug)]
pub struct EndSessions;

impl Operation for EndSessions {
    const NAME: &'static str = "session.logout_all";
    type Output = u64;
    type Error = StoreError;

    fn touches(&self) -> Touches {
        Touches::writes(&[Database::Auth])
    }

    async fn run(&self, context: &Context, work: &mut dyn UnitOfWork) -> Result<u64, StoreError> {
        let account = context.caller.account;
        let ended = work.sessions()?.end(Whose::Account(account), context.now(), EndReason::Logout).await?;
        let event = trail::of_account(context, Self::NAME, Some(context.caller.tenant), Some(account));
        trail::write(work, &event).await?;
        Ok(ended)
    }
}
