//! Work that outlives the client who asked for it.
//!
//! When a client hangs up, the HTTP server drops whatever future was serving it. Bedrock bills an abandoned call in
//! full, so by default the call goes on to its end, for the sake of its usage report. Nothing is spawned for the
//! calls whose client stays: only the drop moves the future to a task of its own.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

/// A future that is handed to `rescue` if it is dropped before its end.
pub(crate) struct Detach<T, R: FnOnce(Pin<Box<dyn Future<Output = T> + Send>>)> {
    work: Option<Pin<Box<dyn Future<Output = T> + Send>>>,
    rescue: Option<R>,
}

impl<T, R> Detach<T, R>
where
    R: FnOnce(Pin<Box<dyn Future<Output = T> + Send>>),
{
    pub(crate) fn new(work: Pin<Box<dyn Future<Output = T> + Send>>, rescue: R) -> Self {
        Detach { work: Some(work), rescue: Some(rescue) }
    }
}

impl<T, R> Unpin for Detach<T, R> where R: FnOnce(Pin<Box<dyn Future<Output = T> + Send>>) {}

impl<T, R> Future for Detach<T, R>
where
    R: FnOnce(Pin<Box<dyn Future<Output = T> + Send>>),
{
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        // Out while it runs, so that one which panics is dropped and never polled again.
        let mut work = self.work.take().expect("a future is not polled after its end");
        let poll = work.as_mut().poll(cx);
        if poll.is_pending() {
            self.work = Some(work);
        }
        poll
    }
}

impl<T, R> Drop for Detach<T, R>
where
    R: FnOnce(Pin<Box<dyn Future<Output = T> + Send>>),
{
    fn drop(&mut self) {
        if let (Some(work), Some(rescue)) = (self.work.take(), self.rescue.take()) {
            rescue(work);
        }
    }
}
