//! `salus migrate`: the schemas, without serving.

use std::error::Error;

use cluster::{Clusters, Migrations, Role};
use kernel::Database;

use crate::cli::Way;
use crate::config::Config;
use crate::say;
use crate::{ask, start};

/// Starts the clusters, does what is asked, stops them.
///
/// # Errors
/// Whatever prevents it; the clusters are stopped.
pub async fn migrate(config: Config, way: Way) -> Result<(), Box<dyn Error>> {
    if let Way::Down { database, to, yes: false } = &way {
        let question = format!(
            "This reverts every migration of {database} above version {to} in {}; what they hold is lost.",
            config.data_dir.display()
        );
        if !ask::confirm(&question)? {
            return Err("nothing was changed".into());
        }
    }
    let clusters = start::clusters(&config).await?;
    let done = perform(&clusters, way).await;
    clusters.stop().await?;
    done
}

async fn perform(clusters: &Clusters, way: Way) -> Result<(), Box<dyn Error>> {
    let migrations = Migrations::embedded()?;
    match way {
        Way::Up => {
            for database in Database::ALL {
                let applied = migrations.up(database, &clusters.options(database, Role::Owner)).await?;
                print(database, "applied", &applied);
            }
        }
        Way::Down { database, to, .. } => {
            let reverted = migrations.down(database, &clusters.options(database, Role::Owner), to).await?;
            print(database, "reverted", &reverted);
        }
        Way::Status => {
            for database in Database::ALL {
                for migration in migrations.status(database, &clusters.options(database, Role::Owner)).await?
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
