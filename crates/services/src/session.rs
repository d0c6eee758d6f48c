//! Logging in, going on, and ending it: from a name and a password to a session, its tokens and their end.
//!
//! The parts of a login are apart because they run in different places: [`BeginLogin`] in a transaction of `auth`, the
//! comparison of the password on a blocking thread (`identity::PasswordHasher`), then [`OpenSession`] or
//! [`CountFailure`], and [`Minter`] anywhere.

mod begin_login;
mod change_password;
mod count_failure;
mod device;
mod end;
mod find_account;
mod lanes;
mod list;
mod mint;
mod open;
mod refresh;
mod replace_password;
mod sweep;
mod switch;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use domain::Caller;
use domain::store::{Account, Membership};
use identity::RefreshToken;
use kernel::{AccountId, SessionId, Tenant};
use uuid::Uuid;

pub use begin_login::{BeginLogin, Begun, CheckLanes};
pub use change_password::{ChangePassword, Changed};
pub use count_failure::CountFailure;
pub use device::Device;
pub use end::{EndSession, EndSessions};
pub use find_account::{FindAccount, FindCaller};
pub use lanes::Lanes;
pub use list::ListSessions;
pub use mint::{LIFETIME, MintedToken, Minter, NotMinted};
pub use open::{OpenSession, Opened};
pub use refresh::{Refresh, Refreshed};
pub use replace_password::ReplacePassword;
pub use sweep::{Sweep, stale_attempts};
pub use switch::{SwitchOrganization, Switched};

/// Who asks before anybody is logged in: the nil account, in an organization that does not exist.
pub fn nobody() -> Caller {
    Caller {
        account: AccountId::from_uuid(Uuid::nil()),
        tenant: Tenant::from_number(0),
        roles: Arc::from(Vec::new()),
    }
}

/// How long sessions last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionLimits {
    /// Without being renewed.
    pub idle: Duration,
    /// In all.
    pub absolute: Duration,
}

impl Default for SessionLimits {
    /// Half an hour without being renewed, twelve hours in all.
    fn default() -> SessionLimits {
        SessionLimits { idle: Duration::from_secs(30 * 60), absolute: Duration::from_secs(12 * 3_600) }
    }
}

/// The program at the other end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Client {
    /// What it calls itself, shortened.
    pub user_agent: Option<String>,
    /// Where it is.
    pub address: Option<IpAddr>,
}

impl Client {
    /// Longest name that is kept, characters.
    const NAME: usize = 200;

    /// A client of this `User-Agent`. Control characters are left out: the name is shown to the account's holder.
    pub fn new(user_agent: Option<&str>, address: Option<IpAddr>) -> Client {
        let plain = |name: &str| name.chars().filter(|c| !c.is_control()).take(Client::NAME).collect();
        Client { user_agent: user_agent.map(plain), address }
    }
}

/// A session that has just been opened or renewed: what its tokens say.
#[derive(Clone, Debug)]
pub struct Grant {
    /// Which.
    pub session: SessionId,
    /// Its epoch.
    pub epoch: i32,
    /// Its latest end.
    pub expires_at: chrono::DateTime<chrono::Utc>,
    /// Whose.
    pub account: AccountId,
    /// The name that the account logs in with.
    pub username: String,
    /// For which organization, with which roles.
    pub membership: Membership,
    /// Whether it is only good for choosing a password.
    pub must_change_password: bool,
    /// What it is renewed with.
    pub refresh: RefreshToken,
}

impl Grant {
    fn new(
        account: &Account,
        membership: &Membership,
        (session, epoch, expires_at): (SessionId, i32, chrono::DateTime<chrono::Utc>),
        refresh: RefreshToken,
    ) -> Grant {
        Grant {
            session,
            epoch,
            expires_at,
            account: account.id,
            username: account.username.clone(),
            membership: membership.clone(),
            must_change_password: account.must_change_password,
            refresh,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clients_name_is_shortened_and_holds_no_control_characters() {
        let client = Client::new(Some(&format!("a\nb\u{7}{}", "x".repeat(500))), None);
        let name = client.user_agent.unwrap();
        assert!(name.starts_with("abxx") && name.chars().count() == Client::NAME);
    }
}
