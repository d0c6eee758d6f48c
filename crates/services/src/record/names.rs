//! The numbers of ours that Patients carry: a patient number is given by the server and never taken away, and each
//! number, patient number or medical record number, is one patient's for good.

use std::collections::HashSet;

use domain::UnitOfWork;
use domain::patient::{Named, NamedKind};
use domain::store::{Claim, Head};
use fhir::ResourceType;
use fhir::outcome::IssueType;
use kernel::Rid;

use super::entry::Kind;
use super::plan::Write;
use super::refusal::Refusal;
use super::resolve::{Resolved, Settled};
use super::write::{Batch, EntryOutcome, WriteError};

/// A Patient about to be written.
struct Bearer<'w> {
    slot: usize,
    rid: Rid,
    /// What it was before.
    head: Option<&'w Head>,
    named: &'w [Named],
}

/// Claims every number that is new to its patient. An entry with one that it may not have is refused; in a batch the
/// others are written without it.
pub(super) async fn settle(
    write: &Write,
    resolved: &Resolved,
    work: &mut dyn UnitOfWork,
    batches: &mut [Batch; 3],
    outcomes: &mut [EntryOutcome],
) -> Result<(), WriteError> {
    let bearers = bearers(write, resolved, outcomes);
    let known: Vec<Rid> = bearers.iter().filter(|it| it.head.is_some()).map(|it| it.rid).collect();
    let asked: Vec<Claim> = bearers
        .iter()
        .flat_map(|it| it.named.iter().map(|named| Claim { named: named.clone(), patient: it.rid }))
        .collect();
    if known.is_empty() && asked.is_empty() {
        return Ok(());
    }
    let mut patients = work.patients()?;
    let numbers = if known.is_empty() { Vec::new() } else { patients.numbers_of(&known).await? };
    let holders = if asked.is_empty() { Vec::new() } else { patients.holders(&asked).await? };

    let (mut numbers, mut held) = (numbers.into_iter(), asked.into_iter().zip(holders));
    let mut new: Vec<Claim> = Vec::new();
    let mut promised: HashSet<(NamedKind, String)> = HashSet::new();
    for bearer in bearers {
        let had = bearer.head.and_then(|_| numbers.next()).unwrap_or(0);
        let claims: Vec<(Claim, Option<Rid>)> = held.by_ref().take(bearer.named.len()).collect();
        let checked = check(write, &bearer, had, &claims).and_then(|()| {
            let fresh = || claims.iter().filter(|(_, holder)| holder.is_none()).map(|(claim, _)| claim);
            let twice = fresh().find(|it| promised.contains(&(it.named.kind, it.named.value.clone())));
            match twice {
                Some(claim) => Err(taken(&claim.named)),
                None => {
                    promised.extend(fresh().map(|it| (it.named.kind, it.named.value.clone())));
                    new.extend(fresh().cloned());
                    Ok(())
                }
            }
        });
        if let Err(refusal) = checked {
            let index = write.entries[bearer.slot].index;
            match write.kind {
                Kind::Single => return Err(refusal.into()),
                Kind::Transaction => return Err(refusal.in_entry(index).into()),
                Kind::Batch => {
                    batches.iter_mut().for_each(|batch| batch.forget(bearer.rid));
                    outcomes[bearer.slot] = EntryOutcome::Refused(refusal.in_entry(index));
                }
            }
        }
    }
    if !new.is_empty() {
        patients.claim(&new).await?;
    }
    Ok(())
}

/// The Patients that this write stores, as far as they have not been refused.
fn bearers<'w>(write: &'w Write, resolved: &'w Resolved, outcomes: &[EntryOutcome]) -> Vec<Bearer<'w>> {
    let mut bearers = Vec::new();
    for (slot, entry) in write.entries.iter().enumerate() {
        let stored = matches!(outcomes[slot], EntryOutcome::Done(_)) && entry.resource().is_some();
        if entry.writes() != Some(ResourceType::Patient) || !stored {
            continue;
        }
        let (rid, head) = match resolved.settled(slot) {
            Settled::New { rid, .. } => (*rid, None),
            Settled::Target { head, rid } => (*rid, head.as_ref()),
            Settled::Exists { .. } | Settled::SeveralExist | Settled::Nothing => continue,
        };
        bearers.push(Bearer { slot, rid, head, named: &entry.named });
    }
    bearers
}

/// Refuses what this patient may not carry. `had` is how many patient numbers it was given.
fn check(
    write: &Write,
    bearer: &Bearer<'_>,
    had: u32,
    claims: &[(Claim, Option<Rid>)],
) -> Result<(), Refusal> {
    let mut kept = 0;
    for (claim, holder) in claims {
        let own = *holder == Some(bearer.rid);
        if claim.named.kind == NamedKind::Number {
            kept += u32::from(own);
            if !own && !write.numbers {
                return Err(Refusal::at(
                    422,
                    IssueType::BusinessRule,
                    place(&claim.named),
                    "the patient number is given by the server: it can be neither chosen nor changed",
                ));
            }
        }
        if holder.is_some() && !own {
            return Err(taken(&claim.named));
        }
    }
    // Who brings a deleted patient back need not know its number.
    if kept < had && bearer.head.is_some_and(|head| !head.deleted) {
        return Err(Refusal::at(
            422,
            IssueType::BusinessRule,
            "Patient.identifier",
            "the patient number cannot be taken away: send the identifiers of the current version along",
        ));
    }
    Ok(())
}

fn place(named: &Named) -> String {
    format!("Patient.identifier[{}]", named.index)
}

fn taken(named: &Named) -> Refusal {
    let what = match named.kind {
        NamedKind::Number => "patient number",
        NamedKind::Mrn => "medical record number",
    };
    let why = format!(
        "identifier_belongs_to_one_patient: this {what} belongs, or once belonged, to another patient"
    );
    Refusal::at(409, IssueType::Duplicate, place(named), why)
}
