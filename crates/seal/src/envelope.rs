//! The sealed form of bytes: header, optional compression, AES-256-GCM-SIV.
//!
//! ```text
//! byte 0        format: 1 = as it was, 2 = lz4
//! bytes 1-4     master key identifier, big endian
//! bytes 5-16    nonce, 96 random bits
//! bytes 17..    cipher text; under format 2 of (length of the plain text, u32 little endian | lz4 block)
//! last 16       tag
//! ```
//!
//! Format and key identifier are authenticated with the caller's context, so neither can be exchanged.
//! GCM-SIV (RFC 8452) is chosen over GCM because a repeated nonce then shows no more than that two equal
//! plain texts in equal places are equal, and a body is re-sealed under the same key for as long as the
//! installation lives.

use aes_gcm_siv::aead::{AeadInOut, KeyInit};
use aes_gcm_siv::{Aes256GcmSiv, Nonce, Tag};
use lz4_flex::block::{compress_into, decompress_into, get_maximum_output_size};
use zeroize::Zeroizing;

use crate::error::{SealError, UnsealError};

/// Longest plain text, bytes. Twice the largest request body, and the bound on what an unseal will allocate.
pub const PLAIN_BYTES_MAX: usize = 32 * 1024 * 1024;
/// What sealing adds to a plain text that does not compress, bytes.
pub const OVERHEAD_BYTES: usize = HEADER_BYTES + TAG_BYTES;

const FORMAT_PLAIN: u8 = 1;
const FORMAT_LZ4: u8 = 2;
const NONCE_BYTES: usize = 12;
const NONCE_AT: usize = 5;
const HEADER_BYTES: usize = NONCE_AT + NONCE_BYTES;
const TAG_BYTES: usize = 16;
const LENGTH_BYTES: usize = 4;
/// Below this lz4 has nothing to find and only costs time, bytes.
const COMPRESS_FROM_BYTES: usize = 64;

/// Whether a plain text may be compressed before it is sealed. The length of a sealed value then tells a
/// little of its content, which a record body or a query can afford and a secret cannot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Compression {
    Allowed,
    Never,
}

/// One derived key, ready to seal, with the identifier of the master key it comes from.
pub(crate) struct Envelope {
    cipher: Aes256GcmSiv,
    key_id: u32,
}

impl Envelope {
    pub(crate) fn new(key: &Zeroizing<[u8; 32]>, key_id: u32) -> Envelope {
        Envelope { cipher: Aes256GcmSiv::new((&**key).into()), key_id }
    }

    /// Seals `plain` for the place that `context` names.
    pub(crate) fn seal(
        &self,
        context: &[u8],
        plain: &[u8],
        compression: Compression,
    ) -> Result<Vec<u8>, SealError> {
        if plain.len() > PLAIN_BYTES_MAX {
            return Err(SealError::TooLong);
        }
        let (format, mut sealed) = match compressed(plain, compression) {
            Some(sealed) => (FORMAT_LZ4, sealed),
            None => (FORMAT_PLAIN, stored(plain)),
        };
        let nonce = random_nonce()?;
        sealed[0] = format;
        sealed[1..NONCE_AT].copy_from_slice(&self.key_id.to_be_bytes());
        sealed[NONCE_AT..HEADER_BYTES].copy_from_slice(&nonce);
        let authenticated = self.authenticated(format, context);
        let tag = self
            .cipher
            .encrypt_inout_detached(&nonce, &authenticated, (&mut sealed[HEADER_BYTES..]).into())
            .map_err(|_| SealError::TooLong)?;
        sealed.extend_from_slice(&tag);
        Ok(sealed)
    }

    /// Opens what [`Envelope::seal`] made for the same `context`.
    pub(crate) fn unseal(&self, context: &[u8], sealed: &[u8]) -> Result<Vec<u8>, UnsealError> {
        let (header, rest) = sealed.split_first_chunk::<HEADER_BYTES>().ok_or(UnsealError::TooShort)?;
        let (cipher_text, tag) = rest.split_last_chunk::<TAG_BYTES>().ok_or(UnsealError::TooShort)?;
        let [format, key_0, key_1, key_2, key_3, nonce @ ..] = *header;
        if format != FORMAT_PLAIN && format != FORMAT_LZ4 {
            return Err(UnsealError::UnknownFormat);
        }
        let found = u32::from_be_bytes([key_0, key_1, key_2, key_3]);
        if found != self.key_id {
            return Err(UnsealError::OtherKey { found, ours: self.key_id });
        }
        let mut plain = cipher_text.to_vec();
        let authenticated = self.authenticated(format, context);
        self.cipher
            .decrypt_inout_detached(
                &Nonce::from(nonce),
                &authenticated,
                plain.as_mut_slice().into(),
                &Tag::from(*tag),
            )
            .map_err(|_| UnsealError::Refused)?;
        if format == FORMAT_LZ4 { decompressed(&plain) } else { Ok(plain) }
    }

    /// What the tag covers besides the plain text: format and key identifier, of fixed length, then the
    /// context.
    fn authenticated(&self, format: u8, context: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(NONCE_AT + context.len());
        bytes.push(format);
        bytes.extend_from_slice(&self.key_id.to_be_bytes());
        bytes.extend_from_slice(context);
        bytes
    }
}

/// 96 bits from the operating system.
pub(crate) fn random_nonce() -> Result<Nonce, SealError> {
    let mut nonce = Nonce::default();
    getrandom::fill(&mut nonce).map_err(|_| SealError::NoRandomness)?;
    Ok(nonce)
}

/// Room for the header, then `plain` as it is, with capacity for the tag.
fn stored(plain: &[u8]) -> Vec<u8> {
    let mut sealed = Vec::with_capacity(plain.len() + OVERHEAD_BYTES);
    sealed.resize(HEADER_BYTES, 0);
    sealed.extend_from_slice(plain);
    sealed
}

/// Room for the header, then length and lz4 block of `plain`; `None` where that would not be smaller.
fn compressed(plain: &[u8], compression: Compression) -> Option<Vec<u8>> {
    const BLOCK_AT: usize = HEADER_BYTES + LENGTH_BYTES;
    if compression == Compression::Never || plain.len() < COMPRESS_FROM_BYTES {
        return None;
    }
    let length = u32::try_from(plain.len()).ok()?;
    let mut sealed = vec![0; BLOCK_AT + get_maximum_output_size(plain.len()) + TAG_BYTES];
    let written = compress_into(plain, &mut sealed[BLOCK_AT..]).ok()?;
    if written + LENGTH_BYTES >= plain.len() {
        return None;
    }
    sealed[HEADER_BYTES..BLOCK_AT].copy_from_slice(&length.to_le_bytes());
    sealed.truncate(BLOCK_AT + written);
    Some(sealed)
}

/// Undoes [`compressed`]. The bytes are already authenticated, so a failure means that whoever holds the key
/// sealed nonsense; the bound on the declared length holds all the same.
fn decompressed(bytes: &[u8]) -> Result<Vec<u8>, UnsealError> {
    let (length, block) = bytes.split_first_chunk::<LENGTH_BYTES>().ok_or(UnsealError::Refused)?;
    let length = usize::try_from(u32::from_le_bytes(*length)).map_err(|_| UnsealError::Refused)?;
    if length > PLAIN_BYTES_MAX {
        return Err(UnsealError::Refused);
    }
    let mut plain = vec![0; length];
    match decompress_into(block, &mut plain) {
        Ok(written) if written == length => Ok(plain),
        _ => Err(UnsealError::Refused),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn envelope(key: u8) -> Envelope {
        Envelope::new(&Zeroizing::new([key; 32]), u32::from(key))
    }

    /// Seals these inner bytes under format 2 with a valid tag, as only a holder of the key could.
    fn sealed_by_hand(envelope: &Envelope, inner: &[u8]) -> Vec<u8> {
        let mut sealed = stored(inner);
        sealed[0] = FORMAT_LZ4;
        sealed[1..NONCE_AT].copy_from_slice(&envelope.key_id.to_be_bytes());
        let authenticated = envelope.authenticated(FORMAT_LZ4, b"here");
        let nonce = Nonce::default();
        let body = (&mut sealed[HEADER_BYTES..]).into();
        let tag = envelope.cipher.encrypt_inout_detached(&nonce, &authenticated, body).unwrap();
        sealed.extend_from_slice(&tag);
        sealed
    }

    #[test]
    fn an_empty_text_is_the_overhead_alone() {
        let sealed = envelope(1).seal(b"", b"", Compression::Allowed).unwrap();
        assert_eq!(sealed.len(), OVERHEAD_BYTES);
        assert_eq!(envelope(1).unseal(b"", &sealed).unwrap(), b"");
    }

    #[test]
    fn repetitive_text_shrinks_and_random_text_does_not_grow_beyond_the_overhead() {
        let repetitive = b"{\"resourceType\":\"Observation\"}".repeat(100);
        let sealed = envelope(1).seal(b"", &repetitive, Compression::Allowed).unwrap();
        assert!(sealed.len() < repetitive.len() / 10);
        assert_eq!(sealed[0], FORMAT_LZ4);
        let mut random = vec![0; 4096];
        getrandom::fill(&mut random).unwrap();
        let sealed = envelope(1).seal(b"", &random, Compression::Allowed).unwrap();
        assert_eq!((sealed[0], sealed.len()), (FORMAT_PLAIN, random.len() + OVERHEAD_BYTES));
    }

    #[test]
    fn a_secret_is_never_compressed() {
        let sealed = envelope(1).seal(b"", &[7; 1000], Compression::Never).unwrap();
        assert_eq!(sealed.len(), 1000 + OVERHEAD_BYTES);
    }

    #[test]
    fn the_same_text_is_sealed_differently_each_time() {
        let [first, second] =
            [(); 2].map(|()| envelope(1).seal(b"here", b"text", Compression::Allowed).unwrap());
        assert_ne!(first[HEADER_BYTES..], second[HEADER_BYTES..]);
    }

    #[test]
    fn another_key_is_recognised_by_its_identifier() {
        let sealed = envelope(1).seal(b"", b"text", Compression::Allowed).unwrap();
        let error = UnsealError::OtherKey { found: 1, ours: 2 };
        assert_eq!(envelope(2).unseal(b"", &sealed), Err(error));
    }

    #[test]
    fn a_text_above_the_bound_is_not_sealed() {
        let long = vec![0; PLAIN_BYTES_MAX + 1];
        assert_eq!(envelope(1).seal(b"", &long, Compression::Allowed), Err(SealError::TooLong));
        let sealed = envelope(1).seal(b"", &long[1..], Compression::Allowed).unwrap();
        assert_eq!(envelope(1).unseal(b"", &sealed).unwrap(), long[1..]);
    }

    #[test]
    fn a_declared_length_is_believed_only_within_the_bound_and_when_true() {
        let envelope = envelope(1);
        let plain = b"abcdefgh".repeat(64);
        let good = compressed(&plain, Compression::Allowed).unwrap().split_off(HEADER_BYTES);
        assert_eq!(envelope.unseal(b"here", &sealed_by_hand(&envelope, &good)).unwrap(), plain);
        for declared in [u32::MAX, PLAIN_BYTES_MAX as u32 + 1, 513, 511, 0] {
            let mut inner = good.clone();
            inner[..LENGTH_BYTES].copy_from_slice(&declared.to_le_bytes());
            let sealed = sealed_by_hand(&envelope, &inner);
            assert_eq!(envelope.unseal(b"here", &sealed), Err(UnsealError::Refused), "{declared}");
        }
        assert_eq!(envelope.unseal(b"here", &sealed_by_hand(&envelope, b"abc")), Err(UnsealError::Refused));
    }
}
