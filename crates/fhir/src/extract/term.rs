//! Terms: what is searched for by equality.

use std::borrow::Cow;
use std::fmt;

use crate::ResourceType;
use crate::search::{Filter, RefTarget, TokenValue};
use crate::text;

/// What the text of a [`Term`] is. The numbers stand in hashes: they are never changed or used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Form {
    /// `system|code`. For bare codes whose code system is the specification's there is [`Form::Code`] only.
    SystemCode = 1,
    /// A code, whatever its system.
    Code = 2,
    /// A code that has no system.
    NoSystemCode = 3,
    /// A system, whatever the code.
    System = 4,
    /// `system|code` of the codings of the parameter `code` that are not the main code: with an index on the
    /// main code, this finds every resource with a coding once.
    FurtherCode = 5,
    /// `Type/id`.
    Reference = 6,
    /// The beginning of a normalised word.
    StringPrefix = 7,
}

impl Form {
    /// The number of the form.
    pub const fn number(self) -> u8 {
        self as u8
    }
}

/// Something that a resource has and a search can ask for.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Term<'a> {
    /// The number of the search parameter.
    pub parameter: u16,
    /// What the text is.
    pub form: Form,
    /// The text.
    pub text: Cow<'a, str>,
}

impl fmt::Debug for Term<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Term({} {:?} [phi])", self.parameter, self.form)
    }
}

/// `system|code` as one text. A bar or backslash in the system is escaped, so that no two tokens are the same
/// text.
pub fn system_code(system: &str, code: &str) -> String {
    let mut text = String::with_capacity(system.len() + 1 + code.len());
    if system.contains(['|', '\\']) {
        text.push_str(&system.replace('\\', "\\\\").replace('|', "\\|"));
    } else {
        text.push_str(system);
    }
    text.push('|');
    text.push_str(code);
    text
}

/// `Type/id` as one text.
fn reference(resource_type: ResourceType, id: &str) -> String {
    format!("{resource_type}/{id}")
}

/// The terms that a filter looks for: a resource is found if it has all terms of one of the lists. None for
/// filters that are not answered by terms: by id, date, or main patient, and for those by what a resource lacks
/// ([`lacked`]).
pub fn terms(filter: &Filter) -> Option<Vec<Vec<Term<'_>>>> {
    match filter {
        Filter::Id(_)
        | Filter::LastUpdated(_)
        | Filter::Date(_)
        | Filter::Patient(_)
        | Filter::Without { .. } => None,
        Filter::Token { parameter, any } => {
            Some(any.iter().map(|value| vec![token(*parameter, value)]).collect())
        }
        Filter::Reference { parameter, any } => {
            let term = |RefTarget { resource_type, id }: &RefTarget| Term {
                parameter: *parameter,
                form: Form::Reference,
                text: Cow::Owned(reference(*resource_type, id)),
            };
            Some(any.iter().map(|target| vec![term(target)]).collect())
        }
        Filter::String { parameter, any } => {
            let term = |word: &String| Term {
                parameter: *parameter,
                form: Form::StringPrefix,
                text: Cow::Owned(text::longest_prefix(word).to_owned()),
            };
            Some(any.iter().map(|words| words.iter().map(term).collect()).collect())
        }
    }
}

/// The terms of which a resource must have none.
pub fn lacked(filter: &Filter) -> Vec<Term<'_>> {
    match filter {
        Filter::Without { parameter, any } => any.iter().map(|value| token(*parameter, value)).collect(),
        _ => Vec::new(),
    }
}

fn token(parameter: u16, value: &TokenValue) -> Term<'_> {
    let (form, text) = match value {
        TokenValue::SystemCode(system, code) => (Form::SystemCode, Cow::Owned(system_code(system, code))),
        TokenValue::Code(code) => (Form::Code, Cow::Borrowed(code.as_str())),
        TokenValue::NoSystem(code) => (Form::NoSystemCode, Cow::Borrowed(code.as_str())),
        TokenValue::System(system) => (Form::System, Cow::Borrowed(system.as_str())),
    };
    Term { parameter, form, text }
}

/// The term that finds `system|code` where it is not the main code. The other half of the answer is the index
/// on the main code; for a value without both a system and a code there is only the term of [`terms`].
pub fn further_code(parameter: u16, value: &TokenValue) -> Option<Term<'static>> {
    match value {
        TokenValue::SystemCode(system, code) => {
            Some(Term { parameter, form: Form::FurtherCode, text: Cow::Owned(system_code(system, code)) })
        }
        TokenValue::Code(_) | TokenValue::NoSystem(_) | TokenValue::System(_) => None,
    }
}
