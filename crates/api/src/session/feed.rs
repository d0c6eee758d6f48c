//! Hearing which sessions have ended: asked of `auth` every second, so that a token is refused everywhere within
//! moments of its session's end.
//!
//! While `auth` does not answer, reading goes on with what is known. What ended meanwhile is heard as soon as it answers
//! again; at the latest a token runs out by itself, ten minutes after it was minted.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use domain::Stored;
use identity::Revocations;
use identity::token::LIFETIME_MAX;
use kernel::Clock;
use store::Store;
use tokio::time::Instant;

/// How often is asked.
const EVERY: Duration = Duration::from_secs(1);
/// How far each question looks back beyond the one before: longer than a transaction takes, which notes the time of a
/// change before it commits.
const OVERLAP: Duration = Duration::from_secs(75);
/// How far the first question looks back: beyond it no token is good.
const FAR: Duration = Duration::from_secs(LIFETIME_MAX.as_secs() + OVERLAP.as_secs());

/// The way from the database to what the guard knows.
#[derive(Clone)]
pub struct SessionFeed {
    store: Store,
    revocations: Arc<Revocations>,
    clock: Arc<dyn Clock>,
    asked_at: Arc<Mutex<Option<Instant>>>,
}

impl SessionFeed {
    /// A feed into `revocations`.
    pub fn new(store: Store, revocations: Arc<Revocations>, clock: Arc<dyn Clock>) -> SessionFeed {
        SessionFeed { store, revocations, clock, asked_at: Arc::default() }
    }

    /// Asks once.
    ///
    /// # Errors
    /// `Unavailable` where `auth` does not answer: then nothing was heard.
    pub async fn listen(&self) -> Stored<()> {
        let asked_at = Instant::now();
        let before = *self.asked_at.lock().unwrap_or_else(PoisonError::into_inner);
        let within = before.map_or(FAR, |before| (OVERLAP + (asked_at - before)).min(FAR));
        let changes = self.store.session_changes(within).await?;
        let heard = changes.into_iter().map(|it| (it.session, it.epoch, it.revoked));
        self.revocations.hear(heard, self.clock.now());
        let mut latest = self.asked_at.lock().unwrap_or_else(PoisonError::into_inner);
        // Of two that asked at the same time the later question counts.
        *latest = Some(latest.map_or(asked_at, |latest| latest.max(asked_at)));
        Ok(())
    }

    /// Asks before an answer is given which says that a session has ended: from then on it has, on this server. Where
    /// it does not succeed, the next second's question will.
    pub(crate) async fn listen_now(&self) {
        if let Err(error) = self.listen().await {
            tracing::warn!(%error, "an ended session is heard of later");
        }
    }

    /// Asks every second, for as long as it is polled.
    pub async fn run(self) {
        let mut answered = true;
        loop {
            match self.listen().await {
                Ok(()) => answered = true,
                Err(error) if answered => {
                    tracing::warn!(%error, "which sessions end is not heard at present");
                    answered = false;
                }
                Err(_) => {}
            }
            tokio::time::sleep(EVERY).await;
        }
    }
}
