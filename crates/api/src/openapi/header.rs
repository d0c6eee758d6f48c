//! Headers of answers.

use serde_json::{Map, Value, json};

use crate::sample;

/// A header that an answer may carry.
struct Header {
    name: &'static str,
    description: &'static str,
    /// Whether each answer that names it carries it.
    always: bool,
    example: &'static str,
}

/// Headers of every answer.
const EVERYWHERE: &[&str] =
    &["X-Request-Id", "RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset", "RateLimit-Policy"];

const HEADERS: &[Header] = &[
    Header {
        name: "X-Request-Id",
        description: "Names the request in the server's log and in the audit trail.",
        always: true,
        example: sample::REQUEST,
    },
    Header {
        name: "RateLimit-Limit",
        description: "Requests that may be sent in a minute; of the user's limit and the address's the one of which less \
            is left. Not where limits are off.",
        always: false,
        example: "6000",
    },
    Header {
        name: "RateLimit-Remaining",
        description: "How many may still be sent at once.",
        always: false,
        example: "5990",
    },
    Header {
        name: "RateLimit-Reset",
        description: "Seconds until all of them may be sent again; after a 429, until the next one may.",
        always: false,
        example: "1",
    },
    Header {
        name: "RateLimit-Policy",
        description: "The limit and its window, seconds.",
        always: false,
        example: "6000;w=60",
    },
    Header {
        name: "ETag",
        description: "The version, to be sent as `If-Match` or `If-None-Match`.",
        always: false,
        example: "W/\"3\"",
    },
    Header {
        name: "Last-Modified",
        description: "When this version was written.",
        always: false,
        example: "Sat, 21 Nov 2026 09:30:00 GMT",
    },
    Header {
        name: "Location",
        description: "Where it is found.",
        always: true,
        example: "/fhir/R4/Patient/p1/_history/1",
    },
    Header {
        name: "Content-Location",
        description: "The path of what was found.",
        always: true,
        example: "/api/v1/patients/01a1fd70-f1c0-7269-af2a-74de452e6b43",
    },
    Header {
        name: "Link",
        description: "The next page, as `rel=\"next\"`; not on the last.",
        always: false,
        example: "</api/v1/patients?limit=20&cursor=Zm9sbG93cw>; rel=\"next\"",
    },
    Header {
        name: "Retry-After",
        description: "Seconds after which the request may be repeated. Where it is missing, look first whether the \
            request was done.",
        always: false,
        example: "2",
    },
    Header {
        name: "WWW-Authenticate",
        description: "How to log in (RFC 6750).",
        always: true,
        example: "Bearer realm=\"salus\"",
    },
    Header {
        name: "X-Transaction-Id",
        description: "The transaction that is decided, but not yet visible in every database.",
        always: true,
        example: sample::TRANSACTION,
    },
    Header {
        name: "Cache-Control",
        description: "How long the answer may be kept.",
        always: true,
        example: "public, max-age=31536000, immutable",
    },
];

/// The headers of an answer, those of every answer included.
pub(super) fn of(names: impl Iterator<Item = &'static str>) -> Value {
    EVERYWHERE
        .iter()
        .copied()
        .chain(names)
        .map(|name| (name.to_owned(), json!({ "$ref": format!("#/components/headers/{name}") })))
        .collect::<Map<_, _>>()
        .into()
}

/// The headers that these operations and refusals refer to, for `components`.
pub(super) fn components(referring: &[&Value]) -> Value {
    let text: String = referring.iter().map(ToString::to_string).collect();
    let referred = |header: &&Header| text.contains(&format!("\"#/components/headers/{}\"", header.name));
    let component = |header: &Header| {
        json!({
            "description": header.description,
            "required": header.always,
            "schema": { "type": "string" },
            "example": header.example,
        })
    };
    let headers = HEADERS.iter().filter(referred);
    headers.map(|header| (header.name.to_owned(), component(header))).collect::<Map<_, _>>().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_header_is_described_once_and_none_that_no_answer_has() {
        let document = crate::openapi::document();
        let described = document["components"]["headers"].as_object().unwrap();
        assert_eq!(described.len(), HEADERS.len(), "{:?}", described.keys());
    }
}
