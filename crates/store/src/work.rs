//! The unit of work: the repositories of one transaction over the declared databases.

use std::sync::Arc;

use db_auth::{PgAccounts, PgOrganizations, PgSessions, PgSigningKeys};
use db_phi::PgPatients;
use db_record::PgRecords;
use domain::store::{Accounts, Organizations, Patients, Records, Sessions, SigningKeys};
use domain::{Context, StoreError, Stored, Touches, UnitOfWork};
use kernel::{Clock, Database, Rid, RidSource, Tenant, TransactionId};
use seal::Keyring;

use crate::begin::Branch;
use crate::measure::Handed;
use crate::open::Inner;

/// One attempt at an operation.
pub(crate) struct Work {
    transaction: TransactionId,
    tenant: Tenant,
    clock: Arc<dyn Clock>,
    keyring: Arc<Keyring>,
    rids: Arc<RidSource>,
    branches: [Option<Branch>; 3],
    handed: Handed,
}

impl Work {
    /// Opens a transaction in every touched database, in lock order.
    pub(crate) async fn open(
        inner: &Inner,
        context: &Context,
        touches: Touches,
        is_bulk: bool,
        handed: Handed,
    ) -> Stored<Work> {
        let writes = touches.databases().any(|database| touches.writes_to(database));
        let rids = match inner.slot.source() {
            Some(rids) => Arc::clone(rids),
            None if writes => return Err(StoreError::Unavailable { database: Database::Auth }),
            // Nothing that it names can be written: the transactions are read-only.
            None => Arc::new(RidSource::new(0, 0)),
        };
        let mut work = Work {
            transaction: TransactionId::generate(),
            tenant: context.tenant(),
            // The lease's clock and not the request's: what the lease promises is said in its time.
            clock: Arc::clone(&inner.options.clock),
            keyring: Arc::clone(&inner.options.keyring),
            rids,
            branches: [None, None, None],
            handed,
        };
        for database in touches.databases() {
            let home = &inner.homes[database.index()];
            let writes = touches.writes_to(database);
            let opened = Branch::open(home, work.tenant, writes, is_bulk, &inner.measures).await;
            match opened {
                Ok(branch) => work.branches[database.index()] = Some(branch),
                Err(error) => {
                    work.roll_back().await;
                    return Err(error);
                }
            }
        }
        Ok(work)
    }

    /// Rolls everything back, side by side.
    pub(crate) async fn roll_back(self) {
        let open = self.branches.into_iter().flatten();
        futures::future::join_all(open.map(Branch::roll_back)).await;
    }

    /// The one way to a transaction for repositories: what they are then waited for counts as this database's.
    fn branch(&mut self, database: Database) -> Stored<&mut Branch> {
        self.handed.turn_to(database);
        self.branches[database.index()].as_mut().ok_or(StoreError::OutsideTouches { database })
    }

    /// What is left when the operation is done: the open transactions.
    pub(crate) fn into_branches(self) -> (TransactionId, [Option<Branch>; 3]) {
        (self.transaction, self.branches)
    }
}

impl UnitOfWork for Work {
    fn transaction(&self) -> TransactionId {
        self.transaction
    }

    fn new_rid(&self, database: Database) -> Rid {
        self.rids.next(database, self.clock.now())
    }

    fn records(&mut self, database: Database) -> Stored<Box<dyn Records + '_>> {
        let (transaction, tenant, keyring) = (self.transaction, self.tenant, Arc::clone(&self.keyring));
        let branch = self.branch(database)?;
        Ok(records(transaction, tenant, &keyring, branch))
    }

    fn every_records(&mut self) -> Vec<(Database, Box<dyn Records + '_>)> {
        let Work { transaction, tenant, keyring, branches, handed, .. } = self;
        handed.turn_to_all(branches.each_ref().map(Option::is_some));
        let open = branches.iter_mut().flatten();
        open.map(|branch| (branch.database(), records(*transaction, *tenant, keyring, branch))).collect()
    }

    fn accounts(&mut self) -> Stored<Box<dyn Accounts + '_>> {
        Ok(Box::new(PgAccounts::new(&mut self.branch(Database::Auth)?.connection)))
    }

    fn patients(&mut self) -> Stored<Box<dyn Patients + '_>> {
        let database = Database::Phi;
        let keys = self.keyring.tenant(database, self.tenant);
        let tenant = self.tenant;
        Ok(Box::new(PgPatients::new(&mut self.branch(database)?.connection, tenant, keys)))
    }

    fn organizations(&mut self) -> Stored<Box<dyn Organizations + '_>> {
        Ok(Box::new(PgOrganizations::new(&mut self.branch(Database::Auth)?.connection)))
    }

    fn sessions(&mut self) -> Stored<Box<dyn Sessions + '_>> {
        Ok(Box::new(PgSessions::new(&mut self.branch(Database::Auth)?.connection)))
    }

    fn signing_keys(&mut self) -> Stored<Box<dyn SigningKeys + '_>> {
        Ok(Box::new(PgSigningKeys::new(&mut self.branch(Database::Auth)?.connection)))
    }
}

fn records<'w>(
    transaction: TransactionId,
    tenant: Tenant,
    keyring: &Keyring,
    branch: &'w mut Branch,
) -> Box<dyn Records + 'w> {
    let database = branch.database();
    let keys = keyring.tenant(database, tenant);
    let Branch { connection, guarded, .. } = branch;
    Box::new(PgRecords::new(connection, database, tenant, transaction, keys, guarded))
}
