//! Who decides and who takes part.

use kernel::Database;

/// Databases that take part in a transaction beside its decider; at most two.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Participants([bool; 3]);

impl Participants {
    /// Exactly these.
    pub fn of(databases: impl IntoIterator<Item = Database>) -> Participants {
        let mut participants = Participants::default();
        for database in databases {
            participants.0[database.index()] = true;
        }
        participants
    }

    /// What a tombstone names: whoever could have taken part, since a gid does not say who else did.
    pub fn all_but(decider: Database) -> Participants {
        Participants::of(Database::ALL.into_iter().filter(|database| *database != decider))
    }

    /// Whether this database is one of them.
    pub fn contains(self, database: Database) -> bool {
        self.0[database.index()]
    }

    /// In lock order.
    pub fn iter(self) -> impl Iterator<Item = Database> {
        Database::ALL.into_iter().filter(move |database| self.contains(*database))
    }

    /// Whether there are none.
    pub fn is_empty(self) -> bool {
        self.0 == [false; 3]
    }

    /// These and those.
    pub fn with(self, others: Participants) -> Participants {
        Participants::of(self.iter().chain(others.iter()))
    }
}

/// How a transaction ends, from what its databases did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plan {
    /// Nobody wrote or holds a guard: roll everything back.
    Nothing,
    /// One database did: a plain COMMIT there, then the readers are let go. No decision row, no PREPARE.
    Plain {
        /// The one that wrote.
        database: Database,
    },
    /// Two or three did: the paired commit.
    Paired {
        /// Whose COMMIT decides.
        decider: Database,
        /// Who prepares.
        participants: Participants,
    },
}

impl Plan {
    /// Chooses from the databases that wrote or hold a guard lock. The decider is the first writer in lock
    /// order, unless the operation prefers another of its writers; a preference for a database that did not
    /// write is ignored. The order of `engaged` does not matter.
    pub fn choose(engaged: &[Database], preferred: Option<Database>) -> Plan {
        let first = engaged.iter().min().copied();
        let Some(decider) = preferred.filter(|database| engaged.contains(database)).or(first) else {
            return Plan::Nothing;
        };
        let participants = Participants::of(engaged.iter().copied().filter(|database| *database != decider));
        if participants.is_empty() {
            Plan::Plain { database: decider }
        } else {
            Plan::Paired { decider, participants }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Database::{Auth, Clinical, Phi};

    #[test]
    fn one_writer_pays_for_no_protocol() {
        assert_eq!(Plan::choose(&[], Some(Phi)), Plan::Nothing);
        assert_eq!(Plan::choose(&[Clinical], None), Plan::Plain { database: Clinical });
        assert_eq!(Plan::choose(&[Clinical], Some(Auth)), Plan::Plain { database: Clinical });
    }

    #[test]
    fn the_first_writer_in_lock_order_decides_unless_another_is_preferred() {
        let participants = Participants::of([Clinical]);
        assert_eq!(Plan::choose(&[Clinical, Phi], None), Plan::Paired { decider: Phi, participants });
        assert_eq!(Plan::choose(&[Phi, Clinical], Some(Auth)), Plan::Paired { decider: Phi, participants });
        let participants = Participants::of([Auth, Phi]);
        assert_eq!(
            Plan::choose(&[Auth, Phi, Clinical], Some(Clinical)),
            Plan::Paired { decider: Clinical, participants }
        );
    }

    #[test]
    fn a_tombstone_names_everyone_but_the_decider() {
        assert_eq!(Participants::all_but(Phi).iter().collect::<Vec<_>>(), [Auth, Clinical]);
    }
}
