//! Writing the patients, several at a time.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use chrono::Utc;
use demo::Demo;
use domain::Context;
use kernel::{Classify, ErrorKind};
use services::patient::{Numbers, ReserveNumbers};
use services::record::{EntryOutcome, Write, Written};
use store::Store;
use tokio::task::JoinSet;

use super::chart;
use super::directory::Open;
use super::error::SeedError;
use super::report::{Progress, Report};

/// How often a write is tried for which the databases have no room, and how long it waits in between.
const TRIES: u32 = 40;
const BUSY: Duration = Duration::from_millis(250);

/// What the tasks share.
struct Shared {
    store: Store,
    demo: Arc<Demo>,
    houses: Vec<(Open, Numbers)>,
    patients: u32,
    next: AtomicU32,
    progress: Progress,
}

/// Writes so many patients, each in one transaction. Every patient has the number that their place gives them,
/// whichever task writes them.
///
/// # Errors
/// The first that a task meets; the others end.
pub async fn patients(
    store: &Store,
    demo: &Arc<Demo>,
    opened: Vec<Open>,
    patients: u32,
    report: &mut Report,
) -> Result<(), SeedError> {
    let mut houses = Vec::with_capacity(opened.len());
    for open in opened {
        let count =
            (0..patients).filter(|number| Demo::house_of(u64::from(*number)) == open.site.kind).count();
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        let numbers =
            store.execute(ReserveNumbers { count: count.max(1) }, open.site.context()).await?.output;
        houses.push((open, numbers));
    }
    let shared = Arc::new(Shared {
        store: store.clone(),
        demo: Arc::clone(demo),
        houses,
        patients,
        next: AtomicU32::new(0),
        progress: Progress::of(patients),
    });
    let mut tasks = JoinSet::new();
    for _ in 0..writers() {
        tasks.spawn(task(Arc::clone(&shared)));
    }
    while let Some(joined) = tasks.join_next().await {
        report.add(&joined.map_err(|_| SeedError::Panicked)??);
    }
    shared.progress.finish();
    Ok(())
}

/// Twice as many as there are processors: while one waits for its databases to write, another is made ready. Never as
/// many as there may be paired transactions, so that a server beside is not kept out.
fn writers() -> usize {
    std::thread::available_parallelism().map_or(4, |processors| processors.get() * 2).min(8)
}

async fn task(shared: Arc<Shared>) -> Result<Report, SeedError> {
    let mut report = Report::default();
    loop {
        let number = shared.next.fetch_add(1, Ordering::Relaxed);
        if number >= shared.patients {
            return Ok(report);
        }
        let written = one(&shared, u64::from(number)).await?;
        ids(&written, &mut report);
        shared.progress.one_more();
    }
}

async fn one(shared: &Shared, number: u64) -> Result<Written, SeedError> {
    let patient = shared.demo.patient(number);
    let house = shared.houses.iter().find(|(open, _)| open.site.kind == patient.house);
    let (open, numbers) = house.ok_or(SeedError::Panicked)?;
    let place = Demo::place_in_house(number);
    let named = (numbers.patient_number(place), numbers.mrn(place));
    let house = shared.demo.house(patient.house);
    let write = chart::write(&patient, house, open, (&named.0, named.1), Utc::now())
        .map_err(|why| SeedError::Patient { number, why })?;
    execute(&shared.store, write, &open.site.context()).await
}

/// Runs a write; again while the databases have no room for it.
///
/// # Errors
/// [`SeedError::Write`].
pub async fn execute(store: &Store, write: Write, context: &Context) -> Result<Written, SeedError> {
    for _ in 1..TRIES {
        match store.execute(write.clone(), context.clone()).await {
            Err(error) if error.kind() == ErrorKind::Busy => tokio::time::sleep(BUSY).await,
            Err(error) => return Err(error.into()),
            Ok(committed) => return Ok(committed.output),
        }
    }
    Ok(store.execute(write, context.clone()).await?.output)
}

/// The ids of what was written, in the order of the transaction; what is new is counted.
pub fn ids(written: &Written, report: &mut Report) -> Vec<String> {
    let done = written.entries.iter().filter_map(|entry| match entry {
        EntryOutcome::Done(done) => Some(done),
        EntryOutcome::Refused(_) | EntryOutcome::Read(_) => None,
    });
    done.map(|done| {
        if done.status == 201 {
            report.count(done.key.resource_type.name());
        }
        done.key.id.clone()
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use demo::hospital::HouseKind;

    use super::*;

    #[test]
    fn every_patient_of_a_house_has_a_place_of_their_own() {
        for kind in [HouseKind::Hospital, HouseKind::Clinic] {
            let theirs = (0..1_000_u64).filter(|number| Demo::house_of(*number) == kind);
            let places: Vec<u32> = theirs.map(Demo::place_in_house).collect();
            assert!(places.iter().copied().eq(0..places.len() as u32), "{places:?}");
        }
    }
}
