//! The routes for whoever runs the server or writes to it.

use axum::extract::FromRef;
use axum::routing::{MethodFilter, MethodRouter, on};

use crate::guard::Gate;
use crate::health::{self, Readiness};
use crate::metrics::{self, Metrics};
use crate::policy::OperationsEndpoint as Endpoint;
use crate::{docs, openapi};

/// The handler of an endpoint.
pub(crate) fn handler<S>(endpoint: Endpoint, filter: MethodFilter) -> MethodRouter<S>
where
    S: Clone + Send + Sync + 'static,
    Readiness: FromRef<S>,
    Metrics: FromRef<S>,
    Gate: FromRef<S>,
{
    match endpoint {
        Endpoint::Live => on(filter, health::live),
        Endpoint::Ready => on(filter, health::ready::<S>),
        Endpoint::Metrics => on(filter, metrics::metrics),
        Endpoint::OpenApi => on(filter, openapi::openapi),
        Endpoint::Docs => on(filter, docs::page),
        Endpoint::DocsFile => on(filter, docs::file),
    }
}
