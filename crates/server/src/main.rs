//! `salus`: the program. Owns configuration, telemetry, the start and stop of everything, and the wiring; decides
//! nothing about health care. May depend on every crate. Read [`start`] first, then [`listen`].

mod administrator;
mod ask;
mod backup;
mod bench;
mod cli;
mod config;
mod databases;
mod doctor;
mod ephemeral;
mod health;
mod keys;
mod listen;
mod master_key;
mod metrics;
mod migrate;
mod reset;
mod restore;
mod say;
mod secret_file;
mod seed;
mod serve;
mod signals;
mod start;
mod state;
mod telemetry;
mod traces;

use std::error::Error;
use std::process::ExitCode;

use clap::Parser;

use crate::cli::{Cli, Command};
use crate::config::Config;

/// Exit status of a start that the configuration stopped, the same as clap's for wrong arguments.
const MISCONFIGURED: u8 = 2;

fn main() -> ExitCode {
    let cli = Cli::parse();
    // What the settings are can be asked whatever they are.
    if let Some(Command::Config { env, .. }) = &cli.command {
        say::text(if *env { config::env_example() } else { config::markdown() });
        return ExitCode::SUCCESS;
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            say::progress(format_args!("salus: no threads to run on: {error}"));
            return ExitCode::FAILURE;
        }
    };
    let configured = Config::read(std::env::vars_os()).and_then(|config| {
        let traces = telemetry::install(&config, runtime.handle())?;
        config.warnings.iter().for_each(|warning| tracing::warn!("{warning}"));
        Ok((config, traces))
    });
    let (config, traces) = match configured {
        Ok(configured) => configured,
        Err(error) => {
            say::progress(format_args!("salus: {error}"));
            return ExitCode::from(MISCONFIGURED);
        }
    };
    let result = runtime.block_on(async {
        match cli.command.unwrap_or_default() {
            Command::Serve { ephemeral, seed } => serve::serve(config, ephemeral, seed).await,
            Command::Migrate { way } => migrate::migrate(config, way).await,
            Command::Keys { command } => keys::keys(config, command).await,
            Command::Health => health::health(&config),
            Command::Backup(options) => backup::backup(config, options).await,
            Command::Restore(options) => restore::restore(config, options).await,
            Command::RestorePoint { name } => backup::restore_point(config, name).await,
            Command::Reconcile(options) => restore::reconcile(config, options).await,
            Command::Reset { yes } => reset::reset(config, yes).await,
            Command::Config { .. } => Ok(()),
            Command::Doctor { sql, json } => doctor::doctor(config, sql, json).await,
            Command::Seed(options) => seed::seed(config, options).await,
            Command::Bench(options) => Ok(bench::bench(config, options).await?),
        }
    });
    if let Some(traces) = traces {
        traces.end();
    }
    // A blocking thread that still waits, for a terminal perhaps, does not hold up the end.
    runtime.shutdown_background();
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say::progress(format_args!("salus: {}", chain(&*error)));
            let done = error.is::<backup::Unfinished>() || error.is::<restore::Half>();
            if done { ExitCode::from(backup::Unfinished::STATUS) } else { ExitCode::FAILURE }
        }
    }
}

/// An error and its causes in one line.
fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let said = error.to_string();
        // Transparent wrappers repeat what they wrap.
        if !text.ends_with(&said) {
            text.push_str(": ");
            text.push_str(&said);
        }
        cause = error.source();
    }
    text
}
