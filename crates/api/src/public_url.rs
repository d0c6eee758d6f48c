//! The URL by which clients reach the server: the base of all links, where the operator named one.
//!
//! Links in headers are completed by the edge, whoever wrote them; those in bodies are made with [`Here`], and documents
//! that name the URL are [`Made`] once.

use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};

use axum::body::Bytes;
use axum::extract::{FromRequestParts, OptionalFromRequestParts};
use axum::http::{HeaderMap, HeaderValue, header, request};

/// The URL by which clients reach the server, where the operator named one: the base of links, instead of the request's
/// Host. An extension of each request, set by the edge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicUrl(Arc<str>);

impl PublicUrl {
    /// This URL, which ends without a slash and holds nothing that JSON must escape.
    pub fn new(url: impl Into<Arc<str>>) -> PublicUrl {
        PublicUrl(url.into())
    }

    /// The URL.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// Gives links in headers that begin with our root the URL as their base: before a client stands a proxy, perhaps
    /// with a path of its own, that our paths do not know.
    pub(crate) fn complete(&self, headers: &mut HeaderMap) {
        for (name, before) in [(header::LOCATION, "/"), (header::CONTENT_LOCATION, "/"), (header::LINK, "</")]
        {
            let Some(value) = headers.get(&name).and_then(|value| value.to_str().ok()) else { continue };
            let Some(rest) = value.strip_prefix(before).filter(|rest| !rest.starts_with('/')) else {
                continue;
            };
            let opening = before.trim_end_matches('/');
            if let Ok(complete) = HeaderValue::from_str(&format!("{opening}{}/{rest}", self.0)) {
                headers.insert(name, complete);
            }
        }
    }
}

impl<S: Send + Sync> OptionalFromRequestParts<S> for PublicUrl {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut request::Parts, _: &S) -> Result<Option<PublicUrl>, Infallible> {
        Ok(parts.extensions.get().cloned())
    }
}

/// Where the request was sent, as its client writes it: without a public URL the path alone.
#[derive(Clone, Debug)]
pub(crate) struct Here(String);

impl Here {
    /// As a link.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// The link to what lies below it under this id.
    pub(crate) fn below(&self, id: &str) -> String {
        format!("{}/{id}", self.0)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Here {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut request::Parts, _: &S) -> Result<Here, Infallible> {
        let base = parts.extensions.get::<PublicUrl>().map_or("", PublicUrl::as_str);
        Ok(Here(format!("{base}{}", parts.uri.path())))
    }
}

/// A document that names the URL. A server has one, so it is made once.
pub(crate) struct Made(Mutex<Option<(Option<PublicUrl>, Bytes)>>);

impl Made {
    /// None yet.
    pub(crate) const fn new() -> Made {
        Made(Mutex::new(None))
    }

    /// The document for this URL, made where it is not there.
    ///
    /// # Errors
    /// What making it fails with.
    pub(crate) fn of<E>(
        &self,
        url: Option<&PublicUrl>,
        make: impl FnOnce() -> Result<Bytes, E>,
    ) -> Result<Bytes, E> {
        let mut made = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match &*made {
            Some((of, document)) if of.as_ref() == url => Ok(document.clone()),
            _ => Ok(made.insert((url.cloned(), make()?)).1.clone()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_is_made_once_for_a_url() {
        let (made, url) = (Made::new(), PublicUrl::new("https://salus.example.org"));
        let of = |url, text: &'static str| made.of(url, || Ok::<_, Infallible>(Bytes::from(text))).unwrap();
        assert_eq!(of(Some(&url), "one"), "one");
        assert_eq!(of(Some(&url), "two"), "one");
        assert_eq!(of(None, "three"), "three");
    }

    #[test]
    fn links_from_our_root_are_completed_and_others_are_left() {
        let url = PublicUrl::new("https://salus.example.org/api");
        let completed = |name: header::HeaderName, value: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(name.clone(), HeaderValue::from_static(value));
            url.complete(&mut headers);
            headers[name].to_str().unwrap().to_owned()
        };
        assert_eq!(
            completed(header::LOCATION, "/api/v1/patients/7"),
            "https://salus.example.org/api/api/v1/patients/7"
        );
        assert_eq!(
            completed(header::LINK, "</x?cursor=a>; rel=\"next\""),
            "<https://salus.example.org/api/x?cursor=a>; rel=\"next\""
        );
        for other in ["https://elsewhere.example.org/x", "//elsewhere.example.org/x", "relative"] {
            assert_eq!(completed(header::LOCATION, other), other);
        }
    }
}
