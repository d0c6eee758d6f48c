use super::*;
use crate::{PairId, SqlState};
use Command::{
    CheckApplied, CommitDecider, CommitPrepared, Decide, Mark, Prepare, RollbackDecider, RollbackPrepared,
    RollbackWork,
};
use Database::{Auth, Clinical, Phi};

fn three() -> Commit {
    let identity = Identity { pair: PairId::of(uuid::Uuid::nil()), epoch: 1 };
    Commit::new(identity, TransactionId::generate(), Auth, Participants::of([Phi, Clinical]))
}

fn gid(commit: &Commit, participant: Database) -> Gid {
    let Commit { identity, decider, transaction, .. } = *commit;
    Gid { identity, decider, participant, transaction }
}

fn refused(state: &str) -> Answer {
    Answer::Failed(Failure::Refused(SqlState::parse(state).unwrap()))
}

const LOST: Answer = Answer::Failed(Failure::Lost);

fn answer(commit: &mut Commit, command: Command, answer: Answer) -> Vec<Command> {
    commit.step(Event::Answered(command, answer))
}

/// Answers each of these as done and gives what the last one led to.
fn done(commit: &mut Commit, commands: &[Command]) -> Vec<Command> {
    commands.iter().map(|command| answer(commit, *command, Answer::Done)).last().unwrap()
}

/// A coordinator whose participants have both prepared.
fn deciding() -> (Commit, Gid, Gid) {
    let mut commit = three();
    let (phi, clinical) = (gid(&commit, Phi), gid(&commit, Clinical));
    assert_eq!(commit.start(), [Decide, Mark(Phi), Mark(Clinical)]);
    assert_eq!(done(&mut commit, &[Mark(Phi), Decide, Mark(Clinical)]), [Prepare(phi), Prepare(clinical)]);
    assert_eq!(done(&mut commit, &[Prepare(clinical), Prepare(phi)]), [CommitDecider]);
    (commit, phi, clinical)
}

/// A coordinator whose decider has committed.
fn applying() -> (Commit, Gid, Gid) {
    let (mut commit, phi, clinical) = deciding();
    assert_eq!(done(&mut commit, &[CommitDecider]), [CommitPrepared(phi), CommitPrepared(clinical)]);
    (commit, phi, clinical)
}

#[test]
fn nothing_is_prepared_before_the_decision_row_and_all_marks_are_written() {
    let mut commit = three();
    commit.start();
    assert_eq!(answer(&mut commit, Mark(Phi), Answer::Done), []);
    assert_eq!(answer(&mut commit, Decide, Answer::Done), []);
    assert_ne!(answer(&mut commit, Mark(Clinical), Answer::Done), []);
}

#[test]
fn success_is_said_only_when_every_participant_has_committed() {
    let (mut commit, phi, clinical) = applying();
    assert_eq!(answer(&mut commit, CommitPrepared(clinical), Answer::Done), []);
    assert_eq!(commit.outcome(), None);
    assert_eq!(answer(&mut commit, CommitPrepared(phi), Answer::Done), []);
    assert_eq!(commit.outcome(), Some(Outcome::Committed));
}

#[test]
fn an_error_before_prepare_rolls_the_decider_back_first_and_leaves_nothing() {
    for failing in [Decide, Mark(Clinical)] {
        let mut commit = three();
        commit.start();
        for command in [Decide, Mark(Phi), Mark(Clinical)] {
            let last = command == Mark(Clinical);
            let with = if command == failing { refused("23505") } else { Answer::Done };
            let given = answer(&mut commit, command, with);
            assert_eq!(given, if last { vec![RollbackDecider] } else { vec![] });
        }
        assert_eq!(done(&mut commit, &[RollbackDecider]), [RollbackWork(Phi), RollbackWork(Clinical)]);
        done(&mut commit, &[RollbackWork(Phi), RollbackWork(Clinical)]);
        let Some(Outcome::Aborted { at, leftovers, .. }) = commit.outcome() else { panic!("{commit:?}") };
        assert!(at == failing && leftovers.is_empty());
    }
}

#[test]
fn a_decision_that_reports_no_row_aborts() {
    let mut commit = three();
    commit.start();
    done(&mut commit, &[Mark(Phi), Mark(Clinical)]);
    assert_eq!(answer(&mut commit, Decide, Answer::Failed(Failure::WrongCount)), [RollbackDecider]);
}

#[test]
fn a_refused_prepare_rolls_back_the_one_that_had_prepared() {
    let mut commit = three();
    let (phi, clinical) = (gid(&commit, Phi), gid(&commit, Clinical));
    commit.start();
    done(&mut commit, &[Decide, Mark(Phi), Mark(Clinical)]);
    done(&mut commit, &[Prepare(phi)]);
    assert_eq!(answer(&mut commit, Prepare(clinical), refused("53200")), [RollbackDecider]);
    // A decider whose socket ended is as good as one that rolled back: COMMIT was never sent.
    assert_eq!(answer(&mut commit, RollbackDecider, LOST), [RollbackPrepared(phi), RollbackWork(Clinical)]);
    done(&mut commit, &[RollbackWork(Clinical), RollbackPrepared(phi)]);
    let Some(Outcome::Aborted { leftovers, .. }) = commit.outcome() else { panic!("{commit:?}") };
    assert!(leftovers.is_empty());
}

#[test]
fn a_prepare_without_an_answer_is_left_to_recovery_even_when_it_is_not_found() {
    for (reply, left) in [(Answer::Done, vec![]), (refused("42704"), vec![Phi]), (LOST, vec![Phi])] {
        let mut commit = three();
        let (phi, clinical) = (gid(&commit, Phi), gid(&commit, Clinical));
        commit.start();
        done(&mut commit, &[Decide, Mark(Phi), Mark(Clinical)]);
        answer(&mut commit, Prepare(phi), LOST);
        done(&mut commit, &[Prepare(clinical)]);
        let undo = done(&mut commit, &[RollbackDecider]);
        assert_eq!(undo, [RollbackPrepared(phi), RollbackPrepared(clinical)]);
        answer(&mut commit, RollbackPrepared(phi), reply);
        // The other was certainly prepared: not found means that somebody else rolled it back.
        answer(&mut commit, RollbackPrepared(clinical), refused("42704"));
        let Some(Outcome::Aborted { leftovers, .. }) = commit.outcome() else { panic!("{commit:?}") };
        assert_eq!(leftovers.iter().collect::<Vec<_>>(), left, "{reply:?}");
    }
}

#[test]
fn only_a_proven_abort_of_the_decider_rolls_prepared_work_back() {
    for definite in ["23505", "40001", "40P01", "25P02"] {
        let (mut commit, phi, clinical) = deciding();
        let given = answer(&mut commit, CommitDecider, refused(definite));
        assert_eq!(given, [RollbackPrepared(phi), RollbackPrepared(clinical)], "{definite}");
    }
    let unknown = ["08006", "53100", "57014", "57P01", "XX000"].map(refused);
    for reply in unknown.into_iter().chain([LOST]) {
        let (mut commit, ..) = deciding();
        assert_eq!(answer(&mut commit, CommitDecider, reply), []);
        assert_eq!(commit.outcome(), Some(Outcome::Unknown), "{reply:?}");
    }
}

#[test]
fn a_rollback_that_fails_is_a_leftover_and_the_abort_stands() {
    let (mut commit, phi, clinical) = deciding();
    answer(&mut commit, CommitDecider, refused("40001"));
    answer(&mut commit, RollbackPrepared(phi), refused("55000"));
    answer(&mut commit, RollbackPrepared(clinical), Answer::Done);
    let Some(Outcome::Aborted { leftovers, at, .. }) = commit.outcome() else { panic!("{commit:?}") };
    assert_eq!((leftovers, at), (Participants::of([Phi]), CommitDecider));
}

#[test]
fn committing_what_is_prepared_is_repeated_until_it_is_done() {
    let (mut commit, phi, clinical) = applying();
    done(&mut commit, &[CommitPrepared(clinical)]);
    for reply in [LOST, refused("55000"), refused("57P03"), LOST] {
        assert_eq!(answer(&mut commit, CommitPrepared(phi), reply), [CommitPrepared(phi)]);
    }
    done(&mut commit, &[CommitPrepared(phi)]);
    assert_eq!(commit.outcome(), Some(Outcome::Committed));
}

#[test]
fn finished_by_someone_else_counts_when_it_is_applied() {
    let (mut commit, phi, clinical) = applying();
    done(&mut commit, &[CommitPrepared(clinical)]);
    assert_eq!(answer(&mut commit, CommitPrepared(phi), refused("42704")), [CheckApplied(phi)]);
    assert_eq!(answer(&mut commit, CheckApplied(phi), LOST), [CheckApplied(phi)]);
    answer(&mut commit, CheckApplied(phi), Answer::Applied(true));
    assert_eq!(commit.outcome(), Some(Outcome::Committed));
}

#[test]
fn a_decided_transaction_is_never_reported_as_failed() {
    let (mut commit, phi, clinical) = applying();
    answer(&mut commit, CommitPrepared(phi), LOST);
    done(&mut commit, &[CommitPrepared(clinical)]);
    assert_eq!(commit.step(Event::Deadline), []);
    assert_eq!(commit.outcome(), Some(Outcome::Accepted { missing: Participants::of([Phi]) }));

    let (mut commit, phi, clinical) = applying();
    answer(&mut commit, CommitPrepared(phi), refused("42501"));
    answer(&mut commit, CommitPrepared(clinical), refused("42704"));
    answer(&mut commit, CheckApplied(clinical), Answer::Applied(false));
    assert_eq!(commit.outcome(), Some(Outcome::Accepted { missing: commit.participants() }));
}

#[test]
fn a_deadline_before_the_decision_decides_nothing() {
    let (mut commit, ..) = deciding();
    assert_eq!(commit.step(Event::Deadline), []);
    assert_eq!(commit.outcome(), None);
}

#[test]
fn an_answer_to_nothing_that_was_asked_changes_nothing() {
    let (mut commit, phi, _) = deciding();
    let before = commit.clone();
    for stray in [Decide, Prepare(phi), CommitPrepared(phi), RollbackDecider] {
        assert_eq!(answer(&mut commit, stray, Answer::Done), []);
    }
    assert_eq!(commit, before);
}
