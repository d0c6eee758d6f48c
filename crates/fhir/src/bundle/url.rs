//! The address of an entry's request, relative to the base.

use crate::ResourceType;
use crate::reference::is_id;

/// What an entry's `request.url` addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntryUrl<'a> {
    /// `Patient`
    Type(ResourceType),
    /// `Patient?identifier=x`; the query is as it was written, percent-encoded.
    Query {
        /// The type.
        resource_type: ResourceType,
        /// What follows the `?`.
        query: &'a str,
    },
    /// `Patient/1`
    Instance {
        /// The type.
        resource_type: ResourceType,
        /// The logical id.
        id: &'a str,
    },
    /// `Patient/1/_history`
    History {
        /// The type.
        resource_type: ResourceType,
        /// The logical id.
        id: &'a str,
    },
    /// `Patient/1/_history/2`
    Version {
        /// The type.
        resource_type: ResourceType,
        /// The logical id.
        id: &'a str,
        /// The version.
        version: &'a str,
    },
}

/// Why an address cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EntryUrlError {
    /// An absolute URL, an operation, or another address that is not one of a type or a resource.
    #[error(
        "expected an address relative to the base: Type, Type?query, Type/id or Type/id/_history/version"
    )]
    Unsupported,
    /// The first part is not a resource type.
    #[error("the address does not begin with a resource type")]
    UnknownType,
    /// The second part is not a logical id, or the fourth not a version.
    #[error("an id is 1 to 64 letters, digits, `-` and `.`")]
    BadId,
}

impl<'a> EntryUrl<'a> {
    /// Reads an address; one `/` may stand before it.
    ///
    /// # Errors
    /// [`EntryUrlError`]
    pub fn parse(text: &'a str) -> Result<EntryUrl<'a>, EntryUrlError> {
        let text = text.strip_prefix('/').unwrap_or(text);
        let (path, query) = match text.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (text, None),
        };
        if path.contains(':') || path.contains('$') {
            return Err(EntryUrlError::Unsupported);
        }
        let mut parts = path.split('/');
        let resource_type =
            parts.next().and_then(ResourceType::from_name).ok_or(EntryUrlError::UnknownType)?;
        let parts: Vec<&str> = parts.take(4).collect();
        let checked = |id: &'a str| if is_id(id) { Ok(id) } else { Err(EntryUrlError::BadId) };
        match (parts.as_slice(), query) {
            ([], None) => Ok(EntryUrl::Type(resource_type)),
            ([], Some(query)) => Ok(EntryUrl::Query { resource_type, query }),
            ([id], None) => Ok(EntryUrl::Instance { resource_type, id: checked(id)? }),
            ([id, "_history"], None) => Ok(EntryUrl::History { resource_type, id: checked(id)? }),
            ([id, "_history", version], None) => {
                Ok(EntryUrl::Version { resource_type, id: checked(id)?, version: checked(version)? })
            }
            _ => Err(EntryUrlError::Unsupported),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_address_of_a_record_is_understood() {
        let resource_type = ResourceType::Patient;
        for (text, expected) in [
            ("Patient", EntryUrl::Type(resource_type)),
            ("/Patient", EntryUrl::Type(resource_type)),
            ("Patient?identifier=a%7Cb", EntryUrl::Query { resource_type, query: "identifier=a%7Cb" }),
            ("/Patient/1", EntryUrl::Instance { resource_type, id: "1" }),
            ("Patient/1/_history", EntryUrl::History { resource_type, id: "1" }),
            ("Patient/1/_history/2", EntryUrl::Version { resource_type, id: "1", version: "2" }),
        ] {
            assert_eq!(EntryUrl::parse(text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn every_other_address_is_refused_with_its_reason() {
        for (text, error) in [
            ("", EntryUrlError::UnknownType),
            ("/", EntryUrlError::UnknownType),
            ("//Patient", EntryUrlError::UnknownType),
            ("?_type=Patient", EntryUrlError::UnknownType),
            ("patient/1", EntryUrlError::UnknownType),
            ("metadata", EntryUrlError::UnknownType),
            ("Patient/", EntryUrlError::BadId),
            ("Patient/_history", EntryUrlError::BadId),
            ("Patient/a b", EntryUrlError::BadId),
            ("Patient/1/_history/", EntryUrlError::BadId),
            ("Patient/1/", EntryUrlError::Unsupported),
            ("Patient/1?_format=json", EntryUrlError::Unsupported),
            ("Patient/1/_history/2/3", EntryUrlError::Unsupported),
            ("Patient/$match", EntryUrlError::Unsupported),
            ("http://example.org/Patient/1", EntryUrlError::Unsupported),
            ("urn:uuid:1", EntryUrlError::Unsupported),
        ] {
            assert_eq!(EntryUrl::parse(text), Err(error), "{text}");
        }
    }
}
