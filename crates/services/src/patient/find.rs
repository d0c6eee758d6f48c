//! Finding patients: the typed filters as a search of records.

use domain::patient::{Gender, Identifier, MRN_SYSTEM, NUMBER_SYSTEM, Patient, view};
use domain::store::{Archive, Body};
use domain::{Context, StoreError};
use fhir::ResourceType;
use fhir::definitions::parameters::ACTIVE;
use fhir::outcome::Issue;
use fhir::search::{Filter, Handling, Search, TokenValue};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::read_on::{Chosen, ReadOn};

/// What a patient must be; all that is given must hold. Names match from the beginning of a word, without regard to
/// case and accents.
#[derive(Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(example = serde_json::json!({"family_name": "Ves", "birth_date": "1980-05"}))]
pub struct Filters {
    /// The family name begins with this.
    pub family_name: Option<String>,
    /// A given name begins with this.
    pub given_name: Option<String>,
    /// Any part of a name begins with this.
    pub name: Option<String>,
    /// Born on this day, or in this month or year.
    pub birth_date: Option<String>,
    /// Born on this day or later.
    pub birth_date_from: Option<String>,
    /// Born on this day or earlier.
    pub birth_date_to: Option<String>,
    /// Administrative gender.
    pub gender: Option<Gender>,
    /// The medical record number.
    pub mrn: Option<String>,
    /// The patient number.
    pub patient_number: Option<String>,
    /// Any identifier, as `system|value`, or its value alone.
    pub identifier: Option<String>,
    /// In use, or out of use. A record that says neither is in use.
    pub active: Option<bool>,
    /// With `-` the latest first; without it the newest registration is first.
    pub sort: Option<Sort>,
}

impl std::fmt::Debug for Filters {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Filters([phi])")
    }
}

/// The order of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
pub enum Sort {
    /// The last changed last.
    #[serde(rename = "last_updated")]
    LastUpdated,
    /// The last changed first.
    #[serde(rename = "-last_updated")]
    LastUpdatedFirst,
    /// The oldest people first.
    #[serde(rename = "birth_date")]
    BirthDate,
    /// The youngest people first.
    #[serde(rename = "-birth_date")]
    BirthDateFirst,
}

impl Sort {
    /// As it is written in a query.
    pub const fn name(self) -> &'static str {
        match self {
            Sort::LastUpdated => "last_updated",
            Sort::LastUpdatedFirst => "-last_updated",
            Sort::BirthDate => "birth_date",
            Sort::BirthDateFirst => "-birth_date",
        }
    }

    const fn parameter(self) -> &'static str {
        match self {
            Sort::LastUpdated => "_lastUpdated",
            Sort::LastUpdatedFirst => "-_lastUpdated",
            Sort::BirthDate => "birthdate",
            Sort::BirthDateFirst => "-birthdate",
        }
    }
}

/// A value as the search grammar wants it.
fn escaped(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for letter in text.chars() {
        if matches!(letter, ',' | '|' | '$' | '\\') {
            plain.push('\\');
        }
        plain.push(letter);
    }
    plain
}

/// The search for these patients.
///
/// # Errors
/// What cannot be searched for; the expression is the filter's name.
pub fn search(filters: &Filters, count: usize, cursor: Option<&str>) -> Result<Search, Vec<Issue>> {
    let mut pairs: Vec<(&'static str, &'static str, String)> = Vec::new();
    let mut put = |filter: &'static str, parameter: &'static str, value: Option<String>| {
        pairs.extend(value.map(|value| (filter, parameter, value)));
    };
    let text = |value: &Option<String>| value.as_deref().map(escaped);
    let prefixed =
        |prefix: &str, value: &Option<String>| value.as_ref().map(|it| format!("{prefix}{}", escaped(it)));
    put("family_name", "family", text(&filters.family_name));
    put("given_name", "given", text(&filters.given_name));
    put("name", "name", text(&filters.name));
    put("birth_date", "birthdate", prefixed("eq", &filters.birth_date));
    put("birth_date_from", "birthdate", prefixed("ge", &filters.birth_date_from));
    put("birth_date_to", "birthdate", prefixed("le", &filters.birth_date_to));
    put("gender", "gender", filters.gender.map(|gender| gender.code().to_owned()));
    put("mrn", "identifier", text(&filters.mrn));
    let number = filters.patient_number.as_ref().map(|it| format!("{NUMBER_SYSTEM}|{}", escaped(it)));
    put("patient_number", "identifier", number);
    put(
        "identifier",
        "identifier",
        filters.identifier.as_ref().map(|it| match it.split_once('|') {
            Some((system, value)) => format!("{}|{}", escaped(system), escaped(value)),
            None => escaped(it),
        }),
    );
    put("limit", "_count", Some(count.to_string()));
    put("cursor", "_cursor", cursor.map(str::to_owned));
    put("sort", "_sort", filters.sort.map(|sort| sort.parameter().to_owned()));
    let mut issues = Vec::new();
    // One by one first, so that what is wrong is named as the client named it.
    for (filter, parameter, value) in &pairs {
        let pair = [((*parameter).to_owned(), value.clone())];
        if let Err(found) = fhir::search::parse(ResourceType::Patient, &pair, Handling::Strict) {
            let why = found.first().map(|issue| issue.diagnostics.as_str()).unwrap_or_default();
            let why = why.rsplit_once("`: ").map_or(why, |(_, why)| why);
            issues.push(wrong(filter, &format!("{filter}: {why}")));
        }
    }
    if !issues.is_empty() {
        return Err(issues);
    }
    let pairs: Vec<(String, String)> =
        pairs.into_iter().map(|(_, parameter, value)| (parameter.to_owned(), value)).collect();
    let mut search = fhir::search::parse(ResourceType::Patient, &pairs, Handling::Strict)?;
    if let Some(active) = filters.active {
        let any = vec![TokenValue::Code("false".to_owned())];
        search.filters.push(match active {
            true => Filter::Without { parameter: ACTIVE, any },
            false => Filter::Token { parameter: ACTIVE, any },
        });
        // The cursor is bound to the pairs.
        search.pairs.push(("active".to_owned(), active.to_string()));
    }
    Ok(search)
}

fn wrong(filter: &str, why: &str) -> Issue {
    Issue::error(fhir::outcome::IssueType::Value, why).at(filter)
}

/// A page of the patients that [`search`] finds with these filters.
///
/// # Errors
/// The store's.
pub async fn find(
    archive: &dyn Archive,
    context: &Context,
    filters: &Filters,
    search: Search,
) -> Result<Chosen<Patient>, StoreError> {
    let Some(mrn) = &filters.mrn else {
        let page = archive.search(context, &search).await?.page;
        return Ok(Chosen { items: views(&page.entries)?, next: page.next });
    };
    let mut reading = ReadOn::of(search);
    while let Some(rows) = reading.step(archive, context).await? {
        let patients = views(&rows)?.into_iter();
        reading.keep(patients.map(|patient| Some(patient).filter(|it| has_mrn(it, mrn))));
    }
    Ok(reading.page())
}

fn views(records: &[(String, Body)]) -> Result<Vec<Patient>, StoreError> {
    let view = |(_, body): &(String, Body)| serde_json::from_slice(body.json.expose()).map(|it| view(&it));
    records
        .iter()
        .map(view)
        .collect::<Result<_, _>>()
        .map_err(|_| StoreError::Corrupt { table: "record.resource" })
}

/// Whether it is a medical record number of this patient: under another system the same digits are another number,
/// which the index, that is asked for the value alone, does not know.
fn has_mrn(patient: &Patient, wanted: &str) -> bool {
    let who = &patient.demographics;
    let other = |it: &Identifier| {
        (it.system.as_deref() == Some(MRN_SYSTEM) || it.kind.as_deref() == Some("MR")) && it.value == wanted
    };
    who.mrn.as_deref() == Some(wanted) || who.identifiers.iter().any(other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_with_a_meaning_in_the_grammar_are_only_letters_here() {
        let filters = Filters { family_name: Some("a,b|c$d\\e".into()), ..Filters::default() };
        let search = search(&filters, 20, None).unwrap();
        assert_eq!(search.pairs[0], ("family".to_owned(), "a\\,b\\|c\\$d\\\\e".to_owned()));
        assert_eq!(search.filters.len(), 1);
        assert_eq!(search.filters[0].alternatives(), 1);
    }

    #[test]
    fn what_cannot_be_searched_for_is_named_as_the_client_named_it() {
        let filters = Filters {
            birth_date_from: Some("soon".into()),
            family_name: Some("...".into()),
            ..Filters::default()
        };
        let issues = search(&filters, 20, None).unwrap_err();
        let names: Vec<_> = issues.iter().filter_map(|issue| issue.expression.as_deref()).collect();
        assert_eq!(names, ["family_name", "birth_date_from"]);
        assert!(issues.iter().all(|issue| !issue.diagnostics.contains("soon")));
    }
}
