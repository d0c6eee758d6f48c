//! Asks each database twice a second whether it is there, so that nobody else waits to find out that it is
//! not.

use std::sync::Arc;
use std::time::Duration;

use sqlx::{Connection as _, PgConnection};

use crate::connection::{Connections, SILENCE};
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
            Some(link) => sql::within(SILENCE, link.ping()).await.is_ok(),
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
            let mut reaching =
                std::pin::pin!(reach(Arc::clone(&self.home), &self.demands, &self.installation));
            let (found, link) = match tokio::time::timeout(SILENCE, &mut reaching).await {
                Ok(reached) => reached,
                // A connection may take longer to open than others should wait to find out.
                Err(_) => {
                    self.publish(&DatabaseState::Down);
                    reaching.await
                }
            };
            self.link = link;
            found
        };
        self.publish(&found);
        found
    }

    fn publish(&self, found: &DatabaseState) {
        self.home.state.send_if_modified(|state| {
            let changed = state != found;
            if changed {
                tell(&self.home, state, found);
                *state = found.clone();
            }
            changed
        });
    }

    /// Asks until it is dropped.
    pub(crate) async fn watch(mut self) {
        loop {
            tokio::time::sleep(PERIOD).await;
            self.ask().await;
            self.home.sweep();
        }
    }
}

/// Opens a connection and looks at what answers.
async fn reach(
    home: Arc<Connections>,
    demands: &Demands,
    installation: &Installation,
) -> (DatabaseState, Option<PgConnection>) {
    let Ok(mut link) = home.dedicated(&[]).await else { return (DatabaseState::Down, None) };
    let asked = inspect(&mut link, home.database, demands, installation);
    match sql::within(home.settings.statement, asked).await {
        Ok(Ok(())) => (DatabaseState::Up, Some(link)),
        // Not kept, so that it is asked again: the migrations may only be under way.
        Ok(Err(refusal)) => (DatabaseState::Refused(refusal), None),
        Err(_) => (DatabaseState::Down, None),
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
