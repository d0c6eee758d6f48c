//! The `GET` entries of a Bundle: answered after its writes are committed (R4 http, 3.1.0.11.2), each an access of its
//! own with its own audit row.

use domain::Context;
use domain::store::{Archive, Found, Key};
use fhir::bundle::EntryUrl;
use fhir::outcome::IssueType;
use futures::{StreamExt, stream};
use kernel::Phi;
use services::record::{EntryOutcome, Refusal, Written};
use store::Store;

use super::written::Wishes;
use super::{answer, history, query, search};
use crate::failure::Failure;

/// Reads of one Bundle that are under way at the same time: their audit rows then share commits, and a Bundle of reads
/// alone leaves other requests connections enough.
const READS_AT_ONCE: usize = 4;

/// Fills in the answers to all reads.
pub(super) async fn complete(store: &Store, context: &Context, wishes: &Wishes, written: &mut Written) {
    let reads = written.entries.iter_mut().filter_map(|entry| match entry {
        EntryOutcome::Read(read) => Some(read),
        EntryOutcome::Done(_) | EntryOutcome::Refused(_) => None,
    });
    let answering = stream::iter(reads).for_each_concurrent(READS_AT_ONCE, |read| async move {
        let answered = answer(store, context, wishes, &read.target).await;
        read.answer = Some(answered.map(Phi::new).map_err(refusal));
    });
    answering.await;
}

async fn answer(store: &Store, context: &Context, wishes: &Wishes, target: &str) -> Result<Vec<u8>, Failure> {
    let url = EntryUrl::parse(target).map_err(|error| {
        Failure::new(axum::http::StatusCode::BAD_REQUEST, IssueType::Value, error.to_string())
    })?;
    let (base, handling) = (wishes.base.as_str(), wishes.prefer.handling);
    let key = |resource_type, id: &str| Key { resource_type, id: id.to_owned() };
    let found = match url {
        EntryUrl::Type(resource_type) => {
            return search::page(store, context, resource_type, base, handling, &[]).await;
        }
        EntryUrl::Query { resource_type, query } => {
            let pairs = query::decode(query)?;
            return search::page(store, context, resource_type, base, handling, &pairs).await;
        }
        EntryUrl::History { resource_type, id } => {
            return history::page(store, context, &key(resource_type, id), base, &[]).await;
        }
        EntryUrl::Instance { resource_type, id } => store.read(context, &key(resource_type, id)).await?,
        EntryUrl::Version { resource_type, id, version } => {
            let version = version.parse().map_err(|_| answer::missing())?;
            store.version(context, &key(resource_type, id), version).await?
        }
    };
    match found {
        Found::Version(body) => Ok(body.json.into_inner()),
        Found::Deleted { version, last_updated } => Err(answer::gone(version, last_updated)),
        Found::Missing => Err(answer::missing()),
    }
}

/// A failure as it stands in its entry. Nobody renders it, so what it is because of is logged here.
fn refusal(failure: Failure) -> Refusal {
    if let Some(cause) = &failure.cause {
        tracing::warn!(status = failure.status.as_u16(), cause, "a read in a Bundle failed");
    }
    Refusal { status: failure.status.as_u16(), issues: failure.issues }
}
