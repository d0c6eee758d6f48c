//! Entries of the chart that are one record each: problems, allergies, medication, encounters, notes.

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use domain::Context;
use domain::chart::allergy::Allergy;
use domain::chart::medication::{Medication, Warning, warnings};
use domain::chart::summary::Charted;
use domain::chart::{Author, Entry, Object};
use domain::fault::Faults;
use domain::store::{Archive, Body, Found, Key, Slice};
use fhir::ResourceType;
use fhir::date::{self, Range};
use fhir::outcome::{Issue, IssueType};
use fhir::search::{Handling, Search};
use serde_json::Value;

use super::{ChartError, Chosen};
use crate::record::Write;

/// Which entries of a list are wanted.
#[derive(Clone, Debug, Default)]
pub struct Filters {
    /// Only those with this status.
    pub status: Option<String>,
    /// Only those from this date on, where the kind has a date.
    pub from: Option<String>,
    /// Only those until this date.
    pub to: Option<String>,
    /// How many at the most.
    pub limit: usize,
    /// Where the page begins.
    pub cursor: Option<String>,
}

/// Most allergies that a prescription is compared with, those that are over included.
const ALLERGIES: usize = 1_000;

fn author(context: &Context) -> Author {
    Author { account: context.caller.account, now: context.now() }
}

fn parsed(body: &Body) -> Result<Value, ChartError> {
    fhir::json::parse(body.json.expose())
        .map_err(|_| domain::StoreError::Corrupt { table: "record.resource" }.into())
}

/// That there is such a patient, who was not deleted, in the caller's organization.
///
/// # Errors
/// `Missing` and `Gone`.
pub async fn require_patient(
    archive: &dyn Archive,
    context: &Context,
    patient: &str,
) -> Result<(), ChartError> {
    match archive.slices(context, patient, &[]).await? {
        None => Err(ChartError::Missing("patient")),
        Some(sliced) if sliced.deleted => Err(ChartError::Gone { noun: "patient", version: None }),
        Some(_) => Ok(()),
    }
}

/// That an encounter that is referred to is this patient's.
///
/// # Errors
/// A fault of the member `encounter`.
pub async fn require_encounter(
    archive: &dyn Archive,
    context: &Context,
    patient: &str,
    encounter: Option<&str>,
) -> Result<(), ChartError> {
    let Some(id) = encounter else { return Ok(()) };
    let key = Key { resource_type: ResourceType::Encounter, id: id.to_owned() };
    let theirs = match archive.read(context, &key).await? {
        Found::Version(body) => is_of(ResourceType::Encounter, &parsed(&body)?, patient),
        Found::Deleted { .. } | Found::Missing => false,
    };
    if theirs { Ok(()) } else { Err(ChartError::fault("/encounter", "the patient has no such encounter")) }
}

/// Whether the record is about this patient.
pub(super) fn is_of(resource_type: ResourceType, resource: &Value, patient: &str) -> bool {
    fhir::extract::extract(resource_type, resource).patient == Some(patient)
}

/// The write that makes a new entry.
///
/// # Errors
/// What is wrong with it.
pub fn create<E: Entry>(context: &Context, patient: &str, mut entry: E) -> Result<Write, ChartError> {
    let author = author(context);
    entry.complete(None, author.now);
    let mut faults = Faults::none();
    entry.check(None, author.now, &mut faults);
    faults.unless(())?;
    let mut resource = Object::new();
    resource.insert("resourceType".to_owned(), E::RESOURCE.name().into());
    let subject = if E::RESOURCE == ResourceType::AllergyIntolerance { "patient" } else { "subject" };
    let reference = serde_json::json!({ "reference": format!("Patient/{patient}") });
    resource.insert(subject.to_owned(), reference);
    entry.write(None, &mut resource, &author);
    Write::create(E::RESOURCE, Value::Object(resource).to_string().into_bytes(), None)
        .map_err(|refusal| ChartError::of_refusal(refusal, E::ELEMENTS))
}

/// An entry of this patient, with its resource.
///
/// # Errors
/// `Missing`, also for another patient's, and `Gone`; either for the patient too.
pub async fn get<E: Entry>(
    archive: &dyn Archive,
    context: &Context,
    patient: &str,
    id: &str,
) -> Result<(Charted<E>, Value), ChartError> {
    require_patient(archive, context, patient).await?;
    let key = Key { resource_type: E::RESOURCE, id: id.to_owned() };
    match archive.read(context, &key).await? {
        Found::Version(body) => {
            let resource = parsed(&body)?;
            if !is_of(E::RESOURCE, &resource, patient) {
                return Err(ChartError::Missing(E::NOUN));
            }
            let shown = Charted::of(id, body.version, body.last_updated, patient, &resource);
            Ok((shown, resource))
        }
        Found::Deleted { version, last_updated } => {
            let theirs = |resource: &Value| is_of(E::RESOURCE, resource, patient);
            require_deleted(archive, context, &key, version, E::NOUN, theirs).await?;
            Err(ChartError::Gone { noun: E::NOUN, version: Some((version, last_updated)) })
        }
        Found::Missing => Err(ChartError::Missing(E::NOUN)),
    }
}

/// That a record which was deleted in this version was one of `theirs`. A deletion does not say whose record it ends:
/// the version before it does.
///
/// # Errors
/// `Missing`, as for every record of somebody else.
pub(super) async fn require_deleted(
    archive: &dyn Archive,
    context: &Context,
    key: &Key,
    version: i32,
    noun: &'static str,
    theirs: impl Fn(&Value) -> bool,
) -> Result<(), ChartError> {
    match archive.version(context, key, version - 1).await? {
        Found::Version(body) if theirs(&parsed(&body)?) => Ok(()),
        Found::Version(_) | Found::Deleted { .. } | Found::Missing => Err(ChartError::Missing(noun)),
    }
}

/// The write that makes `after` of an entry that was read in this version.
///
/// # Errors
/// What is wrong with it; a transition that is not legal.
pub fn amend<E: Entry>(
    context: &Context,
    before: &Charted<E>,
    resource: Value,
    mut after: E,
) -> Result<Write, ChartError> {
    let author = author(context);
    let Value::Object(mut resource) = resource else {
        return Err(domain::StoreError::Corrupt { table: "record.resource" }.into());
    };
    let old = &before.entry;
    after.follow(old)?;
    after.complete(Some(old), author.now);
    after.follow(old)?;
    let mut faults = Faults::none();
    after.check(Some(old), author.now, &mut faults);
    faults.unless(())?;
    after.write(Some(old), &mut resource, &author);
    let body = Value::Object(resource).to_string().into_bytes();
    Write::update(E::RESOURCE, before.id.clone(), body, Some(before.version))
        .map_err(|refusal| ChartError::of_refusal(refusal, E::ELEMENTS))
}

/// A page of this patient's entries, newest first.
///
/// # Errors
/// Parameters that cannot be understood, such as a date that is none.
pub async fn list<E: Entry>(
    archive: &dyn Archive,
    context: &Context,
    patient: &str,
    filters: &Filters,
) -> Result<Chosen<Charted<E>>, ChartError> {
    require_patient(archive, context, patient).await?;
    let mut pairs = pairs(patient, filters.limit, filters.cursor.as_deref(), E::DATED);
    if E::DATED {
        dates(&mut pairs, filters.from.as_deref(), filters.to.as_deref())?;
    }
    let mut search = search(E::RESOURCE, &pairs)?;
    if let Some(status) = filters.status.as_deref() {
        let unknown = || wrong_parameter("status", "is none of the states that there are");
        search.filters.extend(E::with_status(status).ok_or_else(unknown)?);
        // The cursor is bound to the pairs.
        search.pairs.push(("status".to_owned(), status.to_owned()));
    }
    let page = archive.search(context, &search).await?.page;
    Ok(Chosen { items: charted(patient, &page.entries)?, next: page.next })
}

/// Records as entries of this patient's chart.
pub(super) fn charted<E: Entry>(
    patient: &str,
    records: &[(String, Body)],
) -> Result<Vec<Charted<E>>, ChartError> {
    records
        .iter()
        .map(|(id, body)| Ok(Charted::of(id, body.version, body.last_updated, patient, &parsed(body)?)))
        .collect()
}

/// The active allergies of the patient that are to what is prescribed.
///
/// # Errors
/// The store's.
pub async fn allergy_warnings(
    archive: &dyn Archive,
    context: &Context,
    patient: &str,
    medication: &Medication,
) -> Result<Vec<Warning>, ChartError> {
    let slice =
        Slice { resource_type: ResourceType::AllergyIntolerance, code: None, without: None, most: ALLERGIES };
    let Some(sliced) = archive.slices(context, patient, &[slice]).await? else { return Ok(Vec::new()) };
    let mut allergies = Vec::new();
    for (id, body) in sliced.slices.iter().flat_map(|(records, _)| records) {
        allergies.push((id.as_str(), Allergy::of(&parsed(body)?)));
    }
    Ok(warnings(medication, allergies.iter().map(|(id, allergy)| (*id, allergy))))
}

/// The parameters of a search for a patient's records.
pub(super) fn pairs(patient: &str, limit: usize, cursor: Option<&str>, dated: bool) -> Vec<(String, String)> {
    let mut pairs =
        vec![("patient".to_owned(), patient.to_owned()), ("_count".to_owned(), limit.to_string())];
    if dated {
        pairs.push(("_sort".to_owned(), "-date".to_owned()));
    }
    if let Some(cursor) = cursor {
        pairs.push(("_cursor".to_owned(), cursor.to_owned()));
    }
    pairs
}

/// Adds the bounds of a time: what touches it is wanted, also what has begun before or has not ended yet. FHIR's `ge`
/// and `le` would leave out an encounter that is under way.
pub(super) fn dates(
    pairs: &mut Vec<(String, String)>,
    from: Option<&str>,
    to: Option<&str>,
) -> Result<(), ChartError> {
    let range = |name, date: Option<&str>| match date.map(Range::parse) {
        Some(None) => {
            Err(wrong_parameter(name, "is no date or time such as 2026-03-01 or 2026-03-01T09:30:00Z"))
        }
        Some(range) => Ok(range),
        None => Ok(None),
    };
    let moment = TimeDelta::microseconds(1);
    let (from, to) = (range("from", from)?, range("to", to)?);
    let mut bound = |prefix: &str, at: DateTime<Utc>| {
        let at = at.to_rfc3339_opts(SecondsFormat::Micros, true);
        pairs.push(("date".to_owned(), format!("{prefix}{at}")));
    };
    if let Some(from) = from.filter(|range| range.low > date::BEGINNING) {
        bound("gt", from.low - moment);
    }
    if let Some(to) = to.filter(|range| range.high < date::END) {
        bound("lt", to.high + moment);
    }
    Ok(())
}

/// A parameter of the query that cannot be understood.
pub(super) fn wrong_parameter(name: &str, why: &str) -> ChartError {
    ChartError::Query(vec![Issue::error(IssueType::Value, format!("{name} {why}")).at(name)])
}

/// The search with these parameters.
pub(super) fn search(resource_type: ResourceType, pairs: &[(String, String)]) -> Result<Search, ChartError> {
    fhir::search::parse(resource_type, pairs, Handling::Strict).map_err(ChartError::Query)
}

/// The bodies of records, parsed.
pub(super) fn resources(records: &[(String, Body)]) -> Result<Vec<(&str, &Body, Value)>, ChartError> {
    records.iter().map(|(id, body)| Ok((id.as_str(), body, parsed(body)?))).collect()
}

/// A body, parsed.
pub(super) fn resource(body: &Body) -> Result<Value, ChartError> {
    parsed(body)
}

/// Who writes, and when.
pub(super) fn author_of(context: &Context) -> Author {
    author(context)
}
