//! Who comes from where, and how often.

use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::{Duration, Instant};

use api::{Edge, Peer, RateLimits, Rates};
use axum::body::Body;
use axum::http::{Request, StatusCode};

use identity::PasswordCost;
use serde_json::json;

use crate::client::{Answer, call};
use crate::in_process::InProcess;
use crate::people::{PASSWORD, Person, Tokens};

fn rates(user: u32, address: u32, login: u32) -> Option<Arc<RateLimits>> {
    let number = |number| NonZeroU32::new(number).unwrap();
    let rates = Rates { user: number(user), address: number(address), login: number(login) };
    Some(Arc::new(RateLimits::new(rates)))
}

struct From<'s> {
    salus: &'s InProcess,
    address: &'static str,
    forwarded: &'static str,
    token: Option<String>,
}

impl From<'_> {
    async fn ask(&self, method: &str, path: &str) -> Answer {
        let address: IpAddr = self.address.parse().unwrap();
        let mut request =
            Request::builder().method(method).uri(path).header("host", "h").extension(Peer(address));
        if !self.forwarded.is_empty() {
            request = request.header("x-forwarded-for", self.forwarded);
        }
        if let Some(token) = &self.token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        call(self.salus.router.clone(), request.body(Body::empty()).unwrap()).await
    }
}

#[tokio::test]
async fn an_address_that_comes_too_often_is_429_in_the_form_of_the_door_and_a_forged_header_changes_nothing()
{
    let salus = InProcess::behind(Edge { rates: rates(100, 3, 2), ..Edge::default() }).await;
    let mut from = From { salus: &salus, address: "192.0.2.1", forwarded: "", token: None };
    for left in ["2", "1", "0"] {
        let answer = from.ask("GET", "/fhir/R4/metadata").await;
        assert_eq!(answer.status, StatusCode::OK);
        assert_eq!(answer.header("ratelimit-limit"), "3");
        assert_eq!(answer.header("ratelimit-remaining"), left);
        assert_eq!(answer.header("ratelimit-policy"), "3;w=60");
    }
    from.forwarded = "198.51.100.7";
    let fhir = from.ask("GET", "/fhir/R4/metadata").await;
    assert_eq!(fhir.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(fhir.issue().0, "throttled");
    let plain = from.ask("GET", "/api/v1/nothing").await;
    assert_eq!(plain.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(plain.json()["status"], 429);
    let seconds: u64 = plain.header("retry-after").parse().unwrap();
    assert!((1..=21).contains(&seconds), "{seconds}");
    assert_eq!(plain.header("ratelimit-reset"), plain.header("retry-after"));
    for watched in ["/healthz", "/readyz"] {
        assert_eq!(from.ask("GET", watched).await.status, StatusCode::OK, "{watched} is not counted");
    }
    from.address = "192.0.2.2";
    assert_eq!(from.ask("GET", "/fhir/R4/metadata").await.status, StatusCode::OK, "another address");
}

#[tokio::test]
async fn behind_a_trusted_proxy_the_client_is_counted_and_not_the_proxy() {
    let proxies = "10.0.0.0/8".parse().unwrap();
    let salus = InProcess::behind(Edge { rates: rates(100, 1, 1), proxies, ..Edge::default() }).await;
    let mut from = From { salus: &salus, address: "10.0.0.5", forwarded: "198.51.100.7", token: None };
    assert_eq!(from.ask("GET", "/fhir/R4/metadata").await.status, StatusCode::OK);
    from.forwarded = "203.0.113.1, 198.51.100.7";
    assert_eq!(
        from.ask("GET", "/fhir/R4/metadata").await.status,
        StatusCode::TOO_MANY_REQUESTS,
        "the same client"
    );
    from.forwarded = "198.51.100.8";
    assert_eq!(from.ask("GET", "/fhir/R4/metadata").await.status, StatusCode::OK, "another client");
}

#[tokio::test]
async fn logins_are_limited_more_narrowly_than_the_rest() {
    let salus = InProcess::behind(Edge { rates: rates(100, 100, 2), ..Edge::default() }).await;
    let from = From { salus: &salus, address: "192.0.2.1", forwarded: "", token: None };
    for _ in 0..2 {
        let login = from.ask("POST", "/api/v1/auth/login").await;
        assert_eq!(login.status, StatusCode::UNSUPPORTED_MEDIA_TYPE, "let through to the route");
        assert_eq!(login.header("ratelimit-limit"), "2");
    }
    assert_eq!(from.ask("POST", "/api/v1/auth/login").await.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(from.ask("GET", "/fhir/R4/metadata").await.status, StatusCode::OK);
}

#[tokio::test]
async fn who_uses_up_the_logins_of_an_address_keeps_neither_known_devices_nor_renewals_out() {
    let salus = InProcess::behind(Edge { rates: rates(100, 100, 3), ..Edge::default() }).await;
    salus.create_account("admin", PASSWORD, PasswordCost::CHEAP).await;
    let person = Person::at(&salus.router);
    let tokens = person.log_in("admin", PASSWORD).await;
    for _ in 0..5 {
        person.try_log_in("admin", "not the password, I fear").await;
    }
    let stranger = person.try_log_in("admin", PASSWORD).await;
    assert_eq!(stranger.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(stranger.header("ratelimit-limit"), "3", "the limit of the address, not the throttle");
    let forged = json!({ "username": "admin", "password": PASSWORD, "device_token": "A".repeat(54) });
    assert_eq!(person.post("/api/v1/auth/login", forged).await.status, StatusCode::TOO_MANY_REQUESTS);
    let known = json!({ "username": "admin", "password": PASSWORD, "device_token": tokens.device });
    Tokens::of(&person.post("/api/v1/auth/login", known).await);
    Tokens::of(&person.refresh(&tokens.refresh).await);
}

#[tokio::test]
async fn a_user_is_counted_wherever_it_comes_from() {
    let salus = InProcess::behind(Edge { rates: rates(2, 100, 100), ..Edge::default() }).await;
    let token = Some(salus.token(&["administrator"]));
    for (address, expected) in [
        ("192.0.2.1", StatusCode::NOT_FOUND),
        ("192.0.2.2", StatusCode::NOT_FOUND),
        ("192.0.2.3", StatusCode::TOO_MANY_REQUESTS),
    ] {
        let from = From { salus: &salus, address, forwarded: "", token: token.clone() };
        let answer = from.ask("GET", "/fhir/R4/Patient/nobody").await;
        assert_eq!(answer.status, expected, "{address}");
        assert_eq!(answer.header("ratelimit-limit"), "2", "the narrower of the two is told");
    }
    let token = Some(salus.token(&["administrator"]));
    let other = From { salus: &salus, address: "192.0.2.3", forwarded: "", token };
    assert_eq!(other.ask("GET", "/fhir/R4/Patient/nobody").await.status, StatusCode::NOT_FOUND);
}

const PAGE: &str = "https://app.example.org";

async fn browser(salus: &InProcess, method: &str, path: &str, origin: &str, asks: Option<&str>) -> Answer {
    let mut request =
        Request::builder().method(method).uri(path).header("host", "h").header("origin", origin);
    if let Some(asked) = asks {
        request = request
            .header("access-control-request-method", asked)
            .header("access-control-request-headers", "authorization, content-type");
    }
    call(salus.router.clone(), request.body(Body::empty()).unwrap()).await
}

#[tokio::test]
async fn a_page_on_the_list_may_use_the_api_and_no_other_page() {
    let salus = InProcess::behind(Edge { origins: PAGE.parse().unwrap(), ..Edge::default() }).await;
    let preflight = browser(&salus, "OPTIONS", "/fhir/R4/Patient/1", PAGE, Some("PUT")).await;
    assert_eq!(preflight.status, StatusCode::NO_CONTENT, "no token is needed to ask");
    assert_eq!(preflight.header("access-control-allow-origin"), PAGE);
    assert!(preflight.header("access-control-allow-methods").contains("PUT"));
    assert!(preflight.header("access-control-allow-headers").to_lowercase().contains("authorization"));
    assert_eq!(preflight.header("access-control-allow-credentials"), "");

    for path in ["/fhir/R4/metadata", "/fhir/R4/Patient/1", "/nothing"] {
        let answer = browser(&salus, "GET", path, PAGE, None).await;
        assert_eq!(answer.header("access-control-allow-origin"), PAGE, "{path}: refusals can be read too");
        let exposed = answer.header("access-control-expose-headers").to_lowercase();
        for name in ["etag", "link", "location", "x-request-id", "ratelimit-remaining", "retry-after"] {
            assert!(exposed.split(", ").any(|exposed| exposed == name), "{name}");
        }
        assert!(answer.headers.get_all("vary").iter().any(|value| value == "Origin"), "{path}");
    }
    for origin in
        ["https://evil.example", "null", "https://app.example.org.evil.example", "http://app.example.org"]
    {
        let preflight = browser(&salus, "OPTIONS", "/fhir/R4/Patient/1", origin, Some("PUT")).await;
        assert_eq!(preflight.status, StatusCode::METHOD_NOT_ALLOWED, "{origin}");
        let answer = browser(&salus, "GET", "/fhir/R4/metadata", origin, None).await;
        for answer in [preflight, answer] {
            assert_eq!(answer.header("access-control-allow-origin"), "", "{origin}");
            assert!(answer.headers.get_all("vary").iter().any(|value| value == "Origin"), "{origin}");
        }
    }
}

#[tokio::test]
async fn without_a_list_no_page_is_told_anything() {
    let salus = InProcess::start().await;
    let preflight = browser(&salus, "OPTIONS", "/fhir/R4/Patient/1", PAGE, Some("GET")).await;
    assert_eq!(preflight.status, StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(preflight.header("access-control-allow-origin"), "");
}

#[tokio::test]
async fn behind_https_browsers_are_told_to_stay_there() {
    let salus = InProcess::behind(Edge { https: true, ..Edge::default() }).await;
    let answer = browser(&salus, "GET", "/healthz", PAGE, None).await;
    assert_eq!(answer.header("strict-transport-security"), "max-age=31536000");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pool_that_is_exhausted_turns_its_own_requests_away_at_once_and_no_others() {
    let salus = InProcess::start().await;
    let token = Some(salus.token(&["administrator"]));
    let from = From { salus: &salus, address: "192.0.2.1", forwarded: "", token };
    let mut held = Vec::new();
    while let Ok(Ok(connection)) =
        tokio::time::timeout(Duration::from_millis(200), salus.store.connection(kernel::Database::Phi)).await
    {
        held.push(connection);
    }
    assert!(held.len() >= 5, "{} connections", held.len());
    let waiting = tokio::spawn({
        let store = salus.store.clone();
        async move { store.connection(kernel::Database::Phi).await.map(store::Connection::finish) }
    });
    tokio::time::sleep(Duration::from_millis(2_300)).await;
    let began = Instant::now();
    for _ in 0..20 {
        let refused = from.ask("GET", "/fhir/R4/Patient/nobody").await;
        assert_eq!(refused.status, StatusCode::SERVICE_UNAVAILABLE);
        assert!(!refused.header("retry-after").is_empty());
        assert_eq!(refused.issue().0, "throttled");
    }
    assert!(began.elapsed() < Duration::from_secs(1), "20 refusals took {:?}", began.elapsed());
    for other in ["/fhir/R4/Practitioner/nobody", "/fhir/R4/Observation/nobody"] {
        assert_eq!(from.ask("GET", other).await.status, StatusCode::NOT_FOUND, "{other}");
    }
    held.into_iter().for_each(store::Connection::finish);
    waiting.await.unwrap().unwrap();
    assert_eq!(from.ask("GET", "/fhir/R4/Patient/nobody").await.status, StatusCode::NOT_FOUND);
}
