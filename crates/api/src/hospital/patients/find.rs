//! Finding patients: the list, the search whose parameters are out of sight, and by number.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use domain::Context;
use domain::patient::Patient;
use fhir::outcome::IssueType;
use services::patient::{self, Filters};
use store::Store;

use super::{ListQuery, PageQuery, SearchBody, located};
use crate::body::Json;
use crate::failure::Failure;
use crate::fhir::missing;
use crate::guard::Asked;
use crate::hospital::listing::{Listing, page_size};
use crate::hospital::path::Segment;
use crate::public_url::Here;
use crate::query::Query;

/// Longest number that anybody is looked up by, characters.
const NUMBER: usize = 64;

/// Handles the list.
pub(super) async fn list(
    State(store): State<Store>,
    asked: Asked,
    here: Here,
    Query(query): Query<ListQuery>,
) -> Result<Listing<Patient>, Failure> {
    let (items, next) =
        find(&store, &asked.context, &query.filters(), query.limit, query.cursor.as_deref()).await?;
    let pairs = query.pairs();
    let pairs: Vec<(&str, &str)> = pairs.iter().map(|(name, value)| (*name, value.as_str())).collect();
    Ok(Listing::page(&here, &pairs, items, next.as_deref()))
}

/// Handles the search. The next page is asked for by the same body.
pub(super) async fn search(
    State(store): State<Store>,
    asked: Asked,
    here: Here,
    Query(page): Query<PageQuery>,
    Json(filters): Json<SearchBody>,
) -> Result<Listing<Patient>, Failure> {
    let (items, next) = find(&store, &asked.context, &filters, page.limit, page.cursor.as_deref()).await?;
    let limit = page.limit.map(|limit| limit.to_string());
    let pairs: Vec<(&str, &str)> = limit.as_deref().map(|limit| ("limit", limit)).into_iter().collect();
    Ok(Listing::page(&here, &pairs, items, next.as_deref()))
}

/// Handles the lookup by medical record number.
pub(super) async fn by_mrn(
    State(store): State<Store>,
    asked: Asked,
    Segment(mrn): Segment,
) -> Result<Response, Failure> {
    one(&store, &asked.context, &Filters { mrn: Some(number(mrn)?), ..Filters::default() }).await
}

/// Handles the lookup by patient number. The number of a patient that was merged leads to the one that stayed.
pub(super) async fn by_number(
    State(store): State<Store>,
    asked: Asked,
    Segment(wanted): Segment,
) -> Result<Response, Failure> {
    one(&store, &asked.context, &Filters { patient_number: Some(number(wanted)?), ..Filters::default() })
        .await
}

fn number(segment: String) -> Result<String, Failure> {
    match segment.chars().count() {
        1..=NUMBER => Ok(segment),
        _ => Err(missing()),
    }
}

/// The one patient who meets the filters, of merged ones the one that stayed.
async fn one(store: &Store, context: &Context, filters: &Filters) -> Result<Response, Failure> {
    let (mut found, _) = find(store, context, filters, Some(10), None).await?;
    found.retain(|patient| patient.merged_into.is_none());
    match found.as_slice() {
        [] => Err(missing()),
        [only] => Ok(located(only)),
        _ => Err(Failure::new(
            StatusCode::CONFLICT,
            IssueType::MultipleMatches,
            "several patients have this number, from different systems: search for system and value",
        )),
    }
}

/// A page, and the cursor of the next.
async fn find(
    store: &Store,
    context: &Context,
    filters: &Filters,
    limit: Option<u32>,
    cursor: Option<&str>,
) -> Result<(Vec<Patient>, Option<String>), Failure> {
    let search = patient::search(filters, page_size(limit), cursor).map_err(Failure::invalid_with)?;
    let page = patient::find(store, context, filters, search).await?;
    Ok((page.items, page.next))
}
