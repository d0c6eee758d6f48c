//! The transaction: resolve, lock, build, write. Each step is one statement per database, side by side.

use std::ops::Range;

use chrono::{DateTime, Utc};
use domain::audit::{Action, Event, Outcome};
use domain::store::{Anchor, Changes, Draft, Head, Key, Prepared};
use domain::{Context, Operation, StoreError, Touches, UnitOfWork};
use fhir::ResourceType;
use fhir::etag::Condition;
use fhir::extract::Extracted;
use fhir::outcome::IssueType;
use futures::future::try_join_all;
use kernel::{Classify, Database, ErrorKind, Phi, Rid, limits};
use serde_json::Value;

use super::compose::compose;
use super::entry::{Act, Entry, Kind};
use super::names;
use super::plan::{Write, parse};
use super::refusal::Refusal;
use super::resolve::{Resolved, Settled};

/// What a write gave, entry by entry, in the order of the request.
#[derive(Debug)]
pub struct Written {
    /// How the entries belong together.
    pub kind: Kind,
    /// One for each entry.
    pub entries: Vec<EntryOutcome>,
}

/// What became of one entry.
#[derive(Debug)]
pub enum EntryOutcome {
    /// Done.
    Done(Done),
    /// Refused; only in a batch.
    Refused(Refusal),
    /// A read: whoever answers the request fills it in after the commit.
    Read(ReadEntry),
}

impl EntryOutcome {
    /// Why it was refused, where it was.
    pub fn refusal(&mut self) -> Option<&mut Refusal> {
        match self {
            EntryOutcome::Refused(refusal) => Some(refusal),
            EntryOutcome::Done(_) | EntryOutcome::Read(_) => None,
        }
    }
}

/// A read inside a Bundle.
#[derive(Debug)]
pub struct ReadEntry {
    /// The url as it stood in the entry.
    pub target: String,
    /// The body, once answered.
    pub answer: Option<Result<Phi<Vec<u8>>, Refusal>>,
}

/// One record after the write.
#[derive(Debug)]
pub struct Done {
    /// 200 replaced or found by `ifNoneExist`, 201 created, 204 deleted.
    pub status: u16,
    /// Which record.
    pub key: Key,
    /// Its current version; none where a delete found nothing.
    pub version: Option<i32>,
    /// When that was written.
    pub last_updated: DateTime<Utc>,
    /// Its body, where it was asked for and written now.
    pub json: Option<Phi<Vec<u8>>>,
}

/// Why a write failed as a whole.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// The request is refused; nothing was stored.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Classify for WriteError {
    fn kind(&self) -> ErrorKind {
        match self {
            WriteError::Refused(refusal) => refusal.kind(),
            WriteError::Store(error) => error.kind(),
        }
    }
}

impl Operation for Write {
    const NAME: &'static str = "record.write";
    type Output = Written;
    type Error = WriteError;

    fn touches(&self) -> Touches {
        self.touched()
    }

    fn is_bulk(&self) -> bool {
        self.entries.len() > limits::BULK_ENTRIES
    }

    async fn run(&self, context: &Context, work: &mut dyn UnitOfWork) -> Result<Written, WriteError> {
        let resolved = Resolved::resolve(self, context, work).await?;
        let mut builder =
            Builder { write: self, context, resolved: &resolved, work, batches: Default::default() };
        let mut outcomes = Vec::with_capacity(self.entries.len());
        for (slot, entry) in self.entries.iter().enumerate() {
            if slot % 64 == 63 {
                // A large Bundle shares the thread with everybody else's requests.
                breathe().await;
            }
            outcomes.push(match (builder.build(entry, slot), self.kind) {
                (Ok(outcome), _) => outcome,
                (Err(WriteError::Refused(refusal)), Kind::Batch) => {
                    EntryOutcome::Refused(refusal.in_entry(entry.index))
                }
                (Err(WriteError::Refused(refusal)), Kind::Transaction) => {
                    return Err(refusal.in_entry(entry.index).into());
                }
                (Err(error), _) => return Err(error),
            });
        }
        let Builder { work, mut batches, .. } = builder;
        names::settle(self, &resolved, work, &mut batches, &mut outcomes).await?;
        let claims = batches.iter().any(|batch| batch.claims);
        let writes = work.every_records().into_iter().map(|(database, mut records)| {
            let mut batch = std::mem::take(&mut batches[database.index()]);
            async move {
                if batch.touched.is_empty() {
                    return Ok(());
                }
                if claims {
                    batch.changes.created.sort_by(|a, b| {
                        (a.resource_type.number(), &a.id).cmp(&(b.resource_type.number(), &b.id))
                    });
                }
                records.write(&batch.changes, &batch.event(self, context)).await
            }
        });
        if claims {
            // An id that nobody has yet cannot be locked before it is written: two transactions that claim the same
            // ids meet in the unique indexes, so that these too must be reached in one order.
            for write in writes {
                write.await?;
            }
        } else {
            try_join_all(writes).await?;
        }
        Ok(Written { kind: self.kind, entries: outcomes })
    }
}

impl Write {
    /// The act as an audit row names it.
    fn named(&self) -> (Action, &'static str) {
        match (self.kind, self.entries.first().map(|entry| &entry.act)) {
            (Kind::Single, Some(Ok(Act::Create { .. }))) => (Action::Create, "record.create"),
            (Kind::Single, Some(Ok(Act::Update { .. }))) => (Action::Update, "record.update"),
            (Kind::Single, Some(Ok(Act::Delete { .. }))) => (Action::Delete, "record.delete"),
            (Kind::Batch, _) => (Action::Execute, "record.batch"),
            _ => (Action::Execute, "record.transaction"),
        }
    }

    /// The audit row of this write if it is refused; none where it is about no patient's data. A refusal tells what
    /// is in the databases (that a record exists, in which version), so that it too is an access.
    pub fn refused_event(&self, context: &Context) -> Option<Event> {
        if !self.entries.iter().filter_map(Entry::writes).any(ResourceType::is_patient_data) {
            return None;
        }
        let (action, operation) = self.named();
        let mut event = Event::of(context, action, operation);
        event.outcome = Outcome::Denied;
        if let (Kind::Single, Some(entry)) = (self.kind, self.entries.first()) {
            event.resource_type = entry.writes();
            if let Ok(Act::Update { key, .. } | Act::Delete { key, .. }) = &entry.act {
                event.resource_id = Some(key.id.clone());
            }
        }
        Some(event)
    }
}

/// What one database is to write, and whose data that is.
#[derive(Default)]
pub(super) struct Batch {
    changes: Changes,
    touched: Vec<(Rid, Option<Rid>)>,
    /// Whether a record is created under an id that a client gave, which another transaction may take meanwhile.
    claims: bool,
}

impl Batch {
    /// Leaves out a record that is refused after all.
    pub(super) fn forget(&mut self, rid: Rid) {
        self.changes.created.retain(|it| it.rid != rid);
        self.changes.updated.retain(|it| it.rid != rid);
        self.changes.anchors.retain(|it| it.rid != rid);
        self.touched.retain(|(it, _)| *it != rid);
    }

    fn event(&self, write: &Write, context: &Context) -> Event {
        let (action, operation) = write.named();
        let mut event = Event::of(context, action, operation);
        if write.kind == Kind::Single {
            event.resource_type = write.entries.first().and_then(Entry::writes);
        }
        for (rid, patient) in &self.touched {
            event.touch(*rid, *patient);
        }
        event
    }
}

/// Turns entries into what each database is to write.
struct Builder<'w> {
    write: &'w Write,
    context: &'w Context,
    resolved: &'w Resolved,
    work: &'w mut dyn UnitOfWork,
    batches: [Batch; 3],
}

impl Builder<'_> {
    /// Builds what one entry writes.
    fn build(&mut self, entry: &Entry, slot: usize) -> Result<EntryOutcome, WriteError> {
        let act = entry.act.as_ref().map_err(|refusal| WriteError::Refused(refusal.clone()))?;
        self.resolved.check_mentions(self.write, entry)?;
        match (act, self.resolved.settled(slot)) {
            (Act::Read { target }, _) => {
                Ok(EntryOutcome::Read(ReadEntry { target: target.clone(), answer: None }))
            }
            (Act::Create { resource_type, .. }, Settled::Exists { id, head }) => {
                // Nothing is written, but the client learns that this record is there: an access, to be traced.
                self.batches[resource_type.database().index()].touched.push((head.rid, head.patient));
                Ok(EntryOutcome::Done(Done {
                    status: 200,
                    key: Key { resource_type: *resource_type, id: id.clone() },
                    version: Some(head.version),
                    last_updated: head.last_updated,
                    json: None,
                }))
            }
            (Act::Create { .. }, Settled::SeveralExist) => Err(Refusal::new(
                412,
                IssueType::MultipleMatches,
                "several resources meet the condition of this create",
            )
            .into()),
            (Act::Create { resource_type, resource, .. }, Settled::New { id, rid }) => {
                let key = Key { resource_type: *resource_type, id: id.clone() };
                let last_updated = truncated(self.context.now());
                self.store(resource.clone(), Place { key, rid: *rid, version: 1, last_updated }, true)
            }
            (Act::Update { key, resource, if_match, if_none_match }, Settled::Target { head, rid }) => {
                require_unmerged(key, head.as_ref())?;
                require_match(*if_match, head.as_ref())?;
                require_no_match(if_none_match.as_ref(), head.as_ref())?;
                let place = Place {
                    key: key.clone(),
                    rid: *rid,
                    version: head.as_ref().map_or(1, |head| head.version + 1),
                    last_updated: next_time(self.context.now(), head.as_ref()),
                };
                self.batches[key.database().index()].claims |= head.is_none();
                self.store(resource.clone(), place, head.as_ref().is_none_or(|head| head.deleted))
            }
            (Act::Delete { key, if_match }, Settled::Target { head, .. }) => {
                require_unmerged(key, head.as_ref())?;
                require_match(*if_match, head.as_ref())?;
                self.delete(key, head.as_ref())
            }
            (Act::Create { .. } | Act::Update { .. } | Act::Delete { .. }, _) => {
                // Every writing entry is settled before anything is built.
                Err(StoreError::OutsideTouches { database: Database::Auth }.into())
            }
        }
    }

    /// Composes, seals and indexes a version, and adds it to what its database writes.
    fn store(
        &mut self,
        range: Range<usize>,
        place: Place,
        created: bool,
    ) -> Result<EntryOutcome, WriteError> {
        let Place { key, rid, version, last_updated } = place;
        let database = key.database();
        let mut resource: Value = parse(&self.write.source, range)?;
        fhir::reference::rewrite(&mut resource, &mut |text| self.resolved.rewritten(self.write, text));
        let resource = compose(resource, &key.id, version, last_updated);
        let extracted = fhir::extract::extract(key.resource_type, &resource);
        let patient = if key.resource_type == ResourceType::Patient {
            Some(rid)
        } else {
            extracted.patient.and_then(|id| self.resolved.patient(database, id))
        };
        let draft = Draft {
            resource_type: key.resource_type,
            id: &key.id,
            rid,
            version,
            last_updated,
            patient,
            deleted: false,
        };
        let json =
            serde_json::to_vec(&resource).map_err(|_| StoreError::Corrupt { table: "record.resource" })?;
        let prepared = self.work.records(database)?.prepare(&draft, &json, &extracted)?;
        self.add(database, prepared, (rid, patient));
        if created && key.resource_type == ResourceType::Patient {
            self.anchor(&key.id, rid, false);
        }
        let json = self.write.representation.then(|| Phi::new(json));
        let status = if created { 201 } else { 200 };
        Ok(EntryOutcome::Done(Done { status, key, version: Some(version), last_updated, json }))
    }

    fn delete(&mut self, key: &Key, head: Option<&Head>) -> Result<EntryOutcome, WriteError> {
        let Some(head) = head.filter(|head| !head.deleted) else {
            // Deleting what is not there is no error: the wish is fulfilled.
            return Ok(EntryOutcome::Done(Done {
                status: 204,
                key: key.clone(),
                version: head.map(|head| head.version),
                last_updated: head.map_or_else(|| self.context.now(), |head| head.last_updated),
                json: None,
            }));
        };
        let draft = Draft {
            resource_type: key.resource_type,
            id: &key.id,
            rid: head.rid,
            version: head.version + 1,
            last_updated: next_time(self.context.now(), Some(head)),
            patient: head.patient,
            deleted: true,
        };
        let database = key.database();
        let prepared = self.work.records(database)?.prepare(&draft, b"", &Extracted::default())?;
        self.add(database, prepared, (head.rid, head.patient));
        if key.resource_type == ResourceType::Patient {
            self.anchor(&key.id, head.rid, true);
        }
        Ok(EntryOutcome::Done(Done {
            status: 204,
            key: key.clone(),
            version: Some(draft.version),
            last_updated: draft.last_updated,
            json: None,
        }))
    }

    fn add(&mut self, database: Database, prepared: Prepared, touched: (Rid, Option<Rid>)) {
        let batch = &mut self.batches[database.index()];
        batch.touched.push(touched);
        if prepared.version == 1 {
            batch.changes.created.push(prepared);
        } else {
            batch.changes.updated.push(prepared);
        }
    }

    /// The anchor changes in `clinical` with the Patient in `phi`.
    fn anchor(&mut self, id: &str, rid: Rid, deleted: bool) {
        let batch = &mut self.batches[Database::Clinical.index()];
        batch.changes.anchors.push(Anchor { id: id.to_owned(), rid, deleted });
        batch.touched.push((rid, Some(rid)));
    }
}

/// Where a version will stand.
struct Place {
    key: Key,
    rid: Rid,
    version: i32,
    last_updated: DateTime<Utc>,
}

/// Refuses to change a Patient that was merged into another: its trail is all that it is for.
fn require_unmerged(key: &Key, head: Option<&Head>) -> Result<(), Refusal> {
    match head.and_then(|head| head.merged_into.as_deref()) {
        Some(winner) => {
            let name = key.resource_type.name();
            let why = format!("{name}/{} was merged into {name}/{winner}: change that one", key.id);
            Err(Refusal::new(409, IssueType::BusinessRule, why))
        }
        None => Ok(()),
    }
}

/// Refuses where the client last saw another version.
fn require_match(if_match: Option<i32>, head: Option<&Head>) -> Result<(), Refusal> {
    match if_match {
        Some(wanted) if head.is_none_or(|head| head.version != wanted) => Err(Refusal::new(
            412,
            IssueType::Conflict,
            match head {
                Some(head) => format!("the current version is {}, not {wanted}", head.version),
                None => format!("there is no version {wanted}: the resource does not exist"),
            },
        )),
        _ => Ok(()),
    }
}

/// Refuses where the client wants to replace none of these versions, and one of them is current.
fn require_no_match(if_none_match: Option<&Condition>, head: Option<&Head>) -> Result<(), Refusal> {
    let current = head.filter(|head| !head.deleted).map(|head| head.version);
    match (if_none_match, current) {
        (Some(condition), Some(version)) if condition.names(version) => {
            Err(Refusal::new(412, IssueType::Conflict, format!("the resource exists, in version {version}")))
        }
        _ => Ok(()),
    }
}

/// FHIR instants are served with milliseconds; what is stored must be the same instant.
fn truncated(time: DateTime<Utc>) -> DateTime<Utc> {
    DateTime::from_timestamp_millis(time.timestamp_millis()).unwrap_or(time)
}

/// The time of the next version: now, yet later than the version before, whatever the clock did.
pub(crate) fn next_time(now: DateTime<Utc>, head: Option<&Head>) -> DateTime<Utc> {
    let now = truncated(now);
    head.map_or(now, |head| now.max(head.last_updated + chrono::Duration::milliseconds(1)))
}

/// Lets other tasks run.
pub(crate) async fn breathe() {
    let mut yielded = false;
    futures::future::poll_fn(|cx| {
        if std::mem::replace(&mut yielded, true) {
            std::task::Poll::Ready(())
        } else {
            cx.waker().wake_by_ref();
            std::task::Poll::Pending
        }
    })
    .await;
}
