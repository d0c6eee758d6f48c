//! The chart: writing and reading what is true of a patient, through the one write path that FHIR has too.
//!
//! An entry is read, changed and written as a whole ([`entry`]); a set of vital signs is several records in one
//! transaction ([`vital_signs`]); a summary is one statement for each database ([`summary`]). What asks the store goes
//! through [`domain::store::Archive`], so that every access leaves its trace.

mod entry;
mod refused;
mod summary;
mod vital_signs;

pub use crate::read_on::Chosen;
pub use entry::{Filters, allergy_warnings, amend, create, get, list, require_encounter, require_patient};
pub use refused::{ChartError, pointer_of};
pub use summary::{Summary, latest_vital_signs, summary};
pub use vital_signs::{
    SetFilters, TrendPoint, amend_vital_signs, create_vital_signs, get_vital_signs, list_vital_signs,
    vital_signs_history, vital_signs_trend, written_vital_signs,
};
