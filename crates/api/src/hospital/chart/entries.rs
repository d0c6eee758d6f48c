//! Entries that are one record each: list, create, get one, amend.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use domain::Context;
use domain::chart::medication::{Medication, Warning};
use domain::chart::summary::Charted;
use domain::chart::{Entry, Object};
use serde::Serialize;
use serde::de::DeserializeOwned;
use services::chart::{self, ChartError, Filters};
use services::record::{Done, EntryOutcome, Write};
use store::{Committed, Store};

use super::parameters::Choice;
use super::path::{OfPatient, OfRecord};
use super::shapes::Prescribed;
use crate::body::{Json, MergePatch};
use crate::failure::Failure;
use crate::fhir::{execute, settle};
use crate::guard::Asked;
use crate::hospital::answer::{created, versioned};
use crate::hospital::listing::Listing;
use crate::hospital::merge_patch::patched;
use crate::hospital::version::IfMatch;
use crate::public_url::Here;
use crate::query::Query;

/// Handles a list.
pub(super) async fn list<E: Entry, P>(
    State(store): State<Store>,
    asked: Asked,
    OfPatient(patient): OfPatient,
    here: Here,
    Query(parameters): Query<P>,
) -> Result<Listing<Charted<E>>, Failure>
where
    P: Choice<Filters = Filters> + DeserializeOwned + Send,
{
    let given = parameters.given();
    let page = chart::list::<E>(&store, &asked.context, &patient, &parameters.into_filters()).await?;
    Ok(listing(&here, &given, page.items, page.next.as_deref()))
}

/// A page of what is listed here.
pub(super) fn listing<T: Serialize>(
    here: &Here,
    given: &[(&'static str, String)],
    items: Vec<T>,
    next: Option<&str>,
) -> Listing<T> {
    let given: Vec<(&str, &str)> = given.iter().map(|(name, value)| (*name, value.as_str())).collect();
    Listing::page(here, &given, items, next)
}

/// Handles the creation of an entry.
pub(super) async fn create<E: Entry>(
    State(store): State<Store>,
    asked: Asked,
    OfPatient(patient): OfPatient,
    here: Here,
    Json(entry): Json<E>,
) -> Result<Response, Failure> {
    let made = make(&store, &asked.context, &patient, entry).await?;
    let location = here.below(&made.output.id);
    Ok(settled(created(&location, made.output.version, &made.output), &made))
}

/// Handles a prescription: an entry that may come with warnings.
pub(super) async fn prescribe(
    State(store): State<Store>,
    asked: Asked,
    OfPatient(patient): OfPatient,
    here: Here,
    Json(entry): Json<Medication>,
) -> Result<Response, Failure> {
    let warnings: Vec<Warning> = chart::allergy_warnings(&store, &asked.context, &patient, &entry).await?;
    let made = make(&store, &asked.context, &patient, entry).await?;
    let location = here.below(&made.output.id);
    let version = made.output.version;
    let body = Prescribed { record: made.output.clone(), warnings };
    Ok(settled(created(&location, version, &body), &made))
}

async fn make<E: Entry>(
    store: &Store,
    context: &Context,
    patient: &str,
    entry: E,
) -> Result<Committed<Charted<E>>, Failure> {
    chart::require_patient(store, context, patient).await?;
    let encounter = entry.encounter().map(str::to_owned);
    let write = chart::create(context, patient, entry)?;
    chart::require_encounter(store, context, patient, encounter.as_deref()).await?;
    write_entry(store, context, patient, write).await
}

/// Handles the read of one entry.
pub(super) async fn get<E: Entry>(
    State(store): State<Store>,
    asked: Asked,
    path: OfRecord,
) -> Result<Response, Failure> {
    let (entry, _) = chart::get::<E>(&store, &asked.context, &path.patient, &path.record).await?;
    Ok(versioned(entry.version, entry))
}

/// Handles a change: the entry as it is, with the members of the patch.
pub(super) async fn amend<E: Entry>(
    State(store): State<Store>,
    asked: Asked,
    path: OfRecord,
    IfMatch(wanted): IfMatch,
    MergePatch(patch): MergePatch<Object>,
) -> Result<Response, Failure> {
    let context = &asked.context;
    let (before, resource) = chart::get::<E>(&store, context, &path.patient, &path.record).await?;
    if before.version != wanted {
        return Err(ChartError::Stale { current: before.version, wanted }.into());
    }
    let after: E = patched(&before.entry, patch)?;
    if after == before.entry {
        return Ok(versioned(before.version, before));
    }
    let encounter = after.encounter().filter(|it| before.entry.encounter() != Some(*it));
    let encounter = encounter.map(str::to_owned);
    let write = chart::amend(context, &before, resource, after)?;
    chart::require_encounter(&store, context, &path.patient, encounter.as_deref()).await?;
    let made = write_entry::<E>(&store, context, &path.patient, write).await?;
    Ok(settled(versioned(made.output.version, &made.output), &made))
}

/// Performs the write of one entry and shows what was written.
async fn write_entry<E: Entry>(
    store: &Store,
    context: &Context,
    patient: &str,
    write: Write,
) -> Result<Committed<Charted<E>>, Failure> {
    let committed = execute(store, context, write).await.map_err(|refused| refused.told(E::ELEMENTS))?;
    let Committed { output, transaction, settlement } = committed;
    let Some(EntryOutcome::Done(done)) = output.entries.into_iter().next() else {
        return Err(Failure::defect("a write of one record wrote none"));
    };
    let output = shown(patient, &done)?;
    Ok(Committed { output, transaction, settlement })
}

fn shown<E: Entry>(patient: &str, done: &Done) -> Result<Charted<E>, Failure> {
    let (Some(version), Some(body)) = (done.version, &done.json) else {
        return Err(Failure::defect("a write gave no version back"));
    };
    let resource = fhir::json::parse(body.expose()).map_err(|error| Failure::defect(error.to_string()))?;
    Ok(Charted::of(&done.key.id, version, done.last_updated, patient, &resource))
}

/// Says with 202 where not every database shows the write yet.
pub(super) fn settled<T>(response: impl IntoResponse, made: &Committed<T>) -> Response {
    let mut response = response.into_response();
    settle(&mut response, made.transaction, made.settlement);
    response
}
