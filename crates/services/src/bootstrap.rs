//! What a fresh installation needs before anybody can log in: an organization and its administrator.

use domain::permission;
use domain::store::{Account, EndReason, NewAccount, NewOrganization, Whose};
use domain::{Context, Operation, StoreError, Touches, UnitOfWork};
use kernel::{AccountId, Database, Secret};

use crate::trail;

/// The first administrator's name.
pub const ADMINISTRATOR: &str = "admin";
/// Its roles: it looks after its organization, and after the installation.
pub const ADMINISTRATOR_ROLES: [&str; 2] = [permission::ADMINISTRATOR, permission::SYSTEM_ADMINISTRATOR];

/// Creates the first organization and its administrator where nobody can log in yet. Run on every start; on
/// all but the first it changes nothing.
#[derive(Clone, Debug)]
pub struct CreateFirstAccount {
    /// The organization to create.
    pub organization: NewOrganization,
    /// Its administrator.
    pub account: NewAccount,
}

/// What [`CreateFirstAccount`] found or did.
#[derive(Clone, Debug)]
pub enum FirstAccount {
    /// Nobody could log in; now the account can.
    Created,
    /// There are accounts already. This is the one with the administrator's name, if it is still there.
    Existing(Option<Account>),
}

impl Operation for CreateFirstAccount {
    const NAME: &'static str = "bootstrap.first_account";
    type Output = FirstAccount;
    type Error = StoreError;

    fn touches(&self) -> Touches {
        Touches::writes(&[Database::Auth])
    }

    async fn run(&self, _: &Context, work: &mut dyn UnitOfWork) -> Result<FirstAccount, StoreError> {
        let mut accounts = work.accounts()?;
        if !accounts.is_empty().await? {
            let account = accounts.find_by_username(&self.account.username).await?;
            return Ok(FirstAccount::Existing(account));
        }
        drop(accounts);
        let tenant = work.organizations()?.create(&self.organization).await?;
        work.accounts()?.create_account(tenant, &self.account).await?;
        Ok(FirstAccount::Created)
    }
}

/// Gives the administrator the password that the operator named, and ends the sessions of the one before.
#[derive(Clone, Debug)]
pub struct SetAdministratorPassword {
    /// Whose.
    pub account: AccountId,
    /// Argon2id, PHC string format.
    pub password_hash: Secret<String>,
}

impl Operation for SetAdministratorPassword {
    const NAME: &'static str = "bootstrap.set_password";
    type Output = ();
    type Error = StoreError;

    fn touches(&self) -> Touches {
        Touches::writes(&[Database::Auth])
    }

    async fn run(&self, context: &Context, work: &mut dyn UnitOfWork) -> Result<(), StoreError> {
        let now = context.now();
        work.accounts()?.set_password(self.account, &self.password_hash, false, now).await?;
        work.sessions()?.end(Whose::Account(self.account), now, EndReason::Password).await?;
        let event = trail::of_account(context, Self::NAME, None, Some(self.account));
        trail::write(work, &event).await
    }
}
