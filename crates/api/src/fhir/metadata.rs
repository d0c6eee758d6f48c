//! `GET metadata`: the CapabilityStatement, made from the table of routes, so that it claims what the router
//! serves.

use axum::http::StatusCode;
use axum::response::Response;

use super::answer;
use super::presentation::Presentation;
use crate::capability::statement;
use crate::failure::Failure;

/// Handles the request.
pub(crate) async fn metadata(presentation: Presentation) -> Result<Response, Failure> {
    Ok(answer::json(StatusCode::OK, statement()?.to_vec(), presentation))
}
