//! What a path of the chart names.

use axum::extract::{FromRequestParts, RawPathParams};
use axum::http::request;
use fhir::reference::is_id;

use crate::failure::Failure;

/// `patients/{id}`: a patient.
#[derive(Clone, Debug)]
pub(super) struct OfPatient(pub(super) String);

/// `patients/{id}/.../{record}`: a patient and a record.
#[derive(Clone, Debug)]
pub(super) struct OfRecord {
    pub(super) patient: String,
    pub(super) record: String,
}

impl<S: Send + Sync> FromRequestParts<S> for OfPatient {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut request::Parts, state: &S) -> Result<OfPatient, Failure> {
        named(parts, state, "id", "there is no such patient").await.map(OfPatient)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for OfRecord {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut request::Parts, state: &S) -> Result<OfRecord, Failure> {
        let patient = named(parts, state, "id", "there is no such patient").await?;
        let record = named(parts, state, "record", "there is no such record").await?;
        Ok(OfRecord { patient, record })
    }
}

/// What cannot be an id names nothing.
async fn named<S: Send + Sync>(
    parts: &mut request::Parts,
    state: &S,
    name: &str,
    missing: &'static str,
) -> Result<String, Failure> {
    let parameters =
        RawPathParams::from_request_parts(parts, state).await.map_err(|_| Failure::missing(missing))?;
    let found = parameters.iter().find(|(given, _)| *given == name).map(|(_, value)| value);
    found.filter(|id| is_id(id)).map(str::to_owned).ok_or_else(|| Failure::missing(missing))
}
