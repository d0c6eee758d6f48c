//! `GET metadata`: the CapabilityStatement, made from the table of routes, so that it claims what the router
//! serves.

use axum::http::StatusCode;
use axum::response::Response;

use super::answer;
use super::presentation::Presentation;
use crate::capability::statement;
use crate::failure::Failure;
use crate::public_url::{Made, PublicUrl};

/// Handles the request.
pub(crate) async fn metadata(
    url: Option<PublicUrl>,
    presentation: Presentation,
) -> Result<Response, Failure> {
    static MADE: Made = Made::new();
    let statement = MADE.of(url.as_ref(), || statement(url.as_ref()).map(|it| it.to_string().into()))?;
    Ok(answer::json(StatusCode::OK, statement.to_vec(), presentation))
}
