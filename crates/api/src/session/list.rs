//! `GET /api/v1/auth/sessions`: where one is logged in.

use axum::extract::State;
use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::Serialize;
use services::session::ListSessions;
use uuid::Uuid;

use super::Sessions;
use crate::failure::Failure;
use crate::guard::Asked;
use crate::hospital::Listing;
use crate::sample;

/// A session of the caller's.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub(crate) struct SessionBody {
    /// Which.
    #[schemars(example = sample::SESSION)]
    id: Uuid,
    /// When it was opened.
    #[schemars(example = &"2026-11-21T08:58:00Z")]
    created_at: DateTime<Utc>,
    /// When it was opened or last renewed.
    #[schemars(example = sample::AT)]
    last_used_at: DateTime<Utc>,
    /// Its latest end.
    #[schemars(example = &"2026-11-21T20:58:00Z")]
    expires_at: DateTime<Utc>,
    /// What the program calls itself that opened it.
    #[schemars(example = &"Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0")]
    user_agent: Option<String>,
    /// The address that it was opened from.
    #[schemars(example = &"192.0.2.17")]
    address: Option<String>,
    /// Whether it is the one that asks.
    #[schemars(example = true)]
    current: bool,
}

/// Handles the request. All of them are one page: nobody has many.
pub(crate) async fn list(
    State(sessions): State<Sessions>,
    asked: Asked,
) -> Result<Listing<SessionBody>, Failure> {
    let found = sessions.store.execute(ListSessions, asked.context).await?.output;
    let body = |session: domain::store::Session| SessionBody {
        id: session.id.uuid(),
        created_at: session.created_at,
        last_used_at: session.last_used_at,
        expires_at: session.expires_at,
        user_agent: session.user_agent,
        address: session.address.map(|address| address.to_string()),
        current: session.id == asked.claims.sid,
    };
    Ok(Listing::whole(found.into_iter().map(body).collect()))
}
