//! `/healthz`: the process is alive. `/readyz`: it can do all its work, database by database.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use schemars::JsonSchema;
use serde::Serialize;
use store::{DatabaseHealth, DatabaseState, Health};

/// Where readiness is read from.
#[derive(Clone)]
pub struct Readiness(Arc<dyn Fn() -> Health + Send + Sync>);

impl Readiness {
    /// Asks `health` at every request; it must answer from memory.
    pub fn new(health: impl Fn() -> Health + Send + Sync + 'static) -> Readiness {
        Readiness(Arc::new(health))
    }
}

/// The process is alive.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Live {
    /// `alive`.
    status: &'static str,
}

/// Whether the process can do all its work.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Ready {
    /// `ready` or `not ready`.
    status: &'static str,
    /// Whether this server holds a slot for naming new records.
    can_name_records: bool,
    databases: Databases,
}

#[derive(Serialize, JsonSchema)]
struct Databases {
    auth: DatabaseReady,
    phi: DatabaseReady,
    clinical: DatabaseReady,
}

#[derive(Serialize, JsonSchema)]
struct DatabaseReady {
    /// `unknown`, `up`, `down`, or `refused` where it answers but is not the database that it should be.
    state: &'static str,
    /// Whether a recovery pass has gone through it since the start.
    recovered: bool,
    /// Transactions that wait to be settled.
    in_doubt: u64,
    /// Those that wait for a person.
    quarantined: u64,
}

/// Handles `/healthz`.
pub(crate) async fn live() -> Json<impl Serialize> {
    Json(Live { status: "alive" })
}

/// Handles `/readyz`.
pub(crate) async fn ready(State(readiness): State<Readiness>) -> Response {
    let health = (readiness.0)();
    let ready = health.is_ready();
    let named = health.named;
    let [auth, phi, clinical] = health.databases.map(|database| of(&database));
    let body = Ready {
        status: if ready { "ready" } else { "not ready" },
        can_name_records: named,
        databases: Databases { auth, phi, clinical },
    };
    let mut response = Json(body).into_response();
    if !ready {
        *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("2"));
    }
    response
}

fn of(health: &DatabaseHealth) -> DatabaseReady {
    DatabaseReady {
        state: match &health.state {
            DatabaseState::Unknown => "unknown",
            DatabaseState::Up => "up",
            DatabaseState::Down => "down",
            DatabaseState::Refused(_) => "refused",
        },
        recovered: health.recovered_at.is_some(),
        in_doubt: health.seen.in_doubt,
        quarantined: health.seen.quarantined,
    }
}
