//! What the databases told about the installation that they belong to.

use std::sync::{Mutex, PoisonError};

use coordinator::{Identity, PairId};
use kernel::Database;
use uuid::Uuid;

use crate::refusal::Refusal;

/// The installation, as the first database that answered told it. All others must agree.
#[derive(Debug, Default)]
pub(crate) struct Installation {
    agreed: Mutex<Option<(Uuid, i64)>>,
    /// The system identifiers of the servers that they lie on.
    servers: Mutex<[Option<String>; 3]>,
}

impl Installation {
    /// What gids are made of; none before any database answered.
    pub(crate) fn identity(&self) -> Option<Identity> {
        let (pair, epoch) = (*self.agreed.lock().unwrap_or_else(PoisonError::into_inner))?;
        Some(Identity { pair: PairId::of(pair), epoch: u64::try_from(epoch).ok()? })
    }

    /// Notes the server that a database lies on; whether another of the three lies there too.
    pub(crate) fn shares(&self, database: Database, server: &str) -> bool {
        let mut servers = self.servers.lock().unwrap_or_else(PoisonError::into_inner);
        servers[database.index()] = Some(server.to_owned());
        let others = Database::ALL.into_iter().filter(|other| *other != database);
        others.into_iter().any(|other| servers[other.index()].as_deref() == Some(server))
    }

    pub(crate) fn agree(&self, database: Database, pair: Uuid, epoch: i64) -> Result<(), Refusal> {
        let mut agreed = self.agreed.lock().unwrap_or_else(PoisonError::into_inner);
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

    #[test]
    fn two_databases_on_one_server_are_noticed_and_one_that_is_asked_again_is_not() {
        let installation = Installation::default();
        assert!(!installation.shares(Database::Auth, "7001"));
        assert!(!installation.shares(Database::Auth, "7001"));
        assert!(!installation.shares(Database::Phi, "7002"));
        assert!(installation.shares(Database::Clinical, "7001"));
    }
}
