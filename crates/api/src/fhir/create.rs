//! `POST {type}`: create under an id that the server makes; with `If-None-Exist` only where nothing matches.

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use services::record::Write;
use store::Store;

use super::joined;
use super::path::TypePath;
use super::written::{Wishes, perform};
use crate::body::FhirBody;
use crate::failure::Failure;
use crate::guard::Asked;

/// Handles the request.
pub(crate) async fn create(
    State(store): State<Store>,
    asked: Asked,
    TypePath(resource_type): TypePath,
    wishes: Wishes,
    headers: HeaderMap,
    body: FhirBody,
) -> Result<Response, Failure> {
    let write = Write::create(resource_type, body.bytes, joined(&headers, "if-none-exist")?)?;
    perform(&store, &asked, write, wishes).await
}
