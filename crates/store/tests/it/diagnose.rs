//! The doctor's figures.

use kernel::Database::{Clinical, Phi};
use sqlx::raw_sql;
use store::diagnose::figures;
use test_support::Role;

use crate::house::{House, options, until};

#[tokio::test(flavor = "multi_thread")]
async fn who_waits_for_whom_and_what_is_in_doubt_is_seen_and_no_statement_is() {
    let house = House::open().await;
    let options = options(&house.databases);
    let quiet = figures(&options, Phi).await.unwrap();
    assert!(quiet.waiting.is_empty() && quiet.in_doubt == 0 && quiet.size_bytes > 0, "{quiet:?}");
    assert!(quiet.tables.iter().any(|table| table.name == "record.resource"), "{quiet:?}");

    let mut holder = house.databases.connect(Phi, Role::App).await;
    let mut waiter = house.databases.connect(Phi, Role::App).await;
    let holds: i32 = sqlx::query_scalar("select pg_backend_pid()").fetch_one(&mut holder).await.unwrap();
    raw_sql("begin; select pg_advisory_xact_lock(4711), 'hunter2'").execute(&mut holder).await.unwrap();
    let waiting = tokio::spawn(async move {
        raw_sql("select pg_advisory_lock(4711), 'hunter2'").execute(&mut waiter).await.map(|_| ())
    });
    raw_sql("begin; select pg_advisory_xact_lock(4712); prepare transaction 'diagnosed'")
        .execute(&mut house.databases.connect(Clinical, Role::App).await)
        .await
        .unwrap();
    until("the wait is seen", async || {
        let seen = figures(&options, Phi).await.unwrap();
        assert!(!format!("{seen:?}").contains("hunter2"), "{seen:?}");
        seen.waiting.iter().any(|waiting| waiting.blocked_by == [holds])
    })
    .await;
    let seen = figures(&options, Clinical).await.unwrap();
    raw_sql("rollback prepared 'diagnosed'")
        .execute(&mut house.databases.connect(Clinical, Role::App).await)
        .await
        .unwrap();
    assert!(seen.in_doubt == 1 && seen.prepared_slots.0 >= 1, "{seen:?}");
    raw_sql("rollback").execute(&mut holder).await.unwrap();
    waiting.await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_is_not_there_has_no_figures_and_a_reason() {
    let house = House::open().await;
    let mut options = options(&house.databases);
    options.connect[0] = options.connect[0].clone().database("nowhere");
    assert_eq!(figures(&options, kernel::Database::Auth).await.unwrap_err(), "SQLSTATE 3D000");
}
