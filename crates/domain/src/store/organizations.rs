//! Organizations.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use kernel::Tenant;
use uuid::Uuid;

use crate::Stored;

/// What kind of provider an organization is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OrganizationKind {
    /// A hospital.
    Hospital,
    /// A clinic.
    Clinic,
    /// A doctor's practice.
    Practice,
    /// A laboratory.
    Laboratory,
    /// A pharmacy.
    Pharmacy,
    /// Anything else.
    Other,
}

impl OrganizationKind {
    /// All of them.
    pub const ALL: [OrganizationKind; 6] = [
        OrganizationKind::Hospital,
        OrganizationKind::Clinic,
        OrganizationKind::Practice,
        OrganizationKind::Laboratory,
        OrganizationKind::Pharmacy,
        OrganizationKind::Other,
    ];

    /// The text in the table and on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            OrganizationKind::Hospital => "hospital",
            OrganizationKind::Clinic => "clinic",
            OrganizationKind::Practice => "practice",
            OrganizationKind::Laboratory => "laboratory",
            OrganizationKind::Pharmacy => "pharmacy",
            OrganizationKind::Other => "other",
        }
    }

    /// The kind of this name.
    pub fn from_name(name: &str) -> Option<OrganizationKind> {
        OrganizationKind::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// Whether anybody can act for an organization.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OrganizationStatus {
    /// Its members can.
    Active,
    /// Nobody can, until it is activated again.
    Suspended,
}

impl OrganizationStatus {
    /// All of them.
    pub const ALL: [OrganizationStatus; 2] = [OrganizationStatus::Active, OrganizationStatus::Suspended];

    /// The text in the table and on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            OrganizationStatus::Active => "active",
            OrganizationStatus::Suspended => "suspended",
        }
    }

    /// The status of this name.
    pub fn from_name(name: &str) -> Option<OrganizationStatus> {
        OrganizationStatus::ALL.into_iter().find(|status| status.name() == name)
    }
}

/// An organization.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Organization {
    /// The number that stands in every key.
    pub tenant: Tenant,
    /// Its public identifier.
    pub id: Uuid,
    /// Its name.
    pub name: String,
    /// What it is.
    pub kind: OrganizationKind,
    /// Whether anybody can act for it.
    pub status: OrganizationStatus,
    /// The organization that it is a part of.
    pub parent: Option<Uuid>,
    /// When it was created.
    pub created_at: DateTime<Utc>,
    /// Rises with every change.
    pub version: i32,
}

/// An organization to create.
#[derive(Clone, Debug)]
pub struct NewOrganization {
    /// Its public identifier.
    pub id: Uuid,
    /// Its name.
    pub name: String,
    /// What it is.
    pub kind: OrganizationKind,
    /// The organization that it is a part of.
    pub parent: Option<Uuid>,
}

impl NewOrganization {
    /// A hospital that is part of nothing.
    pub fn named(name: &str) -> NewOrganization {
        NewOrganization {
            id: Uuid::now_v7(),
            name: name.to_owned(),
            kind: OrganizationKind::Hospital,
            parent: None,
        }
    }
}

/// Which organizations to list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OrganizationFilter {
    /// How the name begins, in any case.
    pub prefix: Option<String>,
    /// Of this status.
    pub status: Option<OrganizationStatus>,
}

/// Organizations, in `auth`. All but [`Organizations::own`] act for the installation as a whole.
#[async_trait]
pub trait Organizations: Send {
    /// Creates an organization; gives its number.
    async fn create(&mut self, organization: &NewOrganization) -> Stored<Tenant>;
    /// The organization of this number.
    async fn own(&mut self, tenant: Tenant) -> Stored<Option<Organization>>;
    /// The organization, locked until commit.
    async fn lock(&mut self, id: Uuid) -> Stored<Option<Organization>>;
    /// The organization.
    async fn find(&mut self, id: Uuid) -> Stored<Option<Organization>>;
    /// Organizations in the order of their creation, those after `after`, `limit` at the most.
    async fn list(
        &mut self,
        filter: &OrganizationFilter,
        after: Option<Tenant>,
        limit: usize,
    ) -> Stored<Vec<Organization>>;
    /// Replaces name, kind and parent.
    async fn amend(&mut self, organization: &Organization) -> Stored<()>;
    /// Suspends or activates it.
    async fn set_status(&mut self, tenant: Tenant, status: OrganizationStatus) -> Stored<()>;
}
