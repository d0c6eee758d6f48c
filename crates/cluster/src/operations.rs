//! What people did to the databases, in `operations.event`: migrations, backups, restores.

use kernel::Database;
use nix::unistd::{User, getuid};
use sqlx::{ConnectOptions, Connection};

use crate::error::ClusterError;
use crate::login::Login;

/// What was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Migrations were applied.
    Migrate,
    /// Migrations were reverted.
    Revert,
    /// A backup was taken.
    Backup,
    /// A backup was restored.
    Restore,
    /// The epoch was raised.
    Epoch,
}

impl Kind {
    /// Its name in the table.
    pub const fn name(self) -> &'static str {
        match self {
            Kind::Migrate => "migrate",
            Kind::Revert => "revert",
            Kind::Backup => "backup",
            Kind::Restore => "restore",
            Kind::Epoch => "epoch",
        }
    }
}

/// One thing that was done to one database.
#[derive(Clone, Debug)]
pub struct Event<'a> {
    /// What.
    pub kind: Kind,
    /// The release that did it.
    pub program: &'a str,
    /// Why, in the words of whoever did it.
    pub why: Option<&'a str>,
    /// What else there is to know; nothing about patients.
    pub detail: serde_json::Value,
}

/// Writes it down, as its owner or as whoever may take backups. A database that has no such table yet, or no longer, takes no note.
///
/// # Errors
/// [`ClusterError::Sql`].
pub async fn record(database: Database, login: &Login, event: &Event<'_>) -> Result<(), ClusterError> {
    let failed = ClusterError::sql(database, "writing down what was done to it");
    let mut connection = login.options().connect().await.map_err(&failed)?;
    let known: bool = sqlx::query_scalar("select to_regclass('operations.event') is not null")
        .fetch_one(&mut connection)
        .await
        .map_err(&failed)?;
    if known {
        sqlx::query("insert into operations.event (kind, who, program, why, detail) values ($1, $2, $3, $4, $5::jsonb)")
            .bind(event.kind.name())
            .bind(who())
            .bind(event.program)
            .bind(event.why)
            .bind(event.detail.to_string())
            .execute(&mut connection)
            .await
            .map_err(&failed)?;
    }
    connection.close().await.map_err(&failed)
}

/// The operating system's user who runs this program; behind sudo, who called it.
pub fn who() -> String {
    let own = match User::from_uid(getuid()) {
        Ok(Some(user)) => user.name,
        _ => format!("#{}", getuid()),
    };
    match std::env::var("SUDO_USER") {
        Ok(caller) if getuid().is_root() => format!("{own} for {caller}"),
        _ => own,
    }
}
