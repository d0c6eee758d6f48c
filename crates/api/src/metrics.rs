//! `/metrics`: what is counted and measured, for Prometheus.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use schemars::JsonSchema;

/// The text format's version.
const MEDIA_TYPE: HeaderValue = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");

/// The text, for the document.
#[derive(JsonSchema)]
#[schemars(inline, example = &"# TYPE http_requests_in_flight gauge\nhttp_requests_in_flight 3\n")]
pub(crate) struct Measurements(#[expect(dead_code, reason = "only its shape is looked at")] String);

/// Where the text comes from.
#[derive(Clone)]
pub struct Metrics(Arc<dyn Fn() -> String + Send + Sync>);

impl Metrics {
    /// Asks `text` at every request.
    pub fn new(text: impl Fn() -> String + Send + Sync + 'static) -> Metrics {
        Metrics(Arc::new(text))
    }

    /// The answer to whoever may read them.
    pub fn answer(&self) -> Response {
        let mut response = (self.0)().into_response();
        response.headers_mut().insert(header::CONTENT_TYPE, MEDIA_TYPE);
        response
    }
}

/// Handles the request.
pub(crate) async fn metrics(State(metrics): State<Metrics>) -> Response {
    metrics.answer()
}
