//! Likely duplicates: who may be the same person as somebody registered already. A hint, not a judgement.

use domain::patient::{self, Demographics};
use domain::store::{Body, Likeness};

/// How many records are compared at the most for each thing that two registrations can have in common.
pub const COMPARED: usize = 100;
/// How many are told.
const TOLD: usize = 10;

/// A patient who may be the same person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Duplicate {
    /// The patient's id.
    pub id: String,
    /// How alike, of 100.
    pub score: u8,
    /// What agrees.
    pub reasons: Vec<&'static str>,
}

/// What to ask the archive for.
pub fn likeness_of(who: &Demographics) -> Likeness {
    patient::likeness(who)
}

/// Those of `found` that are likely the same person as `who`, the likeliest first; `except` is who they are compared
/// with.
pub fn duplicates(who: &Demographics, found: &[(String, Body)], except: Option<&str>) -> Vec<Duplicate> {
    let mut likely: Vec<Duplicate> = found
        .iter()
        .filter(|(id, _)| Some(id.as_str()) != except)
        .filter_map(|(id, body)| {
            let resource = serde_json::from_slice(body.json.expose()).ok()?;
            let alike = patient::resemblance(who, &patient::view(&resource).demographics)?;
            Some(Duplicate { id: id.clone(), score: alike.score, reasons: alike.reasons })
        })
        .collect();
    // Stable: of equals the newest stays first.
    likely.sort_by_key(|duplicate| std::cmp::Reverse(duplicate.score));
    likely.truncate(TOLD);
    likely
}
