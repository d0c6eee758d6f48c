//! The master key, from which all other keys are derived.

use std::fmt;

use argon2::{Algorithm, Argon2, Params, Version};
use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::error::{KeyTextError, SealError};

/// Length of the master key, bytes.
pub const MASTER_KEY_BYTES: usize = 32;

/// Shortest secret that a master key is stretched from.
pub const SECRET_CHARACTERS: usize = 32;

/// What the stretching is salted with. Never changes: another salt is another key.
const STRETCHING: &[u8] = b"salus master key from ENCRYPTION_KEY, version 1";

/// Accepts base64 with and without padding, because tools that make keys differ in it.
const LENIENT: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);

/// 32 secret bytes. Wiped when dropped; `Debug` shows nothing of it. Where it is kept is the caller's
/// business.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct MasterKey([u8; MASTER_KEY_BYTES]);

impl MasterKey {
    /// A new key from the operating system's random source.
    ///
    /// # Errors
    /// [`SealError::NoRandomness`] when there is no such source.
    pub fn generate() -> Result<MasterKey, SealError> {
        let mut key = MasterKey([0; MASTER_KEY_BYTES]);
        getrandom::fill(&mut key.0).map_err(|_| SealError::NoRandomness)?;
        Ok(key)
    }

    /// Reads a key written as 64 hexadecimal digits or as base64 (standard or URL alphabet, padded or not),
    /// with any white space around it.
    ///
    /// # Errors
    /// [`KeyTextError`], which never holds any of the text.
    pub fn from_text(text: &str) -> Result<MasterKey, KeyTextError> {
        let text = text.trim();
        let bytes = match text.len() {
            64 => from_hex(text),
            43 | 44 => from_base64(text),
            _ => None,
        };
        let key = MasterKey(*bytes.ok_or(KeyTextError::Malformed)?);
        if key.0.iter().all(|byte| *byte == key.0[0]) {
            return Err(KeyTextError::Placeholder);
        }
        Ok(key)
    }

    /// Stretches a secret that people chose with argon2id (64 MiB, three passes). The salt is fixed: the key must come
    /// out the same on every machine that is given the secret, and there is one secret per installation.
    ///
    /// # Errors
    /// [`KeyTextError::Malformed`] for a secret of fewer than [`SECRET_CHARACTERS`] characters.
    pub fn stretch(secret: &str) -> Result<MasterKey, KeyTextError> {
        if secret.chars().count() < SECRET_CHARACTERS {
            return Err(KeyTextError::Malformed);
        }
        let mut key = MasterKey([0; MASTER_KEY_BYTES]);
        let stretched = Params::new(64 * 1024, 3, 1, Some(MASTER_KEY_BYTES)).and_then(|params| {
            Argon2::new(Algorithm::Argon2id, Version::V0x13, params).hash_password_into(
                secret.as_bytes(),
                STRETCHING,
                &mut key.0,
            )
        });
        stretched.map_err(|_| KeyTextError::Malformed)?;
        Ok(key)
    }

    /// The key as 64 lowercase hexadecimal digits: what [`MasterKey::from_text`] reads. Wiped when dropped.
    pub fn to_text(&self) -> Zeroizing<String> {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        // The full capacity at once: a String that grew would leave copies of the key behind.
        let mut text = Zeroizing::new(String::with_capacity(2 * MASTER_KEY_BYTES));
        for byte in self.0 {
            text.push(char::from(DIGITS[usize::from(byte >> 4)]));
            text.push(char::from(DIGITS[usize::from(byte & 0xf)]));
        }
        text
    }

    /// The bare bytes, for the derivation of the keyring only.
    pub(crate) fn bytes(&self) -> &[u8; MASTER_KEY_BYTES] {
        &self.0
    }
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[master key]")
    }
}

fn from_hex(text: &str) -> Option<Zeroizing<[u8; MASTER_KEY_BYTES]>> {
    let mut bytes = Zeroizing::new([0; MASTER_KEY_BYTES]);
    let digit = |character: u8| char::from(character).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(bytes)
}

fn from_base64(text: &str) -> Option<Zeroizing<[u8; MASTER_KEY_BYTES]>> {
    let url = text.bytes().any(|byte| byte == b'-' || byte == b'_');
    let alphabet = if url { &alphabet::URL_SAFE } else { &alphabet::STANDARD };
    let decoded = Zeroizing::new(GeneralPurpose::new(alphabet, LENIENT).decode(text).ok()?);
    let mut bytes = Zeroizing::new([0; MASTER_KEY_BYTES]);
    if decoded.len() != MASTER_KEY_BYTES {
        return None;
    }
    bytes.copy_from_slice(&decoded);
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEX: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

    #[test]
    fn a_key_survives_being_written_and_read() {
        let key = MasterKey::generate().unwrap();
        assert_eq!(MasterKey::from_text(&key.to_text()).unwrap().0, key.0);
        assert_eq!(key.to_text().len(), 64);
    }

    #[test]
    fn a_secret_gives_the_same_key_for_ever_and_a_short_one_none() {
        let key = MasterKey::stretch("correct horse battery staple in a hospital").unwrap();
        assert_eq!(*key.to_text(), "b2c935c988677b9fbfd111c8340969640d14d4203d299777dc6e5d7a9e27dad5");
        let other = MasterKey::stretch("correct horse battery staple in a hospitaL").unwrap();
        assert_ne!(key.0, other.0);
        assert!(MasterKey::stretch("only thirty-one characters long").is_err());
    }

    #[test]
    fn two_generated_keys_differ() {
        assert_ne!(MasterKey::generate().unwrap().0, MasterKey::generate().unwrap().0);
    }

    #[test]
    fn hexadecimal_and_every_base64_read_the_same_key() {
        let expected = MasterKey::from_text(HEX).unwrap().0;
        let texts = [
            "  000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F\n",
            "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
            "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8",
        ];
        for text in texts {
            assert_eq!(MasterKey::from_text(text).unwrap().0, expected, "{text}");
        }
        let high =
            MasterKey::from_text(&"fb".repeat(31).chars().chain("ff".chars()).collect::<String>()).unwrap();
        let standard = base64::engine::general_purpose::STANDARD.encode(high.0);
        let url = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(high.0);
        assert!(standard.contains('+') && url.contains('-'));
        assert_eq!(MasterKey::from_text(&standard).unwrap().0, MasterKey::from_text(&url).unwrap().0);
    }

    #[test]
    fn what_is_no_key_is_refused_without_showing_it() {
        let bad = [
            String::new(),
            "swordfish".to_owned(),
            HEX[1..].to_owned(),
            format!("{HEX}0"),
            HEX.replace('a', "g"),
            HEX.replace("0a", "+a"),
            "é".repeat(32),
            "!AECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=".to_owned(),
        ];
        for text in bad {
            let error = MasterKey::from_text(&text).unwrap_err();
            assert_eq!(error, KeyTextError::Malformed, "{text}");
            assert!(text.is_empty() || !error.to_string().contains(&text));
        }
    }

    #[test]
    fn a_placeholder_is_refused() {
        assert_eq!(MasterKey::from_text(&"00".repeat(32)).unwrap_err(), KeyTextError::Placeholder);
        assert_eq!(MasterKey::from_text(&"ff".repeat(32)).unwrap_err(), KeyTextError::Placeholder);
    }

    #[test]
    fn debug_shows_nothing_of_the_key() {
        assert_eq!(format!("{:?}", MasterKey::from_text(HEX).unwrap()), "[master key]");
    }
}
