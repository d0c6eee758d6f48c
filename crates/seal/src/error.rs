//! What can go wrong. No message holds content: neither plain nor sealed bytes, nor any part of a key.

/// Why something could not be sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// The operating system gave no random bytes.
    #[error("the operating system gives no random bytes")]
    NoRandomness,
    /// The plain text is longer than [`crate::envelope::PLAIN_BYTES_MAX`].
    #[error("the plain text is longer than can be sealed")]
    TooLong,
}

/// Why something sealed could not be opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnsealError {
    /// Shorter than the shortest sealed value: it was cut, or never was one.
    #[error("the sealed value is too short")]
    TooShort,
    /// The first byte names a format that this version does not know, or a cursor is not base64url.
    #[error("the sealed value has an unknown format")]
    UnknownFormat,
    /// It was sealed under another master key.
    #[error("the sealed value belongs to master key {found:08x}, not to {ours:08x}")]
    OtherKey {
        /// The identifier of the key it was sealed under, as the header says.
        found: u32,
        /// The identifier of the key in use.
        ours: u32,
    },
    /// The seal is broken: the bytes were changed, or they do not belong in this place.
    #[error("the sealed value was changed or does not belong here")]
    Refused,
}

/// Why a text is not a master key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyTextError {
    /// Not 64 hexadecimal digits and not the base64 of 32 bytes.
    #[error("a master key is 64 hexadecimal digits or 32 bytes in base64")]
    Malformed,
    /// All bytes are equal: a placeholder that nobody replaced.
    #[error("the master key is a placeholder: all its bytes are equal")]
    Placeholder,
}
