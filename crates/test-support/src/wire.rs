//! A proxy before a database that counts the statements which pass it.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use sqlx::postgres::PgConnectOptions;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};

/// Listens on a socket of its own and passes everything on. Statements are the protocol's Query and Execute messages
/// (PostgreSQL documentation, 55.7); only those of sessions that serve requests count. What the store asks by itself, its
/// probe and its recovery, is asked by time: the slower the machine, the more of it falls beside a request.
pub struct CountingProxy {
    statements: Arc<AtomicU64>,
    folder: TempDir,
    port: u16,
}

/// What the store calls its sessions that serve requests (`application_name` in the start-up message).
const REQUESTS: &[u8] = b"\0salus request\0";

impl CountingProxy {
    /// Starts a proxy before the server of these options.
    pub fn before(options: &PgConnectOptions) -> CountingProxy {
        let folder = TempDir::with_prefix("salus-wire-").expect("a temporary folder");
        let port = options.get_port();
        let server: PathBuf = options.get_socket().expect("a unix socket").join(format!(".s.PGSQL.{port}"));
        let listener =
            UnixListener::bind(folder.path().join(format!(".s.PGSQL.{port}"))).expect("a socket of our own");
        let statements = Arc::new(AtomicU64::new(0));
        let counter = Arc::clone(&statements);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let server = UnixStream::connect(&server).await.expect("the server's socket");
                tokio::spawn(pass(client, server, Arc::clone(&counter)));
            }
        });
        CountingProxy { statements, folder, port }
    }

    /// The same options through the proxy.
    pub fn through(&self, options: PgConnectOptions) -> PgConnectOptions {
        options.socket(self.folder.path()).port(self.port)
    }

    /// How many statements of requests passed since the start.
    pub fn statements(&self) -> u64 {
        self.statements.load(Ordering::SeqCst)
    }
}

async fn pass(client: UnixStream, server: UnixStream, statements: Arc<AtomicU64>) {
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let back = tokio::spawn(async move { tokio::io::copy(&mut from_server, &mut to_client).await });
    // The first message has no type byte.
    let mut typed = false;
    let mut counts = false;
    while let Some((kind, message)) = message(&mut from_client, typed).await {
        if !typed {
            counts = message.windows(REQUESTS.len()).any(|part| part == REQUESTS);
        }
        if counts && matches!(kind, Some(b'Q' | b'E')) {
            statements.fetch_add(1, Ordering::SeqCst);
        }
        typed = true;
        if to_server.write_all(&message).await.is_err() {
            break;
        }
    }
    back.abort();
}

/// One whole message with its header.
async fn message(from: &mut tokio::net::unix::OwnedReadHalf, typed: bool) -> Option<(Option<u8>, Vec<u8>)> {
    let mut whole = Vec::new();
    let kind = if typed { Some(from.read_u8().await.ok()?) } else { None };
    whole.extend(kind);
    let length = from.read_u32().await.ok()?;
    whole.extend(length.to_be_bytes());
    let start = whole.len();
    whole.resize(start + length as usize - 4, 0);
    from.read_exact(&mut whole[start..]).await.ok()?;
    Some((kind, whole))
}
