//! `salus serve`: everything up, requests answered until a signal, everything down.

use std::error::Error;
use std::net::SocketAddr;
use std::time::Instant;

use cluster::Databases;
use services::bootstrap::ADMINISTRATOR;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::administrator::PasswordPlace;
use crate::config::{Config, HTTP_ADDR, METRICS_ADDR};
use crate::databases;
use crate::ephemeral::Ephemeral;
use crate::listen;
use crate::metrics::{self, Recorder};
use crate::say;
use crate::seed::{self, SeedOptions};
use crate::signals::Signals;
use crate::start::{self, Application, StartError};

/// Connections to the address of the metrics.
const WATCHERS: usize = 64;

/// The address cannot be served on.
#[derive(Debug, thiserror::Error)]
#[error("cannot serve on {address}, which {setting} can change")]
struct NoAddress {
    address: SocketAddr,
    setting: &'static str,
    source: std::io::Error,
}

/// Runs the server; an ephemeral one on a folder that goes with it, and where a seed is given with the patients of it.
///
/// # Errors
/// Whatever stops the start. Whatever was started is stopped.
pub async fn serve(mut config: Config, ephemeral: bool, seed: Option<u64>) -> Result<(), Box<dyn Error>> {
    // Before anything is made that a signal would leave behind.
    let signals = Signals::listen()?;
    if !ephemeral {
        return serve_on(config, seed, signals).await;
    }
    if config.databases.external.is_some() {
        return Err("external databases outlive a server: --ephemeral is for databases of its own".into());
    }
    let folder = Ephemeral::make().await?;
    config.data_dir = folder.folder().to_path_buf();
    let served = serve_on(config, seed, signals).await;
    folder.remove().await;
    served
}

async fn serve_on(config: Config, seed: Option<u64>, mut signals: Signals) -> Result<(), Box<dyn Error>> {
    let began = Instant::now();
    say::progress(format_args!("Salus {}", env!("CARGO_PKG_VERSION")));
    // Taken before anything is started, so that an address in use costs nothing.
    let address = config.http_addr;
    let listener =
        listen::bind(address).map_err(|source| NoAddress { address, setting: HTTP_ADDR.name, source })?;
    let watched = match config.edge.metrics_addr {
        Some(address) => Some(listen::bind(address).map_err(|source| NoAddress {
            address,
            setting: METRICS_ADDR.name,
            source,
        })?),
        None => None,
    };
    listen::allow_connections(config.edge.max_connections);
    let recorder = Recorder::install()?;
    let Some(databases) = databases::open_unless(&mut signals, &config).await? else { return Ok(()) };
    let served =
        serve_over(&config, &databases, seed, Doors { listener, watched, recorder }, began, &mut signals)
            .await;
    databases.stop().await?;
    served?;
    say::progress("stopped");
    Ok(())
}

async fn serve_over(
    config: &Config,
    databases: &Databases,
    seed: Option<u64>,
    doors: Doors,
    began: Instant,
    signals: &mut Signals,
) -> Result<(), Box<dyn Error>> {
    let starting = async {
        databases::update(databases).await?;
        start::application(config, databases, &doors.recorder).await
    };
    let Application { store, router, readiness, metrics, password } = tokio::select! {
        started = starting => started.map_err(Box::<StartError>::from)?,
        () = signals.next() => return Ok(()),
    };
    if let Some(seed) = seed {
        let options = SeedOptions::of_seed(seed);
        let seeded = tokio::select! {
            seeded = seed::run(&store, &options) => seeded.map(Some),
            () = signals.next() => Ok(None),
        };
        match seeded {
            Ok(Some(report)) => say::text(report),
            Ok(None) | Err(_) => {
                store.close().await;
                return seeded.map(drop).map_err(Into::into);
            }
        }
    }
    announce(doors.listener.local_addr()?, &password, began);
    let stop = CancellationToken::new();
    let serving = listen::serve(doors.listener, router, config.edge.max_connections, stop.cancelled());
    let watching = async {
        if let Some(listener) = doors.watched {
            say::result(format_args!("Metrics at http://{}/metrics", listener.local_addr()?));
            let router = metrics::router(metrics);
            listen::serve(listener, router, WATCHERS, stop.cancelled()).await;
        }
        Ok::<(), std::io::Error>(())
    };
    let stopping = async {
        signals.next().await;
        say::progress("stopping");
        readiness.stop();
        // Who is in a hurry says so a second time.
        tokio::select! {
            () = tokio::time::sleep(config.edge.drain_delay) => {}
            () = signals.next() => {}
        }
        stop.cancel();
    };
    let (end, watched, ()) = tokio::join!(serving, watching, stopping);
    store.close_by(end).await;
    watched?;
    Ok(())
}

/// What is served on, and what counts.
struct Doors {
    listener: TcpListener,
    /// For the metrics alone.
    watched: Option<TcpListener>,
    recorder: Recorder,
}

/// Tells the person, and scripts that wait for this line, that requests are answered from now on.
fn announce(address: SocketAddr, password: &PasswordPlace, began: Instant) {
    say::result(format_args!("Ready after {:.1} s at http://{address}", began.elapsed().as_secs_f64()));
    match password {
        PasswordPlace::File(path) => {
            say::result(format_args!("Administrator: {ADMINISTRATOR}, password in {}", path.display()));
        }
        PasswordPlace::Variable => {
            say::result(format_args!("Administrator: {ADMINISTRATOR}, password as in SALUS_ADMIN_PASSWORD"));
        }
        PasswordPlace::Elsewhere => {
            say::result(format_args!(
                "Administrator: {ADMINISTRATOR}; SALUS_ADMIN_PASSWORD sets a new password"
            ));
        }
    }
    say::result("Ctrl-C stops it");
}
