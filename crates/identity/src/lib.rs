//! Who is asking: passwords and what makes a good one, access and refresh tokens, what ends them, and how often one may
//! guess.
//!
//! Owns the arithmetic of authentication and nothing of its state: no file, no network, no database, no clock
//! of its own. Time is a parameter, storage the caller's. Depends on `kernel` alone. Read [`token`] first.
//!
//! Access tokens are JWTs. `jsonwebtoken` encodes, decodes and validates them, with a cryptography of our own
//! that knows Ed25519 alone: a choice of algorithms is where forgeries come from (RFC 8725 section 2), and
//! RSA and the NIST curves are code that nothing calls. What the library leaves open (times, doubled members,
//! other headers, length) is decided in [`token::verifier`].

pub mod generate;
pub mod password;
pub mod refresh;
pub mod revocation;
pub mod rules;
pub mod throttle;
pub mod token;

pub use generate::generate_password;
pub use password::{PasswordCost, PasswordError, PasswordHasher, Verified};
pub use refresh::RefreshToken;
pub use revocation::Revocations;
pub use rules::{WeakPassword, check_password};
pub use throttle::{Lane, Standing};
pub use token::{Claims, Issuer, Jwk, KeyError, MintError, PublicKey, SigningKey, TokenError, TokenVerifier};
