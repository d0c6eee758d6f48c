//! `GET {type}/{id}`: the current version.

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use domain::store::{Archive, Body, Found};
use store::Store;

use super::answer;
use super::path::InstancePath;
use super::presentation::Presentation;
use crate::failure::Failure;
use crate::guard::Asked;

/// Handles the request.
pub(crate) async fn read(
    State(store): State<Store>,
    asked: Asked,
    InstancePath(key): InstancePath,
    presentation: Presentation,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    match store.read(&asked.context, &key).await? {
        Found::Version(body) => found(body, &headers, presentation),
        Found::Deleted { version, last_updated } => Err(answer::gone(version, last_updated)),
        Found::Missing => Err(answer::missing()),
    }
}

/// The body as it was stored, or 304 to a client who has it already. Either way the access is in the audit
/// trail.
pub(super) fn found(
    body: Body,
    headers: &HeaderMap,
    presentation: Presentation,
) -> Result<Response, Failure> {
    let mut response = if answer::has_already(headers, body.version)? {
        answer::empty(StatusCode::NOT_MODIFIED)
    } else {
        answer::json(StatusCode::OK, body.json.into_inner(), presentation)
    };
    answer::stamp(response.headers_mut(), body.version, body.last_updated);
    Ok(response)
}
