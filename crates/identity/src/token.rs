//! Access tokens: JWTs (RFC 7519) of the profile `at+jwt` (RFC 9068), signed with Ed25519 (RFC 8037).
//!
//! ```text
//! {"typ":"at+jwt","alg":"EdDSA","kid":"<thumbprint>"} . {claims} . signature
//! ```
//!
//! A header holds these three members and no other: nothing in a token can name a key, an algorithm or a
//! place to fetch one from. `jsonwebtoken` writes and reads the tokens, with the one algorithm that
//! `provider` gives it. [`key`] makes and keeps keys, [`claims`] says what a token carries, [`verifier`]
//! decides.

pub mod claims;
pub mod key;
pub mod verifier;

mod cache;
mod json;
mod provider;

pub use claims::{Claims, Issuer};
pub use key::{Jwk, KeyError, MintError, PublicKey, SigningKey};
pub use verifier::{TokenError, TokenVerifier};

use std::time::Duration;

/// Longest token that is minted or looked at, bytes.
pub const TOKEN_BYTES_MAX: usize = 4 * 1024;
/// Longest life of a token, from `iat` to `exp`.
pub const LIFETIME_MAX: Duration = Duration::from_secs(10 * 60);
/// How far another instance's clock may be ahead of ours: `iat` and `nbf` may lie this far in the future.
/// There is no leeway on `exp`.
pub const LEEWAY: Duration = Duration::from_secs(5);
/// How long a token that was found good is believed without looking again, and so the longest time for which
/// the removal of a key can go unnoticed.
pub const CACHED: Duration = Duration::from_secs(5);

const ALGORITHM: jsonwebtoken::Algorithm = jsonwebtoken::Algorithm::EdDSA;
const TYPE: &str = "at+jwt";
