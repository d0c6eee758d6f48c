//! Operations that commit, and operations that do not.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use domain::{StoreError, Touches};
use kernel::Database::{Auth, Clinical, Phi};
use kernel::{Classify, ErrorKind};
use store::Settlement;
use tokio::sync::Notify;

use crate::house::{ALL, Count, House, PREPARED, Put, PutError, Then, context, until};

const NOTHING: [Count; 3] = [Count { records: 0, decisions: 0, applied: 0, prepared: 0 }; 3];

#[tokio::test(flavor = "multi_thread")]
async fn one_database_is_committed_plainly_and_leaves_no_trace_of_the_protocol() {
    let house = House::open().await;
    for database in ALL {
        let put = Put { reads: ALL.to_vec(), ..Put::to(&[database]) };
        let committed = house.store.execute(put, context()).await.unwrap();
        assert_eq!(committed.settlement, Settlement::Applied);
    }
    let plain = Count { records: 1, ..Count::default() };
    assert_eq!(house.counts().await, [plain; 3]);
    assert_eq!((house.store.counts().plain, house.store.counts().paired), (3, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_could_be_written_and_was_not_takes_no_part() {
    let house = House::open().await;
    let put = Put { declares: ALL.to_vec(), ..Put::to(&[Clinical]) };
    house.store.execute(put, context()).await.unwrap();
    let nothing = Put { declares: ALL.to_vec(), ..Put::to(&[]) };
    house.store.execute(nothing, context()).await.unwrap();
    assert_eq!(
        house.counts().await,
        [Count::default(), Count::default(), Count { records: 1, ..Count::default() }]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn two_databases_commit_together_and_the_first_in_order_decides() {
    let house = House::open().await;
    house.store.execute(Put::to(&[Clinical, Phi]), context()).await.unwrap();
    let decider = Count { records: 1, decisions: 1, ..Count::default() };
    let participant = Count { records: 1, applied: 1, ..Count::default() };
    assert_eq!(house.counts().await, [Count::default(), decider, participant]);
    assert_eq!(house.store.counts().paired, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn three_databases_commit_together_under_one_transaction() {
    let house = House::open().await;
    let context = context();
    let committed = house.store.execute(Put::to(&ALL), context.clone()).await.unwrap();
    let decider = Count { records: 1, decisions: 1, ..Count::default() };
    let participant = Count { records: 1, applied: 1, ..Count::default() };
    assert_eq!(house.counts().await, [decider, participant, participant]);
    let gtx = committed.transaction.uuid();
    let row = format!(
        "select count(*) from txn.decision where gtx = '{gtx}' and verdict = 'commit' and op = 'test.put'
         and participants = array['p', 'c'] and tenant = 7 and actor = '{}' and decided_by = 'coordinator'",
        context.caller.account.uuid()
    );
    assert_eq!(house.number(Auth, &row).await, 1);
    for participant in [Phi, Clinical] {
        let mark = format!("select count(*) from txn.applied where gtx = '{gtx}' and decider = 'm'");
        assert_eq!(house.number(participant, &mark).await, 1);
    }
    let audited = format!("select count(*) from audit.event where gtx = '{gtx}'");
    for database in ALL {
        assert_eq!(house.number(database, &audited).await, 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn decisions_are_marked_done_after_the_answer() {
    let house = House::open().await;
    for _ in 0..5 {
        house.store.execute(Put::to(&[Phi, Clinical]), context()).await.unwrap();
    }
    let open = "select count(*) from txn.decision where done_at is null";
    until("all decisions are done", async || house.number(Phi, open).await == 0).await;
    assert_eq!(house.count(Phi).await.decisions, 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operation_that_says_no_leaves_nothing() {
    let house = House::open().await;
    let refused = house.store.execute(Put::to(&ALL).then(Then::Refuse), context()).await;
    assert_eq!(refused.unwrap_err(), PutError::Refused);
    assert_eq!(house.counts().await, NOTHING);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operation_that_panics_is_a_bug_and_leaves_nothing() {
    let house = House::open().await;
    let failed = house.store.execute(Put::to(&ALL).then(Then::Panic), context()).await.unwrap_err();
    assert_eq!(failed.kind(), ErrorKind::Bug);
    house.store.execute(Put::to(&[Phi]), context()).await.unwrap();
    assert_eq!(house.counts().await.map(|count| count.records), [0, 1, 0]);
    let open =
        "select count(*) from pg_stat_activity where datname = current_database() and state like 'idle in%'";
    until("no transaction is left open", async || house.number(Auth, open).await == 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_that_the_operation_swallowed_commits_nowhere() {
    let house = House::open().await;
    for databases in [&[Phi][..], &[Phi, Clinical], &ALL] {
        let failed =
            house.store.execute(Put::to(databases).then(Then::Swallow), context()).await.unwrap_err();
        assert_eq!(failed.kind(), ErrorKind::Bug, "{failed:?}");
    }
    assert_eq!(house.counts().await, NOTHING);
}

#[tokio::test(flavor = "multi_thread")]
async fn contention_is_retried_three_times_and_no_more() {
    let house = House::open().await;
    let put = Put::to(&[Phi, Clinical]).then(Then::Contend(3));
    let committed = house.store.execute(put, context()).await.unwrap();
    assert_eq!(committed.output, 4);
    let put = Put::to(&[Phi, Clinical]).then(Then::Contend(4));
    let runs = Arc::clone(&put.runs);
    let failed = house.store.execute(put, context()).await.unwrap_err();
    assert_eq!((failed.kind(), runs.load(Ordering::SeqCst)), (ErrorKind::Busy, 4));
    assert_eq!(house.count(Phi).await.records, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_not_declared_is_refused() {
    let house = House::open().await;
    // Declared for reading: the server refuses the write.
    let only_read = Undeclared(Touches::writes(&[Phi]).and_reads(&[Clinical]));
    assert_eq!(house.store.execute(only_read, context()).await.unwrap_err().kind(), ErrorKind::Bug);
    // Not declared at all: there is no such repository.
    let failed = house.store.execute(Undeclared(Touches::writes(&[Phi])), context()).await.unwrap_err();
    assert_eq!(failed, PutError::Store(StoreError::OutsideTouches { database: Clinical }));
    assert_eq!(house.counts().await, NOTHING);
}

/// Writes to clinical whatever it declares.
struct Undeclared(Touches);

impl domain::Operation for Undeclared {
    const NAME: &'static str = "test.undeclared";
    type Output = ();
    type Error = PutError;

    fn touches(&self) -> Touches {
        self.0
    }

    async fn run(
        &self,
        context: &domain::Context,
        work: &mut dyn domain::UnitOfWork,
    ) -> Result<(), PutError> {
        Ok(crate::house::put(context, work, Clinical).await?)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handler_that_is_dropped_still_commits() {
    let house = House::open().await;
    let (arrived, go_on) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let put = Put::to(&ALL).then(Then::Wait(Arc::clone(&arrived), Arc::clone(&go_on)));
    let store = house.store.clone();
    let handler = tokio::spawn(async move { store.execute(put, context()).await });
    arrived.notified().await;
    handler.abort();
    assert!(handler.await.unwrap_err().is_cancelled());
    go_on.notify_one();
    until("all three show it", async || house.counts().await.iter().all(|count| count.records == 1)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn closing_waits_for_operations_and_takes_no_more() {
    let house = House::open().await;
    let (arrived, go_on) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let put = Put::to(&[Phi, Clinical]).then(Then::Wait(Arc::clone(&arrived), Arc::clone(&go_on)));
    let store = house.store.clone();
    let working = tokio::spawn(async move { store.execute(put, context()).await });
    arrived.notified().await;
    let store = house.store.clone();
    let closing = tokio::spawn(async move { store.close().await });
    tokio::time::sleep(Duration::from_millis(100)).await;
    let late = house.store.execute(Put::to(&[Phi]), context()).await.unwrap_err();
    assert_eq!(late.kind(), ErrorKind::Busy);
    assert!(!closing.is_finished());
    go_on.notify_one();
    working.await.unwrap().unwrap();
    closing.await.unwrap();
    let open = "select count(*) from txn.decision where done_at is null";
    assert_eq!(house.number(Phi, open).await, 0);
    let sessions = "select count(*) from pg_stat_activity where usename = 'salus_app'
        and datname = current_database() and application_name = 'salus request'";
    assert_eq!(house.number(Phi, sessions).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn many_at_once_all_commit_in_all_databases() {
    let house = House::open().await;
    let mut working = tokio::task::JoinSet::new();
    for _ in 0..60 {
        let store = house.store.clone();
        working.spawn(async move {
            // Permits are waited for a quarter of a second only; being told so is an answer, not a failure.
            loop {
                match store.execute(Put::to(&ALL), context()).await {
                    Err(error) if error.kind() == ErrorKind::Busy => {}
                    other => break other.map(|committed| committed.settlement),
                }
            }
        });
    }
    for settled in working.join_all().await {
        assert_eq!(settled.unwrap(), Settlement::Applied);
    }
    assert_eq!(house.counts().await.map(|count| (count.records, count.prepared)), [(60, 0); 3]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_participant_killed_before_it_prepared_aborts_the_whole() {
    let house = House::open().await;
    let (arrived, go_on) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    for victim in ALL {
        let put = Put::to(&ALL).then(Then::Wait(Arc::clone(&arrived), Arc::clone(&go_on)));
        let store = house.store.clone();
        let working = tokio::spawn(async move { store.execute(put, context()).await });
        arrived.notified().await;
        assert_eq!(house.kill(victim, "state = 'idle in transaction'").await, 1);
        go_on.notify_one();
        let failed = working.await.unwrap().unwrap_err();
        assert_eq!(failed.kind(), ErrorKind::Busy, "{victim}: {failed:?}");
        assert_eq!(house.counts().await, NOTHING);
    }
    house.store.execute(Put::to(&ALL), context()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_decider_killed_while_it_commits_aborts_the_whole_by_a_tombstone() {
    let house = House::open().await;
    house.slow_decision(Auth, 3.0).await;
    let store = house.store.clone();
    let working = tokio::spawn(async move { store.execute(Put::to(&ALL), context()).await });
    until("both have prepared", async || {
        house.number(Clinical, PREPARED).await == 1 && house.number(Phi, PREPARED).await == 1
    })
    .await;
    assert_eq!(house.kill(Auth, "query like '%commit%' and state = 'active'").await, 1);
    let failed = working.await.unwrap().unwrap_err();
    assert_eq!(failed.kind(), ErrorKind::Busy, "{failed:?}");
    assert_eq!(house.store.counts().unknown, 1);
    let tombstones = "select count(*) from txn.decision
        where verdict = 'abort' and decided_by = 'recovery' and done_at is not null";
    assert_eq!(house.number(Auth, tombstones).await, 1);
    let counts = house.counts().await;
    assert!(
        counts.iter().all(|count| (count.records, count.prepared, count.applied) == (0, 0, 0)),
        "{counts:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_participant_killed_after_it_prepared_commits_with_the_rest() {
    let house = House::open().await;
    house.slow_decision(Auth, 1.0).await;
    let store = house.store.clone();
    let working = tokio::spawn(async move { store.execute(Put::to(&ALL), context()).await });
    until("both have prepared", async || {
        house.number(Clinical, PREPARED).await == 1 && house.number(Phi, PREPARED).await == 1
    })
    .await;
    assert_eq!(house.kill(Clinical, "query like 'prepare transaction%'").await, 1);
    let committed = working.await.unwrap().unwrap();
    assert_eq!(committed.settlement, Settlement::Applied);
    assert_eq!(house.counts().await.map(|count| (count.records, count.prepared)), [(1, 0); 3]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_constraint_that_fires_at_the_end_aborts_the_whole() {
    let house = House::open().await;
    let deferred = "alter table txn.applied
        add constraint test_mark_is_refused unique (decider) deferrable initially deferred";
    house.run(Clinical, test_support::Role::Owner, deferred).await;
    house.store.execute(Put::to(&[Phi, Clinical]), context()).await.unwrap();
    let failed = house.store.execute(Put::to(&[Phi, Clinical]), context()).await.unwrap_err();
    assert_eq!(failed, PutError::Store(StoreError::Constraint { name: "test_mark_is_refused".to_owned() }));
    let counts: [Count; 3] = house.counts().await;
    assert_eq!(counts.map(|count| (count.records, count.prepared)), [(0, 0), (1, 0), (1, 0)]);
}
