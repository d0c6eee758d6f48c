//! Naming an installation: the identity rows of the three databases, written once after the first migration.

use kernel::{Database, limits};
use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions, PgConnection, Row};
use uuid::Uuid;

/// Why the identity could not be written.
#[derive(Debug, thiserror::Error)]
pub enum BootstrapError {
    /// A database did not answer, or refused.
    #[error("{database} refused its identity")]
    Database {
        /// Which.
        database: Database,
        /// What it said.
        source: sqlx::Error,
    },
    /// The databases belong to different installations, or one is in another's place.
    #[error("{0} belongs to another installation, or is another of the three databases")]
    Foreign(Database),
    /// The same installation, but brought back without the others.
    #[error(
        "{0} is in another epoch than the other databases: it was restored without them, or a restore was cut short"
    )]
    OtherEpoch(Database),
    /// A database is empty while the others have worked together before: its data was lost, and a new
    /// identity would hide it.
    #[error("{0} is empty, but the other databases have committed transactions together with it")]
    Lost(Database),
}

/// Gives the three databases one identity where they have none yet, as their owner (`salus_owner`; the
/// server's own login may only read it). Running it again changes nothing. Gives the installation's
/// `pair_id`.
///
/// # Errors
/// [`BootstrapError`]; nothing is changed where databases disagree.
pub async fn ensure_identity(owners: &[PgConnectOptions; 3]) -> Result<Uuid, BootstrapError> {
    let mut connections = Vec::with_capacity(3);
    for (database, options) in Database::ALL.into_iter().zip(owners) {
        let opened = crate::sql::within(limits::CONNECT, options.connect()).await;
        connections.push((database, opened.map_err(|source| BootstrapError::Database { database, source })?));
    }
    let mut found = Vec::with_capacity(3);
    let mut worked = false;
    for (database, connection) in &mut connections {
        let database = *database;
        let said = look(connection).await.map_err(|source| BootstrapError::Database { database, source })?;
        worked |= said.worked;
        if said.identity.as_ref().is_some_and(|(_, code, _)| *code != database.code().to_string()) {
            return Err(BootstrapError::Foreign(database));
        }
        found.push((database, said.identity.map(|(pair, _, epoch)| (pair, epoch))));
    }
    let (pair, epoch) =
        found.iter().find_map(|(_, identity)| *identity).unwrap_or_else(|| (Uuid::new_v4(), 1));
    for (database, identity) in &found {
        match identity {
            Some((found, _)) if *found != pair => return Err(BootstrapError::Foreign(*database)),
            Some((_, found)) if *found != epoch => return Err(BootstrapError::OtherEpoch(*database)),
            None if worked => return Err(BootstrapError::Lost(*database)),
            Some(_) | None => {}
        }
    }
    for ((database, connection), (_, identity)) in connections.iter_mut().zip(&found) {
        if identity.is_none() {
            let database = *database;
            let written = name(connection, database, pair, epoch).await;
            written.map_err(|source| BootstrapError::Database { database, source })?;
        }
    }
    for (_, connection) in connections {
        // Whether the farewell arrives is of no consequence.
        sqlx::Connection::close(connection).await.ok();
    }
    Ok(pair)
}

struct Said {
    /// Pair, code, epoch.
    identity: Option<(Uuid, String, i64)>,
    /// Whether it ever took part in a transaction with another.
    worked: bool,
}

async fn look(connection: &mut PgConnection) -> Result<Said, sqlx::Error> {
    let row = sqlx::query(
        "select exists (select from txn.decision) or exists (select from txn.applied) as worked,
            i.pair_id, i.db_code::text as db_code, i.epoch
         from (values (1)) one left join txn.identity i on true",
    )
    .fetch_one(connection)
    .await?;
    let pair: Option<Uuid> = row.try_get("pair_id")?;
    let identity = match pair {
        Some(pair) => Some((pair, row.try_get("db_code")?, row.try_get("epoch")?)),
        None => None,
    };
    Ok(Said { identity, worked: row.try_get("worked")? })
}

async fn name(
    connection: &mut PgConnection,
    database: Database,
    pair: Uuid,
    epoch: i64,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "insert into txn.identity (pair_id, db_code, system_identifier, epoch)
         select $1::uuid, $2::text, s.system_identifier::text, $3::bigint from pg_control_system() s",
    )
    .bind(pair)
    .bind(database.code().to_string())
    .bind(epoch)
    .execute(connection)
    .await?;
    Ok(())
}
