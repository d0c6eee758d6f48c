//! `POST /api/v1/patients`, and `POST /api/v1/patients/{id}/patient-number` for who came through the other door.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use domain::Context;
use domain::patient::{Demographics, check, view};
use domain::store::Archive;
use fhir::outcome::{Issue, IssueType};
use services::patient::{self, COMPARED, Numbers, ReserveNumbers, Revision};
use store::Store;

use super::shapes::{OnDuplicate, PossibleDuplicate};
use super::{PATH, RegisterQuery, Registered, load, store_patient};
use crate::body::Json;
use crate::failure::Failure;
use crate::fhir::settle;
use crate::guard::Asked;
use crate::hospital::answer::{created, versioned};
use crate::hospital::path::Id;
use crate::query::Query;

/// How often another number is tried where somebody has the one that was made.
const TRIES: usize = 3;

/// Handles a registration.
pub(super) async fn register(
    State(store): State<Store>,
    asked: Asked,
    Query(query): Query<RegisterQuery>,
    Json(wanted): Json<Demographics>,
) -> Result<Response, Failure> {
    let context = &asked.context;
    check(None, &wanted, context.now())?;
    let found = store.alike(context, &patient::likeness_of(&wanted), COMPARED).await?;
    let likely: Vec<PossibleDuplicate> =
        patient::duplicates(&wanted, &found, None).into_iter().map(PossibleDuplicate::from).collect();
    if query.on_duplicate == OnDuplicate::Refuse && !likely.is_empty() {
        return Err(refuse_duplicates(&likely));
    }
    let mut tries = 0;
    let stored = loop {
        tries += 1;
        let numbers = reserve(&store, context).await?;
        let write = patient::register(&wanted, &numbers, 0, context.now())?;
        match store_patient(&store, context, write).await {
            // Somebody gave the number that was made here as a medical record number of theirs.
            Err(failure) if tries < TRIES && wanted.mrn.is_none() && is_taken(&failure) => {}
            other => break other?,
        }
    };
    let (id, version) = (stored.patient.id.clone(), stored.patient.version);
    let body = Registered { patient: stored.patient, possible_duplicates: likely };
    let mut response = created(&format!("{PATH}/{id}"), version, body);
    settle(&mut response, stored.settled.transaction, stored.settled.settlement);
    Ok(response)
}

/// Handles the assignment of a number. Who has one keeps it.
pub(super) async fn assign_number(
    State(store): State<Store>,
    asked: Asked,
    Id(id): Id,
) -> Result<Response, Failure> {
    let context = &asked.context;
    let mut tries = 0;
    loop {
        tries += 1;
        let loaded = load(&store, context, &id).await?;
        let shown = view(&loaded.resource);
        if shown.patient_number.is_some() {
            return Ok(versioned(shown.version, &shown));
        }
        let numbers = reserve(&store, context).await?;
        let revision = Revision { id: &id, version: loaded.version, resource: &loaded.resource };
        let write = patient::assign_number(&revision, &numbers)?;
        match store_patient(&store, context, write).await {
            // Somebody else changed the patient meanwhile, and perhaps gave the number.
            Err(failure)
                if tries < TRIES
                    && (failure.status() == StatusCode::PRECONDITION_FAILED || is_taken(&failure)) => {}
            other => return Ok(other?.answer()),
        }
    }
}

async fn reserve(store: &Store, context: &Context) -> Result<Numbers, Failure> {
    Ok(store.execute(ReserveNumbers { count: 1 }, context.clone()).await?.output)
}

fn is_taken(failure: &Failure) -> bool {
    failure.status() == StatusCode::CONFLICT
        && failure.issues.iter().any(|issue| issue.code == IssueType::Duplicate)
}

/// 409 with each of them.
fn refuse_duplicates(likely: &[PossibleDuplicate]) -> Failure {
    let said = "this patient is likely registered already";
    let mut failure = Failure::new(StatusCode::CONFLICT, IssueType::Duplicate, said);
    failure.issues.extend(likely.iter().enumerate().map(|(place, duplicate)| {
        let PossibleDuplicate { id, score, reasons } = duplicate;
        let detail = format!("{id}: score {score}, {}", reasons.join(", "));
        Issue::error(IssueType::Duplicate, detail).at(format!("/possible_duplicates/{place}"))
    }));
    failure
}
