//! The phases, in order: import, reads, searches, creates; each over HTTP, then the same statements without the server.

use std::sync::Arc;

use axum::body::Bytes;
use axum::http::{HeaderValue, Method, StatusCode};
use cluster::{Role, Running};
use domain::store::{Key, Prepared};
use fhir::ResourceType;
use fhir::search::{Handling, Search};
use kernel::{Database, Rid};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use seal::Keyring;
use services::bootstrap::ADMINISTRATOR;
use store::baseline::{Baseline, Session};

use super::client::Client;
use super::data::Data;
use super::error::BenchError;
use super::load::{Worker, measure};
use super::loaded::Loaded;
use super::meter::Meter;
use super::report::{Report, Row};
use super::server::Server;
use super::{BenchOptions, import, invented};
use crate::config::Config;
use crate::{administrator, master_key};
use demo::random::Random;

/// Different searches, at the most, that a phase asks in turn.
const SEARCHES: usize = 2_000;
/// Different bodies that the creates post in turn.
const BODIES: usize = 256;
/// A page of the searches.
const PAGE: &str = "20";

/// Runs all phases.
///
/// # Errors
/// [`BenchError`], the first.
pub async fn run(
    server: &mut Server,
    config: &Config,
    options: &BenchOptions,
    data: &Data,
) -> Result<Report, BenchError> {
    eprintln!("starting a server on {}", server.data_dir().display());
    let address = server.ready().await?;
    let running = Running::find(server.data_dir())?;
    let postmasters = Database::ALL.map(|database| running.postmaster(database));
    let postmasters: Result<Vec<_>, _> = postmasters.into_iter().collect();
    let meter = Meter::new(server.pid()?, postmasters?.into_iter().flatten().collect());
    let bench = Bench {
        address,
        password: password(server)?,
        baseline: Arc::new(baseline(server, config, &running).await?),
        meter,
        options: options.clone(),
    };
    let mut report = Report::new(options.workers(), &data.origin);
    let loaded = Arc::new(bench.import(data, &mut report).await?);
    bench.reads(&loaded, &mut report).await?;
    let observation = kind("Observation")?;
    let by_patient = loaded.patient_codes.iter().map(|(patient, system, code)| {
        let code = format!("{system}|{code}");
        [("patient", patient.clone()), ("code", code), ("_sort", "-date".into()), ("_count", PAGE.into())]
    });
    let searches = queries(observation, by_patient)?;
    bench.searches("search patient+code, -date", searches, &mut report).await?;
    let by_category = loaded.category_codes.iter().map(|[category_system, category, system, code]| {
        let (category, code) = (format!("{category_system}|{category}"), format!("{system}|{code}"));
        [("category", category), ("code", code), ("status", "final".into()), ("_count", PAGE.into())]
    });
    let searches = queries(observation, by_category)?;
    bench.searches("search category+code+status", searches, &mut report).await?;
    bench.creates(&loaded, observation, &mut report).await?;
    report.memory = bench.meter.memory();
    // Last, because what it writes cannot be read.
    eprintln!("import, the same rows without the server");
    let written =
        import::write(&bench.baseline, bench.options.workers(), data.all_patients(), &bench.meter).await?;
    report.set_baseline(IMPORT_PARALLEL, written);
    Ok(report)
}

/// The row of the import by one connection, without those patients who stand alone.
const IMPORT_SINGLE: &str = "import, one connection";
/// The row of the import by all workers.
const IMPORT_PARALLEL: &str = "import, all connections";

fn kind(name: &'static str) -> Result<ResourceType, BenchError> {
    ResourceType::from_name(name).ok_or(BenchError::NoSuchData(name))
}

fn password(server: &Server) -> Result<String, BenchError> {
    let path = administrator::path_in(server.data_dir());
    match std::fs::read_to_string(&path) {
        Ok(text) => Ok(text.trim().to_owned()),
        Err(source) => Err(BenchError::File { path, source }),
    }
}

async fn baseline(server: &Server, config: &Config, running: &Running) -> Result<Baseline, BenchError> {
    // The child was started without a key file of its own, whatever our configuration says.
    let theirs = Config { master_key_file: None, ..config.clone() };
    let keyring = Keyring::new(master_key::obtain(&theirs, server.data_dir(), false)?);
    let [auth, phi, clinical] = Database::ALL.map(|database| running.options(database, Role::App));
    Ok(Baseline::open([auth?, phi?, clinical?], Arc::new(keyring), ADMINISTRATOR).await?)
}

/// What all phases need.
struct Bench {
    address: std::net::SocketAddr,
    password: String,
    baseline: Arc<Baseline>,
    meter: Meter,
    options: BenchOptions,
}

impl Bench {
    /// Connections with a fresh token, which outlives a phase.
    async fn clients(&self, count: usize) -> Result<Vec<Client>, BenchError> {
        let token = Client::connect(self.address).await?.log_in(ADMINISTRATOR, &self.password).await?;
        let mut clients = Vec::with_capacity(count);
        for _ in 0..count {
            clients.push(self.client(&token).await?);
        }
        Ok(clients)
    }

    async fn client(&self, token: &HeaderValue) -> Result<Client, BenchError> {
        let mut client = Client::connect(self.address).await?;
        client.authorize(token);
        Ok(client)
    }

    async fn sessions(&self) -> Result<Vec<Session>, BenchError> {
        let mut sessions = Vec::with_capacity(self.options.workers());
        for _ in 0..self.options.workers() {
            sessions.push(self.baseline.session().await?);
        }
        Ok(sessions)
    }

    async fn measure<W: Worker>(&self, workers: Vec<W>) -> Result<super::load::Measured, BenchError> {
        measure(workers, self.options.warm_up(), self.options.measured(), &self.meter).await
    }

    async fn import(&self, data: &Data, report: &mut Report) -> Result<Loaded, BenchError> {
        let mut loaded = Loaded::default();
        import::post(self.clients(1).await?, &[&data.shared], &mut loaded, &self.meter).await?;
        // Twice, which makes new patients; those who stand alone only at the very end.
        let stages = [&data.patients[..], &data.standalone];
        for (name, connections, stages) in
            [(IMPORT_SINGLE, 1, &stages[..1]), (IMPORT_PARALLEL, self.options.workers(), &stages)]
        {
            eprintln!("{name}");
            let clients = self.clients(connections).await?;
            let measured = import::post(clients, stages, &mut loaded, &self.meter).await?;
            report.rows.push(Row { name: name.to_owned(), server: Some(measured), baseline: None });
        }
        Ok(loaded)
    }

    async fn reads(&self, loaded: &Arc<Loaded>, report: &mut Report) -> Result<(), BenchError> {
        if loaded.keys.is_empty() {
            return Err(BenchError::NoSuchData("record to read"));
        }
        eprintln!("read by id");
        let clients = self.clients(self.options.workers()).await?.into_iter().zip(1..);
        let workers = clients.map(|(client, seed)| Read {
            client,
            random: Random::new(seed),
            loaded: Arc::clone(loaded),
        });
        let server = self.measure(workers.collect()).await?;
        for audited in [true, false] {
            let sessions = self.sessions().await?.into_iter().zip(1..);
            let workers = sessions.map(|(session, seed)| RawRead {
                session,
                random: Random::new(seed),
                loaded: Arc::clone(loaded),
                audited,
            });
            let baseline = Some(self.measure(workers.collect()).await?);
            let name = if audited { "read by id" } else { "  beside SQL without its audit" };
            report.rows.push(Row { name: name.to_owned(), server: Some(server.clone()), baseline });
        }
        Ok(())
    }

    async fn searches(
        &self,
        name: &str,
        searches: Vec<(String, Search)>,
        report: &mut Report,
    ) -> Result<(), BenchError> {
        if searches.is_empty() {
            return Err(BenchError::NoSuchData("Observation with codes"));
        }
        eprintln!("{name}");
        let searches = Arc::new(searches);
        let clients = self.clients(self.options.workers()).await?.into_iter().zip(1..);
        let workers = clients.map(|(client, seed)| Find {
            client,
            random: Random::new(seed),
            searches: Arc::clone(&searches),
        });
        let server = Some(self.measure(workers.collect()).await?);
        let sessions = self.sessions().await?.into_iter().zip(1..);
        let workers = sessions.map(|(session, seed)| RawFind {
            session,
            random: Random::new(seed),
            searches: Arc::clone(&searches),
        });
        let baseline = Some(self.measure(workers.collect()).await?);
        report.rows.push(Row { name: name.to_owned(), server, baseline });
        Ok(())
    }

    async fn creates(
        &self,
        loaded: &Loaded,
        observation: ResourceType,
        report: &mut Report,
    ) -> Result<(), BenchError> {
        eprintln!("create");
        let mut random = Random::new(7);
        let mut session = self.baseline.session().await?;
        let (mut bodies, mut rows) = (Vec::new(), Vec::new());
        for _ in 0..BODIES {
            let patient = random.pick(&loaded.patients).ok_or(BenchError::NoSuchData("Patient"))?;
            let resource = invented::observation(&mut random.clone(), patient);
            random.number();
            let about = session.patient(patient).await?;
            let about = about.ok_or_else(|| BenchError::BaselineMissed(format!("Patient/{patient}")))?;
            rows.push((vec![import::prepare(&mut session, observation, &resource)?], about));
            bodies.push(Bytes::from(resource.to_string()));
        }
        let (bodies, rows) = (Arc::new(bodies), Arc::new(rows));
        let clients = self.clients(self.options.workers()).await?.into_iter().zip(1..);
        let workers = clients.map(|(client, seed)| Create {
            client,
            random: Random::new(seed),
            bodies: Arc::clone(&bodies),
        });
        let server = Some(self.measure(workers.collect()).await?);
        let sessions = self.sessions().await?.into_iter().zip(1..);
        let workers = sessions.map(|(session, seed)| RawCreate {
            session,
            random: Random::new(seed),
            rows: Arc::clone(&rows),
        });
        let baseline = Some(self.measure(workers.collect()).await?);
        report.rows.push(Row { name: "create Observation".to_owned(), server, baseline });
        Ok(())
    }
}

/// Paths and parsed forms of searches.
fn queries<const N: usize>(
    resource_type: ResourceType,
    all: impl Iterator<Item = [(&'static str, String); N]>,
) -> Result<Vec<(String, Search)>, BenchError> {
    let searches = all.take(SEARCHES).map(|pairs| {
        let pairs = pairs.map(|(name, value)| (name.to_owned(), value)).to_vec();
        let query: Vec<String> = pairs
            .iter()
            .map(|(name, value)| format!("{name}={}", utf8_percent_encode(value, NON_ALPHANUMERIC)))
            .collect();
        let path = format!("/fhir/R4/{}?{}", resource_type.name(), query.join("&"));
        match fhir::search::parse(resource_type, &pairs, Handling::Strict) {
            Ok(search) => Ok((path, search)),
            Err(_) => Err(BenchError::Answer { what: path }),
        }
    });
    searches.collect()
}

struct Read {
    client: Client,
    random: Random,
    loaded: Arc<Loaded>,
}

impl Worker for Read {
    async fn once(&mut self) -> Result<(), BenchError> {
        let Some(Key { resource_type, id }) = self.random.pick(&self.loaded.keys) else { return Ok(()) };
        let path = format!("/fhir/R4/{}/{id}", resource_type.name());
        self.client.expect(Method::GET, &path, None, StatusCode::OK).await?;
        Ok(())
    }
}

struct RawRead {
    session: Session,
    random: Random,
    loaded: Arc<Loaded>,
    audited: bool,
}

impl Worker for RawRead {
    async fn once(&mut self) -> Result<(), BenchError> {
        let Some(key) = self.random.pick(&self.loaded.keys) else { return Ok(()) };
        let missed = || BenchError::BaselineMissed(format!("{}/{}", key.resource_type.name(), key.id));
        let read = self.session.read(key).await?.filter(|read| read.sealed_bytes > 0).ok_or_else(missed)?;
        if self.audited {
            self.session.trace(key, read).await?;
        }
        Ok(())
    }
}

struct Find {
    client: Client,
    random: Random,
    searches: Arc<Vec<(String, Search)>>,
}

impl Worker for Find {
    async fn once(&mut self) -> Result<(), BenchError> {
        let Some((path, _)) = self.random.pick(&self.searches) else { return Ok(()) };
        let answer = self.client.expect(Method::GET, path, None, StatusCode::OK).await?;
        // Each was made from a record that exists.
        let found = answer.windows(9).any(|bytes| bytes == b"\"entry\":[");
        if found { Ok(()) } else { Err(BenchError::Answer { what: format!("GET {path}") }) }
    }
}

struct RawFind {
    session: Session,
    random: Random,
    searches: Arc<Vec<(String, Search)>>,
}

impl Worker for RawFind {
    async fn once(&mut self) -> Result<(), BenchError> {
        let Some((path, search)) = self.random.pick(&self.searches) else { return Ok(()) };
        match self.session.search(search).await? {
            0 => Err(BenchError::BaselineMissed(path.clone())),
            _ => Ok(()),
        }
    }
}

struct Create {
    client: Client,
    random: Random,
    bodies: Arc<Vec<Bytes>>,
}

impl Worker for Create {
    async fn once(&mut self) -> Result<(), BenchError> {
        let Some(body) = self.random.pick(&self.bodies) else { return Ok(()) };
        let path = "/fhir/R4/Observation";
        self.client.expect(Method::POST, path, Some(body.clone()), StatusCode::CREATED).await?;
        Ok(())
    }
}

struct RawCreate {
    session: Session,
    random: Random,
    rows: Arc<Vec<(Vec<Prepared>, Rid)>>,
}

impl Worker for RawCreate {
    async fn once(&mut self) -> Result<(), BenchError> {
        let Some((rows, about)) = self.random.pick(&self.rows) else { return Ok(()) };
        Ok(self.session.write(rows, *about).await?)
    }
}
