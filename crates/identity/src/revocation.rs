//! Sessions that ended before their tokens did: what is asked of every request, in memory.
//!
//! A list of what is refused, and not of what is allowed: a server that cannot reach the database for a while goes on
//! with what it knows, and a token that it should have refused lives no longer than ten minutes anyway.

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};

use chrono::{DateTime, TimeDelta, Utc};
use kernel::SessionId;

use crate::token::LIFETIME_MAX;

/// How much longer than a token's life an ended session is remembered: clocks differ.
const MARGIN: TimeDelta = TimeDelta::seconds(60);

#[derive(Clone, Copy, Debug)]
struct Known {
    /// Tokens of earlier epochs are refused.
    epoch: i32,
    /// All are.
    revoked: bool,
    heard_at: DateTime<Utc>,
}

/// What is known of sessions that changed.
#[derive(Debug, Default)]
pub struct Revocations {
    known: RwLock<HashMap<SessionId, Known>>,
}

impl Revocations {
    /// Takes note of changed sessions (which, epoch, whether revoked), heard of at `now`, and forgets those whose
    /// tokens have all expired.
    pub fn hear(&self, changes: impl IntoIterator<Item = (SessionId, i32, bool)>, now: DateTime<Utc>) {
        // A panic elsewhere cannot leave the map half-written, so a poisoned lock is as good as any.
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        let kept = TimeDelta::from_std(LIFETIME_MAX).unwrap_or(MARGIN) + MARGIN;
        known.retain(|_, known| now - known.heard_at < kept);
        for (session, epoch, revoked) in changes {
            let entry = known.entry(session).or_insert(Known { epoch, revoked, heard_at: now });
            // Answers may overtake each other; neither of the two ever goes back.
            entry.epoch = entry.epoch.max(epoch);
            entry.revoked |= revoked;
        }
    }

    /// Whether a token of this session and epoch is refused.
    pub fn refuse(&self, session: SessionId, epoch: i32) -> bool {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        known.get(&session).is_some_and(|known| known.revoked || epoch < known.epoch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_revoked_session_and_an_earlier_epoch_are_refused_and_nothing_else() {
        let revocations = Revocations::default();
        let (ended, raised, other) = (SessionId::generate(), SessionId::generate(), SessionId::generate());
        let now = Utc::now();
        revocations.hear([(ended, 1, true), (raised, 3, false)], now);
        assert!(revocations.refuse(ended, 1) && revocations.refuse(ended, 9));
        assert!(revocations.refuse(raised, 2) && !revocations.refuse(raised, 3));
        assert!(!revocations.refuse(other, 1));
    }

    #[test]
    fn an_answer_that_comes_late_takes_nothing_back() {
        let revocations = Revocations::default();
        let session = SessionId::generate();
        revocations.hear([(session, 4, true)], Utc::now());
        revocations.hear([(session, 2, false)], Utc::now());
        assert!(revocations.refuse(session, 4));
    }

    #[test]
    fn a_session_is_forgotten_when_no_token_of_it_can_be_good() {
        let revocations = Revocations::default();
        let session = SessionId::generate();
        let now = Utc::now();
        revocations.hear([(session, 1, true)], now);
        revocations.hear([], now + TimeDelta::minutes(10));
        assert!(revocations.refuse(session, 1));
        revocations.hear([], now + TimeDelta::minutes(11));
        assert!(!revocations.refuse(session, 1));
    }
}
