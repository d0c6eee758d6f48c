//! `/api/v1/auth`: logging in and who one is.

mod log_in;
mod me;
mod password_pool;

use std::sync::Arc;

use axum::extract::FromRef;
use axum::routing::{MethodFilter, MethodRouter, on};
use kernel::Clock;
use services::session::Minter;
use store::Store;

pub(crate) use log_in::{Credentials, TokenBody};
pub(crate) use me::Me;
pub use password_pool::PasswordPool;

use crate::policy::SessionEndpoint as Endpoint;

/// The handler of an endpoint.
pub(crate) fn handler<S>(endpoint: Endpoint, filter: MethodFilter) -> MethodRouter<S>
where
    S: Clone + Send + Sync + 'static,
    Sessions: FromRef<S>,
{
    match endpoint {
        Endpoint::LogIn => on(filter, log_in::log_in),
        Endpoint::Me => on(filter, me::me),
    }
}

/// What logging in needs.
#[derive(Clone)]
pub struct Sessions {
    /// Where accounts are found and logins written down.
    pub store: Store,
    /// Compares passwords.
    pub passwords: PasswordPool,
    /// Signs tokens.
    pub minter: Arc<Minter>,
    /// The source of time.
    pub clock: Arc<dyn Clock>,
}
