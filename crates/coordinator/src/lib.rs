//! The paired commit as pure state machines: one commit over two or three databases, in all or in none of
//! them.
//!
//! Owns every decision of the protocol and performs none of it: a machine is fed [`commit::Event`]s and gives
//! back [`commit::Command`]s; `store` sends them to PostgreSQL. Depends on `kernel` alone and does no I/O, so
//! that a model checker or a simulator can step the very code that runs.
//!
//! One database is the *decider*: its ordinary COMMIT, which carries a row of `txn.decision`, is the
//! decision. The others are *participants*: they PREPARE before it and COMMIT PREPARED after it. Whoever
//! finds an outcome unknown runs [`resolve::Resolve`], whose blocking insert of an abort row (the fence)
//! either loses to the decision, waits for a coordinator that is alive, or makes it certain that the
//! coordinator can never commit.
//!
//! Read [`commit`] first, then [`resolve`], then [`triage`].

pub mod commit;
pub mod failure;
pub mod gid;
pub mod plan;
pub mod resolve;
pub mod triage;

pub use commit::Commit;
pub use failure::{Failure, SqlState};
pub use gid::{Gid, Identity, PairId};
pub use plan::{Participants, Plan};
pub use resolve::Resolve;

use std::fmt;

/// What became of a transaction, once and for all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// Its effects are in every database that it wrote.
    Commit,
    /// Its effects are in none.
    Abort,
}

impl Verdict {
    /// The text in `txn.decision.verdict`.
    pub const fn name(self) -> &'static str {
        match self {
            Verdict::Commit => "commit",
            Verdict::Abort => "abort",
        }
    }

    /// The verdict with this text.
    pub fn from_name(name: &str) -> Option<Verdict> {
        [Verdict::Commit, Verdict::Abort].into_iter().find(|verdict| verdict.name() == name)
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
