//! Posting Bundles, and writing the same rows without the server.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use axum::body::Bytes;
use axum::http::{Method, StatusCode};
use domain::store::Prepared;
use fhir::ResourceType;
use kernel::Rid;
use serde_json::Value;
use store::baseline::{Baseline, Session};
use tokio::task::JoinSet;

use super::client::{Client, unexpected};
use super::error::BenchError;
use super::load::Measured;
use super::loaded::Loaded;
use super::meter::Meter;

/// Where Bundles are posted.
const BASE: &str = "/fhir/R4";
/// How long a Bundle waits that was told to come back later.
const BUSY: Duration = Duration::from_millis(200);

/// Posts every Bundle once, from so many connections as there are clients, one stage after the other. Latencies are
/// those of Bundles, all else is per resource.
///
/// # Errors
/// [`BenchError`], where a Bundle is refused. One for which the server has no room right now is posted again.
pub async fn post(
    mut clients: Vec<Client>,
    stages: &[&[Bytes]],
    loaded: &mut Loaded,
    meter: &Meter,
) -> Result<Measured, BenchError> {
    let before = meter.cpu();
    let began = Instant::now();
    let mut all = Vec::new();
    for stage in stages {
        let queue: Arc<(Vec<Bytes>, AtomicUsize)> = Arc::new((stage.to_vec(), AtomicUsize::new(0)));
        let mut tasks = JoinSet::new();
        for mut client in clients.drain(..) {
            let queue = Arc::clone(&queue);
            tasks.spawn(async move {
                let mut answered = Vec::new();
                while let Some(bundle) = queue.0.get(queue.1.fetch_add(1, Ordering::Relaxed)) {
                    let sent = Instant::now();
                    let answer = post_one(&mut client, bundle).await?;
                    answered.push((bundle.clone(), answer, sent.elapsed()));
                }
                Ok::<_, BenchError>((client, answered))
            });
        }
        while let Some(joined) = tasks.join_next().await {
            let (client, answered) = joined.map_err(|_| BenchError::Panicked)??;
            clients.push(client);
            all.extend(answered);
        }
    }
    let elapsed = began.elapsed();
    let cpu = meter.cpu() - before;
    let resources = loaded.resources;
    for (bundle, answer, _) in &all {
        loaded.add(bundle, answer)?;
    }
    let latencies = all.iter().map(|(.., latency)| *latency).collect();
    Ok(Measured::of(loaded.resources - resources, elapsed, latencies, cpu))
}

async fn post_one(client: &mut Client, bundle: &Bytes) -> Result<Bytes, BenchError> {
    loop {
        let (status, answer) = client.send(Method::POST, BASE, Some(bundle.clone())).await?;
        match status {
            StatusCode::OK => return Ok(answer),
            StatusCode::SERVICE_UNAVAILABLE => tokio::time::sleep(BUSY).await,
            _ => return Err(unexpected(&Method::POST, BASE, status, &answer)),
        }
    }
}

/// Writes the rows of every Bundle once on raw connections, sealed and hashed before the clock starts.
///
/// # Errors
/// [`BenchError::Baseline`]; [`BenchError::Answer`] for a Bundle that cannot be read.
pub async fn write(
    baseline: &Arc<Baseline>,
    sessions: usize,
    bundles: impl Iterator<Item = &Bytes>,
    meter: &Meter,
) -> Result<Measured, BenchError> {
    let mut preparing = baseline.session().await?;
    let mut prepared = Vec::new();
    for bundle in bundles {
        prepared.push(rows(&mut preparing, bundle)?);
    }
    let resources = prepared.iter().map(Vec::len).sum::<usize>() as u64;
    let mut writers = Vec::with_capacity(sessions);
    for _ in 0..sessions {
        writers.push(baseline.session().await?);
    }
    let queue = Arc::new((prepared, AtomicUsize::new(0)));
    let before = meter.cpu();
    let began = Instant::now();
    let mut tasks = JoinSet::new();
    for mut session in writers {
        let queue = Arc::clone(&queue);
        tasks.spawn(async move {
            let mut latencies = Vec::new();
            while let Some(rows) = queue.0.get(queue.1.fetch_add(1, Ordering::Relaxed)) {
                let sent = Instant::now();
                session.write(rows, Rid::from_number(0)).await?;
                latencies.push(sent.elapsed());
            }
            Ok::<_, BenchError>((session, latencies))
        });
    }
    let (mut sessions, mut latencies) = (Vec::new(), Vec::new());
    while let Some(joined) = tasks.join_next().await {
        let (session, theirs) = joined.map_err(|_| BenchError::Panicked)??;
        sessions.push(session);
        latencies.extend(theirs);
    }
    let (elapsed, cpu) = (began.elapsed(), meter.cpu() - before);
    // Not before: a backend that ends while it is looked at is counted nowhere.
    drop(sessions);
    Ok(Measured::of(resources, elapsed, latencies, cpu))
}

fn rows(session: &mut Session, bundle: &[u8]) -> Result<Vec<Prepared>, BenchError> {
    let odd = || BenchError::Answer { what: "POST /fhir/R4".to_owned() };
    let bundle = fhir::bundle::parse(bundle).map_err(|_| odd())?;
    bundle
        .entries
        .iter()
        .filter_map(|entry| entry.resource)
        .map(|raw| {
            let resource: Value = serde_json::from_str(raw.get()).map_err(|_| odd())?;
            let name = resource["resourceType"].as_str().and_then(ResourceType::from_name);
            prepare(session, name.ok_or_else(odd)?, &resource)
        })
        .collect()
}

/// One resource, sealed and hashed.
///
/// # Errors
/// [`BenchError::Baseline`].
pub fn prepare(
    session: &mut Session,
    resource_type: ResourceType,
    resource: &Value,
) -> Result<Prepared, BenchError> {
    let extracted = fhir::extract::extract(resource_type, resource);
    Ok(session.prepare(resource_type, resource.to_string().as_bytes(), &extracted)?)
}
