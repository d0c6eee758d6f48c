//! The recorder of metrics, and their text for Prometheus.

use std::fs;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use api::Metrics;
use axum::Router;
use axum::routing::get;
use metrics::{Unit, counter, describe_counter, describe_gauge, gauge};
use metrics_exporter_prometheus::{BuildError, PrometheusBuilder, PrometheusHandle};
use store::Store;

/// The upper bounds of all histograms, seconds: from a statement on a warm cache to the longest Bundle.
const BUCKETS: [f64; 15] =
    [0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0];
/// Between two sweeps of samples into their buckets, without which samples would pile up while nobody asks.
const SWEEP: Duration = Duration::from_secs(5);
/// Clock ticks per second in `/proc/<pid>/stat`: fixed by Linux for whoever reads it.
const TICKS: f64 = 100.0;

/// The recorder of this process.
#[derive(Clone)]
pub struct Recorder(PrometheusHandle);

impl Recorder {
    /// Installs it; before this nothing is counted. To be called on the runtime, once.
    ///
    /// # Errors
    /// Where there is one already.
    pub fn install() -> Result<Recorder, BuildError> {
        let handle = PrometheusBuilder::new().set_buckets(&BUCKETS)?.install_recorder()?;
        api::describe();
        store::measure::describe();
        describe();
        let version = env!("CARGO_PKG_VERSION");
        gauge!("salus_build_info", "version" => version).set(1.0);
        let started = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        gauge!("process_start_time_seconds").set(started.as_secs_f64());
        let sweeping = handle.clone();
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(SWEEP).await;
                sweeping.run_upkeep();
            }
        });
        Ok(Recorder(handle))
    }

    /// What is answered to whoever asks for the metrics of this process and its store.
    pub fn of(&self, store: &Store) -> Metrics {
        let (handle, store) = (self.0.clone(), store.clone());
        Metrics::new(move || {
            store.publish();
            publish_process();
            handle.render()
        })
    }
}

/// A router that answers `/metrics` to anybody: for an address of its own.
pub fn router(metrics: Metrics) -> Router {
    let metrics = Arc::new(metrics);
    Router::new().route("/metrics", get(async move || metrics.answer()))
}

/// What the operating system says of this process; on systems without `/proc` nothing.
fn publish_process() {
    if let Some(bytes) = resident_bytes() {
        gauge!("process_resident_memory_bytes").set(bytes);
    }
    if let Some(ticks) = fs::read_to_string("/proc/self/stat").ok().and_then(|stat| ticks(&stat)) {
        counter!("process_cpu_milliseconds_total").absolute(ticks * 1_000 / TICKS as u64);
    }
    if let Ok(open) = fs::read_dir("/proc/self/fd") {
        gauge!("process_open_fds").set(open.count() as f64);
    }
}

fn resident_bytes() -> Option<f64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kilobytes: f64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kilobytes * 1_024.0)
}

/// User and system time. The second field is the program's name, which may hold anything but ends at the last bracket.
fn ticks(stat: &str) -> Option<u64> {
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some(user + system)
}

fn describe() {
    describe_gauge!("salus_build_info", "1, with the version of the program as a label");
    describe_gauge!("process_start_time_seconds", Unit::Seconds, "When the process started, since 1970");
    describe_gauge!("process_resident_memory_bytes", Unit::Bytes, "Memory that the process holds");
    describe_counter!("process_cpu_milliseconds_total", "Processor time that the process used");
    describe_gauge!("process_open_fds", "Open files and connections of the process");
    describe_gauge!("http_connections", "Open connections of clients");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processor_time_is_read_behind_a_program_name_with_brackets() {
        let stat = "42 (a) b) (c) S 1 2 3 4 5 6 7 8 9 10 250 50 0 0 20 0";
        assert_eq!(ticks(stat), Some(300));
        assert_eq!(ticks("42 (short"), None);
    }
}
