//! Several slices of one patient's records in one statement: what a summary is made of.

use chrono::{DateTime, Utc};
use domain::store::{Slice, Sliced};
use domain::{StoreError, Stored};
use fhir::extract::{Form, Term};
use kernel::{Database, Rid, Tenant};
use seal::TenantKeys;
use sqlx::PgConnection;

use crate::classify;
use crate::prepare::{main_code, token};
use crate::stored::SealedRow;

/// What was read, and whose data it was.
pub struct Read {
    /// The answer.
    pub sliced: Option<Sliced>,
    /// The patient.
    pub patient: Option<Rid>,
    /// The records.
    pub touched: Vec<Rid>,
}

/// The statement, for a look at its plan: tenant, patient, and of each slice type, main code, token that it must not
/// have, and how many.
pub const STATEMENT: &str = include_str!("slices.sql");

/// A row; all but the first two columns are null for a patient without records.
struct Row {
    patient: i64,
    patient_deleted: bool,
    slice: Option<i64>,
    rid: Option<i64>,
    fhir_id: Option<String>,
    version: Option<i32>,
    last_updated: Option<DateTime<Utc>>,
    body: Option<Vec<u8>>,
}

/// Reads the slices on a connection whose transaction has set the tenant and asks for custom plans.
pub async fn read(
    connection: &mut PgConnection,
    database: Database,
    keys: &TenantKeys,
    tenant: Tenant,
    patient: &str,
    slices: &[Slice],
) -> Stored<Read> {
    let types: Vec<i16> = slices.iter().map(|slice| slice.resource_type.number()).collect();
    let codes: Vec<Option<i64>> = slices
        .iter()
        .map(|it| it.code.map(|(system, code)| main_code(keys, it.resource_type, system, code)))
        .collect();
    let without: Vec<Option<i64>> = slices
        .iter()
        .map(|it| {
            it.without.map(|(parameter, code)| {
                token(keys, it.resource_type, &Term { parameter, form: Form::Code, text: code.into() })
            })
        })
        .collect();
    // One more than wanted tells whether there are more.
    let mosts: Vec<i64> = slices.iter().map(|it| i64::try_from(it.most + 1).unwrap_or(i64::MAX)).collect();
    let rows = sqlx::query_file_as!(
        Row,
        "src/slices.sql",
        tenant.number(),
        patient,
        &types,
        &codes as &[Option<i64>],
        &without as &[Option<i64>],
        &mosts,
    )
    .fetch_all(connection)
    .await
    .map_err(|error| classify(database, error))?;

    let Some(first) = rows.first() else {
        return Ok(Read { sliced: None, patient: None, touched: Vec::new() });
    };
    let (rid, deleted) = (first.patient, first.patient_deleted);
    let mut sliced = Sliced { deleted, slices: slices.iter().map(|_| (Vec::new(), false)).collect() };
    let mut touched = Vec::new();
    for row in rows {
        let (Some(slice), Some(own), Some(id), Some(version), Some(last_updated), Some(body)) =
            (row.slice, row.rid, row.fhir_id, row.version, row.last_updated, row.body)
        else {
            continue;
        };
        let corrupt = || StoreError::Corrupt { table: "record.resource" };
        // Ordinality counts from 1.
        let at = usize::try_from(slice - 1).map_err(|_| corrupt())?;
        let (wanted, (records, more)) = slices.get(at).zip(sliced.slices.get_mut(at)).ok_or_else(corrupt)?;
        if records.len() == wanted.most {
            *more = true;
            continue;
        }
        let row = SealedRow { rid: own, version, patient: Some(rid), last_updated, deleted: false, body };
        let body = row.open(keys, wanted.resource_type, &id)?;
        touched.push(body.rid);
        records.push((id, body));
    }
    Ok(Read { sliced: Some(sliced), patient: Some(Rid::from_number(rid)), touched })
}
