//! How a refusal looks at each door.

use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use fhir::outcome::{Issue, OperationOutcome};
use kernel::RequestId;
use schemars::JsonSchema;
use serde::Serialize;

use crate::failure::Failure;
use crate::fhir::{BASE, MEDIA_TYPE};

/// The doors, which differ in the form of their errors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Door {
    /// Under the FHIR base: OperationOutcome.
    Fhir,
    /// Everywhere else: problem+json.
    Plain,
}

impl Door {
    /// The door that this path leads to.
    pub(super) fn of(path: &str) -> Door {
        match path.strip_prefix(BASE) {
            Some(rest) if rest.is_empty() || rest.starts_with('/') => Door::Fhir,
            _ => Door::Plain,
        }
    }
}

/// Problem details (RFC 9457). The type is left out, which means `about:blank`: the title is the status.
#[derive(Serialize, JsonSchema)]
#[schemars(deny_unknown_fields, example = example())]
pub(crate) struct Problem {
    /// The status in words.
    title: String,
    /// The status.
    #[schemars(range(min = 400, max = 599))]
    status: u16,
    /// What is wrong and how to right it; quotes nothing that is stored.
    detail: String,
    /// The FHIR IssueType, which is finer than the status.
    #[schemars(schema_with = "crate::fhir::issue_code")]
    code: String,
    /// Names the request in the server's log.
    #[schemars(with = "uuid::Uuid")]
    request_id: String,
    /// Which members of the body are wrong, where it is about members.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(default)]
    errors: Vec<MemberError>,
}

fn example() -> serde_json::Value {
    serde_json::json!({
        "title": "Unprocessable Entity",
        "status": 422,
        "detail": "this member is needed",
        "code": "required",
        "request_id": crate::sample::REQUEST,
        "errors": [{ "pointer": "/family_name", "detail": "this member is needed" }],
    })
}

/// A member of the body that is wrong.
#[derive(Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
struct MemberError {
    /// Where it is (JSON pointer, RFC 6901); `/` is the body as a whole.
    pointer: String,
    /// What is wrong with it.
    detail: String,
}

/// The final answer: the failure's body, and the headers of the answer that carried it (`Allow` is one).
pub(super) fn render(door: Door, id: RequestId, failure: &Failure, carrier: Response) -> Response {
    let (mut parts, _) = carrier.into_parts();
    let (media_type, body) = match door {
        Door::Fhir => (MEDIA_TYPE, OperationOutcome::new(failure.issues.clone()).to_bytes()),
        Door::Plain => ("application/problem+json", problem(failure.status, id, failure)),
    };
    parts.status = failure.status;
    parts.headers.remove(header::CONTENT_LENGTH);
    parts.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    for (name, value) in &failure.headers {
        parts.headers.insert(name, value.clone());
    }
    Response::from_parts(parts, Body::from(body))
}

fn problem(status: StatusCode, id: RequestId, failure: &Failure) -> Vec<u8> {
    let issue = failure.issues.first();
    let problem = Problem {
        title: status.canonical_reason().unwrap_or("Error").to_owned(),
        status: status.as_u16(),
        detail: issue.map_or_else(String::new, |issue| issue.diagnostics.clone()),
        code: issue.map_or("processing", |issue| issue.code.code()).to_owned(),
        request_id: id.to_string(),
        errors: failure.issues.iter().filter_map(member).collect(),
    };
    // Strings and one number: serialising them cannot fail.
    serde_json::to_vec(&problem).unwrap_or_default()
}

/// An issue whose place is a JSON pointer. Those of FHIR are FHIRPath and stand under the other door.
fn member(issue: &Issue) -> Option<MemberError> {
    let pointer = issue.expression.as_ref().filter(|place| place.starts_with('/'))?;
    Some(MemberError { pointer: pointer.clone(), detail: issue.diagnostics.clone() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_paths_below_the_base_are_fhirs() {
        assert_eq!(Door::of("/fhir/R4"), Door::Fhir);
        assert_eq!(Door::of("/fhir/R4/Patient/1"), Door::Fhir);
        assert_eq!(Door::of("/fhir/R4B/Patient"), Door::Plain);
        assert_eq!(Door::of("/api/v1/auth/login"), Door::Plain);
    }

    #[test]
    fn a_problem_holds_status_detail_and_the_requests_id() {
        let id = RequestId::generate();
        let body = problem(StatusCode::BAD_REQUEST, id, &Failure::invalid("no such thing"));
        let problem: serde_json::Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(problem["title"], "Bad Request");
        assert_eq!(problem["status"], 400);
        assert_eq!(problem["detail"], "no such thing");
        assert_eq!(problem["request_id"], id.to_string());
    }
}
