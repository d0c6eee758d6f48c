//! Renewing sessions, and ending them everywhere.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::http::StatusCode;
use chrono::TimeDelta;
use kernel::Database;
use serde_json::json;
use test_support::{Role, sqlx};

use crate::client::text;
use crate::in_process::{InProcess, TestClock};
use crate::people::{OTHER_PASSWORD, PASSWORD, Person, Tokens, administrator, employ, found, hire, settle};

#[tokio::test]
async fn a_second_use_of_a_refresh_token_ends_the_session_for_both() {
    let salus = InProcess::start().await;
    administrator(&salus).await;
    let person = Person::at(&salus.router);
    let first = person.log_in("admin", PASSWORD).await;
    let second = Tokens::of(&person.refresh(&first.refresh).await);
    assert_ne!(second.refresh, first.refresh);
    assert_eq!(second.session, first.session);
    let third = Tokens::of(&person.refresh(&second.refresh).await);
    assert!(person.with(&third.access).is_in().await);

    assert_eq!(person.refresh(&first.refresh).await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(person.refresh(&third.refresh).await.status, StatusCode::UNAUTHORIZED);
    for tokens in [&first, &second, &third] {
        assert!(!person.with(&tokens.access).is_in().await);
    }
    assert_eq!(salus.audited("session.reuse").await, ["denied"]);
}

#[tokio::test]
async fn a_client_that_lost_the_answer_gets_the_same_one_again_and_another_client_does_not() {
    let salus = InProcess::start().await;
    administrator(&salus).await;
    let person = Person::at(&salus.router);
    let first = person.log_in("admin", PASSWORD).await;
    let lost = Tokens::of(&person.refresh(&first.refresh).await);
    let again = Tokens::of(&person.refresh(&first.refresh).await);
    assert_eq!(again.refresh, lost.refresh);
    assert!(person.with(&again.access).is_in().await);

    let thief = Person { agent: "thief", ..person.clone() };
    assert_eq!(thief.refresh(&first.refresh).await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(person.refresh(&lost.refresh).await.status, StatusCode::UNAUTHORIZED, "both are out");
}

#[tokio::test(flavor = "multi_thread")]
async fn however_many_use_one_token_at_the_same_time_the_family_has_one_living_token() {
    let salus = InProcess::start().await;
    administrator(&salus).await;
    let person = Person::at(&salus.router);
    let first = person.log_in("admin", PASSWORD).await;
    let races = (0..20).map(|_| {
        let (person, token) = (person.clone(), first.refresh.clone());
        tokio::spawn(async move { Tokens::of(&person.refresh(&token).await).refresh })
    });
    let mut given = Vec::new();
    for race in races.collect::<Vec<_>>() {
        given.push(race.await.unwrap());
    }
    assert!(given.windows(2).all(|pair| pair[0] == pair[1]));
    let mut auth = salus.databases.connect(Database::Auth, Role::Superuser).await;
    let living: i64 = sqlx::query_scalar(
        "select count(*) from identity.refresh_token where used_at is null and session = $1::text::uuid",
    )
    .bind(&first.session)
    .fetch_one(&mut auth)
    .await
    .unwrap();
    assert_eq!(living, 1);
}

#[tokio::test]
async fn what_is_no_refresh_token_is_refused_like_an_old_one() {
    let salus = InProcess::start().await;
    administrator(&salus).await;
    let person = Person::at(&salus.router);
    let tokens = person.log_in("admin", PASSWORD).await;
    let mut bodies = Vec::new();
    for odd in ["", "x", &"A".repeat(43), &tokens.access, &"A".repeat(8_000)] {
        let answer = person.refresh(odd).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{odd}");
        let mut body = answer.json();
        body["request_id"].take();
        bodies.push(body);
    }
    assert!(bodies.windows(2).all(|pair| pair[0] == pair[1]));
    assert!(person.with(&tokens.access).is_in().await);
}

#[tokio::test]
async fn a_session_ends_when_it_is_idle_and_after_twelve_hours_however_busy() {
    let clock = TestClock::start();
    let salus = InProcess::with_clock(Arc::clone(&clock) as _).await;
    administrator(&salus).await;
    let person = Person::at(&salus.router);

    let idle = person.log_in("admin", PASSWORD).await;
    clock.pass(TimeDelta::minutes(31));
    assert_eq!(person.refresh(&idle.refresh).await.status, StatusCode::UNAUTHORIZED);

    let mut busy = person.log_in("admin", PASSWORD).await;
    for _ in 0..24 {
        clock.pass(TimeDelta::minutes(29));
        busy = Tokens::of(&person.refresh(&busy.refresh).await);
    }
    // 11 h 36 min: what is minted now ends with the session.
    clock.pass(TimeDelta::minutes(20));
    let last = person.refresh(&busy.refresh).await;
    let left = last.json()["expires_in"].as_u64().unwrap();
    assert!((238..=240).contains(&left), "{left}");
    let last = Tokens::of(&last);
    clock.pass(TimeDelta::minutes(4));
    assert!(!person.with(&last.access).is_in().await);
    assert_eq!(person.refresh(&last.refresh).await.status, StatusCode::UNAUTHORIZED);
}

/// Waits until the token is refused; fails where that takes five seconds.
async fn is_out_soon(person: &Person, why: &str) {
    let began = Instant::now();
    while person.is_in().await {
        assert!(began.elapsed() < Duration::from_secs(5), "{why}: still in after five seconds");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_ends_a_session_ends_it_on_every_server_within_five_seconds() {
    let salus = InProcess::start().await;
    let second = salus.second().await;
    let system = administrator(&salus).await;
    let (organization, boss) = found(&system, "North", "north.admin").await;
    let (id, _) = employ(&boss, "nora", &["nurse"]).await;
    let nora = Person::at(&salus.router);
    let user = |act: &str| format!("/api/v1/users/{id}/{act}");

    let events: [(&str, bool); 7] = [
        ("logout", false),
        ("logout-all", false),
        ("revoke", false),
        ("roles", true),
        ("disable", false),
        ("remove", false),
        ("suspend", false),
    ];
    for (event, goes_on) in events {
        let tokens = match event {
            // What came before took the account away.
            "suspend" => nora.log_in("north.admin", PASSWORD).await,
            _ => nora.log_in("nora", PASSWORD).await,
        };
        let (here, there) = (nora.with(&tokens.access), nora.with(&tokens.access).asking(&second.router));
        assert!(here.is_in().await && there.is_in().await, "{event}");
        let done = match event {
            "logout" => here.act("/api/v1/auth/logout").await,
            "logout-all" => here.act("/api/v1/auth/logout-all").await,
            "revoke" => {
                let other = nora.log_in("nora", PASSWORD).await;
                let path = format!("/api/v1/auth/sessions/{}", tokens.session);
                nora.with(&other.access).delete(&path).await
            }
            "roles" => boss.put(&user("roles"), json!({ "roles": ["nurse", "clerk"] })).await,
            "disable" => boss.act(&user("disable")).await,
            "remove" => boss.delete(&format!("/api/v1/users/{id}")).await,
            _ => system.act(&format!("/api/v1/organizations/{organization}/suspend")).await,
        };
        assert!(done.status.is_success(), "{event}: {done:?}");
        assert!(!here.is_in().await, "{event}: at once on the server that was asked");
        is_out_soon(&there, event).await;
        let renewed = nora.refresh(&tokens.refresh).await;
        assert_eq!(renewed.status == StatusCode::OK, goes_on, "{event}: {renewed:?}");
        if goes_on {
            let renewed = nora.with(&Tokens::of(&renewed).access);
            assert_eq!(renewed.get("/api/v1/auth/me").await.json()["roles"], json!(["clerk", "nurse"]));
        }
        if event == "disable" {
            assert_eq!(nora.try_log_in("nora", PASSWORD).await.status, StatusCode::UNAUTHORIZED);
            assert_eq!(boss.act(&user("enable")).await.status, StatusCode::OK);
        }
    }
}

#[tokio::test]
async fn sessions_are_listed_and_only_ones_own_can_be_ended() {
    let salus = InProcess::start().await;
    let admin = administrator(&salus).await;
    let (_, tokens) = employ(&admin, "nora", &["nurse"]).await;
    let nora = Person { agent: "ward terminal", ..Person::at(&salus.router) }.with(&tokens.access);
    let other = Person { agent: "home", token: None, ..nora.clone() }.log_in("nora", PASSWORD).await;

    let list = nora.get("/api/v1/auth/sessions").await.json();
    let sessions = list["items"].as_array().unwrap();
    assert_eq!(sessions.len(), 2, "{list}");
    assert_eq!((&sessions[0]["user_agent"], &sessions[0]["current"]), (&json!("home"), &json!(false)));
    assert_eq!(sessions[1]["id"], tokens.session.as_str());
    assert_eq!(sessions[0]["address"], "192.0.2.1");

    let path = format!("/api/v1/auth/sessions/{}", other.session);
    assert_eq!(admin.delete(&path).await.status, StatusCode::NOT_FOUND, "somebody else's");
    assert_eq!(nora.delete(&path).await.status, StatusCode::NO_CONTENT);
    assert_eq!(nora.delete(&path).await.status, StatusCode::NOT_FOUND, "ended already");
    assert_eq!(nora.delete("/api/v1/auth/sessions/x").await.status, StatusCode::NOT_FOUND);
    assert!(!nora.with(&other.access).is_in().await);
}

#[tokio::test]
async fn a_changed_password_ends_every_session_but_the_one_that_it_opens() {
    let salus = InProcess::start().await;
    let admin = administrator(&salus).await;
    let other = Person::at(&salus.router).log_in("admin", PASSWORD).await;
    let change = |current: &str, new: &str| {
        let body = json!({ "current_password": current, "new_password": new });
        let admin = admin.clone();
        async move { admin.post("/api/v1/auth/change-password", body).await }
    };
    for (current, new, at) in [
        ("wrong", OTHER_PASSWORD, "/current_password"),
        (PASSWORD, PASSWORD, "/new_password"),
        (PASSWORD, "too short", "/new_password"),
        (PASSWORD, "Password123456789", "/new_password"),
        (PASSWORD, "admin admin admin admin", "/new_password"),
    ] {
        let refused = change(current, new).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{new}");
        assert_eq!(refused.json()["errors"][0]["pointer"], at, "{new}");
        assert!(!String::from_utf8_lossy(&refused.body).contains(new), "{new}");
    }
    let changed = Tokens::of(&change(PASSWORD, OTHER_PASSWORD).await);
    assert!(admin.with(&changed.access).is_in().await);
    assert!(!admin.is_in().await && !admin.with(&other.access).is_in().await);
    assert_eq!(admin.refresh(&other.refresh).await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(admin.try_log_in("admin", PASSWORD).await.status, StatusCode::UNAUTHORIZED);
    admin.log_in("admin", OTHER_PASSWORD).await;
}

#[tokio::test]
async fn a_temporary_password_is_good_for_choosing_another_and_for_nothing_else() {
    let salus = InProcess::start().await;
    let admin = administrator(&salus).await;
    let (_, temporary) = hire(&admin, "nora", &["administrator"]).await;
    let answer = Person::at(&salus.router).try_log_in("nora", &temporary).await;
    assert_eq!(answer.json()["must_change_password"], true);
    let nora = admin.with(&Tokens::of(&answer).access);
    assert_eq!(nora.get("/api/v1/auth/me").await.json()["must_change_password"], true);
    for path in ["/api/v1/users", "/api/v1/auth/sessions", "/fhir/R4/Patient"] {
        assert_eq!(nora.get(path).await.status, StatusCode::FORBIDDEN, "{path}");
    }
    let renewed = Tokens::of(&nora.refresh(&Tokens::of(&answer).refresh).await);
    assert_eq!(nora.with(&renewed.access).get("/api/v1/users").await.status, StatusCode::FORBIDDEN);
    let tokens = settle(&nora, "nora", &temporary).await;
    assert_eq!(nora.with(&tokens.access).get("/api/v1/users").await.status, StatusCode::OK);
}

#[tokio::test]
async fn who_belongs_to_two_organizations_names_one_and_can_change_over() {
    let salus = InProcess::start().await;
    let system = administrator(&salus).await;
    let (north, _) = found(&system, "North", "north.admin").await;
    let (south, _) = found(&system, "South", "south.admin").await;
    let member = json!({ "username": "North.Admin", "roles": ["nurse"] });
    let joined = system.post(&format!("/api/v1/organizations/{south}/members"), member.clone()).await;
    assert_eq!(joined.status, StatusCode::NO_CONTENT, "{joined:?}");
    let twice = system.post(&format!("/api/v1/organizations/{south}/members"), member).await;
    assert_eq!(twice.status, StatusCode::CONFLICT);

    let person = Person::at(&salus.router);
    let unsaid = person.try_log_in("north.admin", PASSWORD).await;
    assert_eq!(unsaid.status, StatusCode::CONFLICT);
    let choices = unsaid.json()["errors"].to_string();
    assert!(choices.contains(&north) && choices.contains(&south) && choices.contains("South"), "{choices}");
    assert_eq!(salus.audited("session.choose_organization").await, ["success"], "a password was found right");
    let wrong = person.try_log_in("north.admin", "not the password, I fear").await;
    assert_eq!(wrong.status, StatusCode::UNAUTHORIZED);
    assert!(!String::from_utf8_lossy(&wrong.body).contains("South"));

    let named = json!({ "username": "north.admin", "password": PASSWORD, "organization_id": south });
    let tokens = Tokens::of(&person.post("/api/v1/auth/login", named).await);
    let me = person.with(&tokens.access).get("/api/v1/auth/me").await.json();
    assert_eq!((text(&me["organization"]), &me["roles"]), (south, &json!(["nurse"])));

    let here = person.with(&tokens.access);
    let to = |organization: &str| json!({ "organization_id": organization });
    let over = here.post("/api/v1/auth/switch-organization", to(&north)).await;
    let over = person.with(&Tokens::of(&over).access);
    assert_eq!(over.get("/api/v1/auth/me").await.json()["roles"], json!(["administrator"]));
    assert!(!here.is_in().await, "the session that was left has ended");
    let own = text(&system.get("/api/v1/auth/me").await.json()["organization"]);
    let refused = over.post("/api/v1/auth/switch-organization", to(&own)).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
}
