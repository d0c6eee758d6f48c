//! Health and documents: for whoever runs the server or writes to it.

use super::{Answer, Content, Documentation, Permission, Policy, RequestHeader, Rule, Shape, Verb};
use crate::docs::{File, Page};
use crate::health::{Live, Ready};
use crate::metrics::Measurements;
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
    /// The same for people.
    Docs,
    /// A file of that page.
    DocsFile,
    /// What is counted and measured.
    Metrics,
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

const PAGE: Content = Content { media_types: &["text/html"], shape: Shape::of::<Page>() };
const FILE: Content =
    Content { media_types: &["text/javascript", "text/css", "image/png"], shape: Shape::of::<File>() };
const MEASURED: Content = Content { media_types: &["text/plain"], shape: Shape::of::<Measurements>() };
const KEPT: &[&str] = &["ETag", "Cache-Control"];
const UNCHANGED: Answer =
    Answer { status: 304, description: "The client has it.", content: None, headers: KEPT };
const IF_NONE_MATCH: RequestHeader = RequestHeader {
    name: "If-None-Match",
    description: "The `ETag` of what the client has already.",
    required: false,
};

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
        )
        .describe(
            "What is wrong with a database is told to whoever may read the metrics. Everybody else learns whether \
             requests should be sent here.",
        ),
    ),
    Rule {
        policy: Policy::Permissions(&[Permission::SystemMetrics]),
        ..open(
            Endpoint::Metrics,
            "/metrics",
            "metrics.read",
            Documentation::new(
                TAG,
                "What is counted and measured, for Prometheus",
                &[Answer::ok("The text format, version 0.0.4.", MEASURED)],
            ),
        )
    },
    open(
        Endpoint::OpenApi,
        "/openapi.json",
        "documents.openapi",
        Documentation::new(TAG, "This document", &[Answer::ok("OpenAPI 3.1.", Content::json::<OpenApi>())]),
    ),
    open(
        Endpoint::Docs,
        "/docs",
        "documents.page",
        Documentation::new(
            TAG,
            "This document for people (Swagger UI)",
            &[Answer::ok("A page.", PAGE).with_headers(KEPT), UNCHANGED],
        )
        .headers(&[IF_NONE_MATCH]),
    ),
    open(
        Endpoint::DocsFile,
        "/docs/{release}/{file}",
        "documents.file",
        Documentation::new(
            TAG,
            "A file of that page",
            &[Answer::ok("The file.", FILE).with_headers(KEPT), UNCHANGED],
        )
        .headers(&[IF_NONE_MATCH])
        .refuses(&[404]),
    ),
];
