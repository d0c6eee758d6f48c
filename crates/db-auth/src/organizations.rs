//! Organizations, inside a transaction.
//!
//! All but the caller's own are seen in the scope of the installation, which each method enters for its one statement.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use domain::store::{
    NewOrganization, Organization, OrganizationFilter, OrganizationKind, OrganizationStatus, Organizations,
};
use domain::{StoreError, Stored};
use kernel::Tenant;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::accounts::prefix_pattern;
use crate::classify;
use crate::scope::{self, INSTALLATION, SCOPE};

/// [`Organizations`] on one connection, which is inside a transaction.
pub struct PgOrganizations<'c> {
    connection: &'c mut PgConnection,
}

struct Row {
    tenant: i32,
    id: Uuid,
    name: String,
    kind: String,
    status: String,
    parent: Option<Uuid>,
    created_at: DateTime<Utc>,
    version: i32,
}

impl Row {
    fn organization(self) -> Stored<Organization> {
        let corrupt = || StoreError::Corrupt { table: "identity.organization" };
        Ok(Organization {
            tenant: Tenant::from_number(self.tenant),
            id: self.id,
            name: self.name,
            kind: OrganizationKind::from_name(&self.kind).ok_or_else(corrupt)?,
            status: OrganizationStatus::from_name(&self.status).ok_or_else(corrupt)?,
            parent: self.parent,
            created_at: self.created_at,
            version: self.version,
        })
    }
}

impl<'c> PgOrganizations<'c> {
    /// The organizations on `connection`, which is inside a transaction of `auth`.
    pub fn new(connection: &'c mut PgConnection) -> Self {
        PgOrganizations { connection }
    }

    /// Sees every organization from here on; gives what to [`leave`](PgOrganizations::leave) with.
    async fn enter(&mut self) -> Stored<String> {
        scope::enter(self.connection, SCOPE, INSTALLATION).await
    }

    async fn leave(&mut self, before: String) -> Stored<()> {
        scope::enter(self.connection, SCOPE, &before).await.map(|_| ())
    }
}

#[async_trait]
impl Organizations for PgOrganizations<'_> {
    async fn create(&mut self, organization: &NewOrganization) -> Stored<Tenant> {
        let before = self.enter().await?;
        let number = sqlx::query_scalar!(
            "insert into identity.organization (id, name, kind, parent) values ($1, $2, $3, $4) returning tenant",
            organization.id,
            organization.name,
            organization.kind.name(),
            organization.parent,
        )
        .fetch_one(&mut *self.connection)
        .await
        .map_err(classify)?;
        self.leave(before).await?;
        Ok(Tenant::from_number(number))
    }

    async fn own(&mut self, tenant: Tenant) -> Stored<Option<Organization>> {
        let row = sqlx::query_as!(
            Row,
            "select tenant, id, name, kind, status, parent, created_at, version
             from identity.organization where tenant = $1",
            tenant.number(),
        )
        .fetch_optional(&mut *self.connection)
        .await
        .map_err(classify)?;
        row.map(Row::organization).transpose()
    }

    async fn lock(&mut self, id: Uuid) -> Stored<Option<Organization>> {
        let before = self.enter().await?;
        let row = sqlx::query_as!(
            Row,
            "select tenant, id, name, kind, status, parent, created_at, version
             from identity.organization where id = $1 for no key update",
            id,
        )
        .fetch_optional(&mut *self.connection)
        .await
        .map_err(classify)?;
        self.leave(before).await?;
        row.map(Row::organization).transpose()
    }

    async fn find(&mut self, id: Uuid) -> Stored<Option<Organization>> {
        let before = self.enter().await?;
        let row = sqlx::query_as!(
            Row,
            "select tenant, id, name, kind, status, parent, created_at, version
             from identity.organization where id = $1",
            id,
        )
        .fetch_optional(&mut *self.connection)
        .await
        .map_err(classify)?;
        self.leave(before).await?;
        row.map(Row::organization).transpose()
    }

    async fn list(
        &mut self,
        filter: &OrganizationFilter,
        after: Option<Tenant>,
        limit: usize,
    ) -> Stored<Vec<Organization>> {
        let before = self.enter().await?;
        let pattern = filter.prefix.as_deref().map(|prefix| prefix_pattern(&prefix.to_lowercase()));
        let rows = sqlx::query_as!(
            Row,
            "select tenant, id, name, kind, status, parent, created_at, version
             from identity.organization
             where tenant > $1 and ($2::text is null or lower(name) like $2)
                and ($3::text is null or status = $3)
             order by tenant limit $4",
            after.map_or(0, Tenant::number),
            pattern,
            filter.status.map(OrganizationStatus::name),
            limit as i64,
        )
        .fetch_all(&mut *self.connection)
        .await
        .map_err(classify)?;
        self.leave(before).await?;
        rows.into_iter().map(Row::organization).collect()
    }

    async fn amend(&mut self, organization: &Organization) -> Stored<()> {
        let before = self.enter().await?;
        sqlx::query!(
            "update identity.organization
             set name = $2, kind = $3, parent = $4, version = version + 1, updated_at = clock_timestamp()
             where tenant = $1",
            organization.tenant.number(),
            organization.name,
            organization.kind.name(),
            organization.parent,
        )
        .execute(&mut *self.connection)
        .await
        .map_err(classify)?;
        self.leave(before).await
    }

    async fn set_status(&mut self, tenant: Tenant, status: OrganizationStatus) -> Stored<()> {
        let before = self.enter().await?;
        sqlx::query!(
            "update identity.organization set status = $2, version = version + 1, updated_at = clock_timestamp()
             where tenant = $1",
            tenant.number(),
            status.name(),
        )
        .execute(&mut *self.connection)
        .await
        .map_err(classify)?;
        self.leave(before).await
    }
}
