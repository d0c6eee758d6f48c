//! `/healthz`: the process is alive. `/readyz`: it can do all its work, database by database.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::Json;
use axum::extract::{FromRef, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use domain::permission::Permission;
use schemars::JsonSchema;
use serde::Serialize;
use store::{DatabaseHealth, DatabaseState, Health};

use crate::guard::Gate;

/// Where readiness is read from.
#[derive(Clone)]
pub struct Readiness {
    health: Arc<dyn Fn() -> Health + Send + Sync>,
    stopping: Arc<AtomicBool>,
}

impl Readiness {
    /// Asks `health` at every request; it must answer from memory.
    pub fn new(health: impl Fn() -> Health + Send + Sync + 'static) -> Readiness {
        Readiness { health: Arc::new(health), stopping: Arc::default() }
    }

    /// From now on the server is not ready: it will take no more connections soon.
    pub fn stop(&self) {
        self.stopping.store(true, Ordering::SeqCst);
    }
}

/// The process is alive.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Live {
    /// `alive`.
    #[schemars(example = &"alive")]
    status: &'static str,
}

/// Whether the process can do all its work.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Ready {
    /// `ready`, `not ready` or `stopping`.
    #[schemars(example = &"ready")]
    status: &'static str,
    #[serde(flatten)]
    detail: Option<Detail>,
}

/// What is told to whoever may read the metrics.
#[derive(Serialize, JsonSchema)]
struct Detail {
    /// Whether this server holds a slot for naming new records.
    #[schemars(example = true)]
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
    #[schemars(example = &"up")]
    state: &'static str,
    /// Whether a recovery pass has gone through it since the start.
    #[schemars(example = true)]
    recovered: bool,
    /// Transactions that wait to be settled.
    #[schemars(example = 0)]
    in_doubt: u64,
    /// Those that wait for a person.
    #[schemars(example = 0)]
    quarantined: u64,
}

/// Handles `/healthz`.
pub(crate) async fn live() -> Json<impl Serialize> {
    Json(Live { status: "alive" })
}

/// Handles `/readyz`.
pub(crate) async fn ready<S>(State(state): State<S>, headers: HeaderMap) -> Response
where
    Readiness: FromRef<S>,
    Gate: FromRef<S>,
{
    let readiness = Readiness::from_ref(&state);
    let health = (readiness.health)();
    let stopping = readiness.stopping.load(Ordering::SeqCst);
    let ready = health.is_ready() && !stopping;
    let status = match (stopping, ready) {
        (true, _) => "stopping",
        (false, true) => "ready",
        (false, false) => "not ready",
    };
    let detail = Gate::from_ref(&state).holds(&headers, Permission::SystemMetrics).then(|| detail(health));
    let body = Ready { status, detail };
    let mut response = Json(body).into_response();
    if !ready {
        *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("2"));
    }
    response
}

fn detail(health: Health) -> Detail {
    let can_name_records = health.named;
    let [auth, phi, clinical] = health.databases.map(|database| of(&database));
    Detail { can_name_records, databases: Databases { auth, phi, clinical } }
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
