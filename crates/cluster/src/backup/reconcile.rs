//! Finding transactions that are half: the decisions of each database beside the marks of those that took part.
//!
//! Both lists come in the order of their transactions and are read side by side, so that any number of them needs no
//! memory.

use std::fmt;

use futures::{Stream, TryStreamExt};
use kernel::Database;
use serde::{Deserialize, Serialize};
use sqlx::{ConnectOptions, PgConnection, Row};
use uuid::Uuid;

use crate::backup::error::BackupError;
use crate::login::Login;

/// Findings beyond this many are not listed: there is no number of them that is fine.
const FINDINGS_MAX: usize = 100;

/// How a transaction is half.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Half {
    /// It was decided to be committed, and a database that took part has no mark of it.
    Lost,
    /// A database has the mark of it, and its decider never decided so.
    Orphan,
}

/// A transaction that is half.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Finding {
    /// How.
    pub half: Half,
    /// Which.
    pub transaction: Uuid,
    /// The code of the database that decided, or should have.
    pub decider: char,
    /// The code of the one that took part, or should have.
    pub participant: char,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Finding { half, transaction, decider, participant } = self;
        let name = |code: &char| Database::from_code(*code).map_or("?", Database::name);
        let (decider, participant) = (name(decider), name(participant));
        match half {
            Half::Lost => write!(f, "{transaction}: committed by {decider}, without a mark in {participant}"),
            Half::Orphan => write!(f, "{transaction}: a mark in {participant}, not committed by {decider}"),
        }
    }
}

/// Compares the three databases as they are now. Only for databases that nobody writes to: what is being committed
/// at this moment would look half.
///
/// # Errors
/// [`BackupError::Sql`].
pub async fn reconcile(logins: &[Login; 3]) -> Result<Vec<Finding>, BackupError> {
    let mut connections = Vec::with_capacity(3);
    for (database, login) in Database::ALL.into_iter().zip(logins) {
        connections.push(login.options().connect().await.map_err(BackupError::sql(database, "logging in"))?);
    }
    compare(&mut connections).await
}

/// Compares what three connections see, in the order of [`Database::ALL`].
pub(super) async fn compare(connections: &mut [PgConnection]) -> Result<Vec<Finding>, BackupError> {
    let mut findings = Vec::new();
    for decider in Database::ALL {
        for participant in Database::ALL.into_iter().filter(|other| *other != decider) {
            compare_two(connections, decider, participant, &mut findings).await?;
        }
    }
    Ok(findings)
}

async fn compare_two(
    connections: &mut [PgConnection],
    decider: Database,
    participant: Database,
    findings: &mut Vec<Finding>,
) -> Result<(), BackupError> {
    let doing = "comparing decisions with their marks";
    let Ok([decides, follows]) = connections.get_disjoint_mut([decider.index(), participant.index()]) else {
        return Ok(());
    };
    // Below the watermark decisions and marks are forgotten, at their own times.
    let watermark: Uuid = sqlx::query_scalar(
        "select coalesce(
             (select before_gtx from txn.gc_watermark where db_code::text = $1),
             '00000000-0000-0000-0000-000000000000')",
    )
    .bind(decider.code().to_string())
    .fetch_one(&mut *decides)
    .await
    .map_err(BackupError::sql(decider, doing))?;
    let decisions = sqlx::query(
        "select gtx from txn.decision
         where verdict = 'commit' and $1 = any(participants) and gtx >= $2 order by gtx",
    )
    .bind(participant.code().to_string())
    .bind(watermark)
    .fetch(decides);
    let marks =
        sqlx::query("select gtx from txn.applied where decider::text = $1 and gtx >= $2 order by gtx")
            .bind(decider.code().to_string())
            .bind(watermark)
            .fetch(follows);
    let decisions = decisions.and_then(async |row| row.try_get(0));
    let marks = marks.and_then(async |row| row.try_get(0));
    let (mut decisions, mut marks) = (std::pin::pin!(decisions), std::pin::pin!(marks));
    let (asked, told) = (BackupError::sql(decider, doing), BackupError::sql(participant, doing));
    let mut decision = next(&mut decisions).await.map_err(&asked)?;
    let mut mark = next(&mut marks).await.map_err(&told)?;
    while findings.len() < FINDINGS_MAX {
        let half = match (decision, mark) {
            (None, None) => break,
            (Some(decided), Some(marked)) if decided == marked => None,
            (Some(decided), Some(marked)) if decided > marked => Some((Half::Orphan, marked)),
            (None, Some(marked)) => Some((Half::Orphan, marked)),
            (Some(decided), _) => Some((Half::Lost, decided)),
        };
        if half.is_none_or(|(half, _)| half == Half::Lost) {
            decision = next(&mut decisions).await.map_err(&asked)?;
        }
        if half.is_none_or(|(half, _)| half == Half::Orphan) {
            mark = next(&mut marks).await.map_err(&told)?;
        }
        let (decider, participant) = (decider.code(), participant.code());
        findings.extend(half.map(|(half, transaction)| Finding { half, transaction, decider, participant }));
    }
    Ok(())
}

async fn next(
    stream: &mut (impl Stream<Item = Result<Uuid, sqlx::Error>> + Unpin),
) -> Result<Option<Uuid>, sqlx::Error> {
    stream.try_next().await
}
