//! What is known about the three databases without asking them: the probes and recovery write it, `/readyz`
//! reads it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use kernel::Database;

use crate::refusal::Refusal;

/// How long a transaction may be in doubt before this server calls itself unready: recovery should have settled it long
/// before.
pub const IN_DOUBT: Duration = Duration::from_secs(30);

/// Whether a database can be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DatabaseState {
    /// Not asked yet.
    Unknown,
    /// It answers and is the one that it should be.
    Up,
    /// It does not answer.
    Down,
    /// It answers, but must not be used.
    Refused(Refusal),
}

impl DatabaseState {
    /// Whether there is no use in trying.
    pub fn is_out(&self) -> bool {
        match self {
            DatabaseState::Unknown | DatabaseState::Up => false,
            DatabaseState::Down | DatabaseState::Refused(_) => true,
        }
    }
}

/// What recovery last saw in one database.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sightings {
    /// Prepared transactions of ours that are older than half a second: in doubt, or at work on a slow disk.
    pub in_doubt: u64,
    /// The age of the oldest of them.
    pub oldest: Duration,
    /// Prepared transactions of others, which are never touched.
    pub foreign: u64,
    /// Prepared transactions in the whole cluster, against `max_prepared_transactions`.
    pub slots_used: u64,
    /// `max_prepared_transactions`.
    pub slots: u64,
    /// Prepared transactions that wait for a person.
    pub quarantined: u64,
}

/// One database's health.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DatabaseHealth {
    /// Which.
    pub database: Database,
    /// Whether it can be used.
    pub state: DatabaseState,
    /// When a recovery pass last went through it; none since the start of this process.
    pub recovered_at: Option<Instant>,
    /// What that pass saw.
    pub seen: Sightings,
}

/// The health of the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Health {
    /// In lock order.
    pub databases: [DatabaseHealth; 3],
    /// Whether new records can be named: a slot was leased from `auth` since the start.
    pub named: bool,
}

impl Health {
    /// Whether every database is up, recovery went through it at least once, and nothing in it has been in doubt for
    /// longer than [`IN_DOUBT`].
    pub fn is_ready(&self) -> bool {
        let settled = |health: &DatabaseHealth| {
            health.state == DatabaseState::Up
                && health.recovered_at.is_some()
                && health.seen.oldest <= IN_DOUBT
        };
        self.named && self.databases.iter().all(settled)
    }
}

/// What the store counted since it was opened.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) plain: AtomicU64,
    pub(crate) paired: AtomicU64,
    pub(crate) accepted: AtomicU64,
    pub(crate) unknown: AtomicU64,
    pub(crate) retries: AtomicU64,
    pub(crate) recovered_commit: AtomicU64,
    pub(crate) recovered_abort: AtomicU64,
    pub(crate) quarantined: AtomicU64,
    pub(crate) aborted: AtomicU64,
    pub(crate) tombstones: AtomicU64,
    pub(crate) fence_waits: AtomicU64,
}

/// What the store counted since it was opened: a snapshot.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Transactions committed in one database.
    pub plain: u64,
    /// Transactions committed in two or three.
    pub paired: u64,
    /// Of those, the ones that were answered before every database had followed.
    pub accepted: u64,
    /// Commits whose answer was lost.
    pub unknown: u64,
    /// Operations that were run again after a conflict.
    pub retries: u64,
    /// Prepared transactions that recovery committed.
    pub recovered_commit: u64,
    /// Prepared transactions that recovery rolled back.
    pub recovered_abort: u64,
    /// Prepared transactions that were put before a person: page at the first.
    pub quarantined: u64,
    /// Transactions over several databases that their coordinator gave up.
    pub aborted: u64,
    /// Those that recovery decided to abort.
    pub tombstones: u64,
    /// Times that recovery met a coordinator that still lived.
    pub fence_waits: u64,
}

impl Counters {
    pub(crate) fn add(counter: &AtomicU64) {
        counter.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn snapshot(&self) -> Counts {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Counts {
            plain: read(&self.plain),
            paired: read(&self.paired),
            accepted: read(&self.accepted),
            unknown: read(&self.unknown),
            retries: read(&self.retries),
            recovered_commit: read(&self.recovered_commit),
            recovered_abort: read(&self.recovered_abort),
            quarantined: read(&self.quarantined),
            aborted: read(&self.aborted),
            tombstones: read(&self.tombstones),
            fence_waits: read(&self.fence_waits),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn health() -> Health {
        let databases = Database::ALL.map(|database| DatabaseHealth {
            database,
            state: DatabaseState::Up,
            recovered_at: Some(Instant::now()),
            seen: Sightings::default(),
        });
        Health { databases, named: true }
    }

    #[test]
    fn a_server_is_ready_when_all_is_up_and_recovered_and_nothing_was_in_doubt_for_long() {
        assert!(health().is_ready());
        let unready: [fn(&mut Health); 5] = [
            |health| health.named = false,
            |health| health.databases[0].state = DatabaseState::Down,
            |health| health.databases[1].state = DatabaseState::Unknown,
            |health| health.databases[2].recovered_at = None,
            |health| health.databases[1].seen.oldest = IN_DOUBT + Duration::from_millis(1),
        ];
        for (at, change) in unready.into_iter().enumerate() {
            let mut health = health();
            change(&mut health);
            assert!(!health.is_ready(), "change {at}");
        }
        let mut settling = health();
        settling.databases[1].seen = Sightings { in_doubt: 3, oldest: IN_DOUBT, ..Sightings::default() };
        assert!(settling.is_ready(), "in doubt for a while is what happens after a crash");
    }
}
