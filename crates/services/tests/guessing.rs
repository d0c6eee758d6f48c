//! Ten thousand guesses and more, in a time that the test decides: how many are looked at, what stays behind, and that the
//! owner's device is never kept waiting. What decides is the services' own arithmetic; a map stands for the table.

#![allow(clippy::unwrap_used, clippy::expect_used)] // A test says what it expects by failing.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr};

use chrono::{DateTime, TimeDelta, Utc};
use domain::store::{Attempts, StaleAttempts};
use seal::{Keyring, MasterKey};
use services::session::{Device, Lanes, stale_attempts};

const GUESSES: u32 = 10_000;

/// The table of failed logins, and the time.
struct World {
    keyring: Keyring,
    now: DateTime<Utc>,
    swept_at: DateTime<Utc>,
    rows: HashMap<[u8; 32], Attempts>,
    /// The most rows that there were.
    most: usize,
}

impl World {
    fn new() -> World {
        let (keyring, now) = (Keyring::new(MasterKey::generate().unwrap()), Utc::now());
        World { keyring, now, swept_at: now, rows: HashMap::new(), most: 0 }
    }

    /// Lets time pass; every five minutes the table is swept, as servers do.
    fn pass(&mut self, time: TimeDelta) {
        self.now += time;
        if self.now - self.swept_at >= TimeDelta::minutes(5) {
            self.swept_at = self.now;
            let StaleAttempts { before, fewer_than, few_before } = stale_attempts(self.now);
            self.rows.retain(|_, row| {
                row.last_at >= before && (row.failures >= fewer_than || row.last_at >= few_before)
            });
        }
    }

    /// A wrong password; gives whether it was looked at.
    fn guess(&mut self, username: &str, from: u32, device: Option<&Device>) -> bool {
        let from = IpAddr::V4(Ipv4Addr::from(from));
        let lanes = Lanes::of_login(&self.keyring, username, Some(from), device);
        let known: Vec<_> = lanes.subjects().iter().map(|subject| self.rows.get(subject).copied()).collect();
        if lanes.wait(&known, self.now).is_some() {
            return false;
        }
        self.rows.extend(lanes.fail(&known, self.now));
        self.most = self.most.max(self.rows.len());
        true
    }

    /// Whether the owner, who mistypes and then does not, waits; at the first address of all, where strangers guess too.
    fn owner_waits(&mut self, device: &Device) -> bool {
        if !self.guess("anna", 0, Some(device)) {
            return true;
        }
        let lanes = Lanes::of_login(&self.keyring, "anna", Some([0, 0, 0, 0].into()), Some(device));
        let known: Vec<_> = lanes.subjects().iter().map(|subject| self.rows.get(subject).copied()).collect();
        if lanes.wait(&known, self.now).is_some() {
            return true;
        }
        for subject in lanes.cleared() {
            self.rows.remove(subject);
        }
        false
    }

    /// Ten guesses a second, the owner coming each minute; gives how many were looked at.
    fn attack(&mut self, target: impl Fn(u32) -> (String, u32)) -> u32 {
        let (device, mut looked_at) = (Device::generate(), 0);
        for number in 0..GUESSES {
            let (username, from) = target(number);
            looked_at += u32::from(self.guess(&username, from, None));
            if number % 600 == 599 {
                assert!(!self.owner_waits(&device), "the owner waits after {number} guesses");
            }
            self.pass(TimeDelta::milliseconds(100));
        }
        looked_at
    }
}

fn anna() -> String {
    "anna".to_owned()
}

#[test]
fn ten_thousand_guesses_at_one_account_are_few_from_one_address_and_few_from_ten_thousand() {
    for addresses in [1, 100, GUESSES] {
        let mut world = World::new();
        let looked_at = world.attack(|number| (anna(), number % addresses));
        assert!((10..=25).contains(&looked_at), "{looked_at} from {addresses} addresses");
        assert!(world.most <= 3 * looked_at as usize + 1, "{} rows", world.most);
    }
}

#[test]
fn ten_thousand_guesses_from_one_address_are_few_over_however_many_accounts() {
    let mut world = World::new();
    let looked_at = world.attack(|number| (format!("name{number}"), 0));
    assert!((50..=100).contains(&looked_at), "{looked_at}");
    assert!(world.most <= 3 * looked_at as usize + 1, "{} rows", world.most);
}

#[test]
fn each_account_has_its_bound_when_guesses_are_spread_over_accounts_and_addresses() {
    let mut world = World::new();
    let looked_at = world.attack(|number| (format!("name{}", number % 100), number));
    assert!((1_000..=2_500).contains(&looked_at), "{looked_at} at a hundred accounts");
}

/// A day of one guesser, who lets `pause` pass after each `burst` and comes from somewhere else each time.
fn day_of_guesses(burst: u32, pause: TimeDelta) -> u32 {
    let (mut world, mut looked_at, mut from) = (World::new(), 0, 0);
    let end = world.now + TimeDelta::days(1);
    while world.now < end {
        for _ in 0..burst {
            from += 1;
            looked_at += u32::from(world.guess("anna", from, None));
        }
        world.pass(pause);
    }
    looked_at
}

#[test]
fn a_day_of_guesses_is_at_most_a_hundred_and_a_few_however_they_are_paced() {
    for minutes in [1, 5, 15, 16, 20, 30, 60, 61, 66, 120] {
        for burst in [1, 2, 4, 5, 10] {
            let looked_at = day_of_guesses(burst, TimeDelta::minutes(minutes));
            assert!(looked_at <= 120, "{looked_at} a day with {burst} each {minutes} minutes");
        }
    }
}

#[test]
fn what_guesses_at_very_many_names_leave_behind_is_gone_when_they_end() {
    let mut world = World::new();
    for number in 0..3 * GUESSES {
        world.guess(&format!("name{number}"), number, None);
        world.pass(TimeDelta::milliseconds(500));
    }
    // Two guesses a second, three rows each, remembered for an hour and until the sweep.
    assert!(world.most <= 2 * 3 * 3_900, "{} rows", world.most);
    world.pass(TimeDelta::minutes(66));
    assert_eq!(world.rows.len(), 0);
}
