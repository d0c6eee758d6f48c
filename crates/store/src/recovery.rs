//! The recovery worker (PAIRED 2.5): settles what coordinators left behind, in every process, with no leader.
//!
//! Two processes that settle the same transaction do no harm; an advisory lock per database only spares the
//! work.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use coordinator::triage::{Reason, Sighting, Triage};
use coordinator::{Gid, Identity, Resolve, resolve};
use kernel::{Database, TransactionId};
use sqlx::{PgConnection, Row};
use uuid::Uuid;

use crate::health::Sightings;
use crate::link::Links;
use crate::open::Inner;
use crate::{settle, sql};

/// Between two passes; jittered, so that processes do not march in step.
const PERIOD: Duration = Duration::from_millis(400);
/// Between two passes that were asked for.
const PAUSE: Duration = Duration::from_millis(20);
/// Waits at the fence in one pass over one database.
const WAITS: usize = 20;
/// How old the oldest in doubt may become while another process holds the lock of the pass.
const PATIENCE: Duration = Duration::from_secs(2);
/// A coordinator that holds its row for longer than this is worth a look.
const LONG: Duration = Duration::from_secs(60);
/// Names the advisory lock of a pass: the letters of "salus rec".
const LOCK: i64 = 0x73_61_6c_75_73_72_65_63;

/// What the last pass over each database saw, and when.
#[derive(Debug, Default)]
pub(crate) struct Seen([Mutex<Option<(Instant, Sightings)>>; 3]);

impl Seen {
    pub(crate) fn last(&self, database: Database) -> Option<(Instant, Sightings)> {
        *self.0[database.index()].lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, database: Database, sightings: Sightings) {
        let now = Instant::now();
        *self.0[database.index()].lock().unwrap_or_else(PoisonError::into_inner) = Some((now, sightings));
    }
}

/// The worker of one process: two connections to each database, which belong to no pool, since an exhausted
/// pool must not starve the one who would free it.
pub(crate) struct Recovery {
    /// List, and hold the advisory lock.
    lists: Links,
    /// Ask the fence and finish.
    acts: Links,
}

/// A row of `pg_prepared_xacts`.
struct Prepared {
    gid: String,
    owner: String,
    role: String,
    age: Duration,
}

impl Recovery {
    pub(crate) fn new(inner: &Inner) -> Recovery {
        Recovery { lists: Links::new(inner.homes.clone()), acts: Links::new(inner.homes.clone()) }
    }

    /// Passes until it is dropped: twice a second, and at once when somebody saw an unknown outcome.
    pub(crate) async fn work(mut self, inner: &Inner) {
        loop {
            tokio::select! {
                () = tokio::time::sleep(sql::jittered(PERIOD)) => {}
                () = inner.wake_recovery.notified() => tokio::time::sleep(PAUSE).await,
            }
            self.pass(inner).await;
        }
    }

    /// One pass over all databases that can be reached.
    pub(crate) async fn pass(&mut self, inner: &Inner) {
        let Some(identity) = inner.installation.identity() else { return };
        for database in Database::ALL {
            if inner.homes[database.index()].is_down() {
                self.lists.end(database);
                continue;
            }
            if let Err(error) = self.pass_over(inner, identity, database).await {
                // The lock goes with the session.
                self.lists.end(database);
                tracing::debug!(%database, %error, "the recovery pass was cut short");
            }
        }
    }

    /// Says of all decisions that are known to be followed that they are.
    pub(crate) async fn mark_done(&mut self, inner: &Inner, decider: Database) -> Result<(), sqlx::Error> {
        let done = inner.done.take(decider);
        if done.is_empty() {
            return Ok(());
        }
        self.lists.run(decider, async |link| settle::mark_done(link, &done).await).await
    }

    async fn pass_over(
        &mut self,
        inner: &Inner,
        identity: Identity,
        database: Database,
    ) -> Result<(), sqlx::Error> {
        self.mark_done(inner, database).await?;
        let before = self.lists.run(database, async |link| look(link, identity).await).await?;
        let locked = self.lists.run(database, async |link| try_lock(link).await).await?;
        // A process that was stopped holds its lock and settles nothing; nobody waits for it.
        if locked || before.oldest > PATIENCE {
            self.settle_prepared(inner, identity, database).await?;
            self.settle_decisions(inner, identity, database).await?;
        }
        if locked {
            self.lists.run(database, async |link| unlock(link).await).await?;
        }
        let seen = match before.in_doubt {
            0 => before,
            _ => self.lists.run(database, async |link| look(link, identity).await).await?,
        };
        inner.seen.set(database, seen);
        Ok(())
    }

    /// What is prepared here and was decided elsewhere.
    async fn settle_prepared(
        &mut self,
        inner: &Inner,
        identity: Identity,
        database: Database,
    ) -> Result<(), sqlx::Error> {
        let prepared = self.lists.run(database, async |link| list_prepared(link, identity).await).await?;
        let mut waits = 0;
        // A decider that is out of reach is asked once a pass, not once a transaction.
        let mut out_of_reach: HashSet<Database> = HashSet::new();
        for Prepared { gid, owner, role, age } in prepared {
            let decider = Gid::parse(&gid).map(|gid| gid.decider);
            if waits >= WAITS || decider.is_some_and(|decider| out_of_reach.contains(&decider)) {
                continue;
            }
            let kept_since = match decider {
                Some(decider) => {
                    match self.lists.run(decider, async |link| watermark(link, decider).await).await {
                        Ok(watermark) => watermark,
                        Err(_) => {
                            out_of_reach.insert(decider);
                            continue;
                        }
                    }
                }
                None => None,
            };
            let sighting = Sighting { gid: &gid, owner: &owner, role: &role, here: database };
            match sighting.triage(identity, |_| kept_since) {
                Triage::Foreign => {
                    tracing::warn!(%database, "a foreign prepared transaction wears our prefix")
                }
                Triage::Refused(gid, reason) => self.quarantine(inner, gid, database, reason).await,
                Triage::Ours(gid) => match self.settle(inner, Resolve::of(gid)).await {
                    resolve::Settlement::Settled { .. } => {}
                    resolve::Settlement::Alive => {
                        waits += 1;
                        if age > LONG {
                            tracing::warn!(%gid, ?age, "a coordinator holds its decision open for long");
                        }
                    }
                    resolve::Settlement::Unreachable => {
                        out_of_reach.insert(gid.decider);
                    }
                },
            }
        }
        Ok(())
    }

    /// What was decided here and is not known to be followed everywhere. Normally nothing: coordinators say
    /// so within a pass.
    async fn settle_decisions(
        &mut self,
        inner: &Inner,
        identity: Identity,
        database: Database,
    ) -> Result<(), sqlx::Error> {
        let open = self.lists.run(database, async |link| list_decisions(link).await).await?;
        for (transaction, participants) in open {
            let participants = settle::participants_of(&participants);
            if participants.iter().any(|participant| inner.homes[participant.index()].is_down()) {
                continue;
            }
            self.settle(inner, Resolve::new(identity, transaction, database, participants)).await;
        }
        Ok(())
    }

    async fn settle(&mut self, inner: &Inner, resolve: Resolve) -> resolve::Settlement {
        settle::settle(&mut self.acts, resolve, inner.options.instance, &inner.counters).await
    }

    /// The gid may name another database than the one that holds it, so it is written down here.
    async fn quarantine(&mut self, inner: &Inner, gid: Gid, here: Database, reason: Reason) {
        crate::health::Counters::add(&inner.counters.quarantined);
        settle::quarantine(&mut self.acts, gid, here, reason).await;
    }
}

async fn try_lock(link: &mut PgConnection) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar("select pg_try_advisory_lock($1)").bind(LOCK).fetch_one(link).await
}

async fn unlock(link: &mut PgConnection) -> Result<(), sqlx::Error> {
    sqlx::query("select pg_advisory_unlock($1)").bind(LOCK).execute(link).await?;
    Ok(())
}

/// Ours, in this database, older than half a second by this server's own clock, oldest first.
async fn list_prepared(link: &mut PgConnection, identity: Identity) -> Result<Vec<Prepared>, sqlx::Error> {
    let rows = sqlx::query(
        "select p.gid, p.owner::text as owner, current_user::text as role,
            extract(epoch from clock_timestamp() - p.prepared)::float8 as age
         from pg_prepared_xacts p
         where p.database = current_database() and starts_with(p.gid, $1)
            and p.prepared < clock_timestamp() - interval '500 ms'
            and not exists (select from txn.quarantine q where q.gid = p.gid)
         order by p.prepared limit 100",
    )
    .bind(identity.prefix())
    .fetch_all(link)
    .await?;
    rows.iter()
        .map(|row| {
            let age: f64 = row.try_get("age")?;
            Ok(Prepared {
                gid: row.try_get("gid")?,
                owner: row.try_get("owner")?,
                role: row.try_get("role")?,
                age: Duration::try_from_secs_f64(age).unwrap_or_default(),
            })
        })
        .collect()
}

/// A decider's decisions that nobody said are followed everywhere, except those that wait for a person.
async fn list_decisions(link: &mut PgConnection) -> Result<Vec<(TransactionId, Vec<String>)>, sqlx::Error> {
    let rows = sqlx::query(
        "select d.gtx, d.participants from txn.decision d
         where d.done_at is null and d.decided_at < clock_timestamp() - interval '5 s'
            and not exists (select from txn.quarantine q where right(q.gid, 36) = d.gtx::text)
         order by d.decided_at limit 100",
    )
    .fetch_all(link)
    .await?;
    rows.iter()
        .map(|row| {
            let gtx: Uuid = row.try_get("gtx")?;
            Ok((TransactionId::from_uuid(gtx), row.try_get("participants")?))
        })
        .collect()
}

/// Below this, decisions may have been deleted.
async fn watermark(link: &mut PgConnection, decider: Database) -> Result<Option<TransactionId>, sqlx::Error> {
    let found: Option<Uuid> =
        sqlx::query_scalar("select before_gtx from txn.gc_watermark where db_code = $1::text")
            .bind(decider.code().to_string())
            .fetch_optional(link)
            .await?;
    Ok(found.map(TransactionId::from_uuid))
}

async fn look(link: &mut PgConnection, identity: Identity) -> Result<Sightings, sqlx::Error> {
    let row = sqlx::query(
        "with prepared as (
            select database = current_database() and starts_with(gid, $1) as ours,
                extract(epoch from clock_timestamp() - prepared)::float8 as age
            from pg_prepared_xacts
         )
         select count(*) filter (where ours and age > 0.5) as in_doubt,
            coalesce(max(age) filter (where ours and age > 0.5), 0) as oldest,
            count(*) filter (where not ours) as foreign_count, count(*) as slots_used,
            current_setting('max_prepared_transactions')::bigint as slots,
            (select count(*) from txn.quarantine) as quarantined
         from prepared",
    )
    .bind(identity.prefix())
    .fetch_one(link)
    .await?;
    let count = |column: &str| -> Result<u64, sqlx::Error> {
        let value: i64 = row.try_get(column)?;
        Ok(u64::try_from(value).unwrap_or(0))
    };
    let oldest: f64 = row.try_get("oldest")?;
    Ok(Sightings {
        in_doubt: count("in_doubt")?,
        oldest: Duration::try_from_secs_f64(oldest).unwrap_or_default(),
        foreign: count("foreign_count")?,
        slots_used: count("slots_used")?,
        slots: count("slots")?,
        quarantined: count("quarantined")?,
    })
}

/// The worker, as long as the store is open.
pub(crate) async fn run(inner: Arc<Inner>, recovery: Recovery) {
    recovery.work(&inner).await;
}
