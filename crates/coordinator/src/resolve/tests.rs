use super::*;
use crate::{Failure, PairId, SqlState};
use Command::{CheckApplied, CommitPrepared, MarkDone, Quarantine, RollbackPrepared};
use Database::{Auth, Clinical, Phi};

fn gid(participant: Database) -> Gid {
    let identity = Identity { pair: PairId::of(uuid::Uuid::nil()), epoch: 1 };
    let transaction = TransactionId::from_uuid(uuid::Uuid::from_u128(9));
    Gid { identity, decider: Phi, participant, transaction }
}

fn fenced(fence: Fence) -> (Resolve, Vec<Command>) {
    let mut resolve = Resolve::of(gid(Clinical));
    assert_eq!(resolve.start(), [Command::Fence]);
    let given = resolve.step(Event::Fenced(fence));
    (resolve, given)
}

fn found(verdict: Verdict, participants: &[Database]) -> Fence {
    Fence::Found { verdict, participants: Participants::of(participants.iter().copied()) }
}

fn answer(resolve: &mut Resolve, command: Command, answer: Answer) -> Vec<Command> {
    resolve.step(Event::Answered(command, answer))
}

fn refused(state: &str) -> Answer {
    Answer::Failed(Failure::Refused(SqlState::parse(state).unwrap()))
}

fn settled(verdict: Verdict, complete: bool) -> Option<Settlement> {
    Some(Settlement::Settled { verdict, complete })
}

#[test]
fn a_living_coordinator_is_left_alone() {
    let (resolve, given) = fenced(Fence::Alive);
    assert_eq!((given, resolve.settlement()), (vec![], Some(Settlement::Alive)));
}

#[test]
fn without_the_decider_nothing_is_done() {
    let (resolve, given) = fenced(Fence::Unreachable);
    assert_eq!((given, resolve.settlement()), (vec![], Some(Settlement::Unreachable)));
}

#[test]
fn after_a_tombstone_every_database_that_could_have_prepared_is_rolled_back() {
    let (mut resolve, given) = fenced(Fence::Tombstone);
    assert_eq!(given, [RollbackPrepared(gid(Auth)), RollbackPrepared(gid(Clinical))]);
    assert_eq!(answer(&mut resolve, given[0], refused("42704")), [CheckApplied(gid(Auth))]);
    assert_eq!(answer(&mut resolve, CheckApplied(gid(Auth)), Answer::Applied(false)), []);
    assert_eq!(answer(&mut resolve, given[1], Answer::Done), [MarkDone]);
    answer(&mut resolve, MarkDone, Answer::Done);
    assert_eq!(resolve.settlement(), settled(Verdict::Abort, true));
}

#[test]
fn a_committed_decision_is_followed_in_the_databases_it_names() {
    let (mut resolve, given) = fenced(found(Verdict::Commit, &[Auth, Clinical]));
    assert_eq!(given, [CommitPrepared(gid(Auth)), CommitPrepared(gid(Clinical))]);
    answer(&mut resolve, given[0], Answer::Done);
    assert_eq!(answer(&mut resolve, given[1], Answer::Done), [MarkDone]);
    answer(&mut resolve, MarkDone, Answer::Failed(Failure::Lost));
    assert_eq!(resolve.settlement(), settled(Verdict::Commit, false));
}

#[test]
fn what_is_busy_or_out_of_reach_is_left_to_a_later_pass() {
    for reply in [refused("55000"), Answer::Failed(Failure::Lost), refused("57P03")] {
        let (mut resolve, given) = fenced(found(Verdict::Commit, &[Clinical]));
        assert_eq!(answer(&mut resolve, given[0], reply), []);
        assert_eq!(resolve.settlement(), settled(Verdict::Commit, false), "{reply:?}");
    }
}

#[test]
fn a_branch_that_went_against_its_decision_is_quarantined() {
    let cases = [(Verdict::Commit, false, Reason::LostBranch), (Verdict::Abort, true, Reason::OrphanBranch)];
    for (verdict, applied, reason) in cases {
        let (mut resolve, given) = fenced(found(verdict, &[Clinical]));
        assert_eq!(answer(&mut resolve, given[0], refused("42704")), [CheckApplied(gid(Clinical))]);
        let given = answer(&mut resolve, CheckApplied(gid(Clinical)), Answer::Applied(applied));
        assert_eq!(given, [Quarantine(gid(Clinical), reason)]);
        answer(&mut resolve, given[0], Answer::Done);
        assert_eq!(resolve.settlement(), settled(verdict, false));
    }
}

#[test]
fn a_branch_that_the_server_will_never_finish_is_quarantined() {
    for state in ["42501", "0A000"] {
        let (mut resolve, given) = fenced(found(Verdict::Abort, &[Clinical]));
        let given = answer(&mut resolve, given[0], refused(state));
        assert_eq!(given, [Quarantine(gid(Clinical), Reason::CannotFinish)]);
    }
}

#[test]
fn a_prepared_branch_that_its_decision_does_not_name_is_not_committed() {
    let (resolve, given) = fenced(found(Verdict::Commit, &[Auth]));
    assert_eq!(given, [CommitPrepared(gid(Auth)), Quarantine(gid(Clinical), Reason::NotNamed)]);
    assert_eq!(resolve.settlement(), None);
}
