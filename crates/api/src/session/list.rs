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

/// A session of the caller's.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub(crate) struct SessionBody {
    /// Which.
    id: Uuid,
    /// When it was opened.
    created_at: DateTime<Utc>,
    /// When it was opened or last renewed.
    last_used_at: DateTime<Utc>,
    /// Its latest end.
    expires_at: DateTime<Utc>,
    /// What the program calls itself that opened it.
    user_agent: Option<String>,
    /// The address that it was opened from.
    address: Option<String>,
    /// Whether it is the one that asks.
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
    Ok(Listing::page("/api/v1/auth/sessions", &[], found.into_iter().map(body).collect(), None))
}
