//! `resolve(gtx)`: the only code that settles a transaction whose outcome is unknown (PAIRED 2.4).
//!
//! Every command is performed on a connection of its own, in autocommit and READ COMMITTED. Nothing here asks
//! for the time: a transaction is presumed aborted because its tombstone is committed, never because it is
//! old.

use kernel::{Database, TransactionId};

use crate::commit::Answer;
use crate::failure::FinishFailure;
use crate::triage::Reason;
use crate::{Gid, Identity, Participants, Verdict};

/// What the machine wants done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Command {
    /// F13. In the decider, with a short lock timeout: insert the tombstone `on conflict do nothing`; where
    /// it reports no row, read the row that is there in a second statement.
    Fence,
    /// F14. The decision is known to be committed.
    CommitPrepared(Gid),
    /// F14. A tombstone is known to be committed.
    RollbackPrepared(Gid),
    /// F15. Look for the `applied` row, since the prepared transaction is not there.
    CheckApplied(Gid),
    /// Write the gid down for a person to look at.
    Quarantine(Gid, Reason),
    /// F16. In the decider: set `done_at`.
    MarkDone,
}

/// What the fence found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fence {
    /// The tombstone is committed: a late coordinator fails on its key.
    Tombstone,
    /// A row is there and committed.
    Found {
        /// What it says.
        verdict: Verdict,
        /// Whom it names.
        participants: Participants,
    },
    /// The insert waited for an open transaction (55P03): the coordinator lives.
    Alive,
    /// The decider does not answer, or answered with anything else.
    Unreachable,
}

/// What happens to the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Event {
    /// The answer to [`Command::Fence`].
    Fenced(Fence),
    /// The answer to any other command.
    Answered(Command, Answer),
}

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Settlement {
    /// The verdict is known for good.
    Settled {
        /// It.
        verdict: Verdict,
        /// Whether every participant is known to follow it. Otherwise a later pass goes on.
        complete: bool,
    },
    /// Its coordinator is at work: leave it alone.
    Alive,
    /// The decider cannot be asked: do nothing, however long it takes.
    Unreachable,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum State {
    Fencing,
    Settling(Verdict),
    Closing(Verdict),
    Finished(Settlement),
}

/// The settlement of one transaction.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Resolve {
    identity: Identity,
    transaction: TransactionId,
    decider: Database,
    seen: Participants,
    state: State,
    pending: Vec<Command>,
    complete: bool,
}

impl Resolve {
    /// A settlement of this transaction; `seen` are the participants where it was seen prepared, or may be.
    pub fn new(
        identity: Identity,
        transaction: TransactionId,
        decider: Database,
        seen: Participants,
    ) -> Resolve {
        let state = State::Fencing;
        Resolve { identity, transaction, decider, seen, state, pending: Vec::new(), complete: true }
    }

    /// Of a gid that was found prepared.
    pub fn of(gid: Gid) -> Resolve {
        Resolve::new(gid.identity, gid.transaction, gid.decider, Participants::of([gid.participant]))
    }

    /// The first command.
    pub fn start(&mut self) -> Vec<Command> {
        self.give(vec![Command::Fence])
    }

    /// Takes an event, gives the commands that follow from it. An event that answers nothing that was asked
    /// changes nothing.
    pub fn step(&mut self, event: Event) -> Vec<Command> {
        let (command, answer) = match event {
            Event::Fenced(_) => (Command::Fence, Answer::Done),
            Event::Answered(command, answer) => (command, answer),
        };
        let Some(at) = self.pending.iter().position(|pending| *pending == command) else {
            return Vec::new();
        };
        match (self.state, event) {
            (State::Fencing, Event::Fenced(fence)) => {
                self.pending.swap_remove(at);
                self.fenced(fence)
            }
            (State::Fencing, Event::Answered(..)) | (State::Finished(_), _) => Vec::new(),
            (State::Settling(verdict), _) => {
                self.pending.swap_remove(at);
                self.settling(verdict, command, answer)
            }
            (State::Closing(verdict), _) => {
                self.pending.swap_remove(at);
                let complete = !matches!(answer, Answer::Failed(_));
                self.finish(Settlement::Settled { verdict, complete })
            }
        }
    }

    /// How it ended, once it has.
    pub fn settlement(&self) -> Option<Settlement> {
        match self.state {
            State::Finished(settlement) => Some(settlement),
            State::Fencing | State::Settling(_) | State::Closing(_) => None,
        }
    }

    /// The transaction.
    pub fn transaction(&self) -> TransactionId {
        self.transaction
    }

    /// Where its decision is.
    pub fn decider(&self) -> Database {
        self.decider
    }

    fn fenced(&mut self, fence: Fence) -> Vec<Command> {
        let (verdict, named) = match fence {
            Fence::Alive => return self.finish(Settlement::Alive),
            Fence::Unreachable => return self.finish(Settlement::Unreachable),
            Fence::Tombstone => (Verdict::Abort, Participants::all_but(self.decider)),
            Fence::Found { verdict, participants } => (verdict, participants),
        };
        self.state = State::Settling(verdict);
        let Resolve { identity, transaction, decider, .. } = *self;
        let commands =
            named.with(self.seen).iter().filter(|database| *database != decider).map(|participant| {
                let gid = Gid { identity, decider, participant, transaction };
                match verdict {
                    Verdict::Abort => Command::RollbackPrepared(gid),
                    Verdict::Commit if named.contains(participant) => Command::CommitPrepared(gid),
                    Verdict::Commit => Command::Quarantine(gid, Reason::NotNamed),
                }
            });
        let commands = commands.collect();
        let given = self.give(commands);
        if given.is_empty() { self.close(verdict) } else { given }
    }

    fn settling(&mut self, verdict: Verdict, command: Command, answer: Answer) -> Vec<Command> {
        let more = match (command, answer) {
            (Command::CommitPrepared(gid) | Command::RollbackPrepared(gid), Answer::Failed(failure)) => {
                match failure.of_finish() {
                    FinishFailure::Gone => vec![Command::CheckApplied(gid)],
                    FinishFailure::Impossible => vec![Command::Quarantine(gid, Reason::CannotFinish)],
                    FinishFailure::Retry => {
                        self.complete = false;
                        Vec::new()
                    }
                }
            }
            (Command::CheckApplied(gid), Answer::Applied(applied)) => match (verdict, applied) {
                (Verdict::Commit, true) | (Verdict::Abort, false) => Vec::new(),
                (Verdict::Commit, false) => vec![Command::Quarantine(gid, Reason::LostBranch)],
                (Verdict::Abort, true) => vec![Command::Quarantine(gid, Reason::OrphanBranch)],
            },
            (Command::Quarantine(..), _) | (_, Answer::Failed(_)) => {
                self.complete = false;
                Vec::new()
            }
            (_, Answer::Done | Answer::Applied(_)) => Vec::new(),
        };
        let given = self.give(more);
        if given.is_empty() && self.pending.is_empty() { self.close(verdict) } else { given }
    }

    fn close(&mut self, verdict: Verdict) -> Vec<Command> {
        if !self.complete {
            return self.finish(Settlement::Settled { verdict, complete: false });
        }
        self.state = State::Closing(verdict);
        self.give(vec![Command::MarkDone])
    }

    fn give(&mut self, commands: Vec<Command>) -> Vec<Command> {
        self.pending.extend(&commands);
        commands
    }

    fn finish(&mut self, settlement: Settlement) -> Vec<Command> {
        self.state = State::Finished(settlement);
        self.pending.clear();
        Vec::new()
    }
}

#[cfg(test)]
mod tests;
