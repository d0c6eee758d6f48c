//! What a write costs: statements, not records, are counted.

use std::sync::Arc;

use kernel::{Database, InstanceId};
use seal::{Keyring, MasterKey};
use serde_json::{Value, json};
use services::record::Write;
use store::{Pool, Store, StoreOptions};
use test_support::{CountingProxy, Role, TestDatabases};

use crate::harness::{ALICE, context, post, transaction};

/// A transaction of about `size` entries over three databases, with references of every kind.
fn bundle(size: usize) -> Value {
    let mut entries = vec![post("pat", json!({"resourceType": "Patient", "name": [{"family": "Many"}]}))];
    for n in 0..size / 3 {
        entries.push(post(
            &format!("doc{n}"),
            json!({"resourceType": "Practitioner", "name": [{"family": "D"}]}),
        ));
        entries.push(post(
            &format!("cov{n}"),
            json!({"resourceType": "Coverage", "status": "active", "beneficiary": {"reference": "urn:uuid:pat"},
                "payor": [{"reference": "Organization?identifier=urn:o|1"}]}),
        ));
        entries.push(post(
            &format!("obs{n}"),
            json!({"resourceType": "Observation", "status": "final", "code": {"text": "x"},
                "subject": {"reference": "urn:uuid:pat"}, "performer": [{"reference": format!("urn:uuid:doc{n}")}]}),
        ));
    }
    transaction(entries)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bundle_is_one_set_of_statements_per_database_whatever_its_size() {
    let databases = TestDatabases::fresh().await;
    let owners = Database::ALL.map(|database| databases.options(database, Role::Owner));
    store::bootstrap::ensure_identity(&owners).await.unwrap();
    let apps = Database::ALL.map(|database| databases.options(database, Role::App));
    let proxies = apps.each_ref().map(CountingProxy::before);
    let through = [0, 1, 2].map(|i| proxies[i].through(apps[i].clone()));
    let keyring = Arc::new(Keyring::new(MasterKey::generate().unwrap()));
    let mut options = StoreOptions::new(through, InstanceId::generate(), keyring);
    options.pools = [Pool { max_connections: 4, ..Pool::default() }; 3];
    let store = Store::open(options).await.unwrap();
    let run = async |bundle: &Value| {
        let write = Write::bundle(bundle.to_string().into_bytes()).unwrap();
        store.execute(write, context(ALICE)).await.map(|_| ()).unwrap();
    };
    let organization =
        json!({"resourceType": "Organization", "identifier": [{"system": "urn:o", "value": "1"}]});
    run(&transaction(vec![post("o", organization)])).await;

    // A connection that is new prepares its statements first: the least of several runs is the bundle's own.
    let mut least = Vec::new();
    for size in [10, 1_000] {
        let mut seen = [u64::MAX; 3];
        for _ in 0..6 {
            let before = proxies.each_ref().map(CountingProxy::statements);
            run(&bundle(size)).await;
            for (i, proxy) in proxies.iter().enumerate() {
                seen[i] = seen[i].min(proxy.statements() - before[i]);
            }
        }
        least.push(seen);
    }
    println!("statements in auth, phi, clinical for 10 and for 1,000 entries: {least:?}");
    assert_eq!(least[0], least[1]);
    assert!(least[0].iter().all(|statements| (1..=12).contains(statements)), "{least:?}");
}
