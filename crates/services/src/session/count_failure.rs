//! A password that was wrong.

use domain::audit::Outcome;
use domain::{Context, Operation, StoreError, Touches, UnitOfWork};
use kernel::{AccountId, Database};

use super::Lanes;
use crate::trail;

/// Counts the failure in its lanes and leaves an audit row.
#[derive(Clone, Debug)]
pub struct CountFailure {
    /// Where it is counted.
    pub lanes: Lanes,
    /// Whose password it was not, where there is such an account: for the audit trail alone.
    pub account: Option<AccountId>,
    /// What was tried, for the audit trail.
    pub operation: &'static str,
}

impl Operation for CountFailure {
    const NAME: &'static str = "session.count_failure";
    type Output = ();
    type Error = StoreError;

    fn touches(&self) -> Touches {
        Touches::writes(&[Database::Auth])
    }

    async fn run(&self, context: &Context, work: &mut dyn UnitOfWork) -> Result<(), StoreError> {
        let now = context.now();
        let mut sessions = work.sessions()?;
        let known = sessions.lock_attempts(&self.lanes.subjects(), now).await?;
        sessions.set_attempts(&self.lanes.fail(&known, now)).await?;
        drop(sessions);
        let mut event = trail::of_account(context, self.operation, None, self.account);
        event.outcome = Outcome::Denied;
        trail::write(work, &event).await
    }
}
