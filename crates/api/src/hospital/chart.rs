//! `/api/v1/patients/{id}/...`: what is true of a patient.
//!
//! Five kinds of entries share their handlers ([`entries`]), because each is one record with a typed view; vital signs
//! ([`vital_signs`]) are several records, and the summary ([`summary`]) is none.

mod entries;
mod failure;
mod parameters;
mod path;
mod shapes;
mod summary;
mod vital_signs;

use axum::extract::FromRef;
use axum::routing::{MethodFilter, MethodRouter, on};
use domain::chart::allergy::Allergy;
use domain::chart::encounter::Encounter;
use domain::chart::medication::Medication;
use domain::chart::note::Note;
use domain::chart::problem::Problem;
use store::Store;

pub(crate) use parameters::{
    DatedParameters, HistoryParameters, Parameters, TrendParameters, VitalSignsParameters,
};
pub(crate) use shapes::{LatestVitalSigns, Prescribed};

use crate::policy::{ChartEndpoint as Endpoint, ChartKind as Kind};

/// The handler of an endpoint.
pub(crate) fn handler<S>(endpoint: Endpoint, filter: MethodFilter) -> MethodRouter<S>
where
    S: Clone + Send + Sync + 'static,
    Store: FromRef<S>,
{
    match endpoint {
        Endpoint::List(Kind::Problem) => on(filter, entries::list::<Problem, Parameters>),
        Endpoint::List(Kind::Allergy) => on(filter, entries::list::<Allergy, Parameters>),
        Endpoint::List(Kind::Medication) => on(filter, entries::list::<Medication, Parameters>),
        Endpoint::List(Kind::Encounter) => on(filter, entries::list::<Encounter, DatedParameters>),
        Endpoint::List(Kind::Note) => on(filter, entries::list::<Note, DatedParameters>),
        Endpoint::Create(Kind::Problem) => on(filter, entries::create::<Problem>),
        Endpoint::Create(Kind::Allergy) => on(filter, entries::create::<Allergy>),
        Endpoint::Create(Kind::Medication) => on(filter, entries::prescribe),
        Endpoint::Create(Kind::Encounter) => on(filter, entries::create::<Encounter>),
        Endpoint::Create(Kind::Note) => on(filter, entries::create::<Note>),
        Endpoint::Get(Kind::Problem) => on(filter, entries::get::<Problem>),
        Endpoint::Get(Kind::Allergy) => on(filter, entries::get::<Allergy>),
        Endpoint::Get(Kind::Medication) => on(filter, entries::get::<Medication>),
        Endpoint::Get(Kind::Encounter) => on(filter, entries::get::<Encounter>),
        Endpoint::Get(Kind::Note) => on(filter, entries::get::<Note>),
        Endpoint::Amend(Kind::Problem) => on(filter, entries::amend::<Problem>),
        Endpoint::Amend(Kind::Allergy) => on(filter, entries::amend::<Allergy>),
        Endpoint::Amend(Kind::Medication) => on(filter, entries::amend::<Medication>),
        Endpoint::Amend(Kind::Encounter) => on(filter, entries::amend::<Encounter>),
        Endpoint::Amend(Kind::Note) => on(filter, entries::amend::<Note>),
        Endpoint::ListVitalSigns => on(filter, vital_signs::list),
        Endpoint::CreateVitalSigns => on(filter, vital_signs::create),
        Endpoint::GetVitalSigns => on(filter, vital_signs::get),
        Endpoint::AmendVitalSigns => on(filter, vital_signs::amend),
        Endpoint::VitalSignsHistory => on(filter, vital_signs::history),
        Endpoint::LatestVitalSigns => on(filter, vital_signs::latest),
        Endpoint::VitalSignsTrend => on(filter, vital_signs::trend),
        Endpoint::Summary => on(filter, summary::summary),
    }
}
