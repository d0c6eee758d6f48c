//! Merges of two patients below the door: what they cost at the most.

use fhir::outcome::IssueType;
use kernel::{Database, Phi};
use serde_json::{Value, json};
use services::patient::Merge;
use services::record::WriteError;

use crate::harness::{ALICE, Harness, context, start};

async fn merge(
    harness: &Harness,
    winner: &str,
    loser: &str,
    most_moved: usize,
) -> Result<(u32, u32), WriteError> {
    let reason = Phi::new("registered twice".to_owned());
    let merge = Merge { winner: winner.to_owned(), loser: loser.to_owned(), reason, most_moved };
    let merged = harness.store.execute(merge, context(ALICE)).await?.output;
    Ok((merged.moved_phi, merged.moved_clinical))
}

#[tokio::test]
async fn a_merge_of_more_records_than_it_may_move_is_refused_and_moves_none() {
    let harness = start().await;
    let (winner, loser) = (harness.patient(ALICE, "Winner").await, harness.patient(ALICE, "Loser").await);
    let reference = json!({ "reference": format!("Patient/{loser}") });
    let records: [Value; 5] = [
        json!({ "resourceType": "RelatedPerson", "patient": reference }),
        json!({ "resourceType": "RelatedPerson", "patient": reference }),
        json!({ "resourceType": "Condition", "subject": reference }),
        json!({ "resourceType": "Condition", "subject": reference }),
        json!({ "resourceType": "Condition", "subject": reference }),
    ];
    for record in records {
        harness.create(ALICE, record).await.unwrap();
    }
    // Too many in both together, in `clinical` beside those in `phi`, in `phi` alone.
    for most in [4, 2, 1, 0] {
        let refused = merge(&harness, &winner, &loser, most).await;
        let Err(WriteError::Refused(refusal)) = refused else { panic!("{most}: {refused:?}") };
        assert_eq!((refusal.status, refusal.issues[0].code), (422, IssueType::TooCostly), "{most}");
    }
    let trail = "select count(*) from patient.merge";
    assert_eq!(harness.count(Database::Phi, trail).await, 0);
    let moved = "select count(*) from record.resource where version > 1";
    assert_eq!(harness.count(Database::Phi, moved).await, 0);
    assert_eq!(harness.count(Database::Clinical, moved).await, 0);

    assert_eq!(merge(&harness, &winner, &loser, 5).await.unwrap(), (2, 3), "as many as it may");
    assert_eq!(harness.count(Database::Phi, trail).await, 1);
}
