//! Signing keys, inside a transaction.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use domain::Stored;
use domain::store::{SigningKeys, StoredSigningKey};
use sqlx::PgConnection;

use crate::classify;

/// The advisory lock of whoever changes the keys: a number that nothing else in `auth` takes.
const LOCK: i64 = 0x7361_6c75_6b65_7973;

/// [`SigningKeys`] on one connection, which is inside a transaction.
pub struct PgSigningKeys<'c> {
    connection: &'c mut PgConnection,
}

impl<'c> PgSigningKeys<'c> {
    /// The keys on `connection`, which is inside a transaction of `auth`.
    pub fn new(connection: &'c mut PgConnection) -> Self {
        PgSigningKeys { connection }
    }
}

#[async_trait]
impl SigningKeys for PgSigningKeys<'_> {
    async fn all(&mut self, at: DateTime<Utc>) -> Stored<Vec<StoredSigningKey>> {
        sqlx::query_as!(
            StoredSigningKey,
            "select kid, sealed, created_at, not_before, retire_after from identity.signing_key
             where removed_at is null and (retire_after is null or retire_after > $1)
             order by not_before desc, created_at desc, kid",
            at,
        )
        .fetch_all(&mut *self.connection)
        .await
        .map_err(classify)
    }

    async fn lock(&mut self) -> Stored<()> {
        sqlx::query!("select pg_advisory_xact_lock($1) as locked", LOCK)
            .fetch_one(&mut *self.connection)
            .await
            .map_err(classify)?;
        Ok(())
    }

    async fn add(&mut self, key: &StoredSigningKey) -> Stored<()> {
        sqlx::query!(
            "insert into identity.signing_key (kid, sealed, created_at, not_before, retire_after)
             values ($1, $2, $3, $4, $5)",
            key.kid,
            key.sealed,
            key.created_at,
            key.not_before,
            key.retire_after,
        )
        .execute(&mut *self.connection)
        .await
        .map_err(classify)?;
        Ok(())
    }

    async fn retire(&mut self, kid: &str, after: DateTime<Utc>) -> Stored<()> {
        sqlx::query!("update identity.signing_key set retire_after = $2 where kid = $1", kid, after)
            .execute(&mut *self.connection)
            .await
            .map_err(classify)?;
        Ok(())
    }

    async fn remove(&mut self, kid: &str, at: DateTime<Utc>) -> Stored<bool> {
        let removed = sqlx::query!(
            "update identity.signing_key set removed_at = $2 where kid = $1 and removed_at is null",
            kid,
            at,
        )
        .execute(&mut *self.connection)
        .await
        .map_err(classify)?;
        Ok(removed.rows_affected() == 1)
    }
}
