//! The log: to stderr, without PHI.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::util::SubscriberInitExt;

use crate::config::{Config, ConfigError, LogFormat};

/// Sets the process's log up, and has a panic say where it happened and nothing else: its message may hold
/// anything.
///
/// # Errors
/// [`ConfigError::Invalid`] where the filter cannot be read.
pub fn install(config: &Config) -> Result<(), ConfigError> {
    let filter = EnvFilter::try_new(&config.log).map_err(|_| ConfigError::Invalid {
        name: "SALUS_LOG",
        wanted: "a filter, such as info or store=debug,info",
    })?;
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        // A log that cannot be written is no reason to die.
        .log_internal_errors(false)
        .with_ansi(std::io::stderr().is_terminal());
    // Only a second call in one process fails, and that one changes nothing.
    let _ = match config.log_format {
        LogFormat::Text => log.finish().try_init(),
        LogFormat::Json => log.json().finish().try_init(),
    };
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map_or_else(|| "an unknown place".to_owned(), ToString::to_string);
        tracing::error!(place, "panicked");
    }));
    Ok(())
}
