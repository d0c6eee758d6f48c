//! Sessions and failed logins against a real database, as the server's own login.

#![allow(clippy::unwrap_used, clippy::expect_used)] // A test says what it expects by failing.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use db_auth::{PgAccounts, PgOrganizations, PgSessions, sessions};
use domain::store::{
    Accounts, Attempts, EndReason, NewAccount, NewOrganization, NewSession, OrganizationKind,
    OrganizationStatus, Organizations, Sessions, StaleAttempts, Status, Whose,
};
use kernel::{AccountId, Database, Secret, SessionId, Tenant};
use sqlx::{Connection, PgConnection};
use test_support::{Role, TestDatabases};

/// An organization with an account.
async fn founded(connection: &mut PgConnection, username: &str) -> (Tenant, AccountId) {
    let tenant = PgOrganizations::new(connection).create(&NewOrganization::named(username)).await.unwrap();
    let account = NewAccount::new(username, Secret::new("$argon2id$".to_owned()), &["nurse"]);
    PgAccounts::new(connection).create_account(tenant, &account).await.unwrap();
    (tenant, account.id)
}

async fn open(
    connection: &mut PgConnection,
    (tenant, account): (Tenant, AccountId),
    at: DateTime<Utc>,
) -> SessionId {
    let session = NewSession {
        id: SessionId::generate(),
        account,
        tenant,
        at,
        expires_at: at + TimeDelta::hours(12),
        user_agent: Some("test".to_owned()),
        address: Some([192, 0, 2, 1].into()),
        refresh_hash: [SessionId::generate().uuid().as_bytes().as_slice(), &[7; 16]]
            .concat()
            .try_into()
            .unwrap(),
    };
    PgSessions::new(connection).open(&session).await.unwrap();
    session.id
}

#[tokio::test]
async fn states_in_the_code_are_those_that_the_tables_allow() {
    let databases = TestDatabases::fresh().await;
    let mut connection = databases.connect(Database::Auth, Role::Superuser).await;
    let names = |all: &[&str]| all.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    let expected = [
        ("session_reason_is_known", names(&EndReason::ALL.map(EndReason::name))),
        ("account_status_is_known", names(&Status::ALL.map(Status::name))),
        ("membership_status_is_known", names(&Status::ALL.map(Status::name))),
        ("organization_kind_is_known", names(&OrganizationKind::ALL.map(OrganizationKind::name))),
        ("organization_status_is_known", names(&OrganizationStatus::ALL.map(OrganizationStatus::name))),
    ];
    for (constraint, mut names) in expected {
        let allowed: String =
            sqlx::query_scalar("select pg_get_constraintdef(oid) from pg_constraint where conname = $1")
                .bind(constraint)
                .fetch_one(&mut connection)
                .await
                .unwrap();
        let mut allowed: Vec<_> = allowed.split('\'').skip(1).step_by(2).map(str::to_owned).collect();
        allowed.sort();
        names.sort();
        assert_eq!(allowed, names, "{constraint}");
    }
}

#[tokio::test]
async fn a_session_is_seen_by_whom_it_concerns_alone() {
    let databases = TestDatabases::fresh().await;
    let mut connection = databases.connect(Database::Auth, Role::App).await;
    let mut transaction = connection.begin().await.unwrap();
    let (north, south) = (founded(&mut transaction, "anna").await, founded(&mut transaction, "bert").await);
    let now = Utc::now();
    let session = open(&mut transaction, north, now).await;
    // No scope is left behind by what was done.
    let seen = async |transaction: &mut PgConnection| -> i64 {
        sqlx::query_scalar("select count(*) from identity.session").fetch_one(transaction).await.unwrap()
    };
    assert_eq!(seen(&mut transaction).await, 0);
    let mut sessions = PgSessions::new(&mut transaction);
    assert_eq!(sessions.open_of(north.1, now).await.unwrap().len(), 1);
    assert!(sessions.open_of(south.1, now).await.unwrap().is_empty());
    assert_eq!(sessions.end(Whose::Account(south.1), now, EndReason::Logout).await.unwrap(), 0);
    assert_eq!(sessions.end(Whose::Organization(south.0), now, EndReason::Suspended).await.unwrap(), 0);
    let found = sessions.find(session).await.unwrap().unwrap();
    assert_eq!((found.account, found.tenant, found.revoked), (north.1, north.0, false));
    assert_eq!(found.address, Some([192, 0, 2, 1].into()));
    assert_eq!(seen(&mut transaction).await, 0);
}

#[tokio::test]
async fn what_changed_lately_is_heard_of_over_all_organizations_and_nothing_else() {
    let databases = TestDatabases::fresh().await;
    let mut connection = databases.connect(Database::Auth, Role::App).await;
    let now = Utc::now();
    let mut transaction = connection.begin().await.unwrap();
    let (north, south) = (founded(&mut transaction, "anna").await, founded(&mut transaction, "bert").await);
    let ended = open(&mut transaction, north, now).await;
    let raised = open(&mut transaction, south, now).await;
    let untouched = open(&mut transaction, south, now).await;
    let mut store = PgSessions::new(&mut transaction);
    store.end(Whose::AccountExcept(north.1, untouched), now, EndReason::Password).await.unwrap();
    store.end(Whose::Session(untouched), now, EndReason::Logout).await.unwrap();
    assert_eq!(store.raise_epoch(south.0, south.1, now).await.unwrap(), 1);
    transaction.commit().await.unwrap();

    let mut heard = sessions::changed(&mut connection, Duration::from_secs(60)).await.unwrap();
    heard.sort_by_key(|change| [ended, raised, untouched].iter().position(|it| *it == change.session));
    let heard: Vec<_> = heard.iter().map(|it| (it.session, it.epoch, it.revoked)).collect();
    assert_eq!(heard, [(ended, 1, true), (raised, 2, false), (untouched, 1, true)]);
    assert!(sessions::changed(&mut connection, Duration::ZERO).await.unwrap().is_empty());
}

#[tokio::test]
async fn what_nobody_asks_for_is_swept_and_the_rest_is_kept() {
    let databases = TestDatabases::fresh().await;
    let mut connection = databases.connect(Database::Auth, Role::App).await;
    let mut transaction = connection.begin().await.unwrap();
    let north = founded(&mut transaction, "anna").await;
    let now = Utc::now();
    let old = open(&mut transaction, north, now - TimeDelta::days(31)).await;
    let new = open(&mut transaction, north, now - TimeDelta::days(29)).await;
    let subjects: Vec<[u8; 32]> = (0..4).map(|number| [number; 32]).collect();
    let attempts = |failures, minutes| Attempts {
        failures,
        last_at: now - TimeDelta::minutes(minutes),
        blocked_until: now,
    };
    let known = [attempts(1, 16), attempts(1, 14), attempts(9, 23 * 60), attempts(9, 25 * 60)];
    let mut sessions = PgSessions::new(&mut transaction);
    sessions.lock_attempts(&subjects, now).await.unwrap();
    let pairs: Vec<_> = subjects.iter().copied().zip(known).collect();
    sessions.set_attempts(&pairs).await.unwrap();
    let stale = StaleAttempts {
        before: now - TimeDelta::hours(24),
        fewer_than: 5,
        few_before: now - TimeDelta::minutes(15),
    };
    sessions.sweep(now, stale).await.unwrap();
    let left = sessions.attempts(&subjects).await.unwrap();
    assert_eq!(left.iter().map(Option::is_some).collect::<Vec<_>>(), [false, true, true, false]);
    assert!(sessions.find(old).await.unwrap().is_none() && sessions.find(new).await.unwrap().is_some());
}
