//! `GET /api/v1/patients/{id}`.

use axum::extract::State;
use axum::response::Response;
use domain::patient::view;
use store::Store;

use super::load;
use crate::failure::Failure;
use crate::guard::Asked;
use crate::hospital::answer::versioned;
use crate::hospital::path::Id;

/// Handles the request. A patient that was merged is shown as it was, with `merged_into`.
pub(super) async fn read(State(store): State<Store>, asked: Asked, Id(id): Id) -> Result<Response, Failure> {
    let patient = view(&load(&store, &asked.context, &id).await?.resource);
    Ok(versioned(patient.version, &patient))
}
