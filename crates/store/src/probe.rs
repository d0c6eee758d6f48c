//! Asks each database twice a second whether it is there, so that nobody else waits to find out that it is
//! not.

use std::sync::Arc;
use std::time::Duration;

use sqlx::{Connection as _, PgConnection};

use crate::connection::{CONNECT, Connections};
use crate::contact::{Demands, Installation, inspect};
use crate::health::DatabaseState;
use crate::sql;

/// Between two questions.
const PERIOD: Duration = Duration::from_millis(500);

/// The probe of one database.
pub(crate) struct Probe {
    home: Arc<Connections>,
    demands: Arc<Demands>,
    installation: Arc<Installation>,
    link: Option<PgConnection>,
}

impl Probe {
    pub(crate) fn new(
        home: Arc<Connections>,
        demands: Arc<Demands>,
        installation: Arc<Installation>,
    ) -> Probe {
        Probe { home, demands, installation, link: None }
    }

    /// Asks once and says what it found.
    pub(crate) async fn ask(&mut self) -> DatabaseState {
        let alive = match &mut self.link {
            Some(link) => sql::within(CONNECT, link.ping()).await.is_ok(),
            None => false,
        };
        let found = if alive {
            // What was refused stays so until it is reached anew: nothing was said that could have changed
            // it.
            self.home.state.borrow().clone()
        } else {
            if self.link.take().is_some() {
                // Sessions that lay idle when this one ended have probably ended with it.
                self.home.forget();
            }
            self.reach().await
        };
        self.home.state.send_if_modified(|state| {
            let changed = *state != found;
            if changed {
                tell(&self.home, state, &found);
                *state = found.clone();
            }
            changed
        });
        found
    }

    /// Asks until it is dropped.
    pub(crate) async fn watch(mut self) {
        loop {
            tokio::time::sleep(PERIOD).await;
            self.ask().await;
            self.home.sweep();
        }
    }

    async fn reach(&mut self) -> DatabaseState {
        let Ok(mut link) = self.home.dedicated(&[]).await else { return DatabaseState::Down };
        let asked = inspect(&mut link, self.home.database, &self.demands, &self.installation);
        match sql::within(CONNECT, asked).await {
            Ok(Ok(())) => {
                self.link = Some(link);
                DatabaseState::Up
            }
            // Not kept, so that it is asked again: the migrations may only be under way.
            Ok(Err(refusal)) => DatabaseState::Refused(refusal),
            Err(_) => DatabaseState::Down,
        }
    }
}

fn tell(home: &Connections, before: &DatabaseState, found: &DatabaseState) {
    let database = home.database;
    match found {
        DatabaseState::Up if *before == DatabaseState::Unknown => tracing::debug!(%database, "reached"),
        DatabaseState::Up => tracing::info!(%database, "answers again"),
        DatabaseState::Down => tracing::warn!(%database, "does not answer"),
        DatabaseState::Refused(refusal) => tracing::error!(%database, %refusal, "is not used"),
        DatabaseState::Unknown => {}
    }
}
