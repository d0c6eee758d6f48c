//! What the routes of patients take and give, beside the patient itself.

use chrono::{DateTime, Utc};
use domain::patient::{Change, Gender, Patient};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use services::patient::{Duplicate, Filters, Sort};
use uuid::Uuid;

use crate::sample;

/// What to do where the patient is likely registered already.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum OnDuplicate {
    /// Register, and tell of those who are alike.
    #[default]
    Hint,
    /// Refuse with 409.
    Refuse,
}

/// The parameters of a registration.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RegisterQuery {
    /// `hint` (the default) registers in any case, `refuse` refuses with 409 where likely duplicates are found.
    #[serde(default)]
    pub(super) on_duplicate: OnDuplicate,
}

/// The parameters of a page.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PageQuery {
    /// Entries of the page: 20 where none is given, at most 100.
    pub(super) limit: Option<u32>,
    /// Where the page begins, from the page before.
    pub(super) cursor: Option<String>,
}

/// The parameters of the list. Names and numbers in a URL end in logs of whoever stands between: `POST
/// /api/v1/patients/search` takes the same in its body.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ListQuery {
    family_name: Option<String>,
    given_name: Option<String>,
    name: Option<String>,
    birth_date: Option<String>,
    birth_date_from: Option<String>,
    birth_date_to: Option<String>,
    gender: Option<Gender>,
    mrn: Option<String>,
    patient_number: Option<String>,
    /// `system|value`, or the value alone.
    identifier: Option<String>,
    active: Option<bool>,
    /// With `-` the latest first; without it the newest registration is first.
    sort: Option<Sort>,
    /// Entries of the page: 20 where none is given, at most 100.
    pub(super) limit: Option<u32>,
    /// Where the page begins, from the page before.
    pub(super) cursor: Option<String>,
}

impl ListQuery {
    pub(super) fn filters(&self) -> Filters {
        Filters {
            family_name: self.family_name.clone(),
            given_name: self.given_name.clone(),
            name: self.name.clone(),
            birth_date: self.birth_date.clone(),
            birth_date_from: self.birth_date_from.clone(),
            birth_date_to: self.birth_date_to.clone(),
            gender: self.gender,
            mrn: self.mrn.clone(),
            patient_number: self.patient_number.clone(),
            identifier: self.identifier.clone(),
            active: self.active,
            sort: self.sort,
        }
    }

    /// The parameters, for the way to the next page.
    pub(super) fn pairs(&self) -> Vec<(&'static str, String)> {
        let texts = [
            ("family_name", &self.family_name),
            ("given_name", &self.given_name),
            ("name", &self.name),
            ("birth_date", &self.birth_date),
            ("birth_date_from", &self.birth_date_from),
            ("birth_date_to", &self.birth_date_to),
            ("mrn", &self.mrn),
            ("patient_number", &self.patient_number),
            ("identifier", &self.identifier),
        ];
        let mut pairs: Vec<_> =
            texts.into_iter().filter_map(|(name, value)| Some((name, value.clone()?))).collect();
        pairs.extend(self.gender.map(|gender| ("gender", gender.code().to_owned())));
        pairs.extend(self.sort.map(|sort| ("sort", sort.name().to_owned())));
        pairs.extend(self.active.map(|active| ("active", active.to_string())));
        pairs.extend(self.limit.map(|limit| ("limit", limit.to_string())));
        pairs
    }
}

/// The body of a search.
pub(crate) type SearchBody = Filters;

/// A patient who may be the same person.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub(crate) struct PossibleDuplicate {
    /// The patient's id.
    #[schemars(example = sample::TWIN)]
    pub(super) id: String,
    /// How alike, of 100; nobody below 70 is told.
    #[schemars(example = 85)]
    pub(super) score: u8,
    /// What agrees.
    #[schemars(example = ["same_family_name", "same_birth_date"])]
    pub(super) reasons: Vec<&'static str>,
}

impl From<Duplicate> for PossibleDuplicate {
    fn from(duplicate: Duplicate) -> PossibleDuplicate {
        let Duplicate { id, score, reasons } = duplicate;
        PossibleDuplicate { id, score, reasons }
    }
}

/// Patients who may be the same person, the likeliest first.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub(crate) struct Duplicates {
    /// At most ten.
    pub(super) items: Vec<PossibleDuplicate>,
}

/// A patient who was registered.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(transform = as_registered)]
pub(crate) struct Registered {
    #[serde(flatten)]
    pub(super) patient: Patient,
    /// Who may be the same person, the likeliest first; at most ten.
    pub(super) possible_duplicates: Vec<PossibleDuplicate>,
}

/// The example of a patient, whom nobody resembles.
fn as_registered(schema: &mut schemars::Schema) {
    domain::sample::extend(schema, &serde_json::json!({ "possible_duplicates": [] }));
}

/// A merge to be done.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct MergeRequest {
    /// The id of the patient that is merged into the one in the path.
    #[schemars(example = sample::TWIN)]
    pub(super) source: String,
    /// Why, 1 to 500 characters.
    #[schemars(example = &"registered twice on the same morning")]
    pub(super) reason: String,
}

/// How many records a merge moved.
#[derive(Clone, Copy, Debug, Serialize, JsonSchema)]
pub(crate) struct MovedRecords {
    /// Of who the patient is.
    #[schemars(example = 2)]
    pub(super) phi: u32,
    /// Of what is true of the patient.
    #[schemars(example = 17)]
    pub(super) clinical: u32,
}

/// A merge that was done.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct MergedBody {
    /// The patient that stayed, as it is now.
    pub(super) patient: Patient,
    /// How many records were moved.
    pub(super) moved: MovedRecords,
    /// Names the merge in the trail.
    #[schemars(example = sample::TRANSACTION)]
    pub(super) merge: Uuid,
}

/// A merge in the trail.
#[derive(Serialize, JsonSchema)]
pub(crate) struct MergeEntry {
    /// The transaction that moved the records.
    #[schemars(example = sample::TRANSACTION)]
    pub(super) merge: Uuid,
    /// The id of the patient that stayed.
    #[schemars(example = sample::PATIENT)]
    pub(super) winner: String,
    /// The id of the patient that was merged into it.
    #[schemars(example = sample::TWIN)]
    pub(super) source: String,
    /// Why.
    #[schemars(example = &"registered twice on the same morning")]
    pub(super) reason: String,
    /// The account that did it.
    #[schemars(example = sample::ACCOUNT)]
    pub(super) account: Uuid,
    /// When.
    #[schemars(example = sample::AT)]
    pub(super) at: DateTime<Utc>,
    /// How many records were moved.
    pub(super) moved: MovedRecords,
}

/// The merges that a patient had a part in, the newest first.
#[derive(Serialize, JsonSchema)]
pub(crate) struct MergeTrail {
    /// At most a hundred.
    pub(super) items: Vec<MergeEntry>,
}

/// A version of a patient.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub(crate) struct History {
    /// The version.
    #[schemars(example = 2)]
    pub(super) version: i32,
    /// When it was written.
    #[schemars(example = sample::AT)]
    pub(super) at: DateTime<Utc>,
    /// The account that wrote it; null where that was not kept.
    #[schemars(example = sample::ACCOUNT)]
    pub(super) account: Option<Uuid>,
    /// Whether this version is a deletion.
    #[schemars(example = false)]
    pub(super) deleted: bool,
    /// What differs from the version before.
    pub(super) changes: Vec<Change>,
}
