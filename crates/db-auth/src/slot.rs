//! The lease of a running server on one of 256 slots, whose number stands in every [`kernel::Rid`] that it
//! makes.
//!
//! Each function is one or two statements that stand alone; none needs a transaction around it. The times
//! compared are the database's own, so servers need not agree about the time; only `last_rid_ms` is the
//! server's.

use domain::Stored;
use kernel::InstanceId;
use sqlx::PgConnection;

use crate::classify;

/// How often a holder must renew its lease.
pub const HEARTBEAT: std::time::Duration = std::time::Duration::from_secs(5);
/// How far ahead of its clock a holder promises not to make identifiers without renewing, milliseconds.
pub const PROMISE_MS: i64 = 10_000;

/// A slot held by this server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lease {
    /// Which of the 256.
    pub slot: u8,
    /// Milliseconds of the Unix epoch: every identifier of the slot's earlier holders is older.
    pub not_before_ms: i64,
}

/// Takes a slot for `instance`; none where all 256 are held. In this order: one that was given back, one
/// never used, the one silent for longest (for 15 seconds at least). The last kind may have a holder who is
/// alive and cannot reach this database, so its identifiers are taken to reach as far as its promise does
/// from now.
pub async fn claim(
    connection: &mut PgConnection,
    instance: InstanceId,
    now_ms: i64,
) -> Stored<Option<Lease>> {
    let promised = now_ms.saturating_add(PROMISE_MS);
    let returned = sqlx::query!(
        r#"with free as (
            select slot, last_rid_ms from identity.instance_slot
            where seen_at = '-infinity' order by slot limit 1 for update skip locked
        )
        update identity.instance_slot s
        set instance = $1, seen_at = clock_timestamp(), last_rid_ms = greatest(s.last_rid_ms, $2)
        from free where s.slot = free.slot
        returning s.slot, free.last_rid_ms as "not_before_ms!""#,
        instance.uuid(),
        promised,
    )
    .fetch_optional(&mut *connection)
    .await
    .map_err(classify)?;
    if let Some(row) = returned {
        return Ok(lease(row.slot, row.not_before_ms));
    }
    // Two servers may try the same number; the loser takes the next one.
    for _ in 0..256 {
        let unused = sqlx::query_scalar!(
            r#"select n::smallint as "slot!" from generate_series(0, 255) n
               where not exists (select from identity.instance_slot s where s.slot = n) order by n limit 1"#
        )
        .fetch_optional(&mut *connection)
        .await
        .map_err(classify)?;
        let Some(unused) = unused else { break };
        let inserted = sqlx::query!(
            "insert into identity.instance_slot (slot, instance, seen_at, last_rid_ms)
             values ($1, $2, clock_timestamp(), $3) on conflict (slot) do nothing",
            unused,
            instance.uuid(),
            promised,
        )
        .execute(&mut *connection)
        .await
        .map_err(classify)?;
        if inserted.rows_affected() == 1 {
            return Ok(lease(unused, 0));
        }
    }
    let silent = sqlx::query!(
        r#"with silent as (
            select slot, last_rid_ms from identity.instance_slot
            where seen_at < clock_timestamp() - interval '15 seconds'
            order by seen_at limit 1 for update skip locked
        )
        update identity.instance_slot s
        set instance = $1, seen_at = clock_timestamp(), last_rid_ms = greatest(s.last_rid_ms, $2)
        from silent where s.slot = silent.slot
        returning s.slot, greatest(silent.last_rid_ms, $2) as "not_before_ms!""#,
        instance.uuid(),
        promised,
    )
    .fetch_optional(&mut *connection)
    .await
    .map_err(classify)?;
    Ok(silent.and_then(|row| lease(row.slot, row.not_before_ms)))
}

fn lease(slot: i16, not_before_ms: i64) -> Option<Lease> {
    u8::try_from(slot).ok().map(|slot| Lease { slot, not_before_ms })
}

/// Renews the lease until `last_rid_ms`, milliseconds of the Unix epoch, before which all identifiers are
/// made that the holder makes without renewing again. Gives whether the slot is still held by `instance`.
pub async fn heartbeat(
    connection: &mut PgConnection,
    instance: InstanceId,
    slot: u8,
    last_rid_ms: i64,
) -> Stored<bool> {
    let renewed = sqlx::query!(
        "update identity.instance_slot
         set seen_at = clock_timestamp(), last_rid_ms = greatest(last_rid_ms, $3)
         where slot = $1 and instance = $2",
        i16::from(slot),
        instance.uuid(),
        last_rid_ms,
    )
    .execute(connection)
    .await
    .map_err(classify)?;
    Ok(renewed.rows_affected() == 1)
}

/// Gives the slot back, so that the next server takes it at once and goes on after `last_rid_ms`, the time of
/// the last identifier made. Nothing happens where `instance` no longer holds it.
pub async fn release(
    connection: &mut PgConnection,
    instance: InstanceId,
    slot: u8,
    last_rid_ms: i64,
) -> Stored<()> {
    sqlx::query!(
        "update identity.instance_slot set seen_at = '-infinity', last_rid_ms = $3
         where slot = $1 and instance = $2",
        i16::from(slot),
        instance.uuid(),
        last_rid_ms,
    )
    .execute(connection)
    .await
    .map_err(classify)?;
    Ok(())
}
