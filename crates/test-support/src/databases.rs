//! Three fresh, migrated databases for one test.
//!
//! One set of three clusters serves all tests of a process; it is started by the first that asks. Each test
//! gets its own copy of the three migrated databases, made by `create database ... template`.

use std::sync::OnceLock;

use cluster::{Login, Role, prepare_database};
use futures::future::try_join_all;
use kernel::Database;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, PgConnection, PgPool, raw_sql};
use tokio::runtime::Runtime;
use tokio::sync::OnceCell;
use uuid::Uuid;

use crate::clusters::{TestClusters, chain};

/// The clusters of this process.
static SHARED: OnceCell<TestClusters> = OnceCell::const_new();

/// Three databases that one test has for itself. They are dropped with this value, so keep it as long as
/// their connections.
#[derive(Debug)]
pub struct TestDatabases {
    suffix: String,
    clusters: &'static TestClusters,
}

impl TestDatabases {
    /// Three fresh, migrated databases. The first call of a process takes some seconds, the others a fraction
    /// of one. Panics if they cannot be had.
    pub async fn fresh() -> TestDatabases {
        // A test's runtime ends with the test, but the clusters' supervision must not.
        let ready = runtime().spawn(SHARED.get_or_init(TestClusters::dedicated)).await;
        let clusters = match ready {
            Ok(clusters) => clusters,
            Err(failure) => std::panic::resume_unwind(failure.into_panic()),
        };
        let databases = TestDatabases { suffix: Uuid::new_v4().simple().to_string(), clusters };
        let made = try_join_all(Database::ALL.map(|database| databases.create(database))).await;
        if let Err(error) = made {
            panic!("fresh databases cannot be made: {}", chain(&*error));
        }
        databases
    }

    /// How to log in to one of these databases as a role.
    pub fn options(&self, database: Database, role: Role) -> PgConnectOptions {
        self.clusters.clusters().options_for(database, role, &self.name(database))
    }

    /// The same, for programs other than the driver too.
    pub fn login(&self, database: Database, role: Role) -> Login {
        Login { database: self.name(database), ..self.clusters.clusters().login(database, role) }
    }

    /// One connection. Panics if it is refused.
    pub async fn connect(&self, database: Database, role: Role) -> PgConnection {
        match self.options(database, role).connect().await {
            Ok(connection) => connection,
            Err(error) => panic!("{} refuses {role:?}: {}", self.name(database), chain(&error)),
        }
    }

    /// A pool of at most four connections, opened as they are needed.
    pub fn pool(&self, database: Database, role: Role) -> PgPool {
        PgPoolOptions::new().max_connections(4).connect_lazy_with(self.options(database, role))
    }

    /// The name of one of these databases in its cluster.
    pub fn name(&self, database: Database) -> String {
        format!("{database}_{}", self.suffix)
    }

    async fn create(&self, database: Database) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        let clusters = self.clusters.clusters();
        let mut connection = clusters.options_for(database, Role::Superuser, "postgres").connect().await?;
        let name = self.name(database);
        let create = format!("create database {name} template {database} owner salus_owner");
        raw_sql(AssertSqlSafe(create)).execute(&mut connection).await?;
        connection.close().await?;
        prepare_database(database, &self.options(database, Role::Superuser)).await?;
        Ok(())
    }
}

impl Drop for TestDatabases {
    /// Gives the disk back. A database that cannot be dropped (it holds a prepared transaction, its cluster
    /// is down) goes with the clusters.
    fn drop(&mut self) {
        for database in Database::ALL {
            let options = self.clusters.clusters().options_for(database, Role::Superuser, "postgres");
            let name = self.name(database);
            runtime().spawn(async move {
                let mut connection = options.connect().await.ok()?;
                let drop = format!("drop database if exists {name} with (force)");
                raw_sql(AssertSqlSafe(drop)).execute(&mut connection).await.ok()
            });
        }
    }
}

/// The runtime that everything shared lives on, for as long as the process.
fn runtime() -> &'static Runtime {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    RUNTIME.get_or_init(|| {
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        match builder.worker_threads(2).thread_name("test-clusters").enable_all().build() {
            Ok(runtime) => runtime,
            Err(error) => panic!("no runtime for the test clusters: {error}"),
        }
    })
}
