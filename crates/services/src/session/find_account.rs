//! The account behind a name typed at login.

use domain::store::{Account, Session};
use domain::{Context, Operation, StoreError, Touches, UnitOfWork};
use kernel::{Database, SessionId};

/// Longest name that is looked up, bytes.
const USERNAME_BYTES: usize = 256;

/// Looks an account up by the name typed at login. Case does not matter.
#[derive(Clone, Debug)]
pub struct FindAccount {
    username: Option<String>,
}

impl FindAccount {
    /// The name that is looked up; empty where no account can have it.
    pub fn username(&self) -> &str {
        self.username.as_deref().unwrap_or_default()
    }

    /// The lookup for a name as typed. A name that no account can have (empty, too long, with control
    /// characters) finds nothing.
    pub fn new(typed: &str) -> FindAccount {
        let username = typed.to_lowercase();
        let possible =
            (1..=USERNAME_BYTES).contains(&username.len()) && !username.chars().any(char::is_control);
        FindAccount { username: possible.then_some(username) }
    }
}

impl Operation for FindAccount {
    const NAME: &'static str = "session.find_account";
    type Output = Option<Account>;
    type Error = StoreError;

    fn touches(&self) -> Touches {
        Touches::reads(&[Database::Auth])
    }

    async fn run(&self, _: &Context, work: &mut dyn UnitOfWork) -> Result<Option<Account>, StoreError> {
        match &self.username {
            Some(username) => work.accounts()?.find_by_username(username).await,
            None => Ok(None),
        }
    }
}

/// Looks up the caller's account, and the session with which it is logged in; none where either is gone.
#[derive(Clone, Copy, Debug)]
pub struct FindCaller(pub SessionId);

impl Operation for FindCaller {
    const NAME: &'static str = "session.find_caller";
    type Output = Option<(Account, Session)>;
    type Error = StoreError;

    fn touches(&self) -> Touches {
        Touches::reads(&[Database::Auth])
    }

    async fn run(&self, context: &Context, work: &mut dyn UnitOfWork) -> Result<Self::Output, StoreError> {
        let account = work.accounts()?.find(context.caller.account).await?;
        let session = work.sessions()?.find(self.0).await?;
        Ok(account
            .zip(session)
            .filter(|(account, session)| session.account == account.id && !session.revoked))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_looked_up_in_lower_case() {
        assert_eq!(FindAccount::new("Admin").username.as_deref(), Some("admin"));
    }

    #[test]
    fn names_that_no_account_can_have_are_not_looked_up() {
        for odd in ["", "a\0b", "a\nb", &"x".repeat(USERNAME_BYTES + 1)] {
            assert_eq!(FindAccount::new(odd).username, None);
        }
    }
}
