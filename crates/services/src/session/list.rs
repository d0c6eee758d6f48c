//! The sessions of an account.

use domain::store::Session;
use domain::{Context, Operation, StoreError, Touches, UnitOfWork};
use kernel::Database;

/// Lists the caller's sessions that can still be renewed, in every organization, newest first.
#[derive(Clone, Copy, Debug)]
pub struct ListSessions;

impl Operation for ListSessions {
    const NAME: &'static str = "session.list";
    type Output = Vec<Session>;
    type Error = StoreError;

    fn touches(&self) -> Touches {
        Touches::reads(&[Database::Auth])
    }

    async fn run(&self, context: &Context, work: &mut dyn UnitOfWork) -> Result<Vec<Session>, StoreError> {
        work.sessions()?.open_of(context.caller.account, context.now()).await
    }
}
