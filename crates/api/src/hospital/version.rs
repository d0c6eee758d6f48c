//! The version that a change is based on.

use axum::extract::FromRequestParts;
use axum::http::{StatusCode, request};
use fhir::outcome::IssueType;

use crate::failure::Failure;
use crate::fhir::if_match;

/// `If-Match` with one version, without which a change is refused (RFC 6585, section 3): who did not read what is
/// there may overwrite what somebody else wrote.
#[derive(Clone, Debug)]
pub(crate) struct IfMatch(pub(crate) i32);

impl<S: Send + Sync> FromRequestParts<S> for IfMatch {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut request::Parts, _: &S) -> Result<IfMatch, Failure> {
        match if_match(&parts.headers)? {
            Some(version) => Ok(IfMatch(version)),
            None => Err(Failure::new(
                StatusCode::PRECONDITION_REQUIRED,
                IssueType::Required,
                "send the version that this change is based on as If-Match, such as W/\"3\"",
            )),
        }
    }
}
