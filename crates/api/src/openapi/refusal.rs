//! Refusals: which ones a route can give, and how they look. Each stands once in `components`, and operations refer to
//! it.

use schemars::SchemaGenerator;
use serde_json::{Map, Value, json};

use super::{header, operation};
use crate::edge::Problem;
use crate::fhir::OperationOutcomeBody;
use crate::policy::{Content, Endpoint, OperationsEndpoint, Policy, Rule, Shape, Verb};
use crate::sample;

/// A refusal as such.
struct Refusal {
    status: u16,
    /// When it is given.
    description: &'static str,
    headers: &'static [&'static str],
    /// An example's code and text.
    code: &'static str,
    detail: &'static str,
}

const fn refusal(
    status: u16,
    description: &'static str,
    headers: &'static [&'static str],
    code: &'static str,
    detail: &'static str,
) -> Refusal {
    Refusal { status, description, headers, code, detail }
}

const REFUSALS: &[Refusal] = &[
    refusal(
        400,
        "The request cannot be understood: its JSON, a parameter, a header or the path is malformed.",
        &[],
        "invalid",
        "If-Match must name one version, such as W/\"3\"",
    ),
    refusal(
        401,
        "No access token, or one that is not accepted.",
        &["WWW-Authenticate"],
        "login",
        "log in at /api/v1/auth/login and send the access token",
    ),
    refusal(
        403,
        "The caller's roles do not allow it.",
        &[],
        "forbidden",
        "this needs the permission record:write",
    ),
    refusal(
        404,
        "There is none, or it belongs to another organization.",
        &[],
        "not-found",
        "there is no such resource",
    ),
    refusal(
        406,
        "The client takes no format that the server has.",
        &[],
        "not-supported",
        "the only format is application/fhir+json",
    ),
    refusal(
        408,
        "The body did not arrive in time.",
        &[],
        "timeout",
        "the body did not arrive within 30 seconds",
    ),
    refusal(
        409,
        "It contradicts what is there.",
        &[],
        "conflict",
        "another registration has this identifier",
    ),
    refusal(410, "It was deleted.", &["ETag", "Last-Modified"], "deleted", "the resource was deleted"),
    refusal(
        412,
        "A condition of the request does not hold: somebody wrote in between, or several records match.",
        &[],
        "conflict",
        "the current version is W/\"4\"",
    ),
    refusal(413, "The body is too large.", &[], "too-long", "the body is larger than 1048576 bytes"),
    refusal(
        414,
        "Path and query are too long.",
        &[],
        "too-long",
        "the request target is longer than 8192 bytes",
    ),
    refusal(
        415,
        "The body's media type or encoding is not taken.",
        &[],
        "not-supported",
        "the Content-Type must be one of: application/json",
    ),
    refusal(
        422,
        "The request is understood, and what it says cannot be.",
        &[],
        "value",
        "this has another type or form than it should",
    ),
    refusal(
        428,
        "`If-Match` is needed: who did not read what is there may overwrite what somebody else wrote.",
        &[],
        "required",
        "send the version that this change is based on as If-Match, such as W/\"3\"",
    ),
    refusal(
        429,
        "This user or this address has sent too many requests.",
        &["Retry-After", "RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset"],
        "throttled",
        "this user has sent too many requests",
    ),
    refusal(431, "The headers are too large.", &[], "too-long", "the headers are larger than 16384 bytes"),
    refusal(
        500,
        "A defect of the server's own, which its log knows by the request's id.",
        &[],
        "exception",
        "the server met a defect of its own; its log knows this request by its id",
    ),
    refusal(
        503,
        "A database that this needs does not answer, or the server has too much to do.",
        &["Retry-After"],
        "transient",
        "the phi database does not answer at present",
    ),
];

/// How a refusal looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// problem+json.
    Problem,
    /// OperationOutcome.
    Outcome,
}

impl Form {
    /// The form of the refusals of this route.
    pub(super) fn of(rule: &Rule) -> Form {
        match rule.endpoint {
            Endpoint::Fhir(_) => Form::Outcome,
            _ => Form::Problem,
        }
    }

    const fn content(self) -> Content {
        match self {
            Form::Problem => {
                Content { media_types: &["application/problem+json"], shape: Shape::of::<Problem>() }
            }
            Form::Outcome => Content {
                media_types: &["application/fhir+json"],
                shape: Shape::of::<OperationOutcomeBody>(),
            },
        }
    }

    fn name(self, status: u16) -> String {
        match self {
            Form::Problem => format!("Problem{status}"),
            Form::Outcome => format!("Outcome{status}"),
        }
    }

    /// The way to the refusal in `components`.
    pub(super) fn reference(self, status: u16) -> Value {
        json!({ "$ref": format!("#/components/responses/{}", self.name(status)) })
    }

    fn example(self, refusal: &Refusal) -> Value {
        let Refusal { status, code, detail, .. } = refusal;
        let reason =
            axum::http::StatusCode::from_u16(*status).ok().and_then(|status| status.canonical_reason());
        let mut example = match self {
            Form::Problem => json!({
                "title": reason.unwrap_or("Error"),
                "status": status,
                "detail": detail,
                "code": code,
                "request_id": sample::REQUEST,
            }),
            Form::Outcome => json!({
                "resourceType": "OperationOutcome",
                "issue": [{ "severity": "error", "code": code, "diagnostics": detail }],
            }),
        };
        if let (Form::Problem, 422) = (self, *status) {
            example["errors"] = json!([{ "pointer": "/birth_date", "detail": detail }]);
        }
        example
    }

    /// How it looks for this status, with an example.
    pub(super) fn content_of(self, status: u16, generator: &mut SchemaGenerator) -> Value {
        let mut content = operation::content(self.content(), generator);
        if let Some(refusal) = REFUSALS.iter().find(|refusal| refusal.status == status) {
            for media_type in self.content().media_types {
                content[*media_type]["example"] = self.example(refusal);
            }
        }
        content
    }
}

/// What a route of this kind may refuse with, and what it says itself.
pub(super) fn statuses(rule: &Rule) -> Vec<u16> {
    let mut statuses = vec![400, 414, 431, 500, 503];
    // Health checks are not counted.
    if !matches!(rule.endpoint, Endpoint::Operations(OperationsEndpoint::Live | OperationsEndpoint::Ready)) {
        statuses.push(429);
    }
    if matches!(rule.endpoint, Endpoint::Fhir(_)) {
        statuses.push(406);
    }
    match rule.policy {
        Policy::Public => {}
        // 403 without a permission: while the password is a temporary one.
        Policy::Authenticated | Policy::Permissions(_) => statuses.extend([401, 403]),
    }
    if matches!(rule.verb, Verb::Post | Verb::Put | Verb::Patch) && rule.documentation.body.is_some() {
        statuses.extend([408, 413, 415, 422]);
    }
    statuses.extend(rule.documentation.refusals);
    statuses.sort_unstable();
    statuses.dedup();
    statuses
}

/// The refusals that these rules give, for `components`.
pub(super) fn components(
    rules: impl Iterator<Item = &'static Rule>,
    generator: &mut SchemaGenerator,
) -> Value {
    let mut components = Map::new();
    for rule in rules {
        let form = Form::of(rule);
        for status in statuses(rule) {
            let refusal = REFUSALS.iter().find(|refusal| refusal.status == status);
            if let (Some(refusal), name) = (refusal, form.name(status))
                && !components.contains_key(&name)
            {
                components.insert(name, component(form, refusal, generator));
            }
        }
    }
    components.sort_keys();
    components.into()
}

fn component(form: Form, refusal: &Refusal, generator: &mut SchemaGenerator) -> Value {
    json!({
        "description": refusal.description,
        "headers": header::of(refusal.headers.iter().copied()),
        "content": form.content_of(refusal.status, generator),
    })
}
