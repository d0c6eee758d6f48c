//! `GET {type}?parameters` and `POST {type}/_search`: a page of what matches.

use axum::extract::{FromRequestParts, RawQuery, Request, State};
use axum::http::{HeaderMap, StatusCode, request};
use axum::response::Response;
use domain::Context;
use domain::store::{Archive, SearchPage};
use fhir::ResourceType;
use fhir::outcome::{Issue, IssueType, OperationOutcome};
use fhir::prefer::{Handling, Prefer};
use fhir::search::Search;
use store::Store;

use super::page::{BundleWriter, Links};
use super::path::TypePath;
use super::presentation::Presentation;
use super::{BaseUrl, Preferred, answer, query};
use crate::body::Form;
use crate::failure::Failure;
use crate::guard::Asked;

/// What is searched, and how the client wants it answered; the parameters apart.
pub(crate) struct Wanted {
    resource_type: ResourceType,
    base: String,
    prefer: Prefer,
}

impl<S: Send + Sync> FromRequestParts<S> for Wanted {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut request::Parts, state: &S) -> Result<Wanted, Failure> {
        let TypePath(resource_type) = TypePath::from_request_parts(parts, state).await?;
        let BaseUrl(base) = BaseUrl::from_request_parts(parts, state).await?;
        let Preferred(prefer) = Preferred::from_request_parts(parts, state).await?;
        Ok(Wanted { resource_type, base, prefer })
    }
}

/// Handles the search whose parameters are in the URL.
pub(crate) async fn search(
    State(store): State<Store>,
    asked: Asked,
    wanted: Wanted,
    request: Request,
) -> Result<Response, Failure> {
    let (parts, _) = request.into_parts();
    let (presentation, pairs) = Presentation::take(&parts)?;
    answer_search(&store, &asked, &wanted, presentation, &pairs).await
}

/// Handles the search whose parameters are in the body, where no log of addresses sees them; further ones may
/// be in the URL (R4 http, 3.1.0.9).
pub(crate) async fn search_form(
    State(store): State<Store>,
    asked: Asked,
    wanted: Wanted,
    query: RawQuery,
    headers: HeaderMap,
    Form(form): Form,
) -> Result<Response, Failure> {
    let form = std::str::from_utf8(&form).map_err(|_| Failure::invalid("the body is not UTF-8"))?;
    let mut pairs = query::decode(query.0.as_deref().unwrap_or_default())?;
    pairs.extend(query::decode(form)?);
    let (presentation, pairs) = Presentation::of(&headers, pairs)?;
    answer_search(&store, &asked, &wanted, presentation, &pairs).await
}

async fn answer_search(
    store: &Store,
    asked: &Asked,
    wanted: &Wanted,
    presentation: Presentation,
    pairs: &[(String, String)],
) -> Result<Response, Failure> {
    let page = page(store, &asked.context, wanted.resource_type, &wanted.base, wanted.prefer.handling, pairs)
        .await?;
    Ok(answer::json(StatusCode::OK, page, presentation))
}

/// The searchset Bundle of one page.
pub(super) async fn page(
    store: &Store,
    context: &Context,
    resource_type: ResourceType,
    base: &str,
    handling: Handling,
    pairs: &[(String, String)],
) -> Result<Vec<u8>, Failure> {
    let search = fhir::search::parse(resource_type, pairs, handling).map_err(Failure::invalid_with)?;
    let found = store.search(context, &search).await?;
    Ok(bundle(base, &search, &found))
}

fn bundle(base: &str, search: &Search, found: &SearchPage) -> Vec<u8> {
    let url = format!("{base}/{}", search.resource_type.name());
    let link = |cursor: Option<&str>| {
        let pairs = search.pairs.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let query = query::encode(pairs.chain(cursor.map(|cursor| ("_cursor", cursor))));
        if query.is_empty() { url.clone() } else { format!("{url}?{query}") }
    };
    let links = Links {
        this: link(search.cursor.as_deref()),
        next: found.page.next.as_deref().map(|next| link(Some(next))),
    };
    let bytes = found.page.entries.iter().map(|(_, body)| 256 + body.json.expose().len()).sum();
    let mut bundle = BundleWriter::begin("searchset", found.total, &links, bytes);
    for (id, body) in &found.page.entries {
        let full_url = format!("{url}/{id}");
        bundle.entry(Some(&full_url), Some(body.json.expose()), r#""search":{"mode":"match"}"#);
    }
    if !search.ignored.is_empty() {
        let outcome = OperationOutcome::new(search.ignored.iter().map(|name| left_out(name)).collect());
        bundle.entry(None, Some(&outcome.to_bytes()), r#""search":{"mode":"outcome"}"#);
    }
    bundle.end()
}

fn left_out(name: &str) -> Issue {
    let shown = query::shown(name);
    Issue::warning(IssueType::NotSupported, format!("the parameter {shown} was left out of the search"))
        .at(shown)
}

#[cfg(test)]
mod tests {
    use chrono::Utc;
    use domain::store::{Body, Page};
    use fhir::prefer::Handling;
    use kernel::{Phi, Rid};

    use super::*;

    fn parse(query: &str) -> Search {
        let patient = ResourceType::from_name("Patient").unwrap();
        fhir::search::parse(patient, &query::decode(query).unwrap(), Handling::Lenient).unwrap()
    }

    fn found(next: Option<&str>) -> SearchPage {
        let body = Body {
            rid: Rid::from_number(1),
            version: 1,
            last_updated: Utc::now(),
            json: Phi::new(br#"{"resourceType":"Patient","id":"p1"}"#.to_vec()),
        };
        SearchPage {
            page: Page { entries: vec![("p1".to_owned(), body)], next: next.map(str::to_owned) },
            total: Some(7),
            places: Vec::new(),
        }
    }

    #[test]
    fn a_page_links_to_itself_and_to_the_next_with_the_same_parameters() {
        let bundle = bundle("http://h/fhir/R4", &parse("name=a&_count=1&_cursor=x"), &found(Some("y")));
        let bundle: serde_json::Value = serde_json::from_slice(&bundle).unwrap();
        assert_eq!(bundle["link"][0]["url"], "http://h/fhir/R4/Patient?name=a&_count=1&_cursor=x");
        assert_eq!(bundle["link"][1]["url"], "http://h/fhir/R4/Patient?name=a&_count=1&_cursor=y");
        assert_eq!(bundle["entry"][0]["fullUrl"], "http://h/fhir/R4/Patient/p1");
        assert_eq!(bundle["total"], 7);
    }

    #[test]
    fn what_was_left_out_is_said_in_the_bundle_and_not_in_the_link() {
        let bundle = bundle("http://h/fhir/R4", &parse("name=a&shoesize=46"), &found(None));
        let bundle: serde_json::Value = serde_json::from_slice(&bundle).unwrap();
        assert_eq!(bundle["link"][0]["url"], "http://h/fhir/R4/Patient?name=a");
        assert_eq!(bundle["entry"][1]["search"]["mode"], "outcome");
        assert!(
            bundle["entry"][1]["resource"]["issue"][0]["diagnostics"].as_str().unwrap().contains("shoesize")
        );
    }
}
