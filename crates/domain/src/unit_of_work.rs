//! The repositories of one transaction.

use kernel::{Database, Rid, TransactionId};

use crate::Stored;
use crate::store::{Accounts, Organizations, Patients, Records, Sessions, SigningKeys};

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

    /// Accounts and their places in organizations, in `auth`.
    ///
    /// # Errors
    /// [`crate::StoreError::OutsideTouches`] where the operation did not declare `auth`; so for the next three.
    fn accounts(&mut self) -> Stored<Box<dyn Accounts + '_>>;

    /// Numbers, claims and merges of patients, in `phi`.
    ///
    /// # Errors
    /// [`crate::StoreError::OutsideTouches`] where the operation did not declare `phi`.
    fn patients(&mut self) -> Stored<Box<dyn Patients + '_>>;

    /// Organizations, in `auth`.
    fn organizations(&mut self) -> Stored<Box<dyn Organizations + '_>>;

    /// Sessions, refresh tokens and failed logins, in `auth`.
    fn sessions(&mut self) -> Stored<Box<dyn Sessions + '_>>;

    /// The keys that sign tokens, in `auth`.
    fn signing_keys(&mut self) -> Stored<Box<dyn SigningKeys + '_>>;
}
