//! Connections: accepting them, holding each to its limits, letting them go.
//!
//! HTTP/1.1 only: without TLS no client speaks HTTP/2 unasked, and telling the two apart would mean to wait
//! for a connection's first bytes without a limit.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use api::Peer;
use axum::Router;
use axum::body::Body;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use kernel::limits;
use metrics::gauge;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tower::ServiceExt;

/// A connection's read buffer: the longest target and the largest headers, and room to see that they are too
/// large.
const BUFFER_BYTES: usize = 2 * (limits::URL_BYTES + limits::HEADER_BYTES);
/// Pause after a failure to accept, which means that file descriptors have run out.
const BREATH: Duration = Duration::from_millis(50);

/// Connections that may wait to be accepted: whoever comes when there are more tries again a second later.
const BACKLOG: u32 = 4_096;

/// Takes the address. To be called on the runtime.
///
/// # Errors
/// Where it is taken already, or not ours.
pub fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    // An address that was served on a moment ago is free again.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Files that are open beside clients' connections: databases, the log, probes.
const OTHER_FILES: u64 = 200;
/// What macOS allows at the most, whatever limit it names.
const MAC_FILES: u64 = 10_240;

/// Lets this process have so many connections open, where the system allows it to ask for that; the limit that it starts
/// with is often 1,024 files.
pub fn allow_connections(wanted: usize) {
    use nix::sys::resource::{Resource, getrlimit, setrlimit};
    let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE) else { return };
    let needed = u64::try_from(wanted).unwrap_or(u64::MAX).saturating_add(OTHER_FILES);
    if soft >= needed {
        return;
    }
    let raised = [needed.min(hard), MAC_FILES.min(hard)]
        .into_iter()
        .find(|files| *files > soft && setrlimit(Resource::RLIMIT_NOFILE, *files, hard).is_ok());
    let allowed = raised.unwrap_or(soft);
    if allowed < needed {
        tracing::warn!(
            allowed,
            needed,
            "fewer files may be open than connections are allowed: raise `ulimit -n` or lower SALUS_MAX_CONNECTIONS"
        );
    }
}

/// Serves until `stop` is done; then takes no more connections, and gives requests in flight
/// [`limits::DRAIN`] to end. At most so many `connections` are open at the same time; further ones wait to be accepted.
/// Gives the instant at which the time to stop is over.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    connections: usize,
    stop: impl Future<Output = ()>,
) -> Instant {
    let graceful = GracefulShutdown::new();
    let places = Arc::new(Semaphore::new(connections));
    let mut open = JoinSet::new();
    let counted = gauge!("http_connections");
    tokio::pin!(stop);
    loop {
        // Ended connections leave the set.
        while open.try_join_next().is_some() {}
        let accepting = async {
            // The semaphore is never closed.
            let place = Arc::clone(&places).acquire_owned().await.ok();
            (place, listener.accept().await)
        };
        let (place, accepted) = tokio::select! {
            () = &mut stop => break,
            accepted = accepting => accepted,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(BREATH).await;
                continue;
            }
        };
        let connection = connection(stream, peer, router.clone(), graceful.watcher());
        let counted = counted.clone();
        open.spawn(async move {
            counted.increment(1);
            connection.await;
            counted.decrement(1);
            drop(place);
        });
    }
    let end = Instant::now() + limits::DRAIN;
    drop(listener);
    if tokio::time::timeout_at(end, graceful.shutdown()).await.is_err() {
        tracing::warn!("requests were still in flight when the time to stop was over");
    }
    open.shutdown().await;
    end
}

/// One connection, from its first request to its last; when the server stops, to the end of the request in
/// flight.
async fn connection(stream: TcpStream, peer: SocketAddr, router: Router, watcher: Watcher) {
    // Answers are small and written at once; waiting to fill a packet would only delay them.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "a connection stays without TCP_NODELAY");
    }
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(Peer(peer.ip()));
        router.clone().oneshot(request.map(Body::new))
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits::HEADER_READ)
        .max_buf_size(BUFFER_BYTES)
        .serve_connection(TokioIo::new(stream), service);
    // A client that breaks the protocol or the connection is no event of ours.
    let _ = watcher.watch(connection).await;
}
