//! A small world of one decider and two participants, in which every reply may be lost, every session may
//! die, a PREPARE or COMMIT may take effect late, and any number of recoverers run beside the coordinator.
//! Whatever the order, nothing is finished against the decision, and in the end all databases agree.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::collections::VecDeque;

use coordinator::commit::{self, Answer, Outcome};
use coordinator::resolve::{self, Fence, Settlement};
use coordinator::{Commit, Failure, Gid, Identity, PairId, Participants, Resolve, SqlState, Verdict};
use kernel::{Database, TransactionId};
use proptest::prelude::*;
use uuid::Uuid;

const DECIDER: Database = Database::Phi;

/// The key of the decision row in the decider.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Row {
    Absent,
    /// In the coordinator's open transaction.
    Open,
    /// COMMIT was received and has not reached the disk: invisible, but it will commit, and the key is held.
    Flushing,
    Committed(Verdict),
}

/// A participant's half.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Branch {
    Open,
    /// PREPARE was received and takes effect later, whether or not its session lives.
    Preparing,
    Prepared,
    Committed,
    RolledBack,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Fault {
    None,
    LostBefore,
    LostAfter,
    Late,
    Refused,
}

struct World {
    row: Row,
    branches: [Branch; 3],
}

fn refused(state: &str) -> Answer {
    Answer::Failed(Failure::Refused(SqlState::parse(state).unwrap()))
}

const LOST: Answer = Answer::Failed(Failure::Lost);

impl World {
    fn branch(&mut self, database: Database) -> &mut Branch {
        &mut self.branches[database.index()]
    }

    /// What was on its way arrives.
    fn arrive(&mut self) {
        if self.row == Row::Flushing {
            self.row = Row::Committed(Verdict::Commit);
        }
        for branch in &mut self.branches {
            if *branch == Branch::Preparing {
                *branch = Branch::Prepared;
            }
        }
    }

    /// The coordinator's sessions end.
    fn crash(&mut self) {
        if self.row == Row::Open {
            self.row = Row::Absent;
        }
        for branch in &mut self.branches {
            if *branch == Branch::Open {
                *branch = Branch::RolledBack;
            }
        }
    }

    fn finish_prepared(&mut self, gid: Gid, to: Branch) -> Answer {
        let branch = self.branch(gid.participant);
        if *branch != Branch::Prepared {
            return refused("42704");
        }
        *branch = to;
        Answer::Done
    }

    fn commit_prepared(&mut self, gid: Gid) -> Answer {
        assert_eq!(self.row, Row::Committed(Verdict::Commit), "COMMIT PREPARED without a committed commit");
        self.finish_prepared(gid, Branch::Committed)
    }

    fn applied(&mut self, gid: Gid) -> Answer {
        Answer::Applied(*self.branch(gid.participant) == Branch::Committed)
    }

    /// A command of the coordinator.
    fn coordinate(&mut self, command: commit::Command, fault: Fault) -> Answer {
        use commit::Command as C;
        // A session whose socket failed takes its open transaction with it.
        let session = match command {
            C::Decide | C::CommitDecider | C::RollbackDecider => Some(DECIDER),
            C::Mark(database) | C::RollbackWork(database) => Some(database),
            C::Prepare(gid) => Some(gid.participant),
            C::RollbackPrepared(_) | C::CommitPrepared(_) | C::CheckApplied(_) => None,
        };
        if fault == Fault::LostBefore {
            match session {
                Some(DECIDER) if self.row == Row::Open => self.row = Row::Absent,
                Some(DECIDER) | None => {}
                Some(other) if *self.branch(other) == Branch::Open => {
                    *self.branch(other) = Branch::RolledBack
                }
                Some(_) => {}
            }
            return LOST;
        }
        let answer = match command {
            C::Decide => match (self.row, fault) {
                (_, Fault::Refused) => refused("53100"),
                (Row::Absent, _) => {
                    self.row = Row::Open;
                    Answer::Done
                }
                _ => refused("23505"),
            },
            C::Mark(database) => match (*self.branch(database), fault) {
                (_, Fault::Refused) => refused("23505"),
                (Branch::Open, _) => Answer::Done,
                _ => LOST,
            },
            C::Prepare(gid) => match (*self.branch(gid.participant), fault) {
                (Branch::Open, Fault::Refused) => {
                    *self.branch(gid.participant) = Branch::RolledBack;
                    refused("53200")
                }
                (Branch::Open, Fault::Late) => {
                    *self.branch(gid.participant) = Branch::Preparing;
                    LOST
                }
                (Branch::Open, _) => {
                    *self.branch(gid.participant) = Branch::Prepared;
                    Answer::Done
                }
                _ => LOST,
            },
            C::CommitDecider => match (self.row, fault) {
                (Row::Open, Fault::Refused) => {
                    self.row = Row::Absent;
                    refused("40001")
                }
                (Row::Open, Fault::Late) => {
                    self.row = Row::Flushing;
                    LOST
                }
                (Row::Open, _) => {
                    self.row = Row::Committed(Verdict::Commit);
                    Answer::Done
                }
                _ => LOST,
            },
            C::RollbackDecider => {
                if self.row == Row::Open {
                    self.row = Row::Absent;
                }
                Answer::Done
            }
            C::RollbackWork(database) => {
                if *self.branch(database) == Branch::Open {
                    *self.branch(database) = Branch::RolledBack;
                }
                Answer::Done
            }
            C::RollbackPrepared(gid) => {
                let never = matches!(self.row, Row::Absent | Row::Committed(Verdict::Abort));
                assert!(never, "the coordinator rolled back what may commit: {:?}", self.row);
                if fault == Fault::Refused {
                    refused("55000")
                } else {
                    self.finish_prepared(gid, Branch::RolledBack)
                }
            }
            C::CommitPrepared(gid) if fault == Fault::Refused => {
                assert_eq!(self.row, Row::Committed(Verdict::Commit));
                let _ = gid;
                refused("55000")
            }
            C::CommitPrepared(gid) => self.commit_prepared(gid),
            C::CheckApplied(gid) => self.applied(gid),
        };
        if fault == Fault::LostAfter { LOST } else { answer }
    }

    /// A command of a recoverer.
    fn recover(&mut self, command: resolve::Command, fault: Fault) -> resolve::Event {
        use resolve::Command as R;
        if command == R::Fence {
            if fault == Fault::LostBefore {
                return resolve::Event::Fenced(Fence::Unreachable);
            }
            let fence = match self.row {
                Row::Absent => {
                    self.row = Row::Committed(Verdict::Abort);
                    Fence::Tombstone
                }
                Row::Open | Row::Flushing => Fence::Alive,
                Row::Committed(Verdict::Abort) => {
                    Fence::Found { verdict: Verdict::Abort, participants: Participants::all_but(DECIDER) }
                }
                Row::Committed(Verdict::Commit) => Fence::Found {
                    verdict: Verdict::Commit,
                    participants: Participants::of([Database::Auth, Database::Clinical]),
                },
            };
            let fence = if fault == Fault::LostAfter { Fence::Unreachable } else { fence };
            return resolve::Event::Fenced(fence);
        }
        let answer = match command {
            _ if fault == Fault::LostBefore => LOST,
            R::CommitPrepared(_) | R::RollbackPrepared(_) if fault == Fault::Refused => refused("55000"),
            R::CommitPrepared(gid) => self.commit_prepared(gid),
            R::RollbackPrepared(gid) => {
                assert_eq!(
                    self.row,
                    Row::Committed(Verdict::Abort),
                    "ROLLBACK PREPARED without a committed abort"
                );
                self.finish_prepared(gid, Branch::RolledBack)
            }
            R::CheckApplied(gid) => self.applied(gid),
            R::Quarantine(gid, reason) => panic!("nothing here needs a person: {gid} {reason}"),
            R::Fence | R::MarkDone => Answer::Done,
        };
        resolve::Event::Answered(command, if fault == Fault::LostAfter { LOST } else { answer })
    }
}

/// Settles without faults until nothing is prepared.
fn settle(world: &mut World, identity: Identity, transaction: TransactionId) {
    for participant in [Database::Auth, Database::Clinical] {
        if *world.branch(participant) != Branch::Prepared {
            continue;
        }
        let mut resolve = Resolve::of(Gid { identity, decider: DECIDER, participant, transaction });
        let mut todo = VecDeque::from(resolve.start());
        while let Some(command) = todo.pop_front() {
            let event = world.recover(command, Fault::None);
            todo.extend(resolve.step(event));
        }
        assert!(matches!(resolve.settlement(), Some(Settlement::Settled { complete: true, .. })));
    }
}

fn fault(byte: u8) -> Fault {
    match byte % 12 {
        0 => Fault::LostBefore,
        1 => Fault::LostAfter,
        2 => Fault::Late,
        3 => Fault::Refused,
        _ => Fault::None,
    }
}

/// Runs one history; gives what the coordinator said, if it lived to say it, and whether the data is there.
fn run(choices: &[(u8, u8, u8)]) -> (Option<Outcome>, bool) {
    let identity = Identity { pair: PairId::of(Uuid::nil()), epoch: 1 };
    let transaction = TransactionId::from_uuid(Uuid::from_u128(7 << 76 | 1));
    let participants = Participants::of([Database::Auth, Database::Clinical]);
    let mut world = World { row: Row::Absent, branches: [Branch::Open; 3] };
    let mut commit = Commit::new(identity, transaction, DECIDER, participants);
    let mut todo = commit.start();
    let mut recoverers: Vec<(Resolve, Vec<resolve::Command>)> = Vec::new();
    let mut alive = true;
    for (actor, pick, chance) in choices.iter().copied() {
        match actor % 16 {
            0..=8 if alive && !todo.is_empty() => {
                let command = todo.swap_remove(usize::from(pick) % todo.len());
                let answer = world.coordinate(command, fault(chance));
                todo.extend(commit.step(commit::Event::Answered(command, answer)));
            }
            9 => world.arrive(),
            10 if pick % 8 == 0 => {
                alive = false;
                world.crash();
            }
            11 if pick % 8 == 0 => todo.extend(commit.step(commit::Event::Deadline)),
            12 => {
                // Recovery runs on what it sees prepared, or on request while nothing is.
                let participant = if pick % 2 == 0 { Database::Auth } else { Database::Clinical };
                if *world.branch(participant) == Branch::Prepared || chance % 4 == 0 {
                    let gid = Gid { identity, decider: DECIDER, participant, transaction };
                    let mut resolve = Resolve::of(gid);
                    let todo = resolve.start();
                    recoverers.push((resolve, todo));
                }
            }
            _ => {
                let count = recoverers.len().max(1);
                if let Some((resolve, todo)) = recoverers.get_mut(usize::from(pick) % count)
                    && !todo.is_empty()
                {
                    let command = todo.swap_remove(usize::from(chance / 16) % todo.len());
                    let event = world.recover(command, fault(chance));
                    todo.extend(resolve.step(event));
                }
            }
        }
    }
    if alive && commit.outcome().is_none() {
        alive = false;
    }
    world.arrive();
    // The end of the process, or the guards that close the sockets of a finished machine.
    world.crash();
    settle(&mut world, identity, transaction);
    let committed = world.row == Row::Committed(Verdict::Commit);
    for participant in [Database::Auth, Database::Clinical] {
        let expected = if committed { Branch::Committed } else { Branch::RolledBack };
        let found = *world.branch(participant);
        assert_eq!(found, expected, "half: the decider says {:?}", world.row);
    }
    (commit.outcome().filter(|_| alive), committed)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20_000))]

    #[test]
    fn nothing_is_finished_against_the_decision_and_all_databases_agree(
        choices in prop::collection::vec(any::<(u8, u8, u8)>(), 0..120),
    ) {
        match run(&choices) {
            (Some(Outcome::Committed | Outcome::Accepted { .. }), committed) => prop_assert!(committed),
            (Some(Outcome::Aborted { .. }), committed) => prop_assert!(!committed),
            (Some(Outcome::Unknown) | None, _) => {}
        }
    }
}

#[test]
fn an_undisturbed_history_commits() {
    let choices = [(0, 0, 4); 12];
    assert_eq!(run(&choices), (Some(Outcome::Committed), true));
}
