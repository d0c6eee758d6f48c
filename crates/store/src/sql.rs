//! Sending text to a connection, and what an error proves to the coordinator.

use std::time::Duration;

use coordinator::{Failure, SqlState};
use sqlx::{AssertSqlSafe, Executor, PgConnection};

/// Sends statements as one simple query, the only form in which transaction control can be batched and
/// prepared transactions named. Gives the number of rows that they affected together.
pub(crate) async fn send(connection: &mut PgConnection, sql: String) -> Result<u64, sqlx::Error> {
    Ok(connection.execute(sqlx::raw_sql(AssertSqlSafe(sql))).await?.rows_affected())
}

/// Waits at most `limit`; a time that ran out is a lost answer, and the connection must not be used again.
pub(crate) async fn within<T>(
    limit: Duration,
    work: impl Future<Output = Result<T, sqlx::Error>>,
) -> Result<T, sqlx::Error> {
    match tokio::time::timeout(limit, work).await {
        Ok(result) => result,
        Err(_) => Err(sqlx::Error::Io(std::io::ErrorKind::TimedOut.into())),
    }
}

/// What the coordinator may conclude from this error. Only an answer of the server is more than silence.
pub(crate) fn failure(error: &sqlx::Error) -> Failure {
    let state = match error {
        sqlx::Error::Database(said) => said.code().and_then(|code| SqlState::parse(&code)),
        _ => None,
    };
    state.map_or(Failure::Lost, Failure::Refused)
}

/// Whether the session is gone, so that a connection which was idle may have been dead before it was used:
/// the socket failed, or the server ended the session (57P01 to 57P05).
pub(crate) fn session_ended(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_) | sqlx::Error::Tls(_) | sqlx::Error::Protocol(_) => true,
        sqlx::Error::Database(said) => said.code().is_some_and(|code| code.starts_with("57P")),
        _ => false,
    }
}

/// A duration between one and two times `base`, so that those who wait for the same thing do not return
/// together.
pub(crate) fn jittered(base: Duration) -> Duration {
    let thousandths = (uuid::Uuid::new_v4().as_u128() % 1_000) as u32;
    base + base * thousandths / 1_000
}
