//! First contact with a database: is it the one that it should be, and may work be entrusted to it?

use std::sync::{Mutex, PoisonError};

use coordinator::{Identity, PairId};
use kernel::Database;
use sqlx::{PgConnection, Row};
use uuid::Uuid;

/// Prepared transactions that must fit beside those of the permits, for what waits for recovery.
const RESERVE: i64 = 8;

/// Why a database that answers is not used. One clear line each.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The schema of the paired commit or its identity row is missing.
    #[error("{0} has no identity: run the migrations")]
    NoIdentity(Database),
    /// Another of the three databases answered under this one's address.
    #[error("the database configured as {expected} says that it is {found}")]
    WrongDatabase {
        /// What it should be.
        expected: Database,
        /// The code in `txn.identity`.
        found: String,
    },
    /// It belongs to another installation than the others.
    #[error("{0} belongs to another installation than the other databases")]
    OtherPair(Database),
    /// It was restored without the others.
    #[error("{database} is in epoch {found}, the other databases in epoch {expected}")]
    OtherEpoch {
        /// Which.
        database: Database,
        /// The epoch of the others.
        expected: i64,
        /// Its epoch.
        found: i64,
    },
    /// Its data came from another server, by a dump: prepared transactions did not come along.
    #[error("{0} was moved to another server: its identity must be renewed")]
    OtherServer(Database),
    /// It is a standby.
    #[error("{0} is in recovery: paired commits need its primary")]
    Standby(Database),
    /// A commit would not survive a crash.
    #[error("{0} runs with fsync or full_page_writes off")]
    NotDurable(Database),
    /// Too few prepared transactions are allowed.
    #[error("{database} has max_prepared_transactions = {found}; at least {needed} are needed")]
    TooFewSlots {
        /// Which.
        database: Database,
        /// What is set.
        found: i64,
        /// What the permits and the reserve need.
        needed: i64,
    },
    /// The login may do what the server's login must not.
    #[error("the login {role} of {database} is a superuser or bypasses row security")]
    TooPowerful {
        /// Which.
        database: Database,
        /// The role.
        role: String,
    },
}

/// The installation, as the first database that answered told it. All others must agree.
#[derive(Debug, Default)]
pub(crate) struct Installation(Mutex<Option<(Uuid, i64)>>);

impl Installation {
    /// What gids are made of; none before any database answered.
    pub(crate) fn identity(&self) -> Option<Identity> {
        let (pair, epoch) = (*self.0.lock().unwrap_or_else(PoisonError::into_inner))?;
        Some(Identity { pair: PairId::of(pair), epoch: u64::try_from(epoch).ok()? })
    }

    fn agree(&self, database: Database, pair: Uuid, epoch: i64) -> Result<(), Refusal> {
        let mut agreed = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (expected_pair, expected) = *agreed.get_or_insert((pair, epoch));
        if pair != expected_pair {
            Err(Refusal::OtherPair(database))
        } else if epoch != expected {
            Err(Refusal::OtherEpoch { database, expected, found: epoch })
        } else {
            Ok(())
        }
    }
}

/// What is asked of each database.
pub(crate) struct Demands {
    pub(crate) paired_permits: u32,
    pub(crate) durable: bool,
}

/// Looks at the database at the other end. The outer error is silence, the inner one a refusal.
pub(crate) async fn inspect(
    connection: &mut PgConnection,
    database: Database,
    demands: &Demands,
    installation: &Installation,
) -> Result<Result<(), Refusal>, sqlx::Error> {
    let asked = sqlx::query(
        "select i.pair_id, i.db_code::text as db_code, i.system_identifier, i.epoch,
            (select s.system_identifier::text from pg_control_system() s) as server,
            pg_is_in_recovery() as standby,
            current_setting('max_prepared_transactions')::bigint as slots,
            current_setting('fsync')::boolean and current_setting('full_page_writes')::boolean as durable,
            r.rolname::text as role, r.rolsuper or r.rolbypassrls as powerful
         from txn.identity i, pg_roles r where r.rolname = current_user",
    )
    .fetch_optional(connection)
    .await;
    let row = match asked {
        Ok(Some(row)) => row,
        Ok(None) => return Ok(Err(Refusal::NoIdentity(database))),
        // The schema, the table or the right to see them is missing.
        Err(sqlx::Error::Database(said))
            if matches!(said.code().as_deref(), Some("42P01" | "3F000" | "42501")) =>
        {
            return Ok(Err(Refusal::NoIdentity(database)));
        }
        Err(error) => return Err(error),
    };
    let code: String = row.try_get("db_code")?;
    let needed = i64::from(demands.paired_permits) + RESERVE;
    let slots: i64 = row.try_get("slots")?;
    let verdict = if code != database.code().to_string() {
        Err(Refusal::WrongDatabase { expected: database, found: code })
    } else if row.try_get::<bool, _>("standby")? {
        Err(Refusal::Standby(database))
    } else if row.try_get::<String, _>("system_identifier")? != row.try_get::<String, _>("server")? {
        Err(Refusal::OtherServer(database))
    } else if demands.durable && !row.try_get::<bool, _>("durable")? {
        Err(Refusal::NotDurable(database))
    } else if slots < needed {
        Err(Refusal::TooFewSlots { database, found: slots, needed })
    } else if row.try_get("powerful")? {
        Err(Refusal::TooPowerful { database, role: row.try_get("role")? })
    } else {
        installation.agree(database, row.try_get("pair_id")?, row.try_get("epoch")?)
    };
    Ok(verdict)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_database_must_agree_with_the_first() {
        let installation = Installation::default();
        let (ours, other) = (Uuid::from_u128(1 << 96), Uuid::from_u128(2 << 96));
        assert_eq!(installation.identity(), None);
        assert_eq!(installation.agree(Database::Phi, ours, 3), Ok(()));
        assert_eq!(installation.agree(Database::Auth, ours, 3), Ok(()));
        assert_eq!(installation.agree(Database::Auth, other, 3), Err(Refusal::OtherPair(Database::Auth)));
        let refused = installation.agree(Database::Clinical, ours, 4);
        assert_eq!(refused, Err(Refusal::OtherEpoch { database: Database::Clinical, expected: 3, found: 4 }));
        let identity = installation.identity().map(|identity| identity.prefix());
        assert_eq!(identity.as_deref(), Some("salus1.00000001."));
    }
}
