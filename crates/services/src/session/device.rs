//! A device that has logged in before: what lets its owner in while a stranger guesses.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, TimeDelta, Utc};
use seal::Keyring;
use uuid::Uuid;

const PURPOSE: &str = "identity.device";
/// How long a device is remembered after its last login.
const REMEMBERED: TimeDelta = TimeDelta::days(180);
const ID: usize = 16;
const TIME: usize = 8;
const MAC: usize = 16;

/// A device of one account. It lets nobody in: it only chooses the lane in which failures are counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device(Uuid);

impl Device {
    /// A device that was not seen before.
    pub fn generate() -> Device {
        Device(Uuid::new_v4())
    }

    /// Which.
    pub fn id(&self) -> Uuid {
        self.0
    }

    /// What the device brings along next time: good for this account name alone.
    pub fn to_token(&self, keyring: &Keyring, username: &str, now: DateTime<Utc>) -> String {
        let until = (now + REMEMBERED).timestamp().to_be_bytes();
        let mut token = Vec::with_capacity(ID + TIME + MAC);
        token.extend_from_slice(self.0.as_bytes());
        token.extend_from_slice(&until);
        token.extend_from_slice(&code(keyring, username, &token)[..MAC]);
        URL_SAFE_NO_PAD.encode(token)
    }

    /// The device of a token that [`Device::to_token`] made; none where it is another account's, too old or forged.
    pub fn of_token(keyring: &Keyring, username: &str, token: &str, now: DateTime<Utc>) -> Option<Device> {
        let bytes = URL_SAFE_NO_PAD.decode(token).ok().filter(|bytes| bytes.len() == ID + TIME + MAC)?;
        let (said, given) = bytes.split_at(ID + TIME);
        let right = code(keyring, username, said);
        // Without an early end, so that time tells nothing of how much was right.
        let wrong = right.iter().zip(given).fold(0, |wrong, (right, given)| wrong | (right ^ given));
        let until = i64::from_be_bytes(said[ID..].try_into().ok()?);
        let id = Uuid::from_slice(&said[..ID]).ok()?;
        (wrong == 0 && now.timestamp() < until).then_some(Device(id))
    }
}

fn code(keyring: &Keyring, username: &str, said: &[u8]) -> [u8; 32] {
    keyring.mac(PURPOSE, &[username.as_bytes(), said])
}

#[cfg(test)]
mod tests {
    use seal::MasterKey;

    use super::*;

    #[test]
    fn a_device_is_known_to_its_own_account_for_half_a_year() {
        let keyring = Keyring::new(MasterKey::generate().unwrap());
        let (device, now) = (Device::generate(), Utc::now());
        let token = device.to_token(&keyring, "anna", now);
        assert_eq!(Device::of_token(&keyring, "anna", &token, now), Some(device.clone()));
        assert_eq!(Device::of_token(&keyring, "bert", &token, now), None);
        assert_eq!(Device::of_token(&keyring, "anna", &token, now + TimeDelta::days(181)), None);
        let other = Keyring::new(MasterKey::generate().unwrap());
        assert_eq!(Device::of_token(&other, "anna", &token, now), None);
    }

    #[test]
    fn a_forged_device_is_no_device() {
        let keyring = Keyring::new(MasterKey::generate().unwrap());
        let now = Utc::now();
        let token = Device::generate().to_token(&keyring, "anna", now);
        for at in 0..token.len() - 1 {
            let mut forged = token.clone().into_bytes();
            forged[at] = if forged[at] == b'A' { b'B' } else { b'A' };
            let forged = String::from_utf8(forged).unwrap();
            assert_eq!(Device::of_token(&keyring, "anna", &forged, now), None, "character {at}");
        }
        for odd in ["", "x", &token[1..]] {
            assert_eq!(Device::of_token(&keyring, "anna", odd, now), None);
        }
    }
}
