//! The lease of this process on the eight instance bits of new record identifiers.
//!
//! The lease lives in `auth`. While `auth` cannot be reached it cannot be renewed, and the holder goes on
//! under it: to stop would make every write to phi and clinical depend on a third database. Nobody can take
//! the slot while `auth` is down for all. Where only this process is cut off from it, another may take the
//! slot after 15 seconds and then starts ten seconds ahead of the clock; an identifier that both should ever
//! make is refused by the primary key of its table.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use db_auth::slot::{self, HEARTBEAT, PROMISE_MS};
use domain::Stored;
use kernel::{Clock, InstanceId, RidSource};

use crate::connection::Connections;
use crate::sql;

/// Pause before a slot is asked for again, after `auth` refused or did not answer.
const AGAIN: Duration = Duration::from_millis(500);

/// The source of record identifiers, once there is one.
#[derive(Default)]
pub(crate) struct Slot {
    source: OnceLock<Arc<RidSource>>,
    held: tokio::sync::Mutex<Option<u8>>,
}

impl Slot {
    /// Where new identifiers come from; none before the first lease.
    pub(crate) fn source(&self) -> Option<&Arc<RidSource>> {
        self.source.get()
    }

    /// Leases a slot, or renews the one that is held, once.
    pub(crate) async fn renew(
        &self,
        auth: &Arc<Connections>,
        instance: InstanceId,
        clock: &dyn Clock,
    ) -> Stored<bool> {
        let mut held = self.held.lock().await;
        let mut connection = checked(auth).await?;
        let now_ms = clock.now().timestamp_millis();
        if let (Some(slot), Some(source)) = (*held, self.source()) {
            let until = now_ms.max(source.last_ms()).saturating_add(PROMISE_MS);
            if slot::heartbeat(&mut connection, instance, slot, until).await? {
                connection.finish();
                return Ok(true);
            }
            tracing::warn!(slot, "another process took the slot of this one; leasing another");
            *held = None;
        }
        let lease = slot::claim(&mut connection, instance, now_ms).await?;
        connection.finish();
        let Some(lease) = lease else { return Ok(false) };
        *held = Some(lease.slot);
        match self.source() {
            Some(source) => source.move_to(lease.slot, lease.not_before_ms),
            None => {
                let source = Arc::new(RidSource::new(lease.slot, lease.not_before_ms));
                // Only this function sets it, under the lock.
                self.source.set(source).ok();
            }
        }
        Ok(true)
    }

    /// Renews until it is dropped.
    pub(crate) async fn keep(&self, auth: &Arc<Connections>, instance: InstanceId, clock: &dyn Clock) {
        loop {
            let wait = match self.renew(auth, instance, clock).await {
                Ok(true) => HEARTBEAT,
                Ok(false) => {
                    tracing::error!("all 256 instance slots are held by other processes");
                    HEARTBEAT
                }
                Err(_) => AGAIN,
            };
            tokio::time::sleep(sql::jittered(wait / 2)).await;
        }
    }

    /// Gives the slot back; its next holder need not wait.
    pub(crate) async fn release(&self, auth: &Arc<Connections>, instance: InstanceId) {
        let Some(slot) = self.held.lock().await.take() else { return };
        let Some(last_ms) = self.source().map(|source| source.last_ms()) else { return };
        let Ok(mut connection) = checked(auth).await else { return };
        // Where it fails, the lease runs out by itself.
        if slot::release(&mut connection, instance, slot, last_ms).await.is_ok() {
            connection.finish();
        }
    }
}

/// A connection that has just answered: these statements are not repeated.
async fn checked(auth: &Arc<Connections>) -> Stored<crate::Connection> {
    let mut connection = auth.checkout().await?;
    match sqlx::Connection::ping(&mut *connection).await {
        Ok(()) => Ok(connection),
        Err(_) => connection.replace().await,
    }
}
