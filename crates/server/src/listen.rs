//! Connections: accepting them, holding each to its limits, letting them go.
//!
//! HTTP/1.1 only: without TLS no client speaks HTTP/2 unasked, and telling the two apart would mean to wait
//! for a connection's first bytes without a limit.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use api::{Peer, PublicUrl};
use axum::Router;
use axum::body::Body;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use kernel::limits;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tower::ServiceExt;

/// Connections open at the same time; further ones wait to be accepted.
const CONNECTIONS: usize = 8 * 1024;
/// A connection's read buffer: the longest target and the largest headers, and room to see that they are too
/// large.
const BUFFER_BYTES: usize = 2 * (limits::URL_BYTES + limits::HEADER_BYTES);
/// Pause after a failure to accept, which means that file descriptors have run out.
const BREATH: Duration = Duration::from_millis(50);

/// Takes the address.
///
/// # Errors
/// Where it is taken already, or not ours.
pub async fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    TcpListener::bind(address).await
}

/// Serves until `stop` is done; then takes no more connections, and gives requests in flight
/// [`limits::DRAIN`] to end.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    public_url: Option<PublicUrl>,
    stop: impl Future<Output = ()>,
) {
    let graceful = GracefulShutdown::new();
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    let mut connections = JoinSet::new();
    tokio::pin!(stop);
    loop {
        // Ended connections leave the set.
        while connections.try_join_next().is_some() {}
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
        let connection = connection(stream, peer, router.clone(), public_url.clone(), graceful.watcher());
        connections.spawn(async move {
            connection.await;
            drop(place);
        });
    }
    drop(listener);
    if tokio::time::timeout(limits::DRAIN, graceful.shutdown()).await.is_err() {
        tracing::warn!("requests were still in flight when the time to stop was over");
    }
    connections.shutdown().await;
}

/// One connection, from its first request to its last; when the server stops, to the end of the request in
/// flight.
async fn connection(
    stream: TcpStream,
    peer: SocketAddr,
    router: Router,
    public_url: Option<PublicUrl>,
    watcher: Watcher,
) {
    // Answers are small and written at once; waiting to fill a packet would only delay them.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "a connection stays without TCP_NODELAY");
    }
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(Peer(peer.ip()));
        if let Some(url) = &public_url {
            request.extensions_mut().insert(url.clone());
        }
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
