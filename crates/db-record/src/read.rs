//! Reading by id: one statement each, which sets its tenant itself, so that no transaction is needed around it.

use chrono::{DateTime, Utc};
use domain::store::{Found, Head, Key, VersionEntry};
use domain::{StoreError, Stored};
use kernel::{AccountId, Database, Tenant};
use seal::TenantKeys;
use sqlx::PgConnection;

use crate::classify;
use crate::stored::SealedRow;

/// What a read found, and whose data it was.
pub struct Reading {
    /// The answer.
    pub found: Found,
    /// The record's head, where there is one.
    pub head: Option<Head>,
}

/// A row of one of the reading functions; sqlx cannot know that their columns are never null.
struct Row {
    rid: Option<i64>,
    version: Option<i32>,
    patient: Option<i64>,
    last_updated: Option<DateTime<Utc>>,
    deleted: Option<bool>,
    body: Option<Vec<u8>>,
}

impl Row {
    fn sealed(self) -> Stored<SealedRow> {
        match (self.rid, self.version, self.last_updated, self.deleted, self.body) {
            (Some(rid), Some(version), Some(last_updated), Some(deleted), Some(body)) => {
                Ok(SealedRow { rid, version, patient: self.patient, last_updated, deleted, body })
            }
            _ => Err(StoreError::Corrupt { table: "record.resource" }),
        }
    }
}

fn reading(row: Option<Row>, keys: &TenantKeys, key: &Key) -> Stored<Reading> {
    let Some(row) = row else {
        return Ok(Reading { found: Found::Missing, head: None });
    };
    let row = row.sealed()?;
    let head = Some(row.head());
    let found = if row.deleted {
        Found::Deleted { version: row.version, last_updated: row.last_updated }
    } else {
        Found::Version(row.open(keys, key.resource_type, &key.id)?)
    };
    Ok(Reading { found, head })
}

/// The current version.
pub async fn current(
    connection: &mut PgConnection,
    database: Database,
    keys: &TenantKeys,
    tenant: Tenant,
    key: &Key,
) -> Stored<Reading> {
    let row = sqlx::query_as!(
        Row,
        "select rid, version, patient, last_updated, deleted, body from record.read($1, $2, $3)",
        tenant.number(),
        key.resource_type.number(),
        key.id,
    )
    .fetch_optional(connection)
    .await
    .map_err(|error| classify(database, error))?;
    reading(row, keys, key)
}

/// A given version.
pub async fn version(
    connection: &mut PgConnection,
    database: Database,
    keys: &TenantKeys,
    tenant: Tenant,
    key: &Key,
    version: i32,
) -> Stored<Reading> {
    let row = sqlx::query_as!(
        Row,
        "select rid, version, patient, last_updated, deleted, body from record.read_version($1, $2, $3, $4)",
        tenant.number(),
        key.resource_type.number(),
        key.id,
        version,
    )
    .fetch_optional(connection)
    .await
    .map_err(|error| classify(database, error))?;
    reading(row, keys, key)
}

/// At most `most` versions below `below`, newest first, and the head of the newest of them.
pub async fn history(
    connection: &mut PgConnection,
    database: Database,
    keys: &TenantKeys,
    tenant: Tenant,
    key: &Key,
    below: i32,
    most: usize,
) -> Stored<(Vec<VersionEntry>, Option<Head>)> {
    let rows = sqlx::query!(
        "select rid, version, patient, last_updated, deleted, author, body
         from record.read_history($1, $2, $3, $4, $5)",
        tenant.number(),
        key.resource_type.number(),
        key.id,
        below,
        i32::try_from(most).unwrap_or(i32::MAX),
    )
    .fetch_all(connection)
    .await
    .map_err(|error| classify(database, error))?;
    let mut head = None;
    let mut entries = Vec::with_capacity(rows.len());
    for row in rows {
        let author = row.author.map(AccountId::from_uuid);
        let row = Row {
            rid: row.rid,
            version: row.version,
            patient: row.patient,
            last_updated: row.last_updated,
            deleted: row.deleted,
            body: row.body,
        }
        .sealed()?;
        head = head.or_else(|| Some(row.head()));
        let json = if row.deleted { None } else { Some(row.open(keys, key.resource_type, &key.id)?.json) };
        entries.push(VersionEntry { version: row.version, last_updated: row.last_updated, author, json });
    }
    Ok((entries, head))
}
