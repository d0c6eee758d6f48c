//! Connections: lent, given back, closed.

use std::time::{Duration, Instant};

use domain::StoreError;
use kernel::Database::{Clinical, Phi};
use sqlx::{Executor, PgConnection};

use crate::house::{ALL, House, Put, Then, context, options, owners, until};

async fn pid(connection: &mut PgConnection) -> i32 {
    sqlx::query_scalar("select pg_backend_pid()").fetch_one(connection).await.unwrap()
}

const OPEN: &str = "select count(*) from pg_stat_activity where datname = current_database()
    and application_name = 'salus request' and state like 'idle in transaction%'";

#[tokio::test(flavor = "multi_thread")]
async fn the_connection_finished_last_is_lent_next() {
    let house = House::open().await;
    let (mut first, mut second) =
        (house.store.connection(Phi).await.unwrap(), house.store.connection(Phi).await.unwrap());
    let (one, two) = (pid(&mut first).await, pid(&mut second).await);
    assert_ne!(one, two);
    second.finish();
    first.finish();
    let mut again = house.store.connection(Phi).await.unwrap();
    assert_eq!(pid(&mut again).await, one);
    again.finish();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_dropped_in_a_transaction_is_closed_and_never_lent_again() {
    let house = House::open().await;
    let mut lent = house.store.connection(Phi).await.unwrap();
    let dropped = pid(&mut lent).await;
    (&mut *lent).execute("begin").await.unwrap();
    drop(lent);
    let gone = format!("select count(*) from pg_stat_activity where pid = {dropped}");
    until("its session has ended", async || house.number(Phi, &gone).await == 0).await;
    for _ in 0..8 {
        let mut next = house.store.connection(Phi).await.unwrap();
        assert_ne!(pid(&mut next).await, dropped);
        next.finish();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_operation_leaves_a_transaction_open_however_it_ends() {
    let house = House::open().await;
    for then in [Then::Succeed, Then::Refuse, Then::Swallow, Then::Panic, Then::Contend(9)] {
        for databases in [&[Phi][..], &ALL] {
            let _ = house.store.execute(Put::to(databases).then(then.clone()), context()).await;
        }
    }
    for database in ALL {
        until("no transaction is open", async || house.number(database, OPEN).await == 0).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_more_connections_are_lent_than_there_are() {
    let house = House::open().await;
    let mut lent = Vec::new();
    for _ in 0..8 {
        lent.push(house.store.connection(Phi).await.unwrap());
    }
    let waiting = tokio::spawn({
        let store = house.store.clone();
        async move { store.connection(Phi).await }
    });
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert!(!waiting.is_finished());
    lent.pop().unwrap().finish();
    let got = tokio::time::timeout(Duration::from_secs(1), waiting).await.unwrap().unwrap().unwrap();
    got.finish();
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_that_died_while_idle_are_replaced_unseen() {
    let house = House::open().await;
    let (mut a, mut b) =
        (house.store.connection(Phi).await.unwrap(), house.store.connection(Phi).await.unwrap());
    pid(&mut a).await;
    pid(&mut b).await;
    a.finish();
    b.finish();
    assert!(house.kill(Phi, "application_name = 'salus request'").await >= 2);
    for _ in 0..3 {
        house.store.execute(Put::to(&ALL), context()).await.unwrap();
    }
    assert_eq!(house.count(Phi).await.records, 3);
    assert_eq!(house.store.counts().retries, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn while_nobody_who_waits_is_served_others_are_turned_away_at_once() {
    let house = House::open().await;
    let mut lent = Vec::new();
    for _ in 0..8 {
        lent.push(house.store.connection(Phi).await.unwrap());
    }
    let waiting = tokio::spawn({
        let store = house.store.clone();
        async move { store.connection(Phi).await.map(store::Connection::finish) }
    });
    tokio::time::sleep(Duration::from_millis(2_200)).await;
    let began = Instant::now();
    for _ in 0..100 {
        let refused = house.store.connection(Phi).await.map(store::Connection::finish);
        assert_eq!(refused, Err(StoreError::Exhausted { database: Phi }));
    }
    assert!(began.elapsed() < Duration::from_millis(500), "{:?}", began.elapsed());
    house.store.connection(Clinical).await.unwrap().finish();
    lent.pop().unwrap().finish();
    waiting.await.unwrap().unwrap();
    house.store.connection(Phi).await.unwrap().finish();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_limits_of_a_database_hold_in_its_sessions_and_the_other_databases_have_their_own() {
    let databases = test_support::TestDatabases::fresh().await;
    store::bootstrap::ensure_identity(&owners(&databases)).await.unwrap();
    let mut options = options(&databases);
    options.pools[Phi.index()] = store::Pool {
        max_connections: 1,
        acquire: Duration::from_millis(300),
        statement: Duration::from_millis(1_234),
        lock: Duration::from_millis(432),
        ..store::Pool::default()
    };
    let store = store::Store::open(options).await.unwrap();
    let limits = "select array[current_setting('statement_timeout'), current_setting('lock_timeout')]";
    let mut only = store.connection(Phi).await.unwrap();
    let phi: Vec<String> = sqlx::query_scalar(limits).fetch_one(&mut *only).await.unwrap();
    assert_eq!(phi, ["1234ms", "432ms"]);
    let began = std::time::Instant::now();
    assert!(store.connection(Phi).await.is_err(), "there is one connection only");
    assert!((300..3_000).contains(&began.elapsed().as_millis()), "{:?}", began.elapsed());
    only.finish();
    let mut other = store.connection(kernel::Database::Clinical).await.unwrap();
    let clinical: Vec<String> = sqlx::query_scalar(limits).fetch_one(&mut *other).await.unwrap();
    assert_eq!(clinical, ["5s", "2s"]);
    other.finish();
    store.close().await;
}
