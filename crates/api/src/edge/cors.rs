//! Which web pages may use the API from a browser (the Fetch standard's CORS protocol).
//!
//! An origin is on the list, letter by letter, or it is not. There are no wildcards, and credentials are never allowed:
//! our callers send a token in a header, which no foreign page can make a browser do.

use std::str::FromStr;
use std::sync::Arc;

use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};

const METHODS: HeaderValue = HeaderValue::from_static("GET, HEAD, POST, PUT, PATCH, DELETE");
const REQUEST_HEADERS: HeaderValue = HeaderValue::from_static(
    "Authorization, Accept, Content-Type, Content-Encoding, If-Match, If-None-Match, If-None-Exist, Prefer, \
     X-Request-Id, Idempotency-Key, traceparent, tracestate",
);
const EXPOSED: HeaderValue = HeaderValue::from_static(
    "ETag, Link, Location, Content-Location, X-Request-Id, X-Correlation-Id, X-Transaction-Id, RateLimit-Limit, \
     RateLimit-Remaining, RateLimit-Reset, RateLimit-Policy, Retry-After, WWW-Authenticate, Allow",
);
/// How long a browser may remember a preflight, seconds.
const MAX_AGE: HeaderValue = HeaderValue::from_static("600");

/// The origins that may read answers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origins(Arc<[HeaderValue]>);

/// Not a list of origins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a list of origins such as https://app.example.org,http://localhost:5173, without wildcards")]
pub struct NotOrigins;

impl FromStr for Origins {
    type Err = NotOrigins;

    /// Reads origins separated by commas.
    fn from_str(text: &str) -> Result<Origins, NotOrigins> {
        text.split(',').map(str::trim).map(origin).collect::<Result<_, _>>().map(Origins)
    }
}

/// An origin as browsers write it: scheme, host in lower case, a port where it is not the scheme's own.
fn origin(text: &str) -> Result<HeaderValue, NotOrigins> {
    let (host, own_port) = match text.split_once("://") {
        Some(("https", host)) => (host, "443"),
        Some(("http", host)) => (host, "80"),
        _ => return Err(NotOrigins),
    };
    let (name, port) = match host.rsplit_once(':') {
        Some((name, port)) if !port.ends_with(']') => (name, Some(port)),
        _ => (host, None),
    };
    let named = match name.strip_prefix('[').and_then(|name| name.strip_suffix(']')) {
        Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
        None => {
            let label = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
            !name.is_empty() && name.split('.').all(|part| !part.is_empty() && part.bytes().all(label))
        }
    };
    let ported = port.is_none_or(|port| {
        let plain = port.bytes().all(|byte| byte.is_ascii_digit()) && !port.starts_with('0');
        plain && port != own_port && port.parse::<u16>().is_ok()
    });
    if named && ported { HeaderValue::from_str(text).map_err(|_| NotOrigins) } else { Err(NotOrigins) }
}

impl Origins {
    /// The answer to a browser that asks whether it may; none to any other request.
    pub(super) fn preflight(&self, method: &Method, headers: &HeaderMap) -> Option<Response> {
        let asks = method == Method::OPTIONS && headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
        if !asks || self.allowed(headers).is_none() {
            return None;
        }
        let mut response = StatusCode::NO_CONTENT.into_response();
        let answer = response.headers_mut();
        answer.insert(header::ACCESS_CONTROL_ALLOW_METHODS, METHODS);
        answer.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, REQUEST_HEADERS);
        answer.insert(header::ACCESS_CONTROL_MAX_AGE, MAX_AGE);
        Some(response)
    }

    /// What the answer to a request with these headers says of its origin: the one that is allowed.
    pub(super) fn allowed(&self, headers: &HeaderMap) -> Option<HeaderValue> {
        let mut sent = headers.get_all(header::ORIGIN).iter();
        let (Some(origin), None) = (sent.next(), sent.next()) else { return None };
        self.0.iter().find(|allowed| *allowed == origin).cloned()
    }

    /// Marks an answer for the origin that may read it, and for caches that there are several.
    pub(super) fn mark(&self, answer: &mut HeaderMap, allowed: Option<HeaderValue>) {
        if self.0.is_empty() {
            return;
        }
        answer.append(header::VARY, HeaderValue::from_static("Origin"));
        if let Some(origin) = allowed {
            answer.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
            answer.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::ours;
    use super::*;

    const LIST: &str = "https://app.example.org, http://localhost:5173";

    fn with_origin(origin: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(header::ORIGIN, HeaderValue::from_str(origin).unwrap());
        headers
    }

    #[test]
    fn an_origin_is_allowed_letter_by_letter_and_no_trick_is() {
        let origins: Origins = LIST.parse().unwrap();
        assert!(origins.allowed(&with_origin("https://app.example.org")).is_some());
        assert!(origins.allowed(&with_origin("http://localhost:5173")).is_some());
        for trick in TRICKS {
            assert_eq!(origins.allowed(&with_origin(trick)), None, "{trick}");
        }
        let mut twice = with_origin("https://app.example.org");
        twice.append(header::ORIGIN, HeaderValue::from_static("https://evil.example"));
        assert_eq!(origins.allowed(&twice), None);
        assert_eq!(Origins::default().allowed(&with_origin("https://app.example.org")), None);
    }

    const TRICKS: [&str; 15] = [
        "null",
        "*",
        "",
        "http://app.example.org",
        "https://app.example.org.evil.example",
        "https://evil-app.example.org",
        "https://app.example.orgevil.example",
        "https://app-example.org",
        "https://app.example.org:444",
        "https://app.example.org/",
        "https://APP.example.org",
        "https://app.example.org@evil.example",
        "https://app.example.org, https://evil.example",
        "https://sub.app.example.org",
        "https://example.org",
    ];

    #[test]
    fn only_origins_are_origins() {
        for good in
            ["https://a.example", "http://127.0.0.1:3000", "http://[::1]:8080", "https://a.example:8443"]
        {
            assert!(good.parse::<Origins>().is_ok(), "{good}");
        }
        for bad in [
            "",
            "*",
            "null",
            "a.example",
            "https://",
            "https://*.example.org",
            "https://a.example/",
            "https://A.example",
            "ftp://a.example",
            "https://a.example:443",
            "http://a.example:80",
            "https://a.example:99999",
            "https://a.example,",
            "https://u@a.example",
            "https://a..example",
            "https://a.example:08",
        ] {
            assert!(bad.parse::<Origins>().is_err(), "{bad}");
        }
    }

    fn lists(list: &HeaderValue, name: &str) -> bool {
        list.to_str().unwrap().split(", ").any(|listed| listed.eq_ignore_ascii_case(name))
    }

    #[test]
    fn every_header_of_an_answer_can_be_read_by_an_allowed_page() {
        let document = crate::openapi::document();
        let documented = document["components"]["headers"].as_object().unwrap().keys();
        let ours = ours::X_CORRELATION_ID.to_string();
        for name in documented.chain([&ours]) {
            // These two any page may read (the Fetch standard's safelist).
            let free = ["Cache-Control", "Last-Modified"].contains(&name.as_str());
            assert!(free || lists(&EXPOSED, name), "{name}");
        }
    }

    #[test]
    fn every_header_that_a_route_reads_can_be_sent_by_an_allowed_page() {
        for header in crate::policy::table().flat_map(|rule| rule.documentation.headers) {
            assert!(lists(&REQUEST_HEADERS, header.name), "{}", header.name);
        }
    }
}
