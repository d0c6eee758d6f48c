//! The decision whether a token is good.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, TimeDelta, Utc};
use jsonwebtoken::errors::{Error, ErrorKind};
use jsonwebtoken::{DecodingKey, Validation};
use serde_json::value::RawValue;

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
    validation: Validation,
    keys: RwLock<HashMap<String, DecodingKey>>,
    verified: VerifiedTokens,
}

impl TokenVerifier {
    /// A verifier of this issuer's tokens signed with any of these keys.
    pub fn new(issuer: Issuer, keys: impl IntoIterator<Item = PublicKey>) -> TokenVerifier {
        let verifier = TokenVerifier {
            validation: validation(&issuer),
            keys: RwLock::default(),
            verified: VerifiedTokens::default(),
        };
        verifier.set_keys(keys);
        verifier
    }

    /// Exchanges the keys and forgets all verified tokens. A token of a removed key that is being verified at
    /// this very moment can be believed for [`super::CACHED`] more.
    pub fn set_keys(&self, keys: impl IntoIterator<Item = PublicKey>) {
        let keys = keys.into_iter().map(|key| (key.kid().to_owned(), key.decoding())).collect();
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
        let claims = Arc::new(claims_of(&payload)?);
        check_times(&claims, now)?;
        self.verified.insert(hash, &claims, now);
        Ok(claims)
    }

    /// The payload's text, once the signature over it is known to be ours and it names our issuer, our
    /// audience and a subject. Nothing of the payload is parsed before the signature is checked, and of the
    /// header only which of our keys it names.
    fn signed_payload(&self, token: &str) -> Result<Box<RawValue>, TokenError> {
        let kid = kid_of(token)?;
        let keys = self.keys.read().unwrap_or_else(PoisonError::into_inner);
        let key = keys.get(&kid).ok_or(TokenError::UnknownKey)?;
        let decoded = jsonwebtoken::decode(token, key, &self.validation).map_err(|error| refusal(&error))?;
        Ok(decoded.claims)
    }
}

/// What the library checks. Times are not among it: it would compare them with the system's clock, and it
/// cannot read numbers whose digits serde_json keeps (`arbitrary_precision`). [`Claims`] cannot be read
/// without them, and `check_times` compares them.
fn validation(issuer: &Issuer) -> Validation {
    let mut validation = Validation::new(ALGORITHM);
    validation.set_required_spec_claims(&["iss", "aud", "sub"]);
    validation.set_issuer(&[&issuer.issuer]);
    validation.set_audience(&[&issuer.audience]);
    validation.validate_exp = false;
    validation.validate_nbf = false;
    validation
}

fn refusal(error: &Error) -> TokenError {
    match error.kind() {
        ErrorKind::InvalidSignature => TokenError::Signature,
        ErrorKind::InvalidAlgorithm | ErrorKind::UnsupportedAlgorithm => TokenError::Header,
        ErrorKind::InvalidIssuer | ErrorKind::InvalidAudience => TokenError::Issuer,
        ErrorKind::Json(_) | ErrorKind::MissingRequiredClaim(_) => TokenError::Claims,
        _ => TokenError::Malformed,
    }
}

/// The key that the token's header names, if the header is exactly ours.
fn kid_of(token: &str) -> Result<String, TokenError> {
    let mut parts = token.split('.');
    let (Some(header), Some(_), Some(_), None) = (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(TokenError::Malformed);
    };
    let header = URL_SAFE_NO_PAD.decode(header).map_err(|_| TokenError::Malformed)?;
    let MemberNames(names) = serde_json::from_slice(&header).map_err(|_| TokenError::Malformed)?;
    if names.len() != 3 {
        return Err(TokenError::Header);
    }
    // Three members, each once, and these three have values: there is no fourth that we should understand.
    let header = jsonwebtoken::decode_header(token).map_err(|_| TokenError::Header)?;
    if header.alg != ALGORITHM || header.typ.as_deref() != Some(TYPE) {
        return Err(TokenError::Header);
    }
    header.kid.ok_or(TokenError::Header)
}

fn claims_of(payload: &RawValue) -> Result<Claims, TokenError> {
    serde_json::from_str::<MemberNames>(payload.get()).map_err(|_| TokenError::Claims)?;
    serde_json::from_str::<Origin>(payload.get()).map_err(|_| TokenError::Claims)?;
    serde_json::from_str(payload.get()).map_err(|_| TokenError::Claims)
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
