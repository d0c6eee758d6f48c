//! `DELETE /api/v1/patients/{id}`: the next version is a deletion. What was before stays in the history.

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use domain::store::{Archive, Found};
use fhir::ResourceType;
use services::record::Write;
use store::Store;

use super::key;
use crate::failure::Failure;
use crate::fhir::{execute, if_match, missing, settle};
use crate::guard::Asked;
use crate::hospital::path::Id;

/// Handles the request. Who was deleted already is deleted.
pub(super) async fn delete(
    State(store): State<Store>,
    asked: Asked,
    Id(id): Id,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let version = if_match(&headers)?;
    if let Found::Missing = store.read(&asked.context, &key(&id)).await? {
        return Err(missing());
    }
    let write = Write::delete(ResourceType::Patient, id, version);
    let committed = execute(&store, &asked.context, write).await?;
    let mut response = StatusCode::NO_CONTENT.into_response();
    settle(&mut response, committed.transaction, committed.settlement);
    Ok(response)
}
