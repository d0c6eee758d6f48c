//! F1: opening a transaction in one database, in one round trip.

use std::sync::Arc;
use std::time::Instant;

use domain::Stored;
use kernel::{Database, Tenant, limits};
use tracing::Instrument;

use crate::connection::{Connection, Connections};
use crate::measure::{Measures, Phase, Timing};
use crate::options::Pool;
use crate::sql;

/// How long a transaction may lie idle while the other databases of its operation work: the longest operation
/// and five seconds more.
const IDLE_IN_TRANSACTION_MS: u128 = limits::BUNDLE_REQUEST.as_millis() + 5_000;

/// One database's part of an operation, inside its transaction.
pub(crate) struct Branch {
    pub(crate) connection: Connection,
    /// Whether the operation declared that it writes here.
    pub(crate) writes: bool,
    /// Whether an advisory lock was taken: it assigns no transaction id, and yet must be held until all are
    /// decided.
    pub(crate) guarded: bool,
}

impl Branch {
    /// Opens the transaction. What is only read is opened read-only, so that an undeclared write is refused
    /// by the server (25006). A connection that was dead before its first statement is replaced once; nothing
    /// was lost with it.
    pub(crate) async fn open(
        home: &Arc<Connections>,
        tenant: Tenant,
        writes: bool,
        is_bulk: bool,
        measures: &Measures,
    ) -> Stored<Branch> {
        let mut connection = home.checkout().await?;
        let began = Instant::now();
        let begin = begin(tenant, writes, is_bulk, &home.settings);
        let (database, limit) = (home.database, home.settings.statement);
        let span = Timing::span_of(database, Phase::Begin.name());
        match sql::within(limit, sql::send(&mut connection, begin.clone())).instrument(span).await {
            Ok(_) => {}
            Err(error) if connection.was_dead(&error) => {
                connection = connection.replace().await?;
                let sent = sql::within(limit, sql::send(&mut connection, begin)).await;
                sent.map_err(|error| db_record::classify(database, error))?;
            }
            Err(error) => return Err(db_record::classify(database, error)),
        }
        measures.phase(Phase::Begin, database, began.elapsed());
        Ok(Branch { connection, writes, guarded: false })
    }

    /// Which database.
    pub(crate) fn database(&self) -> Database {
        self.connection.database()
    }

    /// F2. Whether something was written or a guard is held here. Fails with 25P02 where a statement failed
    /// before and its error was swallowed: such a transaction can only be rolled back, though COMMIT would
    /// not say so.
    pub(crate) async fn is_engaged(&mut self) -> Result<bool, sqlx::Error> {
        let wrote: bool = sqlx::query_scalar("select pg_current_xact_id_if_assigned() is not null")
            .fetch_one(&mut *self.connection)
            .await?;
        Ok(wrote || self.guarded)
    }

    /// Rolls back and gives the connection back; closes it where the answer does not come.
    pub(crate) async fn roll_back(mut self) {
        if sql::within(limits::LOCK, sql::send(&mut self.connection, "rollback".to_owned())).await.is_ok() {
            self.connection.finish();
        }
    }
}

/// `plan_cache_mode` because these statements take arrays, whose length alone would make the server plan them
/// again each time, and join them by index probes whatever the length; `enable_seqscan` because a plan that was
/// made while the tables were small must not read them from end to end later; `synchronous_commit` because a
/// decision that a crash takes back is half a transaction; the time limits because a coordinator that dies must
/// let its locks go.
pub(crate) fn begin(tenant: Tenant, writes: bool, is_bulk: bool, pool: &Pool) -> String {
    format!(
        "begin isolation level read committed{};\
         set local synchronous_commit = on;\
         set local enable_seqscan = off;\
         set local plan_cache_mode = force_generic_plan;\
         set local lock_timeout = {};\
         set local statement_timeout = {};\
         set local idle_in_transaction_session_timeout = {IDLE_IN_TRANSACTION_MS};\
         set local app.tenant = '{}'",
        if writes { "" } else { " read only" },
        pool.lock.as_millis(),
        pool.longest_statement(is_bulk).as_millis(),
        tenant.number(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bulk_operation_has_more_time_for_each_statement() {
        let limit = |is_bulk| begin(Tenant::from_number(1), true, is_bulk, &Pool::default());
        assert!(limit(false).contains("statement_timeout = 5000;"), "{}", limit(false));
        assert!(limit(true).contains("statement_timeout = 30000;"), "{}", limit(true));
    }
}
