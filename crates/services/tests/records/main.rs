//! Writing and reading records against three real databases.

#![allow(clippy::unwrap_used, clippy::expect_used)] // A test says what it expects by failing.

mod bundles;
mod chart;
mod harness;
mod holds;
mod isolation;
mod lists;
mod merges;
mod searches;
mod singles;
mod statements;
