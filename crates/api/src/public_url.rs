//! The URL by which clients reach the server.

use std::sync::Arc;

use axum::http::{HeaderMap, HeaderValue, header};

/// The URL by which clients reach the server, where the operator named one: the base of links, instead of the request's
/// Host. An extension of each request, set by the edge.
#[derive(Clone, Debug)]
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

#[cfg(test)]
mod tests {
    use super::*;

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
