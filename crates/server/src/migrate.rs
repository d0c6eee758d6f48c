//! `salus migrate`: the schemas, without serving.

use std::error::Error;

use cluster::operations::{self, Event, Kind};
use cluster::{ClusterError, Databases, Login, Migrations, Role};
use kernel::Database;
use serde_json::json;

use crate::cli::Way;
use crate::config::Config;
use crate::say;
use crate::{ask, databases};

/// Opens the databases, does what is asked, stops what it started.
///
/// # Errors
/// Whatever prevents it; what was started is stopped.
pub async fn migrate(config: Config, way: Way) -> Result<(), Box<dyn Error>> {
    if let Way::Down { database, to, yes: false } = &way {
        let question = format!(
            "This reverts every migration of {database} above version {to} in {}; what they hold is lost.",
            databases::place(&config, *database)
        );
        if !ask::confirm(&question)? {
            return Err("nothing was changed".into());
        }
    }
    databases::during(&config, async |databases| perform(&config, databases, way).await).await
}

async fn perform(config: &Config, databases: &Databases, way: Way) -> Result<(), Box<dyn Error>> {
    let migrations = Migrations::embedded()?;
    match way {
        Way::Up { why, backup } => {
            if backup && has_something_to_lose(&migrations, databases).await? {
                crate::backup::before_migrating(config, databases).await?;
            }
            for database in Database::ALL {
                let owner = databases.login(database, Role::Owner)?;
                let applied = migrations.up(database, &owner.options()).await?;
                print(database, "applied", &applied);
                write_down(
                    database,
                    &owner,
                    Kind::Migrate,
                    &applied,
                    why.as_deref().filter(|why| !why.trim().is_empty()),
                )
                .await?;
            }
            // The three become one installation; the server's own login may not say so.
            store::bootstrap::ensure_identity(&databases.every(Role::Owner)?).await?;
        }
        Way::Down { database, to, .. } => {
            let owner = databases.login(database, Role::Owner)?;
            let reverted = migrations.down(database, &owner.options(), to).await?;
            print(database, "reverted", &reverted);
            write_down(database, &owner, Kind::Revert, &reverted, None).await?;
        }
        Way::Status => {
            for database in Database::ALL {
                for migration in
                    migrations.status(database, &databases.options(database, Role::Owner)?).await?
                {
                    let state = if migration.applied { "applied" } else { "pending" };
                    say::result(format_args!(
                        "{database} {:04} {state} {}",
                        migration.version, migration.description
                    ));
                }
            }
        }
    }
    Ok(())
}

/// Whether anything is pending in databases that were in use.
async fn has_something_to_lose(
    migrations: &Migrations,
    databases: &Databases,
) -> Result<bool, Box<dyn Error>> {
    let (mut pending, mut applied) = (false, true);
    for database in Database::ALL {
        let status = migrations.status(database, &databases.options(database, Role::Owner)?).await?;
        pending |= status.iter().any(|migration| !migration.applied);
        applied &= status.iter().any(|migration| migration.applied);
    }
    Ok(pending && applied)
}

async fn write_down(
    database: Database,
    owner: &Login,
    kind: Kind,
    versions: &[i64],
    why: Option<&str>,
) -> Result<(), ClusterError> {
    if versions.is_empty() {
        return Ok(());
    }
    let event =
        Event { kind, program: env!("CARGO_PKG_VERSION"), why, detail: json!({ "versions": versions }) };
    operations::record(database, owner, &event).await
}

fn print(database: Database, what: &str, versions: &[i64]) {
    if versions.is_empty() {
        say::result(format_args!("{database}: nothing to do"));
        return;
    }
    let versions: Vec<_> = versions.iter().map(|version| format!("{version:04}")).collect();
    say::result(format_args!("{database}: {what} {}", versions.join(", ")));
}
