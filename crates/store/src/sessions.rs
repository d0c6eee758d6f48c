//! Which sessions changed: what every server asks `auth` about once a second, over a connection of its own, so that an
//! exhausted pool cannot keep an ended session alive.

use std::time::Duration;

use domain::store::SessionChange;
use domain::{StoreError, Stored};
use kernel::{Database, limits};
use sqlx::PgConnection;
use tokio::sync::Mutex;

use crate::connection::Connections;
use crate::open::Store;

/// The connection over which is asked; none before the first question, or after one that failed.
#[derive(Default)]
pub(crate) struct Listener(Mutex<Option<PgConnection>>);

impl Listener {
    async fn ask(&self, auth: &Connections, within: Duration) -> Stored<Vec<SessionChange>> {
        let unavailable = || StoreError::Unavailable { database: Database::Auth };
        // Those who ask at the same time take turns; each answer is as new as its question.
        let mut held = self.0.lock().await;
        if auth.is_down() {
            *held = None;
            return Err(unavailable());
        }
        let mut connection = match held.take() {
            Some(connection) => connection,
            None => auth.dedicated(&[]).await.map_err(|_| unavailable())?,
        };
        let asked = db_auth::sessions::changed(&mut connection, within);
        let changes = tokio::time::timeout(limits::STATEMENT, asked).await.map_err(|_| unavailable())??;
        *held = Some(connection);
        Ok(changes)
    }
}

impl Store {
    /// The sessions of all organizations that ended, or whose tokens ceased to be true, within this time.
    ///
    /// # Errors
    /// `Unavailable` where `auth` does not answer.
    pub async fn session_changes(&self, within: Duration) -> Stored<Vec<SessionChange>> {
        self.inner.listener.ask(&self.inner.homes[Database::Auth.index()], within).await
    }
}
