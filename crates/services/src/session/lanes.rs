//! In which lanes a login's failures are counted.

use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

use chrono::{DateTime, Utc};
use domain::store::{Attempts, Session};
use identity::{Lane, Standing};
use seal::Keyring;

use super::Device;

const PURPOSE: &str = "identity.login_attempt";

/// The lanes of one attempt. Their subjects are keyed hashes: the table tells nobody which names were tried. A name that
/// no account has is counted like any other.
#[derive(Clone, Debug)]
pub struct Lanes {
    lanes: Vec<([u8; 32], Lane)>,
    /// Those that a success clears: not the address's, or one good account there would set it free.
    cleared: Vec<[u8; 32]>,
}

impl Lanes {
    /// The lanes of a login. With a known device the device's own lane is the only one: no stranger can fill it.
    pub fn of_login(
        keyring: &Keyring,
        username: &str,
        address: Option<IpAddr>,
        device: Option<&Device>,
    ) -> Lanes {
        let name = username.as_bytes();
        let subject = |parts: &[&[u8]]| keyring.mac(PURPOSE, parts);
        if let Some(device) = device {
            let own = subject(&[b"device", name, device.id().as_bytes()]);
            return Lanes { lanes: vec![(own, Lane::PAIR)], cleared: vec![own] };
        }
        let block = block(address);
        let pair = subject(&[b"pair", name, &block]);
        let account = Lanes::account(keyring, username);
        let place = subject(&[b"address", &block]);
        Lanes {
            lanes: vec![(pair, Lane::PAIR), (account, Lane::ACCOUNT), (place, Lane::ADDRESS)],
            cleared: vec![pair, account],
        }
    }

    /// The lane of whoever is logged in and is asked for the password again: a stolen token must not become a way to
    /// guess it. It is the login's and not the session's: whoever goes on in another organization has a new session,
    /// which ends when the login's would have.
    pub fn of_session(keyring: &Keyring, session: &Session) -> Lanes {
        let ends = session.expires_at.timestamp_micros().to_be_bytes();
        let own = keyring.mac(PURPOSE, &[b"session", session.account.uuid().as_bytes(), &ends]);
        Lanes { lanes: vec![(own, Lane::PAIR)], cleared: vec![own] }
    }

    /// The subject under which failures at one account are counted, wherever they come from.
    pub fn account(keyring: &Keyring, username: &str) -> [u8; 32] {
        keyring.mac(PURPOSE, &[b"account", username.as_bytes()])
    }

    /// What is looked up.
    pub fn subjects(&self) -> Vec<[u8; 32]> {
        self.lanes.iter().map(|(subject, _)| *subject).collect()
    }

    /// What a success clears.
    pub fn cleared(&self) -> &[[u8; 32]] {
        &self.cleared
    }

    /// How long the attempt must wait, by what is known under [`Lanes::subjects`].
    pub fn wait(&self, known: &[Option<Attempts>], now: DateTime<Utc>) -> Option<Duration> {
        known.iter().flatten().filter_map(|attempts| standing(attempts).wait(now)).max()
    }

    /// What is known after one more failure.
    pub fn fail(&self, known: &[Option<Attempts>], now: DateTime<Utc>) -> Vec<([u8; 32], Attempts)> {
        let after = |((subject, lane), before): (&([u8; 32], Lane), &Option<Attempts>)| {
            let Standing { failures, last_at, blocked_until } = lane.fail(before.as_ref().map(standing), now);
            (*subject, Attempts { failures, last_at, blocked_until })
        };
        self.lanes.iter().zip(known).map(after).collect()
    }
}

fn standing(attempts: &Attempts) -> Standing {
    let Attempts { failures, last_at, blocked_until } = *attempts;
    Standing { failures, last_at, blocked_until }
}

/// The address, or of an IPv6 address the 64 bits that a customer gets: the other 64 cost nothing to change.
fn block(address: Option<IpAddr>) -> Vec<u8> {
    match address {
        None => Vec::new(),
        Some(IpAddr::V4(address)) => address.octets().to_vec(),
        Some(IpAddr::V6(address)) => match Ipv6Addr::to_ipv4_mapped(&address) {
            Some(address) => address.octets().to_vec(),
            None => address.octets()[..8].to_vec(),
        },
    }
}

#[cfg(test)]
mod tests {
    use seal::MasterKey;

    use super::*;

    fn keyring() -> Keyring {
        Keyring::new(MasterKey::generate().unwrap())
    }

    fn at(address: &str) -> Option<IpAddr> {
        Some(address.parse().unwrap())
    }

    #[test]
    fn addresses_of_one_customer_share_a_lane_and_others_do_not() {
        assert_eq!(block(at("2001:db8:1:2::1")), block(at("2001:db8:1:2:ffff::9")));
        assert_ne!(block(at("2001:db8:1:2::1")), block(at("2001:db8:1:3::1")));
        assert_ne!(block(at("192.0.2.1")), block(at("192.0.2.2")));
        assert_eq!(block(at("192.0.2.1")), block(at("::ffff:192.0.2.1")));
    }

    #[test]
    fn strangers_meet_in_the_accounts_lane_and_a_known_device_has_its_own() {
        let keyring = keyring();
        let one = Lanes::of_login(&keyring, "anna", at("192.0.2.1"), None);
        let two = Lanes::of_login(&keyring, "anna", at("192.0.2.2"), None);
        let shared: Vec<_> = one.subjects().into_iter().filter(|it| two.subjects().contains(it)).collect();
        assert_eq!(shared, [Lanes::account(&keyring, "anna")]);
        let device = Device::generate();
        let own = Lanes::of_login(&keyring, "anna", at("192.0.2.1"), Some(&device));
        assert!(own.subjects().iter().all(|it| !one.subjects().contains(it)));
    }

    #[test]
    fn a_success_does_not_clear_what_is_counted_against_the_address() {
        let keyring = keyring();
        let lanes = Lanes::of_login(&keyring, "anna", at("192.0.2.1"), None);
        let kept: Vec<_> = lanes.subjects().into_iter().filter(|it| !lanes.cleared().contains(it)).collect();
        assert_eq!(kept, [keyring.mac(PURPOSE, &[b"address", &[192, 0, 2, 1]])]);
    }
}
