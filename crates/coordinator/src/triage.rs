//! What recovery does with a prepared transaction that it finds (PAIRED 2.5, 2.7).

use std::fmt;

use kernel::{Database, TransactionId};

use crate::{Gid, Identity};

/// Why a prepared transaction needs a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    /// Prepared in another epoch: it came back with a restored backup.
    OtherEpoch,
    /// Older than the decisions that are kept: that there is no row proves nothing.
    BelowWatermark,
    /// Prepared by another role, so that this one may not finish it.
    OtherOwner,
    /// Its gid names another participant than the database that holds it.
    OtherDatabase,
    /// The committed decision does not name this participant.
    NotNamed,
    /// The decision says commit, but the branch is neither prepared nor applied.
    LostBranch,
    /// The decision says abort, but the branch is applied.
    OrphanBranch,
    /// The server refuses to finish it for good.
    CannotFinish,
}

impl Reason {
    /// The text in `txn.quarantine.reason`.
    pub const fn name(self) -> &'static str {
        match self {
            Reason::OtherEpoch => "prepared in another epoch",
            Reason::BelowWatermark => "older than the decisions that are kept",
            Reason::OtherOwner => "prepared by another role",
            Reason::OtherDatabase => "names another database",
            Reason::NotNamed => "not named by its decision",
            Reason::LostBranch => "lost branch: decided commit, neither prepared nor applied",
            Reason::OrphanBranch => "orphan branch: decided abort, but applied",
            Reason::CannotFinish => "the server refuses to finish it",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What a prepared transaction is to us.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Triage {
    /// Somebody else's: never touched, only reported.
    Foreign,
    /// Ours: [`crate::Resolve`] it.
    Ours(Gid),
    /// Ours, but not to be settled without a person.
    Refused(Gid, Reason),
}

/// One line of `pg_prepared_xacts`, and what is needed to judge it.
#[derive(Clone, Copy, Debug)]
pub struct Sighting<'a> {
    /// The gid as the server shows it.
    pub gid: &'a str,
    /// The role that prepared it.
    pub owner: &'a str,
    /// The role that would finish it.
    pub role: &'a str,
    /// The database that holds it.
    pub here: Database,
}

impl Sighting<'_> {
    /// Judges it. `kept_since` gives a decider's `gc_watermark`, `None` where nothing was ever deleted there.
    pub fn triage(
        self,
        identity: Identity,
        kept_since: impl FnOnce(Database) -> Option<TransactionId>,
    ) -> Triage {
        let Some(gid) = Gid::parse(self.gid).filter(|gid| gid.identity.pair == identity.pair) else {
            return Triage::Foreign;
        };
        let refusal = if gid.identity.epoch != identity.epoch {
            Some(Reason::OtherEpoch)
        } else if gid.participant != self.here {
            Some(Reason::OtherDatabase)
        } else if self.owner != self.role {
            Some(Reason::OtherOwner)
        } else if kept_since(gid.decider).is_some_and(|watermark| gid.transaction < watermark) {
            Some(Reason::BelowWatermark)
        } else {
            None
        };
        match refusal {
            Some(reason) => Triage::Refused(gid, reason),
            None => Triage::Ours(gid),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::PairId;
    use uuid::Uuid;

    fn identity(epoch: u64) -> Identity {
        Identity { pair: PairId::of(Uuid::from_u128(7 << 96)), epoch }
    }

    fn gid() -> Gid {
        let transaction = TransactionId::generate();
        Gid { identity: identity(3), decider: Database::Phi, participant: Database::Clinical, transaction }
    }

    fn triage(gid: &str, owner: &str, here: Database, epoch: u64, kept: Option<TransactionId>) -> Triage {
        Sighting { gid, owner, role: "salus_app", here }.triage(identity(epoch), |_| kept)
    }

    #[test]
    fn our_own_is_settled() {
        let gid = gid();
        let older = TransactionId::from_uuid(Uuid::from_u128(gid.transaction.uuid().as_u128() - 1));
        let text = gid.to_string();
        for kept in [None, Some(older), Some(gid.transaction)] {
            assert_eq!(triage(&text, "salus_app", Database::Clinical, 3, kept), Triage::Ours(gid));
        }
    }

    #[test]
    fn a_strangers_is_never_touched() {
        let other_pair = gid().to_string().replace("00000007", "00000008");
        for text in ["pgbouncer-1", "salus1.", &other_pair] {
            assert_eq!(triage(text, "salus_app", Database::Clinical, 3, None), Triage::Foreign);
        }
    }

    #[test]
    fn what_cannot_be_proven_is_refused_with_its_reason() {
        let gid = gid();
        let text = gid.to_string();
        let newer = TransactionId::from_uuid(Uuid::from_u128(gid.transaction.uuid().as_u128() + 1));
        let clinical = Database::Clinical;
        let cases = [
            (triage(&text, "salus_app", clinical, 4, None), Reason::OtherEpoch),
            (triage(&text, "salus_app", Database::Auth, 3, None), Reason::OtherDatabase),
            (triage(&text, "postgres", clinical, 3, None), Reason::OtherOwner),
            (triage(&text, "salus_app", clinical, 3, Some(newer)), Reason::BelowWatermark),
        ];
        for (found, reason) in cases {
            assert_eq!(found, Triage::Refused(gid, reason));
        }
    }
}
