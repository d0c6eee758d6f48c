//! `POST` to the base: a batch, or a transaction that is done wholly or not at all.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use fhir::prefer::Return;
use services::record::{Write, bundle_response};
use store::Store;
use tracing::Instrument;

use super::written::{Wishes, execute};
use super::{answer, bundle_read};
use crate::body::FhirBody;
use crate::failure::Failure;
use crate::guard::Asked;

/// Handles the request. The work is a task of its own: a client who hangs up, or the time limit, ends the
/// answer but neither the work nor the turn that a large Bundle holds.
pub(crate) async fn bundle(
    State(store): State<Store>,
    asked: Asked,
    wishes: Wishes,
    body: FhirBody,
) -> Result<Response, Failure> {
    let representation = wishes.prefer.returning == Some(Return::Representation);
    let presentation = wishes.presentation;
    let work = async move {
        let FhirBody { bytes, turn } = body;
        let write = Write::bundle(bytes)?.with_representation(representation);
        let mut committed = execute(&store, &asked.context, write).await?;
        let written = &mut committed.output;
        bundle_read::complete(&store, &asked.context, &wishes, written).await;
        let answer = bundle_response(written, &wishes.base);
        drop(turn);
        Ok::<_, Failure>((answer, committed.transaction, committed.settlement))
    };
    // It stays in the request's span: traces lead through it, and what it logs names the request.
    let (answer, transaction, settlement) = tokio::spawn(work.in_current_span())
        .await
        .map_err(|_| Failure::defect("the work of a Bundle panicked"))??;
    let mut response = answer::json(StatusCode::OK, answer, presentation);
    answer::settle(&mut response, transaction, settlement);
    Ok(response)
}
