//! What a login needs before the password is compared.

use std::time::Duration;

use domain::store::Account;
use domain::{Context, Operation, StoreError, Touches, UnitOfWork};
use kernel::Database;

use super::{FindAccount, Lanes};

/// Looks the account up, and how long an attempt at it must wait.
#[derive(Clone, Debug)]
pub struct BeginLogin {
    /// The name as typed.
    pub find: FindAccount,
    /// Where its failures are counted.
    pub lanes: Lanes,
}

/// What [`BeginLogin`] found.
#[derive(Clone, Debug)]
pub struct Begun {
    /// The account, if there is one.
    pub account: Option<Account>,
    /// How long to wait; the same for names that no account has.
    pub wait: Option<Duration>,
}

impl Operation for BeginLogin {
    const NAME: &'static str = "session.begin_login";
    type Output = Begun;
    type Error = StoreError;

    fn touches(&self) -> Touches {
        Touches::reads(&[Database::Auth])
    }

    async fn run(&self, context: &Context, work: &mut dyn UnitOfWork) -> Result<Begun, StoreError> {
        let known = work.sessions()?.attempts(&self.lanes.subjects()).await?;
        let wait = self.lanes.wait(&known, context.now());
        let account = self.find.run(context, work).await?;
        Ok(Begun { account, wait })
    }
}

/// Asks again how long to wait: just before the comparison, when those before have been counted.
#[derive(Clone, Debug)]
pub struct CheckLanes {
    /// Where failures are counted.
    pub lanes: Lanes,
}

impl Operation for CheckLanes {
    const NAME: &'static str = "session.check_lanes";
    type Output = Option<Duration>;
    type Error = StoreError;

    fn touches(&self) -> Touches {
        Touches::reads(&[Database::Auth])
    }

    async fn run(&self, context: &Context, work: &mut dyn UnitOfWork) -> Result<Self::Output, StoreError> {
        let known = work.sessions()?.attempts(&self.lanes.subjects()).await?;
        Ok(self.lanes.wait(&known, context.now()))
    }
}
