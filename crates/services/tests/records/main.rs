//! Writing and reading records against three real databases.

mod bundles;
mod harness;
mod isolation;
mod searches;
mod singles;
mod statements;
