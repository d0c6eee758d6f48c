//! A task per cluster that owns its postmaster, restarts it when it dies, and obeys orders to stop and start
//! it.

use std::sync::Arc;
use std::time::Duration;

use kernel::Database;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, sleep_until};

use crate::error::ClusterError;
use crate::postmaster::{Postmaster, Spec, StopMode};

/// The wait before the first restart; doubled after each that fails or does not last.
const FIRST_WAIT: Duration = Duration::from_millis(200);
/// The longest wait between restarts.
const LONGEST_WAIT: Duration = Duration::from_secs(30);
/// A postmaster that ran this long counts as healthy: the next wait is the first again.
const HEALTHY_AFTER: Duration = Duration::from_secs(60);

/// What a cluster is doing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// It accepts connections.
    Running {
        /// The postmaster's process id.
        pid: i32,
    },
    /// It died and is being started again.
    Restarting {
        /// How many restarts have been tried since it last ran well, this one included.
        attempt: u32,
    },
    /// It was stopped on purpose.
    Stopped,
}

type Reply = oneshot::Sender<Result<(), ClusterError>>;

enum Order {
    Stop(StopMode, Reply),
    Start(Reply),
}

/// The handle on one cluster's task. When it is dropped the task ends, and the postmaster with it.
#[derive(Debug)]
pub(crate) struct Supervised {
    database: Database,
    orders: mpsc::Sender<Order>,
    state: watch::Receiver<State>,
}

impl Supervised {
    /// Hands a ready postmaster to a new task.
    pub fn begin(spec: Arc<Spec>, postmaster: Postmaster) -> Supervised {
        let (orders, inbox) = mpsc::channel(4);
        let (report, state) = watch::channel(State::Running { pid: postmaster.pid });
        let database = spec.database;
        let task = Task {
            spec,
            report,
            inbox,
            attempt: 0,
            began: Instant::now(),
            next: Instant::now(),
            wanted: true,
        };
        tokio::spawn(task.run(postmaster));
        Supervised { database, orders, state }
    }

    /// What the cluster is doing, and a way to wait for changes.
    pub fn state(&self) -> watch::Receiver<State> {
        self.state.clone()
    }

    /// Stops the postmaster and keeps it stopped.
    pub async fn stop(&self, mode: StopMode) -> Result<(), ClusterError> {
        self.order(|reply| Order::Stop(mode, reply)).await
    }

    /// Starts it again, if it does not run.
    pub async fn start(&self) -> Result<(), ClusterError> {
        self.order(Order::Start).await
    }

    async fn order(&self, order: impl FnOnce(Reply) -> Order) -> Result<(), ClusterError> {
        let (reply, answer) = oneshot::channel();
        let gone = || ClusterError::NotSupervised(self.database);
        self.orders.send(order(reply)).await.map_err(|_| gone())?;
        answer.await.map_err(|_| gone())?
    }
}

struct Task {
    spec: Arc<Spec>,
    report: watch::Sender<State>,
    inbox: mpsc::Receiver<Order>,
    /// Restarts since the cluster last ran well.
    attempt: u32,
    /// When the postmaster last became ready.
    began: Instant,
    /// When the next restart is due.
    next: Instant,
    /// Whether the cluster should run.
    wanted: bool,
}

impl Task {
    async fn run(mut self, postmaster: Postmaster) {
        let mut running = Some(postmaster);
        loop {
            // Orders go first: when the handle is gone, nothing may be started any more.
            let order = match &mut running {
                Some(postmaster) => tokio::select! {
                    biased;
                    order = self.inbox.recv() => order,
                    how = postmaster.ended() => {
                        postmaster.leave_alone();
                        running = None;
                        self.died(&how);
                        continue;
                    }
                },
                None if self.wanted => tokio::select! {
                    biased;
                    order = self.inbox.recv() => order,
                    started = restart(&self.spec, self.next) => {
                        running = self.restarted(started);
                        continue;
                    }
                },
                None => self.inbox.recv().await,
            };
            match order {
                None => return,
                Some(Order::Stop(mode, reply)) => {
                    self.wanted = false;
                    let result = match running.take() {
                        Some(postmaster) => postmaster.stop(&self.spec, mode).await,
                        None => self.stop_half_started(mode).await,
                    };
                    self.report.send_replace(State::Stopped);
                    let _ = reply.send(result);
                }
                Some(Order::Start(reply)) => {
                    self.wanted = true;
                    let result = match running {
                        Some(_) => Ok(()),
                        None => {
                            self.spec.start(&|_| {}).await.map(|postmaster| running = self.ready(postmaster))
                        }
                    };
                    if result.is_err() {
                        self.plan();
                    }
                    let _ = reply.send(result);
                }
            }
        }
    }

    fn died(&mut self, how: &str) {
        if self.began.elapsed() > HEALTHY_AFTER {
            self.attempt = 0;
        }
        let wait_ms = self.plan().as_millis();
        tracing::error!(database = %self.spec.database, how, wait_ms, "the postmaster ended; restarting it");
    }

    fn restarted(&mut self, started: Result<Postmaster, ClusterError>) -> Option<Postmaster> {
        match started {
            Ok(postmaster) => {
                let (pid, attempt) = (postmaster.pid, self.attempt);
                tracing::info!(database = %self.spec.database, pid, attempt, "the cluster runs again");
                self.ready(postmaster)
            }
            Err(error) => {
                let wait_ms = self.plan().as_millis();
                let database = self.spec.database;
                tracing::error!(%database, %error, wait_ms, "the cluster could not be restarted");
                None
            }
        }
    }

    fn ready(&mut self, postmaster: Postmaster) -> Option<Postmaster> {
        self.began = Instant::now();
        self.report.send_replace(State::Running { pid: postmaster.pid });
        Some(postmaster)
    }

    /// Plans the next restart, and says how long it waits.
    fn plan(&mut self) -> Duration {
        let wait = backoff(self.attempt);
        self.attempt = self.attempt.saturating_add(1);
        self.next = Instant::now() + wait;
        self.report.send_replace(State::Restarting { attempt: self.attempt });
        wait
    }

    /// A restart that an order interrupted has told its postmaster to end; that must be over before we
    /// answer.
    async fn stop_half_started(&self, mode: StopMode) -> Result<(), ClusterError> {
        match Postmaster::of(&self.spec.cluster)? {
            Some(postmaster) => postmaster.stop(&self.spec, mode).await,
            None => Ok(()),
        }
    }
}

/// Waits until a restart is due, then starts the postmaster. Dropped half-way, it ends what it started.
async fn restart(spec: &Spec, due: Instant) -> Result<Postmaster, ClusterError> {
    sleep_until(due).await;
    // An earlier restart that was interrupted may still be shutting down.
    if let Some(mut postmaster) = Postmaster::of(&spec.cluster)? {
        postmaster.ended().await;
        postmaster.leave_alone();
    }
    spec.start(&|_| {}).await
}

/// 0.2 s, 0.4 s, 0.8 s ... 30 s.
fn backoff(attempt: u32) -> Duration {
    FIRST_WAIT.saturating_mul(1u32.checked_shl(attempt).unwrap_or(u32::MAX)).min(LONGEST_WAIT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_doubles_up_to_half_a_minute() {
        let waits: Vec<u128> = (0..10).map(|attempt| backoff(attempt).as_millis()).collect();
        assert_eq!(waits, [200, 400, 800, 1600, 3200, 6400, 12_800, 25_600, 30_000, 30_000]);
        assert_eq!(backoff(u32::MAX), LONGEST_WAIT);
    }
}
