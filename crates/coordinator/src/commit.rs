//! The coordinator of one transaction over two or three databases (PAIRED 2.2, 2.3).
//!
//! `start` and `step` give commands; each is performed on the connection that carries the transaction in that
//! database and answered by one [`Event::Answered`]. Commands given together may be performed side by side.
//! The machine never gives COMMIT PREPARED before the decider said that it committed, and never ROLLBACK
//! PREPARED after the decider's COMMIT was sent, unless that COMMIT is proven to have failed.

use kernel::{Database, TransactionId};

use crate::failure::{CommitFailure, FinishFailure};
use crate::{Failure, Gid, Identity, Participants};

/// What the machine wants done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Command {
    /// F3. In the decider's transaction: a plain insert of the decision row, which must report one row.
    Decide,
    /// F4. In the participant's transaction: insert the `applied` row and check deferred constraints.
    Mark(Database),
    /// F5. PREPARE TRANSACTION in the participant.
    Prepare(Gid),
    /// F7. COMMIT in the decider: the decision point. Refused by the server where the transaction had failed.
    CommitDecider,
    /// ROLLBACK in the decider, or the end of its socket; either is an answer.
    RollbackDecider,
    /// ROLLBACK in a participant that has not prepared, or the end of its socket.
    RollbackWork(Database),
    /// ROLLBACK PREPARED: the decider is known never to commit.
    RollbackPrepared(Gid),
    /// F9. COMMIT PREPARED: the decider is known to have committed. Given again after a failure that may
    /// pass; the one who performs it waits a little between attempts.
    CommitPrepared(Gid),
    /// Look for the `applied` row, since the prepared transaction is not there.
    CheckApplied(Gid),
}

/// What came of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Answer {
    /// It succeeded.
    Done,
    /// The answer to [`Command::CheckApplied`].
    Applied(bool),
    /// It did not succeed.
    Failed(Failure),
}

/// What happens to the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Event {
    /// A command came back.
    Answered(Command, Answer),
    /// The client has waited long enough. Only matters once the transaction is decided.
    Deadline,
}

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// Committed and visible everywhere (F11).
    Committed,
    /// Committed; recovery brings it to these participants. To be answered as accepted, never as a failure.
    Accepted {
        /// Where it is not yet visible, or not known to be.
        missing: Participants,
    },
    /// Will never be visible anywhere.
    Aborted {
        /// What failed.
        at: Command,
        /// How.
        failure: Failure,
        /// Participants that hold, or may hold, a prepared transaction which recovery must roll back.
        leftovers: Participants,
    },
    /// The decider's COMMIT was sent and its outcome is unknown: run [`crate::Resolve`].
    Unknown,
}

/// The state, with what it needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum State {
    /// F3 and F4: decision row and marks are being written.
    Writing,
    /// F5, F6: the participants are preparing.
    Preparing,
    /// F7, F8: the decider is committing.
    Deciding,
    /// F9, F10: the participants are committing what they prepared.
    Applying,
    /// Something failed before the decision: the decider is being rolled back, before anything prepared is.
    Retreating { at: Command, failure: Failure },
    /// The prepared transactions are being rolled back.
    Undoing { at: Command, failure: Failure },
    /// Nothing more will be asked.
    Finished(Outcome),
}

/// The coordinator of one transaction.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Commit {
    identity: Identity,
    transaction: TransactionId,
    decider: Database,
    participants: Participants,
    state: State,
    /// Commands that were given and not answered.
    pending: Vec<Command>,
    /// The first failure of the present phase; the phase ends when nothing is pending.
    failed: Option<(Command, Failure)>,
    /// Participants whose PREPARE succeeded.
    prepared: Participants,
    /// Participants whose PREPARE may have succeeded, or whose ROLLBACK PREPARED is not known to have.
    leftovers: Participants,
    /// Participants that committed.
    applied: Participants,
}

impl Commit {
    /// A coordinator for a transaction whose work is done in all its databases. `participants` does not hold
    /// the decider.
    pub fn new(
        identity: Identity,
        transaction: TransactionId,
        decider: Database,
        participants: Participants,
    ) -> Commit {
        Commit {
            identity,
            transaction,
            decider,
            participants,
            state: State::Writing,
            pending: Vec::new(),
            failed: None,
            prepared: Participants::default(),
            leftovers: Participants::default(),
            applied: Participants::default(),
        }
    }

    /// The first commands: the decision row and the marks, before any PREPARE. The decider's open row is from
    /// then on the proof that this coordinator lives.
    pub fn start(&mut self) -> Vec<Command> {
        let marks = self.participants.iter().map(Command::Mark);
        self.give(std::iter::once(Command::Decide).chain(marks).collect())
    }

    /// Takes an event, gives the commands that follow from it. An event that answers nothing that was asked
    /// changes nothing.
    pub fn step(&mut self, event: Event) -> Vec<Command> {
        match event {
            Event::Answered(command, answer) => {
                let Some(at) = self.pending.iter().position(|pending| *pending == command) else {
                    return Vec::new();
                };
                self.pending.swap_remove(at);
                self.answered(command, answer)
            }
            Event::Deadline => {
                if self.state == State::Applying {
                    self.finish(Outcome::Accepted { missing: self.missing() });
                }
                Vec::new()
            }
        }
    }

    /// How it ended, once it has.
    pub fn outcome(&self) -> Option<Outcome> {
        match self.state {
            State::Finished(outcome) => Some(outcome),
            State::Writing
            | State::Preparing
            | State::Deciding
            | State::Applying
            | State::Retreating { .. }
            | State::Undoing { .. } => None,
        }
    }

    /// The transaction.
    pub fn transaction(&self) -> TransactionId {
        self.transaction
    }

    /// Whose COMMIT decides.
    pub fn decider(&self) -> Database {
        self.decider
    }

    /// Who prepares.
    pub fn participants(&self) -> Participants {
        self.participants
    }

    fn answered(&mut self, command: Command, answer: Answer) -> Vec<Command> {
        match self.state {
            State::Writing => self.written(command, answer),
            State::Preparing => self.prepared(command, answer),
            State::Deciding => self.decided(command, answer),
            State::Applying => self.applying(command, answer),
            // ROLLBACK that failed is a socket that ended: COMMIT was never sent, so either is final.
            State::Retreating { at, failure } => self.undo(at, failure),
            State::Undoing { at, failure } => self.undone(at, failure, command, answer),
            State::Finished(_) => Vec::new(),
        }
    }

    fn written(&mut self, command: Command, answer: Answer) -> Vec<Command> {
        self.note_failure(command, answer);
        if !self.pending.is_empty() {
            return Vec::new();
        }
        match self.failed {
            Some((at, failure)) => self.retreat(at, failure),
            None => {
                self.state = State::Preparing;
                let gids = self.gids(self.participants);
                self.give(gids.map(Command::Prepare).collect())
            }
        }
    }

    fn prepared(&mut self, command: Command, answer: Answer) -> Vec<Command> {
        self.note_failure(command, answer);
        if let Command::Prepare(gid) = command {
            let here = Participants::of([gid.participant]);
            match answer {
                Answer::Done | Answer::Applied(_) => self.prepared = self.prepared.with(here),
                Answer::Failed(failure) if failure.may_have_prepared() => {
                    self.leftovers = self.leftovers.with(here)
                }
                Answer::Failed(_) => {}
            }
        }
        if !self.pending.is_empty() {
            return Vec::new();
        }
        match self.failed {
            Some((at, failure)) => self.retreat(at, failure),
            None => {
                self.state = State::Deciding;
                self.give(vec![Command::CommitDecider])
            }
        }
    }

    fn decided(&mut self, command: Command, answer: Answer) -> Vec<Command> {
        match answer {
            Answer::Done | Answer::Applied(_) => {
                self.state = State::Applying;
                let gids = self.gids(self.participants);
                self.give(gids.map(Command::CommitPrepared).collect())
            }
            Answer::Failed(failure) => match failure.of_commit() {
                CommitFailure::DefiniteAbort => self.undo(command, failure),
                CommitFailure::Unknown => self.finish(Outcome::Unknown),
            },
        }
    }

    fn applying(&mut self, command: Command, answer: Answer) -> Vec<Command> {
        let (Command::CommitPrepared(gid) | Command::CheckApplied(gid)) = command else {
            return Vec::new();
        };
        match answer {
            Answer::Done | Answer::Applied(true) => {
                self.applied = self.applied.with(Participants::of([gid.participant]));
                if self.missing().is_empty() {
                    return self.finish(Outcome::Committed);
                }
                self.accept_when_idle()
            }
            // Neither prepared nor applied: a branch was lost. Recovery finds the same and quarantines it.
            Answer::Applied(false) => self.accept_when_idle(),
            Answer::Failed(failure) => match failure.of_finish() {
                FinishFailure::Gone => self.give(vec![Command::CheckApplied(gid)]),
                FinishFailure::Retry => self.give(vec![command]),
                FinishFailure::Impossible => self.accept_when_idle(),
            },
        }
    }

    fn accept_when_idle(&mut self) -> Vec<Command> {
        if self.pending.is_empty() {
            self.finish(Outcome::Accepted { missing: self.missing() });
        }
        Vec::new()
    }

    /// The decider first: as long as it could commit, nothing prepared may be rolled back.
    fn retreat(&mut self, at: Command, failure: Failure) -> Vec<Command> {
        self.state = State::Retreating { at, failure };
        self.give(vec![Command::RollbackDecider])
    }

    fn undo(&mut self, at: Command, failure: Failure) -> Vec<Command> {
        self.state = State::Undoing { at, failure };
        let identity = self.identity;
        let perhaps = self.prepared.with(self.leftovers);
        let (transaction, decider) = (self.transaction, self.decider);
        let commands = self.participants.iter().map(|participant| {
            if perhaps.contains(participant) {
                Command::RollbackPrepared(Gid { identity, decider, participant, transaction })
            } else {
                Command::RollbackWork(participant)
            }
        });
        self.give(commands.collect())
    }

    fn undone(&mut self, at: Command, failure: Failure, command: Command, answer: Answer) -> Vec<Command> {
        if let Command::RollbackPrepared(gid) = command {
            let gone = match answer {
                Answer::Done | Answer::Applied(_) => true,
                // Where PREPARE was answered, "no such" means that somebody rolled it back. Where it was not,
                // the PREPARE may still be on its way.
                Answer::Failed(failure) => {
                    failure.of_finish() == FinishFailure::Gone && self.prepared.contains(gid.participant)
                }
            };
            let here = Participants::of([gid.participant]);
            self.leftovers = if gone {
                Participants::of(self.leftovers.iter().filter(|database| *database != gid.participant))
            } else {
                self.leftovers.with(here)
            };
        }
        if self.pending.is_empty() {
            self.finish(Outcome::Aborted { at, failure, leftovers: self.leftovers });
        }
        Vec::new()
    }

    fn note_failure(&mut self, command: Command, answer: Answer) {
        if let Answer::Failed(failure) = answer {
            self.failed.get_or_insert((command, failure));
        }
    }

    fn missing(&self) -> Participants {
        Participants::of(self.participants.iter().filter(|database| !self.applied.contains(*database)))
    }

    fn gids(&self, participants: Participants) -> impl Iterator<Item = Gid> + use<> {
        let Commit { identity, transaction, decider, .. } = *self;
        let all: Vec<Database> = participants.iter().collect();
        all.into_iter().map(move |participant| Gid { identity, decider, participant, transaction })
    }

    fn give(&mut self, commands: Vec<Command>) -> Vec<Command> {
        self.pending.extend(&commands);
        commands
    }

    fn finish(&mut self, outcome: Outcome) -> Vec<Command> {
        self.state = State::Finished(outcome);
        self.pending.clear();
        Vec::new()
    }
}

#[cfg(test)]
mod tests;
