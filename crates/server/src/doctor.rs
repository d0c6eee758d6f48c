//! `salus doctor`: is everything as it must be, what to do where it is not, and how the databases are.

mod report;

use std::error::Error;
use std::sync::Arc;

use kernel::Database;
use nix::sys::statvfs::statvfs;
use seal::{Keyring, MasterKey};
use store::diagnose::{Figures, figures};
use store::{Looked, StoreOptions, preflight};

use crate::config::Config;
use crate::{databases, say};

/// What the doctor found.
pub struct Report {
    /// The preflight of each database.
    pub looked: Vec<Looked>,
    /// The figures of each, or why there are none.
    pub figures: Vec<(Database, Result<Figures, String>)>,
    /// Bytes that are free where the data folder is, if it is there.
    pub free_bytes: Option<u64>,
}

/// Looks at the databases and says what it found; with `sql` prints what an administrator must run instead.
///
/// # Errors
/// Where a database cannot be used as it is, so that scripts can ask for it.
pub async fn doctor(config: Config, sql: bool, json: bool) -> Result<(), Box<dyn Error>> {
    if sql {
        say::text(setup(&config));
        return Ok(());
    }
    // Nothing is sealed or opened.
    let keyring = Arc::new(Keyring::new(MasterKey::generate()?));
    let report =
        databases::reach(&config, keyring, async |options| Ok(examine(&config, &options).await)).await?;
    match json {
        true => say::result(report::json(&report)),
        false => say::text(report::text(&report)),
    }
    let faults: usize = report.looked.iter().map(|looked| looked.refusals.len()).sum();
    match faults {
        0 => Ok(()),
        1 => Err("there is a fault: the server would not start".into()),
        _ => Err(format!("there are {faults} faults: the server would not start").into()),
    }
}

async fn examine(config: &Config, options: &StoreOptions) -> Report {
    let looked = preflight(options).await;
    let mut all = Vec::with_capacity(3);
    for database in Database::ALL {
        all.push((database, figures(options, database).await));
    }
    let free_bytes = statvfs(&config.data_dir).ok().map(|system| {
        let (blocks, size) = (system.blocks_available(), system.fragment_size());
        #[allow(clippy::useless_conversion, reason = "the width differs between systems")]
        u64::from(blocks).saturating_mul(u64::from(size))
    });
    Report { looked, figures: all, free_bytes }
}

/// What the administrator of each external database must run.
fn setup(config: &Config) -> String {
    let all = match &config.databases.external {
        Some(external) => external.each_ref().map(cluster::setup_sql),
        None => Database::ALL.map(|database| cluster::setup_sql(&cluster::example(database))),
    };
    all.join("\n\n")
}
