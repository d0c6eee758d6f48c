//! What tests of other crates need: three fresh databases, clusters of their own to break, and the real test
//! data.
//!
//! For `[dev-dependencies]` only. Depends on cluster and kernel, so that the crates above them can use it in
//! their tests. Everything here panics rather than answer errors: a test that cannot have its databases has
//! failed. Read [`databases`] first.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

pub mod clusters;
mod data;
pub mod databases;
mod place;
pub mod servers;
mod watchdog;
pub mod wire;

pub use cluster::{Migrations, Role, State, StopMode};
pub use clusters::TestClusters;
pub use data::test_data;
pub use databases::TestDatabases;
pub use place::TestFolder;
pub use servers::TestServer;
/// The driver, so that tests above the walls can ask the databases without naming a driver of their own.
pub use sqlx;
pub use wire::CountingProxy;
