//! `salus seed`: the demonstration hospital, written as a client would write it.
//!
//! The crate `demo` tells who there is and what befell them; here that becomes the typed views that `/api/v1` takes,
//! checked by their rules, and these become one transaction for each patient, through the one write path: numbers,
//! sealing, indexes, audit rows and the paired commit are those of every other record.

mod bundle;
mod chart;
mod directory;
mod error;
mod load;
mod patient;
mod people;
mod report;

use std::error::Error;
use std::sync::Arc;
use std::time::Instant;

use chrono::{NaiveDate, Utc};
use cluster::Databases;
use demo::Demo;
use store::Store;

use crate::config::Config;
use crate::metrics::Recorder;
use crate::signals::Interrupted;
use crate::start::{self, Application, StartError};
use crate::{databases, say};

pub use error::SeedError;
pub use report::Report;

/// The password of every account of the demonstration. Known to everybody who reads the documents.
pub const PASSWORD: &str = "everybody-knows-this-one";

/// What `salus seed` is told.
#[derive(Clone, Debug, clap::Args)]
pub struct SeedOptions {
    /// How many patients
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(0..=1_000_000))]
    pub patients: u32,
    /// The number that everything is made from: the same number and day give the same hospital
    #[arg(long, default_value_t = 42)]
    pub seed: u64,
    /// The day on which the year of the patients ends, such as 2026-03-01; today (UTC) where none is given
    #[arg(long)]
    pub date: Option<NaiveDate>,
    /// Also where there are patients already
    #[arg(long)]
    pub force: bool,
    /// Also into databases that Salus did not make itself, where accounts with a known password are a danger
    #[arg(long)]
    pub external: bool,
}

impl SeedOptions {
    /// Fifty patients of this seed, up to today.
    pub fn of_seed(seed: u64) -> SeedOptions {
        SeedOptions { patients: 50, seed, date: None, force: false, external: false }
    }
}

/// Opens the databases, fills them, stops what it started.
///
/// # Errors
/// Whatever prevents it; what was written until then stays.
pub async fn seed(config: Config, options: SeedOptions) -> Result<(), Box<dyn Error>> {
    if config.databases.external.is_some() && !options.external {
        return Err(SeedError::External.into());
    }
    let seeded = databases::during(&config, async |databases| over(&config, databases, &options).await).await;
    seeded.map_err(|error| if error.is::<Interrupted>() { SeedError::Interrupted.into() } else { error })
}

async fn over(config: &Config, databases: &Databases, options: &SeedOptions) -> Result<(), Box<dyn Error>> {
    databases::update(databases).await.map_err(StartError::from)?;
    let recorder = Recorder::install()?;
    let Application { store, .. } = start::application(config, databases, &recorder).await?;
    let seeded = run(&store, options).await;
    store.close().await;
    say::text(seeded?);
    Ok(())
}

/// Fills an opened store in which the first administrator is: people and places, then the patients.
///
/// # Errors
/// [`SeedError`]; what was written until then stays.
pub async fn run(store: &Store, options: &SeedOptions) -> Result<Report, SeedError> {
    let began = Instant::now();
    let now = Utc::now();
    let today = options.date.unwrap_or(now.date_naive());
    if today > now.date_naive() {
        return Err(SeedError::Future(today));
    }
    let demo = Arc::new(Demo::new(options.seed, today));
    let mut report = Report::default();
    let sites = people::settle(store, &demo, options.force, &mut report).await?;
    let mut houses = Vec::with_capacity(sites.len());
    for site in sites {
        houses.push(directory::open(store, demo.house(site.kind), site, &mut report).await?);
    }
    load::patients(store, &demo, houses, options.patients, &mut report).await?;
    report.elapsed = began.elapsed();
    Ok(report)
}
