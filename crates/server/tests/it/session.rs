//! Logging in.

use api::policy::Permission;
use axum::body::Body;
use axum::http::{Request, StatusCode};
use identity::PasswordCost;
use serde_json::json;

use crate::client::{Answer, Client, call, text};
use crate::in_process::InProcess;
use crate::salus::shared;
use test_support::sqlx;

async fn log_in(salus: &InProcess, username: &str, password: &str) -> Answer {
    let body = json!({ "username": username, "password": password }).to_string();
    let request =
        Request::post("/api/v1/auth/login").header("host", "h").header("content-type", "application/json");
    call(salus.router.clone(), request.body(Body::from(body)).unwrap()).await
}

#[tokio::test]
async fn the_administrator_logs_in_and_learns_who_one_is() {
    let client = shared().await;
    let me = client.get("/api/v1/auth/me").await;
    assert_eq!(me.status, StatusCode::OK);
    let me = me.json();
    assert_eq!(me["username"], "admin");
    assert_eq!(me["roles"], json!(["administrator", "system_administrator"]));
    let all: Vec<_> = Permission::ALL.iter().map(|permission| permission.name()).collect();
    assert_eq!(me["permissions"], json!(all));
}

#[tokio::test]
async fn a_login_gives_a_bearer_token_of_ten_minutes() {
    let salus = InProcess::start().await;
    salus.create_account("admin", "right password", PasswordCost::CHEAP).await;
    let answer = log_in(&salus, "Admin", "right password").await;
    assert_eq!(answer.status, StatusCode::OK);
    let body = answer.json();
    assert_eq!(body["token_type"], "Bearer");
    assert_eq!(body["expires_in"], 600);
    assert_eq!(answer.header("cache-control"), "no-store");
}

#[tokio::test]
async fn a_wrong_password_and_an_unknown_name_are_answered_alike() {
    let salus = InProcess::start().await;
    salus.create_account("admin", "right password", PasswordCost::CHEAP).await;
    let mut bodies = Vec::new();
    for (username, password) in
        [("admin", "wrong password"), ("nobody", "right password"), ("a\0b", "x"), ("", ""), ("admin", "")]
    {
        let answer = log_in(&salus, username, password).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
        let mut body = answer.json();
        body["request_id"].take();
        bodies.push((body, answer.header("www-authenticate").to_owned()));
    }
    assert!(bodies.windows(2).all(|pair| pair[0] == pair[1]), "{bodies:?}");
}

#[tokio::test]
async fn every_login_is_in_the_audit_trail_before_it_is_answered() {
    let salus = InProcess::start().await;
    salus.create_account("admin", "right password", PasswordCost::CHEAP).await;
    log_in(&salus, "admin", "wrong password").await;
    assert_eq!(salus.audited("session.login").await, ["denied"]);
    log_in(&salus, "admin", "right password").await;
    assert_eq!(salus.audited("session.login").await, ["denied", "success"]);
}

#[tokio::test]
async fn a_hash_of_another_cost_is_renewed_at_login() {
    let salus = InProcess::start().await;
    let dearer = PasswordCost { memory_kib: 16, ..PasswordCost::CHEAP };
    let account = salus.create_account("admin", "right password", dearer).await;
    let hash = async || -> String {
        let mut auth = salus.databases.connect(kernel::Database::Auth, test_support::Role::Superuser).await;
        let hash = sqlx::query_scalar("select password_hash from identity.account where id = $1");
        hash.bind(account.uuid()).fetch_one(&mut auth).await.unwrap()
    };
    let before = hash().await;
    assert_eq!(log_in(&salus, "admin", "right password").await.status, StatusCode::OK);
    assert_ne!(hash().await, before);
    assert_eq!(log_in(&salus, "admin", "right password").await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_login_with_an_unknown_or_missing_member_is_refused_without_an_echo() {
    let client = Client { token: None, ..shared().await };
    for body in [
        r#"{"username":"admin","password":"hunter2","role":"administrator"}"#,
        r#"{"username":"admin"}"#,
        r#"{"username":"admin","password":["hunter2"]}"#,
    ] {
        let request = Request::post("/api/v1/auth/login").header("content-type", "application/json");
        let answer = client.send(request.body(body).unwrap()).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{body}");
        assert!(!text(&answer.json()["detail"]).contains("hunter2"));
    }
}

#[tokio::test]
async fn a_flood_of_logins_is_told_to_come_back_and_does_not_stop_reads() {
    let client = Client { token: None, ..shared().await };
    let logins = (0..80).map(|_| {
        let client = client.clone();
        tokio::spawn(async move { client.log_in("admin", "wrong password").await })
    });
    let logins: Vec<_> = logins.collect();
    let alive = std::time::Instant::now();
    assert_eq!(client.get("/healthz").await.status, StatusCode::OK);
    assert!(alive.elapsed() < std::time::Duration::from_secs(2));
    let mut turned_away = 0;
    for login in logins {
        let answer = login.await.unwrap();
        match answer.status {
            StatusCode::UNAUTHORIZED => {}
            StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS => {
                assert!(!answer.header("retry-after").is_empty());
                turned_away += 1;
            }
            other => panic!("{other}"),
        }
    }
    assert!(turned_away > 0);
}
