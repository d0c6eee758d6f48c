//! From a query as it stands in a URL, or a form, to names and values.

use percent_encoding::percent_decode_str;

/// Why a query cannot be read. Holds a parameter's name at the most, and that only if it looks like one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// A name cannot be decoded.
    #[error("a parameter's name is not percent-encoded UTF-8")]
    Name,
    /// A value cannot be decoded.
    #[error("the value of {} is not percent-encoded UTF-8", shown(.0))]
    Value(String),
}

/// Decodes `application/x-www-form-urlencoded`: pairs in their order, `+` as a space. A part without `=` is a name
/// with an empty value.
///
/// # Errors
/// [`DecodeError`] where a percent sign is not followed by two hexadecimal digits, or the bytes are not UTF-8 or hold a
/// NUL.
pub fn decode(encoded: &str) -> Result<Vec<(String, String)>, DecodeError> {
    encoded
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let name = decode_text(name).ok_or(DecodeError::Name)?;
            let value = decode_text(value).ok_or_else(|| DecodeError::Value(name.clone()))?;
            Ok((name, value))
        })
        .collect()
}

/// A parameter's name as a message may show it: what a client sends as a name may be anything.
pub fn shown(name: &str) -> &str {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_decoded_in_order() {
        let pairs = decode("name=J%C3%BCrgen+K&&identifier=a%7Cb=c&flag").unwrap();
        let expected = [("name", "Jürgen K"), ("identifier", "a|b=c"), ("flag", "")];
        assert_eq!(pairs, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
    }

    #[test]
    fn what_cannot_be_decoded_is_refused_by_name() {
        assert_eq!(decode("name=%FF"), Err(DecodeError::Value("name".to_owned())));
        assert_eq!(decode("name=%00"), Err(DecodeError::Value("name".to_owned())));
        assert_eq!(decode("%4=x"), Err(DecodeError::Name));
        assert!(!decode("Jane%20Roe=%4").unwrap_err().to_string().contains("Roe"));
    }
}
