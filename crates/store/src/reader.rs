//! Reading records outside a transaction of its own: one statement, then the audit row, then the answer.
//!
//! The connection is given back before the audit row is waited for, so that a reader never holds one while the trail
//! is flushed to disk.

use std::sync::Arc;

use async_trait::async_trait;
use domain::audit::{Action, Event, Outcome};
use domain::store::{
    Archive, Body, Found, Head, Key, Likeness, Page, SearchPage, Slice, Sliced, VersionEntry,
};
use domain::{Context, StoreError, Stored};
use fhir::ResourceType;
use fhir::search::Search;
use kernel::{Database, Phi, Tenant};
use seal::Keyring;

use crate::audit::{Announced, AuditWriter, Trail};
use crate::connection::{Connection, Connections};
use crate::measure::{Measured, Measures, Timing};

/// What reads are called in the audit trail, in metrics and in traces.
const READ: &str = "record.read";
const VERSION: &str = "record.vread";
const HISTORY: &str = "record.history";
const SEARCH: &str = "record.search";
const CHART: &str = "chart.read";
const ALIKE: &str = "patient.duplicates";

/// Reads records and leaves a trace of it.
pub(crate) struct Reader {
    connections: [Arc<Connections>; 3],
    audit: [AuditWriter; 3],
    keyring: Arc<Keyring>,
    reads: Reads,
}

/// The handles of the ways to read.
struct Reads {
    read: Arc<Measured>,
    version: Arc<Measured>,
    history: Arc<Measured>,
    search: Arc<Measured>,
    chart: Arc<Measured>,
    alike: Arc<Measured>,
}

/// Runs `$statement` on `$connection`, a variable, for as long as a statement may take; once more on a fresh connection
/// where the old one had been dead before it was used. Timed by `$timing`. A macro, because each statement borrows the
/// connection for its own lifetime.
macro_rules! on_live {
    ($home:expr, $timing:expr, $connection:ident, $statement:expr) => {{
        let timing = $timing;
        match $home.answered(1, timing.of($statement)).await {
            Err(StoreError::Unavailable { .. }) if $connection.is_reused() => {
                $connection = $connection.replace().await?;
                $home.answered(1, timing.of($statement)).await
            }
            other => other,
        }
    }};
}

impl Reader {
    pub(crate) fn start(
        connections: [Arc<Connections>; 3],
        keyring: Arc<Keyring>,
        measures: &Measures,
    ) -> Reader {
        let audit = connections
            .each_ref()
            .map(|connections| AuditWriter::start(Arc::clone(connections), Arc::clone(&keyring)));
        let reads = Reads {
            read: measures.operation(READ),
            version: measures.operation(VERSION),
            history: measures.operation(HISTORY),
            search: measures.operation(SEARCH),
            chart: measures.operation(CHART),
            alike: measures.operation(ALIKE),
        };
        Reader { connections, audit, keyring, reads }
    }

    /// How the audit trail of this database keeps up.
    pub(crate) fn trail(&self, database: Database) -> Trail {
        self.audit[database.index()].trail()
    }

    /// Writes an audit row of its own to this database.
    pub(crate) async fn trace(&self, database: Database, event: Event) -> Stored<()> {
        self.audit[database.index()].write(event, None).await
    }

    /// Lets the trail's next group wait for the row of this read.
    fn announce(&self, key: &Key) -> Option<Announced> {
        key.resource_type.is_patient_data().then(|| self.audit[key.database().index()].announce())
    }

    /// Traces the read of one record, where it is about a patient.
    async fn trace_read(
        &self,
        context: &Context,
        operation: &'static str,
        key: &Key,
        head: Option<&Head>,
        found: bool,
        announced: Option<Announced>,
    ) -> Stored<()> {
        if !key.resource_type.is_patient_data() {
            return Ok(());
        }
        let mut event = Event::of(context, Action::Read, operation);
        event.resource_type = Some(key.resource_type);
        match head {
            Some(head) => event.touch(head.rid, head.patient),
            None => event.resource_id = Some(key.id.clone()),
        }
        if !found {
            event.outcome = Outcome::Missing;
        }
        self.audit[key.database().index()].write(event, announced).await
    }
}

/// Sends transaction control.
async fn control(connection: &mut Connection, database: Database, sql: &str) -> Stored<()> {
    let sent = crate::sql::send(connection, sql.to_owned()).await;
    sent.map(|_| ()).map_err(|error| db_record::classify(database, error))
}

/// The transaction of a search. A generic plan does not know which codes are common; a table that is still small must not
/// teach the planner to read it from end to end.
pub(crate) fn begin_search(tenant: Tenant) -> String {
    format!(
        "begin read only; set local app.tenant = '{tenant}'; set local plan_cache_mode = force_custom_plan; \
         set local enable_seqscan = off"
    )
}

/// What the cursor of a history is bound to.
fn history_context(tenant: Tenant, key: &Key) -> Vec<u8> {
    format!("history {tenant} {}/{}", key.resource_type.name(), key.id).into_bytes()
}

#[async_trait]
impl Archive for Reader {
    async fn read(&self, context: &Context, key: &Key) -> Stored<Found> {
        let (database, tenant) = (key.database(), context.tenant());
        let keys = self.keyring.tenant(database, tenant);
        let home = &self.connections[database.index()];
        let mut connection = home.checkout().await?;
        let announced = self.announce(key);
        let timing = Timing::start(&self.reads.read, database, READ);
        let reading = on_live!(
            home,
            timing,
            connection,
            db_record::read::current(&mut connection, database, &keys, tenant, key)
        )?;
        connection.finish();
        let found = matches!(reading.found, Found::Version(_));
        self.trace_read(context, READ, key, reading.head.as_ref(), found, announced).await?;
        Ok(reading.found)
    }

    async fn version(&self, context: &Context, key: &Key, version: i32) -> Stored<Found> {
        let (database, tenant) = (key.database(), context.tenant());
        let keys = self.keyring.tenant(database, tenant);
        let home = &self.connections[database.index()];
        let mut connection = home.checkout().await?;
        let announced = self.announce(key);
        let timing = Timing::start(&self.reads.version, database, VERSION);
        let reading = on_live!(
            home,
            timing,
            connection,
            db_record::read::version(&mut connection, database, &keys, tenant, key, version)
        )?;
        connection.finish();
        let found = matches!(reading.found, Found::Version(_));
        self.trace_read(context, VERSION, key, reading.head.as_ref(), found, announced).await?;
        Ok(reading.found)
    }

    async fn history(
        &self,
        context: &Context,
        key: &Key,
        count: usize,
        cursor: Option<&str>,
    ) -> Stored<Option<Page<VersionEntry>>> {
        let (database, tenant) = (key.database(), context.tenant());
        let bound = history_context(tenant, key);
        let refused = || StoreError::Constraint { name: "cursor".to_owned() };
        let below = match cursor {
            None => i32::MAX,
            Some(text) => {
                let plain = self.keyring.open_cursor(&bound, text).map_err(|_| refused())?;
                i32::from_be_bytes(<[u8; 4]>::try_from(plain.as_slice()).map_err(|_| refused())?)
            }
        };
        let keys = self.keyring.tenant(database, tenant);
        let home = &self.connections[database.index()];
        let mut connection = home.checkout().await?;
        let timing = Timing::start(&self.reads.history, database, HISTORY);
        let (mut entries, head) = on_live!(
            home,
            timing,
            connection,
            db_record::read::history(&mut connection, database, &keys, tenant, key, below, count + 1)
        )?;
        connection.finish();
        self.trace_read(context, HISTORY, key, head.as_ref(), !entries.is_empty(), None).await?;
        if entries.is_empty() && cursor.is_none() {
            return Ok(None);
        }
        let more = entries.len() > count;
        entries.truncate(count);
        let next = match entries.last() {
            Some(last) if more => {
                let sealed = self.keyring.seal_cursor(&bound, &last.version.to_be_bytes());
                Some(sealed.map_err(|_| StoreError::Unavailable { database })?)
            }
            _ => None,
        };
        Ok(Some(Page { entries, next }))
    }

    async fn alike(
        &self,
        context: &Context,
        likeness: &Likeness,
        most: usize,
    ) -> Stored<Vec<(String, Body)>> {
        let (database, tenant) = (Database::Phi, context.tenant());
        let keys = self.keyring.tenant(database, tenant);
        let home = &self.connections[database.index()];
        let mut connection = home.checkout().await?;
        let begin = begin_search(tenant);
        let timing = Timing::start(&self.reads.alike, database, ALIKE);
        on_live!(home, &timing, connection, control(&mut connection, database, &begin))?;
        let finding = db_record::alike::alike(&mut connection, &keys, tenant, likeness, most);
        let found = home.answered(1, timing.of(finding)).await?;
        home.answered(1, control(&mut connection, database, "commit")).await?;
        drop(timing);
        connection.finish();
        let mut event = Event::of(context, Action::Execute, ALIKE);
        event.resource_type = Some(ResourceType::Patient);
        found.iter().for_each(|(_, rid, _)| event.touch(*rid, Some(*rid)));
        self.trace(database, event).await?;
        Ok(found.into_iter().map(|(id, _, body)| (id, body)).collect())
    }

    async fn search(&self, context: &Context, search: &Search) -> Stored<SearchPage> {
        let (database, tenant) = (search.resource_type.database(), context.tenant());
        let home = &self.connections[database.index()];
        let mut connection = home.checkout().await?;
        let begin = begin_search(tenant);
        let timing = Timing::start(&self.reads.search, database, SEARCH);
        on_live!(home, &timing, connection, control(&mut connection, database, &begin))?;
        // The page, what the first look left out of it, and the total.
        let searching = db_record::search::search(&mut connection, database, &self.keyring, tenant, search);
        let searched = home.answered(3, timing.of(searching)).await?;
        home.answered(1, control(&mut connection, database, "commit")).await?;
        drop(timing);
        connection.finish();
        if search.resource_type.is_patient_data() {
            let mut event = Event::of(context, Action::Execute, SEARCH);
            event.resource_type = Some(search.resource_type);
            let query: Vec<String> =
                search.pairs.iter().map(|(name, value)| format!("{name}={value}")).collect();
            event.query = Some(Phi::new(query.join("&")));
            for (rid, patient) in &searched.touched {
                event.touch(*rid, *patient);
            }
            self.trace(database, event).await?;
        }
        Ok(searched.page)
    }

    async fn slices(&self, context: &Context, patient: &str, slices: &[Slice]) -> Stored<Option<Sliced>> {
        let (database, tenant) = (Database::Clinical, context.tenant());
        let keys = self.keyring.tenant(database, tenant);
        let home = &self.connections[database.index()];
        let mut connection = home.checkout().await?;
        let begin = begin_search(tenant);
        let timing = Timing::start(&self.reads.chart, database, CHART);
        on_live!(home, &timing, connection, control(&mut connection, database, &begin))?;
        let reading = db_record::slices::read(&mut connection, database, &keys, tenant, patient, slices);
        let read = home.answered(1, timing.of(reading)).await?;
        home.answered(1, control(&mut connection, database, "commit")).await?;
        drop(timing);
        connection.finish();
        let there = read.sliced.as_ref().is_some_and(|sliced| !sliced.deleted);
        if there && slices.is_empty() {
            return Ok(read.sliced);
        }
        let mut event = Event::of(context, Action::Read, CHART);
        event.resource_type = Some(ResourceType::Patient);
        if there {
            event.patients.extend(read.patient);
            event.resources = read.touched;
        } else {
            event.outcome = Outcome::Missing;
            event.resource_id = Some(patient.to_owned());
        }
        self.trace(database, event).await?;
        Ok(read.sliced)
    }
}
