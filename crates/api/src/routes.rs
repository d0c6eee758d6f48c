//! The router, made from the table of rules: each family maps its endpoints to handlers, and each handler is wrapped
//! in the guard.

use axum::Router;
use axum::extract::FromRef;
use axum::http::StatusCode;
use axum::middleware;
use axum::routing::{MethodFilter, MethodRouter};
use fhir::outcome::IssueType;
use store::Store;

use crate::body::LargeBundles;
use crate::edge::Edge;
use crate::failure::Failure;
use crate::guard::{Gate, guard};
use crate::health::Readiness;
use crate::metrics::Metrics;
use crate::policy::{Endpoint, Rule, Verb, table};
use crate::session::Sessions;
use crate::{administration, edge, fhir as rest, hospital, operations, session};

/// The whole API over the parts that `state` holds.
pub fn router<S>(state: S) -> Router
where
    S: Clone + Send + Sync + 'static,
    Gate: FromRef<S>,
    Store: FromRef<S>,
    Sessions: FromRef<S>,
    LargeBundles: FromRef<S>,
    Readiness: FromRef<S>,
    Metrics: FromRef<S>,
    Edge: FromRef<S>,
{
    let around = Edge::from_ref(&state);
    let routes = table().fold(Router::new(), |router, rule| {
        let guarded =
            handler(rule).route_layer(middleware::from_fn_with_state((state.clone(), rule), guard::<S>));
        router.route(rule.path, guarded)
    });
    let routes = routes.fallback(no_route).method_not_allowed_fallback(no_method).with_state(state);
    edge::around(routes, around)
}

fn handler<S>(rule: &Rule) -> MethodRouter<S>
where
    S: Clone + Send + Sync + 'static,
    Store: FromRef<S>,
    Sessions: FromRef<S>,
    LargeBundles: FromRef<S>,
    Readiness: FromRef<S>,
    Metrics: FromRef<S>,
    Gate: FromRef<S>,
{
    let filter = match rule.verb {
        Verb::Get => MethodFilter::GET,
        Verb::Post => MethodFilter::POST,
        Verb::Put => MethodFilter::PUT,
        Verb::Patch => MethodFilter::PATCH,
        Verb::Delete => MethodFilter::DELETE,
    };
    match rule.endpoint {
        Endpoint::Operations(endpoint) => operations::handler(endpoint, filter),
        Endpoint::Session(endpoint) => session::handler(endpoint, filter),
        Endpoint::Administration(endpoint) => administration::handler(endpoint, filter),
        Endpoint::Patients(endpoint) => hospital::patients::handler(endpoint, filter),
        Endpoint::Chart(endpoint) => hospital::chart::handler(endpoint, filter),
        Endpoint::Fhir(endpoint) => rest::handler(endpoint, filter),
    }
}

async fn no_route() -> Failure {
    Failure::missing("there is no such route")
}

/// axum adds `Allow`.
async fn no_method() -> Failure {
    Failure::new(
        StatusCode::METHOD_NOT_ALLOWED,
        IssueType::NotSupported,
        "this path does not know this method; the Allow header names those that it knows",
    )
}
