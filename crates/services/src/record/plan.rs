//! From a request to a [`Write`]: everything that can be known and refused without asking a database.

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use domain::Touches;
use domain::patient::Named;
use domain::store::{Criterion, Key};
use fhir::ResourceType;
use fhir::bundle::{self, BundleKind, EntryUrl, Method};
use fhir::etag::Condition;
use fhir::outcome::IssueType;
use fhir::reference::Reference;
use fhir::search::Handling;
use kernel::Database;
use serde_json::Value;

use super::entry::{Act, Entry, Kind, Mention, Target};
use super::refusal::Refusal;

/// A write of one or many records, checked as far as that is possible without a database.
#[derive(Clone, Debug)]
pub struct Write {
    pub(super) kind: Kind,
    /// The request's body; entries hold ranges of it.
    pub(super) source: Vec<u8>,
    pub(super) entries: Vec<Entry>,
    /// The distinct criteria of conditional references.
    pub(super) criteria: Vec<Criterion>,
    criteria_by_text: HashMap<(ResourceType, String), usize>,
    /// Whether written bodies are wanted back.
    pub(super) representation: bool,
    /// Whether a Patient may carry a patient number that it did not have: the server's own writes alone.
    pub(super) numbers: bool,
}

impl Write {
    /// Creates a record under an id that the server makes, unless a record meets `if_none_exist`.
    ///
    /// # Errors
    /// 400 for what is not a resource of this type or a criterion that is not understood.
    pub fn create(
        resource_type: ResourceType,
        body: Vec<u8>,
        if_none_exist: Option<String>,
    ) -> Result<Write, Refusal> {
        let if_none_exist =
            if_none_exist.map(|query| criterion(resource_type, &query, "If-None-Exist")).transpose()?;
        let resource = 0..body.len();
        Write::single(body, Act::Create { resource_type, resource, if_none_exist })
    }

    /// Creates or replaces the record with this id; only version `if_match`, where one is given.
    ///
    /// # Errors
    /// 400 for what is not a resource of this type and id.
    pub fn update(
        resource_type: ResourceType,
        id: String,
        body: Vec<u8>,
        if_match: Option<i32>,
    ) -> Result<Write, Refusal> {
        let resource = 0..body.len();
        let key = Key { resource_type, id };
        Write::single(body, Act::Update { key, resource, if_match, if_none_match: None })
    }

    /// Updates only where the current version is none of these (RFC 9110, section 13.1.2): with
    /// [`Condition::Any`] only where there is no record yet.
    #[must_use]
    pub fn unless(mut self, versions: Option<Condition>) -> Write {
        for entry in &mut self.entries {
            if let Ok(Act::Update { if_none_match, .. }) = &mut entry.act {
                if_none_match.clone_from(&versions);
            }
        }
        self
    }

    /// Deletes a record; only version `if_match`, where one is given.
    pub fn delete(resource_type: ResourceType, id: String, if_match: Option<i32>) -> Write {
        let act = Act::Delete { key: Key { resource_type, id }, if_match };
        let entry = Entry { index: 0, full_url: None, act: Ok(act), mentions: Vec::new(), named: Vec::new() };
        Write {
            kind: Kind::Single,
            source: Vec::new(),
            entries: vec![entry],
            criteria: Vec::new(),
            criteria_by_text: HashMap::new(),
            representation: false,
            numbers: false,
        }
    }

    fn single(source: Vec<u8>, act: Act) -> Result<Write, Refusal> {
        let mut write = Write {
            kind: Kind::Single,
            source,
            entries: vec![Entry {
                index: 0,
                full_url: None,
                act: Ok(act),
                mentions: Vec::new(),
                named: Vec::new(),
            }],
            criteria: Vec::new(),
            criteria_by_text: HashMap::new(),
            representation: true,
            numbers: false,
        };
        write.check_entries()?;
        Ok(write)
    }

    /// All entries of a batch or transaction Bundle.
    ///
    /// # Errors
    /// 400 for what is not such a Bundle; for a transaction also what is wrong with any entry, named by its index.
    pub fn bundle(body: Vec<u8>) -> Result<Write, Refusal> {
        let (kind, entries) = {
            let bundle = bundle::parse(&body).map_err(|issues| Refusal { status: 400, issues })?;
            let kind = match bundle.kind {
                BundleKind::Batch => Kind::Batch,
                BundleKind::Transaction => Kind::Transaction,
            };
            let base = body.as_ptr() as usize;
            let entries = bundle.entries.iter().map(|entry| {
                let resource = entry.resource.map(|raw| {
                    let start = raw.get().as_ptr() as usize - base;
                    start..start + raw.get().len()
                });
                Entry {
                    index: entry.index,
                    full_url: entry.full_url.as_deref().map(str::to_owned),
                    act: act(entry, resource),
                    mentions: Vec::new(),
                    named: Vec::new(),
                }
            });
            (kind, entries.collect())
        };
        let mut write = Write {
            kind,
            source: body,
            entries,
            criteria: Vec::new(),
            criteria_by_text: HashMap::new(),
            representation: false,
            numbers: false,
        };
        write.refuse_overlaps();
        write.check_entries()?;
        Ok(write)
    }

    /// Asks for the written bodies in a Bundle's answer (`Prefer: return=representation`).
    #[must_use]
    pub fn with_representation(mut self, wanted: bool) -> Write {
        self.representation = wanted;
        self
    }

    /// Lets Patients carry patient numbers that they did not have before. The numbers must have been reserved
    /// (`crate::patient::ReserveNumbers`); what a client sends is never written with this.
    #[must_use]
    pub fn with_numbers(mut self) -> Write {
        self.numbers = true;
        self
    }

    /// How the entries belong together.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The index of these criteria, where a reference of this write uses them.
    pub(super) fn criterion_index(&self, resource_type: ResourceType, query: &str) -> Option<usize> {
        self.criteria_by_text.get(&(resource_type, query.to_owned())).copied()
    }

    /// The databases that the entries write, and those that must be asked about what they refer to.
    pub(super) fn touched(&self) -> Touches {
        let mut touches = Touches::default();
        for entry in &self.entries {
            let Some(written) = entry.writes() else { continue };
            touches = touches.and_writes(&[written.database()]);
            if written == ResourceType::Patient {
                // The anchor is written with the Patient.
                touches = touches.and_writes(&[Database::Clinical]);
            }
            for mention in &entry.mentions {
                let named = match &mention.target {
                    Target::Record(key) => {
                        touches = touches.and_reads(&[answering(written.database(), key.resource_type)]);
                        key.resource_type
                    }
                    Target::Criterion(index) => {
                        let named = self.criteria[*index].search().resource_type;
                        touches = touches.and_reads(&[named.database()]);
                        named
                    }
                };
                if named == ResourceType::Patient {
                    // The patient's row is locked, which is a write to PostgreSQL.
                    touches = touches.and_writes(&[answering(written.database(), named)]);
                }
            }
        }
        touches
    }

    /// Refuses the second of two entries that name the same record: what they mean together is undefined.
    fn refuse_overlaps(&mut self) {
        let mut seen: HashMap<Key, usize> = HashMap::new();
        for entry in &mut self.entries {
            let Ok(Act::Update { key, .. } | Act::Delete { key, .. }) = &entry.act else { continue };
            if let Some(first) = seen.insert(key.clone(), entry.index) {
                entry.act = Err(Refusal::new(
                    400,
                    IssueType::Invalid,
                    format!("entry {first} of this Bundle names the same resource"),
                ));
            }
        }
    }

    /// Parses each resource once, checks it and notes what it refers to.
    fn check_entries(&mut self) -> Result<(), Refusal> {
        let urls: HashSet<String> = if self.kind == Kind::Transaction {
            self.entries.iter().filter_map(|entry| entry.full_url.clone()).collect()
        } else {
            HashSet::new()
        };
        let mut criteria = Criteria::default();
        let mut refused: Option<Refusal> = None;
        for entry in &mut self.entries {
            let checked = match &entry.act {
                Ok(_) => check(entry, &self.source, self.kind, &urls, &mut criteria),
                Err(refusal) => Err(refusal.clone()),
            };
            match checked {
                Ok((mentions, named)) => {
                    entry.mentions = mentions;
                    entry.named = named;
                }
                Err(refusal) => {
                    let refusal =
                        if self.kind == Kind::Single { refusal } else { refusal.in_entry(entry.index) };
                    match &mut refused {
                        None => refused = Some(refusal.clone()),
                        // Enough to mend several faults at once, not enough to answer with a flood.
                        Some(all) if all.issues.len() < 20 => all.issues.extend(refusal.issues.clone()),
                        Some(_) => {}
                    }
                    entry.act = Err(refusal);
                }
            }
        }
        self.criteria = criteria.list;
        self.criteria_by_text = criteria.by_text;
        match refused {
            Some(refusal) if self.kind != Kind::Batch => Err(refusal),
            _ => Ok(()),
        }
    }
}

/// The database that can say whether a record of this type exists to a writer in `from`: `clinical` knows patients by
/// anchor.
pub(super) fn answering(from: Database, resource_type: ResourceType) -> Database {
    if from == Database::Clinical && resource_type == ResourceType::Patient {
        Database::Clinical
    } else {
        resource_type.database()
    }
}

/// Criteria by their text, each once.
#[derive(Default)]
struct Criteria {
    list: Vec<Criterion>,
    by_text: HashMap<(ResourceType, String), usize>,
}

impl Criteria {
    fn index_of(&mut self, resource_type: ResourceType, query: &str) -> Result<usize, Refusal> {
        if let Some(index) = self.by_text.get(&(resource_type, query.to_owned())) {
            return Ok(*index);
        }
        self.list.push(criterion(resource_type, query, "the conditional reference")?);
        self.by_text.insert((resource_type, query.to_owned()), self.list.len() - 1);
        Ok(self.list.len() - 1)
    }
}

fn criterion(resource_type: ResourceType, query: &str, what: &str) -> Result<Criterion, Refusal> {
    let pairs = fhir::search::decode(query)
        .map_err(|error| Refusal::new(400, IssueType::Value, format!("{what}: {error}")))?;
    let search = fhir::search::parse(resource_type, &pairs, Handling::Strict)
        .map_err(|issues| Refusal { status: 400, issues })?;
    if search.filters.is_empty() {
        // No criteria would match everything: surely not what the client means.
        return Err(Refusal::new(400, IssueType::Required, format!("{what} has no criteria")));
    }
    Criterion::new(search).map_err(|name| {
        Refusal::new(
            400,
            IssueType::NotSupported,
            format!("{what} cannot use the parameter {name}: only parameters that match by equality, one value each"),
        )
    })
}

/// What a Bundle's entry asks.
fn act(entry: &bundle::Entry<'_>, resource: Option<Range<usize>>) -> Result<Act, Refusal> {
    let refuse = |part: &str, code: IssueType, why: &str| {
        Refusal::at(400, code, format!("Bundle.entry[{}].{part}", entry.index), why)
    };
    if entry.if_none_match.is_some() && entry.method != Method::Put || entry.if_modified_since.is_some() {
        return Err(refuse(
            "request",
            IssueType::NotSupported,
            "ifModifiedSince is not supported, and ifNoneMatch with PUT only",
        ));
    }
    if entry.if_none_exist.is_some() && entry.method != Method::Post {
        return Err(refuse("request.ifNoneExist", IssueType::Invalid, "ifNoneExist belongs to POST"));
    }
    let if_match = match entry.if_match.as_deref() {
        None => None,
        Some(text) => Some(fhir::etag::parse(text).ok_or_else(|| {
            refuse("request.ifMatch", IssueType::Value, "ifMatch is not an ETag like W/\"1\"")
        })?),
    };
    let if_none_match = match entry.if_none_match.as_deref() {
        None => None,
        Some(text) => Some(Condition::parse(text).ok_or_else(|| {
            refuse("request.ifNoneMatch", IssueType::Value, "ifNoneMatch is neither * nor ETags like W/\"1\"")
        })?),
    };
    let url = EntryUrl::parse(&entry.url)
        .map_err(|error| refuse("request.url", IssueType::Value, &error.to_string()))?;
    let wants_resource = || {
        resource
            .clone()
            .ok_or_else(|| refuse("resource", IssueType::Required, "POST and PUT need a resource"))
    };
    match (entry.method, url) {
        (Method::Post, EntryUrl::Type(resource_type)) => {
            let if_none_exist = entry
                .if_none_exist
                .as_deref()
                .map(|query| criterion(resource_type, query, "ifNoneExist"))
                .transpose()?;
            Ok(Act::Create { resource_type, resource: wants_resource()?, if_none_exist })
        }
        (Method::Put, EntryUrl::Instance { resource_type, id }) => Ok(Act::Update {
            key: Key { resource_type, id: id.to_owned() },
            resource: wants_resource()?,
            if_match,
            if_none_match,
        }),
        (Method::Delete, EntryUrl::Instance { resource_type, id }) => {
            Ok(Act::Delete { key: Key { resource_type, id: id.to_owned() }, if_match })
        }
        (Method::Get, _) => Ok(Act::Read { target: entry.url.to_string() }),
        (Method::Put | Method::Delete, EntryUrl::Query { .. }) => Err(refuse(
            "request.url",
            IssueType::NotSupported,
            "conditional update and conditional delete are not supported",
        )),
        (Method::Patch | Method::Head, _) => {
            Err(refuse("request.method", IssueType::NotSupported, "this method is not supported in a Bundle"))
        }
        _ => Err(refuse("request.url", IssueType::Invalid, "this method does not go with this url")),
    }
}

/// Checks one entry's resource by itself; collects its references, and the numbers of ours that a Patient carries.
fn check(
    entry: &Entry,
    source: &[u8],
    kind: Kind,
    urls: &HashSet<String>,
    criteria: &mut Criteria,
) -> Result<(Vec<Mention>, Vec<Named>), Refusal> {
    let (Some(resource_type), Some(range)) = (entry.writes(), entry.resource()) else {
        return Ok((Vec::new(), Vec::new()));
    };
    let resource = parse(source, range)?;
    let issues = fhir::structure::check(resource_type, &resource);
    if !issues.is_empty() {
        return Err(Refusal { status: 400, issues });
    }
    if let Ok(Act::Update { key, .. }) = &entry.act
        && resource.get("id").and_then(Value::as_str) != Some(key.id.as_str())
    {
        return Err(Refusal::at(
            400,
            IssueType::Invalid,
            format!("{}.id", resource_type.name()),
            "the id in the resource must be the id in the url",
        ));
    }
    let mut mentions = Vec::new();
    for (expression, text) in fhir::reference::references(&resource) {
        let refuse = |code, why: &str| Refusal::at(400, code, expression.clone(), why);
        match Reference::parse(text) {
            Reference::Fragment(_) | Reference::Absolute(_) => {}
            // Known as another entry's fullUrl, it is rewritten; in a single resource it names something outside, and
            // in a Bundle that is itself stored (a document, say) one of that Bundle's own entries.
            Reference::Urn(_) if kind == Kind::Single || urls.contains(text) => {}
            Reference::Urn(_) if entry.writes() == Some(ResourceType::Bundle) => {}
            Reference::Urn(_) => {
                return Err(refuse(IssueType::NotFound, "no entry of this Bundle has this fullUrl"));
            }
            Reference::Local { resource_type, id, .. } => mentions.push(Mention {
                expression,
                target: Target::Record(Key { resource_type, id: id.to_owned() }),
            }),
            Reference::Conditional { resource_type, query } => {
                let index = criteria.index_of(resource_type, query).map_err(|refusal| {
                    Refusal::at(
                        400,
                        refusal.issues[0].code,
                        expression.clone(),
                        refusal.issues[0].diagnostics.clone(),
                    )
                })?;
                mentions.push(Mention { expression, target: Target::Criterion(index) });
            }
            Reference::Invalid => {
                return Err(refuse(
                    IssueType::Value,
                    "not a reference: neither Type/id nor a URL nor a fragment",
                ));
            }
        }
    }
    let named = match resource_type {
        ResourceType::Patient => domain::patient::named(&resource),
        _ => Vec::new(),
    };
    Ok((mentions, named))
}

/// The resource at this range of the request.
pub(super) fn parse(source: &[u8], range: Range<usize>) -> Result<Value, Refusal> {
    fhir::json::parse(source.get(range).unwrap_or_default())
        .map_err(|error| Refusal::new(400, IssueType::Structure, error.to_string()))
}
