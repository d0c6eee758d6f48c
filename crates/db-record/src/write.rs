//! Writing: one statement for everything that a transaction changes in this database, its audit row included.

use chrono::{DateTime, Utc};
use domain::audit::Event;
use domain::store::{Changes, Prepared};
use domain::{StoreError, Stored};

use crate::audit::sealed_query;
use crate::classify;
use crate::records::PgRecords;

/// Rows as the columns that `unnest` takes.
#[derive(Default)]
struct Columns<'r> {
    rid: Vec<i64>,
    kind: Vec<i16>,
    version: Vec<i32>,
    patient: Vec<Option<i64>>,
    code: Vec<Option<i64>>,
    date_low: Vec<Option<DateTime<Utc>>>,
    date_high: Vec<Option<DateTime<Utc>>>,
    last_updated: Vec<DateTime<Utc>>,
    deleted: Vec<bool>,
    fhir_id: Vec<&'r str>,
    /// Array literals, because `unnest` takes no ragged arrays.
    tokens: Vec<String>,
    body: Vec<&'r [u8]>,
}

impl<'r> Columns<'r> {
    fn of(rows: &'r [Prepared]) -> Columns<'r> {
        let mut columns = Columns::default();
        for row in rows {
            columns.rid.push(row.rid.number());
            columns.kind.push(row.resource_type.number());
            columns.version.push(row.version);
            columns.patient.push(row.patient.map(|rid| rid.number()));
            columns.code.push(row.index.code);
            columns.date_low.push(row.index.date.map(|(low, _)| low));
            columns.date_high.push(row.index.date.map(|(_, high)| high));
            columns.last_updated.push(row.last_updated);
            columns.deleted.push(row.deleted);
            columns.fhir_id.push(&row.id);
            columns.tokens.push(array_literal(&row.index.tokens));
            columns.body.push(&row.sealed);
        }
        columns
    }
}

/// `{1,2,3}`.
pub(crate) fn array_literal(numbers: &[i64]) -> String {
    let mut text = String::with_capacity(2 + numbers.len() * 21);
    text.push('{');
    for (i, number) in numbers.iter().enumerate() {
        if i > 0 {
            text.push(',');
        }
        text.push_str(&number.to_string());
    }
    text.push('}');
    text
}

pub(crate) async fn write(records: &mut PgRecords<'_>, changes: &Changes, event: &Event) -> Stored<()> {
    let database = records.database;
    let created = Columns::of(&changes.created);
    let updated = Columns::of(&changes.updated);
    let (anchor_ids, anchor_rids, anchor_deleted): (Vec<String>, Vec<i64>, Vec<bool>) = changes
        .anchors
        .iter()
        .map(|anchor| (anchor.id.clone(), anchor.rid.number(), anchor.deleted))
        .collect();
    let patients: Vec<i64> = event.patients.iter().map(|rid| rid.number()).collect();
    let resources: Vec<i64> = event.resources.iter().map(|rid| rid.number()).collect();
    let query = sealed_query(&records.keys, database, event)?;

    let written = sqlx::query!(
        r#"
        with moved as (
            insert into record.history
                (rid, version, tenant, type, patient, last_updated, deleted, fhir_id, author, body)
            select r.rid, r.version, r.tenant, r.type, r.patient, r.last_updated, r.deleted, r.fhir_id, r.author,
                r.body
            from unnest($1::bigint[], $2::int[]) as u (rid, version)
            join record.resource r on r.rid = u.rid and r.version = u.version - 1
            returning rid
        ), changed as (
            update record.resource r
            set version = u.version, patient = u.patient, code = u.code,
                date_low = coalesce(u.date_low, '-infinity'), date_high = coalesce(u.date_high, '-infinity'),
                last_updated = u.last_updated, deleted = u.deleted, author = $28, tokens = u.tokens::bigint[],
                body = u.body
            from unnest($1::bigint[], $2::int[], $3::bigint[], $4::bigint[], $5::timestamptz[], $6::timestamptz[],
                    $7::timestamptz[], $8::boolean[], $9::text[], $10::bytea[])
                as u (rid, version, patient, code, date_low, date_high, last_updated, deleted, tokens, body)
            join moved on moved.rid = u.rid
            where r.rid = u.rid and r.version = u.version - 1
            returning 1
        ), created as (
            insert into record.resource
                (rid, tenant, type, version, patient, code, date_low, date_high, last_updated, deleted, fhir_id,
                 author, tokens, body)
            select u.rid, $11, u.type, u.version, u.patient, u.code, coalesce(u.date_low, '-infinity'),
                coalesce(u.date_high, '-infinity'), u.last_updated, false, u.fhir_id, $28, u.tokens::bigint[], u.body
            from unnest($12::bigint[], $13::smallint[], $14::int[], $15::bigint[], $16::bigint[],
                    $17::timestamptz[], $18::timestamptz[], $19::timestamptz[], $20::text[], $21::text[],
                    $22::bytea[])
                as u (rid, type, version, patient, code, date_low, date_high, last_updated, fhir_id, tokens, body)
            returning 1
        ), anchored as (
            insert into record.patient_anchor as a (tenant, fhir_id, rid, deleted)
            select $11, u.fhir_id, u.rid, u.deleted
            from unnest($23::text[], $24::bigint[], $25::boolean[]) as u (fhir_id, rid, deleted)
            on conflict (tenant, fhir_id) do update set deleted = excluded.deleted where a.rid = excluded.rid
            returning 1
        ), audited as (
            insert into audit.event
                (at, tenant, account, request, network, action, operation, outcome, type, fhir_id, patients,
                 resources, query, gtx)
            values ($26, $27, $28, $29, $30::text::inet, $31, $32, $33, $34, $35, $36, $37, $38, $39)
        )
        select (select count(*) from changed) as "changed!", (select count(*) from created) as "created!",
            (select count(*) from anchored) as "anchored!"
        "#,
        &updated.rid,
        &updated.version,
        &updated.patient as &[Option<i64>],
        &updated.code as &[Option<i64>],
        &updated.date_low as &[Option<DateTime<Utc>>],
        &updated.date_high as &[Option<DateTime<Utc>>],
        &updated.last_updated,
        &updated.deleted,
        &updated.tokens,
        &updated.body as &[&[u8]],
        records.tenant.number(),
        &created.rid,
        &created.kind,
        &created.version,
        &created.patient as &[Option<i64>],
        &created.code as &[Option<i64>],
        &created.date_low as &[Option<DateTime<Utc>>],
        &created.date_high as &[Option<DateTime<Utc>>],
        &created.last_updated,
        &created.fhir_id as &[&str],
        &created.tokens,
        &created.body as &[&[u8]],
        &anchor_ids,
        &anchor_rids,
        &anchor_deleted,
        event.at,
        event.tenant.map(|tenant| tenant.number()),
        event.account.map(|account| account.uuid()),
        event.request.uuid(),
        event.network.map(|address| address.to_string()),
        event.action.code(),
        event.operation,
        event.outcome.name(),
        event.resource_type.map(|kind| kind.number()),
        event.resource_id.as_deref(),
        &patients,
        &resources,
        query.as_deref(),
        records.transaction.uuid(),
    )
    .fetch_one(&mut *records.connection)
    .await
    .map_err(|error| conflict(classify(database, error), records))?;

    let expected = (changes.updated.len(), changes.created.len(), changes.anchors.len());
    let done = (written.changed as usize, written.created as usize, written.anchored as usize);
    if done == expected { Ok(()) } else { Err(StoreError::Contended { database }) }
}

/// A rid or an id that another transaction took between our look and our write: the retry will see it.
fn conflict(error: StoreError, records: &PgRecords<'_>) -> StoreError {
    match error {
        StoreError::Constraint { name }
            if matches!(
                name.as_str(),
                "resource_pkey" | "resource_id" | "history_pkey" | "patient_anchor_rid_is_unique"
            ) =>
        {
            StoreError::Contended { database: records.database }
        }
        other => other,
    }
}
