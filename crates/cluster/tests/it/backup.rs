//! The point at which a backup is taken, what it finds, and restoring into databases of others.

use std::time::{Duration, Instant};

use cluster::backup::{self, Backup, BackupError, BackupProgress, Half, Restore, Take, Target, Tools};
use cluster::{Login, Role};
use kernel::{Database, Secret};
use sqlx::{AssertSqlSafe, Connection, PgConnection, raw_sql};
use tempfile::TempDir;
use test_support::TestDatabases;
use uuid::Uuid;

const PAIR: &str = "5a105a10-0000-4000-8000-000000000001";

async fn run(connection: &mut PgConnection, statements: &str) {
    raw_sql(AssertSqlSafe(statements.to_owned())).execute(connection).await.unwrap();
}

/// Three databases that are one installation.
async fn installation() -> TestDatabases {
    let databases = TestDatabases::fresh().await;
    for database in Database::ALL {
        let mut owner = databases.connect(database, Role::Owner).await;
        let code = database.code();
        let identity = format!(
            "insert into txn.identity select '{PAIR}', '{code}', s.system_identifier::text, 1 from pg_control_system() s"
        );
        run(&mut owner, &identity).await;
    }
    databases
}

fn logins(databases: &TestDatabases, role: Role) -> [Login; 3] {
    Database::ALL.map(|database| databases.login(database, role))
}

async fn take(logins: &[Login; 3], to: &TempDir) -> Result<Backup, BackupError> {
    let tools = Tools::fitting(None, Database::Auth, &logins[0]).await?;
    let wanted = Take { logins, tools: &tools, to: to.path(), master_key_id: None, program: "test" };
    backup::take(&wanted, &|_: BackupProgress| {}).await
}

fn transaction(number: u128) -> Uuid {
    Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0000 + number)
}

fn decision(number: u128, participants: &str) -> String {
    format!(
        "insert into txn.decision (gtx, verdict, participants, op, instance, decided_by)
         values ('{}', 'commit', '{{{participants}}}', 'test', '{}', 'coordinator')",
        transaction(number),
        Uuid::nil()
    )
}

fn mark(number: u128, decider: char) -> String {
    format!("insert into txn.applied (gtx, decider) values ('{}', '{decider}')", transaction(number))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_waits_for_what_is_being_decided_and_for_what_is_in_doubt() {
    let databases = installation().await;
    let mut decider = databases.connect(Database::Auth, Role::App).await;
    let mut participant = databases.connect(Database::Phi, Role::App).await;
    let gid = format!("salus1.{}.m.p.1.{}", &PAIR[..8], transaction(1));
    run(&mut decider, &format!("begin; {}", decision(1, "p"))).await;
    run(&mut participant, &format!("begin; {}; prepare transaction '{gid}'", mark(1, 'm'))).await;
    let coordinator = tokio::spawn(async move {
        tokio::time::sleep(Duration::from_millis(600)).await;
        run(&mut decider, "commit").await;
        tokio::time::sleep(Duration::from_millis(1_500)).await;
        run(&mut participant, &format!("commit prepared '{gid}'")).await;
        Instant::now()
    });
    let to = tempfile::tempdir().unwrap();
    let taken = take(&logins(&databases, Role::Superuser), &to).await.unwrap();
    let finished = Instant::now();
    assert!(coordinator.await.unwrap() < finished, "the point is after the end of the transaction");
    assert_eq!(taken.manifest.findings, []);
    assert_eq!(taken.contents(Database::Auth).counts.decisions, 1);
    assert_eq!(taken.contents(Database::Phi).counts.applied, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_holds_nobody_up_who_writes_to_one_database() {
    let databases = installation().await;
    let writer = databases.connect(Database::Phi, Role::Owner).await;
    let writing = tokio::spawn(async move {
        let mut writer = writer;
        run(&mut writer, "create table public.plain (n int); set statement_timeout = '900ms'").await;
        let began = Instant::now();
        let mut slowest = Duration::ZERO;
        while began.elapsed() < Duration::from_secs(2) {
            let before = Instant::now();
            run(&mut writer, "insert into public.plain values (1)").await;
            slowest = slowest.max(before.elapsed());
        }
        slowest
    });
    let to = tempfile::tempdir().unwrap();
    take(&logins(&databases, Role::Superuser), &to).await.unwrap();
    assert!(writing.await.unwrap() < Duration::from_millis(900));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn half_transactions_are_found_with_their_kind() {
    let databases = installation().await;
    let mut auth = databases.connect(Database::Auth, Role::App).await;
    let mut phi = databases.connect(Database::Phi, Role::App).await;
    let mut clinical = databases.connect(Database::Clinical, Role::App).await;
    // 1 is whole, 2 lacks its mark in clinical, 3 was never decided, 4 is whole between the other two, 5 was aborted.
    run(&mut auth, &format!("{}; {}", decision(1, "p,c"), decision(2, "p,c"))).await;
    run(&mut auth, &decision(5, "p").replace("'commit'", "'abort'")).await;
    run(&mut phi, &format!("{}; {}; {}; {}", mark(1, 'm'), mark(2, 'm'), mark(3, 'm'), decision(4, "c")))
        .await;
    run(&mut clinical, &format!("{}; {}", mark(1, 'm'), mark(4, 'p'))).await;
    let found = backup::reconcile(&logins(&databases, Role::Owner)).await.unwrap();
    let found: Vec<_> =
        found.iter().map(|it| (it.half, it.transaction, it.decider, it.participant)).collect();
    assert_eq!(found, [(Half::Orphan, transaction(3), 'm', 'p'), (Half::Lost, transaction(2), 'm', 'c')]);

    // What is older than the watermark may have been forgotten on either side.
    let mut superuser = databases.connect(Database::Auth, Role::Superuser).await;
    let watermark = format!("insert into txn.gc_watermark values ('m', '{}')", transaction(3));
    run(&mut superuser, &watermark).await;
    let found = backup::reconcile(&logins(&databases, Role::Owner)).await.unwrap();
    assert_eq!(found.iter().map(|it| it.transaction).collect::<Vec<_>>(), [transaction(3)]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn databases_of_others_are_backed_up_and_restored_without_a_superuser() {
    let (from, into) = (installation().await, installation().await);
    for database in Database::ALL {
        let mut superuser = from.connect(database, Role::Superuser).await;
        run(&mut superuser, "alter role salus_backup login password 'backup'").await;
        run(
            &mut superuser,
            "insert into record.resource (rid, tenant, type, version, last_updated, fhir_id, tokens, body)
             select n, 1 + n % 2, 1, 1, now(), 'r' || n, array[n], 'sealed' from generate_series(1, 1000) n",
        )
        .await;
    }
    let reader = |databases: &TestDatabases, database| Login {
        user: "salus_backup".to_owned(),
        password: Some(Secret::new("backup".to_owned())),
        ..databases.login(database, Role::App)
    };
    let to = tempfile::tempdir().unwrap();
    let taken = take(&Database::ALL.map(|database| reader(&from, database)), &to).await.unwrap();
    assert_eq!(taken.contents(Database::Clinical).counts.records, 1000, "row security hides nothing");

    let (owners, readers) =
        (logins(&into, Role::Owner), Database::ALL.map(|database| reader(&into, database)));
    let tools = Tools::fitting(None, Database::Auth, &readers[0]).await.unwrap();
    let target = Target::Given { owners: &owners, readers: &readers };
    let restore = |force| {
        let wanted = Restore { target, tools: &tools, backup: &taken, force };
        async move { backup::restore(&wanted, &|_: BackupProgress| {}).await }
    };
    assert!(matches!(restore(false).await, Err(BackupError::NotEmpty(Database::Auth))));
    let server = into.connect(Database::Phi, Role::App).await;
    let refused = restore(true).await.unwrap_err();
    assert!(matches!(refused, BackupError::InUse { database: Database::Phi, .. }), "{refused}");
    server.close().await.unwrap();
    // The server forgets a session a moment after it ended.
    tokio::time::sleep(Duration::from_millis(300)).await;
    let restored = restore(true).await.unwrap();
    assert_eq!(restored.epoch, 2);

    let mut app = into.connect(Database::Clinical, Role::App).await;
    let count = "select count(*) from record.resource";
    assert_eq!(
        sqlx::query_scalar::<_, i64>(count).fetch_one(&mut app).await.unwrap(),
        0,
        "row security is back"
    );
    run(&mut app, "set app.tenant = '1'").await;
    assert_eq!(sqlx::query_scalar::<_, i64>(count).fetch_one(&mut app).await.unwrap(), 500);
    let search = "explain select 1 from record.resource where tenant = 1 and tokens @> array[7::bigint]";
    let plan: Vec<String> = sqlx::query_scalar(search).fetch_all(&mut app).await.unwrap();
    assert!(plan.concat().contains("Index"), "statistics and indexes are back: {plan:?}");
}
