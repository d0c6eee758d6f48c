//! Who is let through a route: the one place that reads a token and compares roles with the policy.
//!
//! Every route is wrapped in the guard with its own rule when the router is built, so there is no way around
//! it.

use std::net::IpAddr;
use std::sync::Arc;

use axum::RequestExt;
use axum::extract::{FromRef, FromRequestParts, RawPathParams, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header, request};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use domain::audit::{Event, Outcome};
use domain::{Caller, Context};
use fhir::ResourceType;
use fhir::outcome::IssueType;
use identity::{Claims, Revocations, TokenVerifier};
use kernel::{Clock, RequestId};
use store::Store;

use crate::edge::Edge;
use crate::failure::Failure;
use crate::policy::{Endpoint, Permission, Policy, Rule, SessionEndpoint, allows};

/// The address at the other end of the connection; the server puts it into every request's extensions.
#[derive(Clone, Copy, Debug)]
pub struct Peer(pub IpAddr);

/// What the guard needs.
#[derive(Clone)]
pub struct Gate {
    /// Knows the keys that sign our tokens. Needs no database, so that reads go on while `auth` is down.
    pub verifier: Arc<TokenVerifier>,
    /// Knows which sessions have ended before their tokens; heard of about once a second.
    pub revocations: Arc<Revocations>,
    /// Keeps the audit trail of what was denied.
    pub store: Store,
    /// The source of time.
    pub clock: Arc<dyn Clock>,
}

impl Gate {
    /// Whether these headers hold a token that allows `permission`, where a route tells some more than others.
    pub(crate) fn holds(&self, headers: &HeaderMap, permission: Permission) -> bool {
        let Ok(token) = bearer(headers) else { return false };
        let claims = self.verifier.verify(token, self.clock.now());
        claims.is_ok_and(|claims| {
            let good = !self.revocations.refuse(claims.sid, claims.epoch) && !claims.must_change_password;
            good && allows(&claims.roles, permission)
        })
    }
}

/// A request that was let through: on whose behalf it is answered, and what the token says. As an extractor
/// it is the handler's proof that there was a token.
#[derive(Clone)]
pub struct Asked {
    /// For the operation.
    pub context: Context,
    /// The token's claims.
    pub claims: Arc<Claims>,
}

impl<S: Send + Sync> FromRequestParts<S> for Asked {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut request::Parts, _: &S) -> Result<Asked, Failure> {
        let asked = parts.extensions.get::<Asked>().cloned();
        asked.ok_or_else(|| Failure::defect("a handler asks for the caller of a public route"))
    }
}

/// The request's identifier and origin, which exist with or without a token.
#[derive(Clone, Copy, Debug)]
pub struct Origin {
    /// The request.
    pub request: RequestId,
    /// Where it came from.
    pub network: Option<IpAddr>,
}

impl<S: Send + Sync> FromRequestParts<S> for Origin {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut request::Parts, _: &S) -> Result<Origin, Failure> {
        Ok(Origin::of(&parts.extensions))
    }
}

impl Origin {
    fn of(extensions: &axum::http::Extensions) -> Origin {
        Origin {
            // The edge names every request; a request that came around it still gets a name.
            request: extensions.get().copied().unwrap_or_else(RequestId::generate),
            network: extensions.get::<Peer>().map(|peer| peer.0),
        }
    }
}

/// Lets the request through to its handler, or refuses it.
pub(crate) async fn guard<S>(
    State((state, rule)): State<(S, &'static Rule)>,
    mut request: Request,
    next: Next,
) -> Response
where
    Gate: FromRef<S>,
    Edge: FromRef<S>,
{
    let gate = Gate::from_ref(&state);
    let claims = match admit(&gate, rule, request.headers()) {
        Ok(claims) => claims,
        Err(denial) => return mark(rule, deny(&gate, rule, denial, request).await.into_response()),
    };
    let mut allowance = None;
    if let Some(claims) = claims {
        if let Some(rates) = Edge::from_ref(&state).rates {
            match rates.user(claims.sub) {
                Ok(left) => allowance = Some(left),
                Err(failure) => return mark(rule, failure.into_response()),
            }
        }
        let origin = Origin::of(request.extensions());
        let caller = Caller { account: claims.sub, tenant: claims.org, roles: claims.roles.clone().into() };
        let context = Context {
            caller,
            request: origin.request,
            network: origin.network,
            clock: Arc::clone(&gate.clock),
        };
        request.extensions_mut().insert(Asked { context, claims });
    }
    request.extensions_mut().insert(rule);
    let mut response = match tokio::time::timeout(rule.time, next.run(request)).await {
        Ok(response) => response,
        Err(_) => out_of_time(rule).into_response(),
    };
    if let Some(allowance) = allowance {
        response.extensions_mut().insert(allowance);
    }
    mark(rule, response)
}

/// The edge logs the route by its template: a path may hold what a log should not.
fn mark(rule: &'static Rule, mut response: Response) -> Response {
    response.extensions_mut().insert(rule);
    response
}

/// A write that has begun goes on to its commit or rollback without us: the store runs it on a task of its
/// own. So only what does not write is invited to be repeated.
fn out_of_time(rule: &Rule) -> Failure {
    match rule.writes() {
        true => Failure::new(
            StatusCode::SERVICE_UNAVAILABLE,
            IssueType::Timeout,
            "the request took longer than the server allows; it may still be done: look before repeating it",
        ),
        false => Failure::busy(5, "the request took longer than the server allows").coded(IssueType::Timeout),
    }
}

/// A refusal, and who was refused where that is known.
struct Denial {
    failure: Failure,
    claims: Option<Arc<Claims>>,
}

/// What can be done with a password that somebody else has given.
const FOR_A_TEMPORARY_PASSWORD: [Endpoint; 4] = [
    Endpoint::Session(SessionEndpoint::Me),
    Endpoint::Session(SessionEndpoint::ChangePassword),
    Endpoint::Session(SessionEndpoint::LogOut),
    Endpoint::Session(SessionEndpoint::LogOutAll),
];

fn admit(gate: &Gate, rule: &Rule, headers: &HeaderMap) -> Result<Option<Arc<Claims>>, Denial> {
    let needed = match rule.policy {
        Policy::Public => return Ok(None),
        Policy::Authenticated => &[],
        Policy::Permissions(needed) => needed,
    };
    let token = bearer(headers).map_err(|failure| Denial { failure, claims: None })?;
    let claims = gate.verifier.verify(token, gate.clock.now()).map_err(|error| Denial {
        failure: unauthorized("the access token is not accepted", Some("invalid_token")).because(error),
        claims: None,
    })?;
    if gate.revocations.refuse(claims.sid, claims.epoch) {
        let failure = unauthorized(
            "the session has ended, or what the token says is no longer true",
            Some("invalid_token"),
        );
        return Err(Denial { failure, claims: Some(claims) });
    }
    if claims.must_change_password && !FOR_A_TEMPORARY_PASSWORD.contains(&rule.endpoint) {
        let failure = Failure::new(
            StatusCode::FORBIDDEN,
            IssueType::Expired,
            "this password is temporary: choose another at /api/v1/auth/change-password first",
        );
        return Err(Denial { failure, claims: Some(claims) });
    }
    match needed.iter().find(|permission| !allows(&claims.roles, **permission)) {
        None => Ok(Some(claims)),
        Some(lacking) => Err(Denial {
            failure: Failure::new(
                StatusCode::FORBIDDEN,
                IssueType::Forbidden,
                format!("this needs the permission {}", lacking.name()),
            ),
            claims: Some(claims),
        }),
    }
}

/// The token of `Authorization: Bearer` (RFC 6750, section 2.1).
fn bearer(headers: &HeaderMap) -> Result<&str, Failure> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return Err(unauthorized("log in at /api/v1/auth/login and send the access token", None));
    };
    value
        .to_str()
        .ok()
        .and_then(|value| value.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
        .map(|(_, token)| token.trim())
        .filter(|token| !token.is_empty())
        .ok_or_else(|| {
            unauthorized("the Authorization header must be: Bearer, a space, an access token", None)
        })
}

/// 401 with the challenge of RFC 6750, section 3.
pub(crate) fn unauthorized(diagnostics: &'static str, error: Option<&str>) -> Failure {
    let challenge = match error {
        Some(error) => format!("Bearer realm=\"salus\", error=\"{error}\""),
        None => "Bearer realm=\"salus\"".to_owned(),
    };
    let failure = Failure::new(StatusCode::UNAUTHORIZED, IssueType::Login, diagnostics);
    match HeaderValue::try_from(challenge) {
        Ok(challenge) => failure.with_header(header::WWW_AUTHENTICATE, challenge),
        Err(_) => failure,
    }
}

/// Writes down that the request was denied, where it asked for a patient's data or came from an account that may not,
/// and only then refuses it: an access that cannot be audited is not answered, not even with a refusal.
async fn deny(gate: &Gate, rule: &Rule, denial: Denial, mut request: Request) -> Failure {
    let known = denial.claims.is_some() && denial.failure.status() == StatusCode::FORBIDDEN;
    if !rule.patient_data && !known {
        return denial.failure;
    }
    let origin = Origin::of(request.extensions());
    let (resource_type, resource_id) = match request.extract_parts::<RawPathParams>().await {
        Ok(parameters) => named(rule, &parameters),
        Err(_) => (None, None),
    };
    let event = Event {
        at: gate.clock.now(),
        tenant: denial.claims.as_ref().map(|claims| claims.org),
        account: denial.claims.as_ref().map(|claims| claims.sub),
        request: origin.request,
        network: origin.network,
        action: rule.action,
        operation: rule.operation,
        outcome: Outcome::Denied,
        resource_type,
        resource_id,
        patients: Vec::new(),
        resources: Vec::new(),
        query: None,
    };
    match gate.store.trace_in_auth(event).await {
        Ok(()) => denial.failure,
        Err(error) => error.into(),
    }
}

/// What the path names, where it names something possible.
fn named(rule: &Rule, parameters: &RawPathParams) -> (Option<ResourceType>, Option<String>) {
    let mut resource_type = match rule.endpoint {
        // The typed door: the id is a patient's.
        Endpoint::Patients(_) | Endpoint::Chart(_) => ResourceType::from_name("Patient"),
        _ => None,
    };
    let mut resource_id = None;
    for (name, value) in parameters {
        match name {
            "type" => resource_type = ResourceType::from_name(value),
            "id" if fhir::reference::is_id(value) => resource_id = Some(value.to_owned()),
            _ => {}
        }
    }
    (resource_type, resource_id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::Verb;

    fn headers(values: &[&str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(header::AUTHORIZATION, HeaderValue::from_str(value).unwrap());
        }
        headers
    }

    #[test]
    fn the_scheme_is_bearer_in_any_case() {
        assert_eq!(bearer(&headers(&["Bearer abc"])).unwrap(), "abc");
        assert_eq!(bearer(&headers(&["bEARER abc"])).unwrap(), "abc");
    }

    #[test]
    fn anything_but_one_bearer_token_is_no_token() {
        for odd in [&[][..], &["Basic abc"], &["Bearer"], &["Bearer "], &["abc"], &["Bearer a", "Bearer a"]] {
            assert_eq!(bearer(&headers(odd)).unwrap_err().status(), StatusCode::UNAUTHORIZED, "{odd:?}");
        }
    }

    #[test]
    fn who_ran_out_of_time_while_writing_is_not_invited_to_repeat_it() {
        let invited = |path: &str, verb| {
            let rule = crate::policy::table().find(|rule| rule.path == path && rule.verb == verb);
            let failure = out_of_time(rule.unwrap());
            assert_eq!(failure.status(), StatusCode::SERVICE_UNAVAILABLE);
            failure.headers.iter().any(|(name, _)| name == header::RETRY_AFTER)
        };
        assert!(invited("/fhir/R4/{type}", Verb::Get));
        assert!(!invited("/fhir/R4/{type}", Verb::Post));
        assert!(!invited("/fhir/R4", Verb::Post));
    }
}
