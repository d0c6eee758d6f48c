//! Who waits for a connection: bounded in number, and turned away at once while nothing moves.
//!
//! Waiting is no use to anybody where more wait than can be served in the time that a request has. Such a queue only
//! makes every answer late and holds memory, so its surplus is told to come back later, within microseconds.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// Waiters per connection, at the most.
const WAITERS: usize = 128;
/// While nobody who waits was served for this long, nobody else joins them.
const STALL: Duration = Duration::from_secs(2);

/// The waiters of one database.
pub(crate) struct Queue {
    most: usize,
    waiting: AtomicUsize,
    born: Instant,
    /// When the queue began or somebody in it was served; milliseconds since `born`.
    moved_ms: AtomicU64,
}

/// A place in the queue; given up when it is dropped.
pub(crate) struct Place<'q>(&'q Queue);

impl Queue {
    pub(crate) fn new(connections: u32) -> Queue {
        Queue {
            most: WAITERS * connections as usize,
            waiting: AtomicUsize::new(0),
            born: Instant::now(),
            moved_ms: AtomicU64::new(0),
        }
    }

    /// A place, if there is any use in waiting.
    pub(crate) fn enter(&self) -> Option<Place<'_>> {
        let before = self.waiting.fetch_add(1, Ordering::Relaxed);
        // Counted from here on, so that every way out uncounts it.
        let place = Place(self);
        if before == 0 {
            self.moved();
        }
        let still = self.now_ms().saturating_sub(self.moved_ms.load(Ordering::Relaxed));
        let stalled = before > 0 && u128::from(still) > STALL.as_millis();
        (before < self.most && !stalled).then_some(place)
    }

    pub(crate) fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }

    fn moved(&self) {
        self.moved_ms.store(self.now_ms(), Ordering::Relaxed);
    }

    fn now_ms(&self) -> u64 {
        u64::try_from(self.born.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

impl Place<'_> {
    /// Its holder got a connection.
    pub(crate) fn served(self) {
        self.0.moved();
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_wait_than_the_bound_and_a_place_given_up_is_free_again() {
        let queue = Queue::new(2);
        let mut places: Vec<_> = (0..2 * WAITERS).map(|_| queue.enter().unwrap()).collect();
        assert!(queue.enter().is_none());
        assert_eq!(queue.waiting(), 2 * WAITERS);
        places.pop();
        assert!(queue.enter().is_some());
    }

    #[test]
    fn nobody_joins_a_queue_that_has_not_moved_for_two_seconds() {
        let mut queue = Queue::new(2);
        queue.born = Instant::now() - Duration::from_secs(60);
        let first = queue.enter().unwrap();
        let second = queue.enter().unwrap();
        queue.moved_ms.fetch_sub(2_100, Ordering::Relaxed);
        assert!(queue.enter().is_none());
        second.served();
        assert!(queue.enter().is_some());
        drop(first);
        queue.moved_ms.fetch_sub(2_100, Ordering::Relaxed);
        assert!(queue.enter().is_some(), "an empty queue is a new one");
    }
}
