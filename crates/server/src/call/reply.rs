//! What the client receives: a body that pulls from upstream, keeps a silent stream alive, and lets its end be seen
//! only once the record is in the store.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body::{Body, Frame, SizeHint};
use stonegate_protocol::{Dialect, Failure, FailureClass, Problem, UpstreamEnd};
use tokio::time::{Instant, Sleep, sleep_until};
use tokio_util::sync::WaitForCancellationFutureOwned;

use crate::app::App;
use crate::call::flow::{Audience, Flow, STOPPING, Stop};
use crate::keeper::StoreAway;
use crate::{error, kept};

/// An answer that has not begun: dispatch is still under way.
pub(crate) type Pending = Pin<Box<dyn Future<Output = Result<Box<Flow>, Problem>> + Send>>;
type Durable = Pin<Box<dyn Future<Output = Result<(), StoreAway>> + Send>>;

/// The body of a streamed answer.
pub(crate) struct StreamBody {
    state: State,
    dialect: Dialect,
    app: Arc<App>,
    out: BytesMut,
    flushed: bool,
    silence: Silence,
    /// The gateway's drain time is over.
    time_is_over: Pin<Box<WaitForCancellationFutureOwned>>,
}

enum State {
    /// Upstream has not answered; the client has its headers because it was kept waiting for long.
    Waiting(Pending),
    /// Events flow.
    Relaying(Box<Flow>),
    /// Upstream has ended, and the client has not got everything before that yet.
    Flushing(Box<Flow>, UpstreamEnd),
    /// All is said but the end, which waits for the journal.
    Committing(Durable, Bytes),
    /// Nothing is left.
    Over,
}

impl StreamBody {
    /// A body for an answer that has begun.
    pub(crate) fn relaying(app: Arc<App>, dialect: Dialect, flow: Box<Flow>) -> Self {
        Self::new(app, dialect, State::Relaying(flow), BytesMut::new())
    }

    /// A body for an answer that is yet to begin.
    pub(crate) fn waiting(app: Arc<App>, dialect: Dialect, pending: Pending) -> Self {
        Self::new(app, dialect, State::Waiting(pending), BytesMut::from(dialect.keep_alive()))
    }

    fn new(app: Arc<App>, dialect: Dialect, state: State, out: BytesMut) -> Self {
        let silence = Silence::new(app.config.stream.ping);
        let time_is_over = Box::pin(app.stopping.time_is_over().cancelled_owned());
        StreamBody { state, dialect, app, out, flushed: false, silence, time_is_over }
    }

    /// One step: `Some` when there is something to hand on or the state ended, `None` to go round again.
    fn poll_step(&mut self, cx: &mut Context<'_>) -> Poll<Option<Option<Bytes>>> {
        match &mut self.state {
            State::Waiting(_) if !self.out.is_empty() => Poll::Ready(Some(Some(self.take_out()))),
            State::Waiting(pending) => match pending.as_mut().poll(cx) {
                Poll::Ready(Ok(flow)) => {
                    self.state = State::Relaying(flow);
                    Poll::Ready(None)
                }
                Poll::Ready(Err(problem)) => {
                    self.state = State::Over;
                    Poll::Ready(Some(Some(error_event(self.dialect, &problem))))
                }
                Poll::Pending => self.poll_silence(cx),
            },
            State::Relaying(flow) => match flow.poll_read(cx, &mut self.out) {
                Poll::Ready(Stop::Output) => Poll::Ready(Some(Some(self.take_out()))),
                Poll::Ready(Stop::End(end)) if self.out.is_empty() => {
                    self.end(end);
                    Poll::Ready(None)
                }
                Poll::Ready(Stop::End(end)) => {
                    self.flush(end);
                    Poll::Ready(Some(Some(self.take_out())))
                }
                // More of what is there is about to come.
                Poll::Pending if !self.out.is_empty() => Poll::Pending,
                Poll::Pending => self.poll_silence(cx),
            },
            // The HTTP server writes what it has when it is told that there is no more: the bookkeeping comes after that.
            State::Flushing(..) if !std::mem::replace(&mut self.flushed, true) => {
                cx.waker().wake_by_ref();
                Poll::Pending
            }
            State::Flushing(..) => {
                if let State::Flushing(flow, end) = std::mem::replace(&mut self.state, State::Over) {
                    self.state = State::Relaying(flow);
                    self.end(end);
                }
                Poll::Ready(None)
            }
            State::Committing(durable, tail) => {
                let kept = std::task::ready!(durable.as_mut().poll(cx));
                let end = match kept {
                    Ok(()) => std::mem::take(tail),
                    Err(away) => error_event(self.dialect, &error::unrecorded(away)),
                };
                self.state = State::Over;
                Poll::Ready(Some(Some(end)))
            }
            State::Over => Poll::Ready(Some(None)),
        }
    }

    /// What to send when nothing was sent for a while, in a dialect that has such a thing.
    fn poll_silence(&mut self, cx: &mut Context<'_>) -> Poll<Option<Option<Bytes>>> {
        let keep_alive = self.dialect.keep_alive();
        if keep_alive.is_empty() {
            return Poll::Pending;
        }
        self.silence.poll(cx).map(|()| Some(Some(Bytes::from_static(keep_alive))))
    }

    /// Breaks the answer off, with an error for the client, when the gateway's drain time is over.
    fn poll_cut(&mut self, cx: &mut Context<'_>) -> Poll<Option<Option<Bytes>>> {
        if !matches!(self.state, State::Waiting(_) | State::Relaying(_)) {
            return Poll::Pending;
        }
        std::task::ready!(self.time_is_over.as_mut().poll(cx));
        if let State::Waiting(_) = self.state {
            self.state = State::Over;
            return Poll::Ready(Some(Some(error_event(self.dialect, &Problem::from(&stopping())))));
        }
        if self.out.is_empty() {
            self.end(UpstreamEnd::Failed(stopping()));
            return Poll::Ready(None);
        }
        self.flush(UpstreamEnd::Failed(stopping()));
        Poll::Ready(Some(Some(self.take_out())))
    }

    fn flush(&mut self, end: UpstreamEnd) {
        if let State::Relaying(flow) = std::mem::replace(&mut self.state, State::Over) {
            self.state = State::Flushing(flow, end);
        }
    }

    fn end(&mut self, end: UpstreamEnd) {
        let State::Relaying(flow) = std::mem::replace(&mut self.state, State::Over) else { return };
        let mut tail = BytesMut::new();
        let finished = flow.finish(end, Audience::Client, &mut tail);
        self.app.read_out(finished.rest);
        let durable: Durable = match finished.document {
            None => Box::pin(self.app.keeper.durable(finished.ticket)),
            Some(document) => {
                let app = Arc::clone(&self.app);
                Box::pin(async move {
                    app.keeper.durable(finished.ticket).await?;
                    kept::put(&*app.archive, Some(document)).await;
                    Ok(())
                })
            }
        };
        self.state = State::Committing(durable, tail.freeze());
    }

    fn take_out(&mut self) -> Bytes {
        self.silence.broken();
        self.out.split().freeze()
    }
}

impl Body for StreamBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        loop {
            let step = match self.poll_step(cx) {
                Poll::Ready(step) => step,
                Poll::Pending => std::task::ready!(self.poll_cut(cx)),
            };
            if let Some(step) = step {
                return Poll::Ready(step.map(|data| Ok(Frame::data(data))));
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self.state, State::Over)
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::default()
    }
}

impl Drop for StreamBody {
    fn drop(&mut self) {
        if let State::Relaying(flow) | State::Flushing(flow, _) =
            std::mem::replace(&mut self.state, State::Over)
        {
            self.app.rescue(crate::call::drain(Arc::clone(&self.app), flow));
        }
    }
}

fn error_event(dialect: Dialect, problem: &Problem) -> Bytes {
    let mut event = Vec::new();
    dialect.error_event(problem, &mut event);
    Bytes::from(event)
}

/// Why an answer is broken off at the end of the drain time.
pub(crate) fn stopping() -> Failure {
    let detail = "server.drain_seconds were over before the answer was complete";
    Failure {
        message: "Stonegate is being restarted, and the answer could not be completed in time. Try again."
            .to_owned(),
        ..Failure::local(FailureClass::Unreachable, STOPPING, detail)
    }
}

/// Tells when nothing was sent for a while. The timer is moved only when it fires.
struct Silence {
    after: Duration,
    since: Instant,
    timer: Pin<Box<Sleep>>,
}

impl Silence {
    fn new(after: Duration) -> Self {
        let since = Instant::now();
        Silence { after, since, timer: Box::pin(sleep_until(since + after)) }
    }

    /// Something was sent.
    fn broken(&mut self) {
        self.since = Instant::now();
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        while self.timer.as_mut().poll(cx).is_ready() {
            let due = self.since + self.after;
            let now = Instant::now();
            if due <= now {
                self.since = now;
                self.timer.as_mut().reset(now + self.after);
                return Poll::Ready(());
            }
            self.timer.as_mut().reset(due);
        }
        Poll::Pending
    }
}
