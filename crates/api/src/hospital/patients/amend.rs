//! `PATCH /api/v1/patients/{id}`.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use domain::patient::view;
use fhir::outcome::IssueType;
use serde_json::{Map, Value};
use services::patient::{self, Revision};
use store::Store;

use super::{load, store_patient};
use crate::body::MergePatch;
use crate::failure::Failure;
use crate::guard::Asked;
use crate::hospital::merge_patch::patched;
use crate::hospital::path::Id;
use crate::hospital::version::IfMatch;

/// Handles the request.
pub(super) async fn amend(
    State(store): State<Store>,
    asked: Asked,
    Id(id): Id,
    IfMatch(version): IfMatch,
    MergePatch(patch): MergePatch<Map<String, Value>>,
) -> Result<Response, Failure> {
    let context = &asked.context;
    let loaded = load(&store, context, &id).await?;
    if loaded.version != version {
        return Err(Failure::new(
            StatusCode::PRECONDITION_FAILED,
            IssueType::Conflict,
            format!("the current version is {}, not {version}", loaded.version),
        ));
    }
    let wanted = patched(&view(&loaded.resource).demographics, patch)?;
    let revision = Revision { id: &id, version, resource: &loaded.resource };
    let write = patient::amend(&revision, &wanted, context.now())?;
    Ok(store_patient(&store, context, write).await?.answer())
}
