//! Connections for settling: one per database, opened when first needed, in autocommit, outside every pool.

use std::sync::Arc;
use std::time::Duration;

use kernel::Database;
use sqlx::PgConnection;

use crate::connection::Connections;
use crate::sql;

/// How long the fence waits for a coordinator's open row: if it waits at all, the coordinator lives.
const FENCE_WAIT: &str = "50ms";
/// Longest wait for the answer of one settling statement.
const ANSWER: Duration = Duration::from_secs(5);

/// At most one connection to each database.
pub(crate) struct Links {
    homes: [Arc<Connections>; 3],
    open: [Option<PgConnection>; 3],
}

impl Links {
    pub(crate) fn new(homes: [Arc<Connections>; 3]) -> Links {
        Links { homes, open: [None, None, None] }
    }

    /// Runs `work` on the connection to `database`. A connection whose session ended, or whose answer did not
    /// come in time, is closed; the next call opens another.
    pub(crate) async fn run<T>(
        &mut self,
        database: Database,
        work: impl AsyncFnOnce(&mut PgConnection) -> Result<T, sqlx::Error>,
    ) -> Result<T, sqlx::Error> {
        let at = database.index();
        if self.homes[at].is_down() {
            self.open[at] = None;
            return Err(sqlx::Error::PoolTimedOut);
        }
        let mut link = match self.open[at].take() {
            Some(link) => link,
            None => {
                // A tombstone that a crash could take back would let recovery abort what commits.
                let settings = [("lock_timeout", FENCE_WAIT), ("synchronous_commit", "on")];
                self.homes[at].dedicated(&settings).await?
            }
        };
        let result = sql::within(ANSWER, work(&mut link)).await;
        let keep = match &result {
            Ok(_) => true,
            Err(sqlx::Error::Database(_)) => !result.as_ref().is_err_and(sql::session_ended),
            Err(_) => false,
        };
        if keep {
            self.open[at] = Some(link);
        }
        result
    }

    /// Ends the connection to `database`, and with it whatever its session holds.
    pub(crate) fn end(&mut self, database: Database) {
        self.open[database.index()] = None;
    }
}
