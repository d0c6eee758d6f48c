//! Finding and locking records before they are written: each a single statement, however many records.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use domain::store::{Criterion, Head, Key, Match};
use domain::{StoreError, Stored};
use fhir::ResourceType;
use kernel::{Database, Rid};

use crate::classify;
use crate::records::PgRecords;
use crate::search::criteria;
use crate::stored::SealedRow;
use crate::write::array_literal;

/// Takes the guard of each criterion, in the order of the hashes: two transactions never wait for each other.
pub(crate) async fn guard(records: &mut PgRecords<'_>, criteria: &[&Criterion]) -> Stored<()> {
    if criteria.is_empty() {
        return Ok(());
    }
    let mut hashes: Vec<i64> =
        criteria.iter().map(|criterion| criteria::guard_hash(&records.keys, criterion)).collect();
    hashes.sort_unstable();
    hashes.dedup();
    *records.guarded = true;
    sqlx::query!(
        r#"select pg_advisory_xact_lock(ordered.hash) as "void!: ()"
           from (select u.hash from unnest($1::bigint[]) as u (hash) order by u.hash) as ordered"#,
        &hashes,
    )
    .fetch_all(&mut *records.connection)
    .await
    .map_err(|error| classify(records.database, error))?;
    Ok(())
}

/// For each criterion its matches, two at the most: that is enough to know none, one or several. A Patient that was
/// merged into another still says what it said, but the other says it too, and is the one that is meant.
pub(crate) async fn matches(records: &mut PgRecords<'_>, criteria: &[&Criterion]) -> Stored<Vec<Vec<Match>>> {
    let mut found: Vec<Vec<Match>> = vec![Vec::new(); criteria.len()];
    if criteria.is_empty() {
        return Ok(found);
    }
    let mut types = Vec::with_capacity(criteria.len());
    let mut ids: Vec<Option<String>> = Vec::with_capacity(criteria.len());
    let mut tokens = Vec::with_capacity(criteria.len());
    for criterion in criteria {
        let terms = criteria::terms(&records.keys, criterion);
        types.push(criterion.search().resource_type.number());
        ids.push(terms.id);
        tokens.push(array_literal(&terms.tokens));
    }
    let rows = sqlx::query!(
        r#"
        select c.ord as "ord!", m.rid as "rid!", m.fhir_id as "fhir_id!", m.version as "version!", m.patient,
            m.last_updated as "last_updated!", m.body as "body!"
        from unnest($1::smallint[], $2::text[], $3::text[]) with ordinality as c (type, fhir_id, tokens, ord)
        cross join lateral (
            (select r.rid, r.fhir_id, r.version, r.patient, r.last_updated, r.body
            from record.resource r
            where c.tokens <> '{}' and not r.deleted and r.merged_into is null and r.tokens @> c.tokens::bigint[]
                and (c.fhir_id is null or r.fhir_id = c.fhir_id)
            limit 2)
            union all
            select r.rid, r.fhir_id, r.version, r.patient, r.last_updated, r.body
            from record.resource r
            where c.tokens = '{}' and not r.deleted and r.merged_into is null
                and r.tenant = $4 and r.type = c.type and r.fhir_id = c.fhir_id
        ) as m
        "#,
        &types,
        &ids as &[Option<String>],
        &tokens,
        records.tenant.number(),
    )
    .fetch_all(&mut *records.connection)
    .await
    .map_err(|error| classify(records.database, error))?;
    for row in rows {
        let slot = usize::try_from(row.ord - 1).unwrap_or(usize::MAX);
        let (Some(matches), Some(criterion)) = (found.get_mut(slot), criteria.get(slot)) else {
            return Err(StoreError::Corrupt { table: "record.resource" });
        };
        let sealed = SealedRow {
            rid: row.rid,
            version: row.version,
            patient: row.patient,
            last_updated: row.last_updated,
            deleted: false,
            body: row.body,
        };
        // A colliding hash would join a record to a stranger: the body has the last word.
        let body = sealed.open(&records.keys, criterion.search().resource_type, &row.fhir_id)?;
        if criteria::holds(criterion.search(), body.json.expose()) {
            matches.push(Match { id: row.fhir_id, head: sealed.head() });
        }
    }
    Ok(found)
}

/// The number of each key's type and its id, as columns.
fn columns<'k>(keys: impl Iterator<Item = &'k Key>) -> (Vec<i16>, Vec<String>) {
    keys.map(|key| (key.resource_type.number(), key.id.clone())).unzip()
}

/// A row of [`lock`] or [`resolve`].
struct HeadRow {
    ord: i64,
    rid: i64,
    version: i32,
    last_updated: DateTime<Utc>,
    deleted: bool,
    patient: Option<i64>,
    merged_into: Option<String>,
}

fn place(heads: &mut [Option<Head>], slots: &[usize], rows: Vec<HeadRow>) -> Stored<()> {
    for row in rows {
        let slot = usize::try_from(row.ord - 1).ok().and_then(|ord| slots.get(ord)).copied();
        let head = slot.and_then(|slot| heads.get_mut(slot));
        let head = head.ok_or(StoreError::Corrupt { table: "record.resource" })?;
        *head = Some(Head {
            rid: Rid::from_number(row.rid),
            version: row.version,
            last_updated: row.last_updated,
            deleted: row.deleted,
            patient: row.patient.map(Rid::from_number),
            merged_into: row.merged_into,
        });
    }
    Ok(())
}

/// Whether this database answers for the key by an anchor, because the record itself lives elsewhere.
fn is_anchored(database: Database, key: &Key) -> bool {
    database == Database::Clinical && key.resource_type == ResourceType::Patient
}

/// Anchors first, then Patients, then everything else, each in the order of their rid: whoever writes for a patient
/// holds the patient before the records.
pub(crate) async fn lock(records: &mut PgRecords<'_>, keys: &[Key]) -> Stored<Vec<Option<Head>>> {
    let mut heads = vec![None; keys.len()];
    let (anchored, own): (Vec<usize>, Vec<usize>) =
        (0..keys.len()).partition(|slot| is_anchored(records.database, &keys[*slot]));
    if !anchored.is_empty() {
        let (_, ids) = columns(anchored.iter().map(|slot| &keys[*slot]));
        let rows = sqlx::query_as!(
            HeadRow,
            r#"
            select u.ord as "ord!", a.rid, 0 as "version!", '1970-01-01Z'::timestamptz as "last_updated!", a.deleted,
                a.rid as patient, a.merged_into
            from unnest($1::text[]) with ordinality as u (fhir_id, ord)
            join record.patient_anchor a on a.tenant = $2 and a.fhir_id = u.fhir_id
            order by a.rid
            for update of a
            "#,
            &ids,
            records.tenant.number(),
        )
        .fetch_all(&mut *records.connection)
        .await
        .map_err(|error| classify(records.database, error))?;
        place(&mut heads, &anchored, rows)?;
    }
    if !own.is_empty() {
        let (types, ids) = columns(own.iter().map(|slot| &keys[*slot]));
        let rows = sqlx::query_as!(
            HeadRow,
            r#"
            select u.ord as "ord!", r.rid, r.version, r.last_updated, r.deleted, r.patient, r.merged_into
            from unnest($1::smallint[], $2::text[]) with ordinality as u (type, fhir_id, ord)
            join record.resource r on r.tenant = $3 and r.type = u.type and r.fhir_id = u.fhir_id
            order by r.type <> $4, r.rid
            for update of r
            "#,
            &types,
            &ids,
            records.tenant.number(),
            ResourceType::Patient.number(),
        )
        .fetch_all(&mut *records.connection)
        .await
        .map_err(|error| classify(records.database, error))?;
        place(&mut heads, &own, rows)?;
    }
    Ok(heads)
}

pub(crate) async fn resolve(records: &mut PgRecords<'_>, keys: &[Key]) -> Stored<Vec<Option<Head>>> {
    let mut heads = vec![None; keys.len()];
    if keys.is_empty() {
        return Ok(heads);
    }
    // A key that is asked for twice is asked for once.
    let mut slots_of: HashMap<&Key, Vec<usize>> = HashMap::with_capacity(keys.len());
    for (slot, key) in keys.iter().enumerate() {
        slots_of.entry(key).or_default().push(slot);
    }
    let mut distinct: Vec<usize> = slots_of.values().map(|slots| slots[0]).collect();
    distinct.sort_unstable();
    let (patients, others): (Vec<usize>, Vec<usize>) =
        distinct.iter().copied().partition(|slot| keys[*slot].resource_type == ResourceType::Patient);
    if !patients.is_empty() {
        hold_patients(records, keys, &patients, &mut heads).await?;
    }
    if !others.is_empty() {
        let (types, ids) = columns(others.iter().map(|slot| &keys[*slot]));
        let rows = sqlx::query_as!(
            HeadRow,
            r#"
            select u.ord as "ord!", r.rid, r.version, r.last_updated, r.deleted, r.patient, r.merged_into
            from unnest($1::smallint[], $2::text[]) with ordinality as u (type, fhir_id, ord)
            join record.resource r on r.tenant = $3 and r.type = u.type and r.fhir_id = u.fhir_id
            "#,
            &types,
            &ids,
            records.tenant.number(),
        )
        .fetch_all(&mut *records.connection)
        .await
        .map_err(|error| classify(records.database, error))?;
        place(&mut heads, &others, rows)?;
    }
    for slots in slots_of.values() {
        for slot in &slots[1..] {
            heads[*slot] = heads[slots[0]].clone();
        }
    }
    Ok(heads)
}

/// Patients are held until commit in the row that whoever deletes or merges them must lock.
async fn hold_patients(
    records: &mut PgRecords<'_>,
    keys: &[Key],
    slots: &[usize],
    heads: &mut [Option<Head>],
) -> Stored<()> {
    let (_, ids) = columns(slots.iter().map(|slot| &keys[*slot]));
    let rows = if records.database == Database::Clinical {
        sqlx::query_as!(
            HeadRow,
            r#"
            select u.ord as "ord!", a.rid, 0 as "version!", '1970-01-01Z'::timestamptz as "last_updated!", a.deleted,
                a.rid as patient, a.merged_into
            from unnest($1::text[]) with ordinality as u (fhir_id, ord)
            join record.patient_anchor a on a.tenant = $2 and a.fhir_id = u.fhir_id
            order by a.rid
            for key share of a
            "#,
            &ids,
            records.tenant.number(),
        )
        .fetch_all(&mut *records.connection)
        .await
    } else {
        sqlx::query_as!(
            HeadRow,
            r#"
            select u.ord as "ord!", r.rid, r.version, r.last_updated, r.deleted, r.patient, r.merged_into
            from unnest($1::text[]) with ordinality as u (fhir_id, ord)
            join record.resource r on r.tenant = $2 and r.type = $3 and r.fhir_id = u.fhir_id
            order by r.rid
            for key share of r
            "#,
            &ids,
            records.tenant.number(),
            ResourceType::Patient.number(),
        )
        .fetch_all(&mut *records.connection)
        .await
    };
    place(heads, slots, rows.map_err(|error| classify(records.database, error))?)
}
