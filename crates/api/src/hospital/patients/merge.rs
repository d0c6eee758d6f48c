//! `POST /api/v1/patients/{id}/merge` and `GET /api/v1/patients/{id}/merges`.

use axum::Json as Answer;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use domain::fault::Faults;
use domain::patient::view;
use fhir::reference::is_id;
use kernel::Phi;
use services::patient::{MOST_MOVED, Merge, MergesOf};
use services::record::WriteError;
use store::Store;

use super::shapes::{MergeEntry, MovedRecords};
use super::{MergeRequest, MergeTrail, MergedBody, by_member, load};
use crate::body::Json;
use crate::failure::Failure;
use crate::fhir::settle;
use crate::guard::Asked;
use crate::hospital::path::Id;

const REASON: usize = 500;

/// Handles a merge: the patient in the path stays.
pub(super) async fn merge(
    State(store): State<Store>,
    asked: Asked,
    Id(winner): Id,
    Json(MergeRequest { source, reason }): Json<MergeRequest>,
) -> Result<Response, Failure> {
    let mut faults = Faults::none();
    faults.check(is_id(&source), "/source", "this must be the id of a patient");
    faults.text("/reason", Some(&reason), REASON);
    faults.unless(())?;
    let merge = Merge { winner, loser: source, reason: Phi::new(reason), most_moved: MOST_MOVED };
    let refused = merge.refused_event(&asked.context);
    let committed = match store.execute(merge, asked.context.clone()).await {
        Ok(committed) => committed,
        Err(WriteError::Refused(refusal)) => {
            // That it was refused tells of the two patients: it is traced before it is told.
            store.trace_in_auth(refused).await?;
            return Err(by_member(refusal.into()));
        }
        Err(WriteError::Store(error)) => return Err(error.into()),
    };
    let merged = committed.output;
    let body = MergedBody {
        patient: view(merged.winner.expose()),
        moved: MovedRecords { phi: merged.moved_phi, clinical: merged.moved_clinical },
        merge: merged.transaction.uuid(),
    };
    let mut response = super::super::answer::versioned(body.patient.version, &body);
    settle(&mut response, committed.transaction, committed.settlement);
    Ok(response)
}

/// Handles the question for the trail.
pub(super) async fn merges(
    State(store): State<Store>,
    asked: Asked,
    Id(id): Id,
) -> Result<Response, Failure> {
    let patient = load(&store, &asked.context, &id).await?.rid;
    let merges = store.execute(MergesOf { patient }, asked.context.clone()).await?.output;
    let items = merges
        .into_iter()
        .map(|merge| MergeEntry {
            merge: merge.transaction.uuid(),
            winner: merge.winner.1,
            source: merge.loser.1,
            reason: merge.reason.into_inner(),
            account: merge.account.uuid(),
            at: merge.at,
            moved: MovedRecords { phi: merge.moved_phi, clinical: merge.moved_clinical },
        })
        .collect();
    Ok(Answer(MergeTrail { items }).into_response())
}
