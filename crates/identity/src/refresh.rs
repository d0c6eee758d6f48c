//! Refresh tokens: 256 random bits that mean nothing to whoever holds them. Stored is their SHA-256 alone.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use kernel::Secret;
use sha2::{Digest, Sha256};

use crate::generate::NoRandomness;

const BYTES: usize = 32;

/// A refresh token. `Debug` shows nothing of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefreshToken(Secret<[u8; BYTES]>);

impl RefreshToken {
    /// A new one, the first of its family.
    ///
    /// # Errors
    /// [`NoRandomness`].
    pub fn generate() -> Result<RefreshToken, NoRandomness> {
        let mut bytes = [0; BYTES];
        getrandom::fill(&mut bytes).map_err(|_| NoRandomness)?;
        Ok(RefreshToken(Secret::new(bytes)))
    }

    /// The token of these bytes: one that was computed from its predecessor.
    pub fn from_bytes(bytes: [u8; BYTES]) -> RefreshToken {
        RefreshToken(Secret::new(bytes))
    }

    /// Reads a token as a client sent it; none where it cannot be one.
    pub fn parse(text: &str) -> Option<RefreshToken> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        Some(RefreshToken::from_bytes(bytes.try_into().ok()?))
    }

    /// The token as a client gets it: 43 characters of base64url.
    pub fn to_text(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.bytes())
    }

    /// The bytes, for computing the successor.
    pub fn bytes(&self) -> &[u8; BYTES] {
        self.0.expose()
    }

    /// What is stored.
    pub fn hash(&self) -> [u8; 32] {
        Sha256::digest(self.bytes()).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_survives_its_text_and_shows_nothing_in_debug() {
        let token = RefreshToken::generate().unwrap();
        let text = token.to_text();
        assert_eq!(text.len(), 43);
        assert_eq!(RefreshToken::parse(&text), Some(token.clone()));
        assert_ne!(token, RefreshToken::generate().unwrap());
        assert!(!format!("{token:?}").contains(&text[..8]));
    }

    #[test]
    fn what_is_no_token_is_not_looked_up() {
        let good = RefreshToken::generate().unwrap().to_text();
        for odd in ["", "x", &good[..42], &format!("{good}A"), &format!("{good}="), &"é".repeat(22)] {
            assert_eq!(RefreshToken::parse(odd), None, "{odd}");
        }
    }
}
