//! Sets of vital signs: several Observations, written in one transaction and read in two statements.

use chrono::{DateTime, Utc};
use domain::chart::Object;
use domain::chart::vital_signs::set::{
    self, Alone, CATEGORIES, Change, LOINC, OtherMeasurement, Record, SET_MEMBER, SET_SYSTEM, Set,
    VITAL_SIGNS, View,
};
use domain::chart::vital_signs::table::{Alert, Member};
use domain::chart::vital_signs::{Status, VitalSigns};
use domain::fault::Faults;
use domain::store::{Archive, Body, Found, Key, VersionEntry};
use domain::{Context, StoreError, sample};
use fhir::ResourceType;
use fhir::definitions::parameters::{CATEGORY, STATUS};
use fhir::search::{Filter, Search, TokenValue, Total};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};

use super::entry::{self, author_of, dates, is_of, pairs, require_patient, resources, wrong_parameter};
use super::{ChartError, Chosen};
use crate::read_on::ReadOn;
use crate::record::{EntryOutcome, Write, Written};

const NOUN: &str = "set of vital signs";
/// Members whose versions a history shows: each is a statement, and what FHIR clients write may have any number.
const MEMBERS: usize = 100;
/// Versions of one member that a history looks through.
const MEMBER_VERSIONS: usize = 200;

/// Which sets are wanted.
#[derive(Clone, Debug, Default)]
pub struct SetFilters {
    /// Only those measured from this time on.
    pub from: Option<String>,
    /// Only those measured until this time.
    pub to: Option<String>,
    /// Only those with this status.
    pub status: Option<Status>,
    /// Only those in which this was measured.
    pub member: Option<Member>,
    /// How many at the most.
    pub limit: usize,
    /// Where the page begins.
    pub cursor: Option<String>,
}

/// One value of a measurement in the course of time.
#[derive(Clone, PartialEq, Serialize, JsonSchema)]
#[schemars(example = example())]
pub struct TrendPoint {
    /// When it was measured.
    pub measured_at: Option<DateTime<Utc>>,
    /// A number in the unit of the table, or how awake the patient is; null where it was measured in another unit.
    pub value: Value,
    /// The alarm that it gives, if it gives one.
    pub alert: Option<Alert>,
    /// The id of the Observation.
    pub observation: String,
    /// The value as it was written, where it was measured in another unit.
    pub other: Option<OtherMeasurement>,
}

fn example() -> Value {
    json!({
        "measured_at": sample::AT,
        "value": 97,
        "alert": null,
        "observation": sample::OBSERVATION,
        "other": null,
    })
}

impl std::fmt::Debug for TrendPoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TrendPoint([phi])")
    }
}

/// The write that makes a new set.
///
/// # Errors
/// What is wrong with it.
pub fn create_vital_signs(
    context: &Context,
    patient: &str,
    mut set: VitalSigns,
) -> Result<Write, ChartError> {
    let author = author_of(context);
    set.complete(None, author.now);
    let mut faults = Faults::none();
    set.check(None, author.now, &mut faults);
    faults.unless(())?;
    transaction(set::create(&set, patient, &author))
}

/// The write that makes `after` of a set that was read.
///
/// # Errors
/// What is wrong with it; a transition that is not legal.
pub fn amend_vital_signs(
    context: &Context,
    patient: &str,
    set: &Set,
    mut after: VitalSigns,
) -> Result<Write, ChartError> {
    let author = author_of(context);
    let before = set.entry();
    after.follow(&before)?;
    after.complete(Some(&before), author.now);
    after.follow(&before)?;
    let mut faults = Faults::none();
    after.check(Some(&before), author.now, &mut faults);
    faults.unless(())?;
    let changes = set::amend(set, &after, patient, &author).map_err(|Alone(member)| {
        let why = "this is a single Observation, to which no further measurement can be added";
        ChartError::fault(&format!("/{}", member.code()), why)
    })?;
    transaction(changes)
}

fn transaction(changes: Vec<Change>) -> Result<Write, ChartError> {
    let entries = changes.into_iter().map(|change| match change {
        Change::Create { full_url, resource } => json!({
            "fullUrl": full_url, "resource": Value::Object(resource),
            "request": { "method": "POST", "url": "Observation" },
        }),
        Change::Update { id, version, resource } => json!({
            "resource": Value::Object(resource),
            "request": {
                "method": "PUT", "url": format!("Observation/{id}"), "ifMatch": fhir::etag::format(version),
            },
        }),
    });
    let mut bundle = Object::new();
    bundle.insert("resourceType".to_owned(), "Bundle".into());
    bundle.insert("type".to_owned(), "transaction".into());
    bundle.insert("entry".to_owned(), Value::Array(entries.collect()));
    let body = Value::Object(bundle).to_string().into_bytes();
    let write = Write::bundle(body).map_err(|refusal| ChartError::of_refusal(refusal, ELEMENTS))?;
    Ok(write.with_representation(true))
}

/// Elements of Observations and the members that show them.
const ELEMENTS: &[(&str, &str)] = &[("encounter", "/encounter")];

/// The set after a write: what was written, and of the set before it what was not. Nothing is read again: a write that
/// is committed must not look like a failure because a read after it fails.
///
/// # Errors
/// None but a defect: a write of a set that gave no bodies back.
pub fn written_vital_signs(before: Option<Set>, written: &Written) -> Result<Set, ChartError> {
    let corrupt = || ChartError::from(StoreError::Corrupt { table: "record.resource" });
    let mut records = Vec::new();
    for entry in &written.entries {
        let EntryOutcome::Done(done) = entry else { return Err(corrupt()) };
        let (Some(version), Some(json)) = (done.version, &done.json) else { return Err(corrupt()) };
        let resource = fhir::json::parse(json.expose()).map_err(|_| corrupt())?;
        let (id, last_updated) = (done.key.id.clone(), done.last_updated);
        records.push(Record { id, version, last_updated, resource });
    }
    // The head is written last.
    let head = records.pop().ok_or_else(corrupt)?;
    records.extend(before.into_iter().flat_map(|set| set.members));
    let named = set::member_ids(&head.resource);
    let members = named.iter().filter_map(|id| records.iter().find(|it| it.id == *id)).cloned().collect();
    Ok(Set { head, members })
}

fn record(id: &str, body: &Body, resource: Value) -> Record {
    Record { id: id.to_owned(), version: body.version, last_updated: body.last_updated, resource }
}

/// Observations by id, in one statement; those of other patients are not given.
async fn by_ids(
    archive: &dyn Archive,
    context: &Context,
    patient: &str,
    ids: Vec<String>,
) -> Result<Vec<Record>, ChartError> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let search = Search {
        resource_type: ResourceType::Observation,
        count: ids.len(),
        pairs: vec![("_id".to_owned(), ids.join(","))],
        filters: vec![Filter::Id(ids)],
        sort: Vec::new(),
        total: Total::None,
        cursor: None,
        places: false,
        ignored: Vec::new(),
    };
    let page = archive.search(context, &search).await?;
    let found = resources(&page.page.entries)?.into_iter();
    Ok(found
        .filter(|(_, _, resource)| is_of(ResourceType::Observation, resource, patient))
        .map(|(id, body, resource)| record(id, body, resource))
        .collect())
}

/// Heads with their members.
async fn with_members(
    archive: &dyn Archive,
    context: &Context,
    patient: &str,
    heads: Vec<Record>,
) -> Result<Vec<Set>, ChartError> {
    let ids = heads.iter().flat_map(|head| set::member_ids(&head.resource)).collect();
    let members = by_ids(archive, context, patient, ids).await?;
    let sets = heads.into_iter().map(|head| {
        // In the order in which the head names them.
        let named = set::member_ids(&head.resource);
        let members = named.iter().filter_map(|id| members.iter().find(|it| it.id == *id)).cloned();
        Set { members: members.collect(), head }
    });
    Ok(sets.collect())
}

/// A page of this patient's sets, newest first, in two statements. What was measured alone, and written through FHIR,
/// is a set of its own. With `member` those without it are passed over, two statements for each step.
///
/// # Errors
/// Parameters that cannot be understood.
pub async fn list_vital_signs(
    archive: &dyn Archive,
    context: &Context,
    patient: &str,
    filters: &SetFilters,
) -> Result<Chosen<View>, ChartError> {
    require_patient(archive, context, patient).await?;
    let mut pairs = pairs(patient, filters.limit, filters.cursor.as_deref(), true);
    dates(&mut pairs, filters.from.as_deref(), filters.to.as_deref())?;
    pairs.push(("category".to_owned(), format!("{CATEGORIES}|{VITAL_SIGNS}")));
    if let Some(status) = filters.status {
        pairs.push(("status".to_owned(), status.fhir_codes().join(",")));
    }
    let mut search = entry::search(ResourceType::Observation, &pairs)?;
    without(&mut search, CATEGORY, TokenValue::SystemCode(SET_SYSTEM.to_owned(), SET_MEMBER.to_owned()));
    let Some(member) = filters.member else {
        let page = archive.search(context, &search).await?.page;
        let items = views(archive, context, patient, &page.entries).await?;
        return Ok(Chosen { items, next: page.next });
    };
    let mut reading = ReadOn::of(search);
    while let Some(rows) = reading.step(archive, context).await? {
        let views = views(archive, context, patient, &rows).await?;
        reading.keep(
            views.into_iter().map(|view| Some(view).filter(|it| it.observations.contains_key(member.code()))),
        );
    }
    Ok(reading.page())
}

/// The sets of these heads, as they are shown.
async fn views(
    archive: &dyn Archive,
    context: &Context,
    patient: &str,
    heads: &[(String, Body)],
) -> Result<Vec<View>, ChartError> {
    let heads =
        resources(heads)?.into_iter().map(|(id, body, resource)| record(id, body, resource)).collect();
    let sets = with_members(archive, context, patient, heads).await?;
    Ok(sets.iter().map(|set| set.view(patient)).collect())
}

/// Excludes a token; the cursor is bound to that too.
fn without(search: &mut Search, parameter: u16, token: TokenValue) {
    search.filters.push(Filter::Without { parameter, any: vec![token] });
    search.pairs.push(("without".to_owned(), parameter.to_string()));
}

/// A set of this patient.
///
/// # Errors
/// `Missing`, also for another patient's and for what is no set, and `Gone`; either for the patient too.
pub async fn get_vital_signs(
    archive: &dyn Archive,
    context: &Context,
    patient: &str,
    id: &str,
) -> Result<Set, ChartError> {
    require_patient(archive, context, patient).await?;
    let theirs =
        |resource: &Value| set::is_head(resource) && is_of(ResourceType::Observation, resource, patient);
    let key = Key { resource_type: ResourceType::Observation, id: id.to_owned() };
    let head = match archive.read(context, &key).await? {
        Found::Version(body) => {
            let resource = entry::resource(&body)?;
            if !theirs(&resource) {
                return Err(ChartError::Missing(NOUN));
            }
            record(id, &body, resource)
        }
        Found::Deleted { version, last_updated } => {
            entry::require_deleted(archive, context, &key, version, NOUN, theirs).await?;
            return Err(ChartError::Gone { noun: NOUN, version: Some((version, last_updated)) });
        }
        Found::Missing => return Err(ChartError::Missing(NOUN)),
    };
    let sets = with_members(archive, context, patient, vec![head]).await?;
    sets.into_iter().next().ok_or(ChartError::Missing(NOUN))
}

/// The versions of a set, newest first, each with the values that its members had then. The number of statements is
/// bounded by the number of members.
///
/// # Errors
/// `Missing` and `Gone`, as for the set itself.
pub async fn vital_signs_history(
    archive: &dyn Archive,
    context: &Context,
    patient: &str,
    id: &str,
    limit: usize,
    cursor: Option<&str>,
) -> Result<Chosen<View>, ChartError> {
    // The set as it is now says whose it is.
    get_vital_signs(archive, context, patient, id).await?;
    let key = Key { resource_type: ResourceType::Observation, id: id.to_owned() };
    let Some(page) = archive.history(context, &key, limit, cursor).await? else {
        return Err(ChartError::Missing(NOUN));
    };
    let heads = versions(id, &page.entries)?;
    let mut ids: Vec<String> = heads.iter().flat_map(|head| set::member_ids(&head.resource)).collect();
    ids.sort();
    ids.dedup();
    ids.truncate(MEMBERS);
    let mut members = Vec::new();
    for id in &ids {
        let key = Key { resource_type: ResourceType::Observation, id: id.clone() };
        let Some(page) = archive.history(context, &key, MEMBER_VERSIONS, None).await? else { continue };
        let theirs = versions(id, &page.entries)?.into_iter();
        members.extend(theirs.filter(|it| is_of(ResourceType::Observation, &it.resource, patient)));
    }
    let items = heads.into_iter().map(|head| {
        let named = set::member_ids(&head.resource);
        // Of each member the newest version that is not newer than the head: the head is written last.
        let then = |id: &String| {
            members.iter().find(|it| it.id == *id && it.last_updated <= head.last_updated).cloned()
        };
        Set { members: named.iter().filter_map(then).collect(), head }.view(patient)
    });
    Ok(Chosen { items: items.collect(), next: page.next })
}

fn versions(id: &str, entries: &[VersionEntry]) -> Result<Vec<Record>, ChartError> {
    let bodies = entries.iter().filter_map(|entry| Some((entry, entry.json.as_ref()?)));
    bodies
        .map(|(entry, json)| {
            let resource = fhir::json::parse(json.expose())
                .map_err(|_| StoreError::Corrupt { table: "record.history" })?;
            let (version, last_updated) = (entry.version, entry.last_updated);
            Ok(Record { id: id.to_owned(), version, last_updated, resource })
        })
        .collect()
}

/// The values of one measurement, newest first; those entered in error, and those without a value, are passed over.
///
/// # Errors
/// Parameters that cannot be understood.
pub async fn vital_signs_trend(
    archive: &dyn Archive,
    context: &Context,
    patient: &str,
    filters: &SetFilters,
) -> Result<Chosen<TrendPoint>, ChartError> {
    let Some(member) = filters.member else {
        return Err(wrong_parameter("member", "is needed"));
    };
    require_patient(archive, context, patient).await?;
    let mut pairs = pairs(patient, filters.limit, filters.cursor.as_deref(), true);
    dates(&mut pairs, filters.from.as_deref(), filters.to.as_deref())?;
    let codes: Vec<String> = set::codes_of(member).iter().map(|code| format!("{LOINC}|{code}")).collect();
    pairs.push(("code".to_owned(), codes.join(",")));
    let mut search = entry::search(ResourceType::Observation, &pairs)?;
    without(&mut search, STATUS, TokenValue::Code(Status::EnteredInError.code().to_owned()));
    let mut reading = ReadOn::of(search);
    while let Some(rows) = reading.step(archive, context).await? {
        let found = resources(&rows)?;
        reading.keep(found.iter().map(|(id, _, resource)| point(member, id, resource)));
    }
    Ok(reading.page())
}

/// None where there is no value.
fn point(member: Member, id: &str, resource: &Value) -> Option<TrendPoint> {
    let measured = set::measured_in(resource, member);
    let other = if measured.is_none() { Some(set::other_in(id, resource)?) } else { None };
    Some(TrendPoint {
        measured_at: set::measured_at(resource),
        value: measured.as_ref().map_or(Value::Null, set::Measured::to_json),
        alert: measured.as_ref().and_then(|it| set::alert(member, it)),
        observation: id.to_owned(),
        other,
    })
}
