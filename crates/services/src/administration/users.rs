//! The users of one organization, the caller's.

use domain::audit::Action;
use domain::permission::{ADMINISTRATOR, SYSTEM_ADMINISTRATOR};
use domain::store::{Account, EndReason, NewAccount, Status, User, UserFilter, Whose};
use domain::{Context, Operation, StoreError, Touches, UnitOfWork};
use kernel::{AccountId, Database, Secret, Tenant};

use super::{AdministrationError, at_home, covers, given, manageable};
use crate::trail;

type Outcome<T> = Result<T, AdministrationError>;

const USER: AdministrationError = AdministrationError::Missing("user");

/// Lists users in the order of their usernames.
#[derive(Clone, Debug)]
pub struct ListUsers {
    /// Which.
    pub filter: UserFilter,
    /// Those after this username.
    pub after: Option<String>,
    /// How many at the most.
    pub limit: usize,
}

impl Operation for ListUsers {
    const NAME: &'static str = "user.list";
    type Output = Vec<User>;
    type Error = StoreError;

    fn touches(&self) -> Touches {
        Touches::reads(&[Database::Auth])
    }

    async fn run(&self, context: &Context, work: &mut dyn UnitOfWork) -> Result<Vec<User>, StoreError> {
        let tenant = context.caller.tenant;
        work.accounts()?.users(tenant, &self.filter, self.after.as_deref(), self.limit).await
    }
}

/// One user.
#[derive(Clone, Copy, Debug)]
pub struct FindUser(pub AccountId);

impl Operation for FindUser {
    const NAME: &'static str = "user.read";
    type Output = User;
    type Error = AdministrationError;

    fn touches(&self) -> Touches {
        Touches::reads(&[Database::Auth])
    }

    async fn run(&self, context: &Context, work: &mut dyn UnitOfWork) -> Outcome<User> {
        work.accounts()?.user(context.caller.tenant, self.0).await?.ok_or(USER)
    }
}

/// Creates an account as a member of the caller's organization.
#[derive(Clone, Debug)]
pub struct CreateUser {
    /// The account.
    pub account: NewAccount,
}

impl Operation for CreateUser {
    const NAME: &'static str = "user.create";
    type Output = User;
    type Error = AdministrationError;

    fn touches(&self) -> Touches {
        Touches::writes(&[Database::Auth])
    }

    async fn run(&self, context: &Context, work: &mut dyn UnitOfWork) -> Outcome<User> {
        let tenant = context.caller.tenant;
        let roles = given(context, &self.account.roles)?;
        let detail = format!("roles={}", roles.join(","));
        let account = NewAccount { roles, ..self.account.clone() };
        let mut accounts = work.accounts()?;
        accounts.create_account(tenant, &account).await?;
        let user = accounts.user(tenant, account.id).await?.ok_or(USER)?;
        drop(accounts);
        let whom = account.id.to_string();
        trail::act(work, context, Action::Create, Self::NAME, whom, Some(detail)).await?;
        Ok(user)
    }
}

/// Changes the holder's name or address.
#[derive(Clone, Debug)]
pub struct AmendUser {
    /// Whose.
    pub account: AccountId,
    /// The version that the change is based on.
    pub version: i32,
    /// Another name.
    pub display_name: Option<String>,
    /// Another address, or none from now on.
    pub email: Option<Option<String>>,
}

impl Operation for AmendUser {
    const NAME: &'static str = "user.amend";
    type Output = User;
    type Error = AdministrationError;

    fn touches(&self) -> Touches {
        Touches::writes(&[Database::Auth])
    }

    async fn run(&self, context: &Context, work: &mut dyn UnitOfWork) -> Outcome<User> {
        let user = lock(context, work, self.account).await?;
        if user.version != self.version {
            return Err(AdministrationError::Stale { current: user.version });
        }
        manageable(context, &user)?;
        at_home(context, &user)?;
        let name = self.display_name.as_ref().unwrap_or(&user.display_name);
        let email = self.email.as_ref().unwrap_or(&user.email);
        work.accounts()?.set_holder(self.account, name, email.as_deref()).await?;
        done(context, work, self.account, Action::Update, Self::NAME, None).await
    }
}

/// Disables or enables a user: everywhere where the account is the organization's own, else here.
#[derive(Clone, Copy, Debug)]
pub struct SetUserStatus {
    /// Whom.
    pub account: AccountId,
    /// What it becomes.
    pub status: Status,
}

impl Operation for SetUserStatus {
    const NAME: &'static str = "user.set_status";
    type Output = User;
    type Error = AdministrationError;

    fn touches(&self) -> Touches {
        Touches::writes(&[Database::Auth])
    }

    async fn run(&self, context: &Context, work: &mut dyn UnitOfWork) -> Outcome<User> {
        let user = lock(context, work, self.account).await?;
        manageable(context, &user)?;
        let (tenant, now) = (context.caller.tenant, context.now());
        let own = user.home == tenant;
        match self.status {
            Status::Disabled => {
                stays_administered(tenant, work, &user, &[]).await?;
                if own {
                    can_be_spared_elsewhere(context, work, &user).await?;
                }
                let mut accounts = work.accounts()?;
                let whose = if own {
                    accounts.set_account_status(self.account, Status::Disabled).await?;
                    Whose::Account(self.account)
                } else {
                    accounts.set_membership_status(tenant, self.account, Status::Disabled).await?;
                    Whose::Member(tenant, self.account)
                };
                drop(accounts);
                work.sessions()?.end(whose, now, EndReason::Disabled).await?;
            }
            Status::Active => {
                if user.account_status == Status::Disabled && !own {
                    at_home(context, &user)?;
                }
                let mut accounts = work.accounts()?;
                if own {
                    accounts.set_account_status(self.account, Status::Active).await?;
                }
                accounts.set_membership_status(tenant, self.account, Status::Active).await?;
            }
        }
        let operation = match self.status {
            Status::Active => "user.enable",
            Status::Disabled => "user.disable",
        };
        done(context, work, self.account, Action::Update, operation, None).await
    }
}

/// Gives the account a password that is only good for choosing another, and ends its sessions.
#[derive(Clone, Debug)]
pub struct ResetPassword {
    /// Whose.
    pub account: AccountId,
    /// The temporary password's hash.
    pub password_hash: Secret<String>,
    /// The lane in which failures at the account are counted: forgotten, so that its holder can come in.
    pub lane: [u8; 32],
}

impl Operation for ResetPassword {
    const NAME: &'static str = "user.reset_password";
    type Output = User;
    type Error = AdministrationError;

    fn touches(&self) -> Touches {
        Touches::writes(&[Database::Auth])
    }

    async fn run(&self, context: &Context, work: &mut dyn UnitOfWork) -> Outcome<User> {
        let (tenant, now) = (context.caller.tenant, context.now());
        let user = lock(context, work, self.account).await?;
        manageable(context, &user)?;
        at_home(context, &user)?;
        let mut accounts = work.accounts()?;
        // Whoever resets a password can log in with it: here only to where the caller may give entry itself.
        let elsewhere = |account: &Account| account.memberships.iter().any(|place| place.tenant != tenant);
        if accounts.find(self.account).await?.as_ref().is_some_and(elsewhere) {
            return Err(AdministrationError::Conflict(
                "the account belongs to another organization too: end that membership first",
            ));
        }
        accounts.set_password(self.account, &self.password_hash, true, now).await?;
        drop(accounts);
        let mut sessions = work.sessions()?;
        sessions.end(Whose::Account(self.account), now, EndReason::Password).await?;
        sessions.forget_attempts(&[self.lane]).await?;
        drop(sessions);
        done(context, work, self.account, Action::Update, Self::NAME, None).await
    }
}

/// Replaces a user's roles. Tokens that name the old ones are refused from now on; the sessions go on.
#[derive(Clone, Debug)]
pub struct SetRoles {
    /// Whose.
    pub account: AccountId,
    /// The roles.
    pub roles: Vec<String>,
}

impl Operation for SetRoles {
    const NAME: &'static str = "user.set_roles";
    type Output = User;
    type Error = AdministrationError;

    fn touches(&self) -> Touches {
        Touches::writes(&[Database::Auth])
    }

    async fn run(&self, context: &Context, work: &mut dyn UnitOfWork) -> Outcome<User> {
        let tenant = context.caller.tenant;
        let user = lock(context, work, self.account).await?;
        manageable(context, &user)?;
        let roles = given(context, &self.roles)?;
        stays_administered(tenant, work, &user, &roles).await?;
        work.accounts()?.set_roles(tenant, self.account, &roles).await?;
        work.sessions()?.raise_epoch(tenant, self.account, context.now()).await?;
        let detail = format!("from={} to={}", user.roles.join(","), roles.join(","));
        done(context, work, self.account, Action::Update, Self::NAME, Some(detail)).await
    }
}

/// Ends a membership; the account stays, for its other organizations and for the audit trail.
#[derive(Clone, Copy, Debug)]
pub struct RemoveMember(pub AccountId);

impl Operation for RemoveMember {
    const NAME: &'static str = "user.remove";
    type Output = ();
    type Error = AdministrationError;

    fn touches(&self) -> Touches {
        Touches::writes(&[Database::Auth])
    }

    async fn run(&self, context: &Context, work: &mut dyn UnitOfWork) -> Outcome<()> {
        let tenant = context.caller.tenant;
        let user = lock(context, work, self.0).await?;
        manageable(context, &user)?;
        stays_administered(tenant, work, &user, &[]).await?;
        work.accounts()?.remove_membership(tenant, self.0).await?;
        let mut sessions = work.sessions()?;
        sessions.end(Whose::Member(tenant, self.0), context.now(), EndReason::Removed).await?;
        drop(sessions);
        let detail = format!("roles={}", user.roles.join(","));
        trail::act(work, context, Action::Delete, Self::NAME, self.0.to_string(), Some(detail)).await?;
        Ok(())
    }
}

async fn lock(context: &Context, work: &mut dyn UnitOfWork, account: AccountId) -> Outcome<User> {
    work.accounts()?.lock_user(context.caller.tenant, account).await?.ok_or(USER)
}

/// Leaves the audit row and gives what the user is now.
async fn done(
    context: &Context,
    work: &mut dyn UnitOfWork,
    account: AccountId,
    action: Action,
    operation: &'static str,
    detail: Option<String>,
) -> Outcome<User> {
    trail::act(work, context, action, operation, account.to_string(), detail).await?;
    work.accounts()?.user(context.caller.tenant, account).await?.ok_or(USER)
}

/// Refuses to take the last administrator of this organization away. `roles` are those that the user keeps.
async fn stays_administered(
    tenant: Tenant,
    work: &mut dyn UnitOfWork,
    user: &User,
    roles: &[String],
) -> Outcome<()> {
    if user.status() != Status::Active {
        return Ok(());
    }
    match last_with(tenant, work, user.account, &user.roles, roles).await? {
        Some(ADMINISTRATOR) => Err(AdministrationError::Conflict(
            "this is the organization's last administrator: name another first",
        )),
        Some(_) => Err(AdministrationError::Conflict(
            "this is the organization's last system administrator: name another first",
        )),
        None => Ok(()),
    }
}

/// The role of an administrator that nobody in the organization would have any more if this account had `after` instead
/// of `before`.
async fn last_with(
    tenant: Tenant,
    work: &mut dyn UnitOfWork,
    account: AccountId,
    before: &[String],
    after: &[String],
) -> Outcome<Option<&'static str>> {
    for role in [ADMINISTRATOR, SYSTEM_ADMINISTRATOR] {
        let has = |roles: &[String]| roles.iter().any(|it| it == role);
        if has(before) && !has(after) && work.accounts()?.others_with_role(tenant, account, role).await? == 0
        {
            return Ok(Some(role));
        }
    }
    Ok(None)
}

/// Refuses to disable an account everywhere where another organization has given it more than the caller may, or would
/// be left without an administrator. That organization is not the caller's to disturb; the membership here is.
async fn can_be_spared_elsewhere(context: &Context, work: &mut dyn UnitOfWork, user: &User) -> Outcome<()> {
    let Some(account) = work.accounts()?.find(user.account).await? else { return Ok(()) };
    // Each organization is locked in turn, the caller's first: two who do this to each other at once can meet in a
    // deadlock, which the store tries again.
    for place in account.usable().filter(|place| place.tenant != context.caller.tenant) {
        if !covers(context, &place.roles) {
            return Err(AdministrationError::Forbidden(
                "this user has permissions in another organization that you do not have: remove the user from yours",
            ));
        }
        if last_with(place.tenant, work, user.account, &place.roles, &[]).await?.is_some() {
            return Err(AdministrationError::Conflict(
                "this user is the last administrator of another organization: remove the user from yours",
            ));
        }
    }
    Ok(())
}
