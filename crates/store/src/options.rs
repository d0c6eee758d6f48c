//! What a store is opened with.

use std::sync::Arc;
use std::time::Duration;

use kernel::{Clock, Database, InstanceId, limits};
use seal::Keyring;
use sqlx::ConnectOptions;
use sqlx::postgres::PgConnectOptions;

/// The connections to one database, and how long it is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pool {
    /// Connections for requests. The store holds four more of its own: the probe's, the audit writer's and two of
    /// recovery; and one for as long as the outcome of a commit is unknown.
    pub max_connections: u32,
    /// Of those, the ones that are kept open while nobody asks.
    pub min_connections: u32,
    /// Longest wait for a free one.
    pub acquire: Duration,
    /// Longest wait for a new one.
    pub connect: Duration,
    /// How long one that is not needed stays open.
    pub idle: Duration,
    /// Longest wait for the end of an ordinary operation. A network that is dead tells nobody, so this ends what no
    /// timeout of the server's can: the connection is closed.
    pub socket: Duration,
    /// `statement_timeout` of ordinary work.
    pub statement: Duration,
    /// `statement_timeout` of reports and bulk operations.
    pub bulk_statement: Duration,
    /// `lock_timeout`.
    pub lock: Duration,
    /// Prepared statements that each connection keeps.
    pub statement_cache: usize,
}

impl Pool {
    /// `statement_timeout` of this kind of operation.
    pub(crate) fn longest_statement(&self, is_bulk: bool) -> Duration {
        if is_bulk { self.bulk_statement } else { self.statement }
    }
}

impl Default for Pool {
    fn default() -> Pool {
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        Pool {
            max_connections: u32::try_from(2 * processors + 1).unwrap_or(u32::MAX).clamp(5, 40),
            min_connections: 1,
            acquire: limits::ACQUIRE,
            connect: limits::CONNECT,
            idle: limits::IDLE,
            socket: limits::REQUEST,
            statement: limits::STATEMENT,
            bulk_statement: limits::BULK_STATEMENT,
            lock: limits::LOCK,
            // A release build runs for weeks and meets every statement there is.
            statement_cache: if cfg!(debug_assertions) { 100 } else { 500 },
        }
    }
}

/// What [`crate::Store::open`] needs.
#[derive(Clone)]
pub struct StoreOptions {
    /// How the server's own login (`salus_app`) reaches each database, in the order of [`Database::ALL`].
    pub connect: [PgConnectOptions; 3],
    /// The connections to each.
    pub pools: [Pool; 3],
    /// Transactions over several databases at one time. Each may hold a prepared transaction in two
    /// databases; together with what waits for recovery they must fit into `max_prepared_transactions`.
    pub paired_permits: u32,
    /// Whether a server that runs with `fsync` or `full_page_writes` off is refused. Only tests say no.
    pub durable: bool,
    /// Whether somebody else runs the databases: then what PostgreSQL itself lacks is a fault too.
    pub external: bool,
    /// The migrations that this program was built for, by database; none where they are not looked at.
    pub schema: Option<[Vec<i64>; 3]>,
    /// This process.
    pub instance: InstanceId,
    /// The keys that bodies are sealed with.
    pub keyring: Arc<Keyring>,
    /// The source of time for new identifiers.
    pub clock: Arc<dyn Clock>,
}

impl StoreOptions {
    /// The options for these databases with the limits of an ordinary server: connections after the number of
    /// processors, 16 paired transactions, durability required.
    pub fn new(connect: [PgConnectOptions; 3], instance: InstanceId, keyring: Arc<Keyring>) -> StoreOptions {
        StoreOptions {
            connect,
            pools: [Pool::default(); 3],
            paired_permits: 16,
            durable: true,
            external: false,
            schema: None,
            instance,
            keyring,
            clock: Arc::new(kernel::SystemClock),
        }
    }

    /// How to reach this database, with the settings that hold for each session of the store. A transaction
    /// sets its own limits again; these are for what runs outside of one.
    pub(crate) fn session(&self, database: Database, purpose: &str) -> PgConnectOptions {
        let pool = &self.pools[database.index()];
        self.connect[database.index()]
            .clone()
            .statement_cache_capacity(pool.statement_cache)
            .application_name(&format!("salus {purpose}"))
            .options([
                ("statement_timeout", millis(pool.statement)),
                ("lock_timeout", millis(pool.lock)),
                ("idle_in_transaction_session_timeout", millis(limits::REQUEST)),
                ("default_transaction_isolation", "read committed".to_owned()),
            ])
            .disable_statement_logging()
    }
}

fn millis(time: Duration) -> String {
    format!("{}ms", time.as_millis())
}
