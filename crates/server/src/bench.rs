//! `salus bench`: what a request costs, beside what its SQL alone costs on the same machine in the same minute.
//!
//! A server of its own runs as a child process on databases of its own, which are deleted at the end. Each phase first
//! sends requests over HTTP, then the same statements over raw connections ([`store::baseline`]); absolute figures say
//! little about another machine, the ratio of the two says something about the server. Read [`phases`] first.

mod client;
mod data;
mod error;
mod import;
mod invented;
mod load;
mod loaded;
mod meter;
mod phases;
mod report;
mod server;

use std::path::PathBuf;
use std::time::Duration;

pub use error::BenchError;

use crate::config::Config;
use crate::signals::Signals;
use data::Data;
use server::Server;

/// What can be chosen.
#[derive(Clone, Debug, clap::Args)]
pub struct BenchOptions {
    /// How long each phase measures, seconds; one tenth more is spent warming up
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=3600))]
    seconds: u64,
    /// Connections that send at the same time
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..=64))]
    concurrency: u16,
    /// Folder of the test data (its synthea/shared and synthea/dev are loaded); without it, patients are invented
    #[arg(long, env = "SALUS_TEST_DATA", default_value = "../shared/data")]
    data: PathBuf,
    /// How many patients are invented where there is no test data
    #[arg(long, default_value_t = 40, value_parser = clap::value_parser!(u16).range(1..=2000))]
    patients: u16,
}

impl BenchOptions {
    fn measured(&self) -> Duration {
        Duration::from_secs(self.seconds)
    }

    fn warm_up(&self) -> Duration {
        self.measured() / 10
    }

    fn workers(&self) -> usize {
        usize::from(self.concurrency)
    }
}

/// Measures, and prints a table.
///
/// # Errors
/// [`BenchError`] where something did not work; a figure that misses its target is no error. Whatever was started is
/// stopped, and its folder is removed.
pub async fn bench(config: Config, options: BenchOptions) -> Result<(), BenchError> {
    let mut signals = Signals::listen().map_err(BenchError::io("listen to signals"))?;
    let data = Data::load(&options.data, options.patients)?;
    println!("Data: {}", data.origin);
    let mut server = Server::launch()?;
    let measured = tokio::select! {
        measured = phases::run(&mut server, &config, &options, &data) => measured.map(Some),
        () = signals.next() => Ok(None),
    };
    let stopped = server.stop().await;
    match measured? {
        Some(report) => {
            print!("{report}");
            stopped
        }
        None => stopped.and(Err(BenchError::Interrupted)),
    }
}
