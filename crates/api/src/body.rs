//! Receiving request bodies: how much, how fast, of what kind.

mod encoding;
mod member;
mod objects;

use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::{FromRef, FromRequest, Request};
use axum::http::{HeaderMap, StatusCode, header};
use fhir::outcome::IssueType;
use http_body_util::BodyExt;
use kernel::limits;
use serde::de::DeserializeOwned;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Duration, Instant, timeout, timeout_at};

use self::encoding::{Broken, Coming};
use crate::failure::Failure;
use crate::policy::Rule;

/// How long a large Bundle waits for its turn.
const LARGE_WAIT: Duration = Duration::from_secs(5);
/// How much of a body that is too large is still taken from the connection, so that the client, who sends
/// before it listens, gets to read the refusal; and for how long.
const DISCARD_BYTES: usize = 2 * limits::BUNDLE_BYTES;
const DISCARD_TIME: Duration = Duration::from_secs(2);

/// The turns of Bundles above [`limits::BODY_BYTES`].
#[derive(Clone, Debug)]
pub struct LargeBundles {
    turns: Arc<Semaphore>,
}

impl Default for LargeBundles {
    fn default() -> Self {
        LargeBundles { turns: Arc::new(Semaphore::new(limits::LARGE_BUNDLES_IN_WORK)) }
    }
}

impl LargeBundles {
    async fn turn(&self, patience: Duration) -> Result<OwnedSemaphorePermit, Failure> {
        match timeout(patience, Arc::clone(&self.turns).acquire_owned()).await {
            Ok(Ok(turn)) => Ok(turn),
            Ok(Err(_)) | Err(_) => {
                Err(Failure::busy(5, "other large Bundles are in work").coded(IssueType::Throttled))
            }
        }
    }
}

/// A body of FHIR JSON, unparsed.
#[derive(Debug)]
pub struct FhirBody {
    /// The body.
    pub bytes: Vec<u8>,
    /// The turn of a large one: to be held until the work is done.
    pub turn: Option<OwnedSemaphorePermit>,
}

impl<S> FromRequest<S> for FhirBody
where
    S: Send + Sync,
    LargeBundles: FromRef<S>,
{
    type Rejection = Failure;

    async fn from_request(request: Request, state: &S) -> Result<FhirBody, Failure> {
        check_media_type(request.headers(), &["application/fhir+json", "application/json"])?;
        let (bytes, turn) = receive(request, Some(&LargeBundles::from_ref(state)), limits::BODY_READ).await?;
        Ok(FhirBody { bytes, turn })
    }
}

/// A small JSON body of one of our own shapes.
#[derive(Debug)]
pub struct Json<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Json<T> {
    type Rejection = Failure;

    async fn from_request(request: Request, _: &S) -> Result<Json<T>, Failure> {
        check_media_type(request.headers(), &["application/json"])?;
        let (bytes, _) = receive(request, None, limits::BODY_READ).await?;
        member::parse(&bytes).map(Json)
    }
}

/// One of our own shapes out of JSON that is not a body any more, such as a patched one; refused like a body.
pub(crate) fn shaped<T: DeserializeOwned>(value: &serde_json::Value) -> Result<T, Failure> {
    member::parse(value.to_string().as_bytes())
}

/// A JSON merge patch (RFC 7396): an object with the members that change; null takes one away.
#[derive(Debug)]
pub struct MergePatch<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for MergePatch<T> {
    type Rejection = Failure;

    async fn from_request(request: Request, _: &S) -> Result<MergePatch<T>, Failure> {
        check_media_type(request.headers(), &["application/merge-patch+json", "application/json"])?;
        let (bytes, _) = receive(request, None, limits::BODY_READ).await?;
        member::parse(&bytes).map(MergePatch)
    }
}

/// An `application/x-www-form-urlencoded` body, still encoded.
#[derive(Debug)]
pub struct Form(pub Bytes);

impl<S: Send + Sync> FromRequest<S> for Form {
    type Rejection = Failure;

    async fn from_request(request: Request, _: &S) -> Result<Form, Failure> {
        check_media_type(request.headers(), &["application/x-www-form-urlencoded"])?;
        let (bytes, _) = receive(request, None, limits::BODY_READ).await?;
        Ok(Form(bytes.into()))
    }
}

/// Refuses all media types but these, and all parameters but `charset=utf-8` and `fhirVersion=4.0`.
fn check_media_type(headers: &HeaderMap, accepted: &[&str]) -> Result<(), Failure> {
    let refuse = || {
        Failure::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            IssueType::NotSupported,
            format!("the Content-Type must be one of: {}", accepted.join(", ")),
        )
    };
    let mut values = headers.get_all(header::CONTENT_TYPE).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return Err(refuse());
    };
    let mut parts = value.to_str().map_err(|_| refuse())?.split(';').map(str::trim);
    let media_type = parts.next().unwrap_or_default();
    let known = accepted.iter().any(|accepted| accepted.eq_ignore_ascii_case(media_type));
    let plain = parts.filter(|parameter| !parameter.is_empty()).all(|parameter| {
        let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
        let value = value.trim_matches('"');
        (name.eq_ignore_ascii_case("charset") && value.eq_ignore_ascii_case("utf-8"))
            || (name.eq_ignore_ascii_case("fhirVersion") && value == "4.0")
    });
    if known && plain { Ok(()) } else { Err(refuse()) }
}

/// The whole body, decoded, within the rule's limit and `time`. Above [`limits::BODY_BYTES`] it takes a turn first.
async fn receive(
    request: Request,
    large: Option<&LargeBundles>,
    time: Duration,
) -> Result<(Vec<u8>, Option<OwnedSemaphorePermit>), Failure> {
    let limit = request.extensions().get::<&'static Rule>().map_or(0, |rule| rule.body_bytes);
    let declared = request
        .headers()
        .get(header::CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.parse::<usize>().ok());
    let deadline = Instant::now() + time;
    let mut body = Coming::of(request, limit)?;
    if declared.is_some_and(|declared| declared > limit) {
        discard(body.into_raw(), declared).await;
        return Err(too_large(limit));
    }
    let mut turn = None;
    let mut bytes = Vec::with_capacity(declared.unwrap_or(0).min(limits::BODY_BYTES));
    loop {
        let data = match timeout_at(deadline, body.piece()).await {
            Ok(None) => return Ok((bytes, turn)),
            Ok(Some(Ok(data))) => data,
            Ok(Some(Err(Broken::Cut))) => return Err(Failure::invalid("the body ended before its end")),
            Ok(Some(Err(Broken::NotEncoded))) => {
                return Err(Failure::invalid(
                    "the body is not what its Content-Encoding says, or was cut short",
                ));
            }
            Ok(Some(Err(Broken::TooLong))) => return Err(too_large(limit)),
            Err(_) => return Err(too_slow()),
        };
        if bytes.len() + data.len() > limit {
            drop(bytes);
            discard(body.into_raw(), declared).await;
            return Err(too_large(limit));
        }
        if bytes.len() + data.len() > limits::BODY_BYTES
            && turn.is_none()
            && let Some(large) = large
        {
            turn = Some(large.turn(LARGE_WAIT).await?);
            bytes.reserve(declared.unwrap_or(2 * limits::BODY_BYTES).saturating_sub(bytes.len()));
        }
        bytes.extend_from_slice(&data);
    }
}

async fn discard(mut body: Body, declared: Option<usize>) {
    if declared.is_some_and(|declared| declared > DISCARD_BYTES) {
        return;
    }
    let reading = async {
        let mut seen = 0;
        while let Some(Ok(frame)) = body.frame().await {
            seen += frame.data_ref().map_or(0, Bytes::len);
            if seen > DISCARD_BYTES {
                break;
            }
        }
    };
    // Whether all of it was taken makes no difference to the answer.
    let _ = timeout(DISCARD_TIME, reading).await;
}

fn too_large(limit: usize) -> Failure {
    Failure::new(
        StatusCode::PAYLOAD_TOO_LARGE,
        IssueType::TooLong,
        format!("the body is larger than {limit} bytes"),
    )
}

fn too_slow() -> Failure {
    Failure::new(
        StatusCode::REQUEST_TIMEOUT,
        IssueType::Timeout,
        format!("the body did not arrive within {} seconds", limits::BODY_READ.as_secs()),
    )
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn accepted(content_type: &str) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_str(content_type).unwrap());
        check_media_type(&headers, &["application/fhir+json", "application/json"]).is_ok()
    }

    #[test]
    fn fhirs_and_plain_json_in_utf_8_are_accepted() {
        for good in [
            "application/fhir+json",
            "application/json; charset=UTF-8",
            "Application/FHIR+JSON;charset=\"utf-8\"; fhirVersion=4.0",
        ] {
            assert!(accepted(good), "{good}");
        }
    }

    #[test]
    fn other_media_types_character_sets_and_versions_are_refused() {
        for bad in [
            "application/xml",
            "text/plain",
            "application/json; charset=latin1",
            "application/fhir+json; fhirVersion=5.0",
            "application/json-patch+json",
            "",
        ] {
            assert!(!accepted(bad), "{bad}");
        }
        assert!(check_media_type(&HeaderMap::new(), &["application/json"]).is_err());
    }

    #[tokio::test]
    async fn a_body_that_does_not_come_is_408() {
        let silence = futures::stream::pending::<Result<Bytes, axum::Error>>();
        let request = Request::new(Body::from_stream(silence));
        let received = receive(request, None, Duration::from_millis(20)).await;
        assert_eq!(received.unwrap_err().status(), StatusCode::REQUEST_TIMEOUT);
    }

    #[tokio::test]
    async fn at_most_two_large_bundles_are_in_work() {
        let patience = Duration::from_millis(20);
        let large = LargeBundles::default();
        let first = large.turn(patience).await.unwrap();
        let _second = large.turn(patience).await.unwrap();
        assert_eq!(large.turn(patience).await.unwrap_err().status(), StatusCode::SERVICE_UNAVAILABLE);
        drop(first);
        assert!(large.turn(patience).await.is_ok());
    }
}
