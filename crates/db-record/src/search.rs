//! Searching: a typed search becomes one statement (two where the first look through the newest records did not fill
//! the page), its rows are unsealed, and the last of them becomes the next page's cursor.

mod compile;
pub(crate) mod criteria;
mod cursor;

use chrono::{DateTime, Utc};
use domain::store::{Body, Page, SearchPage};
use domain::{StoreError, Stored};
use fhir::search::{Search, SortKey, Total};
use kernel::{Database, Rid, Tenant};
use seal::Keyring;
use sqlx::{AssertSqlSafe, PgConnection, Row};

use crate::classify;
use crate::stored::SealedRow;
use compile::{Statement, Want, compile, walk_pays};
use cursor::{Cursor, CursorKey};

/// A page and whose data is on it.
pub struct Searched {
    /// The answer.
    pub page: SearchPage,
    /// Each row's rid and patient.
    pub touched: Vec<(Rid, Option<Rid>)>,
}

/// One row of the result.
struct Hit {
    fhir_id: String,
    main_date: Option<DateTime<Utc>>,
    row: SealedRow,
}

/// Runs the search on a connection whose transaction has set the tenant and asks for custom plans.
///
/// # Errors
/// [`StoreError::TooCostly`] at the statement's time limit; [`StoreError::Constraint`] named `cursor` for a cursor
/// that is not of this search.
pub async fn search(
    connection: &mut PgConnection,
    database: Database,
    keyring: &Keyring,
    tenant: Tenant,
    search: &Search,
) -> Stored<Searched> {
    let keys = keyring.tenant(database, tenant);
    let cursor = search
        .cursor
        .as_deref()
        .map(|text| Cursor::open(text, keyring, database, tenant, search))
        .transpose()?;
    let statement = |want| {
        compile(search, database, tenant, &keys, cursor.as_ref(), want)
            .ok_or_else(|| StoreError::Constraint { name: "cursor".to_owned() })
    };
    let mut hits = Vec::new();
    if search.count > 0 {
        // One more than the page tells whether there is a next one.
        let wanted = search.count + 1;
        if walk_pays(search) {
            hits = rows(connection, database, statement(Want::NewestRows(wanted))?).await?;
        }
        if hits.len() < wanted {
            hits = rows(connection, database, statement(Want::Rows(wanted))?).await?;
        }
    }
    let total = if search.count == 0 || search.total != Total::None {
        let uncut = compile(search, database, tenant, &keys, None, Want::Count)
            .ok_or(StoreError::Unexpected { database, sqlstate: None })?;
        Some(count(connection, database, uncut).await?)
    } else {
        None
    };
    let more = hits.len() > search.count;
    hits.truncate(search.count);
    let next = match hits.last() {
        Some(last) if more => Some(after(last, search).seal(keyring, database, tenant, search)?),
        _ => None,
    };
    let recheck = criteria::needs_recheck(search);
    let mut entries: Vec<(String, Body)> = Vec::with_capacity(hits.len());
    let mut touched = Vec::with_capacity(hits.len());
    let mut places = Vec::new();
    for hit in hits {
        let body = hit.row.open(&keys, search.resource_type, &hit.fhir_id)?;
        if recheck && !criteria::holds(search, body.json.expose()) {
            continue;
        }
        if search.places {
            places.push(after(&hit, search).seal(keyring, database, tenant, search)?);
        }
        touched.push((body.rid, hit.row.patient.map(Rid::from_number)));
        entries.push((hit.fhir_id, body));
    }
    Ok(Searched { page: SearchPage { page: Page { entries, next }, total, places }, touched })
}

/// The cursor of the page after this row.
fn after(hit: &Hit, search: &Search) -> Cursor {
    let mut keys = Vec::with_capacity(search.sort.len());
    for (key, _) in &search.sort {
        match key {
            SortKey::Date(_) => keys.push(CursorKey::Time(hit.main_date.map(|date| date.timestamp_micros()))),
            SortKey::LastUpdated => {
                keys.push(CursorKey::Time(Some(hit.row.last_updated.timestamp_micros())));
            }
            SortKey::Id => {
                keys.push(CursorKey::Id(hit.fhir_id.clone()));
                break;
            }
        }
    }
    Cursor { keys, rid: hit.row.rid }
}

async fn rows(connection: &mut PgConnection, database: Database, statement: Statement) -> Stored<Vec<Hit>> {
    let rows = sqlx::query_with(AssertSqlSafe(statement.sql), statement.arguments)
        .fetch_all(connection)
        .await
        .map_err(|error| classify(database, error))?;
    rows.iter()
        .map(|row| {
            Ok(Hit {
                fhir_id: row.try_get("fhir_id")?,
                main_date: row.try_get("main_date")?,
                row: SealedRow {
                    rid: row.try_get("rid")?,
                    version: row.try_get("version")?,
                    patient: row.try_get("patient")?,
                    last_updated: row.try_get("last_updated")?,
                    deleted: false,
                    body: row.try_get("body")?,
                },
            })
        })
        .collect::<Result<_, sqlx::Error>>()
        .map_err(|_| StoreError::Corrupt { table: "record.resource" })
}

async fn count(connection: &mut PgConnection, database: Database, statement: Statement) -> Stored<u64> {
    let total: i64 = sqlx::query_scalar_with(AssertSqlSafe(statement.sql), statement.arguments)
        .fetch_one(connection)
        .await
        .map_err(|error| classify(database, error))?;
    u64::try_from(total).map_err(|_| StoreError::Corrupt { table: "record.resource" })
}

/// The statements of a search, for a look at their plans: SQL with placeholders, in the order in which they run.
pub fn statements(
    search: &Search,
    database: Database,
    tenant: Tenant,
    keyring: &Keyring,
) -> Vec<(String, sqlx::postgres::PgArguments)> {
    let keys = keyring.tenant(database, tenant);
    let mut wants = Vec::new();
    if walk_pays(search) {
        wants.push(Want::NewestRows(search.count + 1));
    }
    wants.push(Want::Rows(search.count + 1));
    wants.push(Want::Count);
    wants
        .into_iter()
        .filter_map(|want| compile(search, database, tenant, &keys, None, want))
        .map(|statement| (statement.sql, statement.arguments))
        .collect()
}
