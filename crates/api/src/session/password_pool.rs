//! Comparing passwords: 46 MiB and tens of milliseconds each, so few at a time, on threads that may block.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use fhir::outcome::IssueType;
use identity::{PasswordHasher, Verified};
use kernel::Secret;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use crate::failure::Failure;

/// Passwords compared at the same time.
const AT_WORK: usize = 2;
/// Logins at work or waiting; the next is told to come back.
const ADMITTED: usize = 32;
/// Of them strangers: the rest is for whom a flood of strangers must not keep out.
const STRANGERS: usize = 24;
/// How long an admitted login waits for its turn.
const PATIENCE: Duration = Duration::from_secs(5);

/// The bounded pool.
#[derive(Clone)]
pub struct PasswordPool {
    hasher: Arc<PasswordHasher>,
    admitted: Arc<Semaphore>,
    strangers: Arc<Semaphore>,
    at_work: Arc<Semaphore>,
    compared: Arc<AtomicU64>,
}

impl PasswordPool {
    /// A pool that compares with `hasher`.
    pub fn new(hasher: Arc<PasswordHasher>) -> PasswordPool {
        PasswordPool {
            hasher,
            admitted: Arc::new(Semaphore::new(ADMITTED)),
            strangers: Arc::new(Semaphore::new(STRANGERS)),
            at_work: Arc::new(Semaphore::new(AT_WORK)),
            compared: Arc::default(),
        }
    }

    /// A place in the queue: to be held from before the account is looked up, so that a flood of logins does
    /// not become a flood of lookups.
    ///
    /// # Errors
    /// 503 where the queue, or a stranger's part of it, is full.
    pub(crate) fn admit(&self, comer: Comer) -> Result<Place, Failure> {
        let take = |places: &Arc<Semaphore>| Arc::clone(places).try_acquire_owned().map_err(|_| full());
        let among_strangers = match comer {
            Comer::Known => None,
            Comer::Stranger => Some(take(&self.strangers)?),
        };
        Ok(Place { _admitted: take(&self.admitted)?, _among_strangers: among_strangers })
    }

    /// A turn to compare or to hash. Whoever counts failures asks how many there are only now and holds the turn
    /// until its own is counted: so no more are looked at than may be, beyond those that have a turn.
    ///
    /// # Errors
    /// 503 where none comes in time.
    pub(crate) async fn turn(&self) -> Result<Turn, Failure> {
        match timeout(PATIENCE, Arc::clone(&self.at_work).acquire_owned()).await {
            Ok(Ok(turn)) => Ok(Turn(turn)),
            Ok(Err(_)) | Err(_) => Err(full()),
        }
    }

    /// Compares with the stored hash, or with one that nothing matches where there is none, so that both take
    /// equally long.
    ///
    /// # Errors
    /// 500 where the stored hash cannot be read.
    pub(crate) async fn compare(
        &self,
        turn: Turn,
        password: Secret<String>,
        stored: Option<Secret<String>>,
    ) -> Result<(Verified, Turn), Failure> {
        let hasher = Arc::clone(&self.hasher);
        self.compared.fetch_add(1, Ordering::Relaxed);
        let compared = tokio::task::spawn_blocking(move || {
            let known = stored.is_some();
            let stored = stored.unwrap_or_else(|| hasher.dummy().clone());
            hasher
                .verify(&password, &stored)
                .map(|verified| (Verified { ok: verified.ok && known, ..verified }, turn))
        });
        match compared.await {
            Ok(Ok(verified)) => Ok(verified),
            Ok(Err(error)) => Err(Failure::defect(error.to_string())),
            Err(_) => Err(Failure::defect("comparing a password panicked")),
        }
    }

    /// How many comparisons were made.
    pub fn compared(&self) -> u64 {
        self.compared.load(Ordering::Relaxed)
    }

    /// The hash of a password at today's cost.
    ///
    /// # Errors
    /// 503 where no turn comes in time; 500 where it cannot be hashed.
    pub(crate) async fn hash(&self, password: Secret<String>) -> Result<Secret<String>, Failure> {
        let turn = self.turn().await?;
        let hasher = Arc::clone(&self.hasher);
        let hashed = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            hasher.hash(&password)
        });
        match hashed.await {
            Ok(Ok(hash)) => Ok(hash),
            Ok(Err(error)) => Err(Failure::defect(error.to_string())),
            Err(_) => Err(Failure::defect("hashing a password panicked")),
        }
    }

    /// The same; none where no turn is free at once, because this can wait until the next login.
    pub(crate) async fn rehash(&self, password: Secret<String>) -> Option<Secret<String>> {
        let turn = Arc::clone(&self.at_work).try_acquire_owned().ok()?;
        let hasher = Arc::clone(&self.hasher);
        let hashed = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            hasher.hash(&password)
        });
        hashed.await.ok()?.ok()
    }
}

/// Who wants a password to be compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Comer {
    /// Somebody who is logged in, or comes with a device that has logged in before.
    Known,
    /// Anybody else.
    Stranger,
}

/// A place in the queue, given back when it is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    _admitted: OwnedSemaphorePermit,
    _among_strangers: Option<OwnedSemaphorePermit>,
}

/// One of the few turns at hashing.
#[derive(Debug)]
pub(crate) struct Turn(
    #[expect(dead_code, reason = "held, and given back when it is dropped")] OwnedSemaphorePermit,
);

fn full() -> Failure {
    Failure::busy(1, "too many logins at the same time").coded(IssueType::Throttled)
}

#[cfg(test)]
mod tests {
    use axum::http::StatusCode;
    use identity::PasswordCost;

    use super::*;

    fn pool() -> PasswordPool {
        PasswordPool::new(Arc::new(PasswordHasher::new(PasswordCost::CHEAP).unwrap()))
    }

    fn secret(text: &str) -> Secret<String> {
        Secret::new(text.to_owned())
    }

    async fn is_right(pool: &PasswordPool, password: &str, stored: Option<Secret<String>>) -> bool {
        let turn = pool.turn().await.unwrap();
        pool.compare(turn, secret(password), stored).await.unwrap().0.ok
    }

    #[tokio::test]
    async fn the_right_password_passes_and_another_does_not() {
        let pool = pool();
        let stored = pool.hash(secret("right")).await.unwrap();
        assert!(is_right(&pool, "right", Some(stored.clone())).await);
        assert!(!is_right(&pool, "wrong", Some(stored)).await);
    }

    #[tokio::test]
    async fn nothing_matches_an_unknown_account_and_as_much_is_compared() {
        let pool = pool();
        for password in ["", "right", "a password"] {
            assert!(!is_right(&pool, password, None).await);
        }
        assert_eq!(pool.compared(), 3);
    }

    #[tokio::test]
    async fn a_full_queue_asks_to_come_back_and_strangers_cannot_fill_it() {
        let pool = pool();
        let fill = |comer| std::iter::from_fn(|| pool.admit(comer).ok()).collect::<Vec<_>>();
        let strangers = fill(Comer::Stranger);
        let known = fill(Comer::Known);
        assert_eq!((strangers.len(), known.len()), (STRANGERS, ADMITTED - STRANGERS));
        assert_eq!(pool.admit(Comer::Known).unwrap_err().status(), StatusCode::SERVICE_UNAVAILABLE);
        drop(strangers);
        assert!(pool.admit(Comer::Stranger).is_ok());
    }
}
