//! A patient's history: each version, who wrote it, and what it changed.

use chrono::{DateTime, Utc};
use domain::patient::{Change, changes};
use domain::store::VersionEntry;
use kernel::AccountId;
use serde_json::Value;

/// A version and what it changed.
#[derive(Clone, Debug)]
pub struct Version {
    /// The version.
    pub version: i32,
    /// When it was written.
    pub at: DateTime<Utc>,
    /// Who wrote it, where that is known.
    pub author: Option<AccountId>,
    /// Whether it is a deletion.
    pub deleted: bool,
    /// What differs from the version before.
    pub changes: Vec<Change>,
}

/// The versions of `entries`, newest first, each compared with the one after it in the list; the last with `before`,
/// the version that precedes it, where there is one.
pub fn versions(entries: &[VersionEntry], before: Option<&VersionEntry>) -> Vec<Version> {
    let body = |entry: &VersionEntry| -> Option<Value> {
        entry.json.as_ref().and_then(|json| serde_json::from_slice(json.expose()).ok())
    };
    let bodies: Vec<Option<Value>> = entries.iter().chain(before).map(body).collect();
    entries
        .iter()
        .enumerate()
        .map(|(index, entry)| {
            let earlier = bodies.get(index + 1).and_then(Option::as_ref);
            Version {
                version: entry.version,
                at: entry.last_updated,
                author: entry.author,
                deleted: entry.json.is_none(),
                changes: changes(earlier, bodies[index].as_ref()),
            }
        })
        .collect()
}
