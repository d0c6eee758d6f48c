//! A network that swallows everything: no socket fails, no timeout of the server's is ever heard of.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use domain::StoreError;
use domain::store::{Archive, Key};
use fhir::ResourceType;
use kernel::Database::{Clinical, Phi};
use sqlx::postgres::PgConnectOptions;
use store::{Pool, Store};
use test_support::{Role, TestDatabases, TestFolder};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{Notify, watch};

use crate::house::{Put, PutError, Then, context, options, owners, until};

/// A way to a server that can be made to swallow what is sent through it, without closing anything.
struct Way {
    folder: TestFolder,
    swallows: watch::Sender<bool>,
    open: Arc<()>,
}

impl Way {
    fn to(options: &PgConnectOptions) -> Way {
        let folder = TestFolder::create();
        let name = format!(".s.PGSQL.{}", options.get_port());
        let server: PathBuf = options.get_socket().unwrap().join(&name);
        let listener = UnixListener::bind(folder.path().join(name)).unwrap();
        let (swallows, open) = (watch::Sender::new(false), Arc::new(()));
        let (switch, counted) = (swallows.clone(), Arc::clone(&open));
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let Ok(server) = UnixStream::connect(&server).await else { continue };
                tokio::spawn(pass(client, server, switch.subscribe(), Arc::clone(&counted)));
            }
        });
        Way { folder, swallows, open }
    }

    /// How many connections go through it.
    fn open(&self) -> usize {
        // Ours and the listener's.
        Arc::strong_count(&self.open) - 2
    }
}

async fn pass(client: UnixStream, server: UnixStream, mut swallows: watch::Receiver<bool>, _open: Arc<()>) {
    let ((mut from_client, mut to_client), (mut from_server, mut to_server)) =
        (client.into_split(), server.into_split());
    let (mut up, mut down) = ([0; 4096], [0; 4096]);
    loop {
        let swallow = *swallows.borrow_and_update();
        tokio::select! {
            changed = swallows.changed() => if changed.is_err() { return },
            read = from_client.read(&mut up) => match read {
                Ok(1..) if swallow => {}
                Ok(length @ 1..) => if to_server.write_all(&up[..length]).await.is_err() { return },
                _ => return,
            },
            read = from_server.read(&mut down), if !swallow => match read {
                Ok(length @ 1..) => if to_client.write_all(&down[..length]).await.is_err() { return },
                _ => return,
            },
        }
    }
}

async fn open() -> (TestDatabases, Way, Store) {
    let databases = TestDatabases::fresh().await;
    store::bootstrap::ensure_identity(&owners(&databases)).await.unwrap();
    let way = Way::to(&databases.options(Clinical, Role::App));
    let mut options = options(&databases);
    let connect = &mut options.connect[Clinical.index()];
    *connect = connect.clone().socket(way.folder.path());
    options.pools[Clinical.index()] =
        Pool { statement: Duration::from_secs(1), connect: Duration::from_secs(1), ..Pool::default() };
    let store = Store::open(options).await.unwrap();
    (databases, way, store)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operation_on_a_dead_network_is_given_up_and_its_connections_are_closed() {
    let (_databases, way, store) = open().await;
    let (arrived, never) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let put = Put::to(&[Clinical]).then(Then::Wait(Arc::clone(&arrived), never));
    let running = tokio::spawn({
        let store = store.clone();
        async move { store.execute(put, context()).await }
    });
    arrived.notified().await;
    way.swallows.send_replace(true);
    let began = Instant::now();
    let ended = tokio::time::timeout(Duration::from_secs(20), running).await.expect("it hangs").unwrap();
    let unavailable = StoreError::Unavailable { database: Clinical };
    assert!(matches!(ended, Err(PutError::Store(error)) if error == unavailable));
    assert!(began.elapsed() > Duration::from_secs(1), "a moment of silence is not death");
    until("its connections are closed", async || way.open() <= 1).await;
    // Who comes now need not find out again; who needs another database is served.
    let began = Instant::now();
    assert!(store.execute(Put::to(&[Clinical]), context()).await.is_err());
    assert!(began.elapsed() < Duration::from_secs(1));
    store.execute(Put::to(&[Phi]), context()).await.unwrap();
    way.swallows.send_replace(false);
    until("it works again", async || store.execute(Put::to(&[Clinical]), context()).await.is_ok()).await;
    way.swallows.send_replace(true);
    let closing = tokio::time::timeout(Duration::from_secs(30), store.close());
    closing.await.expect("it closes over a dead network too");
}

/// The probe and everybody else are answered: only this operation's own connection is dead.
#[tokio::test(flavor = "multi_thread")]
async fn one_dead_connection_is_given_up_when_the_server_would_have_spoken() {
    let (_databases, _way, store) = open().await;
    let (arrived, never) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let began = Instant::now();
    let put = Put::to(&[Clinical]).then(Then::Wait(arrived, never));
    let ended = tokio::time::timeout(Duration::from_secs(20), store.execute(put, context())).await;
    let unavailable = StoreError::Unavailable { database: Clinical };
    assert!(matches!(ended.expect("it hangs"), Err(PutError::Store(error)) if error == unavailable));
    assert!(began.elapsed() > Duration::from_secs(1), "the server's own limit comes first");
    store.execute(Put::to(&[Clinical]), context()).await.unwrap();
    store.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_on_a_dead_network_is_given_up() {
    let (_databases, way, store) = open().await;
    let key = Key { resource_type: ResourceType::Observation, id: "none".to_owned() };
    assert!(store.read(&crate::house::context(), &key).await.is_ok());
    way.swallows.send_replace(true);
    let context = context();
    let reading = store.read(&context, &key);
    let ended = tokio::time::timeout(Duration::from_secs(20), reading).await.expect("it hangs");
    assert!(matches!(ended, Err(StoreError::Unavailable { database: Clinical })), "{:?}", ended.err());
    store.close().await;
}
