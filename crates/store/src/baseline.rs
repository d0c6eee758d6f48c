//! What the databases alone cost: the statements of [`crate::reader`] and of a write, on raw connections that are held
//! for ever. No pool, no retry, no unsealing, no answer. A measurement sets the server beside this.

use std::sync::Arc;

use db_auth::PgAccounts;
use db_record::PgRecords;
use domain::audit::{Action, Event};
use domain::store::{Accounts, Anchor, Changes, Draft, Key, Prepared, Records};
use domain::{Caller, Context, StoreError, Stored};
use fhir::ResourceType;
use fhir::extract::Extracted;
use fhir::search::Search;
use kernel::{Clock, Database, InstanceId, RequestId, Rid, RidSource, SystemClock, Tenant, TransactionId};
use seal::Keyring;
use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, PgConnection, Row};
use uuid::Uuid;

use crate::audit::{Announced, AuditWriter};
use crate::begin;
use crate::connection::Connections;
use crate::options::{Pool, StoreOptions};
use crate::{commit, reader, sql};

/// The instance slot of new records: the last, which a server leases only when all others are taken. Used beside a
/// server that is one of 256, its identifiers could collide; hence only against databases that are thrown away.
const SLOT: u8 = 255;
/// The text that `db_record::read::current` sends.
const READ: &str = "select rid, version, patient, last_updated, deleted, body from record.read($1, $2, $3)";

/// Databases to measure.
pub struct Baseline {
    options: StoreOptions,
    context: Context,
    audit: [AuditWriter; 3],
    rids: RidSource,
}

impl Baseline {
    /// Prepares to act as this account, in its first organization, on databases that a server has migrated. Must be
    /// called on a tokio runtime.
    ///
    /// # Errors
    /// `Unavailable` where `auth` does not answer; `Constraint` named `account` where there is no such account.
    pub async fn open(
        connect: [PgConnectOptions; 3],
        keyring: Arc<Keyring>,
        username: &str,
    ) -> Stored<Baseline> {
        let options = StoreOptions::new(connect, InstanceId::generate(), keyring);
        let mut auth = connect_to(&options, Database::Auth).await?;
        start(
            &mut auth,
            Database::Auth,
            begin::begin(Tenant::from_number(0), false, false, &Pool::default()),
        )
        .await?;
        let account = PgAccounts::new(&mut auth).find_by_username(username).await?;
        let found = account.and_then(|account| Some((account.id, account.memberships.into_iter().next()?)));
        let (account, membership) =
            found.ok_or_else(|| StoreError::Constraint { name: "account".to_owned() })?;
        let caller = Caller { account, tenant: membership.tenant, roles: membership.roles.into() };
        let context =
            Context { caller, request: RequestId::generate(), network: None, clock: Arc::new(SystemClock) };
        let audit = Database::ALL.map(|database| {
            let connections = Arc::new(Connections::new(&options, database));
            AuditWriter::start(connections, Arc::clone(&options.keyring))
        });
        Ok(Baseline { options, context, audit, rids: RidSource::new(SLOT, 0) })
    }

    /// A connection to each database.
    ///
    /// # Errors
    /// `Unavailable` where one does not answer.
    pub async fn session(self: &Arc<Self>) -> Stored<Session> {
        let [auth, phi, clinical] = Database::ALL.map(|database| connect_to(&self.options, database));
        Ok(Session { baseline: Arc::clone(self), connections: [auth.await?, phi.await?, clinical.await?] })
    }

    fn tenant(&self) -> Tenant {
        self.context.tenant()
    }
}

async fn connect_to(options: &StoreOptions, database: Database) -> Stored<PgConnection> {
    let opened = options.session(database, "baseline").connect().await;
    opened.map_err(|error| db_record::classify(database, error))
}

async fn start(connection: &mut PgConnection, database: Database, begin: String) -> Stored<()> {
    let sent = sql::send(connection, begin).await;
    sent.map(|_| ()).map_err(|error| db_record::classify(database, error))
}

/// What a read found. Its audit row is announced, as the server's is, until this is dropped or traced.
pub struct RawRead {
    rid: Rid,
    patient: Option<Rid>,
    /// Size of the sealed body.
    pub sealed_bytes: usize,
    announced: Announced,
}

/// One raw connection to each database, for one worker.
pub struct Session {
    baseline: Arc<Baseline>,
    connections: [PgConnection; 3],
}

impl Session {
    /// A read by id: one statement, its row decoded, its body left sealed. None where there is no such record.
    ///
    /// # Errors
    /// [`StoreError`], as the database has it.
    pub async fn read(&mut self, key: &Key) -> Stored<Option<RawRead>> {
        let database = key.database();
        let classify = |error| db_record::classify(database, error);
        let announced = self.baseline.audit[database.index()].announce();
        let row = sqlx::query(READ)
            .bind(self.baseline.tenant().number())
            .bind(key.resource_type.number())
            .bind(&key.id)
            .fetch_optional(&mut self.connections[database.index()])
            .await
            .map_err(classify)?;
        let Some(row) = row else { return Ok(None) };
        let body: &[u8] = row.try_get("body").map_err(classify)?;
        let patient: Option<i64> = row.try_get("patient").map_err(classify)?;
        Ok(Some(RawRead {
            rid: Rid::from_number(row.try_get("rid").map_err(classify)?),
            patient: patient.map(Rid::from_number),
            sealed_bytes: body.len(),
            announced,
        }))
    }

    /// Writes the audit row of a read, in a group with those that other sessions of the same [`Baseline`] wait for, as
    /// the server does; returns when it is durable.
    ///
    /// # Errors
    /// `Unavailable` where it could not be written.
    pub async fn trace(&mut self, key: &Key, read: RawRead) -> Stored<()> {
        let mut event = Event::of(&self.baseline.context, Action::Read, "record.read");
        event.resource_type = Some(key.resource_type);
        event.touch(read.rid, read.patient);
        self.baseline.audit[key.database().index()].write(event, Some(read.announced)).await
    }

    /// A search's page: BEGIN with its settings, the statements that fill the page, COMMIT. Gives the number of rows.
    ///
    /// # Errors
    /// [`StoreError`], as the database has it.
    pub async fn search(&mut self, search: &Search) -> Stored<usize> {
        let database = search.resource_type.database();
        let (tenant, keyring) = (self.baseline.tenant(), &self.baseline.options.keyring);
        let connection = &mut self.connections[database.index()];
        start(connection, database, reader::begin_search(tenant)).await?;
        let mut statements = db_record::search::statements(search, database, tenant, keyring);
        // The last one counts, which only `_total` asks for.
        statements.pop();
        let mut found = 0;
        for (sql, arguments) in statements {
            let rows = sqlx::query_with(AssertSqlSafe(sql), arguments).fetch_all(&mut *connection).await;
            found = rows.map_err(|error| db_record::classify(database, error))?.len();
            if found > search.count {
                break;
            }
        }
        start(connection, database, "commit".to_owned()).await?;
        Ok(found)
    }

    /// The internal identifier of a patient, as `clinical` knows it.
    ///
    /// # Errors
    /// [`StoreError`], as the database has it.
    pub async fn patient(&mut self, id: &str) -> Stored<Option<Rid>> {
        let key = Key { resource_type: ResourceType::Patient, id: id.to_owned() };
        let database = Database::Clinical;
        self.begin(database).await?;
        let heads = self.records(database, &mut false).resolve(&[key]).await?;
        start(&mut self.connections[database.index()], database, "rollback".to_owned()).await?;
        Ok(heads.into_iter().next().flatten().map(|head| head.rid))
    }

    /// Seals and hashes a resource, so that this need not be done while the clock runs. [`Session::write`] gives it
    /// another identity, under which its body cannot be unsealed: what is written so can be counted and never read.
    ///
    /// # Errors
    /// [`StoreError`] where there is no randomness.
    pub fn prepare(
        &mut self,
        resource_type: ResourceType,
        body: &[u8],
        extracted: &Extracted<'_>,
    ) -> Stored<Prepared> {
        let database = resource_type.database();
        let draft = Draft {
            resource_type,
            id: "sample",
            rid: self.new_rid(database),
            version: 1,
            last_updated: SystemClock.now(),
            // Replaced when it is written.
            patient: resource_type.is_patient_data().then(|| Rid::from_number(0)),
            deleted: false,
        };
        self.records(database, &mut false).prepare(&draft, body, extracted)
    }

    /// Writes prepared rows about one patient under new identities: for each database that they live in BEGIN, the one
    /// write statement with its audit row, a plain COMMIT; one database after the other, and no reference looked up.
    /// A Patient among them becomes the one whom the rows are about, with an anchor; else `about` is.
    ///
    /// # Errors
    /// [`StoreError`], as the database has it.
    pub async fn write(&mut self, rows: &[Prepared], about: Rid) -> Stored<()> {
        let is_patient = |row: &&Prepared| row.resource_type == ResourceType::Patient;
        let patient = rows.iter().find(is_patient).map(|_| (self.new_rid(Database::Phi), Uuid::now_v7()));
        let about = patient.map_or(about, |(rid, _)| rid);
        for database in Database::ALL {
            let mut changes = Changes::default();
            let mut event = Event::of(&self.baseline.context, Action::Create, "record.create");
            for row in rows.iter().filter(|row| row.resource_type.database() == database) {
                let (rid, id) = match patient {
                    Some(named) if row.resource_type == ResourceType::Patient => named,
                    _ => (self.new_rid(database), Uuid::now_v7()),
                };
                let patient = row.patient.map(|_| about);
                event.touch(rid, patient);
                changes.created.push(Prepared { id: id.to_string(), rid, patient, ..row.clone() });
            }
            if let Some((rid, id)) = patient.filter(|_| database == Database::Clinical) {
                changes.anchors.push(Anchor { id: id.to_string(), rid, deleted: false });
            }
            if changes.is_empty() {
                continue;
            }
            self.begin(database).await?;
            self.records(database, &mut false).write(&changes, &event).await?;
            let connection = &mut self.connections[database.index()];
            start(connection, database, commit::COMMIT.to_owned()).await?;
        }
        Ok(())
    }

    async fn begin(&mut self, database: Database) -> Stored<()> {
        let begin = begin::begin(self.baseline.tenant(), true, false, &Pool::default());
        start(&mut self.connections[database.index()], database, begin).await
    }

    fn new_rid(&self, database: Database) -> Rid {
        self.baseline.rids.next(database, SystemClock.now())
    }

    fn records<'s>(&'s mut self, database: Database, guarded: &'s mut bool) -> PgRecords<'s> {
        let tenant = self.baseline.tenant();
        let keys = self.baseline.options.keyring.tenant(database, tenant);
        let connection = &mut self.connections[database.index()];
        PgRecords::new(connection, database, tenant, TransactionId::generate(), keys, guarded)
    }
}
