//! The preflight matrix: each fault, made in a real database, and the line that names it.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use kernel::Clock;
use kernel::Database::{self, Auth, Clinical, Phi};
use sqlx::{AssertSqlSafe, ConnectOptions};
use store::{OpenError, Pool, Store, StoreOptions, preflight};
use test_support::{Migrations, Role, StopMode, TestClusters, TestDatabases};

use crate::house::{ALL, House, options, options_of, owners};

/// What the preflight says about one database, refusals and warnings.
async fn said(options: &StoreOptions, database: Database) -> (Vec<String>, Vec<String>) {
    let looked = preflight(options).await.into_iter().find(|looked| looked.database == database).unwrap();
    let refusals = looked.refusals.iter().map(|refusal| {
        assert!(!refusal.advice().is_empty() && refusal.database() == database);
        refusal.to_string()
    });
    (refusals.collect(), looked.warnings.iter().map(ToString::to_string).collect())
}

/// Databases of a house that has been closed, on which nothing but the preflight works.
async fn databases() -> TestDatabases {
    let databases = TestDatabases::fresh().await;
    store::bootstrap::ensure_identity(&owners(&databases)).await.unwrap();
    databases
}

async fn run(databases: &TestDatabases, database: Database, role: Role, sql: &str) {
    let mut connection = databases.connect(database, role).await;
    sqlx::raw_sql(AssertSqlSafe(sql.replace("$db", &databases.name(database))))
        .execute(&mut connection)
        .await
        .unwrap_or_else(|error| panic!("{sql}: {error}"));
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_wrong_with_databases_as_they_are_made() {
    let databases = databases().await;
    for looked in preflight(&options(&databases)).await {
        let warnings: Vec<_> =
            looked.warnings.iter().filter(|it| !it.to_string().contains("PostgreSQL")).collect();
        assert!(looked.refusals.is_empty() && warnings.is_empty(), "{looked:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_fault_of_a_database_is_refused_with_its_line() {
    let faults: &[(Role, &str, &str)] = &[
        (
            Role::Owner,
            "alter table record.resource no force row level security",
            "organizations in record.resource:",
        ),
        (Role::Owner, "alter table audit.event disable row level security", "organizations in audit.event:"),
        (Role::Owner, "create table record.x (tenant int)", "organizations in record.x:"),
        (Role::Owner, "grant create on schema record to salus_app", "or owns objects in schema record"),
        (Role::Owner, "grant create on database $db to salus_app", "or owns schemas"),
        (
            Role::Superuser,
            "create table public.mine (a int); alter table public.mine owner to salus_app",
            "or owns table mine",
        ),
        (
            Role::Superuser,
            "alter function pg_catalog.arrayoverlap(anyarray, anyarray) not leakproof",
            "does not know arrayoverlap as leakproof",
        ),
        (
            Role::Superuser,
            "alter role salus_app in database $db set client_connection_check_interval = 0",
            "client_connection_check_interval = 0",
        ),
        // A server that has such a setting does not exist yet: a view before the real one pretends to be it.
        (
            Role::Superuser,
            "create schema pretended; grant usage on schema pretended to salus_app;
             create view pretended.pg_settings as select name, setting from pg_catalog.pg_settings
                 union all select 'max_prepared_transaction_age', '3600';
             grant select on pretended.pg_settings to salus_app;
             alter role salus_app in database $db set search_path = pretended, pg_catalog, public",
            "has max_prepared_transaction_age set",
        ),
        (Role::Owner, "update txn.identity set system_identifier = '1'", "was moved to another server"),
        (Role::Owner, "update txn.identity set db_code = 'm'", "configured as clinical says that it is m"),
        (Role::Owner, "update txn.identity set epoch = 9", "is in epoch 9, the other databases in epoch 1"),
        (Role::Owner, "update txn.identity set pair_id = gen_random_uuid()", "another installation"),
        (Role::Owner, "delete from txn.identity", "has no identity: run the migrations"),
        (Role::Owner, "drop schema txn cascade", "has no identity: run the migrations"),
        (
            Role::Owner,
            "delete from public._sqlx_migrations where version in (2, 3)",
            "lacks migrations 0002, 0003",
        ),
        (Role::Owner, "revoke select on public._sqlx_migrations from salus_app", "lacks migrations 0001"),
        (
            Role::Owner,
            "insert into public._sqlx_migrations values (9001, 'x', now(), true, '', 0)",
            "carries migrations 9001, which",
        ),
    ];
    let migrations = Migrations::embedded().unwrap();
    let (mut made, migrations) = (Vec::new(), &migrations);
    for (role, fault, line) in faults {
        made.push(async move {
            let databases = databases().await;
            let mut options = options(&databases);
            options.schema = Some(ALL.map(|database| migrations.versions(database)));
            run(&databases, Clinical, *role, fault).await;
            let (refusals, _) = said(&options, Clinical).await;
            assert!(refusals.iter().any(|said| said.contains(line)), "{fault}: {refusals:?}");
            // Only that: a fault that hides behind another would never be mended.
            assert!(refusals.len() == 1 || *fault == "drop schema txn cascade", "{fault}: {refusals:?}");
            assert!(matches!(Store::open(options).await, Err(OpenError::Refused(_))), "{fault}");
        });
    }
    futures::future::join_all(made).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn all_faults_of_all_databases_are_said_at_once() {
    let databases = databases().await;
    run(&databases, Auth, Role::Owner, "grant create on schema record to salus_app").await;
    run(&databases, Clinical, Role::Owner, "alter table audit.event no force row level security").await;
    run(&databases, Clinical, Role::Owner, "update txn.identity set epoch = 2").await;
    let mut options = options(&databases);
    options.connect[Phi.index()] = options.connect[Phi.index()].clone().password("not it");
    let Err(error) = Store::open(options).await else { panic!("it was opened") };
    let said = error.to_string();
    let lines: Vec<_> = said.lines().filter(|line| line.starts_with("  ")).collect();
    assert_eq!(lines.len(), 4, "{said}");
    for line in ["salus_app of auth may create", "phi does not let the server in", "audit.event", "epoch 2"] {
        assert!(lines.iter().any(|said| said.contains(line)), "{line}: {said}");
    }
    assert!(!said.contains("not it"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_or_a_database_that_is_none_is_refused_and_silence_is_not() {
    let databases = databases().await;
    let refused =
        async |change: &dyn Fn(sqlx::postgres::PgConnectOptions) -> sqlx::postgres::PgConnectOptions| {
            let mut options = options(&databases);
            options.connect[Phi.index()] = change(options.connect[Phi.index()].clone());
            said(&options, Phi).await
        };
    let (wrong, _) = refused(&|options| options.password("hunter2")).await;
    assert!(
        wrong[0].starts_with("phi does not let the server in: password auth")
            && !wrong[0].contains("hunter2")
    );
    let (none, _) = refused(&|options| options.database("nowhere")).await;
    assert!(none[0].contains("\"nowhere\""), "{none:?}");
    let (refusals, warnings) = refused(&|options| options.port(1)).await;
    assert!(refusals.is_empty() && warnings == ["phi does not answer"], "{warnings:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn another_encoding_is_refused() {
    let databases = databases().await;
    let name = format!("{}_ascii", databases.name(Phi));
    let create = format!("create database {name} encoding 'SQL_ASCII' template template0");
    run(&databases, Phi, Role::Superuser, &create).await;
    let mut options = options(&databases);
    options.connect[Phi.index()] = databases.options(Phi, Role::Superuser).database(&name);
    let (refusals, _) = said(&options, Phi).await;
    assert!(refusals.iter().any(|said| said == "phi has the encoding SQL_ASCII, not UTF8"), "{refusals:?}");
    run(&databases, Phi, Role::Superuser, &format!("drop database {name}")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_with_a_superusers_powers_is_refused() {
    let databases = databases().await;
    let superusers = options_of(ALL.map(|database| databases.options(database, Role::Superuser)));
    let (refusals, _) = said(&superusers, Phi).await;
    assert_eq!(refusals, ["the login salus_superuser of phi is a superuser or bypasses row security"]);
}

/// What only a server's own settings make: on clusters that are this test's alone.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_forgets_or_only_follows_is_refused() {
    let clusters = TestClusters::dedicated().await;
    let connect = |role| ALL.map(|database| clusters.options(database, role));
    store::bootstrap::ensure_identity(&connect(Role::Owner)).await.unwrap();
    let options = options_of(connect(Role::App));
    let mut superuser = clusters.options(Phi, Role::Superuser).connect().await.unwrap();
    for sql in ["alter system set full_page_writes = off", "select pg_reload_conf()"] {
        sqlx::raw_sql(sql).execute(&mut superuser).await.unwrap();
    }
    drop(superuser);
    crate::house::until("the setting holds", async || {
        said(&options, Phi).await.0 == ["phi runs with fsync or full_page_writes off"]
    })
    .await;
    clusters.stop(Clinical, StopMode::Fast).await;
    std::fs::write(clusters.clusters().cluster_folder(Clinical).join("standby.signal"), "").unwrap();
    clusters.start(Clinical).await;
    let (refusals, _) = said(&options, Clinical).await;
    assert_eq!(refusals, ["clinical is in recovery: paired commits need its primary"]);
}

/// A clock that is ahead.
struct Ahead(TimeDelta);

impl Clock for Ahead {
    fn now(&self) -> DateTime<Utc> {
        Utc::now() + self.0
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_stop_the_start_is_a_warning() {
    let house = House::open().await;
    let databases = &house.databases;
    run(databases, Phi, Role::Superuser, "alter role salus_app in database $db set log_statement = 'all'")
        .await;
    run(
        databases,
        Phi,
        Role::Owner,
        "begin; select 1; create table strange (a int); prepare transaction 'a\"b$db'",
    )
    .await;
    let mut options = options(databases);
    options.clock = Arc::new(Ahead(TimeDelta::seconds(5)));
    options.pools[Phi.index()] = Pool { max_connections: 5_000, ..Pool::default() };
    let (refusals, warnings) = said(&options, Phi).await;
    run(databases, Phi, Role::Owner, "rollback prepared 'a\"b$db'").await;
    assert!(refusals.is_empty(), "{refusals:?}");
    for line in [
        "the clock of phi differs from this machine's by",
        "the log of phi may show values of statements: log_statement = all",
        "phi holds 1 prepared transactions that are not of this installation: a?b",
        "connections, and this server may open 5005",
    ] {
        assert!(warnings.iter().any(|said| said.contains(line)), "{line}: {warnings:?}");
    }
    let (_, warnings) = said(&crate::house::options(databases), Phi).await;
    assert!(!warnings.iter().any(|said| said.contains("clock") || said.contains("5005")), "{warnings:?}");
}
