//! Who is asking: passwords, access tokens and the secrets made for a first start.
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
pub mod token;

pub use generate::generate_password;
pub use password::{PasswordCost, PasswordError, PasswordHasher, Verified};
pub use token::{Claims, Issuer, KeyError, MintError, PublicKey, SigningKey, TokenError, TokenVerifier};
