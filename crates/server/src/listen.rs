//! The front door: accepts connections, speaks HTTP/1.1 and HTTP/2 over them, and closes up in good order.
//!
//! On the order to stop, the door stays open for as long as answers are under way: calls that come now are told 503
//! by the router, which a load balancer and every SDK understand better than a refused connection. When the last
//! answer is through, or the drain time is over, everything is closed.

mod stopping;
#[cfg(test)]
mod tests;
mod tls;

use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::ConnectInfo;
use bytes::Bytes;
use http::header::{CONNECTION, HeaderValue};
use http::{Request, Response, Version};
use http_body::Body;
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulConnection;
use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::{Service, ServiceExt as _};

pub use stopping::Stopping;
pub use tls::{Tls, TlsError};

use stopping::Counted;

/// Most that one connection buffers in each direction. Large bodies are read in pieces of this size; a stream's
/// events are far smaller, and the buffer only grows as far as it is used.
const BUFFER: usize = 64 * 1024;
/// A TLS handshake that takes longer than this is not going to succeed.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// How often changed certificate files are looked for.
const RELOAD: Duration = Duration::from_secs(10);
/// How long to leave the listener alone when the process has run out of file descriptors.
const BREATHER: Duration = Duration::from_millis(100);
/// How long an answer that is broken off may take to say so.
const LAST_WORDS: Duration = Duration::from_secs(1);
/// A client whose machine has vanished is noticed after about two minutes of silence.
const KEEPALIVE: Duration = Duration::from_secs(60);

/// How the door is run.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// How long a client may take over a request's headers, and how long an idle connection stays.
    pub header_timeout: Duration,
    /// How long open answers may go on after the order to stop.
    pub drain: Duration,
    /// The certificate, for TLS.
    pub tls: Option<Tls>,
}

/// Serves connections until `shutdown` resolves and the open calls are through, or the drain time is over.
///
/// The service sees the peer's address as a [`ConnectInfo`] extension. It is to refuse new calls once
/// [`Stopping::has_begun`].
pub async fn run<S, B>(
    listener: TcpListener,
    service: S,
    options: Options,
    stopping: Stopping,
    shutdown: impl Future<Output = ()>,
) where
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible> + Clone + Send + Sync + 'static,
    S::Future: Send + 'static,
    B: Body<Data = Bytes> + Send + Unpin + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let door = Arc::new(Door {
        service,
        stopping: stopping.clone(),
        http: Http::new(options.header_timeout),
        header_timeout: options.header_timeout,
        tls: options.tls,
        closing: CancellationToken::new(),
        cut: CancellationToken::new(),
        connections: TaskTracker::new(),
    });
    let mut drained = pin!(async {
        shutdown.await;
        stopping.begin();
        let deadline = Instant::now() + options.drain;
        tracing::info!(calls = stopping.open_calls(), "stopping: new calls are refused, open ones go on");
        // A timeout is one of the two ways to be done; what is still open then says so to its client, and is cut below.
        if tokio::time::timeout_at(deadline, stopping.idle()).await.is_ok() {
            return deadline;
        }
        tracing::warn!(calls = stopping.open_calls(), "drain time is over; breaking off what is open");
        stopping.end();
        deadline + LAST_WORDS
    });
    let mut reload = tokio::time::interval(RELOAD);
    let deadline = loop {
        tokio::select! {
            deadline = &mut drained => break deadline,
            _ = reload.tick(), if door.tls.is_some() => door.tls.iter().for_each(Tls::reload_if_changed),
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => admit(&door, stream, peer),
                Err(error) => pause_after(&error).await,
            },
        }
    };
    drop(listener);
    door.close(deadline).await;
}

/// How each version of HTTP is spoken.
struct Http {
    one: http1::Builder,
    two: http2::Builder<TokioExecutor>,
}

impl Http {
    fn new(header_timeout: Duration) -> Self {
        let mut one = http1::Builder::new();
        one.timer(TokioTimer::new()).header_read_timeout(header_timeout).max_buf_size(BUFFER);
        let mut two = http2::Builder::new(TokioExecutor::new());
        two.timer(TokioTimer::new())
            .max_send_buf_size(BUFFER)
            .keep_alive_interval(KEEPALIVE)
            .keep_alive_timeout(HANDSHAKE);
        Http { one, two }
    }
}

/// Errors of one connection pass; a lack of descriptors does not, and must not become a busy loop.
async fn pause_after(error: &std::io::Error) {
    use std::io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    if !matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset) {
        tracing::error!(%error, "cannot accept connections; trying again");
        tokio::time::sleep(BREATHER).await;
    }
}

/// The first bytes of an HTTP/2 connection's preface.
const PREFACE: &[u8] = b"PRI * HTTP/2";

/// What every connection shares.
struct Door<S> {
    service: S,
    stopping: Stopping,
    http: Http,
    header_timeout: Duration,
    tls: Option<Tls>,
    /// Connections end as soon as the answer that is under way is through.
    closing: CancellationToken,
    /// Connections end now.
    cut: CancellationToken,
    connections: TaskTracker,
}

impl<S> Door<S> {
    /// Lets what is under way come to its end until `deadline`, then cuts it.
    async fn close(&self, deadline: Instant) {
        self.closing.cancel();
        self.connections.close();
        if tokio::time::timeout_at(deadline, self.connections.wait()).await.is_err() {
            tracing::warn!(connections = self.connections.len(), "cutting the connections that are open");
        }
        self.cut.cancel();
        self.connections.wait().await;
    }
}

fn admit<S, B>(door: &Arc<Door<S>>, stream: TcpStream, peer: SocketAddr)
where
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible> + Clone + Send + Sync + 'static,
    S::Future: Send + 'static,
    B: Body<Data = Bytes> + Send + Unpin + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    if let Err(error) = prepare(&stream) {
        tracing::debug!(%error, %peer, "connection lost before it began");
        return;
    }
    // Two kinds of task, so that a plain connection does not carry the memory of a TLS one.
    let own = Arc::clone(door);
    match &door.tls {
        None => door.connections.spawn(async move {
            let spoken = tokio::select! {
                spoken = spoken_first(&stream, own.header_timeout) => spoken,
                () = own.closing.cancelled() => return,
            };
            if let Some(spoken) = spoken {
                serve(own, stream, peer, spoken).await;
            }
        }),
        Some(tls) => {
            let handshake = tokio::time::timeout(HANDSHAKE, tls.acceptor().accept(stream));
            door.connections.spawn(async move {
                let shaken = tokio::select! {
                    shaken = handshake => shaken,
                    () = own.closing.cancelled() => return,
                };
                match shaken {
                    Ok(Ok(stream)) => {
                        let is_two = stream.get_ref().1.alpn_protocol() == Some(b"h2");
                        let spoken = if is_two { Spoken::Two } else { Spoken::One };
                        serve(own, stream, peer, spoken).await;
                    }
                    Ok(Err(error)) => tracing::debug!(%error, %peer, "TLS handshake failed"),
                    Err(_elapsed) => tracing::debug!(%peer, "TLS handshake took too long"),
                }
            })
        }
    };
}

fn prepare(stream: &TcpStream) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    SockRef::from(stream)
        .set_tcp_keepalive(&TcpKeepalive::new().with_time(KEEPALIVE).with_interval(KEEPALIVE))
}

/// Which HTTP a connection speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Spoken {
    One,
    Two,
}

/// Looks at the first bytes without taking them: HTTP/2 without TLS begins with a preface that no HTTP/1 method begins with.
/// `None` when nothing came in time.
async fn spoken_first(stream: &TcpStream, patience: Duration) -> Option<Spoken> {
    let mut first = [0; PREFACE.len()];
    let read = tokio::time::timeout(patience, stream.peek(&mut first)).await.ok()?.ok()?;
    let is_two = read > 1 && first.get(..read).is_some_and(|first| PREFACE.starts_with(first));
    Some(if is_two { Spoken::Two } else { Spoken::One })
}

/// One connection, from its first byte to its last.
async fn serve<S, B, I>(door: Arc<Door<S>>, io: I, peer: SocketAddr, spoken: Spoken)
where
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible> + Clone + Send + Sync + 'static,
    S::Future: Send + 'static,
    B: Body<Data = Bytes> + Send + Unpin + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    I: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let own = Arc::clone(&door);
    let service = service_fn(move |request| answer(Arc::clone(&own), request, peer));
    let io = TokioIo::new(io);
    match spoken {
        Spoken::One => drive(&door, door.http.one.serve_connection(io, service), peer).await,
        Spoken::Two => drive(&door, door.http.two.serve_connection(io, service), peer).await,
    }
}

async fn drive<S, C>(door: &Door<S>, connection: C, peer: SocketAddr)
where
    C: GracefulConnection,
    C::Error: std::fmt::Display,
{
    let mut connection = pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => Some(ended),
        () = door.closing.cancelled() => None,
    };
    let ended = match ended {
        Some(ended) => ended,
        None => {
            connection.as_mut().graceful_shutdown();
            tokio::select! {
                ended = connection => ended,
                () = door.cut.cancelled() => return,
            }
        }
    };
    if let Err(error) = ended {
        // Mostly clients that went away: their affair, unless someone looks for it.
        tracing::debug!(%error, %peer, "connection ended early");
    }
}

async fn answer<S, B>(
    door: Arc<Door<S>>,
    mut request: Request<Incoming>,
    peer: SocketAddr,
) -> Result<Response<Counted<B>>, Infallible>
where
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible> + Clone,
{
    let call = door.stopping.enter();
    let version = request.version();
    request.extensions_mut().insert(ConnectInfo(peer));
    let mut response = door.service.clone().oneshot(request).await?;
    if door.stopping.has_begun() && version < Version::HTTP_2 {
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    Ok(response.map(|body| Counted::new(body, call)))
}
