//! Deleting what nobody will ask for.

use domain::{Context, Operation, StoreError, Touches, UnitOfWork};
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
        work.sessions()?.sweep(context.now()).await
    }
}
