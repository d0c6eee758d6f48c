//! What FHIR answers have in common: bodies, versions in headers, conditions on versions.

use std::borrow::Cow;

use axum::body::Body;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::Response;
use chrono::{DateTime, SecondsFormat, Utc};
use fhir::etag::{self, Condition};
use fhir::outcome::IssueType;
use kernel::TransactionId;
use store::Settlement;

use super::presentation::Presentation;
use super::{MEDIA_TYPE, joined, pretty};
use crate::failure::Failure;

/// An answer with FHIR JSON, sent as it is unless the client asked for indentation.
pub(super) fn json(status: StatusCode, bytes: Vec<u8>, presentation: Presentation) -> Response {
    let bytes = if presentation.pretty { pretty::indent(&bytes) } else { bytes };
    let mut response = Response::new(Body::from(bytes));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
    response
}

/// An answer without a body.
pub(super) fn empty(status: StatusCode) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response
}

/// Sets `ETag` and `Last-Modified` (R4 http, 3.1.0.4.1).
pub(crate) fn stamp(headers: &mut HeaderMap, version: i32, last_updated: DateTime<Utc>) {
    set(headers, header::ETAG, &etag::format(version));
    set(headers, header::LAST_MODIFIED, &last_updated.format("%a, %d %b %Y %H:%M:%S GMT").to_string());
}

/// Sets a header to a text that was made here.
pub(super) fn set(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}

/// Makes it 202 where the commit is decided and not every database shows it yet: the client may wait for it
/// to appear, and must not repeat the request. `X-Transaction-Id` names it.
pub(crate) fn settle(response: &mut Response, transaction: TransactionId, settlement: Settlement) {
    match settlement {
        Settlement::Applied => {}
        Settlement::Accepted => {
            *response.status_mut() = StatusCode::ACCEPTED;
            let name = HeaderName::from_static("x-transaction-id");
            set(response.headers_mut(), name, &transaction.to_string());
        }
    }
}

/// A FHIR instant in UTC with milliseconds.
pub(super) fn instant(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// The version that `If-Match` asks for.
///
/// # Errors
/// 400 where it is not one version of ours.
pub(crate) fn if_match(headers: &HeaderMap) -> Result<Option<i32>, Failure> {
    let Some(text) = joined(headers, "if-match")? else { return Ok(None) };
    match etag::parse(&text) {
        Some(version) => Ok(Some(version)),
        None => Err(Failure::invalid("If-Match must name one version, such as W/\"3\"")),
    }
}

/// Whether the client has this version already, and says so with `If-None-Match`.
///
/// # Errors
/// 400 where the header is no list of versions.
pub(super) fn has_already(headers: &HeaderMap, version: i32) -> Result<bool, Failure> {
    Ok(if_none_match(headers)?.is_some_and(|condition| condition.names(version)))
}

/// The versions that `If-None-Match` names.
///
/// # Errors
/// 400 where the header is neither `*` nor a list of versions.
pub(super) fn if_none_match(headers: &HeaderMap) -> Result<Option<Condition>, Failure> {
    let Some(text) = joined(headers, "if-none-match")? else { return Ok(None) };
    match Condition::parse(&text) {
        Some(condition) => Ok(Some(condition)),
        None => Err(Failure::invalid("If-None-Match must name versions, such as W/\"3\", or be *")),
    }
}

/// 404 for a record that is not there, or not for this organization.
pub(crate) fn missing() -> Failure {
    Failure::missing("there is no such resource")
}

/// 410 for a record that was deleted in this version.
pub(crate) fn gone(version: i32, last_updated: DateTime<Utc>) -> Failure {
    deleted("the resource was deleted", Some((version, last_updated)))
}

/// 410 in these words, with the version that is the deletion, where it is known.
pub(crate) fn deleted(said: impl Into<Cow<'static, str>>, version: Option<(i32, DateTime<Utc>)>) -> Failure {
    let mut failure = Failure::new(StatusCode::GONE, IssueType::Deleted, said);
    if let Some((version, last_updated)) = version {
        let mut headers = HeaderMap::new();
        stamp(&mut headers, version, last_updated);
        failure.headers.extend(headers.drain().filter_map(|(name, value)| Some((name?, value))));
    }
    failure
}

#[cfg(test)]
mod tests {
    use chrono::TimeZone;

    use super::*;

    #[test]
    fn a_version_is_stamped_as_http_and_fhir_want_it() {
        let mut headers = HeaderMap::new();
        stamp(&mut headers, 3, Utc.with_ymd_and_hms(2026, 1, 2, 3, 4, 5).unwrap());
        assert_eq!(headers[header::ETAG], "W/\"3\"");
        assert_eq!(headers[header::LAST_MODIFIED], "Fri, 02 Jan 2026 03:04:05 GMT");
    }

    #[test]
    fn conditions_that_name_no_version_are_refused() {
        let headers = |name, value| HeaderMap::from_iter([(name, HeaderValue::from_static(value))]);
        assert_eq!(if_match(&headers(header::IF_MATCH, "W/\"2\"")).unwrap(), Some(2));
        assert!(if_match(&headers(header::IF_MATCH, "2")).is_err());
        assert!(has_already(&headers(header::IF_NONE_MATCH, "W/\"1\", W/\"2\""), 2).unwrap());
        assert!(!has_already(&headers(header::IF_NONE_MATCH, "W/\"1\""), 2).unwrap());
        assert!(has_already(&headers(header::IF_NONE_MATCH, "nonsense"), 2).is_err());
    }
}
