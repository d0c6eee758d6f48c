//! Running an operation: the one place that opens, retries and commits.
//!
//! The steps of an attempt, in the words of the protocol: F1 [`Work::open`], F2 `Operation::run`, then
//! [`commit::end`](crate::commit), which ends it plainly or goes through F3 to F12.

use std::sync::Arc;
use std::time::{Duration, Instant};

use domain::{Context, Operation, StoreError};
use kernel::{Classify, Database, ErrorKind, TransactionId, limits};
use tracing::Instrument;

use crate::commit::{self, Author, Settlement};
use crate::connection::GRACE;
use crate::health::Counters;
use crate::measure::{Ending, Handed, Measured};
use crate::open::{Inner, Store};
use crate::sql;
use crate::work::Work;

/// Attempts at one operation beyond the first.
const RETRIES: u32 = 3;
/// Pause before the first retry; it grows with each.
const PAUSE: Duration = Duration::from_millis(20);
/// How long a transaction over several databases waits for its permit.
const PERMIT: Duration = Duration::from_millis(250);

/// A committed operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Committed<T> {
    /// What it gave.
    pub output: T,
    /// Under which transaction.
    pub transaction: TransactionId,
    /// Whether every database shows it yet.
    pub settlement: Settlement,
}

impl Store {
    /// Runs an operation in one transaction over the databases that it touches, and commits it in all or in
    /// none.
    ///
    /// It runs on a task of its own: a caller that goes away stops nothing. While the databases ask for it
    /// (serialization failure, deadlock, lock timeout) it is run again, at most three times and not after
    /// five seconds.
    ///
    /// # Errors
    /// The operation's own; and as a [`StoreError`], whatever proves that nothing was committed, or
    /// [`StoreError::InDoubt`]. A commit that is decided but not yet visible everywhere is no error:
    /// [`Settlement::Accepted`].
    pub async fn execute<O: Operation>(
        &self,
        operation: O,
        context: Context,
    ) -> Result<Committed<O::Output>, O::Error> {
        let first = operation.touches().databases().next().unwrap_or(Database::Auth);
        if self.inner.tasks.is_closed() {
            return Err(StoreError::Unavailable { database: first }.into());
        }
        let inner = Arc::clone(&self.inner);
        // For traces its name is the operation's; the log knows it by the field.
        let span = tracing::info_span!("operation", otel.name = O::NAME, request = %context.request);
        let work = async move { attempts(&inner, &operation, &context).await };
        match self.inner.tasks.spawn(work.instrument(span)).await {
            Ok(result) => result,
            // It panicked; its connections were closed by the unwinding, so nothing was committed that
            // recovery will not settle.
            Err(_) => {
                tracing::error!(operation = O::NAME, "the operation panicked");
                Err(StoreError::Unexpected { database: first, sqlstate: None }.into())
            }
        }
    }
}

async fn attempts<O: Operation>(
    inner: &Inner,
    operation: &O,
    context: &Context,
) -> Result<Committed<O::Output>, O::Error> {
    let began = Instant::now();
    let measure = inner.measures.operation(O::NAME);
    let mut retry = 0;
    loop {
        let error = match attempt(inner, &measure, operation, context).await {
            Ok(committed) => {
                measure.ended(Ending::Done, began.elapsed());
                return Ok(committed);
            }
            Err(error) => error,
        };
        let in_time = began.elapsed() < limits::STATEMENT;
        if retry == RETRIES || !in_time || !worth_repeating(inner, operation, &error) {
            measure.ended(Ending::Failed, began.elapsed());
            return Err(error.into_operation());
        }
        retry += 1;
        Counters::add(&inner.counters.retries);
        tokio::time::sleep(sql::jittered(PAUSE * retry)).await;
    }
}

/// Why an attempt failed.
enum Failed<E> {
    /// The operation said no.
    Operation(E),
    /// The store did.
    Store(StoreError),
}

impl<E: From<StoreError>> Failed<E> {
    fn into_operation(self) -> E {
        match self {
            Failed::Operation(error) => error,
            Failed::Store(error) => error.into(),
        }
    }
}

/// Only what another attempt can change. An operation's error does not say whether it was contention or a
/// database that is gone; a database that is gone is known by now.
fn worth_repeating<O: Operation>(inner: &Inner, operation: &O, error: &Failed<O::Error>) -> bool {
    match error {
        Failed::Store(StoreError::Contended { .. }) => true,
        Failed::Store(_) => false,
        Failed::Operation(error) => {
            let there = |database: Database| !inner.homes[database.index()].is_down();
            error.kind() == ErrorKind::Busy && operation.touches().databases().all(there)
        }
    }
}

async fn attempt<O: Operation>(
    inner: &Inner,
    measure: &Arc<Measured>,
    operation: &O,
    context: &Context,
) -> Result<Committed<O::Output>, Failed<O::Error>> {
    let touches = operation.touches();
    let writes = touches.databases().filter(|database| touches.writes_to(*database)).count();
    // Taken before the connections, so that nobody who holds a connection waits for a permit.
    let permit = match touches.databases().next() {
        Some(first) if writes > 1 => {
            let waited = tokio::time::timeout(PERMIT, inner.paired.acquire()).await;
            let busy = StoreError::Contended { database: first };
            Some(waited.ok().and_then(Result::ok).ok_or(Failed::Store(busy))?)
        }
        _ => None,
    };
    let handed = Handed::of(Arc::clone(measure));
    let is_bulk = operation.is_bulk();
    let mut work =
        Work::open(inner, context, touches, is_bulk, handed.clone()).await.map_err(Failed::Store)?;
    let homes: Vec<_> = touches.databases().map(|database| &inner.homes[database.index()]).collect();
    // What is touched answers, or the operation ends: a dead network tells nobody that it is dead.
    let limit = match is_bulk {
        true => limits::BUNDLE_REQUEST,
        false => homes.iter().map(|home| home.settings.socket).max().unwrap_or(limits::REQUEST),
    };
    let lost = async {
        match homes.is_empty() {
            true => std::future::pending().await,
            false => futures::future::select_all(homes.iter().map(|home| Box::pin(home.given_up()))).await.0,
        }
    };
    let longest = homes.iter().map(|home| home.settings.longest_statement(is_bulk)).max().unwrap_or(limit);
    let run = handed.run(longest + GRACE, operation.run(context, &mut work));
    let first = touches.databases().next().unwrap_or(Database::Auth);
    let output = tokio::select! {
        biased;
        output = tokio::time::timeout(limit, run) => output.unwrap_or(Err(first)),
        database = lost => Err(database),
    };
    let output = match output {
        Ok(Ok(output)) => output,
        Ok(Err(error)) => {
            work.roll_back().await;
            return Err(Failed::Operation(error));
        }
        // A statement may be half sent: dropping the connections closes them.
        Err(database) => return Err(Failed::Store(StoreError::Unavailable { database })),
    };
    let (transaction, branches) = work.into_branches();
    let ended = commit::end(inner, transaction, branches, Author::of(O::NAME, context)).await;
    drop(permit);
    let settlement = ended.map_err(Failed::Store)?;
    Ok(Committed { output, transaction, settlement })
}
