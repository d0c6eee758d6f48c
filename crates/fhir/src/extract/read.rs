//! Reading a resource by compiled paths.

use std::borrow::Cow;

use serde_json::Value;

use super::{Extracted, Form, Term, system_code};
use crate::ResourceType;
use crate::date::{BEGINNING, END, Range};
use crate::definitions::parameters::CODE;
use crate::definitions::{End, Kind, main_patient, parameters};
use crate::reference::Reference;
use crate::text;

pub(super) fn extract(resource_type: ResourceType, resource: &Value) -> Extracted<'_> {
    let mut extracted = Extracted { terms: Vec::with_capacity(24), ..Extracted::default() };
    let main = main_patient(resource_type);
    for path in main.paths {
        walk(resource, path, &mut |value| {
            if extracted.patient.is_none() {
                extracted.patient = patient_id(value);
            }
        });
    }
    let mut date: Option<Range> = None;
    for parameter in parameters(resource_type) {
        // Whoever asks for this parameter is answered from the main patient: no term is ever looked for.
        if main.reading(parameter) == Some(true) {
            continue;
        }
        for path in parameter.paths {
            match parameter.kind {
                Kind::Date => walk(resource, path.steps, &mut |value| {
                    if let Some(range) = range(path.end, value) {
                        date = Some(date.map_or(range, |so_far| so_far.union(range)));
                    }
                }),
                Kind::Token(system) => {
                    let mut tokens = Tokens { parameter: parameter.number, out: &mut extracted };
                    walk(resource, path.steps, &mut |value| tokens.read(path.end, system, value));
                }
                Kind::Reference(_) => walk(resource, path.steps, &mut |value| {
                    extracted.terms.extend(reference(parameter.number, path.end, value));
                }),
                Kind::String => walk(resource, path.steps, &mut |value| {
                    strings(parameter.number, path.end, value, &mut extracted.terms);
                }),
            }
        }
    }
    extracted.date = date.map(|range| (range.low, range.high));
    extracted.terms.sort_unstable();
    extracted.terms.dedup();
    extracted
}

/// Shows every value at the end of a path, entering arrays.
fn walk<'a>(value: &'a Value, steps: &[&str], visit: &mut dyn FnMut(&'a Value)) {
    match (value, steps) {
        (Value::Array(items), _) => items.iter().for_each(|item| walk(item, steps, visit)),
        (_, []) => visit(value),
        (Value::Object(object), [step, rest @ ..]) => {
            if let Some(child) = object.get(*step) {
                walk(child, rest, visit);
            }
        }
        _ => {}
    }
}

/// A member that is a string and not empty.
fn text<'a>(value: &'a Value, name: &str) -> Option<&'a str> {
    value.get(name)?.as_str().filter(|text| !text.is_empty())
}

fn patient_id(value: &Value) -> Option<&str> {
    match Reference::parse_local(text(value, "reference")?)? {
        Reference::Local { resource_type: ResourceType::Patient, id, .. } => Some(id),
        _ => None,
    }
}

fn reference(parameter: u16, end: End, value: &Value) -> Option<Term<'_>> {
    let whole = text(value, "reference")?;
    let Reference::Local { resource_type, id, .. } = Reference::parse_local(whole)? else { return None };
    if matches!(end, End::ReferenceTo(only) if only != resource_type) {
        return None;
    }
    // Without the version: a search asks for the resource.
    let end = resource_type.name().len() + 1 + id.len();
    Some(Term { parameter, form: Form::Reference, text: Cow::Borrowed(whole.get(..end)?) })
}

/// Reads the tokens of one parameter.
struct Tokens<'o, 'a> {
    parameter: u16,
    out: &'o mut Extracted<'a>,
}

impl<'a> Tokens<'_, 'a> {
    fn read(&mut self, end: End, system: Option<&'static str>, value: &'a Value) {
        match end {
            End::Identifier => self.token(text(value, "system"), text(value, "value")),
            End::Coding => self.token(text(value, "system"), text(value, "code")),
            End::CodeableConcept => {
                for coding in value.get("coding").and_then(Value::as_array).into_iter().flatten() {
                    self.token(text(coding, "system"), text(coding, "code"));
                }
            }
            End::Code => {
                if let Some(code) = value.as_str().filter(|code| !code.is_empty()) {
                    match system {
                        Some(system) => self.bare_code(system, code),
                        None => self.token(None, Some(code)),
                    }
                }
            }
            End::Boolean => {
                if let (Some(system), Some(value)) = (system, value.as_bool()) {
                    self.bare_code(system, if value { "true" } else { "false" });
                }
            }
            End::Date
            | End::Period
            | End::Timing
            | End::HumanName
            | End::Text
            | End::Reference
            | End::ReferenceTo(_) => {}
        }
    }

    fn put(&mut self, form: Form, text: Cow<'a, str>) {
        self.out.terms.push(Term { parameter: self.parameter, form, text });
    }

    fn token(&mut self, system: Option<&'a str>, code: Option<&'a str>) {
        if let Some(system) = system {
            self.put(Form::System, Cow::Borrowed(system));
        }
        let Some(code) = code else { return };
        self.put(Form::Code, Cow::Borrowed(code));
        match system {
            Some(system) => self.put(Form::SystemCode, Cow::Owned(system_code(system, code))),
            None => self.put(Form::NoSystemCode, Cow::Borrowed(code)),
        }
        self.main_or_further(system, code);
    }

    /// A code whose system the specification fixes: a search for `system|code` has become one for `code`.
    fn bare_code(&mut self, system: &'static str, code: &'a str) {
        self.put(Form::System, Cow::Borrowed(system));
        self.put(Form::Code, Cow::Borrowed(code));
        self.main_or_further(Some(system), code);
    }

    fn main_or_further(&mut self, system: Option<&'a str>, code: &'a str) {
        if self.parameter != CODE {
            return;
        }
        let main = *self.out.code.get_or_insert((system, code));
        if main != (system, code)
            && let Some(system) = system
        {
            self.put(Form::FurtherCode, Cow::Owned(system_code(system, code)));
        }
    }
}

fn strings<'a>(parameter: u16, end: End, value: &'a Value, terms: &mut Vec<Term<'a>>) {
    let mut put = |value: &'a Value| {
        for word in value.as_str().map(text::words).unwrap_or_default() {
            terms.extend(text::prefixes(&word).map(|prefix| Term {
                parameter,
                form: Form::StringPrefix,
                text: Cow::Owned(prefix.to_owned()),
            }));
        }
    };
    match end {
        End::HumanName => {
            for part in ["text", "family", "given", "prefix", "suffix"] {
                match value.get(part) {
                    Some(Value::Array(items)) => items.iter().for_each(&mut put),
                    Some(one) => put(one),
                    None => {}
                }
            }
        }
        _ => put(value),
    }
}

fn range(end: End, value: &Value) -> Option<Range> {
    match end {
        End::Date => Range::parse(value.as_str()?),
        End::Period => period(value),
        End::Timing => {
            let events = value.get("event").and_then(Value::as_array).into_iter().flatten();
            let events = events.filter_map(|event| Range::parse(event.as_str()?));
            let bounds = value.get("repeat").and_then(|repeat| repeat.get("boundsPeriod")).and_then(period);
            events.chain(bounds).reduce(Range::union)
        }
        _ => None,
    }
}

/// A Period from the beginning of its start to the end of its end; an absent one is open.
fn period(value: &Value) -> Option<Range> {
    let bound = |name| match value.get(name) {
        None => Some(None),
        Some(date) => Range::parse(date.as_str()?).map(Some),
    };
    let (start, end) = (bound("start")?, bound("end")?);
    if start.is_none() && end.is_none() {
        return None;
    }
    let range = Range { low: start.map_or(BEGINNING, |r| r.low), high: end.map_or(END, |r| r.high) };
    (range.low <= range.high).then_some(range)
}
