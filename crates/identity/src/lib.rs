//! Who is asking: passwords, access tokens and the secrets made for a first start.
//!
//! Owns the arithmetic of authentication and nothing of its state: no file, no network, no database, no clock
//! of its own. Time is a parameter, storage the caller's. Depends on `kernel` alone. Read [`token`] first.
//!
//! Access tokens are JWTs, but there is no general JWT library here: one algorithm, one header, one set of
//! claims. What such a library would add is a choice of algorithms, which is where forgeries come from (RFC
//! 8725 section 2), and RSA and NIST-curve code that nothing calls.

pub mod generate;
pub mod password;
pub mod token;

pub use generate::generate_password;
pub use password::{PasswordCost, PasswordError, PasswordHasher, Verified};
pub use token::{Claims, Issuer, KeyError, MintError, PublicKey, SigningKey, TokenError, TokenVerifier};
