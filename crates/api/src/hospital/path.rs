//! What a path of the typed door names.

use axum::extract::{FromRequestParts, RawPathParams};
use axum::http::request;
use fhir::reference::is_id;

use crate::failure::Failure;

/// `{id}`: the id of a record.
#[derive(Clone, Debug)]
pub(crate) struct Id(pub(crate) String);

/// The one variable segment of a path, whatever it says. Never logged: it may be somebody's number.
pub(crate) struct Segment(pub(crate) String);

impl<S: Send + Sync> FromRequestParts<S> for Id {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut request::Parts, state: &S) -> Result<Id, Failure> {
        let parameters = parameters(parts, state).await?;
        match parameters.iter().find(|(name, _)| *name == "id") {
            Some((_, id)) if is_id(id) => Ok(Id(id.to_owned())),
            Some(_) => Err(Failure::invalid("an id has 1 to 64 letters, digits, hyphens and dots")),
            None => Err(Failure::defect("a route has no id in its path")),
        }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Segment {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut request::Parts, state: &S) -> Result<Segment, Failure> {
        let parameters = parameters(parts, state).await?;
        let segment = parameters.iter().next().map(|(_, value)| Segment(value.to_owned()));
        segment.ok_or_else(|| Failure::defect("a route has nothing variable in its path"))
    }
}

async fn parameters<S: Send + Sync>(parts: &mut request::Parts, state: &S) -> Result<RawPathParams, Failure> {
    RawPathParams::from_request_parts(parts, state)
        .await
        .map_err(|_| Failure::invalid("the path is not percent-encoded UTF-8"))
}
