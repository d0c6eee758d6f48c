//! Organizations, accounts and signing keys inside a transaction.
//!
//! Organizations and memberships stand under row-level security. An account sees its own through
//! `app.account`, which a lookup sets once it knows the account; a row is written under the `app.tenant` of
//! its own organization, after which the transaction's own tenant is put back.

use async_trait::async_trait;
use domain::Stored;
use domain::store::{Account, Accounts, Membership, NewAccount, NewOrganization, StoredSigningKey};
use kernel::{AccountId, Secret, Tenant};
use sqlx::PgConnection;

use crate::classify;

/// [`Accounts`] on one connection, which is inside a transaction.
pub struct PgAccounts<'c> {
    connection: &'c mut PgConnection,
}

impl<'c> PgAccounts<'c> {
    /// The accounts on `connection`, which is inside a transaction of `auth`.
    pub fn new(connection: &'c mut PgConnection) -> Self {
        PgAccounts { connection }
    }

    /// Acts for `tenant` until [`PgAccounts::act_for`] is called again; gives the tenant acted for before.
    async fn act_for(&mut self, tenant: &str) -> Stored<String> {
        let before =
            sqlx::query_scalar!(r#"select coalesce(current_setting('app.tenant', true), '') as "before!""#)
                .fetch_one(&mut *self.connection)
                .await
                .map_err(classify)?;
        sqlx::query_scalar!("select set_config('app.tenant', $1, true)", tenant)
            .fetch_one(&mut *self.connection)
            .await
            .map_err(classify)?;
        Ok(before)
    }

    /// The organizations of `account`, which becomes the account of the transaction.
    async fn memberships(&mut self, account: AccountId) -> Stored<Vec<Membership>> {
        sqlx::query_scalar!("select set_config('app.account', $1, true)", account.to_string())
            .fetch_one(&mut *self.connection)
            .await
            .map_err(classify)?;
        let rows = sqlx::query!(
            "select m.tenant, o.id, o.name, m.roles
             from identity.membership m join identity.organization o on o.tenant = m.tenant
             where m.account = $1
             order by m.created_at, m.tenant",
            account.uuid(),
        )
        .fetch_all(&mut *self.connection)
        .await
        .map_err(classify)?;
        Ok(rows
            .into_iter()
            .map(|row| Membership {
                tenant: Tenant::from_number(row.tenant),
                organization: row.id,
                organization_name: row.name,
                roles: row.roles,
            })
            .collect())
    }
}

#[async_trait]
impl Accounts for PgAccounts<'_> {
    async fn find_by_username(&mut self, username: &str) -> Stored<Option<Account>> {
        let row = sqlx::query!(
            "select id, username, password_hash from identity.account where username = $1",
            username,
        )
        .fetch_optional(&mut *self.connection)
        .await
        .map_err(classify)?;
        let Some(row) = row else {
            return Ok(None);
        };
        let id = AccountId::from_uuid(row.id);
        Ok(Some(Account {
            id,
            username: row.username,
            password_hash: Secret::new(row.password_hash),
            memberships: self.memberships(id).await?,
        }))
    }

    async fn find(&mut self, account: AccountId) -> Stored<Option<Account>> {
        let row = sqlx::query!(
            "select username, password_hash from identity.account where id = $1",
            account.uuid(),
        )
        .fetch_optional(&mut *self.connection)
        .await
        .map_err(classify)?;
        let Some(row) = row else {
            return Ok(None);
        };
        Ok(Some(Account {
            id: account,
            username: row.username,
            password_hash: Secret::new(row.password_hash),
            memberships: self.memberships(account).await?,
        }))
    }

    async fn is_empty(&mut self) -> Stored<bool> {
        sqlx::query_scalar!(r#"select not exists (select from identity.account) as "empty!""#)
            .fetch_one(&mut *self.connection)
            .await
            .map_err(classify)
    }

    async fn create_organization(&mut self, organization: &NewOrganization) -> Stored<Tenant> {
        // The number comes first: the policy lets a row be written only by the tenant that it describes.
        let number = sqlx::query_scalar!(
            r#"select nextval('identity.organization_tenant_seq'::regclass)::int as "number!""#
        )
        .fetch_one(&mut *self.connection)
        .await
        .map_err(classify)?;
        let before = self.act_for(&number.to_string()).await?;
        sqlx::query!(
            "insert into identity.organization (tenant, id, name) values ($1, $2, $3)",
            number,
            organization.id,
            organization.name,
        )
        .execute(&mut *self.connection)
        .await
        .map_err(classify)?;
        self.act_for(&before).await?;
        Ok(Tenant::from_number(number))
    }

    async fn create_account(&mut self, tenant: Tenant, account: &NewAccount) -> Stored<()> {
        sqlx::query!(
            "insert into identity.account (id, username, password_hash) values ($1, $2, $3)",
            account.id.uuid(),
            account.username,
            account.password_hash.expose(),
        )
        .execute(&mut *self.connection)
        .await
        .map_err(classify)?;
        let before = self.act_for(&tenant.to_string()).await?;
        sqlx::query!(
            "insert into identity.membership (tenant, account, roles) values ($1, $2, $3)",
            tenant.number(),
            account.id.uuid(),
            &account.roles,
        )
        .execute(&mut *self.connection)
        .await
        .map_err(classify)?;
        self.act_for(&before).await?;
        Ok(())
    }

    async fn set_password_hash(&mut self, account: AccountId, password_hash: &Secret<String>) -> Stored<()> {
        sqlx::query!(
            "update identity.account set password_hash = $2 where id = $1",
            account.uuid(),
            password_hash.expose(),
        )
        .execute(&mut *self.connection)
        .await
        .map_err(classify)?;
        Ok(())
    }

    async fn signing_keys(&mut self) -> Stored<Vec<StoredSigningKey>> {
        sqlx::query_as!(
            StoredSigningKey,
            "select kid, sealed, created_at from identity.signing_key order by created_at desc, kid",
        )
        .fetch_all(&mut *self.connection)
        .await
        .map_err(classify)
    }

    async fn add_signing_key(&mut self, key: &StoredSigningKey) -> Stored<()> {
        sqlx::query!(
            "insert into identity.signing_key (kid, sealed, created_at) values ($1, $2, $3)",
            key.kid,
            key.sealed,
            key.created_at,
        )
        .execute(&mut *self.connection)
        .await
        .map_err(classify)?;
        Ok(())
    }
}
