//! Logging in: from a name and a password to a signed token.
//!
//! The parts are apart because they run in different places: [`FindAccount`] in a transaction of `auth`, the
//! comparison of the password on a blocking thread (`identity::PasswordHasher`), [`Minter`] anywhere.

mod find_account;
mod mint;
mod replace_password;

use std::sync::Arc;

use domain::Caller;
use kernel::{AccountId, Tenant};
use uuid::Uuid;

pub use find_account::FindAccount;
pub use mint::{LIFETIME, MintedToken, Minter, NotAMember};
pub use replace_password::ReplacePassword;

/// Who asks before anybody is logged in: the nil account, in an organization that does not exist.
pub fn nobody() -> Caller {
    Caller {
        account: AccountId::from_uuid(Uuid::nil()),
        tenant: Tenant::from_number(0),
        roles: Arc::from(Vec::new()),
    }
}
