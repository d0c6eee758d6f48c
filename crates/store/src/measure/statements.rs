//! How long statements took, by operation and database, without a word in the repositories.
//!
//! An operation awaits nothing but its repositories. So the time in which it stands still belongs to the database whose
//! repository it was handed last, and that is measured where repositories are handed out and where the operation is
//! polled.

use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::{Duration, Instant};

use kernel::Database;
use metrics::Histogram;
use tokio::time::sleep;
use tracing::{Instrument, Span};

use super::Measured;

/// Who holds repositories at the moment, and how long it has waited for them.
#[derive(Clone)]
pub(crate) struct Handed {
    work: Arc<Measured>,
    now: Arc<Mutex<Now>>,
}

struct Now {
    databases: [bool; 3],
    waited: Duration,
    /// Ends when the operation turns elsewhere.
    _span: Span,
}

impl Handed {
    pub(crate) fn of(work: Arc<Measured>) -> Handed {
        let nothing = Now { databases: [false; 3], waited: Duration::ZERO, _span: Span::none() };
        Handed { work, now: Arc::new(Mutex::new(nothing)) }
    }

    /// The operation turns to this database.
    pub(crate) fn turn_to(&self, database: Database) {
        let mut databases = [false; 3];
        databases[database.index()] = true;
        self.turn(databases, span(database.name(), "statements"));
    }

    /// The operation turns to these databases at once.
    pub(crate) fn turn_to_all(&self, databases: [bool; 3]) {
        self.turn(databases, span("several", "statements"));
    }

    fn turn(&self, databases: [bool; 3], span: Span) {
        let mut now = self.now();
        let before = std::mem::replace(&mut *now, Now { databases, waited: Duration::ZERO, _span: span });
        drop(now);
        // Also where it never stood still: on a busy machine the answer can be there before the first look.
        for database in Database::ALL.into_iter().filter(|database| before.databases[database.index()]) {
            self.work.statements(database).record(before.waited);
        }
    }

    /// Runs the operation to its end, or until it has stood still for `longest` at a stretch. A server ends each of its
    /// statements by itself and says so: a longer silence is a network over which nobody will be heard again.
    ///
    /// # Errors
    /// The database that it waited for in vain; of several at once, the first.
    pub(crate) async fn run<T>(
        &self,
        longest: Duration,
        operation: impl Future<Output = T>,
    ) -> Result<T, Database> {
        let mut operation = pin!(operation);
        let mut silence = pin!(sleep(longest));
        let mut still_since: Option<Instant> = None;
        let output = std::future::poll_fn(|context| {
            if let Some(since) = still_since.take() {
                self.now().waited += since.elapsed();
            }
            if let Poll::Ready(output) = operation.as_mut().poll(context) {
                return Poll::Ready(Ok(output));
            }
            if silence.is_elapsed() {
                return Poll::Ready(Err(self.waited_for()));
            }
            still_since = Some(Instant::now());
            silence.as_mut().reset(tokio::time::Instant::now() + longest);
            silence.as_mut().poll(context).map(|()| Err(self.waited_for()))
        })
        .await;
        self.turn([false; 3], Span::none());
        output
    }

    fn waited_for(&self) -> Database {
        let databases = self.now().databases;
        Database::ALL.into_iter().find(|database| databases[database.index()]).unwrap_or(Database::Auth)
    }

    fn now(&self) -> MutexGuard<'_, Now> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The span of statements in one database, for traces; below the level of the log.
fn span(database: &'static str, name: &'static str) -> Span {
    tracing::debug_span!(
        "statement",
        otel.name = name,
        otel.kind = "client",
        db.system.name = "postgresql",
        db.namespace = database,
    )
}

/// One statement, or a few that belong together, outside operations.
pub(crate) struct Timing<'h> {
    histogram: &'h Histogram,
    span: Span,
    began: Instant,
}

impl<'h> Timing<'h> {
    pub(crate) fn start(work: &'h Measured, database: Database, name: &'static str) -> Timing<'h> {
        Timing {
            histogram: work.statements(database),
            span: span(database.name(), name),
            began: Instant::now(),
        }
    }

    /// For what is measured elsewhere: a span alone.
    pub(crate) fn span_of(database: Database, name: &'static str) -> Span {
        span(database.name(), name)
    }

    /// The statement, under the span.
    pub(crate) fn of<F: Future>(&self, statement: F) -> tracing::instrument::Instrumented<F> {
        statement.instrument(self.span.clone())
    }
}

impl Drop for Timing<'_> {
    fn drop(&mut self) {
        self.histogram.record(self.began.elapsed());
    }
}
