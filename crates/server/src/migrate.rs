//! `salus migrate`: the schemas, without serving.

use std::error::Error;

use cluster::{Databases, Migrations, Role};
use kernel::Database;

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
    let databases = databases::open(&config).await?;
    let done = perform(&databases, way).await;
    databases.stop().await?;
    done
}

async fn perform(databases: &Databases, way: Way) -> Result<(), Box<dyn Error>> {
    let migrations = Migrations::embedded()?;
    match way {
        Way::Up => {
            for database in Database::ALL {
                let applied = migrations.up(database, &databases.options(database, Role::Owner)?).await?;
                print(database, "applied", &applied);
            }
            // The three become one installation; the server's own login may not say so.
            store::bootstrap::ensure_identity(&databases.every(Role::Owner)?).await?;
        }
        Way::Down { database, to, .. } => {
            let reverted = migrations.down(database, &databases.options(database, Role::Owner)?, to).await?;
            print(database, "reverted", &reverted);
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

fn print(database: Database, what: &str, versions: &[i64]) {
    if versions.is_empty() {
        say::result(format_args!("{database}: nothing to do"));
        return;
    }
    let versions: Vec<_> = versions.iter().map(|version| format!("{version:04}")).collect();
    say::result(format_args!("{database}: {what} {}", versions.join(", ")));
}
