//! `POST /api/v1/auth/refresh`: a refresh token for the next one.

use axum::extract::State;
use axum::response::Response;
use identity::RefreshToken;
use schemars::JsonSchema;
use serde::Deserialize;
use services::session::{Refresh, Refreshed};

use super::granted;
use super::{Program, Sessions};
use crate::body::Json;
use crate::failure::Failure;
use crate::guard::{Origin, unauthorized};
use crate::sample;

/// What is sent.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RefreshBody {
    /// The latest refresh token of the session.
    #[schemars(example = sample::REFRESH_TOKEN)]
    refresh_token: String,
}

/// Handles the request. Whatever is wrong with a token is answered alike.
pub(crate) async fn refresh(
    State(sessions): State<Sessions>,
    origin: Origin,
    Program(client): Program,
    Json(body): Json<RefreshBody>,
) -> Result<Response, Failure> {
    let refused = || unauthorized("the refresh token is not accepted: log in again", Some("invalid_token"));
    let presented = RefreshToken::parse(&body.refresh_token).ok_or_else(refused)?;
    let refresh = Refresh::new(sessions.store.keyring(), &presented, client, sessions.limits);
    match sessions.store.execute(refresh, sessions.nobody(origin)).await?.output {
        Refreshed::Granted(grant) => granted::answer(&sessions, &grant, None),
        Refreshed::Refused => Err(refused()),
        Refreshed::Reused => {
            sessions.feed.listen_now().await;
            Err(refused())
        }
    }
}
