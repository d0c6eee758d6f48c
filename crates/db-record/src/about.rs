//! Everything about one patient, to be written again for another; and the mark that the one was merged.

use domain::store::{Key, Opened};
use domain::{StoreError, Stored};
use fhir::ResourceType;
use kernel::{Database, Rid};

use crate::classify;
use crate::records::PgRecords;
use crate::stored::SealedRow;

/// The records of a patient, with their bodies, in the order of their rid. They are locked: the caller has the patient,
/// and so has everybody who writes for the patient before they take a record.
pub(crate) async fn about(records: &mut PgRecords<'_>, patient: Rid, most: usize) -> Stored<Vec<Opened>> {
    let rows = sqlx::query!(
        "select r.rid, r.type, r.fhir_id, r.version, r.patient, r.last_updated, r.body
         from record.resource r
         where r.patient = $1 and r.tenant = $2 and not r.deleted
         order by r.rid
         limit $3
         for update",
        patient.number(),
        records.tenant.number(),
        i64::try_from(most).unwrap_or(i64::MAX),
    )
    .fetch_all(&mut *records.connection)
    .await
    .map_err(|error| classify(records.database, error))?;
    rows.into_iter()
        .map(|row| {
            let resource_type = ResourceType::from_number(row.r#type)
                .ok_or(StoreError::Corrupt { table: "record.resource" })?;
            let sealed = SealedRow {
                rid: row.rid,
                version: row.version,
                patient: row.patient,
                last_updated: row.last_updated,
                deleted: false,
                body: row.body,
            };
            let body = sealed.open(&records.keys, resource_type, &row.fhir_id)?;
            let key = Key { resource_type, id: row.fhir_id };
            Ok(Opened { key, head: sealed.head(), json: body.json })
        })
        .collect()
}

/// A record that is not deleted, with its body.
pub(crate) async fn open(records: &mut PgRecords<'_>, key: &Key) -> Stored<Option<Opened>> {
    let row = sqlx::query!(
        "select r.rid, r.version, r.patient, r.last_updated, r.body
         from record.resource r
         where r.tenant = $1 and r.type = $2 and r.fhir_id = $3 and not r.deleted",
        records.tenant.number(),
        key.resource_type.number(),
        key.id,
    )
    .fetch_optional(&mut *records.connection)
    .await
    .map_err(|error| classify(records.database, error))?;
    let Some(row) = row else { return Ok(None) };
    let sealed = SealedRow {
        rid: row.rid,
        version: row.version,
        patient: row.patient,
        last_updated: row.last_updated,
        deleted: false,
        body: row.body,
    };
    let body = sealed.open(&records.keys, key.resource_type, &key.id)?;
    Ok(Some(Opened { key: key.clone(), head: sealed.head(), json: body.json }))
}

/// Notes in the row that writers hold that this Patient was merged into another.
pub(crate) async fn mark_merged(records: &mut PgRecords<'_>, patient: &Key, into: &str) -> Stored<()> {
    let database = records.database;
    let marked = if database == Database::Clinical {
        sqlx::query!(
            "update record.patient_anchor set merged_into = $3 where tenant = $1 and fhir_id = $2",
            records.tenant.number(),
            patient.id,
            into,
        )
        .execute(&mut *records.connection)
        .await
    } else {
        sqlx::query!(
            "update record.resource set merged_into = $4 where tenant = $1 and type = $2 and fhir_id = $3",
            records.tenant.number(),
            patient.resource_type.number(),
            patient.id,
            into,
        )
        .execute(&mut *records.connection)
        .await
    };
    match marked.map_err(|error| classify(database, error))?.rows_affected() {
        1 => Ok(()),
        _ => Err(StoreError::Contended { database }),
    }
}
