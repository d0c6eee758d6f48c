//! Renewing a session: a refresh token for the next one.
//!
//! Each token is used once. Its successor is computed from it under the master key: a client that lost the answer asks
//! again with the same token and is given the same successor, for half a minute and only while nobody has used that.
//! Any other second use means that two have the token, and ends the session for both.

use chrono::{DateTime, TimeDelta, Utc};
use domain::audit::Outcome;
use domain::store::{EndReason, Membership, Session, StoredRefreshToken, Whose};
use domain::{Context, Operation, StoreError, Touches, UnitOfWork};
use identity::RefreshToken;
use kernel::Database;
use seal::Keyring;

use super::{Client, Grant, SessionLimits};
use crate::trail;

/// How long a client that lost the answer may ask again.
const AGAIN: TimeDelta = TimeDelta::seconds(30);

/// Renews the session of this token.
#[derive(Clone, Debug)]
pub struct Refresh {
    presented: [u8; 32],
    successor: RefreshToken,
    client: Client,
    limits: SessionLimits,
}

/// What came of it.
#[derive(Clone, Debug)]
pub enum Refreshed {
    /// The session goes on.
    Granted(Box<Grant>),
    /// It does not: the token is unknown, or the session has ended.
    Refused,
    /// The token had been used before: the session was ended.
    Reused,
}

/// What a presented token is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Judgement {
    /// Its first use.
    Rotate,
    /// The answer to its first use was lost.
    Repeat,
    /// Somebody has used it before.
    Reuse,
}

fn judge(token: &StoredRefreshToken, session: &Session, client: &Client, now: DateTime<Utc>) -> Judgement {
    match token.used_at {
        None => Judgement::Rotate,
        Some(used_at) => {
            let lost =
                !token.successor_used && now - used_at <= AGAIN && session.user_agent == client.user_agent;
            if lost { Judgement::Repeat } else { Judgement::Reuse }
        }
    }
}

/// Whether the session can go on at all.
fn is_alive(session: &Session, limits: SessionLimits, now: DateTime<Utc>) -> bool {
    let idle = TimeDelta::from_std(limits.idle).unwrap_or(TimeDelta::MAX);
    !session.revoked && now < session.expires_at && now - session.last_used_at <= idle
}

impl Refresh {
    /// The use of `presented` by `client`.
    pub fn new(
        keyring: &Keyring,
        presented: &RefreshToken,
        client: Client,
        limits: SessionLimits,
    ) -> Refresh {
        let successor = RefreshToken::from_bytes(keyring.mac("identity.refresh_token", &[presented.bytes()]));
        Refresh { presented: presented.hash(), successor, client, limits }
    }
}

impl Operation for Refresh {
    const NAME: &'static str = "session.refresh";
    type Output = Refreshed;
    type Error = StoreError;

    fn touches(&self) -> Touches {
        Touches::writes(&[Database::Auth])
    }

    async fn run(&self, context: &Context, work: &mut dyn UnitOfWork) -> Result<Refreshed, StoreError> {
        let now = context.now();
        let mut sessions = work.sessions()?;
        let Some(token) = sessions.refresh_token(&self.presented).await? else {
            return Ok(Refreshed::Refused);
        };
        let Some(session) = sessions.find(token.session).await? else {
            return Ok(Refreshed::Refused);
        };
        drop(sessions);
        // The account before the session, as everybody does who holds both.
        let account = work.accounts()?.hold(session.account).await?;
        let mut sessions = work.sessions()?;
        let locked = sessions.lock(session.id).await?;
        let token = sessions.refresh_token(&self.presented).await?;
        drop(sessions);
        let (Some(account), Some(session), Some(token)) = (account, locked, token) else {
            return Ok(Refreshed::Refused);
        };
        if !is_alive(&session, self.limits, now) {
            return Ok(Refreshed::Refused);
        }
        match judge(&token, &session, &self.client, now) {
            Judgement::Rotate => {
                let mut sessions = work.sessions()?;
                sessions.rotate(session.id, &self.presented, &self.successor.hash(), now).await?;
            }
            Judgement::Repeat => {}
            Judgement::Reuse => {
                work.sessions()?.end(Whose::Session(session.id), now, EndReason::Reuse).await?;
                let (tenant, account) = (Some(session.tenant), Some(session.account));
                let mut event = trail::of_account(context, "session.reuse", tenant, account);
                event.outcome = Outcome::Denied;
                event.resource_id = Some(session.id.to_string());
                trail::write(work, &event).await?;
                return Ok(Refreshed::Reused);
            }
        }
        let place: Option<&Membership> = account.usable().find(|place| place.tenant == session.tenant);
        let Some(membership) = place else {
            // What ends a membership ends its sessions; this is the net below.
            work.sessions()?.end(Whose::Session(session.id), now, EndReason::Removed).await?;
            return Ok(Refreshed::Refused);
        };
        let renewed = (session.id, session.epoch, session.expires_at);
        Ok(Refreshed::Granted(Box::new(Grant::new(&account, membership, renewed, self.successor.clone()))))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use kernel::{AccountId, SessionId, Tenant};

    use super::*;

    fn session(now: DateTime<Utc>) -> Session {
        Session {
            id: SessionId::generate(),
            account: AccountId::generate(),
            tenant: Tenant::from_number(1),
            created_at: now,
            last_used_at: now,
            expires_at: now + TimeDelta::hours(12),
            user_agent: Some("browser".to_owned()),
            address: None,
            epoch: 1,
            revoked: false,
        }
    }

    #[test]
    fn a_token_is_used_once_and_repeated_only_while_the_answer_may_be_lost() {
        let now = Utc::now();
        let session = session(now);
        let client = Client::new(Some("browser"), None);
        let token =
            |used_at, successor_used| StoredRefreshToken { session: session.id, used_at, successor_used };
        let judge = |token: StoredRefreshToken, client: &Client| judge(&token, &session, client, now);
        let ago = |seconds| Some(now - TimeDelta::seconds(seconds));
        assert_eq!(judge(token(None, false), &client), Judgement::Rotate);
        assert_eq!(judge(token(ago(30), false), &client), Judgement::Repeat);
        assert_eq!(judge(token(ago(31), false), &client), Judgement::Reuse);
        assert_eq!(judge(token(ago(1), true), &client), Judgement::Reuse);
        assert_eq!(judge(token(ago(1), false), &Client::new(Some("other"), None)), Judgement::Reuse);
    }

    #[test]
    fn a_session_ends_idle_or_old_or_revoked() {
        let (now, limits) = (Utc::now(), SessionLimits::default());
        let idle = TimeDelta::from_std(limits.idle).unwrap();
        assert!(is_alive(&session(now), limits, now + idle));
        assert!(!is_alive(&session(now), limits, now + idle + TimeDelta::seconds(1)));
        let used = Session { last_used_at: now + TimeDelta::hours(12), ..session(now) };
        assert!(!is_alive(&used, limits, now + TimeDelta::hours(12)));
        assert!(!is_alive(&Session { revoked: true, ..session(now) }, limits, now));
        let patient = SessionLimits { idle: Duration::MAX, ..limits };
        assert!(is_alive(&session(now), patient, now + TimeDelta::hours(11)));
    }
}
