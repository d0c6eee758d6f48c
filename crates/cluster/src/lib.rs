//! The three private PostgreSQL clusters: finding binaries, initialising, roles, starting, supervising,
//! stopping, deleting, and the migrations of every database.
//!
//! Owns everything below `<data_dir>/pg` and `<data_dir>/secrets`, the operating system's processes behind
//! them, and `migrations/`. May use sqlx, but never its checked macros, so that stale query caches can be
//! refreshed with the clusters that this crate starts. Depends on kernel only. Read [`clusters`] first.

mod account;
pub mod backup;
mod bootstrap;
pub mod clusters;
mod error;
mod fetch;
mod initdb;
mod install;
mod login;
mod marker;
pub mod migrate;
pub mod operations;
mod place;
mod postmaster;
mod process;
mod progress;
mod reset;
mod running;
mod secret;
mod settings;
mod setup;
mod supervise;

pub use bootstrap::{Role, prepare_database};
pub use clusters::{Clusters, Options};
pub use error::ClusterError;
pub use install::{Install, NEWEST_MAJOR, OLDEST_MAJOR};
pub use login::{Databases, External, Host, Login, Tls, TlsMode};
pub use migrate::{MigrationError, MigrationStatus, Migrations};
pub use postmaster::StopMode;
pub use progress::Progress;
pub use reset::{Removed, reset};
pub use running::Running;
pub use setup::{example, setup_sql};
/// How the driver reaches a database, for crates that hand it on and name no driver.
pub use sqlx::postgres::PgConnectOptions as ConnectOptions;
pub use supervise::State;
