//! `/api/v1/users`, `/api/v1/organizations`: who may come in.

use axum::extract::FromRef;
use axum::routing::{MethodFilter, MethodRouter};
use store::Store;

use crate::policy::AdministrationEndpoint as Endpoint;

/// The handler of an endpoint.
pub(crate) fn handler<S>(endpoint: Endpoint, _filter: MethodFilter) -> MethodRouter<S>
where
    S: Clone + Send + Sync + 'static,
    Store: FromRef<S>,
{
    match endpoint {}
}
