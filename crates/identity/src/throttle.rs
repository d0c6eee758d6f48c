//! How often one may guess: failures in a row make the next attempt wait, longer with each.
//!
//! Failures are counted in lanes. What a stranger can fill must not stop the owner: so nothing is locked for ever, and
//! who comes with a device that has logged in before is counted in that device's lane and in no other.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

/// How patient one lane is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lane {
    /// Failures that cost no wait.
    pub free: u32,
    /// Without a failure for this long, those before are forgotten.
    pub forgotten_after: Duration,
}

/// The longest wait.
const LONGEST: Duration = Duration::from_secs(15 * 60);

impl Lane {
    /// One account from one address, or from one known device: a person who does not remember.
    pub const PAIR: Lane = Lane { free: 5, forgotten_after: Duration::from_secs(24 * 3_600) };
    /// One account from anywhere but its known devices. With waits of a quarter of an hour a hundred guesses take most
    /// of a day.
    pub const ACCOUNT: Lane = Lane { free: 10, forgotten_after: Duration::from_secs(24 * 3_600) };
    /// One address, which may be that of a whole hospital, for any accounts.
    pub const ADDRESS: Lane = Lane { free: 50, forgotten_after: Duration::from_secs(3_600) };
}

/// How long failures are remembered at all.
pub const REMEMBERED: Duration = Duration::from_secs(24 * 3_600);
/// Fewer than these are forgotten sooner, so that what somebody makes of very many names and addresses is bounded by
/// what can be compared in [`FEW_REMEMBERED`].
pub const FEW: u32 = 5;
/// How long few failures are remembered: so long that who comes back with a few guesses each time they are forgotten
/// has no more of them in a day than who waits as [`Lane::ACCOUNT`] asks.
pub const FEW_REMEMBERED: Duration = Duration::from_secs(3_600);

/// What is known of one lane of somebody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Failures in a row.
    pub failures: u32,
    /// The last of them.
    pub last_at: DateTime<Utc>,
    /// No attempt is looked at before this.
    pub blocked_until: DateTime<Utc>,
}

impl Standing {
    /// How long the next attempt must wait; none if it need not.
    pub fn wait(&self, now: DateTime<Utc>) -> Option<Duration> {
        (self.blocked_until - now).to_std().ok().filter(|wait| !wait.is_zero())
    }
}

impl Lane {
    /// The standing after one more failure.
    pub fn fail(&self, before: Option<Standing>, now: DateTime<Utc>) -> Standing {
        let forgotten = TimeDelta::from_std(self.forgotten_after).unwrap_or(TimeDelta::MAX);
        let remembered = before.filter(|before| now - before.last_at < forgotten);
        let failures = remembered.map_or(0, |before| before.failures).saturating_add(1);
        let wait = match failures.checked_sub(self.free) {
            None | Some(0) => Duration::ZERO,
            // 1 s, 2 s, 4 s ...
            Some(beyond) => Duration::from_secs(1_u64 << (beyond - 1).min(20)).min(LONGEST),
        };
        Standing {
            failures,
            last_at: now,
            blocked_until: now + TimeDelta::from_std(wait).unwrap_or(TimeDelta::zero()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Guesses every `pause` for as long as `guesses` last; gives how many were looked at.
    fn evaluated(lane: Lane, guesses: u32, pause: Duration) -> u32 {
        let mut now = Utc::now();
        let (mut standing, mut looked_at) = (None::<Standing>, 0);
        for _ in 0..guesses {
            if standing.is_none_or(|standing| standing.wait(now).is_none()) {
                standing = Some(lane.fail(standing, now));
                looked_at += 1;
            }
            now += pause;
        }
        looked_at
    }

    #[test]
    fn the_first_failures_cost_nothing_and_the_next_ever_more() {
        let (now, mut standing) = (Utc::now(), None);
        let mut waits = Vec::new();
        for _ in 0..9 {
            let next = Lane::PAIR.fail(standing, now);
            waits.push(next.wait(now).map_or(0, |wait| wait.as_secs()));
            standing = Some(next);
        }
        assert_eq!(waits, [0, 0, 0, 0, 0, 1, 2, 4, 8]);
    }

    #[test]
    fn no_wait_is_longer_than_a_quarter_of_an_hour() {
        let now = Utc::now();
        let many = Standing { failures: u32::MAX - 1, last_at: now, blocked_until: now };
        assert_eq!(Lane::ACCOUNT.fail(Some(many), now).wait(now), Some(LONGEST));
    }

    #[test]
    fn of_ten_thousand_guesses_at_ten_a_second_at_most_a_hundred_are_looked_at() {
        for lane in [Lane::PAIR, Lane::ACCOUNT, Lane::ADDRESS] {
            let looked_at = evaluated(lane, 10_000, Duration::from_millis(100));
            assert!((lane.free..=100).contains(&looked_at), "{lane:?}: {looked_at}");
        }
    }

    #[test]
    fn a_day_of_guessing_at_one_account_is_at_most_a_hundred_guesses_and_a_few_free_ones() {
        let looked_at = evaluated(Lane::ACCOUNT, 24 * 3_600, Duration::from_secs(1));
        assert!(looked_at <= 120, "{looked_at}");
    }

    #[test]
    fn who_waits_until_a_few_guesses_are_forgotten_gains_nothing() {
        let day = Duration::from_secs(24 * 3_600);
        let (a_time, times) = (FEW - 1, day.as_secs() / FEW_REMEMBERED.as_secs());
        assert!(u64::from(a_time) * times <= 100, "{a_time} guesses, {times} times a day");
    }

    #[test]
    fn failures_are_forgotten_after_a_day_without_one() {
        let now = Utc::now();
        let old = Standing { failures: 40, last_at: now - TimeDelta::hours(24), blocked_until: now };
        assert_eq!(Lane::ACCOUNT.fail(Some(old), now).failures, 1);
    }
}
