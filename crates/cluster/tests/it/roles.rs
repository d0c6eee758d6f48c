//! What each role may and may not do.

use cluster::Role;
use kernel::Database;
use sqlx::{AssertSqlSafe, ConnectOptions, Executor, PgConnection, raw_sql};
use test_support::TestDatabases;

/// The SQLSTATE with which a statement is refused.
async fn refusal(connection: &mut PgConnection, statement: &str) -> String {
    match connection.execute(AssertSqlSafe(statement.to_owned())).await {
        Ok(_) => panic!("not refused: {statement}"),
        Err(error) => error.as_database_error().unwrap().code().unwrap().into_owned(),
    }
}

#[tokio::test]
async fn the_app_role_creates_nothing_and_becomes_nobody() {
    let databases = TestDatabases::fresh().await;
    for database in Database::ALL {
        let mut app = databases.connect(database, Role::App).await;
        for statement in [
            "create table public.t (id int)",
            "create temporary table t (id int)",
            "create schema s",
            "create function public.f() returns int language sql as 'select 1'",
            "create role r",
            "create database d",
            "set role salus_owner",
            "set role salus_superuser",
            "set session authorization salus_owner",
            "select lo_create(0)",
            "select pg_read_file('postgresql.conf')",
            "copy (select 1) to program 'true'",
            "alter function pg_catalog.arraycontains(anyarray, anyarray) not leakproof",
        ] {
            assert_eq!(refusal(&mut app, statement).await, "42501", "{database}: {statement}");
        }
    }
}

#[tokio::test]
async fn row_security_binds_the_app_role_and_a_forced_owner() {
    let databases = TestDatabases::fresh().await;
    let mut owner = databases.connect(Database::Phi, Role::Owner).await;
    raw_sql(
        "create table public.secret (tenant int);
         insert into public.secret values (1), (2);
         alter table public.secret enable row level security;
         alter table public.secret force row level security;
         create policy tenant on public.secret using (tenant = 1);
         grant select on public.secret to salus_app",
    )
    .execute(&mut owner)
    .await
    .unwrap();
    for role in [Role::App, Role::Owner] {
        let mut connection = databases.connect(Database::Phi, role).await;
        let seen: i64 = sqlx::query_scalar("select count(*) from public.secret")
            .fetch_one(&mut connection)
            .await
            .unwrap();
        assert_eq!(seen, 1, "{role:?}");
    }
    let mut app = databases.connect(Database::Phi, Role::App).await;
    assert_eq!(refusal(&mut app, "alter table public.secret disable row level security").await, "42501");
    // With row_security off a role that it binds gets an error instead of rows.
    raw_sql("set row_security = off").execute(&mut app).await.unwrap();
    assert_eq!(refusal(&mut app, "select tenant from public.secret").await, "42501");
}

#[tokio::test]
async fn no_role_has_more_than_its_attributes() {
    let databases = TestDatabases::fresh().await;
    for database in Database::ALL {
        let mut superuser = databases.connect(database, Role::Superuser).await;
        let rows: Vec<(String, bool, bool, bool)> = sqlx::query_as(
            "select rolname::text, rolsuper, rolcanlogin, \
             rolcreaterole or rolcreatedb or rolreplication or rolbypassrls \
             from pg_roles where rolname not like 'pg\\_%' order by rolname collate \"C\"",
        )
        .fetch_all(&mut superuser)
        .await
        .unwrap();
        let expected = [
            ("salus_app", false, true, false),
            ("salus_backup", false, true, true),
            ("salus_gc", false, false, false),
            ("salus_keys", false, false, false),
            ("salus_owner", false, true, false),
            ("salus_superuser", true, true, true),
        ];
        let rows: Vec<_> = rows.iter().map(|(name, a, b, c)| (name.as_str(), *a, *b, *c)).collect();
        assert_eq!(rows, expected);
        let members: i64 = sqlx::query_scalar(
            "select count(*) from pg_auth_members where member::regrole::text like 'salus%' \
             and member::regrole::text <> 'salus_superuser' \
             and (member::regrole::text, roleid::regrole::text) <> ('salus_backup', 'pg_read_all_data')",
        )
        .fetch_one(&mut superuser)
        .await
        .unwrap();
        assert_eq!(members, 0);
    }
}

#[tokio::test]
async fn one_cluster_s_password_is_useless_on_another() {
    let databases = TestDatabases::fresh().await;
    let mut passwords = Vec::new();
    for database in Database::ALL {
        let mut superuser = databases.connect(database, Role::Superuser).await;
        let folder: String = sqlx::query_scalar("select current_setting('data_directory')")
            .fetch_one(&mut superuser)
            .await
            .unwrap();
        let data_dir = std::path::Path::new(&folder).ancestors().nth(2).unwrap();
        let read =
            |role| std::fs::read_to_string(data_dir.join(format!("secrets/{database}-{role}"))).unwrap();
        passwords.push((database, read("app").trim().to_owned()));
    }
    for database in Database::ALL {
        for (whose, password) in &passwords {
            let options = databases.options(database, Role::App).password(password);
            let login = options.connect().await;
            assert_eq!(login.is_ok(), *whose == database, "{whose}'s password on {database}");
            if let Err(error) = login {
                assert_eq!(error.as_database_error().unwrap().code().unwrap(), "28P01");
            }
        }
        let elsewhere = databases.options(database, Role::App).database("postgres").connect().await;
        assert_eq!(elsewhere.unwrap_err().as_database_error().unwrap().code().unwrap(), "42501");
    }
}

#[tokio::test]
async fn the_app_role_has_time_outs_and_the_owner_none() {
    let databases = TestDatabases::fresh().await;
    for (role, expected) in [(Role::App, "5s 2s 10s"), (Role::Owner, "0 0 0")] {
        let mut connection = databases.connect(Database::Clinical, role).await;
        let found: String = sqlx::query_scalar(
            "select concat_ws(' ', current_setting('statement_timeout'), current_setting('lock_timeout'), \
             current_setting('idle_in_transaction_session_timeout'))",
        )
        .fetch_one(&mut connection)
        .await
        .unwrap();
        assert_eq!(found, expected);
    }
}

#[tokio::test]
async fn a_transaction_of_the_app_role_can_be_prepared() {
    let databases = TestDatabases::fresh().await;
    let mut app = databases.connect(Database::Auth, Role::App).await;
    let gid = format!("test-{}", databases.name(Database::Auth));
    raw_sql("begin; select pg_current_xact_id()").execute(&mut app).await.unwrap();
    raw_sql(AssertSqlSafe(format!("prepare transaction '{gid}'"))).execute(&mut app).await.unwrap();
    raw_sql(AssertSqlSafe(format!("rollback prepared '{gid}'"))).execute(&mut app).await.unwrap();
}
