//! What a store is opened with.

use std::sync::Arc;

use kernel::{Clock, Database, InstanceId};
use seal::Keyring;
use sqlx::ConnectOptions;
use sqlx::postgres::PgConnectOptions;

/// What [`crate::Store::open`] needs.
#[derive(Clone)]
pub struct StoreOptions {
    /// How the server's own login (`salus_app`) reaches each database, in the order of [`Database::ALL`].
    pub connect: [PgConnectOptions; 3],
    /// Connections for requests, per database. The store holds four more of its own in each: the probe's, the
    /// audit writer's and two of recovery; and one for as long as the outcome of a commit is unknown.
    pub max_connections: u32,
    /// Transactions over several databases at one time. Each may hold a prepared transaction in two
    /// databases; together with what waits for recovery they must fit into `max_prepared_transactions`.
    pub paired_permits: u32,
    /// Whether a server that runs with `fsync` or `full_page_writes` off is refused. Only tests say no.
    pub durable: bool,
    /// This process.
    pub instance: InstanceId,
    /// The keys that bodies are sealed with.
    pub keyring: Arc<Keyring>,
    /// The source of time for new identifiers.
    pub clock: Arc<dyn Clock>,
}

impl StoreOptions {
    /// The options for these databases with the limits of an ordinary server: 16 connections each, 16 paired
    /// transactions, durability required.
    pub fn new(connect: [PgConnectOptions; 3], instance: InstanceId, keyring: Arc<Keyring>) -> StoreOptions {
        StoreOptions {
            connect,
            max_connections: 16,
            paired_permits: 16,
            durable: true,
            instance,
            keyring,
            clock: Arc::new(kernel::SystemClock),
        }
    }

    /// How to reach this database, with the settings that hold for each session of the store. A transaction
    /// sets its own limits again; these are for what runs outside of one.
    pub(crate) fn session(&self, database: Database, purpose: &str) -> PgConnectOptions {
        self.connect[database.index()]
            .clone()
            .application_name(&format!("salus {purpose}"))
            .options([
                ("statement_timeout", millis(kernel::limits::STATEMENT)),
                ("lock_timeout", millis(kernel::limits::LOCK)),
                ("idle_in_transaction_session_timeout", millis(kernel::limits::REQUEST)),
                ("default_transaction_isolation", "read committed".to_owned()),
            ])
            .disable_statement_logging()
    }
}

fn millis(time: std::time::Duration) -> String {
    format!("{}ms", time.as_millis())
}
