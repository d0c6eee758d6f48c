//! Typed identifiers. Each says which database owns it.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

use chrono::{DateTime, TimeZone, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::Database;

macro_rules! uuid_ids {
    ($($(#[$doc:meta])* $name:ident;)+) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Uuid);

        impl $name {
            /// A new, time-ordered identifier (UUIDv7, RFC 9562).
            pub fn generate() -> Self {
                $name(Uuid::now_v7())
            }

            /// Says that this UUID is such an identifier.
            pub const fn from_uuid(uuid: Uuid) -> Self {
                $name(uuid)
            }

            /// The bare UUID.
            pub const fn uuid(self) -> Uuid {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    )+};
}

uuid_ids! {
    /// A person or machine that can log in. Owned by `auth`.
    AccountId;
    /// A running server process. Owned by no database.
    InstanceId;
    /// One login and all the tokens that it led to. Owned by `auth`.
    SessionId;
    /// One HTTP request; every audit row of the request carries it. Owned by no database.
    RequestId;
    /// A transaction over one or more databases (`gtx`). Its decision row lives in the decider.
    TransactionId;
}

/// An organization, as the small integer that stands in every key. Owned by `auth.organization`; the same number
/// everywhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Tenant(i32);

impl Tenant {
    /// Says that this number is an organization's.
    pub const fn from_number(number: i32) -> Self {
        Tenant(number)
    }

    /// The bare number.
    pub const fn number(self) -> i32 {
        self.0
    }
}

impl fmt::Display for Tenant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A record's internal identifier: unique over the three databases, stable over updates, never shown to a client.
///
/// From the top: one zero bit, 41 bits of milliseconds since 2024-01-01, 2 bits of [`Database`], 8 bits of instance
/// slot, 12 bits of counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Rid(i64);

const RID_EPOCH_MS: i64 = 1_704_067_200_000;

impl Rid {
    /// Says that this number is a record's.
    pub const fn from_number(number: i64) -> Self {
        Rid(number)
    }

    /// The bare number.
    pub const fn number(self) -> i64 {
        self.0
    }

    /// The time at which the identifier was made, to the millisecond.
    pub fn made_at(self) -> DateTime<Utc> {
        Utc.timestamp_millis_opt((self.0 >> 22) + RID_EPOCH_MS).single().unwrap_or(DateTime::UNIX_EPOCH)
    }
}

/// Makes [`Rid`]s for one instance slot. A clock that steps back does not make it repeat itself: the source then
/// goes on from the last time it used.
#[derive(Debug)]
pub struct RidSource {
    /// (milliseconds since the epoch << 12) | counter, of the last identifier made.
    last: AtomicU64,
    slot: AtomicU64,
}

impl RidSource {
    /// A source for the leased `slot` (0 to 255) whose identifiers are all later than `not_before_ms`, milliseconds
    /// of the Unix epoch: the last time that an earlier holder of the slot may have used.
    pub fn new(slot: u8, not_before_ms: i64) -> Self {
        let floor = u64::try_from(not_before_ms - RID_EPOCH_MS).unwrap_or(0);
        RidSource { last: AtomicU64::new(floor << 12 | 0xfff), slot: AtomicU64::new(u64::from(slot)) }
    }

    /// Goes on under another slot, after the lease of the old one was lost.
    pub fn move_to(&self, slot: u8, not_before_ms: i64) {
        let floor = u64::try_from(not_before_ms - RID_EPOCH_MS).unwrap_or(0);
        self.last.fetch_max(floor << 12 | 0xfff, Ordering::AcqRel);
        self.slot.store(u64::from(slot), Ordering::Release);
    }

    /// The next identifier for a record that lives in `database`.
    pub fn next(&self, database: Database, now: DateTime<Utc>) -> Rid {
        let clock = u64::try_from(now.timestamp_millis() - RID_EPOCH_MS).unwrap_or(0) << 12;
        let mut seen = self.last.load(Ordering::Acquire);
        let made = loop {
            let candidate = clock.max(seen + 1);
            match self.last.compare_exchange_weak(seen, candidate, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => break candidate,
                Err(other) => seen = other,
            }
        };
        let slot = self.slot.load(Ordering::Acquire);
        let bits = (made >> 12) << 22 | (database.index() as u64) << 20 | slot << 12 | made & 0xfff;
        Rid((bits & i64::MAX as u64) as i64)
    }

    /// The Unix-epoch millisecond of the last identifier made: what the lease must record.
    pub fn last_ms(&self) -> i64 {
        (self.last.load(Ordering::Acquire) >> 12) as i64 + RID_EPOCH_MS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rids_rise_even_when_the_clock_steps_back() {
        let source = RidSource::new(7, 0);
        let now = Utc.with_ymd_and_hms(2026, 11, 20, 12, 0, 0).unwrap();
        let first = source.next(Database::Phi, now);
        let second = source.next(Database::Phi, now - chrono::Duration::hours(1));
        assert!(second > first);
        assert_eq!(first.made_at(), now);
    }

    #[test]
    fn a_slot_never_reuses_the_time_of_its_last_holder() {
        let now = Utc.with_ymd_and_hms(2026, 11, 20, 12, 0, 0).unwrap();
        let old = RidSource::new(3, 0).next(Database::Clinical, now);
        let source = RidSource::new(3, now.timestamp_millis());
        assert!(source.next(Database::Clinical, now) > old);
    }

    #[test]
    fn databases_and_slots_do_not_collide() {
        let now = Utc::now();
        let mut seen = std::collections::HashSet::new();
        for slot in [0, 1, 255] {
            let source = RidSource::new(slot, 0);
            for _ in 0..5_000 {
                for database in Database::ALL {
                    assert!(seen.insert(source.next(database, now)));
                }
            }
        }
    }
}
