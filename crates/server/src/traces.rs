//! OpenTelemetry traces, where a collector is named: the span of each request, of its operation, and of each statement
//! and step of a commit.
//!
//! Sent as OTLP over plain HTTP: the collector belongs on the same host or the same private network, and TLS is its
//! business from there on.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use api::Tracing;
use async_trait::async_trait;
use axum::http::{HeaderMap, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::rt::TokioIo;
use opentelemetry::KeyValue;
use opentelemetry::propagation::TextMapPropagator;
use opentelemetry::trace::{TraceContextExt, TracerProvider};
use opentelemetry_http::{Bytes, HeaderExtractor, HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{ExporterBuildError, SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::{SdkTracerProvider, Tracer};
use tokio::net::TcpStream;
use tokio::runtime::Handle;
use tracing::Span;
use tracing_opentelemetry::{OpenTelemetryLayer, OpenTelemetrySpanExt};
use tracing_subscriber::registry::LookupSpan;

/// Longest wait for the collector's answer.
const ANSWER: Duration = Duration::from_secs(5);
/// Largest answer that is read.
const ANSWER_BYTES: usize = 64 * 1024;
/// How long a server that stops waits for its last spans to be taken.
const LAST: Duration = Duration::from_secs(2);
/// The name of the service, unless `OTEL_SERVICE_NAME` gives another.
const SERVICE: &str = "salus";

/// What sends spans; to be ended before the runtime is.
pub struct Traces(SdkTracerProvider);

impl Traces {
    /// Sends spans to this URL, over this runtime. Sampling, headers, batches and the service's name are read from the
    /// variables that OpenTelemetry names.
    ///
    /// # Errors
    /// Where the URL or one of those variables cannot be used.
    pub fn to(endpoint: &str, runtime: Handle) -> Result<Traces, ExporterBuildError> {
        let collector = Collector { runtime, silent: AtomicBool::new(false) };
        let exporter = SpanExporter::builder()
            .with_http()
            .with_http_client(collector)
            .with_endpoint(endpoint)
            .build()?;
        let mut resource =
            Resource::builder().with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")));
        if std::env::var_os("OTEL_SERVICE_NAME").is_none() {
            resource = resource.with_service_name(SERVICE);
        }
        let provider = SdkTracerProvider::builder()
            .with_batch_exporter(exporter)
            .with_resource(resource.build())
            .build();
        Ok(Traces(provider))
    }

    /// What hands spans over.
    pub fn layer<S>(&self) -> OpenTelemetryLayer<S, Tracer>
    where
        S: tracing::Subscriber + for<'span> LookupSpan<'span>,
    {
        tracing_opentelemetry::layer()
            .with_tracer(self.0.tracer(SERVICE))
            .with_location(false)
            .with_threads(false)
            .with_target(false)
            .with_level(false)
            .with_tracked_inactivity(false)
    }

    /// Sends what is left.
    pub fn end(&self) {
        // Who does not take the last spans has been complained of already.
        let _ = self.0.shutdown_with_timeout(LAST);
    }
}

/// What the edge does with the spans of requests.
pub const OF_REQUESTS: Tracing = Tracing { adopt, name };

fn name(span: &Span, name: String) {
    span.context().span().update_name(name);
}

/// Makes the span part of the trace that W3C's `traceparent` names, if there is one.
fn adopt(headers: &HeaderMap, span: &Span) {
    static PROPAGATOR: LazyLock<TraceContextPropagator> = LazyLock::new(TraceContextPropagator::new);
    if headers.contains_key("traceparent") {
        // A span that is not sampled has no parent to set.
        let _ = span.set_parent(PROPAGATOR.extract(&HeaderExtractor(headers)));
    }
}

/// The way to the collector: a connection for each batch, of which there is one every few seconds.
#[derive(Debug)]
struct Collector {
    runtime: Handle,
    /// Whether the last batch was not taken.
    silent: AtomicBool,
}

#[async_trait]
impl HttpClient for Collector {
    /// Batches come from a thread of OpenTelemetry's own, outside the runtime.
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let sending = self.runtime.spawn(async move { tokio::time::timeout(ANSWER, send(request)).await });
        let sent = match sending.await {
            Ok(Ok(sent)) => sent,
            Ok(Err(late)) => Err(late.into()),
            Err(ended) => Err(ended.into()),
        };
        let taken = sent.as_ref().is_ok_and(|response| response.status().is_success());
        if !self.silent.swap(!taken, Ordering::Relaxed) && !taken {
            let error =
                sent.as_ref().map_or_else(ToString::to_string, |response| response.status().to_string());
            tracing::warn!(error, "the collector does not take traces; said once until it does");
        }
        sent
    }
}

async fn send(request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
    let (mut parts, body) = request.into_parts();
    let authority = parts.uri.authority().ok_or("the collector's URL names no host")?.clone();
    let host = authority.host().trim_start_matches('[').trim_end_matches(']');
    let stream = TcpStream::connect((host, authority.port_u16().unwrap_or(80))).await?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    let driver = tokio::spawn(connection);
    parts.headers.insert(header::HOST, authority.as_str().parse()?);
    let path = parts.uri.path_and_query().map_or("/", |path| path.as_str()).to_owned();
    parts.uri = path.parse()?;
    let response = sender.send_request(Request::from_parts(parts, Full::new(body))).await?;
    let (parts, body) = response.into_parts();
    let body = Limited::new(body, ANSWER_BYTES).collect().await?.to_bytes();
    driver.abort();
    Ok(Response::from_parts(parts, body))
}
