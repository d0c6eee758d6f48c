//! Connections to one database: a pool as factory and limit, and a list of the connections last used before
//! it.
//!
//! The pool tests a connection each time it is taken or given back; at a read's cost of a tenth of a
//! millisecond that is half of it. The list hands the connection that was finished last to the next who asks,
//! untested. One that turns out dead on its first statement is [replaced](Connection::replace). The permits
//! are counted here and not by the pool, because the pool cannot see the connections that lie in the list.

use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use domain::{StoreError, Stored};
use kernel::Database;
use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{ConnectOptions, PgConnection, PgPool, Postgres};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, TryAcquireError, watch};

use crate::health::DatabaseState;
use crate::measure::PoolMeasures;
use crate::options::{Pool, StoreOptions};
use crate::queue::Queue;

/// How long a connection lies in the list before the pool gets it back.
const IDLE: Duration = Duration::from_secs(10);
/// How long a connection is handed on without the pool seeing it; only the pool knows its age and ends it.
const UNSEEN: Duration = Duration::from_secs(600);
/// The oldest a connection becomes, so that a server's memory of one is bounded.
const LIFETIME: Duration = Duration::from_secs(1_800);
/// A database that does not answer its probe for so long counts as down.
pub(crate) const SILENCE: Duration = Duration::from_secs(2);

/// How long the answer to a statement may be under way when the server has given the statement up.
pub(crate) const GRACE: Duration = Duration::from_secs(2);

/// The connections of one database.
pub(crate) struct Connections {
    pub(crate) database: Database,
    pool: PgPool,
    pub(crate) settings: Pool,
    dedicated: PgConnectOptions,
    permits: Arc<Semaphore>,
    max: usize,
    queue: Queue,
    measures: PoolMeasures,
    list: Mutex<Vec<Idle>>,
    /// Written by the probe alone.
    pub(crate) state: watch::Sender<DatabaseState>,
}

/// How the connections of one database are used.
pub(crate) struct Usage {
    pub(crate) max: usize,
    pub(crate) open: u32,
    pub(crate) in_use: usize,
    pub(crate) waiting: usize,
}

struct Idle {
    connection: PoolConnection<Postgres>,
    from_pool: Instant,
    since: Instant,
}

impl Connections {
    pub(crate) fn new(options: &StoreOptions, database: Database) -> Connections {
        // Testing costs a round trip, but whoever comes to the pool found the list empty: it is rare, and
        // after a server's restart it is what finds the dead ones.
        let settings = options.pools[database.index()];
        let pool = PgPoolOptions::new()
            .max_connections(settings.max_connections)
            .min_connections(settings.min_connections)
            // The wait for a turn is bounded by the permits; what is left is the time to open a connection.
            .acquire_timeout(settings.connect)
            .max_lifetime(LIFETIME)
            .idle_timeout(settings.idle)
            .test_before_acquire(true)
            .connect_lazy_with(options.session(database, "request"));
        Connections {
            database,
            pool,
            settings,
            dedicated: options.session(database, "store"),
            permits: Arc::new(Semaphore::new(settings.max_connections as usize)),
            max: settings.max_connections as usize,
            queue: Queue::new(settings.max_connections),
            measures: PoolMeasures::new(database),
            list: Mutex::new(Vec::new()),
            state: watch::Sender::new(DatabaseState::Unknown),
        }
    }

    /// A connection for one request.
    ///
    /// # Errors
    /// `Unavailable` at once where the database is down; `Exhausted` where none comes free within
    /// [`Pool::acquire`], and at once where too many wait already.
    pub(crate) async fn checkout(self: &Arc<Self>) -> Stored<Connection> {
        let permit = self.permit().await?;
        let found = self.list().pop();
        match found {
            Some(Idle { connection, from_pool, .. }) => {
                Ok(Connection { inner: connection, home: Arc::clone(self), permit, from_pool, reused: true })
            }
            None => self.fresh(permit).await,
        }
    }

    async fn permit(&self) -> Stored<OwnedSemaphorePermit> {
        if self.is_down() {
            return Err(self.unavailable());
        }
        match Arc::clone(&self.permits).try_acquire_owned() {
            Ok(permit) => {
                self.measures.acquire.record(0.0);
                return Ok(permit);
            }
            Err(TryAcquireError::Closed) => return Err(self.unavailable()),
            Err(TryAcquireError::NoPermits) => {}
        }
        let exhausted = || StoreError::Exhausted { database: self.database };
        let Some(place) = self.queue.enter() else {
            self.measures.shed.increment(1);
            return Err(exhausted());
        };
        let began = Instant::now();
        let (limit, permits) = (self.settings.acquire, Arc::clone(&self.permits));
        let waited = self.unless_down(limit, exhausted, permits.acquire_owned()).await;
        self.measures.acquire.record(began.elapsed());
        let permit = waited?.map_err(|_| self.unavailable())?;
        place.served();
        Ok(permit)
    }

    /// A connection that has just answered.
    async fn fresh(self: &Arc<Self>, permit: OwnedSemaphorePermit) -> Stored<Connection> {
        let limit = self.settings.connect;
        let opened = self.unless_down(limit, || self.unavailable(), self.pool.acquire()).await?;
        let mut inner = opened.map_err(|_| self.unavailable())?;
        inner.close_on_drop();
        let from_pool = Instant::now();
        Ok(Connection { inner, home: Arc::clone(self), permit, from_pool, reused: false })
    }

    /// A connection that belongs to no pool: for the probe, recovery and the audit writer, which must work
    /// while the pool is exhausted. `settings` are set for its session.
    pub(crate) async fn dedicated(&self, settings: &[(&str, &str)]) -> Result<PgConnection, sqlx::Error> {
        let options = self.dedicated.clone().options(settings.iter().copied());
        crate::sql::within(self.settings.connect, options.connect()).await
    }

    /// How its connections are used at this moment.
    pub(crate) fn usage(&self) -> Usage {
        let in_use = self.max.saturating_sub(self.permits.available_permits());
        Usage { max: self.max, open: self.pool.size(), in_use, waiting: self.queue.waiting() }
    }

    /// Whether the probe says that there is no use in trying.
    pub(crate) fn is_down(&self) -> bool {
        self.state.borrow().is_out()
    }

    /// Closes what lies in the list: the server was restarted, or its sessions were ended.
    pub(crate) fn forget(&self) {
        let dropped = std::mem::take(&mut *self.list());
        drop(dropped);
    }

    /// Gives what was not used for [`IDLE`] back to the pool. The list is ordered: the oldest lie at the
    /// bottom.
    pub(crate) fn sweep(&self) {
        let mut list = self.list();
        let stale = list.iter().take_while(|idle| idle.since.elapsed() >= IDLE).count();
        list.drain(..stale).for_each(|idle| give_back(idle.connection));
    }

    /// Ends everything; who asks afterwards is told that the database is unavailable.
    pub(crate) async fn close(&self) {
        self.permits.close();
        self.forget();
        // A farewell that nobody answers is not waited for: the sockets end with the process.
        let _ = tokio::time::timeout(SILENCE, self.pool.close()).await;
    }

    fn list(&self) -> MutexGuard<'_, Vec<Idle>> {
        // A panic elsewhere cannot leave the list half-written.
        self.list.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits at most `limit`, beyond which it is `late`, and no longer than the database is thought to be up.
    async fn unless_down<T>(
        &self,
        limit: Duration,
        late: impl FnOnce() -> StoreError,
        wait: impl Future<Output = T>,
    ) -> Stored<T> {
        let mut state = self.state.subscribe();
        tokio::select! {
            biased;
            _ = state.wait_for(DatabaseState::is_out) => Err(self.unavailable()),
            done = tokio::time::timeout(limit, wait) => done.map_err(|_| late()),
        }
    }

    /// Done when the database has been out for as long as a statement may take: whatever waits for its answer by then
    /// waits in vain.
    pub(crate) async fn given_up(&self) -> Database {
        let mut state = self.state.subscribe();
        loop {
            // The sender lives as long as we do.
            drop(state.wait_for(DatabaseState::is_out).await);
            let back = state.wait_for(|now| !now.is_out());
            if tokio::time::timeout(self.settings.statement, back).await.is_err() {
                return self.database;
            }
        }
    }

    /// The answer to so many statements, if it comes within the time that the server gives them and [`GRACE`].
    ///
    /// # Errors
    /// `Unavailable` where it does not come; the connection must then be dropped.
    pub(crate) async fn answered<T>(
        &self,
        statements: u32,
        answer: impl Future<Output = Stored<T>>,
    ) -> Stored<T> {
        let limit = self.settings.statement * statements + GRACE;
        tokio::time::timeout(limit, answer).await.map_err(|_| self.unavailable())?
    }

    fn unavailable(&self) -> StoreError {
        StoreError::Unavailable { database: self.database }
    }
}

/// A connection on loan. Whoever does not say [`Connection::finish`] leaves it in an unknown state (a
/// statement half sent, a transaction open), so dropping it closes the socket: the server then rolls back and
/// lets the locks go.
pub struct Connection {
    /// Marked to be closed when it is dropped, from the moment it leaves the pool.
    inner: PoolConnection<Postgres>,
    home: Arc<Connections>,
    permit: OwnedSemaphorePermit,
    from_pool: Instant,
    reused: bool,
}

impl Connection {
    /// The database that it leads to.
    pub fn database(&self) -> Database {
        self.home.database
    }

    /// Whether it served another request before, so that it may have died since.
    pub(crate) fn is_reused(&self) -> bool {
        self.reused
    }

    /// Whether this error of its first statement says that it was dead before: it lay idle untested, and the
    /// server was restarted meanwhile. [`Connection::replace`] it and send that statement once more.
    pub fn was_dead(&self, error: &sqlx::Error) -> bool {
        self.reused && crate::sql::session_ended(error)
    }

    /// Closes it and everything that lay idle beside it, and gives one that has just answered.
    ///
    /// # Errors
    /// `Unavailable` where the database does not answer.
    pub async fn replace(self) -> Stored<Connection> {
        let Connection { inner, home, permit, .. } = self;
        drop(inner);
        home.forget();
        home.fresh(permit).await
    }

    /// Gives it back for the next request. Only for one that is outside any transaction and has read the
    /// answer to everything that it was sent.
    pub fn finish(self) {
        // The permit is let go last, so that whoever it wakes finds the connection.
        let Connection { inner, home, permit, from_pool, .. } = self;
        if from_pool.elapsed() > UNSEEN {
            give_back(inner);
        } else if !home.permits.is_closed() {
            home.list().push(Idle { connection: inner, from_pool, since: Instant::now() });
        }
        drop(permit);
    }
}

impl Deref for Connection {
    type Target = PgConnection;

    fn deref(&self) -> &PgConnection {
        &self.inner
    }
}

impl DerefMut for Connection {
    fn deref_mut(&mut self) -> &mut PgConnection {
        &mut self.inner
    }
}

/// To the pool, which tests it and may end it for its age. The driver's ordinary way back is closed, because
/// it is what dropping a connection does.
fn give_back(mut connection: PoolConnection<Postgres>) {
    tokio::spawn(async move {
        // It is tested on the way, and dropped, which closes it, where the test is not answered.
        let _ = tokio::time::timeout(SILENCE, connection.return_to_pool()).await;
    });
}
