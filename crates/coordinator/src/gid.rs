//! Names of prepared transactions.
//!
//! `salus1.<pair8>.<decider>.<participant>.<epoch>.<uuidv7>` is enough to find the decider with no other
//! state. It is put into SQL as a literal (PostgreSQL takes no parameter there), so its alphabet is
//! `[a-z0-9.-]` by construction.

use std::fmt;

use kernel::{Database, TransactionId};
use uuid::Uuid;

/// The first eight hexadecimal digits of `txn.identity.pair_id`: which installation a gid belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PairId(u32);

impl PairId {
    /// Of a whole `pair_id`.
    pub fn of(pair_id: Uuid) -> PairId {
        PairId((pair_id.as_u128() >> 96) as u32)
    }
}

impl fmt::Display for PairId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}", self.0)
    }
}

/// Which installation in which epoch: what the three databases must agree on before anything is paired.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Identity {
    /// The installation.
    pub pair: PairId,
    /// Raised after each restore.
    pub epoch: u64,
}

impl Identity {
    /// The prefix that the gids of this installation share, of whatever epoch: `salus1.<pair8>.`
    pub fn prefix(self) -> String {
        format!("salus1.{}.", self.pair)
    }
}

/// The name of one participant's prepared transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Gid {
    /// Installation and epoch in which it was prepared.
    pub identity: Identity,
    /// Where the decision is.
    pub decider: Database,
    /// Where it is prepared. Never the decider.
    pub participant: Database,
    /// The transaction.
    pub transaction: TransactionId,
}

impl Gid {
    /// The gid with this text; `None` where it is not, to the letter, one that [`Gid`] would print. Whatever
    /// else stands in `pg_prepared_xacts` belongs to somebody else.
    pub fn parse(text: &str) -> Option<Gid> {
        let mut parts = text.split('.');
        let mut next = || parts.next();
        let ("salus1", pair, decider, participant, epoch, transaction) =
            (next()?, next()?, next()?, next()?, next()?, next()?)
        else {
            return None;
        };
        let gid = Gid {
            identity: Identity {
                pair: PairId(u32::from_str_radix(pair, 16).ok()?),
                epoch: epoch.parse().ok()?,
            },
            decider: database(decider)?,
            participant: database(participant)?,
            transaction: TransactionId::from_uuid(Uuid::try_parse(transaction).ok()?),
        };
        let version_7 = gid.transaction.uuid().get_version_num() == 7;
        // Printing again refuses upper case, signs, leading zeros, braces and trailing parts in one stroke.
        (gid.decider != gid.participant && version_7 && gid.to_string() == text).then_some(gid)
    }
}

fn database(code: &str) -> Option<Database> {
    let mut characters = code.chars();
    let found = Database::from_code(characters.next()?)?;
    characters.next().is_none().then_some(found)
}

impl fmt::Display for Gid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Gid { identity, decider, participant, transaction } = self;
        let (decider, participant) = (decider.code(), participant.code());
        write!(f, "{}{decider}.{participant}.{}.{}", identity.prefix(), identity.epoch, transaction.uuid())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn sample() -> Gid {
        Gid {
            identity: Identity { pair: PairId(0xab), epoch: 12 },
            decider: Database::Phi,
            participant: Database::Clinical,
            transaction: TransactionId::generate(),
        }
    }

    #[test]
    fn a_gid_reads_back_as_itself() {
        let gid = sample();
        let text = gid.to_string();
        assert!(text.starts_with("salus1.000000ab.p.c.12."), "{text}");
        assert_eq!(Gid::parse(&text), Some(gid));
        assert!(text.len() < 200);
    }

    #[test]
    fn anything_but_the_exact_form_is_foreign() {
        let text = sample().to_string();
        let foreign = [
            text.to_uppercase(),
            text.replace("salus1", "salus2"),
            text.replace("000000ab", "ab"),
            text.replace("000000ab", "+00000ab"),
            text.replace(".12.", ".012."),
            text.replace(".12.", ".+12."),
            text.replace(".12.", ".-12."),
            text.replace(".p.c.", ".p.p."),
            text.replace(".p.c.", ".p.x."),
            text.replace(".p.c.", ".p.cc."),
            text.replace(".p.c.", ".p.."),
            format!("{text}.x"),
            format!("{text} "),
            format!(" {text}"),
            text.replace('-', ""),
            "salus1.000000ab.p.c.12.3f2504e0-4f89-41d3-9a0c-0305e82c3301".to_owned(),
            "_12_34_someone-else".to_owned(),
            String::new(),
        ];
        for gid in foreign {
            assert_eq!(Gid::parse(&gid), None, "{gid}");
        }
    }

    #[test]
    fn a_pair_is_named_by_its_first_eight_digits() {
        let pair = Uuid::from_u128(0xdead_beef_0000_0000_0000_0000_0000_0001);
        assert_eq!(PairId::of(pair).to_string(), "deadbeef");
    }

    proptest! {
        #[test]
        fn every_gid_is_read_back_and_needs_no_quoting(pair: u32, epoch: u64, at in 0..6_usize, bits: u128) {
            let pairs = [(0, 1), (0, 2), (1, 0), (1, 2), (2, 0), (2, 1)];
            let version_7 = bits & !(0xf << 76) | 7 << 76;
            let gid = Gid {
                identity: Identity { pair: PairId(pair), epoch },
                decider: Database::ALL[pairs[at].0],
                participant: Database::ALL[pairs[at].1],
                transaction: TransactionId::from_uuid(Uuid::from_u128(version_7)),
            };
            let text = gid.to_string();
            prop_assert!(text.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'-')));
            prop_assert_eq!(Gid::parse(&text), Some(gid));
        }

        #[test]
        fn no_text_is_read_as_a_gid_that_prints_otherwise(
            text in "salus1\\.[0-9a-f]{8}\\.[mpc]\\.[mpc]\\.[0-9+]{1,3}\\.[0-9a-fA-F-]{36}",
        ) {
            if let Some(gid) = Gid::parse(&text) {
                prop_assert_eq!(gid.to_string(), text);
            }
        }
    }
}
