//! Sealing: what makes a stolen dump of a database worthless, and a moved or edited ciphertext detectable.
//!
//! Owns the keys and everything done with them: sealed record bodies, sealed small fields, sealed cursors,
//! sealed secrets, and the keyed hashes that make sealed text searchable. Depends on `kernel` alone and does
//! no I/O: the caller reads and writes the key file. Read [`keyring`] first.
//!
//! What it protects against is a reader or a writer of the database who does not hold the master key: bodies
//! are AES-256-GCM-SIV (RFC 8452) bound to the very row they stand in, so they can be neither read nor
//! exchanged. It does not hide lengths, the equality of two tokens within one tenant and parameter, or that a
//! row went back to an older version of itself: the last is the audit tree's to detect.

pub mod envelope;
pub mod error;
pub mod keyring;
pub mod master;
pub mod tenant;

pub use error::{KeyTextError, SealError, UnsealError};
pub use keyring::Keyring;
pub use master::MasterKey;
pub use tenant::{Place, TenantKeys};
