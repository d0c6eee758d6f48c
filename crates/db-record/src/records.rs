//! The repository of one database's records inside a transaction.

use std::sync::Arc;

use async_trait::async_trait;
use domain::Stored;
use domain::audit::Event;
use domain::store::{Changes, Criterion, Draft, Head, Key, Match, Opened, Prepared, Records};
use fhir::extract::Extracted;
use kernel::{Database, Rid, Tenant, TransactionId};
use seal::TenantKeys;
use sqlx::PgConnection;

use crate::{about, prepare, resolve, write};

/// [`Records`] on one connection. The connection is inside a transaction whose `app.tenant` is `tenant`.
pub struct PgRecords<'c> {
    pub(crate) connection: &'c mut PgConnection,
    pub(crate) database: Database,
    pub(crate) tenant: Tenant,
    pub(crate) transaction: TransactionId,
    pub(crate) keys: Arc<TenantKeys>,
    pub(crate) guarded: &'c mut bool,
}

impl<'c> PgRecords<'c> {
    /// The records of `database` on `connection`. `keys` are those of the same database and tenant. `guarded` is
    /// set when an advisory lock is taken: such a lock assigns no transaction id, yet must be held by all branches.
    pub fn new(
        connection: &'c mut PgConnection,
        database: Database,
        tenant: Tenant,
        transaction: TransactionId,
        keys: Arc<TenantKeys>,
        guarded: &'c mut bool,
    ) -> Self {
        PgRecords { connection, database, tenant, transaction, keys, guarded }
    }
}

#[async_trait]
impl Records for PgRecords<'_> {
    fn prepare(&self, draft: &Draft<'_>, body: &[u8], extracted: &Extracted<'_>) -> Stored<Prepared> {
        prepare::prepare(self.database, &self.keys, draft, body, extracted)
    }

    async fn guard(&mut self, criteria: &[&Criterion]) -> Stored<()> {
        resolve::guard(self, criteria).await
    }

    async fn matches(&mut self, criteria: &[&Criterion]) -> Stored<Vec<Vec<Match>>> {
        resolve::matches(self, criteria).await
    }

    async fn lock(&mut self, keys: &[Key]) -> Stored<Vec<Option<Head>>> {
        resolve::lock(self, keys).await
    }

    async fn resolve(&mut self, keys: &[Key]) -> Stored<Vec<Option<Head>>> {
        resolve::resolve(self, keys).await
    }

    async fn open(&mut self, key: &Key) -> Stored<Option<Opened>> {
        about::open(self, key).await
    }

    async fn about(&mut self, patient: Rid, most: usize) -> Stored<Vec<Opened>> {
        about::about(self, patient, most).await
    }

    async fn mark_merged(&mut self, patient: &Key, into: &str) -> Stored<()> {
        about::mark_merged(self, patient, into).await
    }

    async fn write(&mut self, changes: &Changes, event: &Event) -> Stored<()> {
        write::write(self, changes, event).await
    }
}
