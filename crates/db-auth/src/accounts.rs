//! Accounts and their places in organizations, inside a transaction.
//!
//! Organizations and memberships stand under row-level security. An account sees its own through
//! `app.account`, which a lookup sets once it knows the account; a row is written under the `app.tenant` of
//! its own organization, after which the transaction's own tenant is put back.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use domain::store::{Account, Accounts, Membership, NewAccount, Status, User, UserFilter};
use domain::{StoreError, Stored};
use kernel::{AccountId, Secret, Tenant};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::classify;
use crate::scope::{self, ACCOUNT, TENANT};

/// [`Accounts`] on one connection, which is inside a transaction.
pub struct PgAccounts<'c> {
    connection: &'c mut PgConnection,
}

/// The columns of `identity.account` that a login needs.
struct AccountRow {
    id: Uuid,
    username: String,
    password_hash: String,
    status: String,
    must_change_password: bool,
    home: i32,
}

/// An account joined with one membership.
struct UserRow {
    id: Uuid,
    username: String,
    display_name: String,
    email: Option<String>,
    account_status: String,
    membership_status: String,
    must_change_password: bool,
    home: i32,
    roles: Vec<String>,
    member_since: DateTime<Utc>,
    version: i32,
}

fn status(name: &str, table: &'static str) -> Stored<Status> {
    Status::from_name(name).ok_or(StoreError::Corrupt { table })
}

impl UserRow {
    fn user(self) -> Stored<User> {
        Ok(User {
            account: AccountId::from_uuid(self.id),
            username: self.username,
            display_name: self.display_name,
            email: self.email,
            account_status: status(&self.account_status, "identity.account")?,
            membership_status: status(&self.membership_status, "identity.membership")?,
            must_change_password: self.must_change_password,
            home: Tenant::from_number(self.home),
            roles: self.roles,
            member_since: self.member_since,
            version: self.version,
        })
    }
}

/// The text as a pattern of what begins with it.
pub(crate) fn prefix_pattern(prefix: &str) -> String {
    let mut pattern = String::with_capacity(prefix.len() + 1);
    for character in prefix.chars() {
        if matches!(character, '\\' | '%' | '_') {
            pattern.push('\\');
        }
        pattern.push(character);
    }
    pattern.push('%');
    pattern
}

impl<'c> PgAccounts<'c> {
    /// The accounts on `connection`, which is inside a transaction of `auth`.
    pub fn new(connection: &'c mut PgConnection) -> Self {
        PgAccounts { connection }
    }

    /// Acts for `tenant`; gives the tenant acted for before.
    async fn act_for(&mut self, tenant: &str) -> Stored<String> {
        scope::enter(self.connection, TENANT, tenant).await
    }

    /// The account with its memberships; `hold` keeps all rows from being changed until commit.
    async fn whole(&mut self, row: Option<AccountRow>, hold: bool) -> Stored<Option<Account>> {
        let Some(row) = row else {
            return Ok(None);
        };
        let id = AccountId::from_uuid(row.id);
        Ok(Some(Account {
            id,
            username: row.username,
            password_hash: Secret::new(row.password_hash),
            status: status(&row.status, "identity.account")?,
            must_change_password: row.must_change_password,
            home: Tenant::from_number(row.home),
            memberships: self.memberships(id, hold).await?,
        }))
    }

    /// The organizations of `account`, which becomes the account of the transaction.
    async fn memberships(&mut self, account: AccountId, hold: bool) -> Stored<Vec<Membership>> {
        scope::enter(self.connection, ACCOUNT, &account.to_string()).await?;
        if hold {
            sqlx::query!(
                "select 1 as one from identity.membership m join identity.organization o on o.tenant = m.tenant
                 where m.account = $1 order by m.tenant for share of m, o",
                account.uuid(),
            )
            .fetch_all(&mut *self.connection)
            .await
            .map_err(classify)?;
        }
        let rows = sqlx::query!(
            r#"select m.tenant, o.id, o.name, o.status = 'active' as "active!", m.roles, m.status
             from identity.membership m join identity.organization o on o.tenant = m.tenant
             where m.account = $1
             order by m.created_at, m.tenant"#,
            account.uuid(),
        )
        .fetch_all(&mut *self.connection)
        .await
        .map_err(classify)?;
        rows.into_iter()
            .map(|row| {
                Ok(Membership {
                    tenant: Tenant::from_number(row.tenant),
                    organization: row.id,
                    organization_name: row.name,
                    organization_is_active: row.active,
                    roles: row.roles,
                    status: status(&row.status, "identity.membership")?,
                })
            })
            .collect()
    }
}

#[async_trait]
impl Accounts for PgAccounts<'_> {
    async fn find_by_username(&mut self, username: &str) -> Stored<Option<Account>> {
        let row = sqlx::query_as!(
            AccountRow,
            "select id, username, password_hash, status, must_change_password, home
             from identity.account where username = $1",
            username,
        )
        .fetch_optional(&mut *self.connection)
        .await
        .map_err(classify)?;
        if row.is_none() {
            // As many statements as for a name that somebody has: time tells nobody which names there are.
            self.memberships(AccountId::from_uuid(Uuid::nil()), false).await?;
        }
        self.whole(row, false).await
    }

    async fn find(&mut self, account: AccountId) -> Stored<Option<Account>> {
        let row = sqlx::query_as!(
            AccountRow,
            "select id, username, password_hash, status, must_change_password, home
             from identity.account where id = $1",
            account.uuid(),
        )
        .fetch_optional(&mut *self.connection)
        .await
        .map_err(classify)?;
        self.whole(row, false).await
    }

    async fn hold(&mut self, account: AccountId) -> Stored<Option<Account>> {
        let row = sqlx::query_as!(
            AccountRow,
            "select id, username, password_hash, status, must_change_password, home
             from identity.account where id = $1 for share",
            account.uuid(),
        )
        .fetch_optional(&mut *self.connection)
        .await
        .map_err(classify)?;
        self.whole(row, true).await
    }

    async fn is_empty(&mut self) -> Stored<bool> {
        sqlx::query_scalar!(r#"select not exists (select from identity.account) as "empty!""#)
            .fetch_one(&mut *self.connection)
            .await
            .map_err(classify)
    }

    async fn create_account(&mut self, tenant: Tenant, account: &NewAccount) -> Stored<()> {
        sqlx::query!(
            "insert into identity.account
                (id, username, password_hash, home, display_name, email, must_change_password)
             values ($1, $2, $3, $4, $5, $6, $7)",
            account.id.uuid(),
            account.username,
            account.password_hash.expose(),
            tenant.number(),
            account.display_name,
            account.email,
            account.must_change_password,
        )
        .execute(&mut *self.connection)
        .await
        .map_err(classify)?;
        self.add_membership(tenant, account.id, &account.roles).await
    }

    async fn replace_password_hash(
        &mut self,
        account: AccountId,
        before: &Secret<String>,
        password_hash: &Secret<String>,
    ) -> Stored<()> {
        sqlx::query!(
            "update identity.account set password_hash = $3 where id = $1 and password_hash = $2",
            account.uuid(),
            before.expose(),
            password_hash.expose(),
        )
        .execute(&mut *self.connection)
        .await
        .map_err(classify)?;
        Ok(())
    }

    async fn set_password(
        &mut self,
        account: AccountId,
        password_hash: &Secret<String>,
        must_change: bool,
        at: DateTime<Utc>,
    ) -> Stored<()> {
        sqlx::query!(
            "update identity.account
             set password_hash = $2, must_change_password = $3, password_changed_at = $4, updated_at = $4,
                 version = version + 1
             where id = $1",
            account.uuid(),
            password_hash.expose(),
            must_change,
            at,
        )
        .execute(&mut *self.connection)
        .await
        .map_err(classify)?;
        Ok(())
    }

    async fn lock_user(&mut self, tenant: Tenant, account: AccountId) -> Stored<Option<User>> {
        sqlx::query!(
            "select 1 as one from identity.membership m join identity.account a on a.id = m.account
             where m.tenant = $1 and m.account = $2 for update of a, m",
            tenant.number(),
            account.uuid(),
        )
        .fetch_optional(&mut *self.connection)
        .await
        .map_err(classify)?;
        self.user(tenant, account).await
    }

    async fn user(&mut self, tenant: Tenant, account: AccountId) -> Stored<Option<User>> {
        let row = sqlx::query_as!(
            UserRow,
            r#"select a.id, a.username, a.display_name, a.email, a.status as account_status,
                m.status as membership_status, a.must_change_password, a.home, m.roles,
                m.created_at as member_since, a.version + m.version - 1 as "version!"
             from identity.membership m join identity.account a on a.id = m.account
             where m.tenant = $1 and m.account = $2"#,
            tenant.number(),
            account.uuid(),
        )
        .fetch_optional(&mut *self.connection)
        .await
        .map_err(classify)?;
        row.map(UserRow::user).transpose()
    }

    async fn users(
        &mut self,
        tenant: Tenant,
        filter: &UserFilter,
        after: Option<&str>,
        limit: usize,
    ) -> Stored<Vec<User>> {
        let pattern = filter.prefix.as_deref().map(|prefix| prefix_pattern(&prefix.to_lowercase()));
        let rows = sqlx::query_as!(
            UserRow,
            r#"select a.id, a.username, a.display_name, a.email, a.status as account_status,
                m.status as membership_status, a.must_change_password, a.home, m.roles,
                m.created_at as member_since, a.version + m.version - 1 as "version!"
             from identity.membership m join identity.account a on a.id = m.account
             where m.tenant = $1
                and ($2::text is null or a.username collate "C" > $2)
                and ($3::text is null or a.username like $3 or lower(a.display_name) like $3)
                and ($4::text is null or $4 = any (m.roles))
                and ($5::text is null or ($5 = 'active') = (a.status = 'active' and m.status = 'active'))
             order by a.username collate "C"
             limit $6"#,
            tenant.number(),
            after,
            pattern,
            filter.role,
            filter.status.map(Status::name),
            limit as i64,
        )
        .fetch_all(&mut *self.connection)
        .await
        .map_err(classify)?;
        rows.into_iter().map(UserRow::user).collect()
    }

    async fn set_holder(
        &mut self,
        account: AccountId,
        display_name: &str,
        email: Option<&str>,
    ) -> Stored<()> {
        sqlx::query!(
            "update identity.account
             set display_name = $2, email = $3, version = version + 1, updated_at = clock_timestamp()
             where id = $1",
            account.uuid(),
            display_name,
            email,
        )
        .execute(&mut *self.connection)
        .await
        .map_err(classify)?;
        Ok(())
    }

    async fn set_account_status(&mut self, account: AccountId, status: Status) -> Stored<()> {
        sqlx::query!(
            "update identity.account set status = $2, version = version + 1, updated_at = clock_timestamp()
             where id = $1",
            account.uuid(),
            status.name(),
        )
        .execute(&mut *self.connection)
        .await
        .map_err(classify)?;
        Ok(())
    }

    async fn set_membership_status(
        &mut self,
        tenant: Tenant,
        account: AccountId,
        status: Status,
    ) -> Stored<()> {
        sqlx::query!(
            "update identity.membership set status = $3, version = version + 1, updated_at = clock_timestamp()
             where tenant = $1 and account = $2",
            tenant.number(),
            account.uuid(),
            status.name(),
        )
        .execute(&mut *self.connection)
        .await
        .map_err(classify)?;
        Ok(())
    }

    async fn add_membership(&mut self, tenant: Tenant, account: AccountId, roles: &[String]) -> Stored<()> {
        let before = self.act_for(&tenant.to_string()).await?;
        sqlx::query!(
            "insert into identity.membership (tenant, account, roles) values ($1, $2, $3)",
            tenant.number(),
            account.uuid(),
            roles,
        )
        .execute(&mut *self.connection)
        .await
        .map_err(classify)?;
        self.act_for(&before).await?;
        Ok(())
    }

    async fn set_roles(&mut self, tenant: Tenant, account: AccountId, roles: &[String]) -> Stored<()> {
        sqlx::query!(
            "update identity.membership set roles = $3, version = version + 1, updated_at = clock_timestamp()
             where tenant = $1 and account = $2",
            tenant.number(),
            account.uuid(),
            roles,
        )
        .execute(&mut *self.connection)
        .await
        .map_err(classify)?;
        Ok(())
    }

    async fn remove_membership(&mut self, tenant: Tenant, account: AccountId) -> Stored<()> {
        sqlx::query!(
            "delete from identity.membership where tenant = $1 and account = $2",
            tenant.number(),
            account.uuid(),
        )
        .execute(&mut *self.connection)
        .await
        .map_err(classify)?;
        Ok(())
    }

    async fn others_with_role(&mut self, tenant: Tenant, account: AccountId, role: &str) -> Stored<i64> {
        let before = self.act_for(&tenant.to_string()).await?;
        sqlx::query!(
            "select 1 as one from identity.organization where tenant = $1 for no key update",
            tenant.number()
        )
        .fetch_optional(&mut *self.connection)
        .await
        .map_err(classify)?;
        let others = sqlx::query_scalar!(
            r#"select count(*) as "count!"
             from identity.membership m join identity.account a on a.id = m.account
             where m.tenant = $1 and m.account <> $2 and $3 = any (m.roles)
                and m.status = 'active' and a.status = 'active'"#,
            tenant.number(),
            account.uuid(),
            role,
        )
        .fetch_one(&mut *self.connection)
        .await
        .map_err(classify)?;
        self.act_for(&before).await?;
        Ok(others)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_is_no_pattern() {
        assert_eq!(prefix_pattern("ann"), "ann%");
        assert_eq!(prefix_pattern("100%_\\"), "100\\%\\_\\\\%");
    }
}
