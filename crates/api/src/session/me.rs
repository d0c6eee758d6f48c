//! `GET /api/v1/auth/me`: who the token says one is, and what that allows. Asks no database.

use axum::Json;
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::Serialize;
use uuid::Uuid;

use crate::guard::Asked;
use crate::policy::{Permission, allows};
use crate::sample;

/// Whom the token names, and what that allows.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Me {
    /// The account's identifier.
    #[schemars(example = sample::ACCOUNT)]
    account: Uuid,
    /// The name typed at login.
    #[schemars(example = &"nora.north")]
    username: String,
    /// The organization for which the caller acts.
    #[schemars(example = sample::ORGANIZATION)]
    organization: Uuid,
    /// The caller's roles there.
    #[schemars(example = ["nurse"])]
    roles: Vec<String>,
    /// What the roles allow, as `resource:action`.
    #[schemars(example = ["chart:read", "chart:write", "patient:read"])]
    permissions: Vec<&'static str>,
    /// When the token expires.
    #[schemars(example = &"2026-11-21T09:08:00Z")]
    expires_at: DateTime<Utc>,
    /// The session that the token belongs to.
    #[schemars(example = sample::SESSION)]
    session_id: Uuid,
    /// Whether the password is temporary: then nothing can be done before another is chosen.
    #[schemars(example = false)]
    must_change_password: bool,
}

/// Handles the request.
pub(crate) async fn me(asked: Asked) -> Response {
    let claims = &asked.claims;
    let permissions = Permission::ALL
        .iter()
        .filter(|permission| allows(&claims.roles, **permission))
        .map(|p| p.name())
        .collect();
    let me = Me {
        account: claims.sub.uuid(),
        username: claims.name.clone(),
        organization: claims.org_id,
        roles: claims.roles.clone(),
        permissions,
        expires_at: claims.exp,
        session_id: claims.sid.uuid(),
        must_change_password: claims.must_change_password,
    };
    Json(me).into_response()
}
