//! Performs what [`coordinator::Resolve`] commands: F13 to F16 of the paired commit.

use coordinator::commit::Answer;
use coordinator::resolve::{Command, Event, Fence, Settlement};
use coordinator::triage::Reason;
use coordinator::{Failure, Gid, Participants, Resolve, Verdict};
use kernel::{Database, InstanceId, TransactionId};
use sqlx::{PgConnection, Row};

use crate::health::Counters;
use crate::link::Links;
use crate::sql;

/// Settles one transaction as far as it can be settled now.
pub(crate) async fn settle(
    links: &mut Links,
    mut resolve: Resolve,
    instance: InstanceId,
    counters: &Counters,
) -> Settlement {
    let mut todo = resolve.start();
    loop {
        if let Some(settlement) = resolve.settlement() {
            return settlement;
        }
        let Some(command) = todo.pop() else {
            // The machine is finished or has commands pending; neither can be the case here.
            tracing::error!(transaction = %resolve.transaction(), "settling stopped without a result");
            return Settlement::Unreachable;
        };
        let event = perform(links, &resolve, command, instance, counters).await;
        todo.extend(resolve.step(event));
    }
}

async fn perform(
    links: &mut Links,
    resolve: &Resolve,
    command: Command,
    instance: InstanceId,
    counters: &Counters,
) -> Event {
    let (transaction, decider) = (resolve.transaction(), resolve.decider());
    let answer = match command {
        Command::Fence => {
            let fenced = fence(links, decider, transaction, instance).await;
            match fenced {
                Fence::Tombstone => Counters::add(&counters.tombstones),
                Fence::Alive => Counters::add(&counters.fence_waits),
                Fence::Found { .. } | Fence::Unreachable => {}
            }
            return Event::Fenced(fenced);
        }
        Command::CommitPrepared(gid) => {
            let answer = finish(links, gid, "commit prepared").await;
            if answer == Answer::Done {
                Counters::add(&counters.recovered_commit);
                tracing::info!(%gid, "recovery committed a prepared transaction");
            }
            answer
        }
        Command::RollbackPrepared(gid) => {
            let answer = finish(links, gid, "rollback prepared").await;
            if answer == Answer::Done {
                Counters::add(&counters.recovered_abort);
                tracing::info!(%gid, "recovery rolled a prepared transaction back");
            }
            answer
        }
        Command::CheckApplied(gid) => {
            let found = links.run(gid.participant, async |link| is_applied(link, transaction).await).await;
            found.map_or_else(|error| failed(&error), Answer::Applied)
        }
        Command::Quarantine(gid, reason) => {
            Counters::add(&counters.quarantined);
            quarantine(links, gid, gid.participant, reason).await
        }
        Command::MarkDone => {
            let marked = links.run(decider, async |link| mark_done(link, &[transaction]).await).await;
            marked.map_or_else(|error| failed(&error), |()| Answer::Done)
        }
    };
    Event::Answered(command, answer)
}

fn failed(error: &sqlx::Error) -> Answer {
    Answer::Failed(sql::failure(error))
}

/// F13. Two statements, so that the second sees what the first waited for.
async fn fence(
    links: &mut Links,
    decider: Database,
    transaction: TransactionId,
    instance: InstanceId,
) -> Fence {
    let fenced = links.run(decider, async |link| {
        let participants: Vec<String> =
            Participants::all_but(decider).iter().map(|database| database.code().to_string()).collect();
        let inserted = sqlx::query(
            "insert into txn.decision (gtx, verdict, participants, op, instance, decided_by)
             values ($1, 'abort', $2, 'recovery', $3, 'recovery') on conflict (gtx) do nothing",
        )
        .bind(transaction.uuid())
        .bind(participants)
        .bind(instance.uuid())
        .execute(&mut *link)
        .await?;
        if inserted.rows_affected() == 1 {
            return Ok(Fence::Tombstone);
        }
        let row = sqlx::query("select verdict, participants from txn.decision where gtx = $1")
            .bind(transaction.uuid())
            .fetch_optional(link)
            .await?;
        let Some(row) = row else { return Ok(Fence::Unreachable) };
        let verdict = Verdict::from_name(row.try_get("verdict")?);
        let codes: Vec<String> = row.try_get("participants")?;
        Ok(match verdict {
            Some(verdict) => Fence::Found { verdict, participants: participants_of(&codes) },
            None => Fence::Unreachable,
        })
    });
    match fenced.await {
        Ok(fence) => fence,
        Err(error) => match sql::failure(&error) {
            Failure::Refused(state) if state.as_str() == "55P03" => Fence::Alive,
            Failure::Refused(_) | Failure::Lost | Failure::WrongCount => {
                tracing::debug!(%decider, %transaction, "the decider did not answer the fence");
                Fence::Unreachable
            }
        },
    }
}

/// The databases with these codes.
pub(crate) fn participants_of(codes: &[String]) -> Participants {
    Participants::of(codes.iter().filter_map(|code| Database::from_code(code.chars().next()?)))
}

/// F14. A statement of its own: refused inside a transaction block, and a string of several statements is
/// one.
async fn finish(links: &mut Links, gid: Gid, how: &str) -> Answer {
    let sent = links.run(gid.participant, async |link| sql::send(link, format!("{how} '{gid}'")).await).await;
    sent.map_or_else(|error| failed(&error), |_| Answer::Done)
}

/// F15. Whether the participant's half of this transaction is committed.
pub(crate) async fn is_applied(
    link: &mut PgConnection,
    transaction: TransactionId,
) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar("select exists (select from txn.applied where gtx = $1)")
        .bind(transaction.uuid())
        .fetch_one(link)
        .await
}

/// F12 and F16. Says of these transactions of one decider that every participant has followed.
pub(crate) async fn mark_done(
    link: &mut PgConnection,
    transactions: &[TransactionId],
) -> Result<(), sqlx::Error> {
    let transactions: Vec<uuid::Uuid> = transactions.iter().map(|transaction| transaction.uuid()).collect();
    sqlx::query(
        "update txn.decision set done_at = clock_timestamp() where gtx = any($1) and done_at is null",
    )
    .bind(transactions)
    .execute(link)
    .await?;
    Ok(())
}

/// Writes the gid down in the database that holds it and where it was decided, so that neither side goes on
/// looking at it.
pub(crate) async fn quarantine(links: &mut Links, gid: Gid, holder: Database, reason: Reason) -> Answer {
    tracing::error!(%gid, %holder, %reason, "a prepared transaction needs a person");
    let mut answer = Answer::Done;
    for database in [holder, gid.decider] {
        let written =
            links.run(database, async |link| write_quarantine(link, &gid.to_string(), reason).await);
        if let Err(error) = written.await {
            answer = failed(&error);
        }
    }
    answer
}

async fn write_quarantine(link: &mut PgConnection, gid: &str, reason: Reason) -> Result<(), sqlx::Error> {
    sqlx::query("insert into txn.quarantine (gid, reason) values ($1, $2) on conflict (gid) do nothing")
        .bind(gid)
        .bind(reason.name())
        .execute(link)
        .await?;
    Ok(())
}
