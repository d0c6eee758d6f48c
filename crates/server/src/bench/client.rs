//! One connection to the server, kept open, one request at a time.

use std::net::SocketAddr;
use std::time::Duration;

use axum::body::Bytes;
use axum::http::{HeaderValue, Method, StatusCode, header};
use http_body_util::{BodyExt, Full};
use hyper::Request;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpStream;

use super::error::BenchError;

/// Longest wait for an answer; a large Bundle may take its time.
const PATIENCE: Duration = Duration::from_secs(60);
/// How much of what the server says about a refusal is shown.
const SAID: usize = 400;

/// A connection.
pub struct Client {
    sender: SendRequest<Full<Bytes>>,
    host: HeaderValue,
    token: Option<HeaderValue>,
}

impl Client {
    /// Connects, without a token.
    ///
    /// # Errors
    /// [`BenchError::Io`], [`BenchError::Http`].
    pub async fn connect(address: SocketAddr) -> Result<Client, BenchError> {
        let stream = TcpStream::connect(address).await.map_err(BenchError::io("connect to the server"))?;
        stream.set_nodelay(true).map_err(BenchError::io("set TCP_NODELAY"))?;
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        // How it ends shows in the requests.
        tokio::spawn(async move { connection.await.ok() });
        let host = HeaderValue::try_from(address.to_string()).map_err(|_| BenchError::NotStarted)?;
        Ok(Client { sender, host, token: None })
    }

    /// Uses this access token from now on.
    pub fn authorize(&mut self, token: &HeaderValue) {
        self.token = Some(token.clone());
    }

    /// Logs in; gives the value of the `Authorization` header.
    ///
    /// # Errors
    /// As [`Client::send`].
    pub async fn log_in(&mut self, username: &str, password: &str) -> Result<HeaderValue, BenchError> {
        let body = serde_json::json!({ "username": username, "password": password }).to_string();
        let path = "/api/v1/auth/login";
        let answer = self.expect(Method::POST, path, Some(body.into()), StatusCode::OK).await?;
        let refused = || BenchError::Answer { what: format!("POST {path}") };
        let answer: Value = serde_json::from_slice(&answer).map_err(|_| refused())?;
        let token = answer["access_token"].as_str().ok_or_else(refused)?;
        let mut value = HeaderValue::try_from(format!("Bearer {token}")).map_err(|_| refused())?;
        value.set_sensitive(true);
        Ok(value)
    }

    /// Sends a request and reads the whole answer.
    ///
    /// # Errors
    /// [`BenchError::Http`], [`BenchError::NoAnswer`].
    pub async fn send(
        &mut self,
        method: Method,
        path: &str,
        body: Option<Bytes>,
    ) -> Result<(StatusCode, Bytes), BenchError> {
        let what = || format!("{method} {path}");
        let mut request = Request::builder()
            .method(method.clone())
            .uri(path)
            .header(header::HOST, self.host.clone())
            .header(header::ACCEPT, "application/fhir+json, application/json");
        if body.is_some() {
            let kind = if path.starts_with("/fhir/") { "application/fhir+json" } else { "application/json" };
            request = request.header(header::CONTENT_TYPE, kind);
        }
        if let Some(token) = &self.token {
            request = request.header(header::AUTHORIZATION, token.clone());
        }
        let request = request.body(Full::new(body.unwrap_or_default()));
        let request = request.map_err(|_| BenchError::Answer { what: what() })?;
        let exchange = async {
            self.sender.ready().await?;
            let answer = self.sender.send_request(request).await?;
            let status = answer.status();
            Ok::<_, hyper::Error>((status, answer.into_body().collect().await?.to_bytes()))
        };
        let answered = tokio::time::timeout(PATIENCE, exchange).await;
        Ok(answered.map_err(|_| BenchError::NoAnswer { what: what() })??)
    }

    /// Sends a request that must be answered with this status; gives the body.
    ///
    /// # Errors
    /// As [`Client::send`], and [`BenchError::Status`].
    pub async fn expect(
        &mut self,
        method: Method,
        path: &str,
        body: Option<Bytes>,
        wanted: StatusCode,
    ) -> Result<Bytes, BenchError> {
        let (status, answer) = self.send(method.clone(), path, body).await?;
        if status == wanted { Ok(answer) } else { Err(unexpected(&method, path, status, &answer)) }
    }
}

/// The error for an answer with another status than the one that was wanted.
pub fn unexpected(method: &Method, path: &str, status: StatusCode, answer: &[u8]) -> BenchError {
    let said: String = String::from_utf8_lossy(answer).chars().take(SAID).collect();
    BenchError::Status { what: format!("{method} {path}"), status, said }
}
