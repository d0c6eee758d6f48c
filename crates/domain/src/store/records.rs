//! The record store: FHIR resources, versioned, sealed and searchable, in whichever database their type lives in.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use fhir::ResourceType;
use fhir::extract::Extracted;
use fhir::search::Search;
use kernel::{AccountId, Database, Phi, Rid};

use crate::audit::Event;
use crate::{Context, Stored};

/// A record's public name: type and logical id.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key {
    /// The resource type, which also decides the database.
    pub resource_type: ResourceType,
    /// The logical id (FHIR `id`).
    pub id: String,
}

impl Key {
    /// The database that holds the record.
    pub fn database(&self) -> Database {
        self.resource_type.database()
    }
}

/// What is known of a record without reading its body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// The internal identifier.
    pub rid: Rid,
    /// The current version, from 1.
    pub version: i32,
    /// When that version was written.
    pub last_updated: DateTime<Utc>,
    /// Whether the current version is a deletion.
    pub deleted: bool,
    /// The patient whom the record is about.
    pub patient: Option<Rid>,
    /// For a Patient that was merged into another: the other's logical id.
    pub merged_into: Option<String>,
}

/// A patient as `clinical` knows one: an opaque id, and the row that guards what refers to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Anchor {
    /// The Patient's logical id.
    pub id: String,
    /// The Patient's internal identifier, the same in `phi`.
    pub rid: Rid,
    /// Whether the Patient is deleted.
    pub deleted: bool,
}

/// A version about to be sealed and indexed.
#[derive(Clone, Copy, Debug)]
pub struct Draft<'a> {
    /// The resource type.
    pub resource_type: ResourceType,
    /// The logical id.
    pub id: &'a str,
    /// The internal identifier, the same for every version.
    pub rid: Rid,
    /// The version, from 1.
    pub version: i32,
    /// When it is written.
    pub last_updated: DateTime<Utc>,
    /// The patient whom it is about.
    pub patient: Option<Rid>,
    /// Whether it is a deletion; the body is then empty.
    pub deleted: bool,
}

/// What search needs of a version, hashed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PreparedIndex {
    /// The main code.
    pub code: Option<i64>,
    /// The main date's range.
    pub date: Option<(DateTime<Utc>, DateTime<Utc>)>,
    /// Everything else that is searched by equality, each once.
    pub tokens: Vec<i64>,
}

/// A version ready to be written: sealed and indexed.
#[derive(Clone, Debug)]
pub struct Prepared {
    /// The resource type.
    pub resource_type: ResourceType,
    /// The logical id.
    pub id: String,
    /// The internal identifier.
    pub rid: Rid,
    /// The version.
    pub version: i32,
    /// When it is written.
    pub last_updated: DateTime<Utc>,
    /// The patient whom it is about.
    pub patient: Option<Rid>,
    /// Whether it is a deletion.
    pub deleted: bool,
    /// What search needs.
    pub index: PreparedIndex,
    /// The sealed body.
    pub sealed: Vec<u8>,
}

/// All that one transaction changes in one database's records.
#[derive(Clone, Debug, Default)]
pub struct Changes {
    /// First versions of new records.
    pub created: Vec<Prepared>,
    /// Next versions of existing records; the version before moves to history.
    pub updated: Vec<Prepared>,
    /// Patients to anchor, or to mark deleted; only in `clinical`.
    pub anchors: Vec<Anchor>,
}

impl Changes {
    /// Whether there is nothing to write.
    pub fn is_empty(&self) -> bool {
        self.created.is_empty() && self.updated.is_empty() && self.anchors.is_empty()
    }
}

/// A current record with its body, to be written again.
#[derive(Clone, Debug)]
pub struct Opened {
    /// Which.
    pub key: Key,
    /// What else is known of it.
    pub head: Head,
    /// The final wire JSON.
    pub json: Phi<Vec<u8>>,
}

/// Criteria that name a record by what it says, as in a conditional reference or `If-None-Exist`. Only what the
/// index answers by equality is possible here: see [`Criterion::new`].
#[derive(Clone, Debug)]
pub struct Criterion {
    search: Search,
}

impl Criterion {
    /// Takes the parsed criteria of a conditional interaction.
    ///
    /// # Errors
    /// The name of the first parameter that cannot be used here: a date, a result parameter, or an OR list.
    pub fn new(search: Search) -> Result<Criterion, String> {
        match search.unconditional_parameter() {
            Some(name) => Err(name.to_owned()),
            None => Ok(Criterion { search }),
        }
    }

    /// The criteria.
    pub fn search(&self) -> &Search {
        &self.search
    }
}

/// A record that meets a criterion.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Match {
    /// Its logical id.
    pub id: String,
    /// What else is known of it.
    pub head: Head,
}

/// The records of one database inside a transaction. Each method is one statement, two where patients are held
/// beside other records, whatever the number of records.
#[async_trait]
pub trait Records: Send {
    /// Seals the body (the final wire JSON) and hashes what search needs. Pure.
    fn prepare(&self, draft: &Draft<'_>, body: &[u8], extracted: &Extracted<'_>) -> Stored<Prepared>;

    /// Takes the guards of these criteria until commit, in a fixed order, so that of two transactions which create
    /// on the same condition the second sees what the first made.
    async fn guard(&mut self, criteria: &[&Criterion]) -> Stored<()>;

    /// For each criterion the matching records that are not deleted, two at the most.
    async fn matches(&mut self, criteria: &[&Criterion]) -> Stored<Vec<Vec<Match>>>;

    /// For each key the record's head, locked until commit.
    async fn lock(&mut self, keys: &[Key]) -> Stored<Vec<Option<Head>>>;

    /// For each key the record's head. A Patient is held against deletion and merging until commit, by its own row
    /// in `phi`, by its anchor in `clinical`.
    async fn resolve(&mut self, keys: &[Key]) -> Stored<Vec<Option<Head>>>;

    /// A record that is not deleted, with its body.
    async fn open(&mut self, key: &Key) -> Stored<Option<Opened>>;

    /// The records that are about a patient and not deleted, with their bodies, in the order of their rid; `most` at
    /// the most. The Patient itself is one of them. They are locked until commit.
    async fn about(&mut self, patient: Rid, most: usize) -> Stored<Vec<Opened>>;

    /// Notes that this Patient was merged into another: on its own row in `phi`, on its anchor in `clinical`.
    async fn mark_merged(&mut self, patient: &Key, into: &str) -> Stored<()>;

    /// Writes everything, and the audit row, in one statement.
    ///
    /// # Errors
    /// [`crate::StoreError::Contended`] where an updated record's version is not the one before.
    async fn write(&mut self, changes: &Changes, event: &Event) -> Stored<()>;
}

/// A version's body as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Body {
    /// The internal identifier.
    pub rid: Rid,
    /// The version.
    pub version: i32,
    /// When it was written.
    pub last_updated: DateTime<Utc>,
    /// The final wire JSON, byte for byte as it was stored.
    pub json: Phi<Vec<u8>>,
}

/// The answer to a read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// The version asked for.
    Version(Body),
    /// The version asked for is a deletion.
    Deleted {
        /// Which version.
        version: i32,
        /// When.
        last_updated: DateTime<Utc>,
    },
    /// There is no such record, or not in this organization.
    Missing,
}

/// One page of something, with the way to the next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T> {
    /// What is on the page.
    pub entries: Vec<T>,
    /// The cursor of the next page, encrypted; none on the last page.
    pub next: Option<String>,
}

/// One entry of a record's history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VersionEntry {
    /// The version.
    pub version: i32,
    /// When it was written.
    pub last_updated: DateTime<Utc>,
    /// Who wrote it; none for what is older than the column.
    pub author: Option<AccountId>,
    /// Its body; none for a deletion.
    pub json: Option<Phi<Vec<u8>>>,
}

/// What two registrations of one person have in common: whoever has one of these may be that person.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Likeness {
    /// The beginning of the day of birth, where that is known to the day.
    pub born: Option<DateTime<Utc>>,
    /// Words that all stand in the name, in whatever part of it.
    pub names: Phi<Vec<String>>,
    /// System and value of identifiers.
    pub identifiers: Phi<Vec<(String, String)>>,
}

/// One page of a search.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SearchPage {
    /// Matching records with their logical ids.
    pub page: Page<(String, Body)>,
    /// How many match in all, where that was asked for.
    pub total: Option<u64>,
    /// For each entry the cursor of the page that begins after it, where that was asked for.
    pub places: Vec<String>,
}

/// The newest records of one type that are about one patient, by the type's date.
#[derive(Clone, Debug)]
pub struct Slice {
    /// The type.
    pub resource_type: ResourceType,
    /// Only those whose main code is this one: system and code.
    pub code: Option<(&'static str, &'static str)>,
    /// Only those that do not have this token: the number of a search parameter whose values are bare codes, and the
    /// code.
    pub without: Option<(u16, &'static str)>,
    /// How many at the most.
    pub most: usize,
}

/// What a database without names knows of a patient: whether they were deleted, and slices of their records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sliced {
    /// Whether the patient was deleted; there are no records then.
    pub deleted: bool,
    /// For each slice its records with their logical ids, the newest first, and whether there are more.
    pub slices: Vec<(Vec<(String, Body)>, bool)>,
}

/// Reading records outside a transaction. Each call is one access: it writes its audit row, durably, before it
/// answers.
#[async_trait]
pub trait Archive: Send + Sync {
    /// The current version.
    async fn read(&self, context: &Context, key: &Key) -> Stored<Found>;

    /// A given version.
    async fn version(&self, context: &Context, key: &Key, version: i32) -> Stored<Found>;

    /// The versions of a record, newest first; none where there is no such record. `count` entries at the most.
    ///
    /// # Errors
    /// [`crate::StoreError::Constraint`] named `cursor` where the cursor is not one of ours for this record.
    async fn history(
        &self,
        context: &Context,
        key: &Key,
        count: usize,
        cursor: Option<&str>,
    ) -> Stored<Option<Page<VersionEntry>>>;

    /// Patients who have some likeness, newest first, `most` at the most.
    async fn alike(&self, context: &Context, likeness: &Likeness, most: usize)
    -> Stored<Vec<(String, Body)>>;

    /// A page of a search.
    ///
    /// # Errors
    /// [`crate::StoreError::TooCostly`] at the time limit; [`crate::StoreError::Constraint`] named `cursor` where
    /// the cursor is not one of ours for this search.
    async fn search(&self, context: &Context, search: &Search) -> Stored<SearchPage>;

    /// Several slices of one patient's records in `clinical`, in one statement; none where no such patient is
    /// known. Without slices it only says whether there is such a patient, which leaves a trace where there is none.
    async fn slices(&self, context: &Context, patient: &str, slices: &[Slice]) -> Stored<Option<Sliced>>;
}
