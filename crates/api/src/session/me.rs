//! `GET /api/v1/auth/me`: who the token says one is, and what that allows. Asks no database.

use axum::Json;
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, SecondsFormat, Utc};
use serde::Serialize;
use uuid::Uuid;

use crate::guard::Asked;
use crate::policy::{Permission, allows};

#[derive(Serialize)]
struct Me<'a> {
    account: Uuid,
    username: &'a str,
    organization: Uuid,
    roles: &'a [String],
    permissions: Vec<&'static str>,
    expires_at: String,
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
        username: &claims.name,
        organization: claims.org_id,
        roles: &claims.roles,
        permissions,
        expires_at: instant(claims.exp),
    };
    Json(me).into_response()
}

fn instant(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}
