//! What the databases know of the records that a write names, and what each entry therefore will be.

use std::collections::{HashMap, HashSet};

use domain::store::{Criterion, Head, Key, Match, Records};
use domain::{Context, Stored, UnitOfWork};
use fhir::ResourceType;
use fhir::outcome::IssueType;
use fhir::reference::Reference;
use kernel::{Database, Rid};
use uuid::Uuid;

use super::entry::{Act, Entry, Kind, Target};
use super::plan::{Write, answering};
use super::refusal::Refusal;
use super::write::WriteError;

/// What an entry will be.
#[derive(Debug)]
pub(super) enum Settled {
    /// A new record.
    New { id: String, rid: Rid },
    /// Its condition is met already.
    Exists { id: String, head: Head },
    /// Its condition is met more than once.
    SeveralExist,
    /// A named record, with its locked head where it exists.
    Target { head: Option<Head>, rid: Rid },
    /// Nothing to settle: a read, or refused.
    Nothing,
}

/// Everything that was looked up.
pub(super) struct Resolved {
    settled: Vec<Settled>,
    /// `fullUrl` to `Type/id`.
    urls: HashMap<String, String>,
    /// The matches of the write's criteria, by index.
    matches: Vec<Vec<Match>>,
    /// The heads of referenced records, by the database that answered.
    heads: HashMap<(Database, Key), Head>,
    /// The records that this transaction writes.
    own: HashMap<Key, Rid>,
}

/// The condition of a create: the type and the criteria as understood.
type Condition<'w> = (ResourceType, &'w [(String, String)]);

/// What is asked of one database.
#[derive(Default)]
struct Questions<'w> {
    /// Entries with a condition, by slot.
    conditions: Vec<(usize, &'w Criterion)>,
    /// Criteria of references, by index.
    criteria: Vec<(usize, &'w Criterion)>,
    /// Records to be changed, by slot.
    targets: Vec<(usize, Key)>,
    /// Records that are referred to.
    references: HashSet<Key>,
}

impl Resolved {
    pub(super) async fn resolve(
        write: &Write,
        context: &Context,
        work: &mut dyn UnitOfWork,
    ) -> Result<Resolved, WriteError> {
        let mut resolved = Resolved {
            settled: write.entries.iter().map(|_| Settled::Nothing).collect(),
            urls: HashMap::new(),
            matches: vec![Vec::new(); write.criteria.len()],
            heads: HashMap::new(),
            own: HashMap::new(),
        };
        let mut questions = questions(write);
        let mut answers = Answers::default();
        for database in Database::ALL {
            let asked = std::mem::take(&mut questions[database.index()]);
            if asked.is_empty() {
                continue;
            }
            let mut records = work.records(database)?;
            resolved.ask(database, records.as_mut(), asked, &mut answers).await?;
        }
        resolved.hold_matched_patients(write, work).await?;
        resolved.settle(write, context, work, answers);
        Ok(resolved)
    }

    /// Puts the questions to one database, a statement each.
    async fn ask(
        &mut self,
        database: Database,
        records: &mut dyn Records,
        asked: Questions<'_>,
        answers: &mut Answers,
    ) -> Stored<()> {
        let conditions: Vec<&Criterion> = asked.conditions.iter().map(|(_, criterion)| *criterion).collect();
        records.guard(&conditions).await?;
        let criteria: Vec<&Criterion> = conditions
            .iter()
            .copied()
            .chain(asked.criteria.iter().map(|(_, criterion)| *criterion))
            .collect();
        let mut found = records.matches(&criteria).await?.into_iter();
        for (slot, _) in &asked.conditions {
            answers.conditions.insert(*slot, found.next().unwrap_or_default());
        }
        for (index, criterion) in &asked.criteria {
            let matches = found.next().unwrap_or_default();
            for matched in &matches {
                let key = Key { resource_type: criterion.search().resource_type, id: matched.id.clone() };
                self.heads.insert((database, key), matched.head.clone());
            }
            self.matches[*index] = matches;
        }
        // Patients are held before records are locked, in every transaction: whoever takes a patient for itself (a
        // merge) then finds nobody who holds a record and waits for the patient. What is to be changed itself is not
        // held first and locked later, since two who do that wait for each other.
        let targets: HashSet<&Key> = asked.targets.iter().map(|(_, key)| key).collect();
        let keys: Vec<Key> = asked.references.iter().filter(|key| !targets.contains(key)).cloned().collect();
        if !keys.is_empty() {
            let heads = records.resolve(&keys).await?;
            self.note(database, keys, heads);
        }
        if !asked.targets.is_empty() {
            let keys: Vec<Key> = asked.targets.iter().map(|(_, key)| key.clone()).collect();
            let heads = records.lock(&keys).await?;
            for ((slot, _), head) in asked.targets.iter().zip(&heads) {
                answers.targets.insert((database, *slot), head.clone());
            }
            self.note(database, keys, heads);
        }
        Ok(())
    }

    fn note(&mut self, database: Database, keys: Vec<Key>, heads: Vec<Option<Head>>) {
        for (key, head) in keys.into_iter().zip(heads) {
            if let Some(head) = head {
                self.heads.insert((database, key), head);
            }
        }
    }

    /// A patient found by what is known of them is held like one named by id.
    async fn hold_matched_patients(&mut self, write: &Write, work: &mut dyn UnitOfWork) -> Stored<()> {
        let mut held: [HashSet<Key>; 3] = Default::default();
        for entry in &write.entries {
            let Some(written) = entry.writes() else { continue };
            let keys = &mut held[answering(written.database(), ResourceType::Patient).index()];
            for mention in &entry.mentions {
                if let Target::Criterion(index) = mention.target
                    && write.criteria[index].search().resource_type == ResourceType::Patient
                    && let [only] = self.matches[index].as_slice()
                {
                    keys.insert(Key { resource_type: ResourceType::Patient, id: only.id.clone() });
                }
            }
        }
        for (database, keys) in Database::ALL.into_iter().zip(held).filter(|(_, keys)| !keys.is_empty()) {
            let keys: Vec<Key> = keys.into_iter().collect();
            let heads = work.records(database)?.resolve(&keys).await?;
            self.note(database, keys, heads);
        }
        Ok(())
    }

    /// Decides what each entry will be.
    fn settle(&mut self, write: &Write, context: &Context, work: &mut dyn UnitOfWork, mut answers: Answers) {
        // Entries on the same condition create one record, the first of them.
        let mut created_on: HashMap<Condition<'_>, (String, Head)> = HashMap::new();
        for (slot, entry) in write.entries.iter().enumerate() {
            let Ok(act) = &entry.act else { continue };
            let (key, settled) = match act {
                Act::Read { .. } => continue,
                Act::Create { resource_type, if_none_exist, .. } => {
                    let mut found = answers.conditions.remove(&slot).unwrap_or_default();
                    let condition =
                        if_none_exist.as_ref().map(|it| (*resource_type, it.search().pairs.as_slice()));
                    let earlier = condition.and_then(|it| created_on.get(&it));
                    let settled = match (found.len(), found.pop(), earlier) {
                        (_, _, Some((id, head))) => Settled::Exists { id: id.clone(), head: head.clone() },
                        (1, Some(only), None) => Settled::Exists { id: only.id, head: only.head },
                        (0, _, None) => {
                            let id = Uuid::now_v7().to_string();
                            let rid = work.new_rid(resource_type.database());
                            if let Some(condition) = condition {
                                let head = Head {
                                    rid,
                                    version: 1,
                                    last_updated: context.now(),
                                    deleted: false,
                                    patient: None,
                                    merged_into: None,
                                };
                                created_on.insert(condition, (id.clone(), head));
                            }
                            Settled::New { id, rid }
                        }
                        _ => Settled::SeveralExist,
                    };
                    let id = match &settled {
                        Settled::New { id, .. } | Settled::Exists { id, .. } => Some(id.clone()),
                        _ => None,
                    };
                    (id.map(|id| Key { resource_type: *resource_type, id }), settled)
                }
                Act::Update { key, .. } | Act::Delete { key, .. } => {
                    let head = answers.targets.remove(&(key.database(), slot)).flatten();
                    let anchor = answers.targets.remove(&(Database::Clinical, slot)).flatten();
                    // An anchor without its Patient (phi was restored from an older backup) keeps its identifier, so that
                    // the clinical records find the Patient again.
                    let rid = head.as_ref().or(anchor.as_ref()).map(|head| head.rid);
                    let rid = rid.unwrap_or_else(|| work.new_rid(key.database()));
                    let kept = matches!(act, Act::Update { .. }).then(|| key.clone());
                    (kept, Settled::Target { head, rid })
                }
            };
            if let Some(key) = key {
                if let Some(url) = &entry.full_url
                    && write.kind() == Kind::Transaction
                {
                    self.urls.insert(url.clone(), format!("{}/{}", key.resource_type.name(), key.id));
                }
                if write.kind() != Kind::Batch {
                    let rid = match &settled {
                        Settled::New { rid, .. } | Settled::Target { rid, .. } => *rid,
                        Settled::Exists { head, .. } => head.rid,
                        Settled::SeveralExist | Settled::Nothing => continue,
                    };
                    self.own.insert(key, rid);
                }
            }
            self.settled[slot] = settled;
        }
    }

    /// What the entry in this slot will be.
    pub(super) fn settled(&self, slot: usize) -> &Settled {
        self.settled.get(slot).unwrap_or(&Settled::Nothing)
    }

    /// Refuses an entry that refers to something that is not there.
    pub(super) fn check_mentions(&self, write: &Write, entry: &Entry) -> Result<(), Refusal> {
        let Some(written) = entry.writes() else { return Ok(()) };
        for mention in &entry.mentions {
            let refuse =
                |status, code, why: String| Err(Refusal::at(status, code, mention.expression.clone(), why));
            match &mention.target {
                Target::Record(key) => {
                    if self.own.contains_key(key) {
                        continue;
                    }
                    let name = key.resource_type.name();
                    match self.heads.get(&(answering(written.database(), key.resource_type), key.clone())) {
                        Some(head) => usable(key, head).or_else(|(code, why)| refuse(422, code, why))?,
                        None => {
                            return refuse(
                                422,
                                IssueType::NotFound,
                                format!("{name}/{} does not exist", key.id),
                            );
                        }
                    }
                }
                Target::Criterion(index) => match self.matches[*index].as_slice() {
                    [only] => {
                        let resource_type = write.criteria[*index].search().resource_type;
                        let key = Key { resource_type, id: only.id.clone() };
                        // It was found before it was held.
                        let held =
                            self.heads.get(&(answering(written.database(), resource_type), key.clone()));
                        usable(&key, held.unwrap_or(&only.head))
                            .or_else(|(code, why)| refuse(422, code, why))?;
                    }
                    [] => {
                        let name = write.criteria[*index].search().resource_type.name();
                        return refuse(422, IssueType::NotFound, format!("no {name} meets these criteria"));
                    }
                    _ => {
                        let name = write.criteria[*index].search().resource_type.name();
                        return refuse(
                            412,
                            IssueType::MultipleMatches,
                            format!("several {name} resources meet these criteria"),
                        );
                    }
                },
            }
        }
        Ok(())
    }

    /// What a string of the resource becomes: a `fullUrl` or a conditional reference becomes `Type/id`.
    pub(super) fn rewritten(&self, write: &Write, text: &str) -> Option<String> {
        if let Some(target) = self.urls.get(text) {
            return Some(target.clone());
        }
        if !text.contains('?') {
            return None;
        }
        let Reference::Conditional { resource_type, query } = Reference::parse(text) else { return None };
        let index = write.criterion_index(resource_type, query)?;
        let [only] = self.matches[index].as_slice() else { return None };
        Some(format!("{}/{}", resource_type.name(), only.id))
    }

    /// The patient with this logical id, as `database` knows them.
    pub(super) fn patient(&self, database: Database, id: &str) -> Option<Rid> {
        let key = Key { resource_type: ResourceType::Patient, id: id.to_owned() };
        let own = self.own.get(&key).copied();
        own.or_else(|| self.heads.get(&(answering(database, key.resource_type), key)).map(|head| head.rid))
    }
}

/// Refuses a record that nothing may refer to any more.
fn usable(key: &Key, head: &Head) -> Result<(), (IssueType, String)> {
    let name = key.resource_type.name();
    match &head.merged_into {
        Some(winner) => Err((
            IssueType::BusinessRule,
            format!("{name}/{} was merged into {name}/{winner}: refer to that one", key.id),
        )),
        None if head.deleted => Err((IssueType::Deleted, format!("{name}/{} was deleted", key.id))),
        None => Ok(()),
    }
}

/// The answers that belong to entries.
#[derive(Default)]
struct Answers {
    conditions: HashMap<usize, Vec<Match>>,
    targets: HashMap<(Database, usize), Option<Head>>,
}

impl Questions<'_> {
    fn is_empty(&self) -> bool {
        self.conditions.is_empty()
            && self.criteria.is_empty()
            && self.targets.is_empty()
            && self.references.is_empty()
    }
}

/// What is to be asked of each database.
fn questions(write: &Write) -> [Questions<'_>; 3] {
    let mut questions: [Questions<'_>; 3] = Default::default();
    let mut asked_criteria = HashSet::new();
    for (slot, entry) in write.entries.iter().enumerate() {
        let Some(written) = entry.writes() else { continue };
        match &entry.act {
            Ok(Act::Create { if_none_exist: Some(criterion), .. }) => {
                questions[written.database().index()].conditions.push((slot, criterion));
            }
            Ok(Act::Update { key, .. } | Act::Delete { key, .. }) => {
                questions[key.database().index()].targets.push((slot, key.clone()));
                if key.resource_type == ResourceType::Patient {
                    questions[Database::Clinical.index()].targets.push((slot, key.clone()));
                }
            }
            _ => {}
        }
        for mention in &entry.mentions {
            match &mention.target {
                Target::Record(key) => {
                    let database = answering(written.database(), key.resource_type);
                    questions[database.index()].references.insert(key.clone());
                }
                Target::Criterion(index) => {
                    if asked_criteria.insert(*index) {
                        let criterion = &write.criteria[*index];
                        let database = criterion.search().resource_type.database();
                        questions[database.index()].criteria.push((*index, criterion));
                    }
                }
            }
        }
    }
    questions
}
