//! Opening and closing the store, and what all its parts share.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use domain::audit::Event;
use domain::store::{Archive, Body, Found, Key, Likeness, Page, SearchPage, Slice, Sliced, VersionEntry};
use domain::{Context, StoreError, Stored};
use fhir::search::Search;
use kernel::{Database, limits};
use seal::Keyring;
use sqlx::PgConnection;
use tokio::sync::{Notify, Semaphore};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::audit::Trail;
use crate::connection::{Connection, Connections};
use crate::contact::Installation;
use crate::done::Done;
use crate::health::{Counters, Counts, DatabaseHealth, Health};
use crate::measure::Measures;
use crate::options::StoreOptions;
use crate::probe::Probe;
use crate::reader::Reader;
use crate::recovery::{self, Recovery, Seen};
use crate::refusal::Refusal;
use crate::sessions::Listener;
use crate::slot::Slot;

/// Longest time that opening waits for the first recovery pass; what is left goes on afterwards.
const FIRST_PASS: Duration = Duration::from_secs(10);

/// The three databases. Cheap to clone; all clones are the same store.
#[derive(Clone)]
pub struct Store {
    pub(crate) inner: Arc<Inner>,
}

/// What the parts of one store share.
pub(crate) struct Inner {
    pub(crate) options: StoreOptions,
    pub(crate) homes: [Arc<Connections>; 3],
    pub(crate) installation: Arc<Installation>,
    pub(crate) slot: Slot,
    /// Transactions over several databases that may be under way.
    pub(crate) paired: Semaphore,
    pub(crate) done: Done,
    pub(crate) wake_recovery: Notify,
    pub(crate) seen: Seen,
    pub(crate) counters: Counters,
    pub(crate) measures: Measures,
    pub(crate) listener: Listener,
    reader: Reader,
    /// Operations at work; closed when the store is.
    pub(crate) tasks: TaskTracker,
    /// Probes, lease and recovery.
    workers: TaskTracker,
    stop: CancellationToken,
}

/// Why a store cannot be opened. A database that does not answer is no reason: it may come back.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Databases answer and must not be used; every fault of each, a line each.
    #[error(
        "the databases cannot be used as they are:{}\n`salus doctor` says what to do about each",
        lines(_0)
    )]
    Refused(Vec<Refusal>),
}

fn lines(refusals: &[Refusal]) -> String {
    refusals.iter().map(|refusal| format!("\n  {refusal}")).collect()
}

impl Store {
    /// Opens the store: asks each database who it is, leases the instance slot, makes one recovery pass over
    /// those that answer, and starts the workers. Must be called on a tokio runtime.
    ///
    /// # Errors
    /// [`OpenError::Refused`] where a database answers but is not the right one, does not agree with the
    /// others, or cannot keep what it promises. A database that does not answer stops nobody.
    pub async fn open(options: StoreOptions) -> Result<Store, OpenError> {
        let homes = Database::ALL.map(|database| Arc::new(Connections::new(&options, database)));
        let demands = Arc::new(options.clone());
        let installation = Arc::new(Installation::default());
        let mut probes =
            homes.clone().map(|home| Probe::new(home, Arc::clone(&demands), Arc::clone(&installation)));
        let measures = Measures::default();
        let reader = Reader::start(homes.clone(), Arc::clone(&options.keyring), &measures);
        let inner = Arc::new(Inner {
            reader,
            paired: Semaphore::new(options.paired_permits as usize),
            options,
            homes,
            installation,
            slot: Slot::default(),
            listener: Listener::default(),
            done: Done::default(),
            wake_recovery: Notify::new(),
            seen: Seen::default(),
            counters: Counters::default(),
            measures,
            tasks: TaskTracker::new(),
            workers: TaskTracker::new(),
            stop: CancellationToken::new(),
        });
        // One after the other, so that it is always the later one of two which disagree that is refused.
        for probe in &mut probes {
            probe.ask().await;
        }
        let refusals: Vec<_> = probes.iter().flat_map(|probe| probe.found().refusals.clone()).collect();
        if !refusals.is_empty() {
            return Err(OpenError::Refused(refusals));
        }
        let mut recovery = Recovery::new(&inner);
        // Both go on in the background, where they do not succeed now.
        tokio::join!(async { inner.lease().await.ok() }, async {
            tokio::time::timeout(FIRST_PASS, recovery.pass(&inner)).await.ok()
        },);
        let store = Store { inner };
        for probe in probes {
            store.work(probe.watch());
        }
        store.work(recovery::run(Arc::clone(&store.inner), recovery));
        let inner = Arc::clone(&store.inner);
        store.work(async move { inner.keep_lease().await });
        Ok(store)
    }

    /// A connection for statements outside any operation: single reads that set their tenant themselves.
    /// [`Connection::finish`] it when its last answer was read.
    ///
    /// # Errors
    /// `Unavailable`, at once where the database is known to be down.
    pub async fn connection(&self, database: Database) -> Stored<Connection> {
        self.inner.homes[database.index()].checkout().await
    }

    /// A connection that belongs to no pool, such as the audit writer's. Whoever holds it opens another when
    /// it fails.
    ///
    /// # Errors
    /// `Unavailable` where the database does not answer within two seconds.
    pub async fn dedicated(&self, database: Database) -> Stored<PgConnection> {
        let home = &self.inner.homes[database.index()];
        if home.is_down() {
            return Err(StoreError::Unavailable { database });
        }
        home.dedicated(&[]).await.map_err(|_| StoreError::Unavailable { database })
    }

    /// Writes an audit row of its own in `auth`: there stands every access that was refused, whatever was asked for.
    ///
    /// # Errors
    /// `Unavailable` where it could not be written.
    pub async fn trace_in_auth(&self, event: Event) -> Stored<()> {
        self.inner.reader.trace(Database::Auth, event).await
    }

    /// The keys that bodies are sealed with.
    pub fn keyring(&self) -> &Arc<Keyring> {
        &self.inner.options.keyring
    }

    /// What is known of the databases at this moment, without asking them.
    pub fn health(&self) -> Health {
        let databases = Database::ALL.map(|database| {
            let last = self.inner.seen.last(database);
            DatabaseHealth {
                database,
                state: self.inner.homes[database.index()].state.borrow().clone(),
                recovered_at: last.map(|(at, _)| at),
                seen: last.map(|(_, seen)| seen).unwrap_or_default(),
            }
        });
        Health { databases, named: self.inner.slot.source().is_some() }
    }

    /// What was counted since the store was opened.
    pub fn counts(&self) -> Counts {
        self.inner.counters.snapshot()
    }

    /// Runs something for as long as the store is open: the audit writer, a refresher of caches. It is
    /// dropped when the store closes.
    pub fn work(&self, work: impl Future<Output = ()> + Send + 'static) {
        let stop = self.inner.stop.clone();
        self.inner.workers.spawn(async move {
            tokio::select! {
                () = stop.cancelled() => {}
                () = work => {}
            }
        });
    }

    /// Takes no more operations, lets those at work end for at most [`limits::DRAIN`], marks what is done,
    /// gives the slot back and ends all connections. What does not end in time is settled by recovery, here
    /// or elsewhere.
    pub async fn close(&self) {
        self.close_by(Instant::now() + limits::DRAIN).await;
    }

    /// [`Store::close`], with an instant at which operations at work are left to recovery.
    pub async fn close_by(&self, end: Instant) {
        let inner = &self.inner;
        inner.tasks.close();
        if tokio::time::timeout_at(end, inner.tasks.wait()).await.is_err() {
            tracing::warn!("operations were still at work when the time to stop was over");
        }
        inner.stop.cancel();
        inner.workers.close();
        inner.workers.wait().await;
        let mut recovery = Recovery::new(inner);
        for database in Database::ALL {
            // What cannot be marked now is found by the next recovery pass.
            recovery.mark_done(inner, database).await.ok();
        }
        inner.slot.release(&inner.homes[Database::Auth.index()], inner.options.instance).await;
        for home in &inner.homes {
            home.close().await;
        }
    }
}

/// Reading outside operations; each call leaves its audit row before it answers.
#[async_trait]
impl Archive for Store {
    async fn read(&self, context: &Context, key: &Key) -> Stored<Found> {
        self.inner.reader.read(context, key).await
    }

    async fn version(&self, context: &Context, key: &Key, version: i32) -> Stored<Found> {
        self.inner.reader.version(context, key, version).await
    }

    async fn history(
        &self,
        context: &Context,
        key: &Key,
        count: usize,
        cursor: Option<&str>,
    ) -> Stored<Option<Page<VersionEntry>>> {
        self.inner.reader.history(context, key, count, cursor).await
    }

    async fn alike(
        &self,
        context: &Context,
        likeness: &Likeness,
        most: usize,
    ) -> Stored<Vec<(String, Body)>> {
        self.inner.reader.alike(context, likeness, most).await
    }

    async fn search(&self, context: &Context, search: &Search) -> Stored<SearchPage> {
        self.inner.reader.search(context, search).await
    }

    async fn slices(&self, context: &Context, patient: &str, slices: &[Slice]) -> Stored<Option<Sliced>> {
        self.inner.reader.slices(context, patient, slices).await
    }
}

impl Inner {
    /// How the audit trail of this database keeps up.
    pub(crate) fn audit_trail(&self, database: Database) -> Trail {
        self.reader.trail(database)
    }

    async fn lease(&self) -> Stored<bool> {
        let auth = &self.homes[Database::Auth.index()];
        self.slot.renew(auth, self.options.instance, self.options.clock.as_ref()).await
    }

    async fn keep_lease(&self) {
        let auth = &self.homes[Database::Auth.index()];
        self.slot.keep(auth, self.options.instance, self.options.clock.as_ref()).await;
    }
}
