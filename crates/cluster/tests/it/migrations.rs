//! Up, down and up again, and what is refused.

use std::fs;
use std::path::Path;

use cluster::{MigrationError, Migrations, Role, prepare_database};
use kernel::Database;
use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, raw_sql};
use test_support::TestDatabases;

/// A folder laid out like the workspace's, with one migration for all and one for phi between the first and a
/// third.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for name in ["every", "auth", "phi", "clinical"] {
        fs::create_dir(folder.path().join(name)).unwrap();
    }
    write(folder.path(), "every/0001_base", "create table public.base (id int)", "drop table public.base");
    write(
        folder.path(),
        "phi/0002_name",
        "alter table public.base add column name text",
        "alter table public.base drop column name",
    );
    write(
        folder.path(),
        "every/0003_view",
        "create view public.v as select * from public.base",
        "drop view public.v",
    );
    folder
}

fn write(folder: &Path, name: &str, up: &str, down: &str) {
    fs::write(folder.join(format!("{name}.up.sql")), up).unwrap();
    fs::write(folder.join(format!("{name}.down.sql")), down).unwrap();
}

/// A database without any migration, beside the migrated ones.
async fn empty(databases: &TestDatabases, database: Database) -> PgConnectOptions {
    let name = format!("{}_empty", databases.name(database));
    let mut superuser = databases.connect(database, Role::Superuser).await;
    raw_sql(AssertSqlSafe(format!("create database {name} template template0")))
        .execute(&mut superuser)
        .await
        .unwrap();
    prepare_database(database, &databases.options(database, Role::Superuser).database(&name)).await.unwrap();
    databases.options(database, Role::Owner).database(&name)
}

/// Everything that migrations could have made: relations, functions, types and schemas, without the list of
/// migrations itself.
async fn made(options: &PgConnectOptions) -> Vec<String> {
    let mut connection = options.connect().await.unwrap();
    sqlx::query_scalar(
        "select pg_describe_object(classid, objid, 0) from (
             select 'pg_class'::regclass as classid, oid as objid from pg_class
                 where relnamespace::regnamespace::text <> 'pg_toast' 
             union all select 'pg_proc'::regclass, oid from pg_proc
             union all select 'pg_type'::regclass, oid from pg_type where typtype in ('c', 'd', 'e')
             union all select 'pg_namespace'::regclass, oid from pg_namespace where nspname !~ '^pg_'
             union all select 'pg_policy'::regclass, oid from pg_policy
             union all select 'pg_trigger'::regclass, oid from pg_trigger where not tgisinternal
             union all select 'pg_extension'::regclass, oid from pg_extension
         ) objects
         where objid >= 16384 and pg_describe_object(classid, objid, 0) !~ '_sqlx_migrations'
         order by 1",
    )
    .fetch_all(&mut connection)
    .await
    .unwrap()
}

#[tokio::test]
async fn common_and_own_migrations_run_in_one_order_up_and_down() {
    let databases = TestDatabases::fresh().await;
    let folder = folder();
    let migrations = Migrations::from_folder(folder.path()).await.unwrap();
    let phi = empty(&databases, Database::Phi).await;
    let auth = empty(&databases, Database::Auth).await;

    assert_eq!(migrations.up(Database::Phi, &phi).await.unwrap(), [1, 2, 3]);
    assert_eq!(migrations.up(Database::Phi, &phi).await.unwrap(), [0i64; 0]);
    assert_eq!(migrations.up(Database::Auth, &auth).await.unwrap(), [1, 3]);
    assert_eq!(migrations.down(Database::Phi, &phi, 1).await.unwrap(), [3, 2]);
    let status = migrations.status(Database::Phi, &phi).await.unwrap();
    let status: Vec<_> = status.iter().map(|s| (s.version, s.description.as_str(), s.applied)).collect();
    assert_eq!(status, [(1, "base", true), (2, "name", false), (3, "view", false)]);
    assert_eq!(migrations.up(Database::Phi, &phi).await.unwrap(), [2, 3]);
    assert_eq!(migrations.down(Database::Phi, &phi, 0).await.unwrap(), [3, 2, 1]);
    assert_eq!(made(&phi).await, [""; 0]);
}

#[tokio::test]
async fn changed_unknown_unpaired_and_failing_migrations_are_refused() {
    let databases = TestDatabases::fresh().await;
    let phi = empty(&databases, Database::Phi).await;
    let folder = folder();
    let path = folder.path();
    let load = async || Migrations::from_folder(path).await;
    load().await.unwrap().up(Database::Phi, &phi).await.unwrap();

    write(path, "phi/0002_name", "alter table public.base add column name int", "select 1");
    let changed = load().await.unwrap();
    let refused = |result| matches!(result, Err(MigrationError::Changed { version: 2, .. }));
    assert!(refused(changed.up(Database::Phi, &phi).await));
    assert!(refused(changed.down(Database::Phi, &phi, 0).await));
    assert!(matches!(changed.status(Database::Phi, &phi).await, Err(MigrationError::Changed { .. })));

    fs::remove_file(path.join("phi/0002_name.up.sql")).unwrap();
    assert!(matches!(load().await, Err(MigrationError::NotPaired { database: Database::Phi, version: 2 })));
    fs::remove_file(path.join("phi/0002_name.down.sql")).unwrap();
    let unknown = load().await.unwrap().up(Database::Phi, &phi).await;
    assert!(matches!(unknown, Err(MigrationError::Unknown { version: 2, .. })), "{unknown:?}");

    write(path, "phi/0002_name", "alter table public.base add column name text", "select 1");
    write(path, "phi/0004_broken", "create table public.half (id int); select 1 / 0", "select 1");
    let failed = load().await.unwrap().up(Database::Phi, &phi).await;
    assert!(matches!(failed, Err(MigrationError::Failed { version: 4, .. })), "{failed:?}");
    assert!(!made(&phi).await.contains(&"table half".to_owned()));

    write(path, "every/0004_twice", "select 1", "select 1");
    assert!(matches!(load().await, Err(MigrationError::NotPaired { version: 4, .. })));
}

#[tokio::test]
async fn every_migration_of_the_project_goes_up_down_and_up_to_the_same_schema() {
    let databases = TestDatabases::fresh().await;
    let migrations = Migrations::embedded().unwrap();
    for database in Database::ALL {
        let options = databases.options(database, Role::Owner);
        let first = made(&options).await;
        let down = migrations.down(database, &options, 0).await.unwrap();
        assert_eq!(made(&options).await, [""; 0], "{database}: what no migration takes down");
        let mut up = migrations.up(database, &options).await.unwrap();
        up.reverse();
        assert_eq!(up, down);
        assert_eq!(made(&options).await, first, "{database}");
    }
}

#[tokio::test]
async fn accounts_from_before_there_were_sessions_are_brought_along() {
    let databases = TestDatabases::fresh().await;
    let migrations = Migrations::embedded().unwrap();
    let owner = databases.options(Database::Auth, Role::Owner);
    migrations.down(Database::Auth, &owner, 4).await.unwrap();
    let mut superuser = databases.connect(Database::Auth, Role::Superuser).await;
    raw_sql(
        "insert into identity.organization (tenant, id, name) overriding system value
             values (1, gen_random_uuid(), 'One'), (2, gen_random_uuid(), 'Two');
         insert into identity.account (id, username, password_hash)
             values (gen_random_uuid(), 'admin', 'x'), (gen_random_uuid(), 'anna', 'x');
         insert into identity.membership (tenant, account, roles, created_at)
             select 1, id, '{administrator}', '2026-01-02' from identity.account where username = 'admin';
         insert into identity.membership (tenant, account, roles, created_at)
             select t, id, '{administrator}', '2026-01-03'::date - t from identity.account, generate_series(1, 2) t
             where username = 'anna';
         insert into identity.signing_key (kid, sealed) values ('k', '')",
    )
    .execute(&mut superuser)
    .await
    .unwrap();
    migrations.up(Database::Auth, &owner).await.unwrap();

    let rows: Vec<(String, i32, i32, Vec<String>)> = sqlx::query_as(
        "select a.username, a.home, m.tenant, m.roles from identity.account a
         join identity.membership m on m.account = a.id order by 1, 3",
    )
    .fetch_all(&mut superuser)
    .await
    .unwrap();
    let rows: Vec<_> = rows
        .iter()
        .map(|(name, home, tenant, roles)| (name.as_str(), *home, *tenant, roles.join(" ")))
        .collect();
    let both = "administrator system_administrator".to_owned();
    let one = "administrator".to_owned();
    assert_eq!(rows, [("admin", 1, 1, both), ("anna", 2, 1, one.clone()), ("anna", 2, 2, one)]);
    let unforced: i64 =
        sqlx::query_scalar("select count(*) from pg_class where relrowsecurity and not relforcerowsecurity")
            .fetch_one(&mut superuser)
            .await
            .unwrap();
    assert_eq!(unforced, 0, "the owner stands under the policies again");
}
