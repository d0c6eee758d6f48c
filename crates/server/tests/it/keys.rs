//! The keys that sign tokens: published, followed by the next, taken away.

mod command;
mod maintenance;

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::http::StatusCode;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::TimeDelta;
use serde_json::Value;

use crate::client::text;
use crate::in_process::{InProcess, TestClock};
use crate::people::{PASSWORD, Person, administrator};

fn kid(token: &str) -> String {
    let header = URL_SAFE_NO_PAD.decode(token.split('.').next().unwrap()).unwrap();
    text(&serde_json::from_slice::<Value>(&header).unwrap()["kid"])
}

async fn published(person: &Person) -> Vec<String> {
    let set = person.get("/.well-known/jwks.json").await.json();
    set["keys"].as_array().unwrap().iter().map(|key| text(&key["kid"])).collect()
}

#[tokio::test]
async fn the_published_keys_are_public_and_may_be_kept_for_a_minute() {
    let salus = InProcess::start().await;
    let answer = Person::at(&salus.router).get("/.well-known/jwks.json").await;
    assert_eq!(answer.header("cache-control"), "public, max-age=60");
    let set = answer.json();
    let key = &set["keys"][0];
    assert_eq!((&key["kty"], &key["crv"], &key["alg"]), (&"OKP".into(), &"Ed25519".into(), &"EdDSA".into()));
    assert!(key["d"].is_null() && set["keys"].as_array().unwrap().len() == 1);
}

#[tokio::test]
async fn the_next_key_is_published_before_it_signs_and_the_old_one_believed_to_its_last_token() {
    let clock = TestClock::start();
    let salus = InProcess::with_clock(Arc::clone(&clock) as _).await;
    let admin = administrator(&salus).await;
    let old = published(&admin).await;
    let rotated = admin.act("/api/v1/admin/keys/rotate").await;
    assert_eq!(rotated.status, StatusCode::OK, "{rotated:?}");
    let states = |list: &Value| {
        let items = list["items"].as_array().unwrap();
        items.iter().map(|key| text(&key["state"])).collect::<Vec<_>>()
    };
    assert_eq!(states(&rotated.json()), ["next", "current"]);
    assert_eq!(admin.act("/api/v1/admin/keys/rotate").await.status, StatusCode::CONFLICT, "one at a time");
    let both = published(&admin).await;
    assert_eq!((both.len(), &both[1]), (2, &old[0]));

    let person = Person::at(&salus.router);
    let before = person.log_in("admin", PASSWORD).await;
    assert_eq!(kid(&before.access), old[0]);
    clock.pass(TimeDelta::seconds(120));
    let after = person.log_in("admin", PASSWORD).await;
    assert_eq!(kid(&after.access), both[0]);
    assert!(person.with(&before.access).is_in().await && person.with(&after.access).is_in().await);
    let list = person.with(&after.access).get("/api/v1/admin/keys").await.json();
    assert_eq!(states(&list), ["current", "old"]);
    // 20 minutes on nothing that the old key signed can be good.
    clock.pass(TimeDelta::minutes(20));
    let later = person.log_in("admin", PASSWORD).await;
    let list = person.with(&later.access).get("/api/v1/admin/keys").await.json();
    assert_eq!(states(&list), ["current"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rotation_under_load_fails_no_request() {
    let clock = TestClock::start();
    let salus = InProcess::with_clock(Arc::clone(&clock) as _).await;
    let admin = administrator(&salus).await;
    let clients: Vec<_> = (0..4)
        .map(|_| {
            let person = Person::at(&salus.router);
            tokio::spawn(async move {
                let mut kids = std::collections::HashSet::new();
                let mut tokens = person.log_in("admin", PASSWORD).await;
                for _ in 0..40 {
                    assert!(person.with(&tokens.access).is_in().await);
                    tokens = crate::people::Tokens::of(&person.refresh(&tokens.refresh).await);
                    kids.insert(kid(&tokens.access));
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
                kids
            })
        })
        .collect();
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(admin.act("/api/v1/admin/keys/rotate").await.status, StatusCode::OK);
    clock.pass(TimeDelta::seconds(121));
    for client in clients {
        assert!(client.await.unwrap().len() <= 2);
    }
    let person = Person::at(&salus.router);
    assert_eq!(kid(&person.log_in("admin", PASSWORD).await.access), published(&person).await[0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_removed_key_is_believed_nowhere_within_a_minute_and_another_signs() {
    let salus = InProcess::start().await;
    let second = salus.second().await;
    let admin = administrator(&salus).await;
    let there = admin.asking(&second.router);
    assert!(there.is_in().await);
    let removed = published(&admin).await.remove(0);
    let path = format!("/api/v1/admin/keys/{removed}");
    assert_eq!(admin.delete(&path).await.status, StatusCode::NO_CONTENT);
    assert!(!admin.is_in().await, "at once on the server that was asked");
    let began = Instant::now();
    while there.is_in().await {
        assert!(began.elapsed() < Duration::from_secs(15), "other servers hear of it within seconds");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert!(!published(&admin).await.contains(&removed));
    let again = Person::at(&salus.router).log_in("admin", PASSWORD).await;
    assert_ne!(kid(&again.access), removed);
    let admin = admin.with(&again.access);
    assert!(admin.is_in().await);
    assert_eq!(admin.delete(&path).await.status, StatusCode::NOT_FOUND);
}
