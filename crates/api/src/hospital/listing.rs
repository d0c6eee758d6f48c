//! Pages of the typed door: `?limit=` and `?cursor=`, and the way to the next.

use axum::Json;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use schemars::JsonSchema;
use serde::Serialize;

use crate::fhir::encode_query;
use crate::public_url::Here;

/// Entries of a page when the client names no number.
const PAGE_DEFAULT: u32 = 20;
/// Largest page; more counts as this.
const PAGE_MAX: u32 = 100;

/// How many entries a page has for this `limit`.
pub(crate) fn page_size(limit: Option<u32>) -> usize {
    limit.unwrap_or(PAGE_DEFAULT).clamp(1, PAGE_MAX) as usize
}

/// A page.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub(crate) struct Listing<T> {
    /// What is on the page.
    pub(crate) items: Vec<T>,
    /// The link to the next page; null on the last. Where the server knows no public URL, path and query.
    #[schemars(example = None::<String>)]
    pub(crate) next: Option<String>,
}

impl<T: Serialize> Listing<T> {
    /// All there is, on one page.
    pub(crate) fn whole(items: Vec<T>) -> Listing<T> {
        Listing { items, next: None }
    }

    /// A page of what is `here`, asked for with these parameters (`cursor` apart).
    pub(crate) fn page(
        here: &Here,
        parameters: &[(&str, &str)],
        items: Vec<T>,
        cursor: Option<&str>,
    ) -> Listing<T> {
        let next = cursor.map(|cursor| {
            let pairs = parameters.iter().copied().filter(|(name, _)| *name != "cursor");
            format!("{}?{}", here.as_str(), encode_query(pairs.chain([("cursor", cursor)])))
        });
        Listing { items, next }
    }
}

impl<T: Serialize> IntoResponse for Listing<T> {
    fn into_response(self) -> Response {
        let link = self.next.as_ref().map(|next| format!("<{next}>; rel=\"next\""));
        let mut response = Json(self).into_response();
        if let Some(link) = link.and_then(|link| HeaderValue::try_from(link).ok()) {
            response.headers_mut().insert(header::LINK, link);
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use axum::extract::FromRequestParts;

    use super::*;

    #[tokio::test]
    async fn the_way_to_the_next_page_keeps_the_parameters_and_replaces_the_cursor() {
        let request = axum::http::Request::get("/x?name=a%20b&cursor=old").body(()).unwrap();
        let Ok(here) = Here::from_request_parts(&mut request.into_parts().0, &()).await;
        let page = Listing::page(&here, &[("name", "a b"), ("cursor", "old")], vec![1], Some("new"));
        assert_eq!(page.next.as_deref(), Some("/x?name=a%20b&cursor=new"));
        let response = page.into_response();
        assert_eq!(response.headers()[header::LINK], "</x?name=a%20b&cursor=new>; rel=\"next\"");
    }

    #[test]
    fn a_page_has_from_one_to_a_hundred_entries() {
        assert_eq!([None, Some(0), Some(7), Some(5_000)].map(page_size), [20, 1, 7, 100]);
    }
}
