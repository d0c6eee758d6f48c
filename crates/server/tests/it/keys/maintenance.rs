//! What a server does for keys and sessions by itself, in a time that the test decides and in rounds of milliseconds.

use std::sync::Arc;
use std::time::{Duration, Instant};

use api::Maintenance;
use chrono::{DateTime, TimeDelta, Utc};
use kernel::{Clock, Database};
use test_support::Role;
use test_support::sqlx::{self, PgConnection};

use super::{kid, published};
use crate::in_process::{InProcess, TestClock};
use crate::people::{PASSWORD, Person, administrator};

const QUICK: Maintenance =
    Maintenance { load: Duration::from_millis(10), loads: 2, ..Maintenance::of_keys_younger_than(AGE) };
const AGE: TimeDelta = TimeDelta::days(90);

struct Maintained {
    salus: InProcess,
    clock: Arc<TestClock>,
    auth: PgConnection,
}

impl Maintained {
    async fn start() -> Maintained {
        let clock = TestClock::start();
        let salus = InProcess::maintained(Arc::clone(&clock) as _, QUICK).await;
        let auth = salus.databases.connect(Database::Auth, Role::Superuser).await;
        Maintained { salus, clock, auth }
    }

    async fn failed(&mut self, subject: u8, failures: i32, last: DateTime<Utc>) {
        sqlx::query("insert into identity.login_attempt (subject, failures, last_at, blocked_until) values ($1, $2, $3, $3)")
            .bind(vec![subject; 32])
            .bind(failures)
            .bind(last)
            .execute(&mut self.auth)
            .await
            .unwrap();
    }

    /// The first byte of each subject that failed.
    async fn failures(&mut self) -> Vec<u8> {
        let subjects: Vec<Vec<u8>> =
            sqlx::query_scalar("select subject from identity.login_attempt order by subject")
                .fetch_all(&mut self.auth)
                .await
                .unwrap();
        subjects.iter().map(|subject| subject[0]).collect()
    }

    async fn sessions(&mut self) -> i64 {
        sqlx::query_scalar("select count(*) from identity.session").fetch_one(&mut self.auth).await.unwrap()
    }

    /// Waits until a round has begun and ended since the last change of the time.
    async fn round(&mut self) {
        const MARK: u8 = 0xff;
        // The first mark may go in a round that had looked at the keys before.
        for _ in 0..2 {
            self.failed(MARK, 1, self.clock.now() - TimeDelta::hours(25)).await;
            let began = Instant::now();
            while self.failures().await.contains(&MARK) {
                assert!(began.elapsed() < Duration::from_secs(20), "nothing is swept");
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signing_key_that_comes_of_age_is_followed_by_the_next_and_a_young_one_is_not() {
    let mut server = Maintained::start().await;
    administrator(&server.salus).await;
    let person = Person::at(&server.salus.router);
    let first = published(&person).await;
    server.clock.pass(AGE - TimeDelta::seconds(1));
    server.round().await;
    assert_eq!(published(&person).await, first, "it is not of age");
    server.clock.pass(TimeDelta::seconds(1));
    server.round().await;
    let both = published(&person).await;
    assert_eq!((both.len(), &both[1]), (2, &first[0]), "published by the server itself");
    assert_eq!(kid(&person.log_in("admin", PASSWORD).await.access), first[0], "and does not sign yet");
    server.clock.pass(TimeDelta::seconds(120));
    assert_eq!(kid(&person.log_in("admin", PASSWORD).await.access), both[0]);
    // Until the last token of the first has ended it is published; the second is young.
    server.clock.pass(TimeDelta::minutes(30));
    server.round().await;
    assert_eq!(published(&person).await, both[..1]);
    assert_eq!(server.salus.audited("signing.rotate").await, ["success"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_that_ended_a_month_ago_and_failures_that_no_longer_count_are_deleted() {
    let mut server = Maintained::start().await;
    administrator(&server.salus).await;
    let person = Person::at(&server.salus.router);
    let before = server.sessions().await;
    assert!(before > 0);
    let (minute, hour) = (TimeDelta::minutes(1), TimeDelta::hours(1));
    // A session lasts twelve hours and is kept for thirty days, for whoever asks what happened.
    server.clock.pass(hour * 12 + TimeDelta::days(30) - minute);
    let now = server.clock.now();
    for (subject, failures, last) in [
        (1, 4, now - minute * 61),
        (2, 4, now - minute * 59),
        (3, 5, now - minute * 61),
        (4, 5, now - hour * 23),
        (5, 50, now - hour * 25),
    ] {
        server.failed(subject, failures, last).await;
    }
    server.round().await;
    assert_eq!(server.sessions().await, before, "not a month ago yet");
    assert_eq!(server.failures().await, [2, 3, 4]);
    let latest = person.log_in("admin", PASSWORD).await;
    server.clock.pass(minute * 2);
    server.round().await;
    assert_eq!(server.sessions().await, 1, "the one that is open");
    assert!(person.with(&latest.access).is_in().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_round_that_fails_is_not_the_last() {
    let mut server = Maintained::start().await;
    let person = Person::at(&server.salus.router);
    let change = async |auth: &mut PgConnection, statement: &'static str| {
        sqlx::query(statement).execute(auth).await.unwrap();
    };
    change(&mut server.auth, "revoke delete on identity.login_attempt from salus_app").await;
    change(&mut server.auth, "revoke insert on identity.signing_key from salus_app").await;
    server.clock.pass(AGE);
    let old = server.clock.now() - TimeDelta::days(2);
    server.failed(1, 1, old).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(server.failures().await, [1], "nothing can be deleted");
    assert_eq!(published(&person).await.len(), 1);
    change(&mut server.auth, "grant delete on identity.login_attempt to salus_app").await;
    change(&mut server.auth, "grant insert on identity.signing_key to salus_app").await;
    server.round().await;
    assert!(server.failures().await.is_empty());
    assert_eq!(published(&person).await.len(), 2);
}

#[test]
fn a_server_hears_of_a_removed_key_within_seconds_and_looks_for_what_is_old_within_minutes() {
    let usual = Maintenance::of_keys_younger_than(AGE);
    assert_eq!(usual.signing_key_age, AGE);
    assert!(usual.load <= Duration::from_secs(5) && usual.load >= Duration::from_secs(1), "{usual:?}");
    let look = usual.load.as_secs() * usual.loads;
    assert!((60..=600).contains(&look), "{usual:?}");
}
