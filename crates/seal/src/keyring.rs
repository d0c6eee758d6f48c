//! The keyring: everything derived from one master key.
//!
//! Derivation is HKDF-SHA-256 (RFC 5869). The `info` of each derived key names its purpose and, where it
//! belongs to an organization, the database and the tenant; no two purposes share a key.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use aes_gcm_siv::aead::{AeadInOut, KeyInit};
use aes_gcm_siv::{Aes256GcmSiv, Nonce, Tag};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hkdf::Hkdf;
use hmac::{Hmac, Mac as _};
use kernel::{Database, Tenant};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::envelope::{Compression, Envelope, random_nonce};
use crate::error::{SealError, UnsealError};
use crate::master::MasterKey;
use crate::tenant::TenantKeys;

/// Longest text that is tried as a cursor, characters: longer ones cannot come from a URL that we accept.
pub const CURSOR_CHARACTERS_MAX: usize = kernel::limits::URL_BYTES;

/// Separates these derivations from any other use of the same 32 bytes, and one version of them from the
/// next.
const SALT: &[u8] = b"salus keyring 1";
const CURSOR_FORMAT: u8 = 1;
const CURSOR_NONCE_BYTES: usize = 12;
const CURSOR_TAG_BYTES: usize = 16;

/// Derives and keeps the keys of one master key. Shared by all requests; `Debug` shows the key's identifier
/// alone.
pub struct Keyring {
    derivation: Hkdf<Sha256>,
    key_id: u32,
    cursors: Aes256GcmSiv,
    secrets: Envelope,
    /// HMAC with the key already absorbed.
    codes: Hmac<Sha256>,
    /// Grows to one entry per database and organization, both of which come from our own tables, never from a
    /// request.
    tenants: RwLock<HashMap<(Database, Tenant), Arc<TenantKeys>>>,
}

impl Keyring {
    /// The keyring of this master key, which is wiped.
    pub fn new(master: MasterKey) -> Keyring {
        let derivation = Hkdf::<Sha256>::new(Some(SALT), master.bytes());
        let key_id = derive(&derivation, b"key id", None);
        let key_id = u32::from_be_bytes([key_id[0], key_id[1], key_id[2], key_id[3]]);
        let cursors = Aes256GcmSiv::new((&*derive(&derivation, b"cursor", None)).into());
        let secrets = Envelope::new(&derive(&derivation, b"secret", None), key_id);
        let mut block = Zeroizing::new([0; 64]);
        block[..32].copy_from_slice(&*derive(&derivation, b"mac", None));
        let codes = Hmac::<Sha256>::new((&*block).into());
        Keyring { derivation, key_id, cursors, secrets, codes, tenants: RwLock::default() }
    }

    /// A public identifier of the master key: part of every header, so that a wrong key is told from damage.
    pub fn key_id(&self) -> u32 {
        self.key_id
    }

    /// The keys of one organization in one database.
    pub fn tenant(&self, database: Database, tenant: Tenant) -> Arc<TenantKeys> {
        let place = (database, tenant);
        // A panic elsewhere cannot leave the map half-written, so a poisoned lock is as good as any.
        if let Some(keys) = self.tenants.read().unwrap_or_else(PoisonError::into_inner).get(&place) {
            return Arc::clone(keys);
        }
        let derive = |purpose| derive(&self.derivation, purpose, Some(place));
        let keys = TenantKeys::new(
            place,
            Envelope::new(&derive(b"body"), self.key_id),
            Envelope::new(&derive(b"text"), self.key_id),
            &derive(b"token"),
        );
        let mut tenants = self.tenants.write().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(tenants.entry(place).or_insert_with(|| Arc::new(keys)))
    }

    /// Seals what a server hands to a client to bring back, such as a page's position: base64url without
    /// padding, 39 characters longer than the plain text would be. It opens only with the same `context`,
    /// which therefore names whatever the cursor must not be carried to: user, tenant, query.
    ///
    /// # Errors
    /// [`SealError::NoRandomness`].
    pub fn seal_cursor(&self, context: &[u8], plain: &[u8]) -> Result<String, SealError> {
        let nonce = random_nonce()?;
        let mut sealed = Vec::with_capacity(1 + CURSOR_NONCE_BYTES + plain.len() + CURSOR_TAG_BYTES);
        sealed.push(CURSOR_FORMAT);
        sealed.extend_from_slice(&nonce);
        sealed.extend_from_slice(plain);
        let tag = self
            .cursors
            .encrypt_inout_detached(&nonce, context, (&mut sealed[1 + CURSOR_NONCE_BYTES..]).into())
            .map_err(|_| SealError::TooLong)?;
        sealed.extend_from_slice(&tag);
        Ok(URL_SAFE_NO_PAD.encode(sealed))
    }

    /// Opens what [`Keyring::seal_cursor`] made. There is no key identifier in it: a cursor of another master
    /// key is refused like a forged one.
    ///
    /// # Errors
    /// [`UnsealError`], but not `OtherKey`: to a client all of them mean that the cursor is no good.
    pub fn open_cursor(&self, context: &[u8], cursor: &str) -> Result<Vec<u8>, UnsealError> {
        if cursor.len() > CURSOR_CHARACTERS_MAX {
            return Err(UnsealError::Refused);
        }
        let sealed = URL_SAFE_NO_PAD.decode(cursor).map_err(|_| UnsealError::UnknownFormat)?;
        let (&format, rest) = sealed.split_first().ok_or(UnsealError::TooShort)?;
        if format != CURSOR_FORMAT {
            return Err(UnsealError::UnknownFormat);
        }
        let (nonce, rest) = rest.split_first_chunk::<CURSOR_NONCE_BYTES>().ok_or(UnsealError::TooShort)?;
        let (body, tag) = rest.split_last_chunk::<CURSOR_TAG_BYTES>().ok_or(UnsealError::TooShort)?;
        let mut plain = body.to_vec();
        self.cursors
            .decrypt_inout_detached(
                &Nonce::from(*nonce),
                context,
                plain.as_mut_slice().into(),
                &Tag::from(*tag),
            )
            .map_err(|_| UnsealError::Refused)?;
        Ok(plain)
    }

    /// Seals a secret of the installation itself, such as a signing key, for one `purpose`.
    ///
    /// # Errors
    /// [`SealError`].
    pub fn seal_secret(&self, purpose: &str, plain: &[u8]) -> Result<Vec<u8>, SealError> {
        self.secrets.seal(purpose.as_bytes(), plain, Compression::Never)
    }

    /// Opens what [`Keyring::seal_secret`] made for the same `purpose`; wiped when dropped.
    ///
    /// # Errors
    /// [`UnsealError`].
    pub fn open_secret(&self, purpose: &str, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, UnsealError> {
        self.secrets.unseal(purpose.as_bytes(), sealed).map(Zeroizing::new)
    }

    /// The keyed hash (HMAC-SHA-256) of these parts for one `purpose`: what only this installation can compute, such as
    /// the successor of a token. The lengths go in before the parts, so that no two inputs run together.
    pub fn mac(&self, purpose: &str, parts: &[&[u8]]) -> [u8; 32] {
        let mut mac = self.codes.clone();
        for part in [purpose.as_bytes()].iter().chain(parts) {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part);
        }
        mac.finalize().into_bytes().into()
    }
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Keyring({:08x})", self.key_id)
    }
}

/// HKDF-Expand with an `info` that no other purpose, database or tenant shares: the purpose with its length
/// before it, then nothing, or the database's code and the tenant's four bytes.
fn derive(
    derivation: &Hkdf<Sha256>,
    purpose: &'static [u8],
    place: Option<(Database, Tenant)>,
) -> Zeroizing<[u8; 32]> {
    let length = [purpose.len() as u8];
    let place = place.map(|(database, tenant)| {
        let [a, b, c, d] = tenant.number().to_be_bytes();
        [database.code() as u8, a, b, c, d]
    });
    let place = place.as_ref().map_or(&[][..], |place| &place[..]);
    let mut key = Zeroizing::new([0; 32]);
    match derivation.expand_multi_info(&[&length, purpose, place], &mut *key) {
        Ok(()) => key,
        // HKDF refuses only to give more than 255 hashes' worth, 8,160 bytes.
        Err(hkdf::InvalidLength) => unreachable!("32 bytes are within what HKDF-SHA-256 can give"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keyring(last: u8) -> Keyring {
        Keyring::new(MasterKey::from_text(&format!("{}{last:02x}", "5a".repeat(31))).unwrap())
    }

    #[test]
    fn the_same_master_key_gives_the_same_keyring() {
        let sealed = keyring(1).seal_secret("signing", b"key").unwrap();
        assert_eq!(*keyring(1).open_secret("signing", &sealed).unwrap(), b"key");
        assert_eq!(keyring(1).key_id(), keyring(1).key_id());
        assert_ne!(keyring(1).key_id(), keyring(2).key_id());
    }

    #[test]
    fn every_purpose_database_and_tenant_has_its_own_key() {
        let ring = keyring(1);
        let mut seen = std::collections::HashSet::new();
        let mut count = 0;
        for purpose in [&b"body"[..], b"text", b"token", b"key id", b"cursor", b"secret", b"mac"] {
            assert!(seen.insert(*derive(&ring.derivation, purpose, None)));
            count += 1;
            for database in Database::ALL {
                for tenant in [-1, 0, 1, 2, 256, i32::MAX] {
                    let place = Some((database, Tenant::from_number(tenant)));
                    assert!(seen.insert(*derive(&ring.derivation, purpose, place)));
                    count += 1;
                }
            }
        }
        assert_eq!(seen.len(), count);
    }

    #[test]
    fn derivation_is_fixed_for_ever() {
        // Were this to change, no installation could read its own data: a new SALT needs a new header format.
        // The expected values come from an independent computation with another language's HMAC.
        let ring = keyring(1);
        let tenant = Tenant::from_number(1);
        let body = derive(&ring.derivation, b"body", Some((Database::Phi, tenant)));
        assert_eq!((ring.key_id(), &body[..4]), (3_495_409_625, &[168, 122, 218, 100][..]));
        assert_eq!(ring.tenant(Database::Phi, tenant).token(12, 3, 1, "roe"), -7699481069820921221);
    }

    #[test]
    fn a_tenants_keys_are_derived_once() {
        let ring = keyring(1);
        let keys = || ring.tenant(Database::Phi, Tenant::from_number(1));
        assert!(Arc::ptr_eq(&keys(), &keys()));
        assert!(!Arc::ptr_eq(&keys(), &ring.tenant(Database::Phi, Tenant::from_number(2))));
    }

    #[test]
    fn a_cursor_opens_in_its_own_context_only() {
        let ring = keyring(1);
        for plain in [&b""[..], b"rid 42", &[0xff; 300]] {
            let cursor = ring.seal_cursor(b"user 1", plain).unwrap();
            assert!(cursor.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_'));
            assert_eq!(ring.open_cursor(b"user 1", &cursor).unwrap(), plain);
            assert_eq!(ring.open_cursor(b"user 2", &cursor), Err(UnsealError::Refused));
            assert_eq!(ring.open_cursor(b"", &cursor), Err(UnsealError::Refused));
            assert_eq!(keyring(2).open_cursor(b"user 1", &cursor), Err(UnsealError::Refused));
        }
    }

    #[test]
    fn a_changed_cut_or_foreign_cursor_is_refused() {
        let ring = keyring(1);
        let cursor = ring.seal_cursor(b"context", b"position").unwrap();
        for at in 0..cursor.len() {
            let mut changed = cursor.clone().into_bytes();
            changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(changed).unwrap();
            assert!(ring.open_cursor(b"context", &changed).is_err(), "character {at}");
            assert!(ring.open_cursor(b"context", &cursor[..at]).is_err(), "cut at {at}");
        }
        for foreign in ["", "=", "a b", "../../etc/passwd", "é", &"A".repeat(CURSOR_CHARACTERS_MAX + 1)] {
            assert!(ring.open_cursor(b"context", foreign).is_err(), "{foreign}");
        }
    }

    #[test]
    fn a_secret_opens_for_its_own_purpose_only() {
        let ring = keyring(1);
        let sealed = ring.seal_secret("signing", b"private key").unwrap();
        assert_eq!(*ring.open_secret("signing", &sealed).unwrap(), b"private key");
        assert_eq!(ring.open_secret("totp", &sealed).unwrap_err(), UnsealError::Refused);
        let found = ring.key_id();
        let error = UnsealError::OtherKey { found, ours: keyring(2).key_id() };
        assert_eq!(keyring(2).open_secret("signing", &sealed).unwrap_err(), error);
    }

    #[test]
    fn a_keyed_hash_belongs_to_key_purpose_and_parts() {
        let hash = keyring(1).mac("token", &[b"ab", b"c"]);
        assert_eq!(keyring(1).mac("token", &[b"ab", b"c"]), hash);
        assert_ne!(keyring(2).mac("token", &[b"ab", b"c"]), hash);
        assert_ne!(keyring(1).mac("toke", &[b"nab", b"c"]), hash);
        assert_ne!(keyring(1).mac("token", &[b"a", b"bc"]), hash);
        assert_ne!(keyring(1).mac("token", &[b"abc"]), hash);
    }

    #[test]
    fn debug_shows_the_identifier_alone() {
        assert_eq!(format!("{:?}", keyring(1)).len(), "Keyring(00000000)".len());
    }
}
