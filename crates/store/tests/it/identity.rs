//! Which databases are worked with, and which are refused.

use kernel::Database::{Auth, Clinical, Phi};
use store::bootstrap::{BootstrapError, ensure_identity};
use store::{OpenError, Refusal, Store};
use test_support::{Role, TestDatabases};

use crate::house::{ALL, House, Put, context, options, options_of, owners};

async fn refusal(options: store::StoreOptions) -> Refusal {
    match Store::open(options).await {
        Err(OpenError::Refused(refusals)) => refusals.into_iter().next().unwrap(),
        Ok(_) => panic!("it was opened"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_installation_is_named_once() {
    let databases = TestDatabases::fresh().await;
    assert_eq!(refusal(options(&databases)).await, Refusal::NoIdentity(Auth));
    let pair = ensure_identity(&owners(&databases)).await.unwrap();
    assert_eq!(ensure_identity(&owners(&databases)).await.unwrap(), pair);
    let store = Store::open(options(&databases)).await.unwrap();
    assert!(store.health().is_ready(), "{:?}", store.health());
    store.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn databases_that_do_not_belong_together_are_refused() {
    let (ours, theirs) = (House::open().await, House::open().await);
    let app = |house: &House, database| house.databases.options(database, Role::App);
    let mixed = options_of([app(&ours, Auth), app(&ours, Phi), app(&theirs, Clinical)]);
    assert_eq!(refusal(mixed).await, Refusal::OtherPair(Clinical));
    let swapped = options_of([app(&ours, Auth), app(&ours, Clinical), app(&ours, Clinical)]);
    // A cluster's password is its own, so a swap within one cluster is what can be tried here.
    let found = refusal(swapped).await;
    assert_eq!(found, Refusal::WrongDatabase { expected: Phi, found: "c".to_owned() });
    let owners = [Auth, Phi].map(|database| ours.databases.options(database, Role::Owner));
    let [auth, phi] = owners;
    let mixed = [auth, phi, theirs.databases.options(Clinical, Role::Owner)];
    assert!(matches!(ensure_identity(&mixed).await, Err(BootstrapError::Foreign(Clinical))));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_restored_alone_is_refused() {
    let house = House::open().await;
    house.run(Clinical, Role::Owner, "update txn.identity set epoch = 2").await;
    let found = refusal(options(&house.databases)).await;
    assert_eq!(found, Refusal::OtherEpoch { database: Clinical, expected: 1, found: 2 });
    let named = ensure_identity(&owners(&house.databases)).await;
    assert!(matches!(named, Err(BootstrapError::OtherEpoch(Clinical))), "{named:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_database_is_not_named_anew() {
    let house = House::open().await;
    house.store.execute(Put::to(&ALL), context()).await.unwrap();
    house.run(Phi, Role::Owner, "delete from txn.identity").await;
    assert!(matches!(ensure_identity(&owners(&house.databases)).await, Err(BootstrapError::Lost(Phi))));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_that_may_do_everything_is_refused() {
    let house = House::open().await;
    let superusers = options_of(ALL.map(|database| house.databases.options(database, Role::Superuser)));
    assert!(matches!(refusal(superusers).await, Refusal::TooPowerful { database: Auth, .. }));
}

#[tokio::test(flavor = "multi_thread")]
async fn slots_must_suffice_for_the_permits() {
    let house = House::open().await;
    let greedy = store::StoreOptions { paired_permits: 100_000, ..options(&house.databases) };
    assert!(matches!(refusal(greedy).await, Refusal::TooFewSlots { database: Auth, needed: 100_008, .. }));
}
