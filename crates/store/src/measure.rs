//! What the store measures: the names of its metrics, and handles that are looked up once, so that to count costs
//! nanoseconds.
//!
//! What happens often is recorded where it happens. What can be read off at any moment (connections, what recovery last
//! saw, the counters of [`crate::health`]) is copied by [`Store::publish`] when somebody asks for the metrics.

mod statements;

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use kernel::Database;
use metrics::histogram;
use metrics::{
    Counter, Histogram, Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge,
};

pub(crate) use statements::{Handed, Timing};

use crate::health::DatabaseState;
use crate::open::Store;

/// What is done on connections, in the words of the protocol; an index into the histograms of a database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// F1.
    Begin,
    /// One database wrote: its COMMIT.
    Commit,
    /// The decision row.
    Decide,
    /// The participant's mark.
    Mark,
    /// PREPARE TRANSACTION.
    Prepare,
    /// The decider's COMMIT: the decision.
    CommitDecider,
    /// COMMIT PREPARED.
    CommitPrepared,
    /// Whatever undoes.
    RollBack,
    /// Whether a participant has followed.
    CheckApplied,
}

impl Phase {
    const ALL: [Phase; 9] = [
        Phase::Begin,
        Phase::Commit,
        Phase::Decide,
        Phase::Mark,
        Phase::Prepare,
        Phase::CommitDecider,
        Phase::CommitPrepared,
        Phase::RollBack,
        Phase::CheckApplied,
    ];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Phase::Begin => "begin",
            Phase::Commit => "commit",
            Phase::Decide => "decide",
            Phase::Mark => "mark",
            Phase::Prepare => "prepare",
            Phase::CommitDecider => "commit_decider",
            Phase::CommitPrepared => "commit_prepared",
            Phase::RollBack => "rollback",
            Phase::CheckApplied => "check_applied",
        }
    }
}

/// How an operation ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// Committed, or nothing was to be.
    Done,
    /// Not.
    Failed,
}

/// The handles of one operation, or of one kind of read.
pub(crate) struct Measured {
    statements: [Histogram; 3],
    done: Histogram,
    failed: Histogram,
}

impl Measured {
    fn new(name: &'static str) -> Measured {
        Measured {
            statements: Database::ALL.map(
                |database| histogram!("db_statement_seconds", "operation" => name, "db" => database.name()),
            ),
            done: histogram!("operation_seconds", "operation" => name, "outcome" => "done"),
            failed: histogram!("operation_seconds", "operation" => name, "outcome" => "failed"),
        }
    }

    /// How long its statements took in this database.
    pub(crate) fn statements(&self, database: Database) -> &Histogram {
        &self.statements[database.index()]
    }

    pub(crate) fn ended(&self, ending: Ending, took: Duration) {
        match ending {
            Ending::Done => self.done.record(took),
            Ending::Failed => self.failed.record(took),
        }
    }
}

/// All handles of one store but those of its connections.
pub(crate) struct Measures {
    phases: [[Histogram; 3]; Phase::ALL.len()],
    operations: RwLock<HashMap<&'static str, Arc<Measured>>>,
}

impl Default for Measures {
    fn default() -> Measures {
        let of = |phase: Phase| {
            Database::ALL.map(
                |database| histogram!("txn_phase_seconds", "phase" => phase.name(), "db" => database.name()),
            )
        };
        Measures { phases: Phase::ALL.map(of), operations: RwLock::default() }
    }
}

impl Measures {
    pub(crate) fn phase(&self, phase: Phase, database: Database, took: Duration) {
        self.phases[phase as usize][database.index()].record(took);
    }

    /// The handles of the operation with this name.
    pub(crate) fn operation(&self, name: &'static str) -> Arc<Measured> {
        // A panic elsewhere cannot leave the map half-written.
        if let Some(known) = self.operations.read().unwrap_or_else(PoisonError::into_inner).get(name) {
            return Arc::clone(known);
        }
        let mut operations = self.operations.write().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(operations.entry(name).or_insert_with(|| Arc::new(Measured::new(name))))
    }
}

/// The handles of the connections to one database.
pub(crate) struct PoolMeasures {
    /// Waiting for a connection.
    pub(crate) acquire: Histogram,
    /// Requests that were turned away because too many waited already.
    pub(crate) shed: Counter,
}

impl PoolMeasures {
    pub(crate) fn new(database: Database) -> PoolMeasures {
        PoolMeasures {
            acquire: histogram!("db_pool_acquire_seconds", "db" => database.name()),
            shed: counter!("db_pool_shed_total", "db" => database.name()),
        }
    }
}

/// The handles of one audit writer.
pub(crate) struct AuditMeasures {
    written: Counter,
    refused: Counter,
    seconds: Histogram,
}

impl AuditMeasures {
    pub(crate) fn new(database: Database) -> AuditMeasures {
        let rows = |outcome: &'static str| counter!("audit_rows_total", "db" => database.name(), "outcome" => outcome);
        AuditMeasures {
            written: rows("written"),
            refused: rows("refused"),
            seconds: histogram!("audit_write_seconds", "db" => database.name()),
        }
    }

    /// A group of rows ended; the oldest of them had waited since `since`.
    pub(crate) fn group(&self, rows: usize, written: bool, since: Instant) {
        let rows = u64::try_from(rows).unwrap_or(u64::MAX);
        if written {
            self.written.increment(rows)
        } else {
            self.refused.increment(rows)
        }
        self.seconds.record(since.elapsed());
    }
}

impl Store {
    /// Copies to the recorder of metrics what can be read off at this moment.
    pub fn publish(&self) {
        let counts = self.counts();
        counter!("txn_commits_total", "kind" => "plain").absolute(counts.plain);
        counter!("txn_commits_total", "kind" => "paired").absolute(counts.paired);
        counter!("txn_accepted_total").absolute(counts.accepted);
        counter!("txn_unknown_outcome_total").absolute(counts.unknown);
        counter!("txn_heuristic_total").absolute(counts.quarantined);
        counter!("txn_fence_waits_total").absolute(counts.fence_waits);
        counter!("operation_retries_total").absolute(counts.retries);
        let decided = |verdict: &'static str, by: &'static str, count: u64| {
            counter!("txn_decisions_total", "verdict" => verdict, "by" => by).absolute(count);
        };
        decided("commit", "coordinator", counts.paired);
        decided("abort", "coordinator", counts.aborted);
        decided("abort", "recovery", counts.tombstones);
        counter!("txn_recovered_total", "verdict" => "commit").absolute(counts.recovered_commit);
        counter!("txn_recovered_total", "verdict" => "abort").absolute(counts.recovered_abort);

        for health in self.health().databases {
            let db = health.database.name();
            gauge!("db_up", "db" => db).set(f64::from(u8::from(health.state == DatabaseState::Up)));
            gauge!("txn_in_doubt", "db" => db).set(health.seen.in_doubt as f64);
            gauge!("txn_in_doubt_oldest_seconds", "db" => db).set(health.seen.oldest.as_secs_f64());
            gauge!("txn_foreign", "db" => db).set(health.seen.foreign as f64);
            gauge!("txn_quarantined", "db" => db).set(health.seen.quarantined as f64);
            let slots = health.seen.slots.max(1) as f64;
            gauge!("prepared_slots_used_ratio", "db" => db).set(health.seen.slots_used as f64 / slots);
        }
        for home in &self.inner.homes {
            let db = home.database.name();
            let use_now = home.usage();
            gauge!("db_pool_connections_max", "db" => db).set(use_now.max as f64);
            gauge!("db_pool_connections_open", "db" => db).set(use_now.open as f64);
            gauge!("db_pool_connections_in_use", "db" => db).set(use_now.in_use as f64);
            gauge!("db_pool_waiting", "db" => db).set(use_now.waiting as f64);
        }
        for database in Database::ALL {
            let trail = self.inner.audit_trail(database);
            gauge!("audit_queue_depth", "db" => database.name()).set(trail.depth as f64);
            gauge!("audit_lag_seconds", "db" => database.name()).set(trail.lag.as_secs_f64());
        }
    }
}

/// Tells the recorder of metrics what those of the store mean. Once, before the first store is opened.
pub fn describe() {
    describe_gauge!("db_up", "1 while the database answers and is the one that it should be");
    describe_gauge!("db_pool_connections_max", "Connections that requests may use at the same time");
    describe_gauge!("db_pool_connections_open", "Connections of requests that are open, in use or idle");
    describe_gauge!("db_pool_connections_in_use", "Connections that requests use");
    describe_gauge!("db_pool_waiting", "Requests that wait for a connection");
    describe_histogram!("db_pool_acquire_seconds", Unit::Seconds, "Wait for a connection");
    describe_counter!("db_pool_shed_total", "Requests turned away because too many waited for a connection");
    describe_histogram!(
        "db_statement_seconds",
        Unit::Seconds,
        "Time in which an operation waited for its statements in one database, each time it turned to it"
    );
    describe_histogram!(
        "operation_seconds",
        Unit::Seconds,
        "An operation, from its first attempt to its end"
    );
    describe_counter!("operation_retries_total", "Operations that were run again after a conflict");
    describe_counter!(
        "txn_commits_total",
        "Transactions committed in one database (plain) or in several (paired)"
    );
    describe_counter!("txn_accepted_total", "Paired commits answered before every database had followed");
    describe_counter!("txn_unknown_outcome_total", "Commits whose answer was lost");
    describe_counter!("txn_decisions_total", "Paired transactions decided, by verdict and by who decided");
    describe_counter!("txn_recovered_total", "Prepared transactions that recovery ended, by verdict");
    describe_counter!("txn_heuristic_total", "Prepared transactions put before a person: page at the first");
    describe_counter!("txn_fence_waits_total", "Times that recovery met a coordinator that still lives");
    describe_histogram!("txn_phase_seconds", Unit::Seconds, "One step of opening or ending a transaction");
    describe_gauge!("txn_in_doubt", "Prepared transactions older than half a second");
    describe_gauge!("txn_in_doubt_oldest_seconds", "Age of the oldest transaction in doubt");
    describe_gauge!("txn_foreign", "Prepared transactions that are not ours, and never touched");
    describe_gauge!("txn_quarantined", "Prepared transactions that wait for a person");
    describe_gauge!("prepared_slots_used_ratio", "Prepared transactions against max_prepared_transactions");
    describe_counter!("audit_rows_total", "Audit rows written in groups, and rows that could not be written");
    describe_histogram!(
        "audit_write_seconds",
        Unit::Seconds,
        "A group of audit rows, from its oldest to the disk"
    );
    describe_gauge!("audit_queue_depth", "Audit rows that wait to be written");
    describe_gauge!("audit_lag_seconds", "Age of the oldest audit row that is not on disk yet");
}
