//! Health and documents: for whoever runs the server or writes to it.

use super::{Answer, Content, Documentation, Policy, Rule, Verb};
use crate::health::{Live, Ready};
use crate::openapi::OpenApi;

/// What can be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Endpoint {
    /// The process is alive.
    Live,
    /// The process can serve.
    Ready,
    /// The OpenAPI document.
    OpenApi,
}

const fn open(
    endpoint: Endpoint,
    path: &'static str,
    operation: &'static str,
    documentation: Documentation,
) -> Rule {
    let endpoint = super::Endpoint::Operations(endpoint);
    Rule::new(endpoint, Verb::Get, path, Policy::Public, operation, documentation)
}

const TAG: &str = "Operations";

pub(super) const RULES: &[Rule] = &[
    open(
        Endpoint::Live,
        "/healthz",
        "health.live",
        Documentation::new(
            TAG,
            "Whether the process is alive",
            &[Answer::ok("It is.", Content::json::<Live>())],
        ),
    ),
    open(
        Endpoint::Ready,
        "/readyz",
        "health.ready",
        Documentation::new(
            TAG,
            "Whether the process can do all its work, database by database",
            &[
                Answer::ok(
                    "All databases are up, and recovery has been through them.",
                    Content::json::<Ready>(),
                ),
                Answer {
                    status: 503,
                    description: "Not all of its work can be done.",
                    content: Some(Content::json::<Ready>()),
                    headers: &["Retry-After"],
                },
            ],
        ),
    ),
    open(
        Endpoint::OpenApi,
        "/openapi.json",
        "documents.openapi",
        Documentation::new(TAG, "This document", &[Answer::ok("OpenAPI 3.1.", Content::json::<OpenApi>())]),
    ),
];
