//! The router over three fresh databases in this process, with a signing key that the test holds.

use std::sync::Arc;

use api::{Edge, Gate, LargeBundles, Metrics, PasswordPool, Readiness, Sessions};
use axum::Router;
use axum::extract::FromRef;
use chrono::{TimeDelta, Utc};
use domain::store::{NewAccount, NewOrganization};
use domain::{Caller, Context};
use identity::{Claims, Issuer, PasswordCost, PasswordHasher, SigningKey, TokenVerifier};
use kernel::{AccountId, Clock, Database, InstanceId, RequestId, Secret, SystemClock, Tenant};
use seal::{Keyring, MasterKey};
use services::bootstrap::CreateFirstAccount;
use services::session::{Minter, nobody};
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

pub struct InProcess {
    pub databases: TestDatabases,
    pub router: Router,
    pub store: Store,
    key: SigningKey,
    issuer: Issuer,
}

impl InProcess {
    pub async fn start() -> InProcess {
        InProcess::behind(Edge::default()).await
    }

    /// With an edge of this kind.
    pub async fn behind(edge: Edge) -> InProcess {
        let databases = TestDatabases::fresh().await;
        let owners = Database::ALL.map(|database| databases.options(database, Role::Owner));
        store::bootstrap::ensure_identity(&owners).await.unwrap();
        let keyring = Arc::new(Keyring::new(MasterKey::generate().unwrap()));
        let app = Database::ALL.map(|database| databases.options(database, Role::App));
        let mut options = StoreOptions::new(app, InstanceId::generate(), keyring);
        options.durable = false;
        let store = Store::open(options).await.unwrap();
        let key = SigningKey::generate().unwrap();
        let issuer = Issuer { issuer: "test".to_owned(), audience: "salus".to_owned() };
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let hasher = Arc::new(PasswordHasher::new(PasswordCost::CHEAP).unwrap());
        let signing = SigningKey::from_pkcs8(&key.to_pkcs8().unwrap()).unwrap();
        let health = store.clone();
        let parts = Parts {
            gate: Gate {
                verifier: Arc::new(TokenVerifier::new(issuer.clone(), [key.public()])),
                store: store.clone(),
                clock: Arc::clone(&clock),
            },
            sessions: Sessions {
                store: store.clone(),
                passwords: PasswordPool::new(hasher),
                minter: Arc::new(Minter::new(signing, issuer.clone())),
                clock,
            },
            large_bundles: LargeBundles::default(),
            readiness: Readiness::new(move || health.health()),
            edge,
            store: store.clone(),
        };
        InProcess { databases, router: api::router(parts), store, key, issuer }
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
        };
        self.key.mint(&self.issuer, &claims).unwrap().expose().clone()
    }

    /// Creates the first account with a hash made at `cost`.
    pub async fn create_account(&self, username: &str, password: &str, cost: PasswordCost) -> AccountId {
        let hash = PasswordHasher::new(cost).unwrap().hash(&Secret::new(password.to_owned())).unwrap();
        let id = AccountId::generate();
        let first = CreateFirstAccount {
            organization: NewOrganization { id: Uuid::now_v7(), name: "Test".to_owned() },
            account: NewAccount {
                id,
                username: username.to_owned(),
                password_hash: hash,
                roles: vec!["administrator".to_owned()],
            },
        };
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
