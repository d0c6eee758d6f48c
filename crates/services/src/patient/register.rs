//! Registering a patient.

use chrono::{DateTime, Utc};
use domain::fault::Faults;
use domain::patient::{self, Demographics};
use fhir::ResourceType;
use serde_json::json;

use super::Numbers;
use super::amend::{bytes, refused};
use crate::record::Write;

/// The write that registers a patient under the number at `place` of `numbers`, with a medical record number made from
/// it where none is given.
///
/// # Errors
/// Every member that is not as it must be.
pub fn register(
    wanted: &Demographics,
    numbers: &Numbers,
    place: u32,
    now: DateTime<Utc>,
) -> Result<Write, Faults> {
    patient::check(None, wanted, now)?;
    let mut wanted = wanted.clone();
    wanted.active.get_or_insert(true);
    wanted.mrn.get_or_insert_with(|| numbers.mrn(place));
    let resource = patient::amend(&json!({"resourceType": "Patient"}), &wanted);
    let resource = patient::with_number(resource, &numbers.patient_number(place));
    let write = Write::create(ResourceType::Patient, bytes(&resource), None).map_err(|it| refused(&it))?;
    Ok(write.with_numbers())
}
