//! What the handlers share.

use api::{Edge, Gate, LargeBundles, Metrics, Readiness, Sessions};
use axum::extract::FromRef;
use store::Store;

/// The state of the application. Only this crate names it; routers see its parts.
#[derive(Clone)]
pub struct AppState {
    /// The three databases.
    pub store: Store,
    /// Who is let through.
    pub gate: Gate,
    /// Logging in.
    pub sessions: Sessions,
    /// The turns of large Bundles.
    pub large_bundles: LargeBundles,
    /// What `/readyz` says.
    pub readiness: Readiness,
    /// What `/metrics` says.
    pub metrics: Metrics,
    /// How the edge treats requests.
    pub edge: Edge,
}

impl FromRef<AppState> for Store {
    fn from_ref(state: &AppState) -> Store {
        state.store.clone()
    }
}

impl FromRef<AppState> for Gate {
    fn from_ref(state: &AppState) -> Gate {
        state.gate.clone()
    }
}

impl FromRef<AppState> for Sessions {
    fn from_ref(state: &AppState) -> Sessions {
        state.sessions.clone()
    }
}

impl FromRef<AppState> for LargeBundles {
    fn from_ref(state: &AppState) -> LargeBundles {
        state.large_bundles.clone()
    }
}

impl FromRef<AppState> for Readiness {
    fn from_ref(state: &AppState) -> Readiness {
        state.readiness.clone()
    }
}

impl FromRef<AppState> for Metrics {
    fn from_ref(state: &AppState) -> Metrics {
        state.metrics.clone()
    }
}

impl FromRef<AppState> for Edge {
    fn from_ref(state: &AppState) -> Edge {
        state.edge.clone()
    }
}
