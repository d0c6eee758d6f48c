//! A small HTTP client: one connection per request, so that no test depends on another's.

use std::net::SocketAddr;

use axum::body::Body;
use axum::http::{HeaderMap, Request, StatusCode};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

pub const FHIR_JSON: &str = "application/fhir+json";

/// An answer, read to its end.
#[derive(Clone, Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&self.body)))
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The code and the diagnostics of the first issue of an OperationOutcome.
    pub fn issue(&self) -> (String, String) {
        let outcome = self.json();
        assert_eq!(outcome["resourceType"], "OperationOutcome", "{outcome}");
        let issue = &outcome["issue"][0];
        (text(&issue["code"]), text(&issue["diagnostics"]))
    }
}

pub fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// A server to talk to, with or without a token.
#[derive(Clone, Debug)]
pub struct Client {
    pub address: SocketAddr,
    pub token: Option<String>,
}

impl Client {
    /// Sends one request. `Host` and, where there is a token, `Authorization` are added.
    pub async fn send(&self, request: Request<impl Into<Bytes>>) -> Answer {
        let stream = TcpStream::connect(self.address).await.unwrap();
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
        let driver = tokio::spawn(connection);
        let (mut parts, body) = request.into_parts();
        parts.headers.entry("host").or_insert(self.address.to_string().parse().unwrap());
        if let Some(token) = &self.token {
            parts.headers.entry("authorization").or_insert(format!("Bearer {token}").parse().unwrap());
        }
        let body = Full::new(body.into());
        let response = sender.send_request(Request::from_parts(parts, body)).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        driver.abort();
        Answer { status: parts.status, headers: parts.headers, body }
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send(Request::get(path).body(Bytes::new()).unwrap()).await
    }

    pub async fn delete(&self, path: &str) -> Answer {
        self.send(Request::delete(path).body(Bytes::new()).unwrap()).await
    }

    pub async fn post(&self, path: &str, body: impl Into<Bytes>) -> Answer {
        self.send(Request::post(path).header("content-type", FHIR_JSON).body(body.into()).unwrap()).await
    }

    pub async fn put(&self, path: &str, body: impl Into<Bytes>) -> Answer {
        self.send(Request::put(path).header("content-type", FHIR_JSON).body(body.into()).unwrap()).await
    }

    /// Posts a resource and gives its id.
    pub async fn create(&self, resource: Value) -> String {
        let path = format!("/fhir/R4/{}", text(&resource["resourceType"]));
        let answer = self.post(&path, resource.to_string()).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{answer:?}");
        text(&answer.json()["id"])
    }

    pub async fn log_in(&self, username: &str, password: &str) -> Answer {
        let body = serde_json::json!({ "username": username, "password": password }).to_string();
        let request = Request::post("/api/v1/auth/login").header("content-type", "application/json");
        self.send(request.body(body).unwrap()).await
    }

    /// Sends these bytes and reads until the server closes the connection.
    pub async fn raw(&self, bytes: &[u8]) -> String {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(bytes).await.unwrap();
        let mut answer = Vec::new();
        // A reset after the answer is as good an end as any.
        let _ = stream.read_to_end(&mut answer).await;
        String::from_utf8_lossy(&answer).into_owned()
    }
}

/// A router's answer, without a connection.
pub async fn call(router: axum::Router, request: Request<Body>) -> Answer {
    let response = tower::ServiceExt::oneshot(router, request).await.unwrap();
    let (parts, body) = response.into_parts();
    Answer { status: parts.status, headers: parts.headers, body: body.collect().await.unwrap().to_bytes() }
}
