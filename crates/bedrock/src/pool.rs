//! Connections that are kept: HTTP/1, to a few hosts, one call at a time on each.
//!
//! A connection is lent to one call and comes back with the end of its answer. `docs/decisions/0014-a-pool-for-one-protocol.md`
//! says why this is our own.

use std::collections::{HashMap, VecDeque};
use std::error::Error;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures_util::TryFutureExt as _;
use http::{Request, Response, Uri};
use http_body::{Frame, SizeHint};
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper::rt::{Read, Write};
use tokio::time::{Instant, sleep};
use tokio_util::task::AbortOnDropHandle;
use tower::{Service, ServiceExt as _};

use crate::pieces::Pieces;

/// The read buffer of a connection. Bedrock's frames are small, and at a thousand open streams these buffers are most
/// of the gateway's memory.
const READ_BUFFER: usize = 4 * 1024;
/// Bedrock closes idle connections after a minute or so; ours go first.
const MOST_IDLE: Duration = Duration::from_secs(50);
/// How often connections are looked for that have been idle for too long.
const SWEEP: Duration = Duration::from_secs(5);

type Cause = Box<dyn Error + Send + Sync>;

/// Why a request got no answer.
#[derive(Debug)]
pub(crate) enum NoAnswer {
    /// Nothing of it was sent.
    Unreachable(Cause),
    /// The connection broke; upstream may have worked, and billed.
    Broken(hyper::Error),
}

/// The connections to all hosts, which the connector makes.
pub(crate) struct Pool<C> {
    connector: C,
    kept: Arc<Kept>,
    sweeper: OnceLock<AbortOnDropHandle<()>>,
}

impl<C> Pool<C>
where
    C: Service<Uri, Response: Read + Write + Send + Unpin + 'static, Error: Into<Cause>> + Clone,
{
    pub(crate) fn new(connector: C) -> Self {
        Pool { connector, kept: Arc::default(), sweeper: OnceLock::new() }
    }

    /// Sends a request in origin form, with its `host`, to the server at `base` (scheme and authority).
    pub(crate) async fn send(
        &self,
        base: &Arc<str>,
        mut request: Request<Pieces>,
    ) -> Result<Response<ReplyBody>, NoAnswer> {
        loop {
            let kept = self.kept.take(base, Instant::now());
            let was_kept = kept.is_some();
            let mut connection = match kept {
                Some(connection) => connection,
                // In a box: it is rare, and large beside all that a call keeps while it waits.
                None => Box::pin(self.connect(base)).await.map_err(NoAnswer::Unreachable)?,
            };
            let mut failed = match connection.sender.try_send_request(request).await {
                Ok(response) => {
                    let (base, kept) = (Arc::clone(base), Arc::clone(&self.kept));
                    let lent = Lent { connection: Some(connection), base, kept };
                    return Ok(response.map(|body| ReplyBody { body, lent: Some(lent) }));
                }
                Err(failed) => failed,
            };
            match failed.take_message() {
                // The connection had been closed when the call came to it.
                Some(unsent) if was_kept => request = unsent,
                Some(_) => return Err(NoAnswer::Unreachable(failed.into_error().into())),
                None => return Err(NoAnswer::Broken(failed.into_error())),
            }
        }
    }

    async fn connect(&self, base: &str) -> Result<Connection, Cause> {
        self.sweeper.get_or_init(|| aside(sweep(Arc::clone(&self.kept))));
        let stream = self.connector.clone().oneshot(base.parse()?).await.map_err(Into::into)?;
        Ok(Connection::over(stream).await?)
    }
}

/// Work beside the calls, for as long as somebody holds it.
#[expect(clippy::disallowed_methods, reason = "it ends with its holder, so no shutdown has to wait for it")]
fn aside(work: impl Future<Output = ()> + Send + 'static) -> AbortOnDropHandle<()> {
    AbortOnDropHandle::new(tokio::spawn(work))
}

/// A connection. Dropping it closes it, whatever it was doing.
struct Connection {
    sender: SendRequest<Pieces>,
    _driver: AbortOnDropHandle<()>,
}

impl Connection {
    async fn over(stream: impl Read + Write + Send + Unpin + 'static) -> hyper::Result<Self> {
        let mut http = http1::Builder::new();
        let (sender, driver) = http.read_buf_exact_size(Some(READ_BUFFER)).handshake(stream).await?;
        // A call that it carries hears of it as well. Not an async block, which would hold the driver twice.
        let driver = driver.unwrap_or_else(|error| tracing::debug!(%error, "a connection to upstream broke"));
        let driver = aside(driver);
        Ok(Connection { sender, _driver: driver })
    }
}

/// Connections without a call by base, those that came back last at the end.
#[derive(Default)]
struct Kept(Mutex<HashMap<Arc<str>, VecDeque<Idle>>>);

struct Idle {
    connection: Connection,
    since: Instant,
}

impl Idle {
    /// One that is still at work may soon have seen its end. Or upstream does not read the rest of a request, and never may.
    fn is_fresh(&self, now: Instant) -> bool {
        let sender = &self.connection.sender;
        let most = if sender.is_ready() { MOST_IDLE } else { SWEEP };
        now.duration_since(self.since) < most && !sender.is_closed()
    }
}

impl Kept {
    fn lock(&self) -> MutexGuard<'_, HashMap<Arc<str>, VecDeque<Idle>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The one that was used last, so that what a burst needed falls idle. One that has yet to see the end of its answer,
    /// or that upstream has not read the whole request from, is left where it is.
    fn take(&self, base: &str, now: Instant) -> Option<Connection> {
        let mut kept = self.lock();
        let idle = kept.get_mut(base)?;
        while idle.back().is_some_and(|last| last.connection.sender.is_closed()) {
            idle.pop_back();
        }
        let at = idle.iter().rposition(|one| one.is_fresh(now) && one.connection.sender.is_ready())?;
        idle.remove(at).map(|one| one.connection)
    }

    fn put(&self, base: &Arc<str>, connection: Connection, now: Instant) {
        let mut kept = self.lock();
        let place = match kept.get_mut(base) {
            Some(place) => place,
            None => kept.entry(Arc::clone(base)).or_default(),
        };
        place.push_back(Idle { connection, since: now });
    }

    /// Closes what nobody took for too long.
    fn sweep(&self, now: Instant) {
        for idle in self.lock().values_mut() {
            idle.retain(|one| one.is_fresh(now));
            idle.shrink_to_fit();
        }
    }
}

/// Sweeps for as long as there is a pool.
async fn sweep(kept: Arc<Kept>) {
    loop {
        sleep(SWEEP).await;
        kept.sweep(Instant::now());
    }
}

/// A connection that carries a call. It goes back when this is dropped.
struct Lent {
    connection: Option<Connection>,
    base: Arc<str>,
    kept: Arc<Kept>,
}

impl Drop for Lent {
    fn drop(&mut self) {
        if let Some(connection) = self.connection.take_if(|connection| !connection.sender.is_closed()) {
            self.kept.put(&self.base, connection, Instant::now());
        }
    }
}

/// What upstream answers, as it comes. Its connection can serve another call when it was read to its end; whoever drops it
/// before that closes the connection, unless what is missing has arrived already.
pub struct ReplyBody {
    // Dropped first, by which its connection hears that nobody reads on.
    body: Incoming,
    lent: Option<Lent>,
}

impl std::fmt::Debug for ReplyBody {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ReplyBody").field("body", &self.body).finish_non_exhaustive()
    }
}

impl http_body::Body for ReplyBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(context);
        let is_over = match &polled {
            Poll::Ready(Some(Ok(_))) => self.body.is_end_stream(),
            Poll::Ready(None) => true,
            Poll::Ready(Some(Err(_))) | Poll::Pending => false,
        };
        if is_over {
            self.lent = None;
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests;
