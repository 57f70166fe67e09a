//! Whether the gateway is stopping, and how many calls are still open.

use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll};

use http_body::{Body, Frame, SizeHint};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// Shared by the listener, which counts calls, and the router, which refuses new ones once this has begun.
#[derive(Debug, Clone, Default)]
pub struct Stopping(Arc<State>);

#[derive(Debug, Default)]
struct State {
    begun: AtomicBool,
    calls: AtomicUsize,
    idle: Notify,
    over: CancellationToken,
}

impl Stopping {
    /// From now on new calls are to be refused.
    pub fn begin(&self) {
        self.0.begun.store(true, Ordering::Release);
    }

    /// Whether new calls are to be refused.
    #[must_use]
    pub fn has_begun(&self) -> bool {
        self.0.begun.load(Ordering::Acquire)
    }

    /// A token of its own for one answer: it is cancelled when the drain time is over, a moment before connections are cut.
    #[must_use]
    pub fn time_is_over(&self) -> CancellationToken {
        self.0.over.child_token()
    }

    /// The drain time is over: what is open says so to its client, and ends.
    pub(super) fn end(&self) {
        self.0.over.cancel();
    }

    /// Calls whose answer is not through yet.
    #[must_use]
    pub fn open_calls(&self) -> usize {
        self.0.calls.load(Ordering::Acquire)
    }

    /// Counts a call as open until the guard is dropped.
    pub(super) fn enter(&self) -> OpenCall {
        self.0.calls.fetch_add(1, Ordering::AcqRel);
        OpenCall(Arc::clone(&self.0))
    }

    /// Resolves when no call is open.
    pub(super) async fn idle(&self) {
        loop {
            let mut notified = pin!(self.0.idle.notified());
            // Listens before it looks, so that a call that ends in between is not missed.
            notified.as_mut().enable();
            if self.open_calls() == 0 {
                return;
            }
            notified.await;
        }
    }
}

/// One open call.
#[derive(Debug)]
pub(super) struct OpenCall(Arc<State>);

impl Drop for OpenCall {
    fn drop(&mut self) {
        if self.0.calls.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.0.idle.notify_waiters();
        }
    }
}

/// A response body that keeps its call open until it is through.
#[derive(Debug)]
pub(super) struct Counted<B> {
    body: B,
    _call: OpenCall,
}

impl<B> Counted<B> {
    pub(super) fn new(body: B, call: OpenCall) -> Self {
        Counted { body, _call: call }
    }
}

impl<B: Body + Unpin> Body for Counted<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
