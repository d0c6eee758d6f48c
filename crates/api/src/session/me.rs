//! `GET /api/v1/auth/me`: who the token says one is, and what that allows. Asks no database.

use axum::Json;
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::Serialize;
use uuid::Uuid;

use crate::guard::Asked;
use crate::policy::{Permission, allows};

/// Whom the token names, and what that allows.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Me {
    /// The account's identifier.
    account: Uuid,
    /// The name typed at login.
    username: String,
    /// The organization for which the caller acts.
    organization: Uuid,
    /// The caller's roles there.
    roles: Vec<String>,
    /// What the roles allow, as `resource:action`.
    permissions: Vec<&'static str>,
    /// When the token expires.
    expires_at: DateTime<Utc>,
    /// The session that the token belongs to.
    session_id: Uuid,
    /// Whether the password is temporary: then nothing can be done before another is chosen.
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
