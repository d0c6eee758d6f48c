//! Storing another hash of an account's password.

use domain::{Context, Operation, StoreError, Touches, UnitOfWork};
use kernel::{AccountId, Database, Secret};

/// Replaces the stored hash after a login that found it made at an outdated cost. Where the password was changed
/// meanwhile, nothing happens.
#[derive(Clone, Debug)]
pub struct ReplacePassword {
    /// Whose.
    pub account: AccountId,
    /// The hash that the password was compared with.
    pub compared: Secret<String>,
    /// Argon2id, PHC string format.
    pub password_hash: Secret<String>,
}

impl Operation for ReplacePassword {
    const NAME: &'static str = "session.replace_password";
    type Output = ();
    type Error = StoreError;

    fn touches(&self) -> Touches {
        Touches::writes(&[Database::Auth])
    }

    async fn run(&self, _: &Context, work: &mut dyn UnitOfWork) -> Result<(), StoreError> {
        work.accounts()?.replace_password_hash(self.account, &self.compared, &self.password_hash).await
    }
}
