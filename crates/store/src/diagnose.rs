//! The figures that an operator asks for, as the server's own login sees them. No text of any statement: it may hold values.

use kernel::Database;
use sqlx::{ConnectOptions, PgConnection, Row};

use crate::options::StoreOptions;
use crate::sql;

/// Sessions that a person should look at have worked for longer than this, seconds.
const LONG_S: i64 = 5;
/// Tables that are listed, the largest.
const TABLES: i64 = 10;

/// The figures of one database.
#[derive(Clone, Debug)]
pub struct Figures {
    /// PostgreSQL's version.
    pub version: String,
    /// Since when the server is up, seconds.
    pub uptime_s: i64,
    /// The database on disk, bytes.
    pub size_bytes: i64,
    /// Share of blocks that were found in memory; none before any was asked for.
    pub cache_hit_ratio: Option<f64>,
    /// Deadlocks since the statistics began.
    pub deadlocks: i64,
    /// Connections to this database, by who holds them and what they do.
    pub connections: Vec<Sessions>,
    /// Connections that the server allows.
    pub max_connections: i64,
    /// Sessions that have worked on one statement or transaction for more than five seconds.
    pub long_running: Vec<LongRunning>,
    /// Sessions that wait for a lock.
    pub waiting: Vec<Waiting>,
    /// The largest tables.
    pub tables: Vec<Table>,
    /// Standbys that follow.
    pub standbys: Vec<Standby>,
    /// Prepared transactions of this database.
    pub in_doubt: i64,
    /// The age of the oldest, seconds.
    pub in_doubt_oldest_s: i64,
    /// Prepared transactions in the whole server, and how many it allows.
    pub prepared_slots: (i64, i64),
    /// Prepared transactions that wait for a person.
    pub quarantined: i64,
}

/// Connections that do the same.
#[derive(Clone, Debug)]
pub struct Sessions {
    /// What they call themselves; `others` where we may not see it.
    pub application: String,
    /// `active`, `idle`, `idle in transaction` ...
    pub state: String,
    /// How many.
    pub count: i64,
}

/// A session at work for long.
#[derive(Clone, Debug)]
pub struct LongRunning {
    /// Its process on the server.
    pub pid: i32,
    /// What it calls itself.
    pub application: String,
    /// What it does.
    pub state: String,
    /// For how long, seconds.
    pub seconds: i64,
    /// What it waits for.
    pub wait: String,
}

/// A session that waits for a lock.
#[derive(Clone, Debug)]
pub struct Waiting {
    /// Its process on the server.
    pub pid: i32,
    /// The processes that hold what it waits for; 0 is a prepared transaction.
    pub blocked_by: Vec<i32>,
    /// For how long, seconds.
    pub seconds: i64,
}

/// A table's size.
#[derive(Clone, Debug)]
pub struct Table {
    /// `schema.table`.
    pub name: String,
    /// With indexes, bytes.
    pub bytes: i64,
    /// Rows, estimated.
    pub rows: i64,
    /// Rows that vacuum has still to remove, estimated.
    pub dead_rows: i64,
}

/// A standby.
#[derive(Clone, Debug)]
pub struct Standby {
    /// What it calls itself.
    pub name: String,
    /// `streaming`, `catchup` ...
    pub state: String,
    /// What it has still to replay, bytes.
    pub lag_bytes: i64,
}

/// Asks one database.
///
/// # Errors
/// Where it does not let us in or does not answer, in words without values.
pub async fn figures(options: &StoreOptions, database: Database) -> Result<Figures, String> {
    let pool = &options.pools[database.index()];
    let session = options.session(database, "doctor");
    let work = async {
        let mut connection = session.connect().await?;
        ask(&mut connection).await
    };
    sql::within(pool.connect + pool.bulk_statement, work).await.map_err(|error| match error {
        sqlx::Error::Database(said) => format!("SQLSTATE {}", said.code().unwrap_or_default()),
        sqlx::Error::Io(error) => error.to_string(),
        _ => "no answer".to_owned(),
    })
}

async fn ask(connection: &mut PgConnection) -> Result<Figures, sqlx::Error> {
    let row = sqlx::query(
        "select current_setting('server_version') as version,
            extract(epoch from clock_timestamp() - pg_postmaster_start_time())::bigint as uptime_s,
            pg_database_size(current_database()) as size_bytes,
            d.blks_hit::float8 / nullif(d.blks_hit + d.blks_read, 0) as cache_hit_ratio, d.deadlocks,
            current_setting('max_connections')::bigint as max_connections,
            current_setting('max_prepared_transactions')::bigint as slots,
            (select count(*) from pg_prepared_xacts) as slots_used,
            (select count(*) from pg_prepared_xacts where database = current_database()) as in_doubt,
            (select coalesce(extract(epoch from clock_timestamp() - min(prepared))::bigint, 0) from pg_prepared_xacts
                where database = current_database()) as in_doubt_oldest_s,
            (select count(*) from txn.quarantine) as quarantined
         from pg_stat_database d where d.datname = current_database()",
    )
    .fetch_one(&mut *connection)
    .await?;
    Ok(Figures {
        version: row.try_get("version")?,
        uptime_s: row.try_get("uptime_s")?,
        size_bytes: row.try_get("size_bytes")?,
        cache_hit_ratio: row.try_get("cache_hit_ratio")?,
        deadlocks: row.try_get("deadlocks")?,
        max_connections: row.try_get("max_connections")?,
        prepared_slots: (row.try_get("slots_used")?, row.try_get("slots")?),
        in_doubt: row.try_get("in_doubt")?,
        in_doubt_oldest_s: row.try_get("in_doubt_oldest_s")?,
        quarantined: row.try_get("quarantined")?,
        connections: connections(connection).await?,
        long_running: long_running(connection).await?,
        waiting: waiting(connection).await?,
        tables: tables(connection).await?,
        standbys: standbys(connection).await?,
    })
}

async fn connections(connection: &mut PgConnection) -> Result<Vec<Sessions>, sqlx::Error> {
    let rows = sqlx::query(
        "select coalesce(application_name, 'others') as application, coalesce(state, 'unseen') as state, count(*) as count
         from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()
         group by 1, 2 order by 3 desc, 1, 2",
    )
    .fetch_all(connection)
    .await?;
    let each = rows.into_iter().map(|row| {
        Ok(Sessions {
            application: row.try_get("application")?,
            state: row.try_get("state")?,
            count: row.try_get("count")?,
        })
    });
    each.collect()
}

async fn long_running(connection: &mut PgConnection) -> Result<Vec<LongRunning>, sqlx::Error> {
    let rows = sqlx::query(
        "select pid, coalesce(application_name, 'others') as application, coalesce(state, 'unseen') as state,
            extract(epoch from clock_timestamp() - coalesce(xact_start, query_start))::bigint as seconds,
            coalesce(wait_event_type || ' ' || wait_event, '') as wait
         from pg_stat_activity
         where datname = current_database() and state <> 'idle' and pid <> pg_backend_pid()
            and coalesce(xact_start, query_start) < clock_timestamp() - make_interval(secs => $1)
         order by seconds desc limit 20",
    )
    .bind(LONG_S as f64)
    .fetch_all(connection)
    .await?;
    let each = rows.into_iter().map(|row| {
        Ok(LongRunning {
            pid: row.try_get("pid")?,
            application: row.try_get("application")?,
            state: row.try_get("state")?,
            seconds: row.try_get("seconds")?,
            wait: row.try_get("wait")?,
        })
    });
    each.collect()
}

async fn waiting(connection: &mut PgConnection) -> Result<Vec<Waiting>, sqlx::Error> {
    let rows = sqlx::query(
        "select l.pid, pg_blocking_pids(l.pid) as blocked_by,
            coalesce(extract(epoch from clock_timestamp() - min(l.waitstart))::bigint, 0) as seconds
         from pg_locks l join pg_stat_activity a on a.pid = l.pid and a.datname = current_database()
         where not l.granted group by l.pid order by seconds desc limit 20",
    )
    .fetch_all(connection)
    .await?;
    let each = rows.into_iter().map(|row| {
        Ok(Waiting {
            pid: row.try_get("pid")?,
            blocked_by: row.try_get("blocked_by")?,
            seconds: row.try_get("seconds")?,
        })
    });
    each.collect()
}

async fn tables(connection: &mut PgConnection) -> Result<Vec<Table>, sqlx::Error> {
    let rows = sqlx::query(
        "select s.schemaname || '.' || s.relname as name, pg_total_relation_size(s.relid) as bytes,
            s.n_live_tup as rows, s.n_dead_tup as dead_rows
         from pg_stat_user_tables s order by 2 desc, 1 limit $1",
    )
    .bind(TABLES)
    .fetch_all(connection)
    .await?;
    let each = rows.into_iter().map(|row| {
        Ok(Table {
            name: row.try_get("name")?,
            bytes: row.try_get("bytes")?,
            rows: row.try_get("rows")?,
            dead_rows: row.try_get("dead_rows")?,
        })
    });
    each.collect()
}

async fn standbys(connection: &mut PgConnection) -> Result<Vec<Standby>, sqlx::Error> {
    let rows = sqlx::query(
        "select coalesce(application_name, 'unseen') as name, coalesce(state, 'unseen') as state,
            coalesce(pg_wal_lsn_diff(pg_current_wal_lsn(), replay_lsn), 0)::bigint as lag_bytes
         from pg_stat_replication order by 1",
    )
    .fetch_all(connection)
    .await?;
    let each = rows.into_iter().map(|row| {
        Ok(Standby {
            name: row.try_get("name")?,
            state: row.try_get("state")?,
            lag_bytes: row.try_get("lag_bytes")?,
        })
    });
    each.collect()
}
