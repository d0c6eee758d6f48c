//! References between resources: what a `reference` string says, finding all of them in a resource, and
//! rewriting them when a transaction gives its entries their ids (R4 references, 2.3.0; R4 http, 3.1.0.11.2).

mod walk;

use crate::ResourceType;

pub use walk::{references, rewrite};

/// What a `reference` string says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reference<'a> {
    /// A resource of this server: `Patient/1` or `Patient/1/_history/2`.
    Local {
        /// Its type.
        resource_type: ResourceType,
        /// Its logical id.
        id: &'a str,
        /// The version, where the reference names one.
        version: Option<&'a str>,
    },
    /// A contained resource, without the `#`; empty for the container itself.
    Fragment(&'a str),
    /// `urn:uuid:...` or `urn:oid:...`: another entry of the same Bundle.
    Urn(&'a str),
    /// The one resource that a search finds, `Patient?identifier=...`; only in transactions.
    Conditional {
        /// The type searched.
        resource_type: ResourceType,
        /// The criteria, as they were written (percent-encoded).
        query: &'a str,
    },
    /// An absolute URL of any other scheme.
    Absolute(&'a str),
    /// Nothing that a reference can be.
    Invalid,
}

impl<'a> Reference<'a> {
    /// Reads a `reference` string.
    pub fn parse(text: &'a str) -> Reference<'a> {
        if let Some(fragment) = text.strip_prefix('#') {
            return Reference::Fragment(fragment);
        }
        if let Some(local) = Reference::parse_local(text) {
            return local;
        }
        if let Some((name, query)) = text.split_once('?')
            && let Some(resource_type) = ResourceType::from_name(name)
            && !query.is_empty()
        {
            return Reference::Conditional { resource_type, query };
        }
        if is_urn(text) {
            return Reference::Urn(text);
        }
        if is_absolute(text) { Reference::Absolute(text) } else { Reference::Invalid }
    }

    /// Reads a reference to a resource of this server; none where it is another kind of reference.
    pub fn parse_local(text: &'a str) -> Option<Reference<'a>> {
        let (name, rest) = text.split_once('/')?;
        let (id, version) = match rest.split_once("/_history/") {
            Some((id, version)) => (id, Some(version)),
            None => (rest, None),
        };
        let valid = is_id(id) && version.is_none_or(is_id);
        let resource_type = ResourceType::from_name(name).filter(|_| valid)?;
        Some(Reference::Local { resource_type, id, version })
    }
}

/// Whether the text is a logical id: 1 to 64 of `A-Z a-z 0-9 - .` (R4 datatypes, id).
pub fn is_id(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'.')
}

/// Whether the text is a `urn:uuid:` or `urn:oid:` that can name an entry of a Bundle.
pub fn is_urn(text: &str) -> bool {
    text.strip_prefix("urn:uuid:").or(text.strip_prefix("urn:oid:")).is_some_and(|rest| !rest.is_empty())
}

/// Whether the text begins with a URI scheme (RFC 3986, 3.1) and goes on after it.
pub(crate) fn is_absolute(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once(':') else { return false };
    scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.'))
        && !rest.is_empty()
        && !rest.contains(char::is_whitespace)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_what_r4_says() {
        for good in ["1", "a-B.9", &"x".repeat(64)] {
            assert!(is_id(good), "{good}");
        }
        for bad in ["", "a_b", "a/b", "ä", "a b", "a\0", &"x".repeat(65)] {
            assert!(!is_id(bad), "{bad}");
        }
    }

    #[test]
    fn each_kind_of_reference_is_told_from_the_others() {
        let patient = ResourceType::Patient;
        for (text, expected) in [
            ("Patient/1", Reference::Local { resource_type: patient, id: "1", version: None }),
            (
                "Patient/a.b-C/_history/2",
                Reference::Local { resource_type: patient, id: "a.b-C", version: Some("2") },
            ),
            ("#p1", Reference::Fragment("p1")),
            ("#", Reference::Fragment("")),
            ("urn:uuid:0-1", Reference::Urn("urn:uuid:0-1")),
            ("urn:oid:1.2", Reference::Urn("urn:oid:1.2")),
            (
                "Patient?identifier=a|b",
                Reference::Conditional { resource_type: patient, query: "identifier=a|b" },
            ),
            ("http://example.org/fhir/Patient/1", Reference::Absolute("http://example.org/fhir/Patient/1")),
            ("urn:ietf:rfc:3986", Reference::Absolute("urn:ietf:rfc:3986")),
        ] {
            assert_eq!(Reference::parse(text), expected, "{text}");
        }
    }

    #[test]
    fn what_refers_to_nothing_is_invalid() {
        let long = format!("Patient/{}", "x".repeat(65));
        for text in [
            "",
            "Patient",
            "Patient/",
            "/Patient/1",
            "patient/1",
            "Zebra/1",
            "Patient/1/",
            "Patient/1/2",
            "Patient/1/_history/",
            "Patient/a b",
            "Patient?",
            "?a=b",
            "Zebra?a=b",
            "Patient/é",
            ":x",
            "http:",
            "http://a b",
            long.as_str(),
        ] {
            assert_eq!(Reference::parse(text), Reference::Invalid, "{text}");
        }
    }
}
