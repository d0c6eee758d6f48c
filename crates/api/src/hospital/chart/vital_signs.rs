//! Vital signs: sets of measurements, the latest values, the course of one.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use domain::Context;
use domain::chart::Object;
use domain::chart::vital_signs::VitalSigns;
use domain::chart::vital_signs::set::{Set, View};
use services::chart::{self, ChartError, TrendPoint};
use services::record::Write;
use store::{Committed, Store};

use super::entries::{listing, settled};
use super::parameters::{Choice, HistoryParameters, TrendParameters, VitalSignsParameters};
use super::path::{OfPatient, OfRecord};
use super::shapes::LatestVitalSigns;
use crate::body::{Json, MergePatch};
use crate::failure::Failure;
use crate::fhir::execute;
use crate::guard::Asked;
use crate::hospital::answer::{created, versioned};
use crate::hospital::listing::{Listing, page_size};
use crate::hospital::merge_patch::patched;
use crate::hospital::version::IfMatch;
use crate::public_url::Here;
use crate::query::Query;

/// Elements of Observations and the members that show them.
const ELEMENTS: &[(&str, &str)] = &[("encounter", "/encounter")];

/// Handles a list of sets.
pub(super) async fn list(
    State(store): State<Store>,
    asked: Asked,
    OfPatient(patient): OfPatient,
    here: Here,
    Query(parameters): Query<VitalSignsParameters>,
) -> Result<Listing<View>, Failure> {
    let given = parameters.given();
    let filters = parameters.into_filters();
    let page = chart::list_vital_signs(&store, &asked.context, &patient, &filters).await?;
    Ok(listing(&here, &given, page.items, page.next.as_deref()))
}

/// Handles a new set.
pub(super) async fn create(
    State(store): State<Store>,
    asked: Asked,
    OfPatient(patient): OfPatient,
    here: Here,
    Json(set): Json<VitalSigns>,
) -> Result<Response, Failure> {
    let context = &asked.context;
    chart::require_patient(&store, context, &patient).await?;
    let encounter = set.encounter.clone();
    let write = chart::create_vital_signs(context, &patient, set)?;
    chart::require_encounter(&store, context, &patient, encounter.as_deref()).await?;
    let made = write_set(&store, context, &patient, None, write).await?;
    let location = here.below(&made.output.id);
    Ok(settled(created(&location, made.output.version, &made.output), &made))
}

/// Handles the read of one set.
pub(super) async fn get(
    State(store): State<Store>,
    asked: Asked,
    path: OfRecord,
) -> Result<Response, Failure> {
    let set = chart::get_vital_signs(&store, &asked.context, &path.patient, &path.record).await?;
    Ok(versioned(set.head.version, set.view(&path.patient)))
}

/// Handles a change of a set.
pub(super) async fn amend(
    State(store): State<Store>,
    asked: Asked,
    path: OfRecord,
    IfMatch(wanted): IfMatch,
    MergePatch(patch): MergePatch<Object>,
) -> Result<Response, Failure> {
    let (context, patient) = (&asked.context, &path.patient);
    let set = chart::get_vital_signs(&store, context, patient, &path.record).await?;
    let current = set.head.version;
    if current != wanted {
        return Err(ChartError::Stale { current, wanted }.into());
    }
    let before = set.entry();
    let after: VitalSigns = patched(&before, patch)?;
    if after == before {
        return Ok(versioned(current, set.view(patient)));
    }
    let encounter = after.encounter.clone().filter(|it| before.encounter.as_ref() != Some(it));
    let write = chart::amend_vital_signs(context, patient, &set, after)?;
    chart::require_encounter(&store, context, patient, encounter.as_deref()).await?;
    let made = write_set(&store, context, patient, Some(set), write).await?;
    Ok(settled(versioned(made.output.version, &made.output), &made))
}

/// Performs the write of a set, and shows what has become of it.
async fn write_set(
    store: &Store,
    context: &Context,
    patient: &str,
    before: Option<Set>,
    write: Write,
) -> Result<Committed<View>, Failure> {
    let committed = execute(store, context, write).await.map_err(|refused| refused.told(ELEMENTS))?;
    let Committed { output, transaction, settlement } = committed;
    let set = chart::written_vital_signs(before, &output)?;
    Ok(Committed { output: set.view(patient), transaction, settlement })
}

/// Handles the versions of a set.
pub(super) async fn history(
    State(store): State<Store>,
    asked: Asked,
    path: OfRecord,
    here: Here,
    Query(parameters): Query<HistoryParameters>,
) -> Result<Listing<View>, Failure> {
    let limit = page_size(parameters.limit);
    let OfRecord { patient, record } = &path;
    let cursor = parameters.cursor.as_deref();
    let page = chart::vital_signs_history(&store, &asked.context, patient, record, limit, cursor).await?;
    let given = [("limit", limit.to_string())];
    Ok(listing(&here, &given, page.items, page.next.as_deref()))
}

/// Handles the latest value of each measurement.
pub(super) async fn latest(
    State(store): State<Store>,
    asked: Asked,
    OfPatient(patient): OfPatient,
) -> Result<Response, Failure> {
    let items = chart::latest_vital_signs(&store, &asked.context, &patient).await?;
    Ok(axum::Json(LatestVitalSigns { items }).into_response())
}

/// Handles the course of one measurement.
pub(super) async fn trend(
    State(store): State<Store>,
    asked: Asked,
    OfPatient(patient): OfPatient,
    here: Here,
    Query(parameters): Query<TrendParameters>,
) -> Result<Listing<TrendPoint>, Failure> {
    let given = parameters.given();
    let filters = parameters.into_filters();
    let page = chart::vital_signs_trend(&store, &asked.context, &patient, &filters).await?;
    Ok(listing(&here, &given, page.items, page.next.as_deref()))
}
