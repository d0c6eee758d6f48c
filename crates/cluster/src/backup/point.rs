//! One point in time in three databases: a moment in which nobody decides and nothing is in doubt (PAIRED 2.7).
//!
//! Every transaction over several databases writes its decision before anybody prepares. Whoever holds `txn.decision`
//! of all three in exclusive mode therefore sees the prepared transactions only become fewer. When there are none,
//! everything that was decided has been followed. Then the databases are looked at in the order clinical, phi, auth:
//! those that refer before those that are referred to, because writes to one database alone go on meanwhile.

use std::time::Duration;

use kernel::Database;
use sqlx::{ConnectOptions, Connection, PgConnection, Row, raw_sql};
use tokio::time::{Instant, sleep};
use uuid::Uuid;

use crate::backup::error::BackupError;
use crate::backup::progress::BackupProgress;
use crate::login::Login;

/// How long a point is looked for.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long one attempt waits for those who decide at this moment, in all three together. With [`DRAIN`] it is what
/// others may have to wait: below their own limit, two seconds.
const LOCKS: Duration = Duration::from_secs(1);
/// How long one attempt then waits for what is in doubt.
const DRAIN: Duration = Duration::from_millis(700);
/// Between two looks at what is in doubt.
const LOOK_EVERY: Duration = Duration::from_millis(10);
/// Between two attempts: time for recovery, which writes to the table that is held.
const PAUSE: Duration = Duration::from_millis(500);
/// Names the advisory lock in `auth` of whoever takes a backup: the letters of "salus bak".
const LOCK: i64 = 0x73_61_6c_75_73_62_61_6b;

/// Whose transactions are in doubt: pair and epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Identity {
    pub pair: Uuid,
    pub epoch: i64,
}

impl Identity {
    /// What the names of its prepared transactions begin with, and the epoch in them, as a pattern of `like`.
    pub(super) fn pattern(self) -> String {
        format!("salus1.{}.%.%.{}.%", &self.pair.simple().to_string()[..8], self.epoch)
    }
}

/// The three databases while nobody decides. Dropped, it gives way.
pub(super) struct Gate {
    connections: Vec<PgConnection>,
    since: Instant,
}

impl Gate {
    /// Lets the others go on. Answers how long they may have waited.
    pub(super) async fn open(self) -> Duration {
        for connection in self.connections {
            // The transaction ends with its connection, whether the farewell arrives or not.
            connection.close().await.ok();
        }
        self.since.elapsed()
    }
}

/// Closes the gate: tries until a moment without doubt is found.
pub(super) async fn close(
    logins: &[Login; 3],
    identity: Identity,
    progress: &(dyn Fn(BackupProgress) + Send + Sync),
) -> Result<Gate, BackupError> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let mut connections = connect(logins).await?;
        let since = Instant::now();
        let in_doubt = attempt(&mut connections, identity).await?;
        let gate = Gate { connections, since };
        if in_doubt == 0 {
            return Ok(gate);
        }
        gate.open().await;
        if Instant::now() > deadline {
            return Err(BackupError::InDoubt { after_s: PATIENCE.as_secs(), in_doubt });
        }
        progress(BackupProgress::InDoubt(in_doubt));
        sleep(PAUSE).await;
    }
}

/// Logs in to all three, with no limit of the server's on how long anything takes, and without a word about it.
pub(super) async fn connect(logins: &[Login; 3]) -> Result<Vec<PgConnection>, BackupError> {
    let mut connections = Vec::with_capacity(3);
    for (database, login) in Database::ALL.into_iter().zip(logins) {
        let failed = BackupError::sql(database, "logging in");
        let options = login.options().disable_statement_logging();
        let mut connection = options.connect().await.map_err(&failed)?;
        sqlx::query(
            "select set_config(name, '0', false) from pg_catalog.pg_settings where name in
                 ('statement_timeout', 'lock_timeout', 'idle_in_transaction_session_timeout', 'idle_session_timeout',
                  'transaction_timeout')",
        )
        .execute(&mut connection)
        .await
        .map_err(&failed)?;
        connections.push(connection);
    }
    Ok(connections)
}

/// Keeps other backups of the same databases away for as long as the connection to `auth` lives.
pub(super) async fn keep_others_away(auth: &mut PgConnection) -> Result<(), BackupError> {
    let locked: bool = sqlx::query_scalar("select pg_try_advisory_lock($1)")
        .bind(LOCK)
        .fetch_one(auth)
        .await
        .map_err(BackupError::sql(Database::Auth, "looking for other backups"))?;
    if locked { Ok(()) } else { Err(BackupError::Busy) }
}

/// One attempt: answers how many transactions stay in doubt, which is zero when the gate is closed.
async fn attempt(connections: &mut [PgConnection], identity: Identity) -> Result<usize, BackupError> {
    let last = Instant::now() + LOCKS;
    for (database, connection) in Database::ALL.into_iter().zip(&mut *connections) {
        match hold(connection, last.saturating_duration_since(Instant::now())).await {
            Ok(()) => {}
            // Somebody decides for longer than others should wait.
            Err(sqlx::Error::Database(said)) if said.code().as_deref() == Some("55P03") => return Ok(1),
            Err(error) => return Err(BackupError::sql(database, "holding its decisions")(error)),
        }
    }
    let deadline = Instant::now() + DRAIN;
    loop {
        let mut in_doubt = 0;
        for (database, connection) in Database::ALL.into_iter().zip(&mut *connections) {
            let count: i64 = sqlx::query_scalar(
                "select count(*) from pg_prepared_xacts where database = current_database() and gid like $1",
            )
            .bind(identity.pattern())
            .fetch_one(connection)
            .await
            .map_err(BackupError::sql(database, "looking for what is in doubt"))?;
            in_doubt += usize::try_from(count).unwrap_or(usize::MAX);
        }
        if in_doubt == 0 || Instant::now() > deadline {
            return Ok(in_doubt);
        }
        sleep(LOOK_EVERY).await;
    }
}

/// Holds a database's decisions until the connection ends.
async fn hold(connection: &mut PgConnection, within: Duration) -> Result<(), sqlx::Error> {
    raw_sql("begin").execute(&mut *connection).await?;
    // Zero would mean to wait forever.
    let within_ms = within.as_millis().max(1).to_string();
    sqlx::query("select set_config('lock_timeout', $1, true)")
        .bind(within_ms)
        .execute(&mut *connection)
        .await?;
    raw_sql("lock table txn.decision in exclusive mode; set local lock_timeout = 0")
        .execute(connection)
        .await?;
    Ok(())
}

/// Who the three databases are; they must be one installation in one epoch.
pub(super) async fn identity(connections: &mut [PgConnection]) -> Result<Identity, BackupError> {
    let mut agreed = None;
    for (database, connection) in Database::ALL.into_iter().zip(connections) {
        let found = sqlx::query("select pair_id, db_code::text, epoch from txn.identity")
            .fetch_optional(connection)
            .await;
        let row = match found {
            Ok(row) => row.ok_or(BackupError::NoIdentity(database))?,
            Err(sqlx::Error::Database(said)) if matches!(said.code().as_deref(), Some("42P01" | "3F000")) => {
                return Err(BackupError::NoIdentity(database));
            }
            Err(error) => return Err(BackupError::sql(database, "asking who it is")(error)),
        };
        let read = || -> Result<(Identity, String), sqlx::Error> {
            Ok((Identity { pair: row.try_get(0)?, epoch: row.try_get(2)? }, row.try_get(1)?))
        };
        let (identity, code) = read().map_err(BackupError::sql(database, "asking who it is"))?;
        if code != database.code().to_string() || *agreed.get_or_insert(identity) != identity {
            return Err(BackupError::Strangers(database));
        }
    }
    agreed.ok_or(BackupError::NoIdentity(Database::Auth))
}

/// Marks one point in the logs of the three servers under one name, to which each can later be recovered
/// (`recovery_target_name`). Answers where each log was, in the order of [`Database::ALL`], and how long writes over
/// several databases may have waited.
///
/// # Errors
/// [`BackupError::InDoubt`], [`BackupError::Sql`]; only a superuser, or who was granted it, may mark a point.
pub async fn restore_point(
    logins: &[Login; 3],
    name: &str,
    progress: &(dyn Fn(BackupProgress) + Send + Sync),
) -> Result<([String; 3], Duration), BackupError> {
    let mut connections = connect(logins).await?;
    let identity = identity(&mut connections).await?;
    let gate = close(logins, identity, progress).await?;
    let mut marked = [const { String::new() }; 3];
    for database in Database::ALL.into_iter().rev() {
        marked[database.index()] = sqlx::query_scalar("select pg_create_restore_point($1)::text")
            .bind(name)
            .fetch_one(&mut connections[database.index()])
            .await
            .map_err(BackupError::sql(database, "marking a point in its log"))?;
    }
    let held = gate.open().await;
    // Archived at once: a point whose file is never finished is none when the disk is lost.
    for (database, connection) in Database::ALL.into_iter().zip(&mut connections) {
        let switched = raw_sql("select pg_switch_wal()").execute(connection).await;
        switched.map_err(BackupError::sql(database, "finishing the file of its log"))?;
    }
    Ok((marked, held))
}

/// Takes a snapshot on each connection and gives its name, to be used while the connection keeps its transaction.
pub(super) async fn snapshots(connections: &mut [PgConnection]) -> Result<[String; 3], BackupError> {
    let mut names = [const { String::new() }; 3];
    for database in Database::ALL.into_iter().rev() {
        let failed = BackupError::sql(database, "taking a snapshot");
        let connection = &mut connections[database.index()];
        let begin = "begin isolation level repeatable read read only";
        raw_sql(begin).execute(&mut *connection).await.map_err(&failed)?;
        let name = sqlx::query_scalar("select pg_export_snapshot()").fetch_one(connection).await;
        names[database.index()] = name.map_err(&failed)?;
    }
    Ok(names)
}
