//! `GET /api/v1/patients/{id}/duplicates`: who may be the same person.

use axum::Json;
use axum::extract::State;
use domain::patient::view;
use domain::store::Archive;
use services::patient::{self, COMPARED};
use store::Store;

use super::{Duplicates, load};
use crate::failure::Failure;
use crate::guard::Asked;
use crate::hospital::path::Id;

/// Handles the request.
pub(super) async fn duplicates(
    State(store): State<Store>,
    asked: Asked,
    Id(id): Id,
) -> Result<Json<Duplicates>, Failure> {
    let who = view(&load(&store, &asked.context, &id).await?.resource).demographics;
    let found = store.alike(&asked.context, &patient::likeness_of(&who), COMPARED).await?;
    let likely = patient::duplicates(&who, &found, Some(&id));
    Ok(Json(Duplicates { items: likely.into_iter().map(Into::into).collect() }))
}
