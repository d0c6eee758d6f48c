//! A store on three fresh databases, and short words for what the tests do with it.

use std::sync::Arc;

use domain::store::{Archive, Body, Found, Key, SearchPage};
use domain::{Caller, Context, StoreError};
use fhir::ResourceType;
use fhir::search::Handling;
use kernel::{AccountId, Classify, Database, ErrorKind, InstanceId, RequestId, SystemClock, Tenant};
use seal::{Keyring, MasterKey};
use serde_json::{Value, json};
use services::record::{Done, EntryOutcome, Refusal, Write, WriteError, Written};
use store::{Store, StoreOptions};
use test_support::sqlx;
use test_support::sqlx::{AssertSqlSafe, PgPool};
use test_support::{Role, TestDatabases};

pub const ALICE: Tenant = Tenant::from_number(1);
pub const BOB: Tenant = Tenant::from_number(2);

pub struct Harness {
    pub store: Store,
    pub databases: TestDatabases,
}

pub async fn start() -> Harness {
    let databases = TestDatabases::fresh().await;
    let options = |role| Database::ALL.map(|database| databases.options(database, role));
    store::bootstrap::ensure_identity(&options(Role::Owner)).await.unwrap();
    let keyring = Arc::new(Keyring::new(MasterKey::generate().unwrap()));
    let options = StoreOptions::new(options(Role::App), InstanceId::generate(), keyring);
    Harness { store: Store::open(options).await.unwrap(), databases }
}

pub fn context(tenant: Tenant) -> Context {
    Context {
        caller: Caller { account: AccountId::generate(), tenant, roles: Arc::new([]) },
        request: RequestId::generate(),
        network: Some([127, 0, 0, 1].into()),
        clock: Arc::new(SystemClock),
    }
}

pub fn key(resource_type: ResourceType, id: &str) -> Key {
    Key { resource_type, id: id.to_owned() }
}

impl Harness {
    pub async fn execute(&self, tenant: Tenant, write: Write) -> Result<Written, WriteError> {
        self.store.execute(write, context(tenant)).await.map(|committed| committed.output)
    }

    /// Runs a single write, again while the store is busy, as clients do; gives what became of it, or the refusal.
    pub async fn single(&self, tenant: Tenant, write: Result<Write, Refusal>) -> Result<Done, Refusal> {
        let write = write?;
        let mut result = self.execute(tenant, write.clone()).await;
        while matches!(&result, Err(WriteError::Store(error)) if error.kind() == ErrorKind::Busy) {
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            result = self.execute(tenant, write.clone()).await;
        }
        match result {
            Ok(mut written) => match written.entries.remove(0) {
                EntryOutcome::Done(done) => Ok(done),
                other => panic!("not done: {other:?}"),
            },
            Err(WriteError::Refused(refusal)) => Err(refusal),
            Err(WriteError::Store(error)) => panic!("the store failed: {error}"),
        }
    }

    pub async fn create(&self, tenant: Tenant, resource: Value) -> Result<Done, Refusal> {
        let resource_type = ResourceType::from_name(resource["resourceType"].as_str().unwrap()).unwrap();
        self.single(tenant, Write::create(resource_type, resource.to_string().into_bytes(), None)).await
    }

    /// Creates a patient with this family name; gives the id.
    pub async fn patient(&self, tenant: Tenant, family: &str) -> String {
        let patient = json!({"resourceType": "Patient", "name": [{"family": family, "given": ["Ada"]}]});
        self.create(tenant, patient).await.unwrap().key.id
    }

    pub async fn bundle(&self, tenant: Tenant, bundle: &Value) -> Result<Written, Refusal> {
        let write = Write::bundle(bundle.to_string().into_bytes())?;
        match self.execute(tenant, write).await {
            Ok(written) => Ok(written),
            Err(WriteError::Refused(refusal)) => Err(refusal),
            Err(WriteError::Store(error)) => panic!("the store failed: {error}"),
        }
    }

    pub async fn read(&self, tenant: Tenant, resource_type: ResourceType, id: &str) -> Found {
        self.store.read(&context(tenant), &key(resource_type, id)).await.unwrap()
    }

    pub async fn json(&self, tenant: Tenant, resource_type: ResourceType, id: &str) -> Value {
        match self.read(tenant, resource_type, id).await {
            Found::Version(body) => parsed(&body),
            other => panic!("{other:?}"),
        }
    }

    pub async fn search(
        &self,
        tenant: Tenant,
        resource_type: ResourceType,
        query: &str,
    ) -> Result<SearchPage, StoreError> {
        let pairs = fhir::search::decode(query).unwrap();
        let search = fhir::search::parse(resource_type, &pairs, Handling::Strict).unwrap();
        self.store.search(&context(tenant), &search).await
    }

    /// The ids that a search finds, in order.
    pub async fn found(&self, tenant: Tenant, resource_type: ResourceType, query: &str) -> Vec<String> {
        let page = self.search(tenant, resource_type, query).await.unwrap();
        page.page.entries.into_iter().map(|(id, _)| id).collect()
    }

    /// A number, as the superuser sees it.
    pub async fn count(&self, database: Database, sql: &str) -> i64 {
        let pool: PgPool = self.databases.pool(database, Role::Superuser);
        let count = sqlx::query_scalar(AssertSqlSafe(sql.to_owned())).fetch_one(&pool).await.unwrap();
        pool.close().await;
        count
    }
}

pub fn parsed(body: &Body) -> Value {
    serde_json::from_slice(body.json.expose()).unwrap()
}

/// A transaction entry that creates `resource` under `urn:uuid:{name}`.
pub fn post(name: &str, resource: Value) -> Value {
    let url = resource["resourceType"].clone();
    json!({"fullUrl": format!("urn:uuid:{name}"), "resource": resource, "request": {"method": "POST", "url": url}})
}

pub fn transaction(entries: Vec<Value>) -> Value {
    json!({"resourceType": "Bundle", "type": "transaction", "entry": entries})
}
