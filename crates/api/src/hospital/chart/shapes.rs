//! Answers that are more than a record or a page.

use domain::chart::medication::{Medication, Warning};
use domain::chart::summary::{Charted, LatestMeasurement};
use schemars::JsonSchema;
use serde::Serialize;

/// A prescription that was made, and what whoever made it should know.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub(crate) struct Prescribed {
    /// The prescription.
    #[serde(flatten)]
    pub(crate) record: Charted<Medication>,
    /// What should be known; it keeps nobody from prescribing.
    pub(crate) warnings: Vec<Warning>,
}

/// The latest value of each measurement.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub(crate) struct LatestVitalSigns {
    /// Those that were ever measured.
    pub(crate) items: Vec<LatestMeasurement>,
}
