//! What brings an answer down: upstream bytes in, client bytes out, metering as they pass.
//!
//! The server pushes what it reads, writes out what was appended, and ends with `finish`. The end of the answer is kept
//! back until then, since it has to wait for the journal's commit.

use bytes::{Bytes, BytesMut};

use crate::anthropic::meter::Meter;
use crate::anthropic::stream::{MessagesStream, MessagesWhole};
use crate::conversation::usage::Usage;
use crate::failure::Failure;

/// Carries one answer down.
#[derive(Debug)]
#[must_use = "an answer has to be finished, or its usage is lost"]
pub struct Relay(Kind);

#[derive(Debug)]
enum Kind {
    MessagesStream(Box<MessagesStream>),
    MessagesWhole(Box<MessagesWhole>),
}

/// How the upstream's body ended.
#[derive(Debug)]
pub enum UpstreamEnd {
    /// As HTTP says it should: the last chunk came. Whether the answer is whole, the relay knows.
    Eof,
    /// The connection broke, or a deadline passed.
    Failed(Failure),
}

/// Whose figures a usage is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Basis {
    /// The upstream's own report.
    Reported,
    /// Our upper estimate of what was seen.
    Estimated,
}

/// How an answer ended.
#[derive(Clone, Debug, PartialEq)]
pub struct Ending {
    /// What was consumed.
    pub usage: Usage,
    /// Whose figures these are.
    pub basis: Basis,
    /// Why the model stopped.
    pub stop_reason: Option<String>,
    /// What went wrong upstream. For a stream the client has been told, by an `error` event. For an answer in one piece
    /// nothing was appended: the status line has not gone out, so the server renders the failure with its own status.
    pub failure: Option<Failure>,
    /// The model that the answer names.
    pub served_model: Option<String>,
}

impl Relay {
    pub(crate) fn messages_stream(meter: Meter) -> Relay {
        Relay(Kind::MessagesStream(Box::new(MessagesStream::new(meter))))
    }

    pub(crate) fn messages_whole(meter: Meter) -> Relay {
        Relay(Kind::MessagesWhole(Box::new(MessagesWhole::new(meter))))
    }

    /// Takes what was read and appends what the client shall receive: whole events only, and never the one that ends the
    /// answer.
    pub fn push(&mut self, chunk: Bytes, out: &mut BytesMut) {
        match &mut self.0 {
            Kind::MessagesStream(stream) => stream.push(chunk, out),
            Kind::MessagesWhole(whole) => whole.push(&chunk),
        }
    }

    /// Whether nothing more will be taken from upstream: the last event came, or a failure.
    #[must_use]
    pub fn is_over(&self) -> bool {
        match &self.0 {
            Kind::MessagesStream(stream) => stream.is_over(),
            Kind::MessagesWhole(_) => false,
        }
    }

    /// What went wrong so far. As long as nothing was sent to the client, the call can still be tried elsewhere.
    #[must_use]
    pub fn failure(&self) -> Option<&Failure> {
        match &self.0 {
            Kind::MessagesStream(stream) => stream.failure(),
            Kind::MessagesWhole(_) => None,
        }
    }

    /// What was consumed so far; an upper estimate of the output where nothing was reported yet.
    #[must_use]
    pub fn seen(&self) -> &Usage {
        match &self.0 {
            Kind::MessagesStream(stream) => stream.seen(),
            Kind::MessagesWhole(whole) => whole.seen(),
        }
    }

    /// Appends the answer's end: the last event or the whole body, or the dialect's error event.
    pub fn finish(self, end: UpstreamEnd, out: &mut BytesMut) -> Ending {
        match self.0 {
            Kind::MessagesStream(stream) => stream.finish(end, out),
            Kind::MessagesWhole(whole) => whole.finish(end, out),
        }
    }

    /// What to send when nothing has been sent for a while; empty where the dialect has no such thing.
    #[must_use]
    pub fn keep_alive(&self) -> &'static [u8] {
        match &self.0 {
            Kind::MessagesStream(_) => b"event: ping\ndata: {\"type\": \"ping\"}\n\n",
            Kind::MessagesWhole(_) => b"",
        }
    }

    /// The `content-type` of the answer.
    #[must_use]
    pub fn content_type(&self) -> &'static str {
        match &self.0 {
            Kind::MessagesStream(_) => "text/event-stream",
            Kind::MessagesWhole(_) => "application/json",
        }
    }
}
