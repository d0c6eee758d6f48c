//! Strict JSON (RFC 8259). What two readers could take differently is refused: a property given twice, a lone
//! surrogate, a NUL, a number that no decimal type holds. Number literals keep their text.
//!
//! The reader is our own and not a visitor of serde_json, because that hands numbers over as maps with a
//! magic key, which a document can counterfeit, and tells the kind of an error only in English.

mod parser;

use serde_json::Value;

pub(crate) use parser::{Parsed, Parser, spanned, whole};

/// Why a document was refused, and where. Holds nothing of the document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: {kind}")]
pub struct JsonError {
    /// The line, from 1.
    pub line: usize,
    /// The character in the line, from 1.
    pub column: usize,
    /// What is wrong.
    pub kind: JsonErrorKind,
}

/// What is wrong with a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JsonErrorKind {
    /// Bytes that are not UTF-8.
    #[error("not UTF-8")]
    NotUtf8,
    /// The document ends in the middle.
    #[error("the document ends too early")]
    UnexpectedEnd,
    /// Something else is needed here.
    #[error("expected {0}")]
    Expected(&'static str),
    /// Nested deeper than [`kernel::limits::JSON_DEPTH`].
    #[error("nested deeper than {} levels", kernel::limits::JSON_DEPTH)]
    TooDeep,
    /// An object has the same property twice.
    #[error("the object has a property twice")]
    DuplicateKey,
    /// `\u0000`, or the bare character.
    #[error("a NUL character")]
    Nul,
    /// A character below U+0020 that is not escaped.
    #[error("a control character in a string")]
    ControlCharacter,
    /// A backslash before something that JSON does not escape.
    #[error("an unknown escape in a string")]
    BadEscape,
    /// Half of a surrogate pair.
    #[error("a lone surrogate in a string")]
    LoneSurrogate,
    /// A number literal longer than [`kernel::limits::JSON_NUMBER_CHARACTERS`].
    #[error("a number of more than {} characters", kernel::limits::JSON_NUMBER_CHARACTERS)]
    NumberTooLong,
    /// A number with an exponent beyond 999.
    #[error("a number with an exponent beyond 999")]
    ExponentTooLarge,
    /// Something after the document.
    #[error("something follows the document")]
    TrailingContent,
}

/// Reads a document into a tree. Properties stay in their order, and numbers as they were written.
///
/// # Errors
/// The first thing that is wrong.
pub fn parse(bytes: &[u8]) -> Result<Value, JsonError> {
    whole(bytes, |parser| parser.value())
}

/// Checks a document by the same rules, without building a tree.
///
/// # Errors
/// The first thing that is wrong.
pub fn check(bytes: &[u8]) -> Result<(), JsonError> {
    whole(bytes, |parser| parser.skip())
}

#[cfg(test)]
mod tests;
