//! The outermost layer: every request passes it first and every answer last.
//!
//! Names the request, finds out where it comes from, refuses heads that are too large and callers that come too often,
//! answers browsers that ask whether they may, catches panics, renders each [`Failure`] in the form of its door, sets the
//! headers that every answer carries, and tells the log and the metrics of it.

mod address;
mod compress;
mod cors;
mod headers;
mod observe;
pub(crate) mod ours;
mod render;

use std::any::Any;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Version, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use fhir::outcome::IssueType;
use kernel::{RequestId, limits};
use tower_http::catch_panic::CatchPanicLayer;
use tracing::field::Empty;
use tracing::{Instrument, Span};

pub use self::address::{NotNetworks, TrustedProxies};
pub use self::cors::{NotOrigins, Origins};
use self::observe::Requests;
pub use self::observe::describe;
pub(crate) use self::render::Problem;
use crate::failure::Failure;
use crate::guard::Peer;
use crate::policy::Rule;
use crate::public_url::PublicUrl;
use crate::rate::{Allowance, RateLimits};

/// Longest `X-Request-Id` of a client that is taken up.
const CLIENT_ID_CHARACTERS: usize = 64;
/// Below this, whatever is not read changes a session ...
const SESSIONS: &str = "/api/v1/auth/";
/// ... and this opens one.
const LOG_IN: &str = "/api/v1/auth/login";

/// How the edge treats requests; what is not said lets nothing special through.
#[derive(Clone, Default)]
pub struct Edge {
    /// Who may use the API from a browser.
    pub origins: Origins,
    /// Whose word about a client's address is believed.
    pub proxies: TrustedProxies,
    /// How often one may come; without it, as often as one likes.
    pub rates: Option<Arc<RateLimits>>,
    /// Whether clients reach us through https.
    pub https: bool,
    /// The base of links in answers, instead of the request's Host.
    pub public_url: Option<PublicUrl>,
    /// What makes traces of spans; without it, they are for the log alone.
    pub tracing: Option<Tracing>,
}

/// What only the library of traces can do to the span of a request.
#[derive(Clone, Copy)]
pub struct Tracing {
    /// Joins it to the trace that these headers name.
    pub adopt: fn(&HeaderMap, &Span),
    /// Gives it a name, once the route is known.
    pub name: fn(&Span, String),
}

/// Puts the edge around a router whose state is already given.
pub(crate) fn around(router: Router, edge: Edge) -> Router {
    router
        .layer(CatchPanicLayer::custom(panicked))
        .layer(compress::layer())
        .layer(middleware::from_fn_with_state(Arc::new((edge, Requests::default())), pass))
}

async fn pass(State(parts): State<Arc<(Edge, Requests)>>, mut request: Request, next: Next) -> Response {
    let (edge, requests) = &*parts;
    let started = Instant::now();
    let id = RequestId::generate();
    let client_id = request.headers().get(ours::X_REQUEST_ID).filter(|value| is_sane(value)).cloned();
    let method = request.method().clone();
    let door = render::Door::of(request.uri().path());
    request.extensions_mut().insert(id);
    if let Some(url) = &edge.public_url {
        request.extensions_mut().insert(url.clone());
    }
    let origin = edge.origins.allowed(request.headers());
    let span = span(edge, id, request.headers());
    let in_flight = requests.arrive();

    let mut allowance = None;
    let mut response = match admit(edge, &mut request, &mut allowance) {
        Ok(None) => next.run(request).instrument(span.clone()).await,
        Ok(Some(answer)) => answer,
        Err(failure) => failure.into_response(),
    };
    if let Some(url) = &edge.public_url {
        url.complete(response.headers_mut());
    }
    drop(in_flight);
    let took = started.elapsed();
    let failure = response.extensions_mut().remove::<Failure>();
    let status = failure.as_ref().map_or(response.status(), |failure| failure.status);
    let seen = Seen {
        method: observe::name(&method),
        route: observe::route(response.extensions().get::<&'static Rule>().copied()),
        status,
        milliseconds: took.as_micros() as f64 / 1_000.0,
        correlation: client_id.as_ref().and_then(|value| value.to_str().ok()).unwrap_or("-"),
    };
    requests.end(seen.method, seen.route, status, took);
    span.in_scope(|| seen.log(failure.as_ref()));
    if let Some(tracing) = edge.tracing {
        seen.trace(tracing, &span);
    }
    if let Some(failure) = failure {
        response = render::render(door, id, &failure, response);
    }
    let of_user = response.extensions().get::<Allowance>().copied();
    let headers = response.headers_mut();
    if let Some(allowance) = allowance.map(|allowance| allowance.tighter(of_user)).or(of_user)
        && !headers.contains_key(ours::RATE_LIMIT_LIMIT)
    {
        allowance.write(headers);
    }
    edge.origins.mark(headers, origin);
    headers::protect(headers, edge.https);
    identify(headers, id, client_id);
    response
}

/// Everything about a request that is decided before anybody looks at its route. Gives the answer, where that is all.
fn admit(
    edge: &Edge,
    request: &mut Request,
    allowance: &mut Option<Allowance>,
) -> Result<Option<Response>, Failure> {
    check_head(request)?;
    if let Some(answer) = edge.origins.preflight(request.method(), request.headers()) {
        return Ok(Some(answer));
    }
    let Some(Peer(peer)) = request.extensions().get().copied() else { return Ok(None) };
    let client = edge.proxies.client(peer, request.headers());
    request.extensions_mut().insert(Peer(client));
    if let Some(rates) = &edge.rates {
        *allowance = count(rates, client, request)?;
    }
    Ok(None)
}

/// Counts the request, and gives what is left of the narrowest of its limits.
fn count(rates: &RateLimits, client: IpAddr, request: &mut Request) -> Result<Option<Allowance>, Failure> {
    let path = request.uri().path();
    // Whoever watches over the server must not be turned away when it is busy.
    if matches!(path, "/healthz" | "/readyz") {
        return Ok(None);
    }
    let reads = matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
    let (logs_in, changes) = (path == LOG_IN && !reads, path.starts_with(SESSIONS) && !reads);
    let of_address = rates.address(client)?;
    if logs_in {
        match rates.login(client) {
            Ok(left) => return Ok(Some(left)),
            Err(used_up) => _ = request.extensions_mut().insert(used_up),
        }
    } else if changes {
        return rates.session(client).map(Some);
    }
    Ok(Some(of_address))
}

/// The span of a request, at a level that no filter of the log leaves out: each of its events names the request by it.
fn span(edge: &Edge, id: RequestId, headers: &HeaderMap) -> Span {
    let span = tracing::error_span!(
        "request",
        request = %id,
        otel.kind = edge.tracing.map(|_| "server"),
        otel.status_code = Empty,
        http.request.method = Empty,
        http.route = Empty,
        http.response.status_code = Empty,
    );
    if let Some(tracing) = edge.tracing {
        (tracing.adopt)(headers, &span);
    }
    span
}

/// What is told of a request.
struct Seen<'r> {
    method: &'static str,
    route: &'static str,
    status: StatusCode,
    milliseconds: f64,
    correlation: &'r str,
}

impl Seen<'_> {
    /// One line for each request, and one more with its cause for what is our fault.
    fn log(&self, failure: Option<&Failure>) {
        let Seen { method, route, status, milliseconds, correlation } = *self;
        let status = status.as_u16();
        tracing::info!(target: "access", method, route, status, milliseconds, correlation, "answered");
        let Some(failure) = failure.filter(|failure| failure.status.is_server_error()) else { return };
        let cause = failure.cause.as_deref().unwrap_or("-");
        if failure.status == StatusCode::SERVICE_UNAVAILABLE {
            tracing::warn!(method, route, status, cause, "refused for now");
        } else {
            tracing::error!(method, route, status, cause, "failed");
        }
    }

    /// The attributes that OpenTelemetry has names for, put down last, so that they do not stand in the log.
    fn trace(&self, tracing: Tracing, span: &Span) {
        (tracing.name)(span, format!("{} {}", self.method, self.route));
        span.record("http.request.method", self.method);
        span.record("http.route", self.route);
        span.record("http.response.status_code", self.status.as_u16());
        if self.status.is_server_error() {
            span.record("otel.status_code", "ERROR");
        }
    }
}

fn identify(headers: &mut HeaderMap, id: RequestId, client_id: Option<HeaderValue>) {
    if let Ok(value) = HeaderValue::try_from(id.to_string()) {
        headers.insert(ours::X_REQUEST_ID, value);
    }
    if let Some(value) = client_id {
        headers.insert(ours::X_CORRELATION_ID, value);
    }
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
