//! The decision whether a token is good.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, TimeDelta, Utc};
use ed25519_dalek::Signature;
use serde::Deserialize;

use super::cache::VerifiedTokens;
use super::claims::Origin;
use super::json::MemberNames;
use super::{ALGORITHM, Claims, Issuer, LEEWAY, LIFETIME_MAX, PublicKey, TOKEN_BYTES_MAX, TYPE};

/// Why a token is no good. A client learns none of this beyond 401; the audit trail may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// Longer than [`TOKEN_BYTES_MAX`]: not looked at.
    #[error("the token is too long")]
    TooLong,
    /// Not three parts of base64url, the first of them a JSON object.
    #[error("the token is not a signed JWT")]
    Malformed,
    /// The header names another algorithm or type, or says anything beyond algorithm, type and key.
    #[error("the token's header is not ours")]
    Header,
    /// The header's `kid` is none of our keys.
    #[error("the token is signed with a key that is not ours")]
    UnknownKey,
    /// The signature is not the key's.
    #[error("the token's signature is wrong")]
    Signature,
    /// Signed by us, but the claims are incomplete, doubled or of the wrong kind.
    #[error("the token's claims are not ours")]
    Claims,
    /// Another installation's token, or one for another API.
    #[error("the token is of another issuer or for another audience")]
    Issuer,
    /// `exp` has come.
    #[error("the token has expired")]
    Expired,
    /// `nbf` or `iat` is further in the future than [`LEEWAY`] allows.
    #[error("the token is not good yet")]
    NotYet,
    /// It would live longer than [`LIFETIME_MAX`].
    #[error("the token lives too long")]
    Lifetime,
}

/// Verifies tokens against a set of keys that can be exchanged while it works.
#[derive(Debug)]
pub struct TokenVerifier {
    issuer: Issuer,
    keys: RwLock<HashMap<String, PublicKey>>,
    verified: VerifiedTokens,
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    typ: String,
    kid: String,
}

impl TokenVerifier {
    /// A verifier of this issuer's tokens signed with any of these keys.
    pub fn new(issuer: Issuer, keys: impl IntoIterator<Item = PublicKey>) -> TokenVerifier {
        let verifier = TokenVerifier { issuer, keys: RwLock::default(), verified: VerifiedTokens::default() };
        verifier.set_keys(keys);
        verifier
    }

    /// Exchanges the keys and forgets all verified tokens. A token of a removed key that is being verified at
    /// this very moment can be believed for [`super::CACHED`] more.
    pub fn set_keys(&self, keys: impl IntoIterator<Item = PublicKey>) {
        let keys = keys.into_iter().map(|key| (key.kid().to_owned(), key)).collect();
        *self.keys.write().unwrap_or_else(PoisonError::into_inner) = keys;
        self.verified.clear();
    }

    /// What the token says, if it is good at `now`.
    ///
    /// # Errors
    /// [`TokenError`]; every variant means 401.
    pub fn verify(&self, token: &str, now: DateTime<Utc>) -> Result<Arc<Claims>, TokenError> {
        if token.len() > TOKEN_BYTES_MAX {
            return Err(TokenError::TooLong);
        }
        let hash = VerifiedTokens::hash(token);
        if let Some(claims) = self.verified.get(&hash, now) {
            return Ok(claims);
        }
        let payload = self.signed_payload(token)?;
        let claims = Arc::new(self.claims(&payload)?);
        check_times(&claims, now)?;
        self.verified.insert(hash, &claims, now);
        Ok(claims)
    }

    /// The payload's bytes, once the signature over them is known to be ours. Nothing of the payload is
    /// parsed before that, and of the header only which of our keys it names.
    fn signed_payload(&self, token: &str) -> Result<Vec<u8>, TokenError> {
        let (signed, signature) = token.rsplit_once('.').ok_or(TokenError::Malformed)?;
        let (header, payload) = signed.split_once('.').ok_or(TokenError::Malformed)?;
        let decode = |part| URL_SAFE_NO_PAD.decode(part).map_err(|_| TokenError::Malformed);
        let header = header_of(&decode(header)?)?;
        // A payload with a further dot in it fails here: base64url has none.
        let payload = decode(payload)?;
        let signature = Signature::from_slice(&decode(signature)?).map_err(|_| TokenError::Signature)?;
        let keys = self.keys.read().unwrap_or_else(PoisonError::into_inner);
        let key = keys.get(&header.kid).ok_or(TokenError::UnknownKey)?;
        // Strict: no key of small order, no second form of the same signature.
        key.verifying().verify_strict(signed.as_bytes(), &signature).map_err(|_| TokenError::Signature)?;
        Ok(payload)
    }

    fn claims(&self, payload: &[u8]) -> Result<Claims, TokenError> {
        serde_json::from_slice::<MemberNames>(payload).map_err(|_| TokenError::Claims)?;
        let origin: Origin = serde_json::from_slice(payload).map_err(|_| TokenError::Claims)?;
        if origin.iss != self.issuer.issuer || origin.aud != self.issuer.audience {
            return Err(TokenError::Issuer);
        }
        serde_json::from_slice(payload).map_err(|_| TokenError::Claims)
    }
}

fn header_of(header: &[u8]) -> Result<Header, TokenError> {
    let MemberNames(names) = serde_json::from_slice(header).map_err(|_| TokenError::Malformed)?;
    if names.len() != 3 {
        return Err(TokenError::Header);
    }
    let header: Header = serde_json::from_slice(header).map_err(|_| TokenError::Header)?;
    if header.alg != ALGORITHM || header.typ != TYPE {
        return Err(TokenError::Header);
    }
    Ok(header)
}

fn check_times(claims: &Claims, now: DateTime<Utc>) -> Result<(), TokenError> {
    let bound = |limit| TimeDelta::from_std(limit).unwrap_or(TimeDelta::zero());
    if claims.exp - claims.iat > bound(LIFETIME_MAX) {
        return Err(TokenError::Lifetime);
    }
    if claims.iat - now > bound(LEEWAY) || claims.nbf - now > bound(LEEWAY) {
        return Err(TokenError::NotYet);
    }
    if now >= claims.exp {
        return Err(TokenError::Expired);
    }
    Ok(())
}
