//! The walls of the building, as tests: who may name whom, where transactions may begin, which files may be
//! long.
//!
//! Owns no part of the server and is linked into nothing. Each module holds checkers, which take what they
//! judge as a value and give back what is wrong with it, with tests that each of them can find something
//! wrong; `tests/walls.rs` applies them to this very workspace. Read that file first.

pub mod files;
pub mod floors;
pub mod migrations;
pub mod rust;
pub mod sources;
pub mod workspace;

/// What is wrong, one line each, naming the place: empty when the wall stands.
pub type Faults = Vec<String>;
