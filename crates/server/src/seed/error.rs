//! Why a demonstration cannot be written.

use chrono::NaiveDate;
use domain::StoreError;
use domain::fault::Faults;
use identity::PasswordError;
use services::administration::AdministrationError;
use services::record::{Refusal, WriteError};

/// Why it failed.
#[derive(Debug, thiserror::Error)]
pub enum SeedError {
    /// There are patients.
    #[error(
        "there are patients already: seed an empty data folder (SALUS_DATA_DIR), or add to them with --force"
    )]
    NotEmpty,
    /// The databases are not ours.
    #[error(
        "these databases were not made by Salus itself: a demonstration has accounts with a password that everybody \
         knows; --external says that this is meant"
    )]
    External,
    /// The year would not be over.
    #[error("{0} is in the future")]
    Future(NaiveDate),
    /// A signal came.
    #[error("interrupted; what was written stays")]
    Interrupted,
    /// Nobody is there to act for.
    #[error("the first administrator has no organization")]
    NoAdministrator,
    /// A patient that the rules refuse: a mistake in what is told.
    #[error("patient {number} of this seed cannot be written: {why}")]
    Patient {
        /// Which.
        number: u64,
        /// Why.
        why: Mistake,
    },
    /// The directory of people and places is refused.
    #[error(transparent)]
    Directory(#[from] Refusal),
    /// Accounts are refused.
    #[error(transparent)]
    Administration(#[from] AdministrationError),
    /// The password cannot be hashed.
    #[error(transparent)]
    Password(#[from] PasswordError),
    /// A write failed.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A task ended in the middle.
    #[error("a task ended unexpectedly")]
    Panicked,
}

/// What is wrong with what is told.
#[derive(Debug, thiserror::Error)]
pub enum Mistake {
    /// A typed view has members that are not as they must be.
    #[error("{what}: {}", pointers(faults))]
    Faults {
        /// Which view.
        what: &'static str,
        /// What is wrong with it.
        faults: Faults,
    },
    /// A change of state that there is not.
    #[error(transparent)]
    Transition(#[from] domain::chart::IllegalTransition),
    /// The record is refused.
    #[error(transparent)]
    Refused(#[from] Refusal),
}

fn pointers(faults: &Faults) -> String {
    let all = faults.list().iter().map(|fault| format!("{} {}", fault.pointer, fault.detail));
    all.collect::<Vec<_>>().join("; ")
}
