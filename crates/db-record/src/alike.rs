//! Finding patients who may be the same person, by whatever they have in common.

use domain::store::{Body, Likeness};
use domain::{StoreError, Stored};
use fhir::ResourceType;
use fhir::definitions::parameters::{IDENTIFIER, NAME};
use fhir::extract::{Form, Term};
use kernel::{Database, Rid, Tenant};
use seal::TenantKeys;
use sqlx::PgConnection;

use crate::classify;
use crate::prepare::token;
use crate::stored::SealedRow;

/// The patients found, each with its logical id and its rid. One statement: a probe for the day of birth, one for the
/// words of the name, one for the identifiers, each bounded by `most`. The connection is inside a transaction that has set
/// the tenant.
pub async fn alike(
    connection: &mut PgConnection,
    keys: &TenantKeys,
    tenant: Tenant,
    likeness: &Likeness,
    most: usize,
) -> Stored<Vec<(String, Rid, Body)>> {
    let kind = ResourceType::Patient;
    let hash =
        |parameter, form, text: String| token(keys, kind, &Term { parameter, form, text: text.into() });
    let names: Vec<i64> = likeness
        .names
        .expose()
        .iter()
        .map(|word| hash(NAME, Form::StringPrefix, fhir::text::longest_prefix(word).to_owned()))
        .collect();
    let identifiers: Vec<i64> = likeness
        .identifiers
        .expose()
        .iter()
        .map(|(system, value)| hash(IDENTIFIER, Form::SystemCode, fhir::extract::system_code(system, value)))
        .collect();
    let rows = sqlx::query!(
        r#"
        select distinct on (found.rid) found.rid as "rid!", found.fhir_id as "fhir_id!", found.version as "version!",
            found.patient, found.last_updated as "last_updated!", found.body as "body!"
        from (
            (select r.rid, r.fhir_id, r.version, r.patient, r.last_updated, r.body
            from record.resource r
            where r.tenant = $1 and r.type = $2 and not r.deleted and r.merged_into is null and r.date_low = $3
            order by r.date_low desc, r.rid desc limit $6)
            union all
            (select r.rid, r.fhir_id, r.version, r.patient, r.last_updated, r.body
            from record.resource r
            where cardinality($4::bigint[]) > 0 and r.tokens @> $4 and not r.deleted and r.merged_into is null
            order by r.rid + 0 desc limit $6)
            union all
            (select r.rid, r.fhir_id, r.version, r.patient, r.last_updated, r.body
            from record.resource r
            where cardinality($5::bigint[]) > 0 and r.tokens && $5 and not r.deleted and r.merged_into is null
            order by r.rid + 0 desc limit $6)
        ) as found
        order by found.rid desc
        "#,
        tenant.number(),
        kind.number(),
        likeness.born,
        &names,
        &identifiers,
        i64::try_from(most).unwrap_or(i64::MAX),
    )
    .fetch_all(connection)
    .await
    .map_err(|error| classify(Database::Phi, error))?;
    rows.into_iter()
        .map(|row| {
            let sealed = SealedRow {
                rid: row.rid,
                version: row.version,
                patient: row.patient,
                last_updated: row.last_updated,
                deleted: false,
                body: row.body,
            };
            let body = sealed.open(keys, kind, &row.fhir_id)?;
            Ok((row.fhir_id, Rid::from_number(row.rid), body))
        })
        .collect::<Result<_, StoreError>>()
}
