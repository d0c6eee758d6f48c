//! Bodies that come compressed.
//!
//! A body is decoded as it is read, so that whoever reads it within a limit meets the limit before the memory is filled:
//! a bomb is refused after as much work as an honest body of the largest size.

use std::convert::Infallible;
use std::error::Error;
use std::future::{Ready, ready};
use std::io;
use std::task::{Context, Poll};

use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use fhir::outcome::IssueType;
use http_body_util::{BodyExt, Empty, LengthLimitError, Limited};
use tower::Service;
use tower_http::decompression::{DecompressionBody, RequestDecompression};

use crate::failure::Failure;

/// The encodings that are read.
const ENCODINGS: [&str; 3] = ["gzip", "br", "zstd"];

/// A body on its way in.
pub(super) enum Coming {
    /// As it is.
    Plain(Body),
    /// To be decoded. What it is decoded from is held to the same limit: a stream can be made to yield nothing for ever.
    Encoded(Box<DecompressionBody<Limited<Body>>>),
}

/// Why a frame does not come.
pub(super) enum Broken {
    /// The connection ended.
    Cut,
    /// It is not what its `Content-Encoding` says.
    NotEncoded,
    /// It is too long even before it is decoded.
    TooLong,
}

impl Coming {
    /// The body of the request.
    ///
    /// # Errors
    /// 415 for an encoding that is not read.
    pub(super) fn of(request: Request, limit: usize) -> Result<Coming, Failure> {
        if !is_encoded(request.headers())? {
            return Ok(Coming::Plain(request.into_body()));
        }
        let mut kept = None;
        let limited = request.map(|body| Limited::new(body, limit));
        // The service decides at once how to decode; what it answers is of no interest.
        drop(RequestDecompression::new(Keep(&mut kept)).call(limited));
        kept.map(|body| Coming::Encoded(Box::new(body))).ok_or_else(unsupported)
    }

    /// The next piece; none at the end.
    pub(super) async fn piece(&mut self) -> Option<Result<Bytes, Broken>> {
        loop {
            let frame = match self {
                Coming::Plain(body) => body.frame().await?.map_err(|_| Broken::Cut),
                Coming::Encoded(body) => body.frame().await?.map_err(|error| broken(&*error)),
            };
            match frame.map(|frame| frame.into_data()) {
                Ok(Ok(data)) => return Some(Ok(data)),
                // Trailers say nothing to us.
                Ok(Err(_)) => {}
                Err(error) => return Some(Err(error)),
            }
        }
    }

    /// What comes over the connection, for whoever only wants it gone. Nothing is left where a limit already ended it.
    pub(super) fn into_raw(self) -> Body {
        match self {
            Coming::Plain(body) => body,
            Coming::Encoded(body) => Body::new(body.into_inner()),
        }
    }
}

/// Whether the body needs decoding.
fn is_encoded(headers: &HeaderMap) -> Result<bool, Failure> {
    let mut values = headers.get_all(header::CONTENT_ENCODING).iter();
    match (values.next(), values.next()) {
        (None, _) => Ok(false),
        (Some(value), None) if value == "identity" => Ok(false),
        (Some(value), None) if ENCODINGS.iter().any(|known| value == known) => Ok(true),
        _ => Err(unsupported()),
    }
}

/// With the encodings that would do (RFC 7694).
fn unsupported() -> Failure {
    let said = "the Content-Encoding must be one of gzip, br and zstd, or none";
    Failure::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, IssueType::NotSupported, said)
        .with_header(header::ACCEPT_ENCODING, HeaderValue::from_static("gzip, br, zstd"))
}

fn broken(error: &(dyn Error + 'static)) -> Broken {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if error.is::<LengthLimitError>() {
            return Broken::TooLong;
        }
        // What an io::Error was made of is not its source, but it.
        let inside = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        cause = match inside {
            Some(inside) => Some(inside),
            None => error.source(),
        };
    }
    Broken::NotEncoded
}

/// Takes the body out of the request that it is given.
struct Keep<'k>(&'k mut Option<DecompressionBody<Limited<Body>>>);

impl Service<axum::http::Request<DecompressionBody<Limited<Body>>>> for Keep<'_> {
    type Response = Response<Empty<Bytes>>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: axum::http::Request<DecompressionBody<Limited<Body>>>) -> Self::Future {
        *self.0 = Some(request.into_body());
        ready(Ok(Response::new(Empty::new())))
    }
}
