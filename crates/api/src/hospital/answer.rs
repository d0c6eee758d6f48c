//! What a typed route answers with.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

/// 200 with the version in `ETag`.
pub(crate) fn versioned(version: i32, body: impl Serialize) -> Response {
    with_tag(StatusCode::OK, version, body)
}

/// 201 with `Location` and `ETag`. `location` is a path of ours: it holds nothing that a header must escape.
pub(crate) fn created(location: &str, version: i32, body: impl Serialize) -> Response {
    let mut response = with_tag(StatusCode::CREATED, version, body);
    if let Ok(location) = HeaderValue::from_str(location) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    response
}

fn with_tag(status: StatusCode, version: i32, body: impl Serialize) -> Response {
    let mut response = (status, Json(body)).into_response();
    if let Ok(tag) = HeaderValue::from_str(&fhir::etag::format(version)) {
        response.headers_mut().insert(header::ETAG, tag);
    }
    response
}
