//! Organizations. Whoever looks after the installation sees all of them, everybody else its own.

use domain::audit::Action;
use domain::permission::Permission;
use domain::store::{
    EndReason, NewAccount, NewOrganization, Organization, OrganizationFilter, OrganizationKind,
    OrganizationStatus, Whose,
};
use domain::{Context, Operation, StoreError, Touches, UnitOfWork};
use kernel::{Database, Tenant};
use uuid::Uuid;

use super::{AdministrationError, given, may};
use crate::trail;

type Outcome<T> = Result<T, AdministrationError>;

const ORGANIZATION: AdministrationError = AdministrationError::Missing("organization");

/// Lists organizations in the order of their creation.
#[derive(Clone, Debug)]
pub struct ListOrganizations {
    /// Which.
    pub filter: OrganizationFilter,
    /// Those after this one.
    pub after: Option<Tenant>,
    /// How many at the most.
    pub limit: usize,
}

impl Operation for ListOrganizations {
    const NAME: &'static str = "organization.list";
    type Output = Vec<Organization>;
    type Error = StoreError;

    fn touches(&self) -> Touches {
        Touches::reads(&[Database::Auth])
    }

    async fn run(&self, _: &Context, work: &mut dyn UnitOfWork) -> Result<Vec<Organization>, StoreError> {
        work.organizations()?.list(&self.filter, self.after, self.limit).await
    }
}

/// One organization.
#[derive(Clone, Copy, Debug)]
pub struct FindOrganization(pub Uuid);

impl Operation for FindOrganization {
    const NAME: &'static str = "organization.read";
    type Output = Organization;
    type Error = AdministrationError;

    fn touches(&self) -> Touches {
        Touches::reads(&[Database::Auth])
    }

    async fn run(&self, context: &Context, work: &mut dyn UnitOfWork) -> Outcome<Organization> {
        let found = work.organizations()?.find(self.0).await?;
        visible(context, found, Permission::OrganizationList)
    }
}

/// Creates an organization and its first administrator.
#[derive(Clone, Debug)]
pub struct CreateOrganization {
    /// The organization.
    pub organization: NewOrganization,
    /// Its administrator.
    pub administrator: NewAccount,
}

impl Operation for CreateOrganization {
    const NAME: &'static str = "organization.create";
    type Output = Organization;
    type Error = AdministrationError;

    fn touches(&self) -> Touches {
        Touches::writes(&[Database::Auth])
    }

    async fn run(&self, context: &Context, work: &mut dyn UnitOfWork) -> Outcome<Organization> {
        let tenant = work.organizations()?.create(&self.organization).await?;
        work.accounts()?.create_account(tenant, &self.administrator).await?;
        let whom = self.organization.id.to_string();
        let detail = Some(format!("administrator={}", self.administrator.id));
        trail::act(work, context, Action::Create, Self::NAME, whom, detail).await?;
        work.organizations()?.find(self.organization.id).await?.ok_or(ORGANIZATION)
    }
}

/// Changes what an organization is called, is, or belongs to.
#[derive(Clone, Debug)]
pub struct AmendOrganization {
    /// Which.
    pub organization: Uuid,
    /// The version that the change is based on.
    pub version: i32,
    /// Another name.
    pub name: Option<String>,
    /// Another kind.
    pub kind: Option<OrganizationKind>,
    /// Another parent, or none from now on.
    pub parent: Option<Option<Uuid>>,
}

impl Operation for AmendOrganization {
    const NAME: &'static str = "organization.amend";
    type Output = Organization;
    type Error = AdministrationError;

    fn touches(&self) -> Touches {
        Touches::writes(&[Database::Auth])
    }

    async fn run(&self, context: &Context, work: &mut dyn UnitOfWork) -> Outcome<Organization> {
        let mut organizations = work.organizations()?;
        let found = organizations.lock(self.organization).await?;
        let mut organization = visible(context, found, Permission::OrganizationCreate)?;
        if organization.version != self.version {
            return Err(AdministrationError::Stale { current: organization.version });
        }
        if self.parent.is_some() && !may(context, Permission::OrganizationCreate) {
            return Err(AdministrationError::Forbidden(
                "to what an organization belongs is for the installation's administrator to say",
            ));
        }
        organization.name = self.name.clone().unwrap_or(organization.name);
        organization.kind = self.kind.unwrap_or(organization.kind);
        organization.parent = self.parent.unwrap_or(organization.parent);
        organizations.amend(&organization).await?;
        drop(organizations);
        let whom = self.organization.to_string();
        trail::act(work, context, Action::Update, Self::NAME, whom, None).await?;
        work.organizations()?.find(self.organization).await?.ok_or(ORGANIZATION)
    }
}

/// Suspends an organization, which ends every session in it, or activates it again.
#[derive(Clone, Copy, Debug)]
pub struct SetOrganizationStatus {
    /// Which.
    pub organization: Uuid,
    /// What it becomes.
    pub status: OrganizationStatus,
}

impl Operation for SetOrganizationStatus {
    const NAME: &'static str = "organization.set_status";
    type Output = Organization;
    type Error = AdministrationError;

    fn touches(&self) -> Touches {
        Touches::writes(&[Database::Auth])
    }

    async fn run(&self, context: &Context, work: &mut dyn UnitOfWork) -> Outcome<Organization> {
        let mut organizations = work.organizations()?;
        let organization = organizations.lock(self.organization).await?.ok_or(ORGANIZATION)?;
        let suspended = self.status == OrganizationStatus::Suspended;
        if suspended && organization.tenant == context.caller.tenant {
            return Err(AdministrationError::Conflict(
                "the organization that you act for cannot be suspended by you: nobody would be left to activate it",
            ));
        }
        organizations.set_status(organization.tenant, self.status).await?;
        drop(organizations);
        if suspended {
            let whose = Whose::Organization(organization.tenant);
            work.sessions()?.end(whose, context.now(), EndReason::Suspended).await?;
        }
        let operation = match self.status {
            OrganizationStatus::Suspended => "organization.suspend",
            OrganizationStatus::Active => "organization.activate",
        };
        let whom = self.organization.to_string();
        trail::act(work, context, Action::Update, operation, whom, None).await?;
        work.organizations()?.find(self.organization).await?.ok_or(ORGANIZATION)
    }
}

/// Makes an account that is there already a member of an organization.
#[derive(Clone, Debug)]
pub struct AddMember {
    /// Of which organization.
    pub organization: Uuid,
    /// The account's name, lower case.
    pub username: String,
    /// Its roles there.
    pub roles: Vec<String>,
}

impl Operation for AddMember {
    const NAME: &'static str = "organization.add_member";
    type Output = ();
    type Error = AdministrationError;

    fn touches(&self) -> Touches {
        Touches::writes(&[Database::Auth])
    }

    async fn run(&self, context: &Context, work: &mut dyn UnitOfWork) -> Outcome<()> {
        let roles = given(context, &self.roles)?;
        let organization = work.organizations()?.lock(self.organization).await?.ok_or(ORGANIZATION)?;
        let mut accounts = work.accounts()?;
        let Some(account) = accounts.find_by_username(&self.username).await? else {
            let detail = "there is no account of this name".to_owned();
            return Err(AdministrationError::Invalid { pointer: "/username", detail });
        };
        accounts.add_membership(organization.tenant, account.id, &roles).await?;
        drop(accounts);
        let detail = Some(format!("organization={} roles={}", self.organization, roles.join(",")));
        trail::act(work, context, Action::Create, Self::NAME, account.id.to_string(), detail).await?;
        Ok(())
    }
}

/// The caller's own organization, or any where it has `permission`; nothing else is there.
fn visible(context: &Context, found: Option<Organization>, permission: Permission) -> Outcome<Organization> {
    let sees = |it: &Organization| it.tenant == context.caller.tenant || may(context, permission);
    found.filter(sees).ok_or(ORGANIZATION)
}
