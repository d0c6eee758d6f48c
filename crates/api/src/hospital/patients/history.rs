//! `GET /api/v1/patients/{id}/history`: the versions, who wrote them, and what each changed.

use axum::extract::State;
use domain::store::{Archive, Found, VersionEntry};
use services::patient::{self, Version};
use store::Store;

use super::{History, PageQuery, key};
use crate::failure::Failure;
use crate::fhir::missing;
use crate::guard::Asked;
use crate::hospital::listing::{Listing, page_size};
use crate::hospital::path::Id;
use crate::public_url::Here;
use crate::query::Query;

/// Handles the request. The history of who was deleted can be read too.
pub(super) async fn history(
    State(store): State<Store>,
    asked: Asked,
    Id(id): Id,
    here: Here,
    Query(query): Query<PageQuery>,
) -> Result<Listing<History>, Failure> {
    let (context, key) = (&asked.context, key(&id));
    let count = page_size(query.limit);
    let page = store.history(context, &key, count, query.cursor.as_deref()).await?.ok_or_else(missing)?;
    // What the last version on the page changed is told by the one before it.
    let before = match page.entries.last() {
        Some(last) if last.version > 1 => match store.version(context, &key, last.version - 1).await? {
            Found::Version(body) => Some(VersionEntry {
                version: body.version,
                last_updated: body.last_updated,
                author: None,
                json: Some(body.json),
            }),
            Found::Deleted { .. } | Found::Missing => None,
        },
        _ => None,
    };
    let items = patient::versions(&page.entries, before.as_ref()).into_iter().map(shown).collect();
    let limit = query.limit.map(|limit| limit.to_string());
    let parameters: Vec<(&str, &str)> = limit.as_deref().map(|limit| ("limit", limit)).into_iter().collect();
    Ok(Listing::page(&here, &parameters, items, page.next.as_deref()))
}

fn shown(version: Version) -> History {
    let Version { version, at, author, deleted, changes } = version;
    History { version, at, account: author.map(|author| author.uuid()), deleted, changes }
}
