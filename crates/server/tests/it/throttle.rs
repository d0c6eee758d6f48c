//! Guessing passwords.

use std::sync::Arc;
use std::time::Duration;

use axum::http::StatusCode;
use chrono::TimeDelta;
use serde_json::json;
use tokio::task::JoinSet;

use crate::in_process::{InProcess, TestClock};
use crate::people::{PASSWORD, Person, Tokens, administrator};

const WRONG: &str = "not the password, I fear";

/// Guesses and gives how many were looked at. Asks as many at a time as a busy attacker would.
async fn guess(salus: &InProcess, username: &str, guesses: u32, addresses: u32) -> u64 {
    let before = salus.sessions.passwords.compared();
    let stranger = Person::at(&salus.router);
    for batch in 0..guesses / 10 {
        let mut tries = JoinSet::new();
        for at in 0..10 {
            let number = batch * 10 + at;
            let from = std::net::Ipv4Addr::from(0xC633_6400 + number % addresses).into();
            let (person, username) = (Person { from, ..stranger.clone() }, username.to_owned());
            tries.spawn(async move {
                let answer = person.try_log_in(&username, WRONG).await;
                match answer.status {
                    StatusCode::UNAUTHORIZED => {}
                    StatusCode::TOO_MANY_REQUESTS => assert!(!answer.header("retry-after").is_empty()),
                    other => panic!("{other}"),
                }
            });
        }
        tries.join_all().await;
    }
    salus.sessions.passwords.compared() - before
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_thousand_guesses_few_are_looked_at_and_the_owners_device_comes_in_all_the_same() {
    let salus = InProcess::start().await;
    administrator(&salus).await;
    let owner = Person::at(&salus.router);
    let device = owner.log_in("admin", PASSWORD).await.device;

    let from_one = guess(&salus, "admin", 500, 1).await;
    assert!((5..=20).contains(&from_one), "{from_one} of 500 from one address");
    let from_many = guess(&salus, "admin", 500, 100).await;
    assert!(from_many <= 30, "{from_many} of 500 from a hundred addresses");

    // From the same address as the guesses, and with the right password: who is not known waits ...
    let near = Person { from: [198, 51, 100, 0].into(), ..owner.clone() };
    assert_eq!(near.try_log_in("admin", PASSWORD).await.status, StatusCode::TOO_MANY_REQUESTS);
    // ... and whose device has been here before does not.
    let known = |device: &str| json!({ "username": "admin", "password": PASSWORD, "device_token": device });
    let tokens = Tokens::of(&near.post("/api/v1/auth/login", known(&device)).await);
    assert!(near.with(&tokens.access).is_in().await);
    let forged = near.post("/api/v1/auth/login", known(&"A".repeat(54))).await;
    assert_eq!(forged.status, StatusCode::TOO_MANY_REQUESTS);
}

#[tokio::test]
async fn a_name_that_no_account_has_is_throttled_like_one_that_an_account_has() {
    let salus = InProcess::start().await;
    administrator(&salus).await;
    let mut seen = Vec::new();
    for (at, username) in ["admin", "nobody.of.this.name"].into_iter().enumerate() {
        let person = Person { from: [203, 0, 113, at as u8].into(), ..Person::at(&salus.router) };
        let before = salus.sessions.passwords.compared();
        let mut answers = Vec::new();
        for _ in 0..9 {
            let answer = person.try_log_in(username, WRONG).await;
            let mut body = answer.json();
            body["request_id"].take();
            answers.push((answer.status, answer.header("retry-after").to_owned(), body));
        }
        seen.push((answers, salus.sessions.passwords.compared() - before));
    }
    assert_eq!(seen[0], seen[1]);
    assert_eq!(seen[0].0[5].0, StatusCode::UNAUTHORIZED);
    assert_eq!(seen[0].0[6].0, StatusCode::TOO_MANY_REQUESTS);
}

#[tokio::test]
async fn a_wait_ends_and_a_right_password_clears_what_was_counted() {
    let clock = TestClock::start();
    let salus = InProcess::with_clock(Arc::clone(&clock) as _).await;
    administrator(&salus).await;
    let person = Person::at(&salus.router);
    let wrong = async || person.try_log_in("admin", WRONG).await.status;
    for _ in 0..6 {
        assert_eq!(wrong().await, StatusCode::UNAUTHORIZED);
    }
    assert_eq!(person.try_log_in("admin", PASSWORD).await.status, StatusCode::TOO_MANY_REQUESTS);
    clock.pass(TimeDelta::seconds(1));
    person.log_in("admin", PASSWORD).await;
    for _ in 0..6 {
        assert_eq!(wrong().await, StatusCode::UNAUTHORIZED, "counted anew");
    }
}

#[tokio::test]
async fn whoever_has_a_stolen_token_cannot_guess_the_password_with_it() {
    let salus = InProcess::start().await;
    let thief = administrator(&salus).await;
    let guess = json!({ "current_password": WRONG, "new_password": "an orchard of seven plums" });
    let before = salus.sessions.passwords.compared();
    let mut last = StatusCode::OK;
    for _ in 0..30 {
        last = thief.post("/api/v1/auth/change-password", guess.clone()).await.status;
    }
    assert_eq!(last, StatusCode::TOO_MANY_REQUESTS);
    assert!(salus.sessions.passwords.compared() - before <= 10);
}

#[tokio::test]
async fn a_thief_who_changes_sessions_has_no_more_guesses_than_one_who_stays() {
    let salus = InProcess::start().await;
    let mut thief = administrator(&salus).await;
    let own = json!({ "organization_id": thief.get("/api/v1/auth/me").await.json()["organization"] });
    let guess = json!({ "current_password": WRONG, "new_password": "an orchard of seven plums" });
    let before = salus.sessions.passwords.compared();
    for _ in 0..5 {
        for _ in 0..4 {
            thief.post("/api/v1/auth/change-password", guess.clone()).await;
        }
        let next = Tokens::of(&thief.post("/api/v1/auth/switch-organization", own.clone()).await);
        thief = thief.with(&next.access);
    }
    let looked_at = salus.sessions.passwords.compared() - before;
    assert!((5..=10).contains(&looked_at), "{looked_at} of 20");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_strangers_leaves_room_for_the_owners_device() {
    let salus = InProcess::start().await;
    administrator(&salus).await;
    let owner = Person::at(&salus.router);
    let device = owner.log_in("admin", PASSWORD).await.device;
    let mut strangers = JoinSet::new();
    for stranger in 0..64_u32 {
        let from = std::net::Ipv4Addr::from(0xC633_6400 + stranger).into();
        let person = Person { from, ..owner.clone() };
        strangers.spawn(async move {
            let mut turned_away = 0;
            for number in 0..20 {
                let answer = person.try_log_in(&format!("name{stranger}.{number}"), WRONG).await;
                turned_away += u32::from(answer.status == StatusCode::SERVICE_UNAVAILABLE);
            }
            turned_away
        });
    }
    let flood = tokio::spawn(strangers.join_all());
    let known = json!({ "username": "admin", "password": PASSWORD, "device_token": device });
    while !flood.is_finished() {
        // Somebody who takes the place that it has just given back would show nothing.
        tokio::time::sleep(Duration::from_millis(15)).await;
        Tokens::of(&owner.post("/api/v1/auth/login", known.clone()).await);
    }
    let turned_away: u32 = flood.await.unwrap().into_iter().sum();
    assert!(turned_away > 0, "the queue was never full: nothing was shown");
}
