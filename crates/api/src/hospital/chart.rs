//! `/api/v1/patients/{id}/...`: what is true of a patient.

use axum::extract::FromRef;
use axum::routing::{MethodFilter, MethodRouter};
use store::Store;

use crate::policy::ChartEndpoint as Endpoint;

/// The handler of an endpoint.
pub(crate) fn handler<S>(endpoint: Endpoint, _filter: MethodFilter) -> MethodRouter<S>
where
    S: Clone + Send + Sync + 'static,
    Store: FromRef<S>,
{
    match endpoint {}
}
