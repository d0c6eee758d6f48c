//! The signing keys of a running server: loaded from `auth`, handed to whoever signs and verifies, published.

use std::sync::{Arc, PoisonError, RwLock};

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use domain::Context;
use domain::store::StoredSigningKey;
use identity::{Jwk, TokenVerifier};
use kernel::{Clock, RequestId};
use schemars::JsonSchema;
use serde::Serialize;
use services::session::{Minter, nobody};
use services::signing::{
    EnsureSigningKey, ListSigningKeys, SigningKeyError, new_signing_key, open_signing_key,
};
use store::Store;

use super::Sessions;
use crate::sample;

/// How long anybody may keep the published keys; less than the time for which a key is published before it signs.
const KEPT: HeaderValue = HeaderValue::from_static("public, max-age=60");

/// The keys.
#[derive(Clone)]
pub struct Keys {
    store: Store,
    verifier: Arc<TokenVerifier>,
    minter: Arc<Minter>,
    clock: Arc<dyn Clock>,
    loaded: Arc<RwLock<Vec<StoredSigningKey>>>,
    published: Arc<RwLock<Vec<Jwk>>>,
}

impl Keys {
    /// Keys that `verifier` and `minter` will be given.
    pub fn new(
        store: Store,
        verifier: Arc<TokenVerifier>,
        minter: Arc<Minter>,
        clock: Arc<dyn Clock>,
    ) -> Keys {
        Keys { store, verifier, minter, clock, loaded: Arc::default(), published: Arc::default() }
    }

    /// Sees to it that there is a key that signs, and loads all.
    ///
    /// # Errors
    /// [`SigningKeyError`].
    pub async fn ensure(&self) -> Result<(), SigningKeyError> {
        let candidate = new_signing_key(self.store.keyring(), self.clock.now())?;
        let stored = self.store.execute(EnsureSigningKey { candidate }, self.context()).await?.output;
        self.take(stored)
    }

    /// Loads what changed.
    ///
    /// # Errors
    /// [`SigningKeyError`]; the keys stay what they were.
    pub async fn load(&self) -> Result<(), SigningKeyError> {
        let stored = self.store.execute(ListSigningKeys, self.context()).await?.output;
        self.take(stored)
    }

    fn take(&self, stored: Vec<StoredSigningKey>) -> Result<(), SigningKeyError> {
        // To exchange the verifier's keys makes it forget all that it has verified: only where something changed.
        if *self.loaded.read().unwrap_or_else(PoisonError::into_inner) == stored {
            return Ok(());
        }
        let opened = stored
            .iter()
            .map(|key| Ok((key.not_before, open_signing_key(self.store.keyring(), key)?)))
            .collect::<Result<Vec<_>, SigningKeyError>>()?;
        let public: Vec<_> = opened.iter().map(|(_, key)| key.public()).collect();
        *self.published.write().unwrap_or_else(PoisonError::into_inner) =
            public.iter().map(identity::PublicKey::jwk).collect();
        self.verifier.set_keys(public);
        self.minter.set_keys(opened);
        tracing::info!(keys = stored.len(), "signing keys loaded");
        *self.loaded.write().unwrap_or_else(PoisonError::into_inner) = stored;
        Ok(())
    }

    /// For what the server does by itself.
    pub(crate) fn context(&self) -> Context {
        Context {
            caller: nobody(),
            request: RequestId::generate(),
            network: None,
            clock: Arc::clone(&self.clock),
        }
    }

    pub(crate) fn store(&self) -> &Store {
        &self.store
    }

    pub(crate) fn clock(&self) -> &Arc<dyn Clock> {
        &self.clock
    }
}

/// A JWK set (RFC 7517, section 5).
#[derive(Serialize, JsonSchema)]
pub(crate) struct JwkSet {
    /// The keys, the one that signs latest first.
    keys: Vec<JwkBody>,
}

/// A public key (RFC 8037).
#[derive(Serialize, JsonSchema)]
struct JwkBody {
    /// `OKP`.
    #[schemars(example = &"OKP")]
    kty: &'static str,
    /// `Ed25519`.
    #[schemars(example = &"Ed25519")]
    crv: &'static str,
    /// The public half.
    #[schemars(example = &"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo")]
    x: String,
    /// The key's identifier.
    #[schemars(example = sample::KEY)]
    kid: String,
    /// `sig`.
    #[schemars(example = &"sig")]
    r#use: &'static str,
    /// `EdDSA`.
    #[schemars(example = &"EdDSA")]
    alg: &'static str,
}

/// `GET /.well-known/jwks.json`: what others verify our tokens with. Asks no database.
pub(crate) async fn jwks(State(sessions): State<Sessions>) -> Response {
    let published = sessions.keys.published.read().unwrap_or_else(PoisonError::into_inner).clone();
    let body = |Jwk { kty, crv, x, kid, r#use, alg }| JwkBody { kty, crv, x, kid, r#use, alg };
    let mut response = Json(JwkSet { keys: published.into_iter().map(body).collect() }).into_response();
    response.headers_mut().insert(header::CACHE_CONTROL, KEPT);
    response
}
