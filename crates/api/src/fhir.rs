//! `/fhir/R4`: the RESTful API of FHIR R4 (http://hl7.org/fhir/R4/http.html), one file per interaction.
//!
//! What every interaction shares stands here and in [`path`], [`query`], [`presentation`] and [`answer`].

mod answer;
mod bundle;
mod bundle_read;
mod create;
mod delete;
mod history;
mod metadata;
mod page;
mod path;
mod presentation;
mod pretty;
mod query;
mod read;
mod search;
mod shapes;
mod update;
mod version_read;
mod written;

pub(crate) use answer::{deleted, gone, if_match, missing, settle};
pub(crate) use query::encode as encode_query;
pub(crate) use shapes::{
    BundleDone, BundleToDo, Capabilities, HistoryParameters, Matches, OperationOutcomeBody,
    Presentation as PresentationParameters, Resource, ResourceUnderId, SearchParameters, Versions,
    issue_code,
};
pub(crate) use written::{execute, single};

use axum::extract::{FromRef, FromRequestParts};
use axum::http::{HeaderMap, header, request};
use axum::routing::{MethodFilter, MethodRouter, on};
use fhir::prefer::Prefer;
use store::Store;

use crate::body::LargeBundles;
use crate::failure::Failure;
use crate::policy::FhirEndpoint as Endpoint;
use crate::public_url::PublicUrl;

/// The handler of an endpoint.
pub(crate) fn handler<S>(endpoint: Endpoint, filter: MethodFilter) -> MethodRouter<S>
where
    S: Clone + Send + Sync + 'static,
    Store: FromRef<S>,
    LargeBundles: FromRef<S>,
{
    match endpoint {
        Endpoint::Metadata => on(filter, metadata::metadata),
        Endpoint::Bundle => on(filter, bundle::bundle),
        Endpoint::Create => on(filter, create::create),
        Endpoint::Search => on(filter, search::search),
        Endpoint::SearchForm => on(filter, search::search_form),
        Endpoint::Read => on(filter, read::read),
        Endpoint::Update => on(filter, update::update),
        Endpoint::Delete => on(filter, delete::delete),
        Endpoint::History => on(filter, history::history),
        Endpoint::VersionRead => on(filter, version_read::version_read),
    }
}

/// The path of the FHIR endpoint.
pub(crate) const BASE: &str = "/fhir/R4";

/// The media type of every FHIR answer.
pub(crate) const MEDIA_TYPE: &str = "application/fhir+json; charset=utf-8";

/// The absolute URL of the FHIR endpoint as this client reaches it, without a slash at the end. Holds nothing
/// that JSON must escape.
#[derive(Clone, Debug)]
pub(crate) struct BaseUrl(pub(crate) String);

impl<S: Send + Sync> FromRequestParts<S> for BaseUrl {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut request::Parts, _: &S) -> Result<BaseUrl, Failure> {
        if let Some(url) = parts.extensions.get::<PublicUrl>() {
            return Ok(BaseUrl(format!("{}{BASE}", url.as_str())));
        }
        // HTTP/2 carries the authority in the target, HTTP/1.1 in the Host header.
        let authority = match parts.uri.authority() {
            Some(authority) => Some(authority.as_str()),
            None => parts.headers.get(header::HOST).and_then(|host| host.to_str().ok()),
        };
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~:[]".contains(&byte);
        match authority {
            Some(host) if !host.is_empty() && host.len() <= 255 && host.bytes().all(plain) => {
                Ok(BaseUrl(format!("http://{host}{BASE}")))
            }
            _ => Err(Failure::invalid("the Host header is not a host and a port")),
        }
    }
}

/// The `Prefer` header.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Preferred(pub(crate) Prefer);

impl<S: Send + Sync> FromRequestParts<S> for Preferred {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut request::Parts, _: &S) -> Result<Preferred, Failure> {
        Ok(Preferred(Prefer::parse(&joined(&parts.headers, "prefer")?.unwrap_or_default())))
    }
}

/// All values of a header as one list (RFC 9110, section 5.3).
pub(crate) fn joined(headers: &HeaderMap, name: &'static str) -> Result<Option<String>, Failure> {
    let values = headers.get_all(name).iter().map(|value| value.to_str()).collect::<Result<Vec<_>, _>>();
    match values {
        Ok(values) if values.is_empty() => Ok(None),
        Ok(values) => Ok(Some(values.join(", "))),
        Err(_) => Err(Failure::invalid(format!("the {name} header is not plain text"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_public_url_goes_before_the_host() {
        let request = axum::http::Request::builder().uri("/x").header("host", "10.0.0.1:8080");
        let url = PublicUrl::new("https://salus.example.org/api".to_owned());
        let mut parts = request.extension(url).body(()).unwrap().into_parts().0;
        let base = BaseUrl::from_request_parts(&mut parts, &()).await.unwrap();
        assert_eq!(base.0, "https://salus.example.org/api/fhir/R4");
    }

    #[tokio::test]
    async fn a_host_that_json_would_have_to_escape_is_refused() {
        let base = |host: &'static str| async move {
            let request = axum::http::Request::builder().uri("/x").header("host", host).body(()).unwrap();
            BaseUrl::from_request_parts(&mut request.into_parts().0, &()).await.map(|base| base.0)
        };
        assert_eq!(base("localhost:8080").await.unwrap(), "http://localhost:8080/fhir/R4");
        assert_eq!(base("[::1]:80").await.unwrap(), "http://[::1]:80/fhir/R4");
        for bad in ["a\"b", "a b", "a/b", "user@host"] {
            assert!(base(bad).await.is_err(), "{bad}");
        }
    }
}
