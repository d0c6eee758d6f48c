//! Backups: dated dumps of the three databases at one consistent point, and their way back.
//!
//! A dump carries no prepared transactions, so a point at which some are in doubt would restore to halves. The point
//! ([`mod@point`]) is therefore one at which nobody may decide and nothing is in doubt. What a backup claims stands in
//! its [`Manifest`]; that no transaction is half, both when it is taken and when it is restored, is found by
//! [`mod@reconcile`].

mod error;
mod manifest;
mod point;
mod progress;
mod reconcile;
mod restore;
mod take;
mod tools;

pub use error::BackupError;
pub use manifest::{Applied, Backup, Contents, Counts, Manifest, list};
pub use point::restore_point;
pub use progress::BackupProgress;
pub use reconcile::{Finding, Half, reconcile};
pub use restore::{Restore, Restored, Target, raise_epoch, restore};
pub use take::{Take, take};
pub use tools::Tools;
