//! The answer to a write of one resource.

use axum::extract::FromRequestParts;
use axum::http::{StatusCode, header, request};
use axum::response::Response;
use domain::Context;
use domain::store::{Archive, Found};
use fhir::outcome::{Issue, IssueType, OperationOutcome};
use fhir::prefer::{Prefer, Return};
use services::record::{Done, EntryOutcome, Refusal, Write, WriteError, Written};
use store::{Committed, Store};

use super::presentation::Presentation;
use super::{BaseUrl, Preferred, answer};
use crate::failure::Failure;
use crate::guard::Asked;

impl From<WriteError> for Failure {
    fn from(error: WriteError) -> Failure {
        match error {
            WriteError::Refused(refusal) => refusal.into(),
            WriteError::Store(error) => error.into(),
        }
    }
}

/// How the client wants a write answered.
#[derive(Clone, Debug)]
pub(crate) struct Wishes {
    pub(super) prefer: Prefer,
    pub(super) presentation: Presentation,
    pub(super) base: String,
}

impl<S: Send + Sync> FromRequestParts<S> for Wishes {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut request::Parts, state: &S) -> Result<Wishes, Failure> {
        let BaseUrl(base) = BaseUrl::from_request_parts(parts, state).await?;
        let Preferred(prefer) = Preferred::from_request_parts(parts, state).await?;
        let presentation = Presentation::from_request_parts(parts, state).await?;
        Ok(Wishes { prefer, presentation, base })
    }
}

/// Runs the write. That it was refused stands in the audit trail of `auth`, as every denied access does, before the
/// client learns of it.
pub(crate) async fn execute(
    store: &Store,
    context: &Context,
    write: Write,
) -> Result<Committed<Written>, Failure> {
    let refused = write.refused_event(context);
    match (store.execute(write, context.clone()).await, refused) {
        (Err(WriteError::Refused(refusal)), Some(event)) => {
            store.trace_in_auth(event).await?;
            Err(refusal.into())
        }
        (Ok(mut committed), Some(event)) => {
            let mut refusals: Vec<&mut Refusal> =
                committed.output.entries.iter_mut().filter_map(EntryOutcome::refusal).collect();
            // The other entries are committed: only what is not traced may not be told.
            if !refusals.is_empty() && store.trace_in_auth(event).await.is_err() {
                let untold =
                    Refusal::new(503, IssueType::Transient, "the auth database does not answer at present");
                refusals.iter_mut().for_each(|refusal| **refusal = untold.clone());
            }
            Ok(committed)
        }
        (result, _) => Ok(result?),
    }
}

/// Performs the write and answers as the client prefers; a representation, where it says nothing.
pub(super) async fn perform(
    store: &Store,
    asked: &Asked,
    write: Write,
    wishes: Wishes,
) -> Result<Response, Failure> {
    let committed = execute(store, &asked.context, write).await?;
    let (transaction, settlement) = (committed.transaction, committed.settlement);
    let done = single(committed.output)?;
    let status = StatusCode::from_u16(done.status)
        .map_err(|_| Failure::defect(format!("a write ended with status {}", done.status)))?;
    let mut response = match wishes.prefer.returning.unwrap_or(Return::Representation) {
        _ if status == StatusCode::NO_CONTENT => answer::empty(status),
        Return::Minimal => answer::empty(status),
        Return::OperationOutcome => {
            let said = if status == StatusCode::CREATED { "created" } else { "done" };
            answer::json(
                status,
                OperationOutcome::from(Issue::information(said)).to_bytes(),
                wishes.presentation,
            )
        }
        Return::Representation => {
            let body = representation(store, asked, &done).await?;
            answer::json(status, body, wishes.presentation)
        }
    };
    let headers = response.headers_mut();
    if let Some(version) = done.version {
        answer::stamp(headers, version, done.last_updated);
        if status == StatusCode::CREATED {
            let location = format!(
                "{}/{}/{}/_history/{version}",
                wishes.base,
                done.key.resource_type.name(),
                done.key.id
            );
            answer::set(headers, header::LOCATION, &location);
        }
    }
    answer::settle(&mut response, transaction, settlement);
    Ok(response)
}

/// The body that was written; or, where a conditional create found a record instead, that record, read like
/// any other.
async fn representation(store: &Store, asked: &Asked, done: &Done) -> Result<Vec<u8>, Failure> {
    if let Some(body) = &done.json {
        return Ok(body.expose().clone());
    }
    match store.read(&asked.context, &done.key).await? {
        Found::Version(body) => Ok(body.json.into_inner()),
        Found::Deleted { version, last_updated } => Err(answer::gone(version, last_updated)),
        Found::Missing => Err(answer::missing()),
    }
}

/// The record that a write of one record wrote.
pub(crate) fn single(written: Written) -> Result<Done, Failure> {
    match written.entries.into_iter().next() {
        Some(EntryOutcome::Done(done)) => Ok(done),
        Some(EntryOutcome::Refused(refusal)) => Err(refusal.into()),
        Some(EntryOutcome::Read(_)) | None => Err(Failure::defect("a write of one resource wrote none")),
    }
}
