//! What belongs to patients beside their records, in `phi`: numbers, who holds which, and merges.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use kernel::{AccountId, Phi, Rid, TransactionId};

use crate::Stored;
use crate::patient::Named;

/// A claim on an identifier.
#[derive(Clone, Debug)]
pub struct Claim {
    /// What is claimed.
    pub named: Named,
    /// For whom.
    pub patient: Rid,
}

/// One patient merged into another.
#[derive(Clone, Debug)]
pub struct Merge {
    /// The transaction that moved the records.
    pub transaction: TransactionId,
    /// The patient that is no longer used.
    pub loser: (Rid, String),
    /// The patient that stays.
    pub winner: (Rid, String),
    /// Who merged them.
    pub account: AccountId,
    /// When.
    pub at: DateTime<Utc>,
    /// Why, in that person's words.
    pub reason: Phi<String>,
    /// Records moved in `phi`.
    pub moved_phi: u32,
    /// Records moved in `clinical`.
    pub moved_clinical: u32,
}

/// Numbers, claims and merges, in `phi`. Each method is one statement.
#[async_trait]
pub trait Patients: Send {
    /// Takes `count` numbers of this year; gives the first. Belongs into a transaction of its own: whoever comes next
    /// waits for it.
    async fn reserve_numbers(&mut self, year: i32, count: u32) -> Stored<u64>;

    /// For each of `asked` the patient who has it.
    async fn holders(&mut self, asked: &[Claim]) -> Stored<Vec<Option<Rid>>>;

    /// How many patient numbers each of these has.
    async fn numbers_of(&mut self, patients: &[Rid]) -> Stored<Vec<u32>>;

    /// Claims each for its patient.
    ///
    /// # Errors
    /// [`crate::StoreError::Contended`] where another transaction was faster: ask again who has it.
    async fn claim(&mut self, claims: &[Claim]) -> Stored<()>;

    /// Gives all that `from` has claimed to `to`.
    async fn hand_over(&mut self, from: Rid, to: Rid) -> Stored<()>;

    /// Adds to the trail of merges.
    async fn record_merge(&mut self, merge: &Merge) -> Stored<()>;

    /// The merges that this patient had a part in, newest first, `most` at the most.
    async fn merges_of(&mut self, patient: Rid, most: usize) -> Stored<Vec<Merge>>;
}
