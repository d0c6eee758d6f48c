//! `PUT {type}/{id}`: replace, or create under the client's id; with `If-Match` only the
//! version named, with `If-None-Match: *` only where there is none.

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use domain::store::Key;
use services::record::Write;
use store::Store;

use super::answer;
use super::path::InstancePath;
use super::written::{Wishes, perform};
use crate::body::FhirBody;
use crate::failure::Failure;
use crate::guard::Asked;

/// Handles the request.
pub(crate) async fn update(
    State(store): State<Store>,
    asked: Asked,
    InstancePath(key): InstancePath,
    wishes: Wishes,
    headers: HeaderMap,
    body: FhirBody,
) -> Result<Response, Failure> {
    let Key { resource_type, id } = key;
    let unless = answer::if_none_match(&headers)?;
    let write = Write::update(resource_type, id, body.bytes, answer::if_match(&headers)?)?.unless(unless);
    perform(&store, &asked, write, wishes).await
}
