//! `/api/v1/patients`: who the patients are. One file per use case; what they share stands here.

mod amend;
mod delete;
mod duplicates;
mod find;
mod history;
mod merge;
mod read;
mod register;
mod shapes;

use axum::extract::FromRef;
use axum::http::{HeaderValue, header};
use axum::response::Response;
use axum::routing::{MethodFilter, MethodRouter, on};
use domain::Context;
use domain::patient::{Patient, pointer, view};
use domain::store::{Archive, Found, Key};
use fhir::ResourceType;
use kernel::Rid;
use serde_json::Value;
use services::record::Write;
use store::{Committed, Store};

use super::answer::versioned;
use crate::failure::Failure;
use crate::fhir::{execute, gone, missing, settle, single};
use crate::policy::PatientsEndpoint as Endpoint;

pub(crate) use shapes::{
    Duplicates, History, ListQuery, MergeRequest, MergeTrail, MergedBody, PageQuery, RegisterQuery,
    Registered, SearchBody,
};

/// The path of the patients.
const PATH: &str = "/api/v1/patients";

/// The handler of an endpoint.
pub(crate) fn handler<S>(endpoint: Endpoint, filter: MethodFilter) -> MethodRouter<S>
where
    S: Clone + Send + Sync + 'static,
    Store: FromRef<S>,
{
    match endpoint {
        Endpoint::Register => on(filter, register::register),
        Endpoint::List => on(filter, find::list),
        Endpoint::Search => on(filter, find::search),
        Endpoint::ByMrn => on(filter, find::by_mrn),
        Endpoint::ByNumber => on(filter, find::by_number),
        Endpoint::Read => on(filter, read::read),
        Endpoint::Amend => on(filter, amend::amend),
        Endpoint::Delete => on(filter, delete::delete),
        Endpoint::AssignNumber => on(filter, register::assign_number),
        Endpoint::Duplicates => on(filter, duplicates::duplicates),
        Endpoint::History => on(filter, history::history),
        Endpoint::Merges => on(filter, merge::merges),
        Endpoint::Merge => on(filter, merge::merge),
    }
}

fn key(id: &str) -> Key {
    Key { resource_type: ResourceType::Patient, id: id.to_owned() }
}

/// A patient as stored.
struct Loaded {
    rid: Rid,
    version: i32,
    resource: Value,
}

/// Reads a patient.
///
/// # Errors
/// 404, 410.
async fn load(store: &Store, context: &Context, id: &str) -> Result<Loaded, Failure> {
    match store.read(context, &key(id)).await? {
        Found::Version(body) => {
            Ok(Loaded { rid: body.rid, version: body.version, resource: resource(body.json.expose())? })
        }
        Found::Deleted { version, last_updated } => Err(gone(version, last_updated)),
        Found::Missing => Err(missing()),
    }
}

fn resource(json: &[u8]) -> Result<Value, Failure> {
    serde_json::from_slice(json).map_err(|_| Failure::defect("a stored Patient is no JSON"))
}

/// What a write of one patient wrote.
struct Stored {
    patient: Patient,
    settled: Committed<()>,
}

/// Runs the write of a patient.
async fn store_patient(store: &Store, context: &Context, write: Write) -> Result<Stored, Failure> {
    let committed = execute(store, context, write).await.map_err(by_member)?;
    let settled =
        Committed { output: (), transaction: committed.transaction, settlement: committed.settlement };
    let done = single(committed.output)?;
    let json = done.json.ok_or_else(|| Failure::defect("a written patient has no body"))?;
    Ok(Stored { patient: view(&resource(json.expose())?), settled })
}

/// What the record store says of elements, said of members.
fn by_member(mut failure: Failure) -> Failure {
    for issue in &mut failure.issues {
        let pointer = issue.expression.take().map(|expression| pointer(&expression));
        issue.expression = pointer.filter(|pointer| !pointer.is_empty());
    }
    failure
}

impl Stored {
    /// 200, or 202 where not every database shows it yet.
    fn answer(self) -> Response {
        let mut response = versioned(self.patient.version, &self.patient);
        settle(&mut response, self.settled.transaction, self.settled.settlement);
        response
    }
}

/// 200 with a patient that was asked for by something else than its id: the id's path is in `Content-Location`.
fn located(patient: &Patient) -> Response {
    let mut response = versioned(patient.version, patient);
    if let Ok(location) = HeaderValue::from_str(&format!("{PATH}/{}", patient.id)) {
        response.headers_mut().insert(header::CONTENT_LOCATION, location);
    }
    response
}
