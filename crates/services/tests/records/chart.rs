//! What the chart costs in statements, and what trace it leaves.

use std::sync::Arc;

use domain::chart::Entry;
use domain::chart::allergy::Allergy;
use domain::chart::problem::Problem;
use domain::chart::vital_signs::VitalSigns;
use kernel::{Database, InstanceId};
use seal::{Keyring, MasterKey};
use serde_json::json;
use services::chart::{self, ChartError, SetFilters};
use services::record::{EntryOutcome, Write};
use store::{Pool, Store, StoreOptions};
use test_support::{CountingProxy, Role, TestDatabases, sqlx};

use crate::harness::{ALICE, BOB, context};

async fn write(store: &Store, write: Write) -> String {
    let mut written = store.execute(write, context(ALICE)).await.unwrap().output;
    match written.entries.pop() {
        Some(EntryOutcome::Done(done)) => done.key.id,
        other => panic!("{other:?}"),
    }
}

fn problem(text: &str) -> Problem {
    serde_json::from_value(json!({ "code": { "text": text } })).unwrap()
}

fn vital_signs(minute: usize) -> VitalSigns {
    let at = format!("2026-03-01T{:02}:{:02}:00Z", minute / 60, minute % 60);
    serde_json::from_value(json!({
        "measured_at": at, "heart_rate": 60, "systolic": 120, "diastolic": 80, "weight": 80, "height": 180, "pain": 0,
    }))
    .unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_summary_and_a_list_of_vital_signs_are_the_same_statements_whatever_the_number_of_records() {
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
    let name = json!({ "resourceType": "Patient", "name": [{ "family": "Counted" }] });
    let patient = fhir::ResourceType::Patient;
    let patient = write(&store, Write::create(patient, name.to_string().into_bytes(), None).unwrap()).await;

    let mut summaries = Vec::new();
    let mut lists = Vec::new();
    let mut made = 0;
    for sets in [2, 30] {
        while made < sets {
            let asked = context(ALICE);
            write(&store, chart::create(&asked, &patient, problem(&format!("p{made}"))).unwrap()).await;
            let allergy: Allergy =
                serde_json::from_value(json!({ "code": { "text": format!("a{made}") } })).unwrap();
            write(&store, chart::create(&asked, &patient, allergy).unwrap()).await;
            let set = chart::create_vital_signs(&asked, &patient, vital_signs(made)).unwrap();
            write(&store, set).await;
            made += 1;
        }
        // A connection that is new prepares its statements first: the least of several runs is what it costs.
        let (mut summary_least, mut list_least) = ([u64::MAX; 3], [u64::MAX; 3]);
        for _ in 0..6 {
            let before = proxies.each_ref().map(CountingProxy::statements);
            let summary = chart::summary(&store, &context(ALICE), &patient).await.unwrap();
            let between = proxies.each_ref().map(CountingProxy::statements);
            let filters = SetFilters { limit: 100, ..SetFilters::default() };
            let list = chart::list_vital_signs(&store, &context(ALICE), &patient, &filters).await.unwrap();
            let after = proxies.each_ref().map(CountingProxy::statements);
            assert_eq!(
                (summary.problems.len(), summary.allergies.len(), list.items.len()),
                (sets, sets, sets)
            );
            assert_eq!(summary.vital_signs.len(), 7);
            assert_eq!(list.items[0].observations.len(), 7, "{:?}", list.items[0]);
            for i in 0..3 {
                summary_least[i] = summary_least[i].min(between[i] - before[i]);
                list_least[i] = list_least[i].min(after[i] - between[i]);
            }
        }
        summaries.push(summary_least);
        lists.push(list_least);
    }
    println!("statements in auth, phi, clinical: summary {summaries:?}, list {lists:?}");
    assert_eq!(summaries[0], summaries[1]);
    assert_eq!(lists[0], lists[1]);
    // begin, the slices, commit, the audit row; in phi the Patient and the audit row.
    assert!(summaries[0][1] <= 3 && summaries[0][2] <= 6, "{summaries:?}");
    assert!(lists[0][1] == 0 && lists[0][2] <= 14, "{lists:?}");

    let audited = async |database, operation: &str| -> i64 {
        let mut connection = databases.connect(database, Role::Superuser).await;
        let rows = "select count(*) from audit.event where operation = $1 and cardinality(patients) = 1";
        sqlx::query_scalar(rows).bind(operation).fetch_one(&mut connection).await.unwrap()
    };
    assert_eq!(audited(Database::Clinical, "chart.read").await, 12, "every summary names its patient there");
    assert_eq!(audited(Database::Phi, "record.read").await, 12, "and here");

    let nobody = chart::summary(&store, &context(BOB), &patient).await;
    assert!(matches!(nobody, Err(ChartError::Missing("patient"))), "{nobody:?}");
    let mut connection = databases.connect(Database::Clinical, Role::Superuser).await;
    let rows = "select count(*) from audit.event where outcome = 'missing' and tenant = 2 and fhir_id = $1";
    let missing: i64 = sqlx::query_scalar(rows).bind(&patient).fetch_one(&mut connection).await.unwrap();
    assert_eq!(missing, 1, "whoever asks for what is not theirs leaves a trace");
}

#[test]
fn an_entry_that_is_wrong_is_refused_before_anything_is_asked_of_a_database() {
    let Err(ChartError::Invalid(faults)) = chart::create(&context(ALICE), "p", Problem::default()) else {
        panic!()
    };
    assert_eq!(faults.list()[0].pointer, "/code");
    assert_eq!(Problem::NOUN, "problem");
}
