//! Databases that stop and return. These tests have clusters of their own.

use std::time::{Duration, Instant};

use domain::StoreError;
use kernel::Database::{Auth, Clinical, Phi};
use kernel::{Classify, ErrorKind};
use store::{DatabaseState, Settlement, Store, bootstrap};
use test_support::{Role, StopMode, TestClusters};

use crate::house::{ALL, PREPARED, Put, PutError, context, number, options_of, until};

async fn open(clusters: &TestClusters) -> Store {
    bootstrap::ensure_identity(&ALL.map(|database| clusters.options(database, Role::Owner))).await.unwrap();
    Store::open(options_of(ALL.map(|database| clusters.options(database, Role::App)))).await.unwrap()
}

async fn records(clusters: &TestClusters, database: kernel::Database) -> i64 {
    number(&clusters.options(database, Role::Superuser), "select count(*) from record.resource").await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_is_down_stops_only_what_needs_it_and_returns_by_itself() {
    let clusters = TestClusters::dedicated().await;
    let store = open(&clusters).await;
    store.execute(Put::to(&ALL), context()).await.unwrap();
    clusters.stop(Phi, StopMode::Immediate).await;
    until("it is known to be down", async || {
        store.health().databases[Phi.index()].state == DatabaseState::Down
    })
    .await;
    assert!(!store.health().is_ready());
    for touching in [&[Phi][..], &[Auth, Phi], &ALL] {
        let began = Instant::now();
        let failed = store.execute(Put::to(touching), context()).await.unwrap_err();
        assert_eq!(failed, PutError::Store(StoreError::Unavailable { database: Phi }));
        assert!(began.elapsed() < Duration::from_millis(500), "{:?}", began.elapsed());
    }
    store.execute(Put::to(&[Auth, Clinical]), context()).await.unwrap();
    clusters.start(Phi).await;
    let back = Instant::now();
    until("it serves again", async || store.execute(Put::to(&ALL), context()).await.is_ok()).await;
    assert!(back.elapsed() < Duration::from_secs(3), "{:?}", back.elapsed());
    until("all is well", async || store.health().is_ready()).await;
    store.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_opens_while_a_database_is_down_and_takes_it_in_when_it_comes() {
    let clusters = TestClusters::dedicated().await;
    open(&clusters).await.close().await;
    clusters.stop(Clinical, StopMode::Fast).await;
    let store =
        Store::open(options_of(ALL.map(|database| clusters.options(database, Role::App)))).await.unwrap();
    store.execute(Put::to(&[Auth, Phi]), context()).await.unwrap();
    let failed = store.execute(Put::to(&[Clinical]), context()).await.unwrap_err();
    assert_eq!(failed.kind(), ErrorKind::Busy);
    clusters.start(Clinical).await;
    until("it serves", async || store.execute(Put::to(&ALL), context()).await.is_ok()).await;
    store.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_participant_that_stops_after_the_decision_follows_when_it_returns() {
    let clusters = TestClusters::dedicated().await;
    let store = open(&clusters).await;
    let wait = "create function txn.test_wait() returns trigger language plpgsql as
            $$ begin perform pg_sleep(2); return null; end $$;
         create constraint trigger test_wait after insert on txn.decision deferrable initially deferred
            for each row execute function txn.test_wait()";
    let mut owner = sqlx::ConnectOptions::connect(&clusters.options(Auth, Role::Owner)).await.unwrap();
    sqlx::Executor::execute(&mut owner, wait).await.unwrap();
    let working = tokio::spawn({
        let store = store.clone();
        async move { store.execute(Put::to(&ALL), context()).await }
    });
    let clinical = clusters.options(Clinical, Role::Superuser);
    until("it is prepared", async || number(&clinical, PREPARED).await == 1).await;
    clusters.stop(Clinical, StopMode::Immediate).await;
    let committed = working.await.unwrap().unwrap();
    assert_eq!(committed.settlement, Settlement::Accepted);
    assert_eq!((records(&clusters, Auth).await, records(&clusters, Phi).await), (1, 1));
    clusters.start(Clinical).await;
    let back = Instant::now();
    until("recovery brought it home", async || records(&clusters, Clinical).await == 1).await;
    assert!(back.elapsed() < Duration::from_secs(3), "{:?}", back.elapsed());
    let auth = clusters.options(Auth, Role::Superuser);
    let open = "select count(*) from txn.decision where done_at is null";
    until("the decision is done", async || number(&auth, open).await == 0).await;
    store.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_decider_nothing_prepared_is_settled() {
    let clusters = TestClusters::dedicated().await;
    let store = open(&clusters).await;
    let mut owner = sqlx::ConnectOptions::connect(&clusters.options(Auth, Role::Owner)).await.unwrap();
    let wait = "create function txn.test_wait() returns trigger language plpgsql as
            $$ begin perform pg_sleep(4); return null; end $$;
         create constraint trigger test_wait after insert on txn.decision deferrable initially deferred
            for each row when (new.verdict = 'commit') execute function txn.test_wait()";
    sqlx::Executor::execute(&mut owner, wait).await.unwrap();
    let working = tokio::spawn({
        let store = store.clone();
        async move { store.execute(Put::to(&ALL), context()).await }
    });
    let clinical = clusters.options(Clinical, Role::Superuser);
    until("it is prepared", async || number(&clinical, PREPARED).await == 1).await;
    clusters.stop(Auth, StopMode::Immediate).await;
    // Nobody can say what the decider did: the answer is that it is not known, and the halves stay.
    let failed = working.await.unwrap().unwrap_err();
    assert_eq!(failed.kind(), ErrorKind::InDoubt, "{failed:?}");
    assert_eq!(number(&clinical, PREPARED).await, 1);
    clusters.start(Auth).await;
    until("it is settled", async || number(&clinical, PREPARED).await == 0).await;
    assert_eq!((records(&clusters, Auth).await, records(&clusters, Clinical).await), (0, 0));
    store.close().await;
}
