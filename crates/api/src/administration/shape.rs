//! What names, usernames and addresses may look like.

use serde::{Deserialize, Deserializer};

use crate::failure::Failure;

/// Longest name of a person or an organization, characters.
const NAME: usize = 200;
/// Shortest and longest username.
const USERNAME: std::ops::RangeInclusive<usize> = 3..=64;
/// Longest address (RFC 5321, section 4.5.3.1.3).
const EMAIL: usize = 254;

/// A name as it is stored: without blanks around it.
pub(super) fn name(pointer: &str, text: &str) -> Result<String, Failure> {
    let text = text.trim();
    let plain = (1..=NAME).contains(&text.chars().count()) && !text.chars().any(char::is_control);
    if plain {
        return Ok(text.to_owned());
    }
    Err(Failure::of_member(
        pointer,
        format!("a name has 1 to {NAME} characters, none of them a control character"),
    ))
}

/// A username as it is stored: in lower case.
pub(super) fn username(pointer: &str, text: &str) -> Result<String, Failure> {
    let text = text.to_lowercase();
    let allowed = |byte: u8| {
        byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'.' | b'_' | b'-' | b'@' | b'+')
    };
    let begins = text.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric());
    if USERNAME.contains(&text.len()) && begins && text.bytes().all(allowed) {
        return Ok(text);
    }
    let detail =
        "a username has 3 to 64 letters (a to z), digits and . _ - @ +, and begins with a letter or digit";
    Err(Failure::of_member(pointer, detail))
}

/// An address that something could be sent to; whether it exists, only sending tells.
pub(super) fn email(pointer: &str, text: &str) -> Result<String, Failure> {
    let text = text.trim();
    let parts = text.split_once('@').filter(|(local, host)| !local.is_empty() && !host.is_empty());
    let plain = text.len() <= EMAIL
        && parts.is_some_and(|(_, host)| !host.contains('@'))
        && !text.chars().any(|c| c.is_control() || c.is_whitespace());
    if plain {
        return Ok(text.to_owned());
    }
    Err(Failure::of_member(pointer, format!("an address looks like name@host and has at most {EMAIL} bytes")))
}

/// A member of a merge patch: absent, null, or a value.
pub(super) fn present<'de, D, T>(deserializer: D) -> Result<Option<Option<T>>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    Option::<T>::deserialize(deserializer).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_trimmed_and_usernames_put_in_lower_case() {
        assert_eq!(name("/n", " Anna Alm ").unwrap(), "Anna Alm");
        assert_eq!(username("/u", "A.Alm+1@Clinic").unwrap(), "a.alm+1@clinic");
        assert_eq!(email("/e", " a@b ").unwrap(), "a@b");
    }

    #[test]
    fn what_cannot_be_one_is_refused_at_its_member() {
        for odd in ["", "   ", "a\nb", &"x".repeat(201)] {
            assert_eq!(name("/n", odd).unwrap_err().issues[0].expression.as_deref(), Some("/n"), "{odd}");
        }
        for odd in ["", "ab", ".abc", "a b c", "zoë", "a\0bc", &"x".repeat(65)] {
            assert_eq!(username("/u", odd).unwrap_err().status.as_u16(), 422, "{odd}");
        }
        for odd in ["", "a", "@b", "a@", "a@b@c", "a b@c", &format!("a@{}", "x".repeat(254))] {
            assert!(email("/e", odd).is_err(), "{odd}");
        }
    }
}
