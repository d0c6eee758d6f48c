//! Deleting what nobody will ask for.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use domain::store::StaleAttempts;
use domain::{Context, Operation, StoreError, Touches, UnitOfWork};
use identity::throttle::{FEW, FEW_REMEMBERED, REMEMBERED};
use kernel::Database;

/// Deletes sessions that ended long ago and failures that no longer count.
#[derive(Clone, Copy, Debug)]
pub struct Sweep;

impl Operation for Sweep {
    const NAME: &'static str = "session.sweep";
    type Output = ();
    type Error = StoreError;

    fn touches(&self) -> Touches {
        Touches::writes(&[Database::Auth])
    }

    async fn run(&self, context: &Context, work: &mut dyn UnitOfWork) -> Result<(), StoreError> {
        let now = context.now();
        work.sessions()?.sweep(now, stale_attempts(now)).await
    }
}

/// The failures that no longer count at `now`.
pub fn stale_attempts(now: DateTime<Utc>) -> StaleAttempts {
    let ago = |time: Duration| now - TimeDelta::from_std(time).unwrap_or(TimeDelta::zero());
    StaleAttempts { before: ago(REMEMBERED), fewer_than: FEW, few_before: ago(FEW_REMEMBERED) }
}
