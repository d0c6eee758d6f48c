//! Whoever writes for a patient holds the patient, in each database that is written.

use std::sync::Arc;
use std::time::Duration;

use domain::store::Key;
use domain::{Context, Operation, StoreError, Touches, UnitOfWork};
use fhir::ResourceType;
use kernel::Database;
use serde_json::{Value, json};
use services::record::Write;
use tokio::sync::Notify;

use crate::harness::{ALICE, Harness, context, key, start};

/// Takes a patient in one database for itself until it is told to let go.
struct Take {
    database: Database,
    patient: Key,
    taken: Arc<Notify>,
    let_go: Arc<Notify>,
}

impl Operation for Take {
    const NAME: &'static str = "test.take";
    type Output = ();
    type Error = StoreError;

    fn touches(&self) -> Touches {
        Touches::writes(&[self.database])
    }

    async fn run(&self, _: &Context, work: &mut dyn UnitOfWork) -> Result<(), StoreError> {
        work.records(self.database)?.lock(std::slice::from_ref(&self.patient)).await?;
        self.taken.notify_one();
        self.let_go.notified().await;
        Ok(())
    }
}

/// Whether this resource waits to be created while somebody has the patient in this database.
async fn waits(harness: &Arc<Harness>, database: Database, patient: &str, resource: Value) -> bool {
    let (taken, let_go) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let take = Take {
        database,
        patient: key(ResourceType::Patient, patient),
        taken: Arc::clone(&taken),
        let_go: Arc::clone(&let_go),
    };
    let holder = Arc::clone(harness);
    let holding = tokio::spawn(async move { holder.store.execute(take, context(ALICE)).await.map(|_| ()) });
    taken.notified().await;
    let writer = Arc::clone(harness);
    let mut writing = tokio::spawn(async move {
        let kind = ResourceType::from_name(resource["resourceType"].as_str().unwrap()).unwrap();
        let write = Write::create(kind, resource.to_string().into_bytes(), None).unwrap();
        writer.execute(ALICE, write).await.map(|_| ())
    });
    let waited = tokio::time::timeout(Duration::from_millis(400), &mut writing).await.is_err();
    let_go.notify_one();
    holding.await.unwrap().unwrap();
    if waited {
        writing.await.unwrap().unwrap();
    }
    waited
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_record_in_each_database_waits_for_whoever_has_its_patient() {
    let harness = Arc::new(start().await);
    let patient = harness.patient(ALICE, "Held").await;
    let other = harness.patient(ALICE, "Free").await;
    let coverage = |id: &str| {
        json!({"resourceType": "Coverage", "status": "active",
            "beneficiary": {"reference": format!("Patient/{id}")}, "payor": [{"display": "x"}]})
    };
    let observation = json!({"resourceType": "Observation", "status": "final", "code": {"text": "x"},
        "subject": {"reference": format!("Patient/{patient}")}});
    assert!(waits(&harness, Database::Phi, &patient, coverage(&patient)).await);
    assert!(waits(&harness, Database::Clinical, &patient, observation).await);
    assert!(
        !waits(&harness, Database::Phi, &patient, coverage(&other)).await,
        "another's record does not wait"
    );
}
