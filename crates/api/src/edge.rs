//! The outermost layer: every request passes it first and every answer last.
//!
//! Names the request, refuses heads that are too large, catches panics, renders each [`Failure`] in the form
//! of its door, sets the headers that every answer carries, and writes the one log line of a failed request.

mod render;

pub(crate) use render::Problem;

use std::any::Any;
use std::time::Instant;

use axum::Router;
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Version, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use fhir::outcome::IssueType;
use kernel::{RequestId, limits};
use tower_http::catch_panic::CatchPanicLayer;

use crate::failure::Failure;
use crate::policy::Rule;

const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const X_CORRELATION_ID: HeaderName = HeaderName::from_static("x-correlation-id");

/// Longest `X-Request-Id` of a client that is taken up.
const CLIENT_ID_CHARACTERS: usize = 64;

/// Puts the edge around a router whose state is already given.
pub(crate) fn around(router: Router) -> Router {
    router.layer(CatchPanicLayer::custom(panicked)).layer(middleware::from_fn(edge))
}

async fn edge(mut request: Request, next: Next) -> Response {
    let started = Instant::now();
    let id = RequestId::generate();
    let client_id = request.headers().get(X_REQUEST_ID).filter(|value| is_sane(value)).cloned();
    let method = request.method().clone();
    let door = render::Door::of(request.uri().path());
    request.extensions_mut().insert(id);

    let mut response = match check_head(&request) {
        Ok(()) => next.run(request).await,
        Err(failure) => failure.into_response(),
    };
    let route = response.extensions().get::<&'static Rule>().map_or("-", |rule| rule.path);
    let milliseconds = started.elapsed().as_millis() as u64;
    let correlation = client_id.as_ref().and_then(|value| value.to_str().ok()).unwrap_or("-");
    match response.extensions_mut().remove::<Failure>() {
        Some(failure) => {
            log(&failure, id, correlation, &method, route, milliseconds);
            response = render::render(door, id, &failure, response);
        }
        None => tracing::debug!(
            request = %id, correlation, %method, route, status = response.status().as_u16(), milliseconds,
            "answered"
        ),
    }
    finish(response.headers_mut(), id, client_id);
    response
}

fn log(
    failure: &Failure,
    id: RequestId,
    correlation: &str,
    method: &axum::http::Method,
    route: &str,
    milliseconds: u64,
) {
    let status = failure.status.as_u16();
    let cause = failure.cause.as_deref().unwrap_or("-");
    if failure.status == StatusCode::SERVICE_UNAVAILABLE {
        tracing::warn!(request = %id, correlation, %method, route, status, milliseconds, cause, "refused for now");
    } else if failure.status.is_server_error() {
        tracing::error!(request = %id, correlation, %method, route, status, milliseconds, cause, "failed");
    } else {
        tracing::debug!(request = %id, correlation, %method, route, status, milliseconds, "refused");
    }
}

fn finish(headers: &mut HeaderMap, id: RequestId, client_id: Option<HeaderValue>) {
    if let Ok(value) = HeaderValue::try_from(id.to_string()) {
        headers.insert(X_REQUEST_ID, value);
    }
    if let Some(value) = client_id {
        headers.insert(X_CORRELATION_ID, value);
    }
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
}

/// A client's id goes back to it and into the log, so it holds nothing that a log could stumble over.
fn is_sane(value: &HeaderValue) -> bool {
    let bytes = value.as_bytes();
    (1..=CLIENT_ID_CHARACTERS).contains(&bytes.len())
        && bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'))
}

/// Size of the target and of the headers, and the one `Host` that links are made from (RFC 9112, section
/// 3.2).
fn check_head(request: &Request) -> Result<(), Failure> {
    let target = request.uri().path_and_query().map_or(0, |target| target.as_str().len());
    if target > limits::URL_BYTES {
        return Err(Failure::new(
            StatusCode::URI_TOO_LONG,
            IssueType::TooLong,
            format!("the request target is longer than {} bytes", limits::URL_BYTES),
        ));
    }
    let headers: usize =
        request.headers().iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
    if headers > limits::HEADER_BYTES {
        return Err(Failure::new(
            StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            IssueType::TooLong,
            format!("the headers are larger than {} bytes", limits::HEADER_BYTES),
        ));
    }
    let hosts = request.headers().get_all(header::HOST).iter().count();
    if hosts > 1 || (hosts == 0 && request.version() == Version::HTTP_11) {
        return Err(Failure::invalid("exactly one Host header is needed"));
    }
    Ok(())
}

fn panicked(_: Box<dyn Any + Send + 'static>) -> Response {
    // The panic's message may hold anything; where it happened is in the log already.
    Failure::defect("a handler panicked").into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_tokens_are_taken_up_as_a_clients_id() {
        assert!(is_sane(&HeaderValue::from_static("a-B_9.z")));
        for odd in ["", "a b", "a\"b", "<x>", &"a".repeat(65)] {
            assert!(!is_sane(&HeaderValue::from_str(odd).unwrap()), "{odd}");
        }
    }

    #[test]
    fn a_target_one_byte_over_the_limit_is_refused() {
        let target = |length: usize| {
            let uri = format!("/{}", "a".repeat(length - 1));
            let request = Request::builder().uri(uri).header("host", "localhost").body(Default::default());
            check_head(&request.unwrap()).map_err(|failure| failure.status)
        };
        assert_eq!(target(limits::URL_BYTES), Ok(()));
        assert_eq!(target(limits::URL_BYTES + 1), Err(StatusCode::URI_TOO_LONG));
    }

    #[test]
    fn headers_one_byte_over_the_limit_are_refused() {
        let headers = |sum: usize| {
            let filler = "a".repeat(sum - "hostlocalhost".len() - "filler".len());
            let request = Request::builder().uri("/").header("host", "localhost").header("filler", filler);
            check_head(&request.body(Default::default()).unwrap()).map_err(|failure| failure.status)
        };
        assert_eq!(headers(limits::HEADER_BYTES), Ok(()));
        assert_eq!(headers(limits::HEADER_BYTES + 1), Err(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE));
    }

    #[test]
    fn a_request_without_a_host_or_with_two_is_refused() {
        let none = Request::builder().uri("/").body(Default::default()).unwrap();
        let two =
            Request::builder().uri("/").header("host", "a").header("host", "b").body(Default::default());
        assert!(check_head(&none).is_err());
        assert!(check_head(&two.unwrap()).is_err());
    }
}
