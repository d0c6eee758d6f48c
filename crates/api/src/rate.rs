//! How many requests one user and one address may send.
//!
//! Each limit is a bucket of so many requests a minute: full at first, so that a burst of as many is let through, and
//! filled again evenly (the generic cell rate algorithm). Who comes too often is told when to come back.

use std::hash::{BuildHasher, Hash, RandomState};
use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use fhir::outcome::IssueType;
use governor::clock::{Clock, DefaultClock};
use governor::middleware::StateInformationMiddleware;
use governor::state::keyed::DefaultKeyedStateStore;
use governor::{Quota, RateLimiter};
use kernel::AccountId;
use metrics::{Counter, counter};

use crate::edge::ours;
use crate::failure::Failure;

/// Between two looks at how many keys there are, in requests.
const LOOK: u32 = 1_024;
/// Keys that one limit remembers; about 10 MiB.
const KEYS: usize = 64 * 1024;
/// While there are more, keys share as many buckets: memory stays bounded, and an attacker with very many addresses
/// spoils it for whoever shares one of theirs, and for nobody else.
const CROWD: u64 = 4_096;

/// Requests a minute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rates {
    /// Of one user.
    pub user: NonZeroU32,
    /// From one address.
    pub address: NonZeroU32,
    /// From one address to `/api/v1/auth`, other than reading: logins, and apart from them all the rest.
    pub login: NonZeroU32,
}

/// The limits, and who has used how much of them.
pub struct RateLimits {
    user: Bucket<AccountId>,
    address: Bucket<IpAddr>,
    login: Bucket<IpAddr>,
    /// Whoever guesses passwords must not keep those from renewing their sessions who stand behind the same address.
    session: Bucket<IpAddr>,
}

/// That an address has used up its logins, said to the login itself: a device that it knows may come in all the same.
#[derive(Clone, Debug)]
pub(crate) struct LoginsUsedUp(pub(crate) Failure);

/// What is left of a limit after a request that was let through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Allowance {
    limit: u32,
    remaining: u32,
}

impl RateLimits {
    /// Limits that nobody has used yet.
    pub fn new(rates: Rates) -> RateLimits {
        RateLimits {
            user: Bucket::new(rates.user, "user"),
            address: Bucket::new(rates.address, "address"),
            login: Bucket::new(rates.login, "login"),
            session: Bucket::new(rates.login, "session"),
        }
    }

    /// A request of this user.
    pub(crate) fn user(&self, account: AccountId) -> Result<Allowance, Failure> {
        self.user.take(account)
    }

    /// A request from this address.
    pub(crate) fn address(&self, address: IpAddr) -> Result<Allowance, Failure> {
        self.address.take(host(address))
    }

    /// A login from this address; counted by [`RateLimits::address`] too.
    pub(crate) fn login(&self, address: IpAddr) -> Result<Allowance, LoginsUsedUp> {
        self.login.take(host(address)).map_err(LoginsUsedUp)
    }

    /// A renewal, or whatever else changes a session, from this address; counted by [`RateLimits::address`] too.
    pub(crate) fn session(&self, address: IpAddr) -> Result<Allowance, Failure> {
        self.session.take(host(address))
    }
}

/// Whom an address is counted as: IPv6 hosts own a /64, and are counted as one.
fn host(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << 64)).into(),
    }
}

impl Allowance {
    /// The one of which less is left.
    pub(crate) fn tighter(self, other: Option<Allowance>) -> Allowance {
        other.filter(|other| other.remaining < self.remaining).unwrap_or(self)
    }

    /// Says so in the answer (draft-ietf-httpapi-ratelimit-headers).
    pub(crate) fn write(self, headers: &mut HeaderMap) {
        let missing = u64::from(self.limit - self.remaining.min(self.limit));
        let reset = (missing * 60).div_ceil(u64::from(self.limit));
        headers.insert(ours::RATE_LIMIT_LIMIT, HeaderValue::from(self.limit));
        headers.insert(ours::RATE_LIMIT_REMAINING, HeaderValue::from(self.remaining));
        headers.insert(ours::RATE_LIMIT_RESET, HeaderValue::from(reset));
        if let Ok(policy) = HeaderValue::try_from(format!("{};w=60", self.limit)) {
            headers.insert(ours::RATE_LIMIT_POLICY, policy);
        }
    }
}

/// A caller by itself, or one of a crowd.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Key<K> {
    One(K),
    Crowd(u64),
}

type Limiter<K> = RateLimiter<K, DefaultKeyedStateStore<K>, DefaultClock, StateInformationMiddleware>;

struct Bucket<K: Clone + Eq + Hash> {
    limit: u32,
    limiter: Limiter<Key<K>>,
    clock: DefaultClock,
    seen: AtomicU32,
    crowded: AtomicBool,
    most: usize,
    hasher: RandomState,
    limited: Counter,
    name: &'static str,
}

impl<K: Clone + Eq + Hash> Bucket<K> {
    fn new(per_minute: NonZeroU32, name: &'static str) -> Bucket<K> {
        let limiter = RateLimiter::keyed(Quota::per_minute(per_minute)).with_middleware();
        Bucket {
            limit: per_minute.get(),
            limiter,
            clock: DefaultClock::default(),
            seen: AtomicU32::new(0),
            crowded: AtomicBool::new(false),
            most: KEYS,
            hasher: RandomState::new(),
            limited: counter!("http_rate_limited_total", "limit" => name),
            name,
        }
    }

    fn take(&self, key: K) -> Result<Allowance, Failure> {
        if self.seen.fetch_add(1, Ordering::Relaxed) % LOOK == LOOK - 1 {
            self.forget();
        }
        let key = match self.crowded.load(Ordering::Relaxed) {
            false => Key::One(key),
            true => Key::Crowd(self.hasher.hash_one(&key) % CROWD),
        };
        match self.limiter.check_key(&key) {
            Ok(state) => Ok(Allowance { limit: self.limit, remaining: state.remaining_burst_capacity() }),
            Err(until) => {
                self.limited.increment(1);
                Err(self.refusal(until.wait_time_from(self.clock.now())))
            }
        }
    }

    /// Forgets whose bucket is full again: they are as if they had never come.
    fn forget(&self) {
        if self.limiter.len() > self.most / 8 {
            self.limiter.retain_recent();
            self.limiter.shrink_to_fit();
        }
        self.crowded.store(self.limiter.len() > self.most, Ordering::Relaxed);
    }

    fn refusal(&self, wait: Duration) -> Failure {
        let seconds = wait.as_secs() + 1;
        let said = match self.name {
            "user" => "this user has sent too many requests",
            "login" => "too many logins came from this address",
            "session" => "too many renewals came from this address",
            _ => "too many requests came from this address",
        };
        let mut failure = Failure::new(StatusCode::TOO_MANY_REQUESTS, IssueType::Throttled, said)
            .with_header(header::RETRY_AFTER, HeaderValue::from(seconds));
        let mut headers = HeaderMap::new();
        Allowance { limit: self.limit, remaining: 0 }.write(&mut headers);
        // What is told is when the next request is let through, not when the bucket is full.
        headers.insert(ours::RATE_LIMIT_RESET, HeaderValue::from(seconds));
        failure.headers.extend(headers.drain().filter_map(|(name, value)| Some((name?, value))));
        failure
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(user: u32, address: u32, login: u32) -> RateLimits {
        let number = |number| NonZeroU32::new(number).unwrap();
        RateLimits::new(Rates { user: number(user), address: number(address), login: number(login) })
    }

    #[test]
    fn a_user_is_let_through_as_often_as_the_limit_says_and_others_are_not_counted_with_it() {
        let limits = limits(3, 100, 100);
        let (one, other) = (AccountId::generate(), AccountId::generate());
        for left in [2, 1, 0] {
            assert_eq!(limits.user(one).unwrap().remaining, left);
        }
        let refused = limits.user(one).unwrap_err();
        assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
        let retry: Vec<_> = refused.headers.iter().filter(|(name, _)| name == header::RETRY_AFTER).collect();
        let seconds: u64 = retry[0].1.to_str().unwrap().parse().unwrap();
        assert!((1..=21).contains(&seconds), "one of three a minute comes back in 20 s, not {seconds}");
        assert!(limits.user(other).is_ok());
    }

    #[test]
    fn logins_and_renewals_are_counted_apart_from_each_other_and_by_address() {
        let limits = limits(100, 100, 2);
        let address: IpAddr = "192.0.2.1".parse().unwrap();
        assert!(limits.login(address).is_ok() && limits.login(address).is_ok());
        assert!(limits.login(address).is_err(), "the third login");
        assert!(limits.session(address).is_ok() && limits.session(address).is_ok());
        assert!(limits.session(address).is_err(), "the third renewal");
        assert!(limits.login("192.0.2.2".parse().unwrap()).is_ok());
    }

    #[test]
    fn an_ipv6_host_cannot_escape_into_its_own_network() {
        let limits = limits(100, 1, 1);
        assert!(limits.address("2001:db8:0:1::1".parse().unwrap()).is_ok());
        assert!(limits.address("2001:db8:0:1:ffff::2".parse().unwrap()).is_err());
        assert!(limits.address("2001:db8:0:2::1".parse().unwrap()).is_ok());
    }

    #[test]
    fn memory_is_bounded_however_many_addresses_come() {
        let mut bucket: Bucket<u32> = Bucket::new(NonZeroU32::new(10).unwrap(), "address");
        bucket.most = 2_000;
        for key in 0..20_000 {
            let _ = bucket.take(key);
        }
        let bound = bucket.most + LOOK as usize + CROWD as usize;
        assert!(bucket.limiter.len() <= bound, "{} keys", bucket.limiter.len());
        assert!(bucket.crowded.load(Ordering::Relaxed));
    }

    #[test]
    fn the_headers_say_how_much_is_left_and_when_all_is_there_again() {
        let mut headers = HeaderMap::new();
        let narrow = Allowance { limit: 60, remaining: 45 };
        Allowance { limit: 600, remaining: 599 }.tighter(Some(narrow)).write(&mut headers);
        assert_eq!(headers["ratelimit-limit"], "60");
        assert_eq!(headers["ratelimit-remaining"], "45");
        assert_eq!(headers["ratelimit-reset"], "15");
        assert_eq!(headers["ratelimit-policy"], "60;w=60");
    }
}
