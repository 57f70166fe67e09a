//! An answer in one piece: read to its end for the client, or for the account alone once the client has left.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::BytesMut;

use crate::app::App;
use crate::call::drain;
use crate::call::flow::{Audience, Finished, Flow, Stop};

/// Reads a whole answer. Dropped before its end, it leaves the rest to [`App::rescue`].
pub(crate) struct Collect {
    app: Arc<App>,
    flow: Option<Box<Flow>>,
    out: BytesMut,
}

impl Collect {
    pub(crate) fn new(app: Arc<App>, flow: Box<Flow>) -> Self {
        Collect { app, flow: Some(flow), out: BytesMut::new() }
    }
}

impl Future for Collect {
    /// How it ended, and the body, which may be shown once its record is durable.
    type Output = (Finished, BytesMut);

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Collect { flow, out, .. } = &mut *self;
        let reading = flow.as_mut().expect("a future is not polled after its end");
        let end = loop {
            if let Stop::End(end) = ready!(reading.poll_read(cx, out)) {
                break end;
            }
        };
        let mut body = std::mem::take(out);
        let flow = flow.take().expect("it was there a moment ago");
        let finished = flow.finish(end, Audience::Client, &mut body);
        Poll::Ready((finished, body))
    }
}

impl Drop for Collect {
    fn drop(&mut self) {
        if let Some(flow) = self.flow.take() {
            let app = Arc::clone(&self.app);
            self.app.rescue(drain(app, flow));
        }
    }
}
