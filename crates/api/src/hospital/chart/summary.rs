//! A patient at a glance.

use axum::Json;
use axum::extract::State;
use services::chart::{self, Summary};
use store::Store;

use super::path::OfPatient;
use crate::failure::Failure;
use crate::guard::Asked;

/// Handles the request.
pub(super) async fn summary(
    State(store): State<Store>,
    asked: Asked,
    OfPatient(patient): OfPatient,
) -> Result<Json<Summary>, Failure> {
    Ok(Json(chart::summary(&store, &asked.context, &patient).await?))
}
