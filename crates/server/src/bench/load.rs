//! Many workers doing the same thing again and again for a while.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use super::error::BenchError;
use super::meter::{Cpu, Meter};

/// Something that can be done again and again, over one connection.
pub trait Worker: Send + 'static {
    /// Does it once.
    fn once(&mut self) -> impl Future<Output = Result<(), BenchError>> + Send;
}

/// What was measured.
#[derive(Clone, Debug, PartialEq)]
pub struct Measured {
    /// How many per second.
    pub per_second: f64,
    /// Half of them took no longer.
    pub median: Duration,
    /// 99 of 100 took no longer.
    pub p99: Duration,
    /// CPU time of each, microseconds: server, PostgreSQL, this process.
    pub server_us: Option<f64>,
    /// The same of PostgreSQL.
    pub postgres_us: Option<f64>,
    /// The same of this process.
    pub ours_us: Option<f64>,
}

impl Measured {
    /// From `units` of work, which took `elapsed` together, in requests that each took so long.
    pub fn of(units: u64, elapsed: Duration, mut latencies: Vec<Duration>, cpu: Cpu) -> Measured {
        latencies.sort_unstable();
        let at = |share: f64| {
            let rank = (latencies.len() as f64 * share).ceil() as usize;
            latencies.get(rank.saturating_sub(1)).copied().unwrap_or_default()
        };
        let each = |time: Option<Duration>| time.map(|time| time.as_secs_f64() * 1e6 / units.max(1) as f64);
        Measured {
            per_second: units as f64 / elapsed.as_secs_f64().max(f64::EPSILON),
            median: at(0.5),
            p99: at(0.99),
            server_us: each(cpu.server),
            postgres_us: each(cpu.postgres),
            ours_us: each(cpu.ours),
        }
    }
}

/// Runs the workers side by side: first to warm up, then with the clock running.
///
/// # Errors
/// The first error of any worker; the others then stop.
pub async fn measure<W: Worker>(
    workers: Vec<W>,
    warm_up: Duration,
    measured: Duration,
    meter: &Meter,
) -> Result<Measured, BenchError> {
    let (workers, _) = drive(workers, warm_up).await?;
    let before = meter.cpu();
    let began = Instant::now();
    let (workers, latencies) = drive(workers, measured).await?;
    let elapsed = began.elapsed();
    let cpu = meter.cpu() - before;
    // Not before: a backend that ends while it is looked at is counted nowhere.
    drop(workers);
    Ok(Measured::of(latencies.len() as u64, elapsed, latencies, cpu))
}

/// Each worker goes on until the time is up, and ends what it has begun by then.
async fn drive<W: Worker>(workers: Vec<W>, time: Duration) -> Result<(Vec<W>, Vec<Duration>), BenchError> {
    let failed = Arc::new(AtomicBool::new(false));
    let end = Instant::now() + time;
    let mut tasks = JoinSet::new();
    for mut worker in workers {
        let failed = Arc::clone(&failed);
        tasks.spawn(async move {
            let mut latencies = Vec::new();
            let mut began = Instant::now();
            while began < end && !failed.load(Ordering::Relaxed) {
                if let Err(error) = worker.once().await {
                    failed.store(true, Ordering::Relaxed);
                    return Err(error);
                }
                let now = Instant::now();
                latencies.push(now - began);
                began = now;
            }
            Ok((worker, latencies))
        });
    }
    let mut workers = Vec::new();
    let mut all = Vec::new();
    while let Some(joined) = tasks.join_next().await {
        let (worker, latencies) = joined.map_err(|_| BenchError::Panicked)??;
        workers.push(worker);
        all.extend(latencies);
    }
    Ok((workers, all))
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Nap(Option<u32>);

    impl Worker for Nap {
        async fn once(&mut self) -> Result<(), BenchError> {
            tokio::time::sleep(Duration::from_millis(2)).await;
            match &mut self.0 {
                Some(0) => Err(BenchError::Interrupted),
                Some(left) => {
                    *left -= 1;
                    Ok(())
                }
                None => Ok(()),
            }
        }
    }

    fn meter() -> Meter {
        Meter::new(std::process::id(), Vec::new())
    }

    #[test]
    fn percentiles_are_those_of_the_nearest_rank() {
        let latencies = (1..=200).rev().map(Duration::from_millis).collect();
        let measured = Measured::of(400, Duration::from_secs(2), latencies, Cpu::default());
        assert_eq!((measured.median, measured.p99), (Duration::from_millis(100), Duration::from_millis(198)));
        assert_eq!((measured.per_second, measured.server_us), (200.0, None));
    }

    #[tokio::test]
    async fn every_worker_works_until_the_time_is_up() {
        let time = Duration::from_millis(60);
        let measured = measure(vec![Nap(None), Nap(None)], time / 10, time, &meter()).await.unwrap();
        assert!(measured.per_second > 2.0 && measured.median >= Duration::from_millis(2), "{measured:?}");
    }

    #[tokio::test]
    async fn the_first_error_ends_all() {
        let began = Instant::now();
        let hour = Duration::from_secs(3_600);
        let ended = measure(vec![Nap(None), Nap(Some(3))], Duration::ZERO, hour, &meter()).await;
        assert!(matches!(ended, Err(BenchError::Interrupted)));
        assert!(began.elapsed() < hour);
    }
}
