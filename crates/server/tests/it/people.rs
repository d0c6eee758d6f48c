//! People who ask: requests to a router in this process, with a token, from an address.

use std::net::IpAddr;

use api::Peer;
use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode};
use serde_json::{Value, json};

use crate::client::{Answer, call, text};
use crate::in_process::InProcess;
use identity::PasswordCost;

/// A password that the rules take.
pub const PASSWORD: &str = "seven green kettles by the lake";
pub const OTHER_PASSWORD: &str = "nine blue teapots near the pond";

/// Somebody who asks.
#[derive(Clone)]
pub struct Person {
    pub router: Router,
    pub token: Option<String>,
    pub from: IpAddr,
    pub agent: &'static str,
}

/// What a login gave.
#[derive(Clone, Debug)]
pub struct Tokens {
    pub access: String,
    pub refresh: String,
    pub session: String,
    pub device: String,
}

impl Tokens {
    pub fn of(answer: &Answer) -> Tokens {
        assert_eq!(answer.status, StatusCode::OK, "{}", String::from_utf8_lossy(&answer.body));
        let body = answer.json();
        Tokens {
            access: text(&body["access_token"]),
            refresh: text(&body["refresh_token"]),
            session: text(&body["session_id"]),
            device: text(&body["device_token"]),
        }
    }
}

impl Person {
    /// A stranger to the server behind `router`.
    pub fn at(router: &Router) -> Person {
        Person { router: router.clone(), token: None, from: [192, 0, 2, 1].into(), agent: "test" }
    }

    /// The same person with a token.
    pub fn with(&self, token: &str) -> Person {
        Person { token: Some(token.to_owned()), ..self.clone() }
    }

    /// The same person, asking another server.
    pub fn asking(&self, router: &Router) -> Person {
        Person { router: router.clone(), ..self.clone() }
    }

    pub async fn send(
        &self,
        method: &str,
        path: &str,
        body: Option<Value>,
        headers: &[(&str, &str)],
    ) -> Answer {
        let mut request = Request::builder().method(method).uri(path).header("host", "localhost");
        request = request.header("user-agent", self.agent);
        if let Some(token) = &self.token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        if body.is_some() {
            request = request.header("content-type", "application/json");
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let body = body.map_or_else(Body::empty, |body| Body::from(body.to_string()));
        let mut request = request.body(body).unwrap();
        request.extensions_mut().insert(Peer(self.from));
        call(self.router.clone(), request).await
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send("GET", path, None, &[]).await
    }

    pub async fn post(&self, path: &str, body: Value) -> Answer {
        self.send("POST", path, Some(body), &[]).await
    }

    /// A POST without a body.
    pub async fn act(&self, path: &str) -> Answer {
        self.send("POST", path, None, &[]).await
    }

    pub async fn put(&self, path: &str, body: Value) -> Answer {
        self.send("PUT", path, Some(body), &[]).await
    }

    pub async fn delete(&self, path: &str) -> Answer {
        self.send("DELETE", path, None, &[]).await
    }

    pub async fn try_log_in(&self, username: &str, password: &str) -> Answer {
        self.post("/api/v1/auth/login", json!({ "username": username, "password": password })).await
    }

    pub async fn log_in(&self, username: &str, password: &str) -> Tokens {
        Tokens::of(&self.try_log_in(username, password).await)
    }

    pub async fn refresh(&self, token: &str) -> Answer {
        self.post("/api/v1/auth/refresh", json!({ "refresh_token": token })).await
    }

    /// Whether the token that this person has is accepted.
    pub async fn is_in(&self) -> bool {
        match self.get("/api/v1/auth/me").await.status {
            StatusCode::OK => true,
            StatusCode::UNAUTHORIZED => false,
            other => panic!("{other}"),
        }
    }
}

/// The first administrator of `salus`, logged in.
pub async fn administrator(salus: &InProcess) -> Person {
    salus.create_account("admin", PASSWORD, PasswordCost::CHEAP).await;
    let person = Person::at(&salus.router);
    let tokens = person.log_in("admin", PASSWORD).await;
    person.with(&tokens.access)
}

/// Creates a user and gives its id and its temporary password.
pub async fn hire(administrator: &Person, username: &str, roles: &[&str]) -> (String, String) {
    let answer = administrator.post("/api/v1/users", json!({ "username": username, "roles": roles })).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", String::from_utf8_lossy(&answer.body));
    let body = answer.json();
    (text(&body["id"]), text(&body["temporary_password"]))
}

/// The same, with [`PASSWORD`] chosen; gives the id and the tokens of the session in which it was.
pub async fn employ(administrator: &Person, username: &str, roles: &[&str]) -> (String, Tokens) {
    let (id, temporary) = hire(administrator, username, roles).await;
    let tokens = settle(administrator, username, &temporary).await;
    (id, tokens)
}

/// Logs in with a temporary password and chooses [`PASSWORD`].
pub async fn settle(anyone: &Person, username: &str, temporary: &str) -> Tokens {
    let stranger = Person { token: None, ..anyone.clone() };
    let first = stranger.log_in(username, temporary).await;
    let choice = json!({ "current_password": temporary, "new_password": PASSWORD });
    Tokens::of(&stranger.with(&first.access).post("/api/v1/auth/change-password", choice).await)
}

/// Creates an organization and gives its id and its administrator, logged in.
pub async fn found(system: &Person, name: &str, username: &str) -> (String, Person) {
    let body = json!({ "name": name, "kind": "clinic", "administrator": { "username": username } });
    let answer = system.post("/api/v1/organizations", body).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", String::from_utf8_lossy(&answer.body));
    let body = answer.json();
    let temporary = text(&body["administrator"]["temporary_password"]);
    let tokens = settle(system, username, &temporary).await;
    (text(&body["id"]), system.with(&tokens.access))
}
