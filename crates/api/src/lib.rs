//! The HTTP API: routes, extractors, the rendering of errors.
//!
//! Owns what a request must be and what an answer looks like; knows neither SQL nor how the server is
//! started. May depend on everything below it except the db crates. Read [`policy`] first (every route stands
//! there), then `routes`, `guard` and `edge`, which every request passes in the reverse order.

mod administration;
mod body;
mod capability;
mod docs;
mod edge;
mod failure;
mod fhir;
mod guard;
mod health;
mod hospital;
mod metrics;
pub mod openapi;
mod operations;
pub mod policy;
mod public_url;
mod query;
mod rate;
mod routes;
mod sample;
mod session;

pub use body::LargeBundles;
pub use edge::{Edge, NotNetworks, NotOrigins, Origins, Tracing, TrustedProxies, describe};
pub use failure::Failure;
pub use guard::{Gate, Peer};
pub use health::Readiness;
pub use metrics::Metrics;
pub use public_url::PublicUrl;
pub use rate::{RateLimits, Rates};
pub use routes::router;
pub use session::{Keys, Maintenance, PasswordPool, SessionFeed, Sessions, open_sessions};
