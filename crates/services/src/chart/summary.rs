//! A patient at a glance: one statement in `clinical`, then one in `phi`.
//!
//! `clinical` is read first: of a commit over both, `phi` decides and is seen first, so that what `clinical` shows is
//! never ahead of what `phi` will show. Where either database is down there is no summary: one that silently lacked
//! the allergies would be worse than none.

use domain::Context;
use domain::chart::allergy::Allergy;
use domain::chart::encounter::Encounter;
use domain::chart::medication::Medication;
use domain::chart::problem::Problem;
use domain::chart::summary::{AllergyStatus, Charted, LatestMeasurement, PatientBanner, SummaryPart};
use domain::chart::vital_signs::set::{self, LOINC};
use domain::chart::vital_signs::table::Member;
use domain::chart::{Entry, vital_signs::Status};
use domain::store::{Archive, Body, Found, Key, Slice, Sliced};
use fhir::ResourceType;
use fhir::definitions::parameters::STATUS;
use schemars::JsonSchema;
use serde::Serialize;

use super::ChartError;
use super::entry::{charted, resource};

/// Records of one type that a summary looks through.
const RECORDS: usize = 300;
/// Encounters that it shows.
const ENCOUNTERS: usize = 20;
/// How far back it looks for a measurement that has a value.
const MEASUREMENTS: usize = 3;

/// An empty list, for the example.
const NOTHING: [(); 0] = [];

/// A patient at a glance.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(rename = "PatientSummary")]
pub struct Summary {
    /// Who it is.
    pub patient: PatientBanner,
    /// Problems that are to be kept in mind.
    pub problems: Vec<Charted<Problem>>,
    /// What is known of allergies.
    pub allergy_status: AllergyStatus,
    /// Allergies that have to be reckoned with.
    pub allergies: Vec<Charted<Allergy>>,
    /// Medication that is being taken, or on hold.
    pub medications: Vec<Charted<Medication>>,
    /// The latest value of each measurement.
    pub vital_signs: Vec<LatestMeasurement>,
    /// The encounters during which the patient is here now.
    #[schemars(example = NOTHING)]
    pub current_encounters: Vec<Charted<Encounter>>,
    /// The newest of the others.
    pub recent_encounters: Vec<Charted<Encounter>>,
    /// Parts that are not complete, because there are more records than a summary looks through. Read their lists.
    #[schemars(example = NOTHING)]
    pub truncated: Vec<SummaryPart>,
}

const fn slice(resource_type: ResourceType, most: usize) -> Slice {
    Slice { resource_type, code: None, without: None, most }
}

/// One slice for each code of each measurement.
fn measurements() -> Vec<(Member, Slice)> {
    let of = |member: Member| {
        set::codes_of(member).into_iter().map(move |code| {
            let slice = Slice {
                resource_type: ResourceType::Observation,
                code: Some((LOINC, code)),
                without: Some((STATUS, Status::EnteredInError.code())),
                most: MEASUREMENTS,
            };
            (member, slice)
        })
    };
    Member::ALL.iter().copied().flat_map(of).collect()
}

fn latest(
    wanted: &[(Member, Slice)],
    found: &[(Vec<(String, Body)>, bool)],
) -> Result<Vec<LatestMeasurement>, ChartError> {
    let mut all = Vec::<LatestMeasurement>::new();
    for ((member, _), (records, _)) in wanted.iter().zip(found) {
        for (id, body) in records {
            let resource = resource(body)?;
            let Some(measured) = set::measured_in(&resource, *member) else { continue };
            let unit = member.measurement().unit;
            let one = LatestMeasurement {
                member: *member,
                value: measured.to_json(),
                unit: (!unit.is_empty()).then_some(unit),
                measured_at: set::measured_at(&resource),
                observation: id.clone(),
                alert: set::alert(*member, &measured),
            };
            match all.iter_mut().find(|it| it.member == *member) {
                Some(other) if other.measured_at < one.measured_at => *other = one,
                Some(_) => {}
                None => all.push(one),
            }
            break;
        }
    }
    Ok(all)
}

fn there(sliced: Option<Sliced>) -> Result<Sliced, ChartError> {
    match sliced {
        None => Err(ChartError::Missing("patient")),
        Some(sliced) if sliced.deleted => Err(ChartError::Gone { noun: "patient", version: None }),
        Some(sliced) => Ok(sliced),
    }
}

/// The latest value of each measurement, in one statement.
///
/// # Errors
/// `Missing` and `Gone` for the patient.
pub async fn latest_vital_signs(
    archive: &dyn Archive,
    context: &Context,
    patient: &str,
) -> Result<Vec<LatestMeasurement>, ChartError> {
    let wanted = measurements();
    let slices: Vec<Slice> = wanted.iter().map(|(_, slice)| slice.clone()).collect();
    let sliced = there(archive.slices(context, patient, &slices).await?)?;
    latest(&wanted, &sliced.slices)
}

/// The patient at a glance.
///
/// # Errors
/// `Missing` and `Gone` for the patient; the store's, where either database does not answer.
pub async fn summary(archive: &dyn Archive, context: &Context, patient: &str) -> Result<Summary, ChartError> {
    let wanted = measurements();
    let mut slices = vec![
        slice(Problem::RESOURCE, RECORDS),
        slice(Allergy::RESOURCE, RECORDS),
        slice(Medication::RESOURCE, RECORDS),
        slice(Encounter::RESOURCE, RECORDS),
    ];
    slices.extend(wanted.iter().map(|(_, slice)| slice.clone()));
    let sliced = there(archive.slices(context, patient, &slices).await?)?;
    let key = Key { resource_type: ResourceType::Patient, id: patient.to_owned() };
    let banner = match archive.read(context, &key).await? {
        Found::Version(body) => PatientBanner::of(patient, body.version, &resource(&body)?),
        Found::Deleted { version, last_updated } => {
            return Err(ChartError::Gone { noun: "patient", version: Some((version, last_updated)) });
        }
        Found::Missing => return Err(ChartError::Missing("patient")),
    };
    let [problems, allergies, medications, encounters, measured @ ..] = sliced.slices.as_slice() else {
        return Err(ChartError::Missing("patient"));
    };
    let mut truncated = Vec::new();
    let mut note = |part, more: bool| {
        if more {
            truncated.push(part);
        }
    };
    note(SummaryPart::Problems, problems.1);
    note(SummaryPart::Allergies, allergies.1);
    note(SummaryPart::Medications, medications.1);
    let mut allergies_all: Vec<Charted<Allergy>> = charted(patient, &allergies.0)?;
    allergies_all.retain(|it| it.entry.is_active());
    let none_known = allergies_all.iter().any(|it| it.entry.says_none_is_known());
    allergies_all.retain(|it| !it.entry.says_none_is_known());
    let mut problems: Vec<Charted<Problem>> = charted(patient, &problems.0)?;
    problems.retain(|it| it.entry.is_active());
    let mut medications: Vec<Charted<Medication>> = charted(patient, &medications.0)?;
    medications.retain(|it| it.entry.is_active());
    let all: Vec<Charted<Encounter>> = charted(patient, &encounters.0)?;
    let (current_encounters, mut recent_encounters): (Vec<_>, Vec<_>) =
        all.into_iter().partition(|it| it.entry.is_current());
    note(SummaryPart::Encounters, encounters.1 || recent_encounters.len() > ENCOUNTERS);
    recent_encounters.truncate(ENCOUNTERS);
    Ok(Summary {
        patient: banner,
        problems,
        allergy_status: match (allergies_all.is_empty(), none_known) {
            (false, _) => AllergyStatus::Listed,
            (true, true) => AllergyStatus::NoneKnown,
            (true, false) => AllergyStatus::NotRecorded,
        },
        allergies: allergies_all,
        medications,
        vital_signs: latest(&wanted, measured)?,
        current_encounters,
        recent_encounters,
        truncated,
    })
}
