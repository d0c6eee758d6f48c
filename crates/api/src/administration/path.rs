//! What a path names.

use axum::extract::{FromRequestParts, RawPathParams};
use axum::http::request;
use uuid::Uuid;

use crate::failure::Failure;

/// `{id}`: a UUID. What is none names nothing.
#[derive(Clone, Copy, Debug)]
pub(crate) struct IdPath(pub(crate) Uuid);

/// `{kid}`: a key's identifier.
#[derive(Clone, Debug)]
pub(super) struct KidPath(pub(super) String);

impl<S: Send + Sync> FromRequestParts<S> for IdPath {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut request::Parts, state: &S) -> Result<IdPath, Failure> {
        let id = segment(parts, state, "id").await?;
        Uuid::try_parse(&id).map(IdPath).map_err(|_| nothing())
    }
}

impl<S: Send + Sync> FromRequestParts<S> for KidPath {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut request::Parts, state: &S) -> Result<KidPath, Failure> {
        segment(parts, state, "kid").await.map(KidPath)
    }
}

async fn segment<S: Send + Sync>(
    parts: &mut request::Parts,
    state: &S,
    name: &str,
) -> Result<String, Failure> {
    let parameters = RawPathParams::from_request_parts(parts, state).await.map_err(|_| nothing())?;
    let found = parameters.iter().find(|(it, _)| *it == name).map(|(_, value)| value.to_owned());
    found.ok_or_else(nothing)
}

fn nothing() -> Failure {
    Failure::missing("there is nothing of this identifier")
}
