//! Audit rows of what is done to accounts, organizations and keys: in `auth`, in the transaction of the act.

use domain::audit::{Action, Event};
use domain::store::Changes;
use domain::{Context, Stored, UnitOfWork};
use kernel::{AccountId, Database, Phi, Tenant};

/// Writes the row.
pub(crate) async fn write(work: &mut dyn UnitOfWork, event: &Event) -> Stored<()> {
    work.records(Database::Auth)?.write(&Changes::default(), event).await
}

/// Who did this to whom (an account's or organization's id), with `detail` sealed.
pub(crate) async fn act(
    work: &mut dyn UnitOfWork,
    context: &Context,
    action: Action,
    operation: &'static str,
    whom: String,
    detail: Option<String>,
) -> Stored<()> {
    let mut event = Event::of(context, action, operation);
    event.resource_id = Some(whom);
    event.query = detail.map(Phi::new);
    write(work, &event).await
}

/// What an account did by itself, before or while it has a session.
pub(crate) fn of_account(
    context: &Context,
    operation: &'static str,
    tenant: Option<Tenant>,
    account: Option<AccountId>,
) -> Event {
    let mut event = Event::of(context, Action::Execute, operation);
    event.tenant = tenant;
    event.account = account;
    event
}
