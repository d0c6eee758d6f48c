//! `GET {type}/{id}/_history`: all versions, newest first, in pages.

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use domain::Context;
use domain::store::{Archive, Key, Page, VersionEntry};
use fhir::etag;
use kernel::limits;
use store::Store;

use super::page::{BundleWriter, Links};
use super::path::InstancePath;
use super::presentation::{Presentation, unknown_parameter};
use super::{BaseUrl, answer, query};
use crate::failure::Failure;
use crate::guard::Asked;

/// Which page is asked for.
struct PageOf {
    count: usize,
    cursor: Option<String>,
}

/// Handles the request.
pub(crate) async fn history(
    State(store): State<Store>,
    asked: Asked,
    InstancePath(key): InstancePath,
    BaseUrl(base): BaseUrl,
    request: Request,
) -> Result<Response, Failure> {
    let (parts, _) = request.into_parts();
    let (presentation, pairs) = Presentation::take(&parts)?;
    let page = page(&store, &asked.context, &key, &base, &pairs).await?;
    Ok(answer::json(StatusCode::OK, page, presentation))
}

/// The history Bundle of one page.
pub(super) async fn page(
    store: &Store,
    context: &Context,
    key: &Key,
    base: &str,
    pairs: &[(String, String)],
) -> Result<Vec<u8>, Failure> {
    let asked_for = page_of(pairs)?;
    let page = store.history(context, key, asked_for.count, asked_for.cursor.as_deref()).await?;
    Ok(bundle(base, key, &asked_for, &page.ok_or_else(answer::missing)?))
}

fn page_of(pairs: &[(String, String)]) -> Result<PageOf, Failure> {
    let mut page = PageOf { count: limits::PAGE_DEFAULT, cursor: None };
    for (name, value) in pairs {
        match name.as_str() {
            "_count" => match value.parse::<usize>() {
                Ok(count) if count > 0 => page.count = count.min(limits::PAGE_MAX),
                _ => return Err(Failure::invalid("_count is a whole number from 1")),
            },
            "_cursor" => page.cursor = Some(value.clone()),
            other => return Err(unknown_parameter(other)),
        }
    }
    Ok(page)
}

fn bundle(base: &str, key: &Key, asked_for: &PageOf, page: &Page<VersionEntry>) -> Vec<u8> {
    let url = format!("{base}/{}/{}", key.resource_type.name(), key.id);
    let count = asked_for.count.to_string();
    let link = |cursor: Option<&str>| {
        let pairs = [("_count", count.as_str())].into_iter().chain(cursor.map(|cursor| ("_cursor", cursor)));
        format!("{url}/_history?{}", query::encode(pairs))
    };
    let links = Links {
        this: link(asked_for.cursor.as_deref()),
        next: page.next.as_deref().map(|next| link(Some(next))),
    };
    let bytes = page
        .entries
        .iter()
        .map(|entry| 512 + entry.json.as_ref().map_or(0, |json| json.expose().len()))
        .sum();
    let mut bundle = BundleWriter::begin("history", None, &links, bytes);
    for entry in &page.entries {
        let body = entry.json.as_ref().map(|json| json.expose().as_slice());
        bundle.entry(Some(&url), body, &how(key, entry));
    }
    bundle.end()
}

/// How the version came to be: `request` and `response`, which a history must have (R4 Bundle, bdl-3, bdl-4).
/// Which verb made a first version is not recorded; a create is the usual one.
fn how(key: &Key, entry: &VersionEntry) -> String {
    let name = key.resource_type.name();
    let id = &key.id;
    let (method, url, status) = match (&entry.json, entry.version) {
        (None, _) => ("DELETE", format!("{name}/{id}"), "204 No Content"),
        (Some(_), 1) => ("POST", name.to_owned(), "201 Created"),
        (Some(_), _) => ("PUT", format!("{name}/{id}"), "200 OK"),
    };
    let tag = etag::format(entry.version).replace('"', "\\\"");
    let modified = answer::instant(entry.last_updated);
    let request = format!(r#""request":{{"method":"{method}","url":"{url}"}}"#);
    let response = format!(r#"{{"status":"{status}","etag":"{tag}","lastModified":"{modified}"}}"#);
    format!(r#"{request},"response":{response}"#)
}

#[cfg(test)]
mod tests {
    use chrono::Utc;
    use fhir::ResourceType;
    use kernel::Phi;

    use super::*;

    #[test]
    fn each_version_says_how_it_came_to_be() {
        let key = Key { resource_type: ResourceType::from_name("Patient").unwrap(), id: "p1".to_owned() };
        let entry = |version, json: Option<&str>| VersionEntry {
            version,
            author: None,
            last_updated: Utc::now(),
            json: json.map(|json| Phi::new(json.as_bytes().to_vec())),
        };
        let page = Page {
            entries: vec![entry(3, None), entry(2, Some("{}")), entry(1, Some("{}"))],
            next: Some("c".into()),
        };
        let asked_for = PageOf { count: 3, cursor: None };
        let bundle: serde_json::Value =
            serde_json::from_slice(&bundle("http://h/fhir/R4", &key, &asked_for, &page)).unwrap();
        assert_eq!(bundle["entry"][0]["request"]["method"], "DELETE");
        assert!(bundle["entry"][0].get("resource").is_none());
        assert_eq!(bundle["entry"][1]["response"]["etag"], "W/\"2\"");
        assert_eq!(bundle["entry"][2]["request"]["url"], "Patient");
        assert_eq!(bundle["link"][1]["url"], "http://h/fhir/R4/Patient/p1/_history?_count=3&_cursor=c");
    }

    #[test]
    fn a_parameter_that_history_does_not_know_is_refused() {
        let pair = |name: &str, value: &str| [(name.to_owned(), value.to_owned())];
        assert!(page_of(&pair("_since", "2020")).is_err());
        assert!(page_of(&pair("_count", "0")).is_err());
        assert_eq!(
            page_of(&pair("_count", "9999")).unwrap_or(PageOf { count: 0, cursor: None }).count,
            limits::PAGE_MAX
        );
    }
}
