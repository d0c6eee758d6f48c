//! `/api/v1/auth`: logging in and who one is.

use domain::audit::Action;

use super::{Answer, Content, Documentation, Policy, Rule, Verb};
use crate::hospital::Listing;
use crate::session::{
    Credentials, Destination, JwkSet, Me, NewPassword, RefreshBody, SessionBody, TokenBody,
};

/// What can be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Endpoint {
    /// Password in, token out.
    LogIn,
    /// A refresh token for the next.
    Refresh,
    /// End this session.
    LogOut,
    /// End all sessions.
    LogOutAll,
    /// Where one is logged in.
    List,
    /// End another session.
    Revoke,
    /// Another password.
    ChangePassword,
    /// Another organization.
    Switch,
    /// Who the token is.
    Me,
    /// The public keys.
    Jwks,
}

/// Largest login request, bytes: a name and a password of at most 1,024 bytes each, escaped.
const LOGIN_BYTES: usize = 16 * 1024;

const TAG: &str = "Session";
const TOKENS: &[Answer] = &[Answer::ok("The session's tokens.", Content::json::<TokenBody>())];
const ENDED: &[Answer] = &[Answer::empty("It has ended: its tokens are refused.")];

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
            Documentation::new(TAG, "Log in", TOKENS)
                .describe(
                    "Whether the account is unknown or disabled or the password wrong is answered alike. Wrong \
                     passwords make the next attempt wait: 429. An account of several organizations names one: 409.",
                )
                .body(Content::json::<Credentials>())
                .refuses(&[401, 409, 429]),
        )
        .acting(Action::Execute)
    },
    Rule {
        body_bytes: LOGIN_BYTES,
        ..rule(
            Endpoint::Refresh,
            Verb::Post,
            "/api/v1/auth/refresh",
            Policy::Public,
            "session.refresh",
            Documentation::new(TAG, "Renew the session", TOKENS)
                .describe(
                    "A refresh token is good once. A client that lost the answer may repeat the request within 30 \
                     seconds; any other second use ends the session.",
                )
                .body(Content::json::<RefreshBody>())
                .refuses(&[401]),
        )
        .acting(Action::Execute)
    },
    rule(
        Endpoint::LogOut,
        Verb::Post,
        "/api/v1/auth/logout",
        Policy::Authenticated,
        "session.logout",
        Documentation::new(TAG, "End this session", ENDED),
    )
    .acting(Action::Execute),
    rule(
        Endpoint::LogOutAll,
        Verb::Post,
        "/api/v1/auth/logout-all",
        Policy::Authenticated,
        "session.logout_all",
        Documentation::new(TAG, "End all sessions of the account", ENDED),
    )
    .acting(Action::Execute),
    rule(
        Endpoint::List,
        Verb::Get,
        "/api/v1/auth/sessions",
        Policy::Authenticated,
        "session.list",
        Documentation::new(
            TAG,
            "Where one is logged in",
            &[Answer::ok("All sessions that can still be renewed.", Content::json::<Listing<SessionBody>>())],
        ),
    ),
    rule(
        Endpoint::Revoke,
        Verb::Delete,
        "/api/v1/auth/sessions/{id}",
        Policy::Authenticated,
        "session.revoke",
        Documentation::new(TAG, "End one of one's sessions", ENDED).refuses(&[404]),
    ),
    Rule {
        body_bytes: LOGIN_BYTES,
        ..rule(
            Endpoint::ChangePassword,
            Verb::Post,
            "/api/v1/auth/change-password",
            Policy::Authenticated,
            "session.change_password",
            Documentation::new(TAG, "Choose another password", TOKENS)
                .describe("Ends every session of the account; the answer opens the one that takes this one's place.")
                .body(Content::json::<NewPassword>())
                .refuses(&[429]),
        )
        .acting(Action::Update)
    },
    rule(
        Endpoint::Switch,
        Verb::Post,
        "/api/v1/auth/switch-organization",
        Policy::Authenticated,
        "session.switch",
        Documentation::new(TAG, "Go on in another of one's organizations", TOKENS)
            .body(Content::json::<Destination>())
            .refuses(&[403]),
    )
    .acting(Action::Execute),
    rule(
        Endpoint::Jwks,
        Verb::Get,
        "/.well-known/jwks.json",
        Policy::Public,
        "session.jwks",
        Documentation::new(
            TAG,
            "The public keys that tokens are signed with",
            &[Answer::ok("A JWK set (RFC 7517).", Content::json::<JwkSet>())],
        ),
    ),
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
