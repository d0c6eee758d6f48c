//! The log: to stderr, without PHI. And traces, where they are asked for.

use std::io::IsTerminal;

use tokio::runtime::Handle;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer};

use crate::config::{Config, ConfigError, LogFormat};
use crate::traces::Traces;

/// Sets the process's log and traces up, and has a panic say where it happened and nothing else: its message may hold
/// anything. Gives the traces, which must be ended, where there are any.
///
/// # Errors
/// [`ConfigError::Invalid`] where the log's filter or the traces' settings cannot be read.
pub fn install(config: &Config, runtime: &Handle) -> Result<Option<Traces>, ConfigError> {
    let filter = EnvFilter::try_new(&config.log).map_err(|_| ConfigError::Invalid {
        name: "SALUS_LOG",
        wanted: "a filter, such as info or store=debug,info",
    })?;
    let traces = match &config.edge.traces {
        Some(endpoint) => Some(Traces::to(endpoint, runtime.clone()).map_err(|_| ConfigError::Invalid {
            name: "OTEL_EXPORTER_OTLP_ENDPOINT",
            wanted: "the URL of a collector that takes OTLP over http, and the other OTEL_ variables fit it",
        })?),
        None => None,
    };
    // Spans are made for the log at info and above, and for traces at debug too. Events stay in the log.
    let spans = filter_fn(|metadata| metadata.is_span() && *metadata.level() <= tracing::Level::DEBUG)
        .with_max_level_hint(LevelFilter::DEBUG);
    let log = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        // A log that cannot be written is no reason to die.
        .log_internal_errors(false)
        .with_ansi(std::io::stderr().is_terminal());
    let log = match config.log_format {
        LogFormat::Text => log.with_filter(filter).boxed(),
        LogFormat::Json => log.json().with_current_span(false).with_filter(filter).boxed(),
    };
    // Only a second call in one process fails, and that one changes nothing.
    let _ = tracing_subscriber::registry()
        .with(traces.as_ref().map(|traces| traces.layer().with_filter(spans)))
        .with(log)
        .try_init();
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map_or_else(|| "an unknown place".to_owned(), ToString::to_string);
        tracing::error!(place, "panicked");
    }));
    Ok(traces)
}
