//! The trail of merges that a patient had a part in.

use domain::store::Merge;
use domain::{Context, Operation, StoreError, Touches, UnitOfWork};
use kernel::{Database, Rid};

/// More merges of one patient than this are not shown; nobody is registered so often.
const MOST: usize = 100;

/// Looks the trail up.
#[derive(Clone, Debug)]
pub struct MergesOf {
    /// The patient; whoever asks has read that one, and left a trace of it.
    pub patient: Rid,
}

impl Operation for MergesOf {
    const NAME: &'static str = "patient.merges";
    type Output = Vec<Merge>;
    type Error = StoreError;

    fn touches(&self) -> Touches {
        Touches::reads(&[Database::Phi])
    }

    async fn run(&self, _: &Context, work: &mut dyn UnitOfWork) -> Result<Vec<Merge>, StoreError> {
        work.patients()?.merges_of(self.patient, MOST).await
    }
}
