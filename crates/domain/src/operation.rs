//! An operation is a value: it can be named, authorised, retried and audited.

use std::future::Future;
use std::net::IpAddr;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use kernel::{AccountId, Classify, Clock, Database, RequestId, Tenant};

use crate::{StoreError, UnitOfWork};

/// One use case that changes something, run by the store in one transaction over the databases that it touches.
///
/// `run` takes `&self`: running it twice is harmless until commit, because the store retries it when the databases
/// ask for that.
pub trait Operation: Send + Sync + 'static {
    /// `noun.verb`, such as `record.write`: the name of its span, its metrics and its audit action.
    const NAME: &'static str;
    /// What a successful run gives.
    type Output: Send + 'static;
    /// Why it fails.
    type Error: Classify + From<StoreError> + Send + 'static;

    /// The databases it touches. A method rather than a constant, because a FHIR resource's type decides where it
    /// lives: the same operation writes one database or three.
    fn touches(&self) -> Touches;

    /// Whether it is a report or works on many rows at once, and so may take the time that those are given.
    fn is_bulk(&self) -> bool {
        false
    }

    /// Does the work. Repositories of a database outside [`Operation::touches`] are refused.
    fn run(
        &self,
        context: &Context,
        work: &mut dyn UnitOfWork,
    ) -> impl Future<Output = Result<Self::Output, Self::Error>> + Send;
}

/// The databases that an operation writes or reads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Touches {
    writes: [bool; 3],
    reads: [bool; 3],
}

impl Touches {
    /// Writes these databases.
    pub const fn writes(databases: &[Database]) -> Touches {
        Touches::default_const().and_writes(databases)
    }

    /// Reads these databases and writes none.
    pub const fn reads(databases: &[Database]) -> Touches {
        Touches::default_const().and_reads(databases)
    }

    /// Also writes these.
    pub const fn and_writes(mut self, databases: &[Database]) -> Touches {
        let mut i = 0;
        while i < databases.len() {
            self.writes[databases[i].index()] = true;
            i += 1;
        }
        self
    }

    /// Also reads these.
    pub const fn and_reads(mut self, databases: &[Database]) -> Touches {
        let mut i = 0;
        while i < databases.len() {
            self.reads[databases[i].index()] = true;
            i += 1;
        }
        self
    }

    const fn default_const() -> Touches {
        Touches { writes: [false; 3], reads: [false; 3] }
    }

    /// Whether it may write there.
    pub fn writes_to(self, database: Database) -> bool {
        self.writes[database.index()]
    }

    /// Whether it may use the database at all.
    pub fn includes(self, database: Database) -> bool {
        self.writes[database.index()] || self.reads[database.index()]
    }

    /// All touched databases, in lock order.
    pub fn databases(self) -> impl Iterator<Item = Database> {
        Database::ALL.into_iter().filter(move |database| self.includes(*database))
    }
}

/// Who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The account that is logged in.
    pub account: AccountId,
    /// The organization for which it acts; from the token, never from the request.
    pub tenant: Tenant,
    /// Its roles in that organization.
    pub roles: Arc<[String]>,
}

/// What an operation knows about the request that it serves.
#[derive(Clone)]
pub struct Context {
    /// Who asks.
    pub caller: Caller,
    /// The request; every audit row carries it.
    pub request: RequestId,
    /// The address that the request came from.
    pub network: Option<IpAddr>,
    /// The source of time.
    pub clock: Arc<dyn Clock>,
}

impl Context {
    /// The present instant.
    pub fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }

    /// The organization for which the caller acts.
    pub fn tenant(&self) -> Tenant {
        self.caller.tenant
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn touched_databases_come_in_lock_order() {
        let touches = Touches::writes(&[Database::Clinical]).and_reads(&[Database::Auth]);
        assert_eq!(touches.databases().collect::<Vec<_>>(), [Database::Auth, Database::Clinical]);
        assert!(!touches.writes_to(Database::Auth) && touches.writes_to(Database::Clinical));
        assert!(!touches.includes(Database::Phi));
    }
}
