//! Sessions, refresh tokens and failed logins, inside a transaction; and, outside of one, what changed lately.
//!
//! Sessions stand under row-level security: each statement enters the scope of the session, the account or the
//! installation that it acts for, and leaves it again.

use std::net::IpAddr;
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use domain::store::{
    Attempts, EndReason, NewSession, Session, SessionChange, Sessions, StaleAttempts, StoredRefreshToken,
    Whose,
};
use domain::{StoreError, Stored};
use kernel::{AccountId, SessionId, Tenant};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::classify;
use crate::scope::{self, ACCOUNT, INSTALLATION, SCOPE, SESSION, TENANT};

/// How long a session that has ended is kept, for whoever asks what happened.
const KEPT: TimeDelta = TimeDelta::days(30);

/// [`Sessions`] on one connection, which is inside a transaction.
pub struct PgSessions<'c> {
    connection: &'c mut PgConnection,
}

struct Row {
    id: Uuid,
    account: Uuid,
    tenant: i32,
    created_at: DateTime<Utc>,
    last_used_at: DateTime<Utc>,
    expires_at: DateTime<Utc>,
    user_agent: Option<String>,
    address: Option<String>,
    epoch: i32,
    revoked: bool,
}

impl Row {
    fn session(self) -> Session {
        Session {
            id: SessionId::from_uuid(self.id),
            account: AccountId::from_uuid(self.account),
            tenant: Tenant::from_number(self.tenant),
            created_at: self.created_at,
            last_used_at: self.last_used_at,
            expires_at: self.expires_at,
            user_agent: self.user_agent,
            address: self.address.and_then(|address| address.parse::<IpAddr>().ok()),
            epoch: self.epoch,
            revoked: self.revoked,
        }
    }
}

struct AttemptsRow {
    subject: Vec<u8>,
    failures: i32,
    last_at: DateTime<Utc>,
    blocked_until: DateTime<Utc>,
}

/// In the order of `subjects`. A row that was only made to be locked counts as none.
fn in_order(subjects: &[[u8; 32]], rows: &[AttemptsRow]) -> Vec<Option<Attempts>> {
    let found = |subject: &[u8; 32]| {
        rows.iter().find(|row| row.subject == subject && row.failures > 0).map(|row| Attempts {
            failures: u32::try_from(row.failures).unwrap_or(0),
            last_at: row.last_at,
            blocked_until: row.blocked_until,
        })
    };
    subjects.iter().map(found).collect()
}

fn as_bytes(subjects: &[[u8; 32]]) -> Vec<Vec<u8>> {
    subjects.iter().map(|subject| subject.to_vec()).collect()
}

impl<'c> PgSessions<'c> {
    /// The sessions on `connection`, which is inside a transaction of `auth`.
    pub fn new(connection: &'c mut PgConnection) -> Self {
        PgSessions { connection }
    }

    /// Enters the scope in which `whose` sessions are seen; gives what to leave it with.
    async fn enter(&mut self, whose: Whose) -> Stored<(&'static str, String)> {
        let (setting, value) = match whose {
            Whose::Session(session) => (SESSION, session.to_string()),
            Whose::Account(account) | Whose::AccountExcept(account, _) | Whose::Member(_, account) => {
                (ACCOUNT, account.to_string())
            }
            Whose::Organization(_) => (SCOPE, INSTALLATION.to_owned()),
        };
        let before = scope::enter(self.connection, setting, &value).await?;
        Ok((setting, before))
    }

    async fn leave(&mut self, (setting, before): (&'static str, String)) -> Stored<()> {
        scope::enter(self.connection, setting, &before).await.map(|_| ())
    }
}

/// What an account's sessions are narrowed to: the account, the organization, the session left out.
fn narrowed(whose: Whose) -> (Option<AccountId>, Option<Tenant>, Option<SessionId>) {
    match whose {
        Whose::Session(_) => (None, None, None),
        Whose::Account(account) => (Some(account), None, None),
        Whose::AccountExcept(account, session) => (Some(account), None, Some(session)),
        Whose::Member(tenant, account) => (Some(account), Some(tenant), None),
        Whose::Organization(tenant) => (None, Some(tenant), None),
    }
}

#[async_trait]
impl Sessions for PgSessions<'_> {
    async fn open(&mut self, session: &NewSession) -> Stored<()> {
        let before = scope::enter(self.connection, TENANT, &session.tenant.to_string()).await?;
        sqlx::query!(
            "insert into identity.session
                (id, account, tenant, created_at, last_used_at, expires_at, user_agent, address)
             values ($1, $2, $3, $4, $4, $5, $6, $7::text::inet)",
            session.id.uuid(),
            session.account.uuid(),
            session.tenant.number(),
            session.at,
            session.expires_at,
            session.user_agent,
            session.address.map(|address| address.to_string()),
        )
        .execute(&mut *self.connection)
        .await
        .map_err(classify)?;
        sqlx::query!(
            "insert into identity.refresh_token (hash, session, issued_at) values ($1, $2, $3)",
            &session.refresh_hash,
            session.id.uuid(),
            session.at,
        )
        .execute(&mut *self.connection)
        .await
        .map_err(classify)?;
        scope::enter(self.connection, TENANT, &before).await?;
        Ok(())
    }

    async fn find(&mut self, session: SessionId) -> Stored<Option<Session>> {
        let before = self.enter(Whose::Session(session)).await?;
        let row = sqlx::query_as!(
            Row,
            r#"select id, account, tenant, created_at, last_used_at, expires_at, user_agent,
                host(address) as address, epoch, revoked_at is not null as "revoked!"
             from identity.session where id = $1"#,
            session.uuid(),
        )
        .fetch_optional(&mut *self.connection)
        .await
        .map_err(classify)?;
        self.leave(before).await?;
        Ok(row.map(Row::session))
    }

    async fn lock(&mut self, session: SessionId) -> Stored<Option<Session>> {
        let before = self.enter(Whose::Session(session)).await?;
        let row = sqlx::query_as!(
            Row,
            r#"select id, account, tenant, created_at, last_used_at, expires_at, user_agent,
                host(address) as address, epoch, revoked_at is not null as "revoked!"
             from identity.session where id = $1 for no key update"#,
            session.uuid(),
        )
        .fetch_optional(&mut *self.connection)
        .await
        .map_err(classify)?;
        self.leave(before).await?;
        Ok(row.map(Row::session))
    }

    async fn refresh_token(&mut self, hash: &[u8; 32]) -> Stored<Option<StoredRefreshToken>> {
        let row = sqlx::query!(
            r#"select t.session, t.used_at,
                exists (select from identity.refresh_token s where s.hash = t.successor and s.used_at is not null)
                    as "successor_used!"
             from identity.refresh_token t where t.hash = $1"#,
            hash,
        )
        .fetch_optional(&mut *self.connection)
        .await
        .map_err(classify)?;
        Ok(row.map(|row| StoredRefreshToken {
            session: SessionId::from_uuid(row.session),
            used_at: row.used_at,
            successor_used: row.successor_used,
        }))
    }

    async fn rotate(
        &mut self,
        session: SessionId,
        hash: &[u8; 32],
        successor: &[u8; 32],
        at: DateTime<Utc>,
    ) -> Stored<()> {
        sqlx::query!(
            "update identity.refresh_token set used_at = $3, successor = $2 where hash = $1",
            hash,
            successor,
            at,
        )
        .execute(&mut *self.connection)
        .await
        .map_err(classify)?;
        sqlx::query!(
            "insert into identity.refresh_token (hash, session, issued_at) values ($1, $2, $3)",
            successor,
            session.uuid(),
            at,
        )
        .execute(&mut *self.connection)
        .await
        .map_err(classify)?;
        let before = self.enter(Whose::Session(session)).await?;
        sqlx::query!("update identity.session set last_used_at = $2 where id = $1", session.uuid(), at)
            .execute(&mut *self.connection)
            .await
            .map_err(classify)?;
        self.leave(before).await
    }

    async fn open_of(&mut self, account: AccountId, at: DateTime<Utc>) -> Stored<Vec<Session>> {
        let before = self.enter(Whose::Account(account)).await?;
        let rows = sqlx::query_as!(
            Row,
            r#"select id, account, tenant, created_at, last_used_at, expires_at, user_agent,
                host(address) as address, epoch, revoked_at is not null as "revoked!"
             from identity.session where account = $1 and revoked_at is null and expires_at > $2
             order by created_at desc, id desc"#,
            account.uuid(),
            at,
        )
        .fetch_all(&mut *self.connection)
        .await
        .map_err(classify)?;
        self.leave(before).await?;
        Ok(rows.into_iter().map(Row::session).collect())
    }

    async fn end(&mut self, whose: Whose, at: DateTime<Utc>, reason: EndReason) -> Stored<u64> {
        let before = self.enter(whose).await?;
        let (account, tenant, except) = narrowed(whose);
        let ended = match (whose, account, tenant) {
            (Whose::Session(session), _, _) => {
                sqlx::query!(
                    "update identity.session
                 set revoked_at = $2, revoked_because = $3, changed_at = clock_timestamp()
                 where id = $1 and revoked_at is null",
                    session.uuid(),
                    at,
                    reason.name(),
                )
                .execute(&mut *self.connection)
                .await
            }
            (_, Some(account), tenant) => {
                sqlx::query!(
                    "update identity.session
                 set revoked_at = $2, revoked_because = $3, changed_at = clock_timestamp()
                 where account = $1 and revoked_at is null and expires_at > $2
                    and ($4::int is null or tenant = $4) and ($5::uuid is null or id <> $5)",
                    account.uuid(),
                    at,
                    reason.name(),
                    tenant.map(Tenant::number),
                    except.map(SessionId::uuid),
                )
                .execute(&mut *self.connection)
                .await
            }
            (_, None, tenant) => {
                sqlx::query!(
                    "update identity.session
                 set revoked_at = $2, revoked_because = $3, changed_at = clock_timestamp()
                 where tenant = $1 and revoked_at is null and expires_at > $2",
                    tenant.map_or(0, Tenant::number),
                    at,
                    reason.name(),
                )
                .execute(&mut *self.connection)
                .await
            }
        };
        let ended = ended.map_err(classify)?.rows_affected();
        self.leave(before).await?;
        Ok(ended)
    }

    async fn raise_epoch(&mut self, tenant: Tenant, account: AccountId, at: DateTime<Utc>) -> Stored<u64> {
        let before = self.enter(Whose::Member(tenant, account)).await?;
        let raised = sqlx::query!(
            "update identity.session set epoch = epoch + 1, changed_at = clock_timestamp()
             where account = $1 and tenant = $2 and revoked_at is null and expires_at > $3",
            account.uuid(),
            tenant.number(),
            at,
        )
        .execute(&mut *self.connection)
        .await
        .map_err(classify)?
        .rows_affected();
        self.leave(before).await?;
        Ok(raised)
    }

    async fn attempts(&mut self, subjects: &[[u8; 32]]) -> Stored<Vec<Option<Attempts>>> {
        let rows = sqlx::query_as!(
            AttemptsRow,
            "select subject, failures, last_at, blocked_until from identity.login_attempt
             where subject = any ($1)",
            &as_bytes(subjects),
        )
        .fetch_all(&mut *self.connection)
        .await
        .map_err(classify)?;
        Ok(in_order(subjects, &rows))
    }

    async fn lock_attempts(
        &mut self,
        subjects: &[[u8; 32]],
        at: DateTime<Utc>,
    ) -> Stored<Vec<Option<Attempts>>> {
        // In one order, so that two who fail at the same subjects do not wait for each other.
        sqlx::query!(
            "insert into identity.login_attempt (subject, failures, last_at, blocked_until)
             select u.subject, 0, $2, $2 from unnest($1::bytea[]) as u (subject) order by u.subject
             on conflict (subject) do nothing",
            &as_bytes(subjects),
            at,
        )
        .execute(&mut *self.connection)
        .await
        .map_err(classify)?;
        let rows = sqlx::query_as!(
            AttemptsRow,
            "select subject, failures, last_at, blocked_until from identity.login_attempt
             where subject = any ($1) order by subject for update",
            &as_bytes(subjects),
        )
        .fetch_all(&mut *self.connection)
        .await
        .map_err(classify)?;
        Ok(in_order(subjects, &rows))
    }

    async fn set_attempts(&mut self, attempts: &[([u8; 32], Attempts)]) -> Stored<()> {
        let subjects: Vec<Vec<u8>> = attempts.iter().map(|(subject, _)| subject.to_vec()).collect();
        let failures: Vec<i32> =
            attempts.iter().map(|(_, known)| i32::try_from(known.failures).unwrap_or(i32::MAX)).collect();
        let last_at: Vec<DateTime<Utc>> = attempts.iter().map(|(_, known)| known.last_at).collect();
        let blocked: Vec<DateTime<Utc>> = attempts.iter().map(|(_, known)| known.blocked_until).collect();
        sqlx::query!(
            "update identity.login_attempt a
             set failures = u.failures, last_at = u.last_at, blocked_until = u.blocked_until
             from unnest($1::bytea[], $2::int[], $3::timestamptz[], $4::timestamptz[])
                as u (subject, failures, last_at, blocked_until)
             where a.subject = u.subject",
            &subjects,
            &failures,
            &last_at,
            &blocked,
        )
        .execute(&mut *self.connection)
        .await
        .map_err(classify)?;
        Ok(())
    }

    async fn forget_attempts(&mut self, subjects: &[[u8; 32]]) -> Stored<()> {
        sqlx::query!("delete from identity.login_attempt where subject = any ($1)", &as_bytes(subjects))
            .execute(&mut *self.connection)
            .await
            .map_err(classify)?;
        Ok(())
    }

    async fn sweep(&mut self, at: DateTime<Utc>, stale: StaleAttempts) -> Stored<()> {
        sqlx::query!(
            "delete from identity.login_attempt where last_at < $1 or (last_at < $2 and failures < $3)",
            stale.before,
            stale.few_before,
            i32::try_from(stale.fewer_than).unwrap_or(i32::MAX),
        )
        .execute(&mut *self.connection)
        .await
        .map_err(classify)?;
        let before = scope::enter(self.connection, SCOPE, INSTALLATION).await?;
        sqlx::query!("delete from identity.session where expires_at < $1", at - KEPT)
            .execute(&mut *self.connection)
            .await
            .map_err(classify)?;
        scope::enter(self.connection, SCOPE, &before).await?;
        Ok(())
    }
}

/// The sessions that changed within this time, of all organizations. Stands alone, outside any transaction. It asks by
/// the time of the change, which a transaction notes before it commits: `within` must exceed the time from one call to
/// the next by what the longest transaction takes.
///
/// # Errors
/// [`StoreError`].
pub async fn changed(
    connection: &mut PgConnection,
    within: Duration,
) -> Result<Vec<SessionChange>, StoreError> {
    let rows = sqlx::query!(
        r#"select session as "session!", epoch as "epoch!", revoked as "revoked!"
           from identity.changed_sessions($1)"#,
        within.as_secs_f64(),
    )
    .fetch_all(connection)
    .await
    .map_err(classify)?;
    Ok(rows
        .into_iter()
        .map(|row| SessionChange {
            session: SessionId::from_uuid(row.session),
            epoch: row.epoch,
            revoked: row.revoked,
        })
        .collect())
}
