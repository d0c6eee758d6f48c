//! Asks each database twice a second whether it is there, so that nobody else waits to find out that it is
//! not.

use std::sync::Arc;
use std::time::Duration;

use sqlx::{Connection as _, PgConnection};

use crate::connection::{Connections, SILENCE};
use crate::contact::Installation;
use crate::health::DatabaseState;
use crate::options::StoreOptions;
use crate::preflight::{self, Demands, Findings};
use crate::sql;

/// Between two questions.
const PERIOD: Duration = Duration::from_millis(500);

/// The probe of one database.
pub(crate) struct Probe {
    home: Arc<Connections>,
    options: Arc<StoreOptions>,
    installation: Arc<Installation>,
    link: Option<PgConnection>,
    /// What the last look at it found.
    found: Findings,
    /// Whether it was up since the start: a newer program may migrate it while this one serves.
    was_up: bool,
}

impl Probe {
    pub(crate) fn new(
        home: Arc<Connections>,
        options: Arc<StoreOptions>,
        installation: Arc<Installation>,
    ) -> Probe {
        Probe { home, options, installation, link: None, found: Findings::default(), was_up: false }
    }

    /// What the last look at the database found.
    pub(crate) fn found(&self) -> &Findings {
        &self.found
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
            let demands = Demands { options: &self.options, schema: !self.was_up };
            let mut reaching = std::pin::pin!(reach(Arc::clone(&self.home), &demands, &self.installation));
            let (state, link, found) = match tokio::time::timeout(SILENCE, &mut reaching).await {
                Ok(reached) => reached,
                // A connection may take longer to open than others should wait to find out.
                Err(_) => {
                    self.publish(&DatabaseState::Down);
                    reaching.await
                }
            };
            self.link = link;
            self.was_up |= state == DatabaseState::Up;
            for warning in found.warnings.iter().filter(|warning| !self.found.warnings.contains(warning)) {
                tracing::warn!("{warning}");
            }
            self.found = found;
            state
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
    demands: &Demands<'_>,
    installation: &Installation,
) -> (DatabaseState, Option<PgConnection>, Findings) {
    let database = home.database;
    let mut link = match home.dedicated(&[]).await {
        Ok(link) => link,
        Err(error) => {
            let refusals: Vec<_> = preflight::not_let_in(database, &error).into_iter().collect();
            let state = refusals.first().cloned().map_or(DatabaseState::Down, DatabaseState::Refused);
            return (state, None, Findings { refusals, warnings: Vec::new() });
        }
    };
    let asked = preflight::examine(&mut link, database, demands, installation);
    match sql::within(home.settings.statement, asked).await {
        // A refused one is not kept, so that it is asked again: the migrations may only be under way.
        Ok(found) => match found.refusals.first().cloned() {
            Some(refusal) => (DatabaseState::Refused(refusal), None, found),
            None => (DatabaseState::Up, Some(link), found),
        },
        Err(_) => (DatabaseState::Down, None, Findings::default()),
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
