//! From a decoded query to a [`Search`].

use kernel::limits;

use super::value::{self, Bad};
use super::{Filter, Handling, Search, SortKey, Total, date_parameter};
use crate::ResourceType;
use crate::definitions::{CODES, Kind, Parameter, main_patient, parameter_code, parameters};
use crate::outcome::{Issue, IssueType};
use crate::reference::is_id;

/// Parses a query on a type. `pairs` are the names and values, percent-decoded, in order.
///
/// # Errors
/// Every parameter that is unknown or unsupported (under strict handling), every value that cannot be
/// understood, and every limit that is passed, each naming the parameter.
pub fn parse(
    resource_type: ResourceType,
    pairs: &[(String, String)],
    handling: Handling,
) -> Result<Search, Vec<Issue>> {
    if pairs.len() > limits::SEARCH_PARAMETERS {
        let most = limits::SEARCH_PARAMETERS;
        return Err(vec![Issue::error(
            IssueType::TooCostly,
            format!("a search has at most {most} parameters"),
        )]);
    }
    let mut search = Search {
        resource_type,
        filters: Vec::new(),
        count: limits::PAGE_DEFAULT,
        sort: Vec::new(),
        total: Total::None,
        cursor: None,
        places: false,
        pairs: Vec::new(),
        ignored: Vec::new(),
    };
    let mut issues = Vec::new();
    for (name, text) in pairs {
        let shown: String = name.chars().take(64).collect();
        match one(&mut search, name, text) {
            Ok(()) => {}
            Err(Refused::Unknown(_)) if handling == Handling::Lenient => search.ignored.push(shown),
            Err(Refused::Unknown(why)) => {
                issues.push(
                    Issue::error(IssueType::NotSupported, format!("parameter `{shown}`: {why}")).at(shown),
                );
            }
            Err(Refused::Value(Bad { code, why })) => {
                issues.push(Issue::error(code, format!("parameter `{shown}`: {why}")).at(shown));
            }
        }
    }
    if issues.is_empty() { Ok(search) } else { Err(issues) }
}

/// Why a parameter was refused.
enum Refused {
    /// It is not known or not supported: lenient handling leaves it out.
    Unknown(String),
    /// Its value is wrong: no handling makes that right.
    Value(Bad),
}

impl From<Bad> for Refused {
    fn from(bad: Bad) -> Self {
        Refused::Value(bad)
    }
}

fn one(search: &mut Search, name: &str, text: &str) -> Result<(), Refused> {
    let (code, modifier) = match name.split_once(':') {
        Some((code, modifier)) => (code, Some(modifier)),
        None => (name, None),
    };
    if matches!(code, "_count" | "_sort" | "_total" | "_cursor") {
        if modifier.is_some() {
            return Err(Refused::Unknown("this parameter takes no modifier".to_owned()));
        }
        return Ok(result_parameter(search, code, text)?);
    }
    if code == "_has" {
        return Err(Refused::Unknown("reverse chaining is not supported".to_owned()));
    }
    if name.contains('.') {
        return Err(Refused::Unknown("chained parameters are not supported".to_owned()));
    }
    let filter = match code {
        "_id" | "_lastUpdated" => {
            no_modifier(modifier)?;
            if code == "_id" { Filter::Id(ids(text)?) } else { Filter::LastUpdated(value::dates(text)?) }
        }
        _ => {
            let number = CODES.iter().find(|(known, _)| *known == code).map(|(_, number)| *number);
            let on_type = parameters(search.resource_type).iter().find(|p| Some(p.number) == number);
            let Some(parameter) = on_type else {
                let why = format!("unknown or not supported on {}", search.resource_type);
                return Err(Refused::Unknown(why));
            };
            filter(search.resource_type, parameter, modifier, text)?
        }
    };
    search.filters.push(filter);
    search.pairs.push((name.to_owned(), text.to_owned()));
    Ok(())
}

fn filter(
    resource_type: ResourceType,
    parameter: &Parameter,
    modifier: Option<&str>,
    text: &str,
) -> Result<Filter, Refused> {
    let number = parameter.number;
    Ok(match parameter.kind {
        Kind::Token(system) => {
            no_modifier(modifier)?;
            Filter::Token { parameter: number, any: value::tokens(text, system)? }
        }
        Kind::Date => {
            no_modifier(modifier)?;
            Filter::Date(value::dates(text)?)
        }
        Kind::String => {
            no_modifier(modifier)?;
            Filter::String { parameter: number, any: value::strings(text)? }
        }
        Kind::Reference(targets) => {
            let only = modifier
                .map(|name| ResourceType::from_name(name).ok_or_else(|| unsupported_modifier(name)))
                .transpose()?;
            let any = value::references(text, targets, only)?;
            reference_filter(resource_type, parameter, any)
        }
    })
}

/// A reference to a patient is answered from the main patient, where the parameter reads nothing else.
fn reference_filter(
    resource_type: ResourceType,
    parameter: &Parameter,
    any: Vec<super::RefTarget>,
) -> Filter {
    let mut patients = any.iter().filter(|t| t.resource_type == ResourceType::Patient).map(|t| t.id.clone());
    let complete = match main_patient(resource_type).reading(parameter) {
        // A value that is no patient cannot match, so that only the patients remain to be asked for.
        Some(true) => any.iter().any(|t| t.resource_type == ResourceType::Patient),
        Some(false) => any.iter().all(|t| t.resource_type == ResourceType::Patient),
        None => false,
    };
    match complete {
        true => Filter::Patient(patients.by_ref().collect()),
        false => Filter::Reference { parameter: parameter.number, any },
    }
}

fn no_modifier(modifier: Option<&str>) -> Result<(), Refused> {
    modifier.map_or(Ok(()), |name| Err(unsupported_modifier(name)))
}

fn unsupported_modifier(name: &str) -> Refused {
    let shown: String = name.chars().take(64).collect();
    Refused::Unknown(format!("the modifier `:{shown}` is not supported here"))
}

fn ids(text: &str) -> Result<Vec<String>, Bad> {
    let ids = value::alternatives(text)?;
    ids.into_iter()
        .map(|id| match is_id(id) {
            true => Ok(id.to_owned()),
            false => Err(Bad::value("an id is 1 to 64 letters, digits, `-` and `.`")),
        })
        .collect()
}

fn result_parameter(search: &mut Search, code: &str, text: &str) -> Result<(), Bad> {
    let repeated =
        search.pairs.iter().any(|(name, _)| name == code) || code == "_cursor" && search.cursor.is_some();
    if repeated {
        return Err(Bad::value("may be given once only"));
    }
    let mut shown = text.to_owned();
    match code {
        "_count" => {
            if text.is_empty() || !text.bytes().all(|b| b.is_ascii_digit()) {
                return Err(Bad::value("a count is a whole number, 0 or more"));
            }
            // A number too long for the machine is still only a large one.
            search.count = text.parse().unwrap_or(usize::MAX).min(limits::PAGE_MAX);
            shown = search.count.to_string();
        }
        "_total" => {
            search.total = match text {
                "none" => Total::None,
                "estimate" => Total::Estimate,
                "accurate" => Total::Accurate,
                _ => return Err(Bad::value("expected none, estimate or accurate")),
            };
        }
        "_sort" => search.sort = sort(search.resource_type, text)?,
        _ => {
            if text.is_empty() {
                return Err(Bad::value("a cursor is not empty"));
            }
            search.cursor = Some(text.to_owned());
            return Ok(());
        }
    }
    search.pairs.push((code.to_owned(), shown));
    Ok(())
}

fn sort(resource_type: ResourceType, text: &str) -> Result<Vec<(SortKey, bool)>, Bad> {
    let date = date_parameter(resource_type);
    let mut keys: Vec<(SortKey, bool)> = Vec::new();
    for part in text.split(',') {
        let (name, descending) = part.strip_prefix('-').map_or((part, false), |name| (name, true));
        let key = match name {
            "_lastUpdated" => SortKey::LastUpdated,
            "_id" => SortKey::Id,
            _ => match date.filter(|number| parameter_code(*number) == Some(name)) {
                Some(number) => SortKey::Date(number),
                None => {
                    let dated =
                        date.and_then(parameter_code).map(|code| format!("{code}, ")).unwrap_or_default();
                    let why = format!(
                        "{resource_type} is sorted by {dated}_lastUpdated or _id, each with or without `-`"
                    );
                    return Err(Bad { code: IssueType::NotSupported, why });
                }
            },
        };
        if keys.iter().any(|(other, _)| *other == key) {
            return Err(Bad::value("names a key twice"));
        }
        keys.push((key, descending));
    }
    Ok(keys)
}

#[cfg(test)]
mod tests;
