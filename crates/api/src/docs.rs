//! `/docs`: the OpenAPI document for people, by Swagger UI, whose files are part of the program.
//!
//! The files' addresses hold a number that changes when one of them does, so that browsers may keep them for ever.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::LazyLock;

use axum::extract::RawPathParams;
use axum::extract::rejection::RawPathParamsRejection;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use schemars::JsonSchema;

use crate::failure::Failure;

/// The page, for the document.
#[derive(JsonSchema)]
#[schemars(inline, example = &"<!DOCTYPE html>\n<html lang=\"en\">...</html>")]
pub(crate) struct Page(#[expect(dead_code, reason = "only its shape is looked at")] String);

/// One of its files, for the document.
#[derive(JsonSchema)]
#[schemars(inline, example = &"body {\n  margin: 0;\n}\n")]
pub(crate) struct File(#[expect(dead_code, reason = "only its shape is looked at")] String);

/// A file of the page.
struct Asset {
    name: &'static str,
    media_type: &'static str,
    bytes: &'static [u8],
}

const ASSETS: &[Asset] = &[
    Asset {
        name: "swagger-ui-bundle.js",
        media_type: "text/javascript; charset=utf-8",
        bytes: include_bytes!("../assets/swagger-ui/swagger-ui-bundle.js"),
    },
    Asset {
        name: "swagger-ui.css",
        media_type: "text/css; charset=utf-8",
        bytes: include_bytes!("../assets/swagger-ui/swagger-ui.css"),
    },
    Asset {
        name: "favicon-32x32.png",
        media_type: "image/png",
        bytes: include_bytes!("../assets/swagger-ui/favicon-32x32.png"),
    },
    Asset {
        name: "page.js",
        media_type: "text/javascript; charset=utf-8",
        bytes: include_bytes!("../assets/docs/page.js"),
    },
    Asset {
        name: "page.css",
        media_type: "text/css; charset=utf-8",
        bytes: include_bytes!("../assets/docs/page.css"),
    },
];

const PAGE: &str = include_str!("../assets/docs/page.html");

/// Nothing but the page's own files runs or is asked, and no other site shows the page in a frame. Swagger UI's styles
/// hold their images.
const CONTENT_SECURITY_POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
     base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
);
const FOR_EVER: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");
const ASK_AGAIN: HeaderValue = HeaderValue::from_static("no-cache");

/// The number of these files. Not a cryptographic one: the files are ours.
static RELEASE: LazyLock<String> = LazyLock::new(|| {
    let mut hasher = DefaultHasher::new();
    for asset in ASSETS {
        asset.bytes.hash(&mut hasher);
    }
    PAGE.hash(&mut hasher);
    format!("{:016x}", hasher.finish())
});

/// The names of the files.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    ASSETS.iter().map(|asset| asset.name)
}

/// The number under which the files lie.
pub(crate) fn release() -> &'static str {
    &RELEASE
}

/// Handles the page.
pub(crate) async fn page(headers: HeaderMap) -> Response {
    static MADE: LazyLock<String> = LazyLock::new(|| PAGE.replace("{release}", release()));
    let mut response = answer(&headers, "text/html; charset=utf-8", MADE.as_bytes(), ASK_AGAIN);
    response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY);
    response
}

/// Handles a file.
pub(crate) async fn file(
    parameters: Result<RawPathParams, RawPathParamsRejection>,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let parameters = parameters.map_err(|_| missing())?;
    let named = |wanted| parameters.iter().find(|(name, _)| *name == wanted).map(|(_, value)| value);
    give(named("release").unwrap_or_default(), named("file").unwrap_or_default(), &headers)
}

fn give(asked: &str, name: &str, headers: &HeaderMap) -> Result<Response, Failure> {
    let asset = ASSETS.iter().find(|asset| asset.name == name && asked == release()).ok_or_else(missing)?;
    Ok(answer(headers, asset.media_type, asset.bytes, FOR_EVER))
}

fn missing() -> Failure {
    Failure::missing("there is no such file; /docs names those that are")
}

/// The bytes, or 304 for who has them.
fn answer(
    headers: &HeaderMap,
    media_type: &'static str,
    bytes: &'static [u8],
    keep: HeaderValue,
) -> Response {
    // Weak: on its way the body may be compressed.
    let tag = format!("W/\"{}\"", release());
    let has_it = headers.get_all(header::IF_NONE_MATCH).iter().any(|value| {
        value.to_str().is_ok_and(|value| value.split(',').any(|one| one.trim() == tag || one.trim() == "*"))
    });
    let mut response = if has_it { StatusCode::NOT_MODIFIED.into_response() } else { bytes.into_response() };
    let mut set = |name: HeaderName, value: HeaderValue| response.headers_mut().insert(name, value);
    if !has_it {
        set(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    }
    set(header::CACHE_CONTROL, keep);
    if let Ok(tag) = HeaderValue::try_from(tag) {
        set(header::ETAG, tag);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_names_every_file_and_holds_no_script_of_its_own() {
        for name in names() {
            assert!(PAGE.contains(&format!("\"docs/{{release}}/{name}\"")), "{name}");
        }
        let scripts: Vec<_> = PAGE.split("<script").skip(1).collect();
        assert!(!scripts.is_empty());
        for script in scripts {
            assert!(script.starts_with(" src=") && script.contains("></script>"), "{script}");
        }
        assert!(!PAGE.contains("style="));
    }

    #[test]
    fn who_has_a_file_is_not_given_it_again() {
        let first = give(release(), "page.js", &HeaderMap::new()).unwrap();
        assert_eq!(first.status(), StatusCode::OK);
        let tag = first.headers()[header::ETAG].clone();
        let again = give(release(), "page.js", &HeaderMap::from_iter([(header::IF_NONE_MATCH, tag)]));
        assert_eq!(again.unwrap().status(), StatusCode::NOT_MODIFIED);
        let other = give("0", "page.js", &HeaderMap::new());
        assert_eq!(other.unwrap_err().status(), StatusCode::NOT_FOUND);
    }
}
