//! Merging two registrations of one person: every record of the one becomes a record of the other, in both databases or
//! in neither.
//!
//! Both patients are taken first, in `phi` by their own rows and in `clinical` by their anchors. Whoever writes for a
//! patient holds one of these, so that what is on its way is waited for and moved too, and what comes later finds the
//! mark and is refused.

use domain::audit::{Action, Event};
use domain::patient::{note_merge_into, take_over};
use domain::store::{self, Changes, Draft, Head, Key, Opened, Prepared};
use domain::{Context, Operation, StoreError, Touches, UnitOfWork};
use fhir::ResourceType;
use fhir::outcome::IssueType;
use fhir::reference::Reference;
use kernel::{Database, Phi, Rid, TransactionId};
use serde_json::Value;

use crate::record::{Refusal, WriteError, breathe, compose, next_time};

/// Records that one merge moves at the most, in both databases together.
pub const MOST_MOVED: usize = 10_000;
/// The databases that know patients, in lock order.
const HOMES: [Database; 2] = [Database::Phi, Database::Clinical];

/// Merges one patient into another.
#[derive(Clone, Debug)]
pub struct Merge {
    /// The id of the patient that stays.
    pub winner: String,
    /// The id of the patient that is merged into the winner.
    pub loser: String,
    /// Why.
    pub reason: Phi<String>,
    /// How many records it may move, in both databases together; [`MOST_MOVED`] for whoever asks from outside.
    pub most_moved: usize,
}

/// A merge that was done.
#[derive(Clone, Debug)]
pub struct Merged {
    /// The FHIR resource of the patient that stayed, as it is now.
    pub winner: Phi<Value>,
    /// Records moved in `phi`.
    pub moved_phi: u32,
    /// Records moved in `clinical`.
    pub moved_clinical: u32,
    /// The transaction, which names the merge in the trail.
    pub transaction: TransactionId,
}

impl Operation for Merge {
    const NAME: &'static str = "patient.merge";
    type Output = Merged;
    type Error = WriteError;

    fn touches(&self) -> Touches {
        Touches::writes(&HOMES)
    }

    async fn run(&self, context: &Context, work: &mut dyn UnitOfWork) -> Result<Merged, WriteError> {
        if self.winner == self.loser {
            return Err(refuse(422, "Patient.source", "a patient cannot be merged into itself"));
        }
        let keys = [key(&self.winner), key(&self.loser)];
        let heads = work.records(Database::Phi)?.lock(&keys).await?;
        let [winner, loser] = two(heads)?;
        let winner = usable(winner, &self.winner, "Patient", 410)?;
        let loser = usable(loser, &self.loser, "Patient.source", 409)?;
        work.records(Database::Clinical)?.lock(&keys).await?;

        let mut found = Vec::new();
        let mut count = 0;
        for database in HOMES {
            // One more than may be moved, and in `phi` the patient itself.
            let room = self.most_moved + 2 - count;
            let mut records = work.records(database)?.about(loser.rid, room).await?;
            records.retain(|it| it.key != keys[1]);
            count += records.len();
            found.push(records);
        }
        if count > self.most_moved {
            return Err(WriteError::Refused(Refusal::new(
                422,
                IssueType::TooCostly,
                format!("the patient has more than the {} records that one merge moves", self.most_moved),
            )));
        }
        let [in_phi, in_clinical] = <[Vec<Opened>; 2]>::try_from(found).map_err(|_| corrupt())?;
        let moved = Moved { context, loser: &self.loser, winner: &self.winner, winner_rid: winner.rid };
        let mut phi = moved.all(work, Database::Phi, &in_phi).await?;
        let clinical = moved.all(work, Database::Clinical, &in_clinical).await?;
        let winner_now = self.amend_patients(context, work, &keys, &mut phi).await?;

        let (moved_phi, moved_clinical) = (size(in_phi.len()), size(in_clinical.len()));
        let transaction = work.transaction();
        let mut patients = work.patients()?;
        patients.hand_over(loser.rid, winner.rid).await?;
        patients
            .record_merge(&store::Merge {
                transaction,
                loser: (loser.rid, self.loser.clone()),
                winner: (winner.rid, self.winner.clone()),
                account: context.caller.account,
                at: context.now(),
                reason: self.reason.clone(),
                moved_phi,
                moved_clinical,
            })
            .await?;
        drop(patients);
        for (database, changes) in [(Database::Phi, phi), (Database::Clinical, clinical)] {
            let event = event(context, &changes, winner.rid, loser.rid);
            let mut records = work.records(database)?;
            records.write(&changes, &event).await?;
            records.mark_merged(&keys[1], &self.winner).await?;
        }
        Ok(Merged { winner: Phi::new(winner_now), moved_phi, moved_clinical, transaction })
    }
}

impl Merge {
    /// The trace of a merge that was refused: that it was tells of both patients.
    pub fn refused_event(&self, context: &Context) -> Event {
        let mut event = Event::of(context, Action::Update, "patient.merge");
        event.outcome = domain::audit::Outcome::Denied;
        event.resource_type = Some(ResourceType::Patient);
        event.resource_id = Some(self.winner.clone());
        event
    }

    /// The next versions of the two patients themselves; gives the winner's.
    async fn amend_patients(
        &self,
        context: &Context,
        work: &mut dyn UnitOfWork,
        keys: &[Key; 2],
        changes: &mut Changes,
    ) -> Result<Value, WriteError> {
        let mut records = work.records(Database::Phi)?;
        let mut bodies = Vec::with_capacity(2);
        for key in keys {
            let opened = records.open(key).await?.ok_or_else(corrupt)?;
            bodies.push((parsed(&opened)?, opened));
        }
        drop(records);
        let [(winner, winner_was), (loser, loser_was)] =
            <[(Value, Opened); 2]>::try_from(bodies).map_err(|_| corrupt())?;
        let next = take_over(&winner, &loser, &self.loser);
        let (prepared, winner_now) = prepared(context, work, &winner_was, next, Some(winner_was.head.rid))?;
        changes.updated.push(prepared);
        let next = note_merge_into(&loser, &self.winner);
        changes.updated.push(self::prepared(context, work, &loser_was, next, Some(loser_was.head.rid))?.0);
        Ok(winner_now)
    }
}

/// What is common to all records of a merge.
struct Moved<'m> {
    context: &'m Context,
    loser: &'m str,
    winner: &'m str,
    winner_rid: Rid,
}

impl Moved<'_> {
    /// The records of one database as the winner's.
    async fn all(
        &self,
        work: &mut dyn UnitOfWork,
        database: Database,
        records: &[Opened],
    ) -> Result<Changes, WriteError> {
        let mut changes = Changes::default();
        for (place, opened) in records.iter().enumerate() {
            if place % 64 == 63 {
                // A large merge shares the thread with everybody else's requests.
                breathe().await;
            }
            debug_assert_eq!(opened.key.database(), database);
            let mut resource = parsed(opened)?;
            fhir::reference::rewrite(&mut resource, &mut |text| self.moved(text));
            changes.updated.push(prepared(self.context, work, opened, resource, Some(self.winner_rid))?.0);
        }
        Ok(changes)
    }

    /// A reference to the loser, whichever version it names, becomes one to the winner.
    fn moved(&self, text: &str) -> Option<String> {
        match Reference::parse_local(text)? {
            Reference::Local { resource_type: ResourceType::Patient, id, .. } if id == self.loser => {
                Some(format!("Patient/{}", self.winner))
            }
            _ => None,
        }
    }
}

/// The next version of a record, sealed and indexed; and its JSON.
fn prepared(
    context: &Context,
    work: &mut dyn UnitOfWork,
    was: &Opened,
    resource: Value,
    patient: Option<Rid>,
) -> Result<(Prepared, Value), WriteError> {
    let draft = Draft {
        resource_type: was.key.resource_type,
        id: &was.key.id,
        rid: was.head.rid,
        version: was.head.version + 1,
        last_updated: next_time(context.now(), Some(&was.head)),
        patient,
        deleted: false,
    };
    let resource = compose(resource, draft.id, draft.version, draft.last_updated);
    let json = serde_json::to_vec(&resource).map_err(|_| corrupt())?;
    let extracted = fhir::extract::extract(draft.resource_type, &resource);
    let prepared = work.records(was.key.database())?.prepare(&draft, &json, &extracted)?;
    Ok((prepared, resource))
}

fn parsed(opened: &Opened) -> Result<Value, StoreError> {
    serde_json::from_slice(opened.json.expose()).map_err(|_| corrupt())
}

fn event(context: &Context, changes: &Changes, winner: Rid, loser: Rid) -> Event {
    let mut event = Event::of(context, Action::Update, "patient.merge");
    event.resource_type = Some(ResourceType::Patient);
    for rid in [winner, loser] {
        event.touch(rid, Some(rid));
    }
    let moved = changes.updated.iter().map(|it| it.rid).filter(|rid| *rid != winner && *rid != loser);
    event.resources.extend(moved);
    event
}

fn key(id: &str) -> Key {
    Key { resource_type: ResourceType::Patient, id: id.to_owned() }
}

fn two(heads: Vec<Option<Head>>) -> Result<[Option<Head>; 2], StoreError> {
    heads.try_into().map_err(|_| corrupt())
}

/// Refuses a patient that cannot be merged; with the status `gone` one that was deleted.
fn usable(head: Option<Head>, id: &str, at: &str, gone: u16) -> Result<Head, WriteError> {
    match head {
        None => Err(refuse(404, at, "there is no such patient")),
        Some(head) if head.merged_into.is_some() => {
            let winner = head.merged_into.unwrap_or_default();
            let why = format!("Patient/{id} was merged into Patient/{winner} already");
            Err(WriteError::Refused(Refusal::at(409, IssueType::BusinessRule, at, why)))
        }
        Some(head) if head.deleted => Err(refuse(gone, at, "the patient was deleted")),
        Some(head) => Ok(head),
    }
}

fn refuse(status: u16, at: &str, why: &str) -> WriteError {
    let code = match status {
        404 => IssueType::NotFound,
        410 => IssueType::Deleted,
        _ => IssueType::BusinessRule,
    };
    WriteError::Refused(Refusal::at(status, code, at, why))
}

fn size(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

fn corrupt() -> StoreError {
    StoreError::Corrupt { table: "record.resource" }
}
