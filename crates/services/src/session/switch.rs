//! Going on in another organization.

use domain::store::{EndReason, Whose};
use domain::{Context, Operation, StoreError, Touches, UnitOfWork};
use identity::RefreshToken;
use kernel::{Database, SessionId};
use uuid::Uuid;

use super::open::{Fresh, open};
use super::{Client, Grant};
use crate::trail;

/// Ends the caller's session and opens one in another organization of the account's, which lasts no longer.
#[derive(Clone, Debug)]
pub struct SwitchOrganization {
    /// The caller's session.
    pub from: SessionId,
    /// The organization to act for.
    pub organization: Uuid,
    /// The new session.
    pub session: SessionId,
    /// What it is renewed with.
    pub refresh: RefreshToken,
    /// The program that asks.
    pub client: Client,
}

/// What came of it.
#[derive(Clone, Debug)]
pub enum Switched {
    /// The new session.
    Granted(Box<Grant>),
    /// The account cannot act for that organization.
    NoMember,
    /// The caller's session has ended.
    Ended,
}

impl Operation for SwitchOrganization {
    const NAME: &'static str = "session.switch";
    type Output = Switched;
    type Error = StoreError;

    fn touches(&self) -> Touches {
        Touches::writes(&[Database::Auth])
    }

    async fn run(&self, context: &Context, work: &mut dyn UnitOfWork) -> Result<Switched, StoreError> {
        let now = context.now();
        let Some(account) = work.accounts()?.hold(context.caller.account).await? else {
            return Ok(Switched::Ended);
        };
        let found = work.sessions()?.lock(self.from).await?;
        let own = found.filter(|it| it.account == account.id && !it.revoked && now < it.expires_at);
        let Some(before) = own else { return Ok(Switched::Ended) };
        let place = account.usable().find(|place| place.organization == self.organization);
        let Some(membership) = place else { return Ok(Switched::NoMember) };
        work.sessions()?.end(Whose::Session(before.id), now, EndReason::Switched).await?;
        let fresh = Fresh {
            session: self.session,
            refresh: &self.refresh,
            client: &self.client,
            expires_at: before.expires_at,
        };
        let grant = open(work, &account, membership, fresh, now).await?;
        let event = trail::of_account(context, Self::NAME, Some(membership.tenant), Some(account.id));
        trail::write(work, &event).await?;
        Ok(Switched::Granted(Box::new(grant)))
    }
}
