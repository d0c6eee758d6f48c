//! `/api/v1/auth`: logging in and who one is.

use domain::audit::Action;

use super::{Answer, Content, Documentation, Policy, Rule, Verb};
use crate::session::{Credentials, Me, TokenBody};

/// What can be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Endpoint {
    /// Password in, token out.
    LogIn,
    /// Who the token is.
    Me,
}

/// Largest login request, bytes: a name and a password of at most 1,024 bytes each, escaped.
const LOGIN_BYTES: usize = 16 * 1024;

const TAG: &str = "Session";

const fn rule(
    endpoint: Endpoint,
    verb: Verb,
    path: &'static str,
    policy: Policy,
    operation: &'static str,
    documentation: Documentation,
) -> Rule {
    Rule::new(super::Endpoint::Session(endpoint), verb, path, policy, operation, documentation)
}

pub(super) const RULES: &[Rule] = &[
    Rule {
        body_bytes: LOGIN_BYTES,
        ..rule(
            Endpoint::LogIn,
            Verb::Post,
            "/api/v1/auth/login",
            Policy::Public,
            "session.login",
            Documentation::new(
                TAG,
                "Log in",
                &[Answer::ok("An access token (RFC 6749, section 5.1).", Content::json::<TokenBody>())],
            )
            .body(Content::json::<Credentials>())
            .refuses(&[401]),
        )
        .acting(Action::Execute)
    },
    rule(
        Endpoint::Me,
        Verb::Get,
        "/api/v1/auth/me",
        Policy::Authenticated,
        "session.me",
        Documentation::new(
            TAG,
            "Whom the token names, and what that allows",
            &[Answer::ok("The caller.", Content::json::<Me>())],
        ),
    ),
];
