//! Ending a transaction: nothing, a plain COMMIT, or the paired commit that [`coordinator::Commit`] commands.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use coordinator::commit::{Answer, Command, Event, Outcome};
use coordinator::failure::CommitFailure;
use coordinator::{Commit, Failure, Participants, Plan, Resolve, Verdict, resolve};
use domain::{Context, StoreError, Stored};
use futures::StreamExt;
use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use kernel::{Database, TransactionId, limits};
use tracing::Instrument;

use crate::begin::Branch;
use crate::connection::Connection;
use crate::health::Counters;
use crate::link::Links;
use crate::measure::{Phase, Timing};
use crate::open::Inner;
use crate::{settle, sql};

/// How long the client waits, once the transaction is decided, for the databases that have not followed yet.
const APPLY: Duration = Duration::from_secs(5);
/// How long an unknown outcome is looked into before the client is told that it is not settled.
const RESOLVE: Duration = Duration::from_secs(5);
/// Between two attempts at COMMIT PREPARED, or at the fence.
const PAUSE: Duration = Duration::from_millis(50);
/// Longest wait for the answer to a statement of the protocol: longer than the server's own limit, so that
/// its refusal arrives first.
const ANSWER: Duration = Duration::from_secs(limits::STATEMENT.as_secs() + 2);
/// COMMIT of a transaction that had failed is answered as a success; the statement before it is not (25P02).
pub(crate) const COMMIT: &str = "select 1; commit";
/// The constraint that a late coordinator meets.
const TOMBSTONED: &str = "decision_is_written_once";

/// How far a committed transaction has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settlement {
    /// It is visible in every database that it wrote.
    Applied,
    /// It is decided and can no longer be lost, but is not yet visible everywhere: answer 202, never a
    /// failure.
    Accepted,
}

/// What a decision row tells about the operation.
pub(crate) struct Author {
    pub(crate) operation: &'static str,
    pub(crate) tenant: i32,
    pub(crate) actor: uuid::Uuid,
}

impl Author {
    pub(crate) fn of(operation: &'static str, context: &Context) -> Author {
        Author { operation, tenant: context.tenant().number(), actor: context.caller.account.uuid() }
    }
}

/// Ends what an operation left open.
///
/// # Errors
/// Whatever proves that nothing was committed, or [`StoreError::InDoubt`] where that could not be found out.
pub(crate) async fn end(
    inner: &Inner,
    transaction: TransactionId,
    mut branches: [Option<Branch>; 3],
    author: Author,
) -> Stored<Settlement> {
    let plan = match choose(&mut branches).await {
        Ok(plan) => plan,
        Err(error) => {
            release(branches).await;
            return Err(error);
        }
    };
    match plan {
        Plan::Nothing => {
            release(branches).await;
            Ok(Settlement::Applied)
        }
        Plan::Plain { database } => {
            let ended = match branches[database.index()].take() {
                Some(branch) => plain(inner, transaction, branch).await,
                None => Err(StoreError::OutsideTouches { database }),
            };
            // What was only read, and its locks, stay until the writer has committed.
            release(branches).await;
            ended
        }
        Plan::Paired { decider, participants } => {
            let mut connections = [None, None, None];
            for database in participants.iter().chain([decider]) {
                connections[database.index()] =
                    branches[database.index()].take().map(|branch| branch.connection);
            }
            let ended = paired(inner, transaction, decider, participants, connections, author).await;
            release(branches).await;
            ended
        }
    }
}

/// F2's end. A single writer is not asked: whatever it did, a plain COMMIT ends it.
async fn choose(branches: &mut [Option<Branch>; 3]) -> Stored<Plan> {
    let mut writers: Vec<&mut Branch> =
        branches.iter_mut().flatten().filter(|branch| branch.writes).collect();
    if let [only] = writers.as_slice() {
        return Ok(Plan::choose(&[only.database()], None));
    }
    let asked = writers.iter_mut().map(|branch| async {
        let database = branch.database();
        let engaged = sql::within(ANSWER, branch.is_engaged()).await;
        (database, engaged.map_err(|error| db_record::classify(database, error)))
    });
    let mut engaged = Vec::with_capacity(3);
    for (database, answer) in futures::future::join_all(asked).await {
        if answer? {
            engaged.push(database);
        }
    }
    Ok(Plan::choose(&engaged, None))
}

async fn release(branches: [Option<Branch>; 3]) {
    futures::future::join_all(branches.into_iter().flatten().map(Branch::roll_back)).await;
}

/// One database wrote: COMMIT there, behind a statement that fails where the transaction had failed.
async fn plain(inner: &Inner, transaction: TransactionId, mut branch: Branch) -> Stored<Settlement> {
    let database = branch.database();
    let began = Instant::now();
    let span = Timing::span_of(database, Phase::Commit.name());
    let sent = sql::within(ANSWER, sql::send(&mut branch.connection, COMMIT.to_owned()));
    let sent = sent.instrument(span).await;
    inner.measures.phase(Phase::Commit, database, began.elapsed());
    match sent {
        Ok(_) => {
            branch.connection.finish();
            Counters::add(&inner.counters.plain);
            Ok(Settlement::Applied)
        }
        Err(error) => Err(match sql::failure(&error).of_commit() {
            CommitFailure::DefiniteAbort => db_record::classify(database, error),
            CommitFailure::Unknown => {
                Counters::add(&inner.counters.unknown);
                tracing::warn!(%database, %transaction, "the answer to COMMIT was lost");
                StoreError::InDoubt { transaction }
            }
        }),
    }
}

/// Two or three databases wrote.
async fn paired(
    inner: &Inner,
    transaction: TransactionId,
    decider: Database,
    participants: Participants,
    connections: [Option<Connection>; 3],
    author: Author,
) -> Stored<Settlement> {
    let Some(identity) = inner.installation.identity() else {
        return Err(StoreError::Unavailable { database: decider });
    };
    let mut machine = Commit::new(identity, transaction, decider, participants);
    let mut drive =
        Drive { inner, transaction, decider, participants, connections, author, errors: HashMap::new() };
    match drive.run(&mut machine).await {
        Some(Outcome::Committed) => {
            Counters::add(&inner.counters.paired);
            inner.done.push(decider, transaction);
            Ok(Settlement::Applied)
        }
        Some(Outcome::Accepted { missing }) => {
            Counters::add(&inner.counters.paired);
            Counters::add(&inner.counters.accepted);
            tracing::warn!(%transaction, ?missing, "committed, but not yet visible everywhere");
            inner.wake_recovery.notify_one();
            Ok(Settlement::Accepted)
        }
        Some(Outcome::Aborted { at, failure, leftovers }) => {
            Counters::add(&inner.counters.aborted);
            if !leftovers.is_empty() {
                inner.wake_recovery.notify_one();
            }
            Err(drive.refusal(at, failure))
        }
        Some(Outcome::Unknown) | None => {
            Counters::add(&inner.counters.unknown);
            drop(drive);
            unknown(inner, Resolve::new(identity, transaction, decider, participants)).await
        }
    }
}

/// The decider's answer was lost: asks the fence, on new connections, until it knows or the time is up.
async fn unknown(inner: &Inner, resolve: Resolve) -> Stored<Settlement> {
    let (transaction, decider) = (resolve.transaction(), resolve.decider());
    tracing::warn!(%transaction, %decider, "the decider's answer was lost");
    let asking = async {
        let mut links = Links::new(inner.homes.clone());
        loop {
            let found =
                settle::settle(&mut links, resolve.clone(), inner.options.instance, &inner.counters).await;
            match found {
                resolve::Settlement::Settled { verdict, complete } => return (verdict, complete),
                resolve::Settlement::Alive | resolve::Settlement::Unreachable => {
                    tokio::time::sleep(sql::jittered(PAUSE)).await;
                }
            }
        }
    };
    let found = tokio::time::timeout(RESOLVE, asking).await;
    if !matches!(found, Ok((_, true))) {
        inner.wake_recovery.notify_one();
    }
    match found {
        Ok((Verdict::Commit, complete)) => {
            Counters::add(&inner.counters.paired);
            Ok(if complete { Settlement::Applied } else { Settlement::Accepted })
        }
        Ok((Verdict::Abort, _)) => Err(StoreError::Unavailable { database: decider }),
        Err(_) => Err(StoreError::InDoubt { transaction }),
    }
}

/// What a command came to, how long that took, and the connection where it can still be used.
type Performed = (Command, Result<Answer, sqlx::Error>, Duration, Option<Connection>);

/// One run of the machine over the connections of the transaction.
struct Drive<'i> {
    inner: &'i Inner,
    transaction: TransactionId,
    decider: Database,
    participants: Participants,
    connections: [Option<Connection>; 3],
    author: Author,
    /// What the databases said to the commands that failed.
    errors: HashMap<Command, StoreError>,
}

impl Drive<'_> {
    async fn run(&mut self, machine: &mut Commit) -> Option<Outcome> {
        let mut working: FuturesUnordered<BoxFuture<'static, Performed>> = FuturesUnordered::new();
        for command in machine.start() {
            working.push(self.perform(command));
        }
        let mut deadline: Option<tokio::time::Instant> = None;
        while machine.outcome().is_none() {
            let event = tokio::select! {
                performed = working.next() => {
                    let (command, result, took, connection) = performed?;
                    self.inner.measures.phase(phase(command), self.place(command), took);
                    self.keep(command, &result, connection);
                    let answer = result.unwrap_or_else(|error| self.note(command, error));
                    Event::Answered(command, answer)
                }
                () = sleep_until(deadline) => Event::Deadline,
            };
            if event == Event::Answered(Command::CommitDecider, Answer::Done) {
                deadline = Some(tokio::time::Instant::now() + APPLY);
            }
            for command in machine.step(event) {
                working.push(self.perform(command));
            }
        }
        // Nothing that is still at work may go back to the others: its connection is closed with it.
        machine.outcome()
    }

    /// Starts a command on the transaction's connection in its database, or on a new one where that is gone
    /// and the command needs none of its own.
    fn perform(&mut self, command: Command) -> BoxFuture<'static, Performed> {
        let database = self.place(command);
        let connection = self.connections[database.index()].take();
        let home = Arc::clone(&self.inner.homes[database.index()]);
        let statement = self.statement(command);
        let again = self.errors.contains_key(&command);
        Box::pin(async move {
            if again {
                tokio::time::sleep(sql::jittered(PAUSE)).await;
            }
            let replaceable = matches!(
                command,
                Command::RollbackPrepared(_) | Command::CommitPrepared(_) | Command::CheckApplied(_)
            );
            let connection = match connection {
                Some(connection) => Some(connection),
                None if replaceable => home.checkout().await.ok(),
                // The session is gone, and with it the transaction that the command was about.
                None => None,
            };
            let Some(mut connection) = connection else {
                return (command, Err(sqlx::Error::PoolTimedOut), Duration::ZERO, None);
            };
            let began = Instant::now();
            let span = Timing::span_of(database, phase(command).name());
            let result = sql::within(ANSWER, statement.run(&mut connection)).instrument(span).await;
            (command, result, began.elapsed(), Some(connection))
        })
    }

    fn place(&self, command: Command) -> Database {
        match command {
            Command::Decide | Command::CommitDecider | Command::RollbackDecider => self.decider,
            Command::Mark(database) | Command::RollbackWork(database) => database,
            Command::Prepare(gid)
            | Command::RollbackPrepared(gid)
            | Command::CommitPrepared(gid)
            | Command::CheckApplied(gid) => gid.participant,
        }
    }

    /// F3 to F10, one line each.
    fn statement(&self, command: Command) -> Statement {
        let transaction = self.transaction;
        match command {
            Command::Decide => Statement::Decide(Decision {
                transaction,
                participants: self.participants.iter().map(|database| database.code().to_string()).collect(),
                operation: self.author.operation,
                tenant: self.author.tenant,
                actor: self.author.actor,
                instance: self.inner.options.instance.uuid(),
            }),
            Command::Mark(_) => Statement::Text(format!(
                "insert into txn.applied (gtx, decider) values ('{}', '{}'); set constraints all immediate",
                transaction.uuid(),
                self.decider.code(),
            )),
            Command::Prepare(gid) => Statement::Text(format!("prepare transaction '{gid}'")),
            // Behind a statement that fails where the transaction had failed: COMMIT would be answered as a
            // success.
            Command::CommitDecider => Statement::Text(COMMIT.to_owned()),
            Command::RollbackDecider | Command::RollbackWork(_) => Statement::Text("rollback".to_owned()),
            Command::RollbackPrepared(gid) => Statement::Text(format!("rollback prepared '{gid}'")),
            Command::CommitPrepared(gid) => Statement::Text(format!("commit prepared '{gid}'")),
            Command::CheckApplied(_) => Statement::CheckApplied(transaction),
        }
    }

    /// Keeps the connection for the next command of its database, gives it back after the last one, closes it
    /// where its session may be gone.
    fn keep(
        &mut self,
        command: Command,
        result: &Result<Answer, sqlx::Error>,
        connection: Option<Connection>,
    ) {
        let Some(connection) = connection else { return };
        let done = matches!(result, Ok(Answer::Done | Answer::Applied(true)));
        let usable = match result {
            Ok(_) => true,
            Err(error) => matches!(error, sqlx::Error::Database(_)) && !sql::session_ended(error),
        };
        match command {
            Command::Decide | Command::Mark(_) | Command::Prepare(_) if usable => {
                self.connections[self.place(command).index()] = Some(connection);
            }
            Command::CommitDecider
            | Command::RollbackDecider
            | Command::RollbackWork(_)
            | Command::RollbackPrepared(_)
            | Command::CommitPrepared(_)
            | Command::CheckApplied(_)
                if done =>
            {
                connection.finish();
            }
            Command::CommitPrepared(_) | Command::CheckApplied(_) if usable => {
                self.connections[self.place(command).index()] = Some(connection);
            }
            _ => drop(connection),
        }
    }

    fn note(&mut self, command: Command, error: sqlx::Error) -> Answer {
        let failure = sql::failure(&error);
        self.errors.insert(command, db_record::classify(self.place(command), error));
        Answer::Failed(failure)
    }

    /// What to tell the operation's caller about the command that ended it.
    fn refusal(&mut self, at: Command, failure: Failure) -> StoreError {
        let database = self.place(at);
        match self.errors.remove(&at) {
            // Recovery took this coordinator for dead and was there first: the work may be done again.
            Some(StoreError::Constraint { name }) if at == Command::Decide && name == TOMBSTONED => {
                StoreError::Contended { database }
            }
            Some(error) => error,
            None => {
                tracing::error!(%database, ?failure, "the protocol was broken");
                StoreError::Unexpected { database, sqlstate: None }
            }
        }
    }
}

/// What a command counts as.
fn phase(command: Command) -> Phase {
    match command {
        Command::Decide => Phase::Decide,
        Command::Mark(_) => Phase::Mark,
        Command::Prepare(_) => Phase::Prepare,
        Command::CommitDecider => Phase::CommitDecider,
        Command::CommitPrepared(_) => Phase::CommitPrepared,
        Command::CheckApplied(_) => Phase::CheckApplied,
        Command::RollbackDecider | Command::RollbackWork(_) | Command::RollbackPrepared(_) => Phase::RollBack,
    }
}

/// What a command says to the server.
enum Statement {
    Text(String),
    Decide(Decision),
    CheckApplied(TransactionId),
}

/// The row of `txn.decision`.
struct Decision {
    transaction: TransactionId,
    participants: Vec<String>,
    operation: &'static str,
    tenant: i32,
    actor: uuid::Uuid,
    instance: uuid::Uuid,
}

impl Statement {
    async fn run(self, connection: &mut Connection) -> Result<Answer, sqlx::Error> {
        match self {
            Statement::Text(text) => sql::send(connection, text).await.map(|_| Answer::Done),
            Statement::CheckApplied(transaction) => {
                settle::is_applied(connection, transaction).await.map(Answer::Applied)
            }
            // No "on conflict": a tombstone must be an error.
            Statement::Decide(decision) => {
                let inserted = sqlx::query(
                    "insert into txn.decision
                        (gtx, verdict, participants, op, tenant, actor, instance, decided_by)
                     values ($1, 'commit', $2, $3, $4, $5, $6, 'coordinator')",
                )
                .bind(decision.transaction.uuid())
                .bind(decision.participants)
                .bind(decision.operation)
                .bind(decision.tenant)
                .bind(decision.actor)
                .bind(decision.instance)
                .execute(&mut **connection)
                .await?;
                let one = inserted.rows_affected() == 1;
                Ok(if one { Answer::Done } else { Answer::Failed(Failure::WrongCount) })
            }
        }
    }
}

async fn sleep_until(deadline: Option<tokio::time::Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}
