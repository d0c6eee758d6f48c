//! The router over three fresh databases in this process, with a signing key that the test holds.

use std::sync::{Arc, Mutex};

use api::{Edge, Gate, LargeBundles, Maintenance, Metrics, PasswordPool, Readiness, Sessions};
use axum::Router;
use axum::extract::FromRef;
use chrono::{DateTime, TimeDelta, Utc};
use domain::store::{NewAccount, NewOrganization};
use domain::{Caller, Context};
use identity::{Claims, Issuer, PasswordCost, PasswordHasher, SigningKey};
use kernel::{AccountId, Clock, Database, InstanceId, RequestId, Secret, SessionId, SystemClock, Tenant};
use seal::{Keyring, MasterKey};
use services::bootstrap::{ADMINISTRATOR_ROLES, CreateFirstAccount};
use services::session::{SessionLimits, nobody};
use services::signing::{ListSigningKeys, open_signing_key};
use store::{Store, StoreOptions};
use test_support::sqlx;
use test_support::{Role, TestDatabases};
use uuid::Uuid;

#[derive(Clone)]
struct Parts {
    store: Store,
    gate: Gate,
    sessions: Sessions,
    large_bundles: LargeBundles,
    readiness: Readiness,
    edge: Edge,
}

impl FromRef<Parts> for Store {
    fn from_ref(parts: &Parts) -> Store {
        parts.store.clone()
    }
}

impl FromRef<Parts> for Gate {
    fn from_ref(parts: &Parts) -> Gate {
        parts.gate.clone()
    }
}

impl FromRef<Parts> for Sessions {
    fn from_ref(parts: &Parts) -> Sessions {
        parts.sessions.clone()
    }
}

impl FromRef<Parts> for LargeBundles {
    fn from_ref(parts: &Parts) -> LargeBundles {
        parts.large_bundles.clone()
    }
}

impl FromRef<Parts> for Readiness {
    fn from_ref(parts: &Parts) -> Readiness {
        parts.readiness.clone()
    }
}

impl FromRef<Parts> for Metrics {
    fn from_ref(_: &Parts) -> Metrics {
        Metrics::new(|| "# nothing is counted in this process\n".to_owned())
    }
}

impl FromRef<Parts> for Edge {
    fn from_ref(parts: &Parts) -> Edge {
        parts.edge.clone()
    }
}

/// A clock that goes only where the test puts it.
pub struct TestClock(Mutex<DateTime<Utc>>);

impl TestClock {
    pub fn start() -> Arc<TestClock> {
        Arc::new(TestClock(Mutex::new(Utc::now())))
    }

    pub fn pass(&self, time: TimeDelta) {
        *self.0.lock().unwrap() += time;
    }
}

impl Clock for TestClock {
    fn now(&self) -> DateTime<Utc> {
        *self.0.lock().unwrap()
    }
}

pub struct InProcess {
    pub databases: TestDatabases,
    pub router: Router,
    pub store: Store,
    pub sessions: Sessions,
    key: SigningKey,
    issuer: Issuer,
}

/// A second server over the same databases.
pub struct Second {
    pub router: Router,
}

struct Wired {
    router: Router,
    sessions: Sessions,
    key: SigningKey,
}

const USUAL: Maintenance = Maintenance::of_keys_younger_than(TimeDelta::days(90));

fn issuer() -> Issuer {
    Issuer { issuer: "test".to_owned(), audience: "salus".to_owned() }
}

/// A router with workers over `store`, and the key that signs.
async fn wire(store: &Store, clock: Arc<dyn Clock>, edge: Edge, maintenance: Maintenance) -> Wired {
    let hasher = Arc::new(PasswordHasher::new(PasswordCost::CHEAP).unwrap());
    let limits = SessionLimits::default();
    let (sessions, gate) =
        api::open_sessions(store.clone(), PasswordPool::new(hasher), issuer(), limits, Arc::clone(&clock))
            .await
            .unwrap();
    sessions.maintain(maintenance);
    let context = Context { caller: nobody(), request: RequestId::generate(), network: None, clock };
    let keys = store.execute(ListSigningKeys, context).await.unwrap().output;
    let key = open_signing_key(store.keyring(), &keys[0]).unwrap();
    let health = store.clone();
    let parts = Parts {
        gate,
        sessions: sessions.clone(),
        large_bundles: LargeBundles::default(),
        readiness: Readiness::new(move || health.health()),
        edge,
        store: store.clone(),
    };
    Wired { router: api::router(parts), sessions, key }
}

impl InProcess {
    pub async fn start() -> InProcess {
        InProcess::over(Arc::new(SystemClock), Edge::default(), USUAL).await
    }

    /// With an edge of this kind.
    pub async fn behind(edge: Edge) -> InProcess {
        InProcess::over(Arc::new(SystemClock), edge, USUAL).await
    }

    /// In a time that the test decides.
    pub async fn with_clock(clock: Arc<dyn Clock>) -> InProcess {
        InProcess::over(clock, Edge::default(), USUAL).await
    }

    /// In a time that the test decides, with maintenance at a pace of its own.
    pub async fn maintained(clock: Arc<dyn Clock>, maintenance: Maintenance) -> InProcess {
        InProcess::over(clock, Edge::default(), maintenance).await
    }

    async fn over(clock: Arc<dyn Clock>, edge: Edge, maintenance: Maintenance) -> InProcess {
        let databases = TestDatabases::fresh().await;
        let owners = Database::ALL.map(|database| databases.options(database, Role::Owner));
        store::bootstrap::ensure_identity(&owners).await.unwrap();
        let keyring = Arc::new(Keyring::new(MasterKey::generate().unwrap()));
        let app = Database::ALL.map(|database| databases.options(database, Role::App));
        let mut options = StoreOptions::new(app, InstanceId::generate(), keyring);
        options.durable = false;
        let store = Store::open(options).await.unwrap();
        let Wired { router, sessions, key } = wire(&store, clock, edge, maintenance).await;
        InProcess { databases, router, store, sessions, key, issuer: issuer() }
    }

    /// Another server over the same databases, as a second machine would be: it shares nothing with this one but them.
    pub async fn second(&self) -> Second {
        let app = Database::ALL.map(|database| self.databases.options(database, Role::App));
        let mut options = StoreOptions::new(app, InstanceId::generate(), Arc::clone(self.store.keyring()));
        options.durable = false;
        let store = Store::open(options).await.unwrap();
        let wired = wire(&store, Arc::new(SystemClock), Edge::default(), USUAL).await;
        Second { router: wired.router }
    }

    /// A token for somebody with these roles in organization 1.
    pub fn token(&self, roles: &[&str]) -> String {
        self.token_in(1, roles)
    }

    /// A token for somebody with these roles in this organization.
    pub fn token_in(&self, organization: i32, roles: &[&str]) -> String {
        let now = Utc::now();
        let claims = Claims {
            sub: AccountId::generate(),
            org: Tenant::from_number(organization),
            org_id: Uuid::now_v7(),
            name: "someone".to_owned(),
            roles: roles.iter().map(|role| (*role).to_owned()).collect(),
            iat: now,
            nbf: now,
            exp: now + TimeDelta::minutes(5),
            jti: Uuid::now_v7(),
            sid: SessionId::generate(),
            epoch: 1,
            must_change_password: false,
        };
        self.key.mint(&self.issuer, &claims).unwrap().expose().clone()
    }

    /// Creates the first account with a hash made at `cost`.
    pub async fn create_account(&self, username: &str, password: &str, cost: PasswordCost) -> AccountId {
        let hash = PasswordHasher::new(cost).unwrap().hash(&Secret::new(password.to_owned())).unwrap();
        let account = NewAccount::new(username, hash, &ADMINISTRATOR_ROLES);
        let id = account.id;
        let first = CreateFirstAccount { organization: NewOrganization::named("Test"), account };
        self.store.execute(first, self.context(nobody())).await.unwrap();
        id
    }

    fn context(&self, caller: Caller) -> Context {
        Context { caller, request: RequestId::generate(), network: None, clock: Arc::new(SystemClock) }
    }

    /// The outcomes of this operation in the audit trail of `auth`, in their order.
    pub async fn audited(&self, operation: &str) -> Vec<String> {
        let mut connection = self.databases.connect(Database::Auth, Role::Superuser).await;
        sqlx::query_scalar("select outcome from audit.event where operation = $1 order by id")
            .bind(operation)
            .fetch_all(&mut connection)
            .await
            .unwrap()
    }
}
