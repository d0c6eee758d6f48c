//! Clusters of a test's own, for tests that stop, kill and restart them.

use std::path::Path;

use cluster::{Clusters, Migrations, Role, State, StopMode};
use futures::future::try_join_all;
use kernel::Database;
use sqlx::postgres::PgConnectOptions;

use crate::place::TestFolder;

/// Three migrated clusters that one test has for itself. They end with this value, with the process, or when
/// either is killed.
#[derive(Debug)]
pub struct TestClusters {
    clusters: Clusters,
    folder: TestFolder,
}

impl TestClusters {
    /// Starts and migrates three clusters (some seconds). Panics if it cannot.
    pub async fn dedicated() -> TestClusters {
        let folder = TestFolder::create();
        let clusters = match Clusters::start(folder.options(), |_| {}).await {
            Ok(clusters) => clusters,
            Err(error) => panic!("the test clusters do not start: {}", chain(&error)),
        };
        migrate(&clusters).await;
        TestClusters { clusters, folder }
    }

    /// The clusters themselves.
    pub fn clusters(&self) -> &Clusters {
        &self.clusters
    }

    /// The private folder that holds everything of these clusters and is removed with them.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The process id of one cluster's postmaster, for tests that kill it; `None` while it does not run.
    pub fn pid(&self, database: Database) -> Option<i32> {
        match *self.clusters.state(database).borrow() {
            State::Running { pid } => Some(pid),
            State::Restarting { .. } | State::Stopped => None,
        }
    }

    /// How to log in to a database as a role.
    pub fn options(&self, database: Database, role: Role) -> PgConnectOptions {
        self.clusters.options(database, role)
    }

    /// Stops one cluster; it stays stopped until [`TestClusters::start`].
    pub async fn stop(&self, database: Database, mode: StopMode) {
        if let Err(error) = self.clusters.stop_one(database, mode).await {
            panic!("the {database} cluster does not stop: {}", chain(&error));
        }
    }

    /// Starts one cluster that was stopped, and waits until it accepts connections.
    pub async fn start(&self, database: Database) {
        if let Err(error) = self.clusters.start_one(database).await {
            panic!("the {database} cluster does not start: {}", chain(&error));
        }
    }
}

async fn migrate(clusters: &Clusters) {
    let migrations = match Migrations::embedded() {
        Ok(migrations) => migrations,
        Err(error) => panic!("the migrations cannot be used: {}", chain(&error)),
    };
    let each = Database::ALL.map(|database| {
        let (owner, migrations) = (clusters.options(database, Role::Owner), &migrations);
        async move { migrations.up(database, &owner).await }
    });
    if let Err(error) = try_join_all(each).await {
        panic!("the test clusters cannot be migrated: {}", chain(&error));
    }
}

/// An error with its causes on one line.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(&format!(": {error}"));
        cause = error.source();
    }
    text
}
