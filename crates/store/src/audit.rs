//! The group writer of audit rows: what queued while the last commit flushed goes into the next, in one statement.
//!
//! One connection per database and instance. A row is durable before its caller goes on; where it cannot be
//! written the caller must fail, because an access that leaves no trace must not happen.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use domain::audit::Event;
use domain::{StoreError, Stored};
use kernel::{Database, limits};
use seal::Keyring;
use sqlx::PgConnection;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use crate::connection::Connections;
use crate::measure::AuditMeasures;

/// Rows in one statement, at the most.
const GROUP: usize = 256;
/// Rows that may wait; beyond, the caller is told that the database is busy.
const QUEUE: usize = 4_096;
/// A statement's time limit and the network's share.
const DEADLINE: Duration = Duration::from_secs(limits::STATEMENT.as_secs() + 1);

/// The one statement of the connection is planned once. Left to itself the server would plan it again for every group,
/// because it knows how many rows an array holds only then: half of the cost of a small group, for the same plan.
const PLANNED_ONCE: [(&str, &str); 1] = [("plan_cache_mode", "force_generic_plan")];

/// The longest that a group waits for reads that are under way already. Their rows are a statement away; a group of its
/// own for each would cost several times as much.
const GATHER: Duration = Duration::from_millis(1);

struct Queued {
    event: Event,
    since: Instant,
    written: oneshot::Sender<Stored<()>>,
}

/// The way to one database's audit trail.
pub(crate) struct AuditWriter {
    database: Database,
    queue: mpsc::Sender<Queued>,
    coming: Arc<AtomicUsize>,
    oldest: Arc<Oldest>,
}

/// How one audit trail keeps up.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Trail {
    /// Rows that wait.
    pub(crate) depth: usize,
    /// The age of the oldest row that is not on disk.
    pub(crate) lag: Duration,
}

/// Since when the oldest row of the group in work has waited.
#[derive(Default)]
struct Oldest(Mutex<Option<Instant>>);

impl Oldest {
    fn set(&self, since: Option<Instant>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = since;
    }

    fn age(&self) -> Duration {
        let since = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        since.map_or(Duration::ZERO, |since| since.elapsed())
    }
}

/// A row that will come soon. Dropped when it is queued, or will not come.
pub(crate) struct Announced(Arc<AtomicUsize>);

impl Drop for Announced {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl AuditWriter {
    /// Starts the writer; it ends when the last handle to it is dropped.
    pub(crate) fn start(connections: Arc<Connections>, keyring: Arc<Keyring>) -> AuditWriter {
        let (queue, queued) = mpsc::channel(QUEUE);
        let database = connections.database;
        let coming = Arc::new(AtomicUsize::new(0));
        let oldest = Arc::new(Oldest::default());
        let writing = write_groups(connections, keyring, queued, Arc::clone(&coming), Arc::clone(&oldest));
        tokio::spawn(writing);
        AuditWriter { database, queue, coming, oldest }
    }

    /// How it keeps up.
    pub(crate) fn trail(&self) -> Trail {
        Trail { depth: self.queue.max_capacity() - self.queue.capacity(), lag: self.oldest.age() }
    }

    /// Says that a row will be written as soon as one quick statement is answered.
    pub(crate) fn announce(&self) -> Announced {
        self.coming.fetch_add(1, Ordering::Relaxed);
        Announced(Arc::clone(&self.coming))
    }

    /// Writes the event; returns when it is durable.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] where it could not be written: then the access that it tells of must not happen.
    pub(crate) async fn write(&self, event: Event, announced: Option<Announced>) -> Stored<()> {
        let unavailable = || StoreError::Unavailable { database: self.database };
        let (written, answer) = oneshot::channel();
        self.queue.try_send(Queued { event, since: Instant::now(), written }).map_err(|_| unavailable())?;
        drop(announced);
        answer.await.map_err(|_| unavailable())?
    }
}

async fn write_groups(
    connections: Arc<Connections>,
    keyring: Arc<Keyring>,
    mut queued: mpsc::Receiver<Queued>,
    coming: Arc<AtomicUsize>,
    oldest: Arc<Oldest>,
) {
    let measures = AuditMeasures::new(connections.database);
    let mut connection: Option<PgConnection> = None;
    let mut group = Vec::with_capacity(GROUP);
    while queued.recv_many(&mut group, GROUP).await > 0 {
        let since = group.first().map_or_else(Instant::now, |queued: &Queued| queued.since);
        oldest.set(Some(since));
        gather(&mut queued, &mut group, &coming).await;
        let (events, waiting): (Vec<Event>, Vec<oneshot::Sender<Stored<()>>>) =
            group.drain(..).map(|Queued { event, written, .. }| (event, written)).unzip();
        let outcome = append(&connections, &keyring, &mut connection, &events).await;
        oldest.set(None);
        measures.group(events.len(), outcome.is_ok(), since.into_std());
        for written in waiting {
            // A caller that hung up no longer waits; its row is written all the same.
            let _ = written.send(outcome.clone());
        }
    }
}

/// Lets the rows join that were announced before the group began; later ones wait for the next.
async fn gather(queued: &mut mpsc::Receiver<Queued>, group: &mut Vec<Queued>, coming: &AtomicUsize) {
    let wanted = GROUP.min(group.len() + coming.load(Ordering::Relaxed));
    let deadline = Instant::now() + GATHER;
    while group.len() < wanted {
        match tokio::time::timeout_at(deadline, queued.recv_many(group, GROUP - group.len())).await {
            Ok(joined) if joined > 0 => {}
            _ => break,
        }
    }
}

/// Appends the events; once more on a new connection where the old one had died. An answer that was lost may then
/// leave a row twice, which the request's id tells.
async fn append(
    connections: &Connections,
    keyring: &Keyring,
    held: &mut Option<PgConnection>,
    events: &[Event],
) -> Stored<()> {
    let database = connections.database;
    let unavailable = StoreError::Unavailable { database };
    if let Some(connection) = held {
        match attempt(connection, database, keyring, events).await {
            Err(StoreError::Unavailable { .. }) => *held = None,
            other => return other,
        }
    }
    if connections.is_down() {
        return Err(unavailable);
    }
    let mut fresh = connections.dedicated(&PLANNED_ONCE).await.map_err(|_| unavailable)?;
    let outcome = attempt(&mut fresh, database, keyring, events).await;
    if !matches!(outcome, Err(StoreError::Unavailable { .. })) {
        *held = Some(fresh);
    }
    outcome
}

async fn attempt(
    connection: &mut PgConnection,
    database: Database,
    keyring: &Keyring,
    events: &[Event],
) -> Stored<()> {
    let appended = db_record::audit::append(connection, database, keyring, events);
    tokio::time::timeout(DEADLINE, appended).await.unwrap_or(Err(StoreError::Unavailable { database }))
}
