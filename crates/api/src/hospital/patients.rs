//! `/api/v1/patients`: who the patients are.

use axum::extract::FromRef;
use axum::routing::{MethodFilter, MethodRouter};
use store::Store;

use crate::policy::PatientsEndpoint as Endpoint;

/// The handler of an endpoint.
pub(crate) fn handler<S>(endpoint: Endpoint, _filter: MethodFilter) -> MethodRouter<S>
where
    S: Clone + Send + Sync + 'static,
    Store: FromRef<S>,
{
    match endpoint {}
}
