//! The repositories of one transaction.

use kernel::{Database, Rid, TransactionId};

use crate::Stored;
use crate::store::{Accounts, Patients, Records};

/// One transaction over the databases that the operation declared. Made and committed by the store alone.
pub trait UnitOfWork: Send {
    /// The transaction's identifier, known from its start: audit rows carry it.
    fn transaction(&self) -> TransactionId;

    /// A new internal identifier for a record that will live in `database`. The store leases the identifier's
    /// instance bits (`identity.instance_slot`), so that two servers never make the same one.
    fn new_rid(&self, database: Database) -> Rid;

    /// The records of one database.
    ///
    /// # Errors
    /// [`crate::StoreError::OutsideTouches`] where the operation did not declare it.
    fn records(&mut self, database: Database) -> Stored<Box<dyn Records + '_>>;

    /// The records of every declared database at once, in lock order, so that the databases can work side by side.
    fn every_records(&mut self) -> Vec<(Database, Box<dyn Records + '_>)>;

    /// Organizations, accounts and keys, in `auth`.
    ///
    /// # Errors
    /// [`crate::StoreError::OutsideTouches`] where the operation did not declare `auth`.
    fn accounts(&mut self) -> Stored<Box<dyn Accounts + '_>>;

    /// Numbers, claims and merges of patients, in `phi`.
    ///
    /// # Errors
    /// [`crate::StoreError::OutsideTouches`] where the operation did not declare `phi`.
    fn patients(&mut self) -> Stored<Box<dyn Patients + '_>>;
}
