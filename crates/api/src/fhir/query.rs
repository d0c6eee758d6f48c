//! Decoding of `application/x-www-form-urlencoded` pairs, in a URL or a body, and writing them again.

use std::fmt::Write;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

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
/// 400 where a percent sign is not followed by two hexadecimal digits, or
/// the bytes are not UTF-8 or hold a NUL.
pub(super) fn decode(encoded: &str) -> Result<Vec<(String, String)>, Failure> {
    encoded
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let name = decode_text(name)
                .ok_or_else(|| Failure::invalid("a parameter's name is not percent-encoded UTF-8"))?;
            let value = decode_text(value).ok_or_else(|| {
                Failure::invalid(format!("the value of {} is not percent-encoded UTF-8", shown(&name)))
            })?;
            Ok((name, value))
        })
        .collect()
}

/// A parameter's name as a message may show it: what a client sends as a name may be anything.
pub(super) fn shown(name: &str) -> &str {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-:.".contains(c);
    if name.len() <= 64 && !name.is_empty() && name.chars().all(plain) { name } else { "a parameter" }
}

fn decode_text(text: &str) -> Option<String> {
    let bytes = text.as_bytes();
    let escapes_are_whole = bytes.iter().enumerate().filter(|(_, byte)| **byte == b'%').all(|(at, _)| {
        bytes.get(at + 1..at + 3).is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    });
    let spaced = text.replace('+', " ");
    let decoded = percent_decode_str(&spaced).decode_utf8().ok()?;
    (escapes_are_whole && !decoded.contains('\0')).then(|| decoded.into_owned())
}

/// The pairs, encoded.
pub(super) fn encode<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
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
