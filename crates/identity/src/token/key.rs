//! Signing keys.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::TimeDelta;
use ed25519_dalek::VerifyingKey;
use ed25519_dalek::pkcs8::{DecodePrivateKey, EncodePrivateKey};
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{DecodingKey, Header};
use kernel::Secret;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::claims::Payload;
use super::{ALGORITHM, Claims, Issuer, LIFETIME_MAX, TOKEN_BYTES_MAX, TYPE, provider};

/// Why there is no key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// The operating system gave no random bytes.
    #[error("the operating system gives no random bytes")]
    NoRandomness,
    /// The bytes are not a PKCS #8 document of an Ed25519 key.
    #[error("not a PKCS #8 document of an Ed25519 key")]
    Malformed,
    /// `jsonwebtoken` was given another cryptography before ours: tokens would not be checked as strictly.
    #[error("another part of this process chose the cryptography of tokens first")]
    Provider,
}

/// Why a token was not minted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MintError {
    /// `exp` is not after `iat`, or too long after it.
    #[error("a token lives more than 0 and at most {} seconds", LIFETIME_MAX.as_secs())]
    Lifetime,
    /// The token would be longer than [`TOKEN_BYTES_MAX`]: too many roles.
    #[error("the claims do not fit a token of {TOKEN_BYTES_MAX} bytes")]
    TooLong,
    /// The claims cannot be written as JSON.
    #[error("the claims cannot be written as JSON")]
    Claims,
    /// The key does not sign, which no key that this crate made can meet.
    #[error("the key does not sign")]
    Key,
}

/// An Ed25519 key that signs tokens. Wiped when dropped; `Debug` shows its identifier alone.
pub struct SigningKey {
    key: ed25519_dalek::SigningKey,
    public: PublicKey,
}

impl SigningKey {
    /// A new key.
    ///
    /// # Errors
    /// [`KeyError::NoRandomness`] or [`KeyError::Provider`].
    pub fn generate() -> Result<SigningKey, KeyError> {
        let mut seed = Zeroizing::new([0; ed25519_dalek::SECRET_KEY_LENGTH]);
        getrandom::fill(&mut *seed).map_err(|_| KeyError::NoRandomness)?;
        SigningKey::new(ed25519_dalek::SigningKey::from_bytes(&seed))
    }

    /// Reads the key from its PKCS #8 document (RFC 8410).
    ///
    /// # Errors
    /// [`KeyError::Malformed`] or [`KeyError::Provider`].
    pub fn from_pkcs8(document: &[u8]) -> Result<SigningKey, KeyError> {
        let key = ed25519_dalek::SigningKey::from_pkcs8_der(document).map_err(|_| KeyError::Malformed)?;
        SigningKey::new(key)
    }

    /// Every key comes by here, and public keys come from these: no token is signed or verified before the
    /// provider is ours.
    fn new(key: ed25519_dalek::SigningKey) -> Result<SigningKey, KeyError> {
        provider::install().map_err(|provider::Taken| KeyError::Provider)?;
        let public = PublicKey::new(key.verifying_key());
        Ok(SigningKey { key, public })
    }

    /// The key as a PKCS #8 document: to be sealed before it is stored. Wiped when dropped.
    ///
    /// # Errors
    /// [`KeyError::Malformed`], which no key that this crate made can meet.
    pub fn to_pkcs8(&self) -> Result<Zeroizing<Vec<u8>>, KeyError> {
        self.key.to_pkcs8_der().map(|document| document.to_bytes()).map_err(|_| KeyError::Malformed)
    }

    /// The key's identifier, as in [`PublicKey::kid`].
    pub fn kid(&self) -> &str {
        &self.public.kid
    }

    /// The half that verifies.
    pub fn public(&self) -> PublicKey {
        self.public.clone()
    }

    /// A signed token with these claims. Times are cut to whole seconds.
    ///
    /// # Errors
    /// [`MintError`].
    pub fn mint(&self, issuer: &Issuer, claims: &Claims) -> Result<Secret<String>, MintError> {
        let lifetime = claims.exp.timestamp() - claims.iat.timestamp();
        let longest = TimeDelta::from_std(LIFETIME_MAX).map_err(|_| MintError::Lifetime)?;
        if lifetime <= 0 || lifetime > longest.num_seconds() {
            return Err(MintError::Lifetime);
        }
        let mut header = Header::new(ALGORITHM);
        header.typ = Some(TYPE.to_owned());
        header.kid = Some(self.kid().to_owned());
        let payload = Payload { iss: issuer.issuer.as_str(), aud: issuer.audience.as_str(), claims };
        let key = provider::encoding_key(&self.to_pkcs8().map_err(|_| MintError::Key)?);
        let token = jsonwebtoken::encode(&header, &payload, &key).map_err(|error| match error.kind() {
            ErrorKind::Json(_) => MintError::Claims,
            _ => MintError::Key,
        })?;
        if token.len() > TOKEN_BYTES_MAX {
            return Err(MintError::TooLong);
        }
        Ok(Secret::new(token))
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({})", self.kid())
    }
}

/// The half of a signing key that verifies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicKey {
    kid: String,
    key: VerifyingKey,
}

impl PublicKey {
    fn new(key: VerifyingKey) -> PublicKey {
        PublicKey { kid: thumbprint(&key), key }
    }

    /// The key's identifier: its JWK thumbprint (RFC 7638 with RFC 8037 section 2), so that it follows from
    /// the key and cannot be given to two.
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// The key as a JWK (RFC 7517, RFC 8037): what anybody may know.
    pub fn jwk(&self) -> Jwk {
        Jwk {
            kty: "OKP",
            crv: "Ed25519",
            x: URL_SAFE_NO_PAD.encode(self.key.as_bytes()),
            kid: self.kid.clone(),
            r#use: "sig",
            alg: "EdDSA",
        }
    }

    pub(super) fn decoding(&self) -> DecodingKey {
        provider::decoding_key(&self.key)
    }
}

/// A public key as others read it.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Jwk {
    /// The kind of key: an octet key pair.
    pub kty: &'static str,
    /// The curve.
    pub crv: &'static str,
    /// The public half.
    pub x: String,
    /// The key's identifier.
    pub kid: String,
    /// What it is for.
    pub r#use: &'static str,
    /// The one algorithm that it is used with.
    pub alg: &'static str,
}

fn thumbprint(key: &VerifyingKey) -> String {
    let x = URL_SAFE_NO_PAD.encode(key.as_bytes());
    URL_SAFE_NO_PAD.encode(Sha256::digest(format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}"#)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The key of RFC 8037 appendix A.1.
    fn example() -> SigningKey {
        let seed = URL_SAFE_NO_PAD.decode("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A").unwrap();
        SigningKey::new(ed25519_dalek::SigningKey::from_bytes(&seed.try_into().unwrap())).unwrap()
    }

    #[test]
    fn the_thumbprint_is_that_of_rfc_8037() {
        assert_eq!(example().kid(), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
    }

    #[test]
    fn the_jwk_is_that_of_rfc_8037() {
        let jwk = serde_json::to_value(example().public().jwk()).unwrap();
        assert_eq!(jwk["x"], "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo");
        assert_eq!((&jwk["kty"], &jwk["crv"]), (&"OKP".into(), &"Ed25519".into()));
        assert!(jwk.get("d").is_none(), "the private half is nobody's business");
    }

    #[test]
    fn the_signature_is_that_of_rfc_8037() {
        let signed = b"eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc";
        let expected =
            "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";
        let key = provider::encoding_key(&example().to_pkcs8().unwrap());
        assert_eq!(jsonwebtoken::crypto::sign(signed, &key, ALGORITHM).unwrap(), expected);
        let key = example().public().decoding();
        assert!(jsonwebtoken::crypto::verify(expected, signed, &key, ALGORITHM).unwrap());
        assert!(!jsonwebtoken::crypto::verify(expected, &signed[1..], &key, ALGORITHM).unwrap());
    }

    #[test]
    fn a_key_survives_its_pkcs8_document() {
        let key = SigningKey::generate().unwrap();
        let document = key.to_pkcs8().unwrap();
        let again = SigningKey::from_pkcs8(&document).unwrap();
        assert_eq!((again.kid(), again.public()), (key.kid(), key.public()));
        for end in 0..document.len() {
            assert_eq!(SigningKey::from_pkcs8(&document[..end]).unwrap_err(), KeyError::Malformed);
        }
    }

    #[test]
    fn a_document_whose_halves_do_not_match_is_refused() {
        let key = SigningKey::generate().unwrap();
        let mut document = key.to_pkcs8().unwrap();
        let last = document.len() - 1;
        document[last] ^= 1;
        assert_eq!(SigningKey::from_pkcs8(&document).unwrap_err(), KeyError::Malformed);
    }

    #[test]
    fn generated_keys_differ_and_show_nothing_secret() {
        let (one, two) = (SigningKey::generate().unwrap(), SigningKey::generate().unwrap());
        assert_ne!(one.kid(), two.kid());
        assert_eq!(format!("{one:?}"), format!("SigningKey({})", one.kid()));
    }
}
