//! `GET {type}/{id}/_history/{version}`: one version.

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use domain::store::{Archive, Found};
use store::Store;

use super::path::VersionPath;
use super::presentation::Presentation;
use super::{answer, read};
use crate::failure::Failure;
use crate::guard::Asked;

/// Handles the request.
pub(crate) async fn version_read(
    State(store): State<Store>,
    asked: Asked,
    VersionPath(key, version): VersionPath,
    presentation: Presentation,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    match store.version(&asked.context, &key, version).await? {
        Found::Version(body) => read::found(body, &headers, presentation),
        Found::Deleted { version, last_updated } => Err(answer::gone(version, last_updated)),
        Found::Missing => Err(answer::missing()),
    }
}
