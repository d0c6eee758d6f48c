//! `DELETE {type}/{id}`: the next version is a deletion; with `If-Match` only after the version named.

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use domain::store::Key;
use services::record::Write;
use store::Store;

use super::answer;
use super::path::InstancePath;
use super::written::{Wishes, perform};
use crate::failure::Failure;
use crate::guard::Asked;

/// Handles the request.
pub(crate) async fn delete(
    State(store): State<Store>,
    asked: Asked,
    InstancePath(key): InstancePath,
    wishes: Wishes,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let Key { resource_type, id } = key;
    let write = Write::delete(resource_type, id, answer::if_match(&headers)?);
    perform(&store, &asked, write, wishes).await
}
