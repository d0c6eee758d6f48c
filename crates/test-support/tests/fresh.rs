//! Every test has its own three databases, and nothing outlives the process.

use std::time::Instant;

use kernel::Database;
use sqlx::raw_sql;
use test_support::{Role, TestDatabases};

#[tokio::test]
async fn two_tests_do_not_see_each_other() {
    let (one, other) = (TestDatabases::fresh().await, TestDatabases::fresh().await);
    let mut connection = one.connect(Database::Phi, Role::Owner).await;
    raw_sql("create table public.mine (id int)").execute(&mut connection).await.unwrap();
    let mut connection = other.connect(Database::Phi, Role::Owner).await;
    let found: Option<String> = sqlx::query_scalar("select to_regclass('public.mine')::text")
        .fetch_one(&mut connection)
        .await
        .unwrap();
    assert_eq!(found, None);
}

#[tokio::test]
async fn a_fresh_database_is_migrated_prepared_and_quick() {
    drop(TestDatabases::fresh().await);
    let began = Instant::now();
    let databases = TestDatabases::fresh().await;
    let took = began.elapsed();
    println!("three fresh databases took {took:?}");
    for database in Database::ALL {
        let mut connection = databases.connect(database, Role::Superuser).await;
        let leakproof: i64 = sqlx::query_scalar(
            "select count(*) from pg_proc \
             where proname in ('arraycontains', 'arrayoverlap') and proleakproof",
        )
        .fetch_one(&mut connection)
        .await
        .unwrap();
        assert_eq!(leakproof, 2);
        let mut connection = databases.connect(database, Role::App).await;
        let error = raw_sql("create table public.t (id int)").execute(&mut connection).await.unwrap_err();
        assert!(error.to_string().contains("permission denied"), "{error}");
    }
}
