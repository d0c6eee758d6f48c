//! What `jsonwebtoken` signs and verifies with: Ed25519 and nothing else.
//!
//! The library takes its cryptography from one [`CryptoProvider`] per process. Its own bring RSA and the NIST
//! curves, which nothing here calls; this one knows a single algorithm, so that no token can choose another
//! (RFC 8725 section 3.1). It is also stricter than theirs: it verifies as `verify_strict` does.

use std::sync::OnceLock;

use ed25519_dalek::pkcs8::DecodePrivateKey;
use ed25519_dalek::{PUBLIC_KEY_LENGTH, Signature, Signer as _, SigningKey, VerifyingKey};
use jsonwebtoken::crypto::{CryptoProvider, JwtSigner, JwtVerifier, KeyUtils};
use jsonwebtoken::errors::{Error, ErrorKind};
use jsonwebtoken::signature::{self, Signer, Verifier};
use jsonwebtoken::{Algorithm, AlgorithmFamily, DecodingKey, EncodingKey};

/// Something else in this process gave `jsonwebtoken` another provider first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Taken;

static PROVIDER: CryptoProvider = CryptoProvider {
    signer_factory,
    verifier_factory,
    // Keys reach the library as bytes, never as JWKs. Its own placeholders panic; these refuse.
    key_utils: KeyUtils {
        rsa_pub_components_from_private_key: |_| Err(ErrorKind::UnsupportedAlgorithm.into()),
        rsa_pub_components_from_public_key: |_| Err(ErrorKind::UnsupportedAlgorithm.into()),
        ec_pub_components_from_private_key: |_, _| Err(ErrorKind::UnsupportedAlgorithm.into()),
        ed_pub_components_from_private_key: |_, _| Err(ErrorKind::UnsupportedAlgorithm.into()),
        compute_digest: |_, _| Err(ErrorKind::UnsupportedAlgorithm.into()),
    },
};

/// Makes this the provider of the process; further calls do nothing. It must come before the library signs or
/// verifies anything, which it does because every key calls it.
///
/// # Errors
/// [`Taken`].
pub(super) fn install() -> Result<(), Taken> {
    static OURS: OnceLock<bool> = OnceLock::new();
    if *OURS.get_or_init(|| PROVIDER.install_default().is_ok()) { Ok(()) } else { Err(Taken) }
}

/// The library's form of a key that signs: its PKCS #8 document (RFC 8410).
pub(super) fn encoding_key(document: &[u8]) -> EncodingKey {
    EncodingKey::from_ed_der(document)
}

/// The library's form of a key that verifies: what it calls DER is the 32 bytes of the point (RFC 8032).
pub(super) fn decoding_key(key: &VerifyingKey) -> DecodingKey {
    DecodingKey::from_ed_der(key.as_bytes())
}

struct Ed25519Signer(SigningKey);

fn signer_factory(algorithm: &Algorithm, key: &EncodingKey) -> Result<Box<dyn JwtSigner>, Error> {
    pinned(*algorithm, key.family())?;
    let key = SigningKey::from_pkcs8_der(key.as_bytes()).map_err(|_| ErrorKind::InvalidEddsaKey)?;
    Ok(Box::new(Ed25519Signer(key)))
}

impl Signer<Vec<u8>> for Ed25519Signer {
    fn try_sign(&self, message: &[u8]) -> Result<Vec<u8>, signature::Error> {
        Ok(self.0.sign(message).to_bytes().to_vec())
    }
}

impl JwtSigner for Ed25519Signer {
    fn algorithm(&self) -> Algorithm {
        Algorithm::EdDSA
    }
}

struct Ed25519Verifier(VerifyingKey);

fn verifier_factory(algorithm: &Algorithm, key: &DecodingKey) -> Result<Box<dyn JwtVerifier>, Error> {
    pinned(*algorithm, key.family())?;
    let point: &[u8; PUBLIC_KEY_LENGTH] =
        key.try_get_as_bytes()?.try_into().map_err(|_| ErrorKind::InvalidEddsaKey)?;
    let key = VerifyingKey::from_bytes(point).map_err(|_| ErrorKind::InvalidEddsaKey)?;
    Ok(Box::new(Ed25519Verifier(key)))
}

impl Verifier<Vec<u8>> for Ed25519Verifier {
    /// Strict: no key of small order, no second form of the same signature.
    fn verify(&self, message: &[u8], signature: &Vec<u8>) -> Result<(), signature::Error> {
        let signature = Signature::from_slice(signature).map_err(|_| signature::Error::new())?;
        self.0.verify_strict(message, &signature).map_err(|_| signature::Error::new())
    }
}

impl JwtVerifier for Ed25519Verifier {
    fn algorithm(&self) -> Algorithm {
        Algorithm::EdDSA
    }
}

fn pinned(algorithm: Algorithm, family: AlgorithmFamily) -> Result<(), Error> {
    if algorithm == Algorithm::EdDSA && family == AlgorithmFamily::Ed {
        Ok(())
    } else {
        Err(ErrorKind::UnsupportedAlgorithm.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> SigningKey {
        SigningKey::from_bytes(&[7; 32])
    }

    #[test]
    fn installing_twice_is_as_good_as_once() {
        assert_eq!(install(), Ok(()));
        assert_eq!(install(), Ok(()));
        assert!(PROVIDER.install_default().is_err(), "the library would take a second provider");
    }

    #[test]
    fn no_algorithm_but_eddsa_signs_or_verifies() {
        use Algorithm::{ES256, ES384, HS256, HS384, HS512, PS256, PS384, PS512, RS256, RS384, RS512};
        let public = decoding_key(&key().verifying_key());
        assert!(verifier_factory(&Algorithm::EdDSA, &public).is_ok());
        for algorithm in [HS256, HS384, HS512, ES256, ES384, RS256, RS384, RS512, PS256, PS384, PS512] {
            let secret = EncodingKey::from_secret(b"secret");
            assert!(signer_factory(&algorithm, &secret).is_err(), "{algorithm:?}");
            assert!(verifier_factory(&algorithm, &public).is_err(), "{algorithm:?}");
        }
    }

    #[test]
    fn a_key_of_another_family_or_length_is_no_key() {
        let bytes = key().verifying_key().to_bytes();
        for other in [
            DecodingKey::from_secret(&bytes),
            DecodingKey::from_rsa_raw_components(&bytes, &[1, 0, 1]),
            DecodingKey::from_ed_der(&bytes[..31]),
            DecodingKey::from_ed_der(&[&bytes[..], &[0]].concat()),
            DecodingKey::from_ed_der(&[]),
        ] {
            assert!(verifier_factory(&Algorithm::EdDSA, &other).is_err(), "{other:?}");
        }
        for other in [EncodingKey::from_secret(&bytes), EncodingKey::from_ed_der(&bytes)] {
            assert!(signer_factory(&Algorithm::EdDSA, &other).is_err(), "{other:?}");
        }
    }

    #[test]
    fn a_key_of_small_order_verifies_nothing() {
        // The neutral element: under it, plain Ed25519 takes R = neutral, s = 0 as signing any message.
        let mut neutral = [0; 32];
        neutral[0] = 1;
        let verifier = verifier_factory(&Algorithm::EdDSA, &DecodingKey::from_ed_der(&neutral)).unwrap();
        let signature = [&neutral[..], &[0; 32]].concat();
        assert!(verifier.verify(b"anything", &signature).is_err());
        let weak = VerifyingKey::from_bytes(&neutral).unwrap();
        let signature = Signature::from_slice(&signature).unwrap();
        assert!(ed25519_dalek::Verifier::verify(&weak, b"anything", &signature).is_ok(), "not weak at all");
    }
}
