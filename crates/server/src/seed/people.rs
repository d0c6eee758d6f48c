//! The organizations and their accounts.

use std::sync::Arc;

use demo::Demo;
use demo::hospital::{House, HouseKind};
use domain::permission::ADMINISTRATOR;
use domain::store::{Archive, NewAccount, NewOrganization, OrganizationKind};
use domain::{Caller, Context};
use fhir::ResourceType;
use fhir::search::Handling;
use identity::{PasswordCost, PasswordHasher};
use kernel::{AccountId, RequestId, Secret, SystemClock};
use services::administration::{CreateOrganization, CreateUser};
use services::session::{FindAccount, nobody};
use store::Store;

use super::PASSWORD;
use super::error::SeedError;
use super::report::Report;

/// The account that looks after the clinic.
pub const CLINIC_ADMINISTRATOR: &str = "clinic-admin";

/// A house that is an organization, and who acts for it.
pub struct Site {
    /// Which house.
    pub kind: HouseKind,
    /// The organization's name.
    pub name: String,
    /// Its administrator.
    pub caller: Caller,
    /// The accounts of the staff, in their order.
    pub accounts: Vec<AccountId>,
}

impl Site {
    /// A request of the house's administrator.
    pub fn context(&self) -> Context {
        context(self.caller.clone())
    }
}

fn context(caller: Caller) -> Context {
    Context { caller, request: RequestId::generate(), network: None, clock: Arc::new(SystemClock) }
}

/// The two organizations with everybody who can log in: the first is the one that the first start made. What a
/// demonstration before this one made is used again.
///
/// # Errors
/// [`SeedError::NotEmpty`] where there are patients, unless `force`.
pub async fn settle(
    store: &Store,
    demo: &Demo,
    force: bool,
    report: &mut Report,
) -> Result<Vec<Site>, SeedError> {
    let installer =
        find(store, services::bootstrap::ADMINISTRATOR).await?.ok_or(SeedError::NoAdministrator)?;
    if !force && has_patients(store, &context(installer.caller.clone())).await? {
        return Err(SeedError::NotEmpty);
    }
    let hasher = PasswordHasher::new(PasswordCost::STANDARD)?;
    let password = Secret::new(PASSWORD.to_owned());
    // One hash for all: there is nothing in it that a salt of its own would hide.
    let hashed = tokio::task::spawn_blocking(move || hasher.hash(&password));
    let hash = hashed.await.map_err(|_| SeedError::Panicked)??;
    let mut sites = Vec::new();
    for house in &demo.houses {
        let place = match house.kind {
            HouseKind::Hospital => installer.clone(),
            HouseKind::Clinic => clinic(store, &installer, house, &hash, report).await?,
        };
        let mut accounts = Vec::new();
        for user in &house.users {
            let account = match find(store, &user.username).await? {
                Some(known) => known.caller.account,
                None => {
                    let mut account = NewAccount::new(&user.username, hash.clone(), &[user.role]);
                    account.display_name.clone_from(&user.display_name);
                    let id = account.id;
                    store.execute(CreateUser { account }, context(place.caller.clone())).await?;
                    report.users += 1;
                    id
                }
            };
            if user.worker.is_some() {
                // Staff come first, and in their order.
                accounts.push(account);
            }
        }
        report.organizations += 1;
        sites.push(Site { kind: house.kind, name: place.name, caller: place.caller, accounts });
    }
    Ok(sites)
}

/// An account in its organization.
#[derive(Clone)]
struct Found {
    name: String,
    caller: Caller,
}

async fn find(store: &Store, username: &str) -> Result<Option<Found>, SeedError> {
    let account = store.execute(FindAccount::new(username), context(nobody())).await?.output;
    Ok(account.and_then(|account| {
        let place = account.memberships.first()?;
        let roles = Arc::from(place.roles.clone());
        let caller = Caller { account: account.id, tenant: place.tenant, roles };
        Some(Found { name: place.organization_name.clone(), caller })
    }))
}

async fn clinic(
    store: &Store,
    installer: &Found,
    house: &House,
    hash: &Secret<String>,
    report: &mut Report,
) -> Result<Found, SeedError> {
    if let Some(found) = find(store, CLINIC_ADMINISTRATOR).await? {
        return Ok(found);
    }
    let create = CreateOrganization {
        organization: NewOrganization {
            kind: OrganizationKind::Clinic,
            ..NewOrganization::named(house.name)
        },
        administrator: NewAccount::new(CLINIC_ADMINISTRATOR, hash.clone(), &[ADMINISTRATOR]),
    };
    store.execute(create, context(installer.caller.clone())).await?;
    report.users += 1;
    find(store, CLINIC_ADMINISTRATOR).await?.ok_or(SeedError::NoAdministrator)
}

async fn has_patients(store: &Store, context: &Context) -> Result<bool, SeedError> {
    let Some(patient) = ResourceType::from_name("Patient") else { return Ok(false) };
    let pairs = [("_count".to_owned(), "1".to_owned())];
    let Ok(search) = fhir::search::parse(patient, &pairs, Handling::Strict) else { return Ok(false) };
    Ok(!store.search(context, &search).await?.page.entries.is_empty())
}
