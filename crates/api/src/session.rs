//! `/api/v1/auth`: logging in, going on, ending it, and who one is.

mod change_password;
mod feed;
mod granted;
mod keys;
mod list;
mod log_in;
mod log_out;
mod me;
mod password_pool;
mod refresh;
mod switch;
mod worker;

use std::sync::Arc;

use axum::extract::{FromRef, FromRequestParts};
use axum::http::{header, request};
use axum::routing::{MethodFilter, MethodRouter, on};
use domain::Context;
use identity::{Issuer, Revocations, TokenVerifier};
use kernel::Clock;
use services::session::{Client, Minter, SessionLimits, nobody};
use services::signing::SigningKeyError;
use store::Store;

pub(crate) use change_password::NewPassword;
pub use feed::SessionFeed;
pub(crate) use granted::TokenBody;
pub(crate) use keys::JwkSet;
pub use keys::Keys;
pub(crate) use list::SessionBody;
pub(crate) use log_in::Credentials;
pub(crate) use me::Me;
pub use password_pool::PasswordPool;
pub(crate) use refresh::RefreshBody;
pub(crate) use switch::Destination;
pub use worker::Maintenance;

use crate::failure::Failure;
use crate::guard::{Gate, Origin};
use crate::policy::SessionEndpoint as Endpoint;

/// The handler of an endpoint.
pub(crate) fn handler<S>(endpoint: Endpoint, filter: MethodFilter) -> MethodRouter<S>
where
    S: Clone + Send + Sync + 'static,
    Sessions: FromRef<S>,
{
    match endpoint {
        Endpoint::LogIn => on(filter, log_in::log_in),
        Endpoint::Refresh => on(filter, refresh::refresh),
        Endpoint::LogOut => on(filter, log_out::log_out),
        Endpoint::LogOutAll => on(filter, log_out::log_out_everywhere),
        Endpoint::List => on(filter, list::list),
        Endpoint::Revoke => on(filter, log_out::revoke),
        Endpoint::ChangePassword => on(filter, change_password::change_password),
        Endpoint::Switch => on(filter, switch::switch),
        Endpoint::Me => on(filter, me::me),
        Endpoint::Jwks => on(filter, keys::jwks),
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
    /// How long sessions last.
    pub limits: SessionLimits,
    /// Hears which sessions have ended.
    pub feed: SessionFeed,
    /// The keys that sign.
    pub keys: Keys,
    /// The source of time.
    pub clock: Arc<dyn Clock>,
}

/// Wires what logging in and letting through need, and loads what `auth` knows: the keys, and which sessions have ended
/// before their tokens.
///
/// # Errors
/// [`SigningKeyError`].
pub async fn open_sessions(
    store: Store,
    passwords: PasswordPool,
    issuer: Issuer,
    limits: SessionLimits,
    clock: Arc<dyn Clock>,
) -> Result<(Sessions, Gate), SigningKeyError> {
    let verifier = Arc::new(TokenVerifier::new(issuer.clone(), []));
    let minter = Arc::new(Minter::new(issuer));
    let revocations = Arc::new(Revocations::default());
    let feed = SessionFeed::new(store.clone(), Arc::clone(&revocations), Arc::clone(&clock));
    let keys = Keys::new(store.clone(), Arc::clone(&verifier), Arc::clone(&minter), Arc::clone(&clock));
    keys.ensure().await?;
    feed.listen().await?;
    let gate = Gate { verifier, revocations, store: store.clone(), clock: Arc::clone(&clock) };
    Ok((Sessions { store, passwords, minter, limits, feed, keys, clock }, gate))
}

impl Sessions {
    /// Hears of ended sessions, loads and rotates keys and sweeps, for as long as the store is open.
    pub fn maintain(&self, maintenance: Maintenance) {
        self.store.work(self.feed.clone().run());
        self.store.work(worker::maintain(self.keys.clone(), maintenance));
    }

    /// The context of a request whose sender is not known yet.
    fn nobody(&self, origin: Origin) -> Context {
        Context {
            caller: nobody(),
            request: origin.request,
            network: origin.network,
            clock: Arc::clone(&self.clock),
        }
    }
}

/// The program that asks, as an extractor.
#[derive(Clone, Debug)]
pub(crate) struct Program(pub(crate) Client);

impl<S: Send + Sync> FromRequestParts<S> for Program {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut request::Parts, state: &S) -> Result<Program, Failure> {
        let origin = Origin::from_request_parts(parts, state).await?;
        let name = parts.headers.get(header::USER_AGENT).and_then(|name| name.to_str().ok());
        Ok(Program(Client::new(name, origin.network)))
    }
}
