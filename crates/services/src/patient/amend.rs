//! Amending a patient: the change is made to the FHIR resource as it stands, so that what the typed view does not know
//! stays.

use chrono::{DateTime, Utc};
use domain::fault::Faults;
use domain::patient::{self, Demographics};
use fhir::ResourceType;
use serde_json::Value;

use super::Numbers;
use crate::record::{Refusal, Write};

/// A version of a patient, about to become the next.
#[derive(Clone, Debug)]
pub struct Revision<'a> {
    /// The patient's id.
    pub id: &'a str,
    /// The version that is amended; the write is refused where it is not the current one any more.
    pub version: i32,
    /// The FHIR resource of that version.
    pub resource: &'a Value,
}

/// The write that makes `wanted` of a patient.
///
/// # Errors
/// Every member that differs and is not as it must be.
pub fn amend(revision: &Revision<'_>, wanted: &Demographics, now: DateTime<Utc>) -> Result<Write, Faults> {
    let before = patient::view(revision.resource).demographics;
    patient::check(Some(&before), wanted, now)?;
    write(revision, &patient::amend(revision.resource, wanted))
}

/// The write that gives a patient who has none the first of `numbers`, and a medical record number with it where
/// there is none.
///
/// # Errors
/// None for a patient that is as the record store keeps it.
pub fn assign_number(revision: &Revision<'_>, numbers: &Numbers) -> Result<Write, Faults> {
    let mut wanted = patient::view(revision.resource).demographics;
    wanted.mrn.get_or_insert_with(|| numbers.mrn(0));
    let amended = patient::amend(revision.resource, &wanted);
    write(revision, &patient::with_number(amended, &numbers.patient_number(0))).map(Write::with_numbers)
}

fn write(revision: &Revision<'_>, resource: &Value) -> Result<Write, Faults> {
    let id = revision.id.to_owned();
    let version = Some(revision.version);
    Write::update(ResourceType::Patient, id, bytes(resource), version).map_err(|it| refused(&it))
}

/// A resource as text. Serialising a tree of JSON cannot fail.
pub(super) fn bytes(resource: &Value) -> Vec<u8> {
    resource.to_string().into_bytes()
}

/// What the record store's own checks find, in the words of the typed view.
pub(super) fn refused(refusal: &Refusal) -> Faults {
    let mut faults = Faults::none();
    for issue in &refusal.issues {
        let pointer = patient::pointer(issue.expression.as_deref().unwrap_or_default());
        faults.add(pointer, issue.diagnostics.clone());
    }
    faults
}
