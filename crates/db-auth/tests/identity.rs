//! Accounts and slots against a real database, as the server's own login.

#![allow(clippy::unwrap_used, clippy::expect_used)] // A test says what it expects by failing.

use db_auth::{PgAccounts, PgOrganizations, slot};
use domain::store::{Accounts, NewAccount, NewOrganization, Organizations};
use kernel::{Database, InstanceId, Secret, Tenant};
use sqlx::{Connection, PgConnection};
use test_support::{Role, TestDatabases};

fn account(username: &str) -> NewAccount {
    NewAccount::new(username, Secret::new("$argon2id$".to_owned()), &["administrator"])
}

async fn organization(connection: &mut PgConnection, name: &str) -> Tenant {
    PgOrganizations::new(connection).create(&NewOrganization::named(name)).await.unwrap()
}

#[tokio::test]
async fn an_account_is_found_with_its_own_memberships_and_no_others() {
    let databases = TestDatabases::fresh().await;
    let mut connection = databases.connect(Database::Auth, Role::App).await;
    let mut transaction = connection.begin().await.unwrap();
    assert!(PgAccounts::new(&mut transaction).is_empty().await.unwrap());
    let one = organization(&mut transaction, "One").await;
    let two = organization(&mut transaction, "Two").await;
    let mut accounts = PgAccounts::new(&mut transaction);
    assert_ne!(one, two);
    accounts.create_account(one, &account("anna")).await.unwrap();
    accounts.create_account(two, &account("bert")).await.unwrap();
    assert!(!accounts.is_empty().await.unwrap());

    let anna = accounts.find_by_username("anna").await.unwrap().unwrap();
    let memberships: Vec<_> =
        anna.memberships.iter().map(|it| (it.tenant, it.organization_name.as_str())).collect();
    assert_eq!(memberships, [(one, "One")]);
    assert_eq!(accounts.find(anna.id).await.unwrap().unwrap().username, "anna");
    assert!(accounts.find_by_username("Anna").await.unwrap().is_none());

    let secret = |text: &str| Secret::new(text.to_owned());
    accounts.replace_password_hash(anna.id, &secret("old"), &secret("wrong")).await.unwrap();
    accounts.replace_password_hash(anna.id, &anna.password_hash, &secret("another")).await.unwrap();
    let changed = accounts.find(anna.id).await.unwrap().unwrap();
    assert_eq!(changed.password_hash.expose(), "another");
}

#[tokio::test]
async fn what_is_written_for_another_organization_leaves_the_transactions_own_in_place() {
    let databases = TestDatabases::fresh().await;
    let mut connection = databases.connect(Database::Auth, Role::App).await;
    let mut transaction = connection.begin().await.unwrap();
    sqlx::query("select set_config('app.tenant', '41', true)").execute(&mut *transaction).await.unwrap();
    let tenant = organization(&mut transaction, "Other").await;
    let mut accounts = PgAccounts::new(&mut transaction);
    accounts.create_account(tenant, &account("anna")).await.unwrap();
    let now: String = sqlx::query_scalar("select current_setting('app.tenant')")
        .fetch_one(&mut *transaction)
        .await
        .unwrap();
    assert_eq!(now, "41");
}

#[tokio::test]
async fn a_name_is_taken_once() {
    let databases = TestDatabases::fresh().await;
    let mut connection = databases.connect(Database::Auth, Role::App).await;
    let mut transaction = connection.begin().await.unwrap();
    let tenant = organization(&mut transaction, "One").await;
    let mut accounts = PgAccounts::new(&mut transaction);
    accounts.create_account(tenant, &account("anna")).await.unwrap();
    let error = accounts.create_account(tenant, &account("anna")).await.unwrap_err();
    assert_eq!(error, domain::StoreError::Constraint { name: "account_username_is_unique".to_owned() });
}

async fn claim(connection: &mut PgConnection, instance: InstanceId, now_ms: i64) -> slot::Lease {
    slot::claim(connection, instance, now_ms).await.unwrap().unwrap()
}

#[tokio::test]
async fn two_servers_never_hold_one_slot_and_a_returned_one_is_taken_first() {
    let databases = TestDatabases::fresh().await;
    let mut connection = databases.connect(Database::Auth, Role::App).await;
    let (first, second, third) = (InstanceId::generate(), InstanceId::generate(), InstanceId::generate());
    let a = claim(&mut connection, first, 1_000).await;
    let b = claim(&mut connection, second, 1_000).await;
    assert_ne!(a.slot, b.slot);
    slot::release(&mut connection, first, a.slot, 7_777).await.unwrap();
    let again = claim(&mut connection, third, 2_000).await;
    assert_eq!(again, slot::Lease { slot: a.slot, not_before_ms: 7_777 });
    assert!(!slot::heartbeat(&mut connection, first, a.slot, 9_000).await.unwrap());
    assert!(slot::heartbeat(&mut connection, third, a.slot, 9_000).await.unwrap());
}

#[tokio::test]
async fn when_all_slots_are_held_only_a_silent_one_is_taken_and_its_promise_is_kept() {
    let databases = TestDatabases::fresh().await;
    let mut connection = databases.connect(Database::Auth, Role::App).await;
    for _ in 0..=255 {
        claim(&mut connection, InstanceId::generate(), 1_000).await;
    }
    let late = InstanceId::generate();
    assert_eq!(slot::claim(&mut connection, late, 50_000).await.unwrap(), None);
    sqlx::query("update identity.instance_slot set seen_at = seen_at - interval '16 seconds' where slot = 9")
        .execute(&mut connection)
        .await
        .unwrap();
    let lease = claim(&mut connection, late, 50_000).await;
    assert_eq!(lease, slot::Lease { slot: 9, not_before_ms: 50_000 + slot::PROMISE_MS });
}
