//! `/api/v1/auth`: logging in and who one is.

mod log_in;
mod me;
mod password_pool;

use std::sync::Arc;

use kernel::Clock;
use services::session::Minter;
use store::Store;

pub(crate) use log_in::log_in;
pub(crate) use me::me;
pub use password_pool::PasswordPool;

/// What logging in needs.
#[derive(Clone)]
pub struct Sessions {
    /// Where accounts are found and logins written down.
    pub store: Store,
    /// Compares passwords.
    pub passwords: PasswordPool,
    /// Signs tokens.
    pub minter: Arc<Minter>,
    /// The source of time.
    pub clock: Arc<dyn Clock>,
}
