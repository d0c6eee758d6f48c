//! What every way to a session answers with.

use axum::Json;
use axum::response::{IntoResponse, Response};
use schemars::JsonSchema;
use serde::Serialize;
use services::session::Grant;
use uuid::Uuid;

use super::Sessions;
use crate::failure::Failure;
use crate::sample;

/// The tokens of a session (RFC 6749, section 5.1).
#[derive(Serialize, JsonSchema)]
pub(crate) struct TokenBody {
    /// To be sent as `Authorization: Bearer`.
    #[schemars(example = sample::ACCESS_TOKEN)]
    access_token: String,
    /// `Bearer`.
    #[schemars(example = &"Bearer")]
    token_type: &'static str,
    /// Seconds until the access token expires.
    #[schemars(example = 600)]
    expires_in: u64,
    /// Good once, at `/api/v1/auth/refresh`, for the next two tokens.
    #[schemars(example = sample::REFRESH_TOKEN)]
    refresh_token: String,
    /// The session.
    #[schemars(example = sample::SESSION)]
    session_id: Uuid,
    /// The latest end of the session, however often it is renewed.
    #[schemars(example = &"2026-11-21T20:58:00Z")]
    session_expires_at: chrono::DateTime<chrono::Utc>,
    /// The organization that the session acts for.
    #[schemars(example = sample::ORGANIZATION)]
    organization_id: Uuid,
    /// Whether the password is temporary: then nothing can be done before another is chosen.
    #[schemars(example = false)]
    must_change_password: bool,
    /// Names this device: sent along with the next login, it lets its owner in while somebody else guesses the
    /// password. Only a login gives it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = sample::DEVICE_TOKEN)]
    device_token: Option<String>,
}

/// 200 with the tokens of `grant`.
pub(super) fn answer(
    sessions: &Sessions,
    grant: &Grant,
    device_token: Option<String>,
) -> Result<Response, Failure> {
    let minted = sessions.minter.mint(grant, sessions.clock.now());
    let minted = minted.map_err(|error| Failure::defect(error.to_string()))?;
    let body = TokenBody {
        access_token: minted.token.expose().clone(),
        token_type: "Bearer",
        expires_in: minted.expires_in.as_secs(),
        refresh_token: grant.refresh.to_text(),
        session_id: grant.session.uuid(),
        session_expires_at: grant.expires_at,
        organization_id: grant.membership.organization,
        must_change_password: grant.must_change_password,
        device_token,
    };
    Ok(Json(body).into_response())
}
