//! The store against three real databases.

#![allow(clippy::unwrap_used, clippy::panic, missing_docs, reason = "tests")]

mod commit;
mod connections;
mod diagnose;
mod house;
mod identity;
mod outage;
mod preflight;
mod recovery;
mod silence;
