//! Decoding of `application/x-www-form-urlencoded` pairs, in a URL or a body, and writing them again.

use std::fmt::Write;

pub(super) use fhir::search::shown;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::failure::Failure;

/// What is escaped in a value: all that has a meaning in a query or in JSON. What FHIR uses a lot stays
/// readable.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b':')
    .remove(b',')
    .remove(b'/');

/// The pairs, decoded, in their order.
///
/// # Errors
/// 400 that names the parameter which cannot be decoded.
pub(super) fn decode(encoded: &str) -> Result<Vec<(String, String)>, Failure> {
    fhir::search::decode(encoded).map_err(|error| Failure::invalid(error.to_string()))
}

/// The pairs, encoded.
pub(crate) fn encode<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    let mut out = String::new();
    for (name, value) in pairs {
        let joint = if out.is_empty() { "" } else { "&" };
        // Writing to a String cannot fail.
        let _ = write!(
            out,
            "{joint}{}={}",
            utf8_percent_encode(name, ESCAPED),
            utf8_percent_encode(value, ESCAPED)
        );
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        let pairs =
            [("name", "Łódź & co+ \"x\"\\"), ("code", "http://loinc.org|8302-2,a"), ("subject:Patient", "1")];
        let encoded = encode(pairs);
        assert!(!encoded.contains(['"', '\\', ' ', '|']), "{encoded}");
        let read = decode(&encoded).unwrap();
        let read: Vec<_> = read.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert_eq!(read, pairs);
    }

    #[test]
    fn broken_escapes_bad_utf_8_and_nul_are_refused() {
        for bad in ["a=%", "a=%4", "a=%zz", "a=%ff", "a=%00", "%00=a", "a=%C3"] {
            assert!(decode(bad).is_err(), "{bad}");
        }
        assert_eq!(decode("a=b+c&&d").unwrap(), [("a".into(), "b c".into()), ("d".into(), String::new())]);
    }
}
