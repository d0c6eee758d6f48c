//! A store on three fresh databases, an operation that writes one record to each database it is told, and a
//! look from above.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use domain::audit::{Action, Event};
use domain::store::{Changes, Prepared, PreparedIndex};
use domain::{Caller, Context, Operation, StoreError, Touches, UnitOfWork};
use fhir::ResourceType;
use kernel::{AccountId, Classify, Database, ErrorKind, InstanceId, RequestId, SystemClock, Tenant};
use seal::{Keyring, MasterKey};
use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection as _, Executor, PgConnection};
use store::{Pool, Store, StoreOptions, bootstrap};
use test_support::{Role, TestDatabases};
use tokio::sync::Notify;

pub const ALL: [Database; 3] = Database::ALL;

pub struct House {
    pub databases: TestDatabases,
    pub store: Store,
}

impl House {
    pub async fn open() -> House {
        let databases = TestDatabases::fresh().await;
        bootstrap::ensure_identity(&owners(&databases)).await.unwrap();
        let store = Store::open(options(&databases)).await.unwrap();
        House { databases, store }
    }

    /// A second process on the same databases.
    pub async fn another(&self) -> Store {
        Store::open(options(&self.databases)).await.unwrap()
    }

    pub async fn above(&self, database: Database) -> PgConnection {
        self.databases.connect(database, Role::Superuser).await
    }

    /// A number, asked as the superuser.
    pub async fn number(&self, database: Database, sql: &str) -> i64 {
        number(&self.databases.options(database, Role::Superuser), sql).await
    }

    pub async fn run(&self, database: Database, role: Role, sql: &str) {
        let mut connection = self.databases.connect(database, role).await;
        connection.execute(sqlx::raw_sql(AssertSqlSafe(sql.to_owned()))).await.unwrap();
        connection.close().await.unwrap();
    }

    /// Records, decisions, marks and prepared transactions in one database.
    pub async fn count(&self, database: Database) -> Count {
        Count {
            records: self.number(database, "select count(*) from record.resource").await,
            decisions: self.number(database, "select count(*) from txn.decision").await,
            applied: self.number(database, "select count(*) from txn.applied").await,
            prepared: self.number(database, PREPARED).await,
        }
    }

    pub async fn counts(&self) -> [Count; 3] {
        [
            self.count(Database::Auth).await,
            self.count(Database::Phi).await,
            self.count(Database::Clinical).await,
        ]
    }

    /// Makes the decider's COMMIT take this long, by a deferred trigger: the participants are prepared
    /// meanwhile.
    pub async fn slow_decision(&self, decider: Database, seconds: f64) {
        let sql = format!(
            "create function txn.test_wait() returns trigger language plpgsql as
                $$ begin perform pg_sleep({seconds}); return null; end $$;
             create constraint trigger test_wait after insert on txn.decision deferrable initially deferred
                for each row when (new.verdict = 'commit') execute function txn.test_wait()"
        );
        self.run(decider, Role::Owner, &sql).await;
    }

    /// Ends the sessions of the server's login that are in this state of work.
    pub async fn kill(&self, database: Database, which: &str) -> i64 {
        let sql = format!(
            "select count(pg_terminate_backend(pid)) from pg_stat_activity
             where datname = current_database() and usename = 'salus_app' and {which}"
        );
        self.number(database, &sql).await
    }
}

pub const PREPARED: &str = "select count(*) from pg_prepared_xacts where database = current_database()";

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    pub records: i64,
    pub decisions: i64,
    pub applied: i64,
    pub prepared: i64,
}

pub async fn number(options: &PgConnectOptions, sql: &str) -> i64 {
    let mut connection = options.connect().await.unwrap();
    let number = sqlx::query_scalar(AssertSqlSafe(sql.to_owned())).fetch_one(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    number
}

pub fn owners(databases: &TestDatabases) -> [PgConnectOptions; 3] {
    ALL.map(|database| databases.options(database, Role::Owner))
}

pub fn options(databases: &TestDatabases) -> StoreOptions {
    options_of(ALL.map(|database| databases.options(database, Role::App)))
}

pub fn options_of(connect: [PgConnectOptions; 3]) -> StoreOptions {
    let keyring = Arc::new(Keyring::new(MasterKey::generate().unwrap()));
    let pool = Pool { max_connections: 8, ..Pool::default() };
    StoreOptions { pools: [pool; 3], ..StoreOptions::new(connect, InstanceId::generate(), keyring) }
}

pub fn context() -> Context {
    Context {
        caller: Caller {
            account: AccountId::generate(),
            tenant: Tenant::from_number(7),
            roles: Arc::new([]),
        },
        request: RequestId::generate(),
        network: None,
        clock: Arc::new(SystemClock),
    }
}

/// What the operation does after it wrote.
#[derive(Clone, Default)]
pub enum Then {
    #[default]
    Succeed,
    /// Says no.
    Refuse,
    Panic,
    /// Runs into an error of the last database and says that all is well.
    Swallow,
    /// Meets contention as many times.
    Contend(u32),
    /// Says that it came so far, then waits until it is told to go on.
    Wait(Arc<Notify>, Arc<Notify>),
}

#[derive(Clone, Default)]
pub struct Put {
    /// Where it writes.
    pub writes: Vec<Database>,
    /// What it declares beside.
    pub declares: Vec<Database>,
    pub reads: Vec<Database>,
    pub then: Then,
    pub runs: Arc<AtomicU32>,
}

impl Put {
    pub fn to(databases: &[Database]) -> Put {
        Put { writes: databases.to_vec(), ..Put::default() }
    }

    pub fn then(self, then: Then) -> Put {
        Put { then, ..self }
    }
}

#[derive(Debug, PartialEq, thiserror::Error)]
pub enum PutError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("refused")]
    Refused,
}

impl Classify for PutError {
    fn kind(&self) -> ErrorKind {
        match self {
            PutError::Store(error) => error.kind(),
            PutError::Refused => ErrorKind::Conflict,
        }
    }
}

impl Operation for Put {
    const NAME: &'static str = "test.put";
    type Output = u32;
    type Error = PutError;

    fn touches(&self) -> Touches {
        Touches::writes(&self.writes).and_writes(&self.declares).and_reads(&self.reads)
    }

    async fn run(&self, context: &Context, work: &mut dyn UnitOfWork) -> Result<u32, PutError> {
        let run = self.runs.fetch_add(1, Ordering::SeqCst) + 1;
        for database in &self.writes {
            put(context, work, *database).await?;
        }
        match &self.then {
            Then::Succeed => {}
            Then::Refuse => return Err(PutError::Refused),
            Then::Panic => panic!("as it was told"),
            Then::Swallow => {
                let mut changes = changes(work, *self.writes.last().unwrap());
                changes.created.push(changes.created[0].clone());
                let event = Event::of(context, Action::Create, Put::NAME);
                let failed = work.records(*self.writes.last().unwrap())?.write(&changes, &event).await;
                assert!(failed.is_err());
            }
            Then::Contend(times) if run <= *times => {
                return Err(StoreError::Contended { database: Database::Phi }.into());
            }
            Then::Contend(_) => {}
            Then::Wait(arrived, go_on) => {
                arrived.notify_one();
                go_on.notified().await;
            }
        }
        Ok(run)
    }
}

pub async fn put(context: &Context, work: &mut dyn UnitOfWork, database: Database) -> Result<(), StoreError> {
    let changes = changes(work, database);
    let event = Event::of(context, Action::Create, Put::NAME);
    work.records(database)?.write(&changes, &event).await
}

fn changes(work: &mut dyn UnitOfWork, database: Database) -> Changes {
    let resource_type = match database {
        Database::Auth => ResourceType::Organization,
        Database::Phi => ResourceType::Patient,
        Database::Clinical => ResourceType::Observation,
    };
    let rid = work.new_rid(database);
    let created = Prepared {
        resource_type,
        id: format!("t{}", rid.number()),
        rid,
        version: 1,
        last_updated: chrono::Utc::now(),
        patient: None,
        deleted: false,
        index: PreparedIndex::default(),
        sealed: vec![1, 2, 3],
    };
    Changes { created: vec![created], ..Changes::default() }
}

/// Waits until this is so; fails after ten seconds.
pub async fn until(what: &str, mut so: impl AsyncFnMut() -> bool) {
    let began = std::time::Instant::now();
    while !so().await {
        assert!(began.elapsed() < Duration::from_secs(10), "not so after ten seconds: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
