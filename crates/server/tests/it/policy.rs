//! Who is let through: every route of the table, with every kind of caller.

use api::policy::{Policy, Rule, table};
use axum::body::Body;
use axum::http::{Request, StatusCode};
use domain::permission::{ADMINISTRATOR, ROLES, SYSTEM_ADMINISTRATOR, allows};

use crate::client::call;
use crate::in_process::InProcess;
use test_support::sqlx;

fn request(rule: &Rule, token: Option<&str>) -> Request<Body> {
    let path = rule
        .path
        .replace("{type}", "Patient")
        .replace("{id}", "p1")
        .replace("{record}", "r1")
        .replace("{mrn}", "m1")
        .replace("{number}", "P1")
        .replace("{version}", "1")
        .replace("{kid}", "k1");
    let mut request = Request::builder().method(rule.verb.name()).uri(path).header("host", "localhost");
    if let Some(token) = token {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    request.body(Body::empty()).unwrap()
}

#[tokio::test]
async fn without_a_token_only_public_routes_let_one_through() {
    let salus = InProcess::start().await;
    for rule in table() {
        let answer = call(salus.router.clone(), request(rule, None)).await;
        if rule.policy == Policy::Public {
            assert_ne!(answer.status, StatusCode::UNAUTHORIZED, "{}", rule.path);
        } else {
            assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{}", rule.path);
            assert!(answer.header("www-authenticate").starts_with("Bearer"), "{}", rule.path);
        }
    }
}

#[tokio::test]
async fn a_forged_token_is_no_better_than_none() {
    let salus = InProcess::start().await;
    let other = InProcess::start().await.token(&["administrator"]);
    for token in ["x", "a.b.c", other.as_str(), &"y".repeat(8_000)] {
        for rule in table().filter(|rule| rule.policy != Policy::Public) {
            let answer = call(salus.router.clone(), request(rule, Some(token))).await;
            assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{}", rule.path);
            assert!(answer.header("www-authenticate").contains("invalid_token"));
        }
    }
}

#[tokio::test]
async fn a_role_that_is_not_in_the_table_opens_no_route_that_needs_a_permission() {
    let salus = InProcess::start().await;
    let token = salus.token(&["visitor"]);
    for rule in table() {
        let answer = call(salus.router.clone(), request(rule, Some(&token))).await;
        match rule.policy {
            Policy::Permissions(_) => assert_eq!(answer.status, StatusCode::FORBIDDEN, "{}", rule.path),
            Policy::Public | Policy::Authenticated => {
                assert_ne!(answer.status, StatusCode::FORBIDDEN, "{}", rule.path);
            }
        }
    }
}

/// Every route with every role, and with both administrators' roles together: the table and nothing else decides.
#[tokio::test]
async fn every_role_is_let_through_exactly_where_the_table_says() {
    let salus = InProcess::start().await;
    let both: &[&str] = &[ADMINISTRATOR, SYSTEM_ADMINISTRATOR];
    let alone: Vec<[&str; 1]> = ROLES.iter().map(|role| [role.name]).collect();
    let mut allowed = 0;
    for roles in alone.iter().map(|one| one.as_slice()).chain([both]) {
        let token = salus.token(roles);
        let names: Vec<String> = roles.iter().map(|role| (*role).to_owned()).collect();
        for rule in table() {
            let needed = match rule.policy {
                Policy::Permissions(needed) => needed,
                Policy::Public | Policy::Authenticated => &[],
            };
            let may = needed.iter().all(|permission| allows(&names, *permission));
            let answer = call(salus.router.clone(), request(rule, Some(&token))).await;
            let place = format!("{roles:?}: {} {}: {answer:?}", rule.verb.name(), rule.path);
            assert_eq!(answer.status != StatusCode::FORBIDDEN, may, "{place}");
            assert_ne!(answer.status, StatusCode::UNAUTHORIZED, "{place}");
            assert!(!answer.status.is_server_error(), "{place}");
            allowed += usize::from(may);
        }
    }
    let routes = table().count();
    assert!(allowed > routes && allowed < routes * (ROLES.len() + 1), "{allowed} of {routes} routes");
}

#[tokio::test]
async fn every_denied_request_for_a_patients_data_is_in_the_audit_trail_of_auth() {
    let salus = InProcess::start().await;
    let token = salus.token(&["visitor"]);
    let denied: Vec<_> = table().filter(|rule| rule.patient_data).collect();
    for rule in &denied {
        call(salus.router.clone(), request(rule, None)).await;
        call(salus.router.clone(), request(rule, Some(&token))).await;
    }
    let mut written = 0;
    let mut operations: Vec<_> = denied.iter().map(|rule| rule.operation).collect();
    operations.sort_unstable();
    operations.dedup();
    for operation in operations {
        let outcomes = salus.audited(operation).await;
        assert!(outcomes.iter().all(|outcome| outcome == "denied"), "{operation}: {outcomes:?}");
        written += outcomes.len();
    }
    assert_eq!(written, 2 * denied.len());
}

#[tokio::test]
async fn a_denial_that_cannot_be_written_down_is_a_failure_of_ours() {
    let salus = InProcess::start().await;
    let read = table().find(|rule| rule.path == "/fhir/R4/{type}/{id}").unwrap();
    assert_eq!(call(salus.router.clone(), request(read, None)).await.status, StatusCode::UNAUTHORIZED);
    let mut owner = salus.databases.connect(kernel::Database::Auth, test_support::Role::Superuser).await;
    sqlx::query("revoke insert on audit.event from salus_app").execute(&mut owner).await.unwrap();
    let answer = call(salus.router.clone(), request(read, None)).await;
    assert!(answer.status.is_server_error(), "{answer:?}");
}

#[tokio::test]
async fn a_refused_write_is_in_the_audit_trail_of_auth() {
    let salus = InProcess::start().await;
    let token = salus.token(&["administrator"]);
    let put = async |if_match: Option<&str>| {
        let mut request = Request::put("/fhir/R4/Patient/p1")
            .header("host", "test")
            .header("content-type", "application/fhir+json")
            .header("authorization", format!("Bearer {token}"));
        if let Some(tag) = if_match {
            request = request.header("if-match", tag);
        }
        let body = Body::from(r#"{"resourceType":"Patient","id":"p1"}"#);
        call(salus.router.clone(), request.body(body).unwrap()).await.status
    };
    assert_eq!(put(None).await, StatusCode::CREATED);
    assert!(salus.audited("record.update").await.is_empty(), "an allowed write stands in phi");
    assert_eq!(put(Some("W/\"7\"")).await, StatusCode::PRECONDITION_FAILED);
    assert_eq!(salus.audited("record.update").await, ["denied"]);
}
