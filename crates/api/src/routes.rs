//! The router, made from the table of rules: each rule's endpoint has its handler here, wrapped in the guard.

use axum::Router;
use axum::extract::FromRef;
use axum::http::StatusCode;
use axum::middleware;
use axum::routing::{MethodFilter, MethodRouter, on};
use fhir::outcome::IssueType;
use store::Store;

use crate::body::LargeBundles;
use crate::failure::Failure;
use crate::guard::{Gate, guard};
use crate::health::Readiness;
use crate::policy::{Endpoint, Rule, TABLE, Verb};
use crate::session::Sessions;
use crate::{edge, fhir as rest, health, session};

/// The whole API over the parts that `state` holds.
pub fn router<S>(state: S) -> Router
where
    S: Clone + Send + Sync + 'static,
    Gate: FromRef<S>,
    Store: FromRef<S>,
    Sessions: FromRef<S>,
    LargeBundles: FromRef<S>,
    Readiness: FromRef<S>,
{
    let routes = TABLE.iter().fold(Router::new(), |router, rule| {
        let guarded =
            handler(rule).route_layer(middleware::from_fn_with_state((state.clone(), rule), guard::<S>));
        router.route(rule.path, guarded)
    });
    let routes = routes.fallback(no_route).method_not_allowed_fallback(no_method).with_state(state);
    edge::around(routes)
}

fn handler<S>(rule: &Rule) -> MethodRouter<S>
where
    S: Clone + Send + Sync + 'static,
    Store: FromRef<S>,
    Sessions: FromRef<S>,
    LargeBundles: FromRef<S>,
    Readiness: FromRef<S>,
{
    let filter = match rule.verb {
        Verb::Get => MethodFilter::GET,
        Verb::Post => MethodFilter::POST,
        Verb::Put => MethodFilter::PUT,
        Verb::Delete => MethodFilter::DELETE,
    };
    match rule.endpoint {
        Endpoint::Live => on(filter, health::live),
        Endpoint::Ready => on(filter, health::ready),
        Endpoint::LogIn => on(filter, session::log_in),
        Endpoint::Me => on(filter, session::me),
        Endpoint::Metadata => on(filter, rest::metadata),
        Endpoint::Bundle => on(filter, rest::bundle),
        Endpoint::Create => on(filter, rest::create),
        Endpoint::Search => on(filter, rest::search),
        Endpoint::SearchForm => on(filter, rest::search_form),
        Endpoint::Read => on(filter, rest::read),
        Endpoint::Update => on(filter, rest::update),
        Endpoint::Delete => on(filter, rest::delete),
        Endpoint::History => on(filter, rest::history),
        Endpoint::VersionRead => on(filter, rest::version_read),
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
