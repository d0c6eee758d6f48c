//! The values of search parameters: lists, escapes, tokens, dates, references, words.

use std::borrow::Cow;

use kernel::limits;

use super::{RefTarget, TokenValue};
use crate::ResourceType;
use crate::date::DateComparison;
use crate::outcome::IssueType;
use crate::reference::{Reference, is_absolute, is_id};
use crate::text;

/// Why a value cannot be understood. Says nothing of the value itself.
#[derive(Debug)]
pub(super) struct Bad {
    /// The kind of issue.
    pub code: IssueType,
    /// What is wrong.
    pub why: String,
}

impl Bad {
    /// A wrong value.
    pub fn value(why: impl Into<String>) -> Bad {
        Bad { code: IssueType::Value, why: why.into() }
    }
}

/// The alternatives of an OR list, still escaped.
pub(super) fn alternatives(text: &str) -> Result<Vec<&str>, Bad> {
    let parts = split(text, ',');
    if parts.iter().any(|part| part.is_empty()) {
        return Err(Bad::value("a value is empty"));
    }
    if parts.len() > limits::SEARCH_ALTERNATIVES {
        let why = format!("a list has at most {} values", limits::SEARCH_ALTERNATIVES);
        return Err(Bad { code: IssueType::TooCostly, why });
    }
    Ok(parts)
}

/// Splits at a separator that no backslash stands before.
fn split(text: &str, separator: char) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut start, mut escaped) = (0, false);
    for (at, letter) in text.char_indices() {
        match letter {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            _ if letter == separator => {
                parts.push(&text[start..at]);
                start = at + letter.len_utf8();
            }
            _ => {}
        }
    }
    parts.push(&text[start..]);
    parts
}

/// Takes the backslashes away from `\,` `\|` `\$` `\\` (R4 search, 3.1.1.4.0.1).
fn unescape(text: &str) -> Result<Cow<'_, str>, Bad> {
    if !text.contains('\\') {
        return Ok(Cow::Borrowed(text));
    }
    let mut plain = String::with_capacity(text.len());
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        plain.push(match letter {
            '\\' => match letters.next() {
                Some(escaped @ (',' | '|' | '$' | '\\')) => escaped,
                _ => {
                    return Err(Bad::value(
                        "a backslash stands before `,`, `|`, `$` or another backslash only",
                    ));
                }
            },
            other => other,
        });
    }
    Ok(Cow::Owned(plain))
}

/// Tokens. `system` is the one code system of the parameter's values, where these are bare codes: then
/// `system|code` says no more than `code`.
pub(super) fn tokens(text: &str, system: Option<&str>) -> Result<Vec<TokenValue>, Bad> {
    alternatives(text)?.into_iter().map(|part| token(part, system)).collect()
}

fn token(text: &str, only: Option<&str>) -> Result<TokenValue, Bad> {
    // The first bar divides; a code may hold further ones.
    let first = split(text, '|')[0];
    let plain = unescape(first)?;
    let Some(code) = text[first.len()..].strip_prefix('|') else {
        return Ok(TokenValue::Code(plain.into_owned()));
    };
    let code = unescape(code)?.into_owned();
    match (plain.is_empty(), code.is_empty()) {
        (true, true) => Err(Bad::value("a token has a system, a code, or both")),
        (true, false) => Ok(TokenValue::NoSystem(code)),
        (false, true) => Ok(TokenValue::System(plain.into_owned())),
        (false, false) if only == Some(&*plain) => Ok(TokenValue::Code(code)),
        (false, false) => Ok(TokenValue::SystemCode(plain.into_owned(), code)),
    }
}

/// Dates with prefixes.
pub(super) fn dates(text: &str) -> Result<Vec<DateComparison>, Bad> {
    let date = |part: &str| {
        DateComparison::parse(part).ok_or_else(|| {
            let hint = if part.contains(' ') { "; a `+` is written %2B in a URL" } else { "" };
            Bad::value(format!("expected a date such as 2015, ge2015-02-07 or lt2015-02-07T13:28:17Z{hint}"))
        })
    };
    alternatives(text)?.into_iter().map(date).collect()
}

/// Words.
pub(super) fn strings(text: &str) -> Result<Vec<Vec<String>>, Bad> {
    let string = |part: &str| {
        let words = text::words(&unescape(part)?);
        match words.len() {
            0 => Err(Bad::value("has neither a letter nor a digit")),
            1..=limits::SEARCH_ALTERNATIVES => Ok(words),
            _ => Err(Bad { code: IssueType::TooCostly, why: "has too many words".to_owned() }),
        }
    };
    alternatives(text)?.into_iter().map(string).collect()
}

/// References: `Type/id`, or an id of the one type `only`, or of each of `targets` (none: of any type, which
/// is too many to ask for).
pub(super) fn references(
    text: &str,
    targets: &[ResourceType],
    only: Option<ResourceType>,
) -> Result<Vec<RefTarget>, Bad> {
    if let Some(only) = only.filter(|only| !targets.is_empty() && !targets.contains(only)) {
        return Err(Bad::value(format!("does not refer to {only}")));
    }
    let mut any = Vec::new();
    for part in alternatives(text)? {
        let plain = unescape(part)?;
        if is_id(&plain) {
            let types = only.as_slice().iter().chain(if only.is_none() { targets } else { &[] });
            let before = any.len();
            any.extend(types.map(|t| RefTarget { resource_type: *t, id: plain.clone().into_owned() }));
            if any.len() == before {
                return Err(Bad::value("may refer to anything: give the type too, as in Patient/1"));
            }
            continue;
        }
        match Reference::parse_local(&plain) {
            Some(Reference::Local { version: Some(_), .. }) => {
                return Err(Bad {
                    code: IssueType::NotSupported,
                    why: "a version cannot be searched for".to_owned(),
                });
            }
            Some(Reference::Local { resource_type, id, .. })
                if only.is_none_or(|only| only == resource_type) =>
            {
                any.push(RefTarget { resource_type, id: id.to_owned() });
            }
            Some(_) => return Err(Bad::value("the type is not that of the modifier")),
            None if is_absolute(&plain) => {
                let why = "absolute references cannot be searched for: give Type/id".to_owned();
                return Err(Bad { code: IssueType::NotSupported, why });
            }
            None => return Err(Bad::value("expected Type/id or an id")),
        }
    }
    Ok(any)
}
