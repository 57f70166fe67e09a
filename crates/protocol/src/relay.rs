//! What brings an answer down: upstream bytes in, client bytes out, metering as they pass.
//!
//! The server pushes what it reads, writes out what was appended, and ends with `finish`. The end of the answer is kept
//! back until then, since it has to wait for the journal's commit.

use std::fmt;

use bytes::{Bytes, BytesMut};

use crate::conversation::event::Event;
use crate::conversation::meter::Meter;
use crate::conversation::usage::Usage;
use crate::failure::Failure;

/// Carries one answer down.
#[derive(Debug)]
#[must_use = "an answer has to be finished, or its usage is lost"]
pub struct Relay(Box<dyn Carrier>);

/// One way down: pass-through of a dialect, or translation.
pub(crate) trait Carrier: fmt::Debug + Send {
    /// Takes the headers of the answer, names in lower case. Only some APIs say in them what was consumed.
    fn headers(&mut self, _headers: &[(&str, &str)]) {}

    /// Takes what was read and appends what the client shall receive: whole events only, never the one that ends the
    /// answer.
    fn push(&mut self, chunk: Bytes, out: &mut BytesMut);

    /// Whether nothing more will be taken from upstream. An answer in one piece takes all there is.
    fn is_over(&self) -> bool {
        false
    }

    /// What went wrong so far. Of an answer in one piece its end tells.
    fn failure(&self) -> Option<&Failure> {
        None
    }

    /// What was consumed so far, estimated from above where it was not reported.
    fn seen(&self) -> &Usage;

    /// Appends the answer's end.
    fn finish(self: Box<Self>, end: UpstreamEnd, out: &mut BytesMut) -> Ending;
}

/// Reads an upstream's answer, streamed or whole, as events.
pub trait Reader: fmt::Debug + Send {
    /// Takes what was read and appends the events that are complete. A reader of whole answers keeps it all for `finish`.
    fn push(&mut self, chunk: Bytes, events: &mut Vec<Event>);

    /// Whether nothing more will be taken from upstream: the last event came, or a failure. An answer in one piece takes all
    /// there is.
    fn is_over(&self) -> bool {
        false
    }

    /// What went wrong so far. Of an answer in one piece its end tells.
    fn failure(&self) -> Option<&Failure> {
        None
    }

    /// Appends the events that are left, and says what went wrong: an answer that ended before its own end is a failure.
    fn finish(self: Box<Self>, end: UpstreamEnd, events: &mut Vec<Event>) -> Option<Failure>;
}

/// Writes an answer for a client, streamed or whole.
pub trait Writer: fmt::Debug + Send {
    /// Takes one event and appends what the client shall receive of it; never what ends the answer.
    fn write(&mut self, event: Event, out: &mut BytesMut);

    /// Appends the end: the last events or the whole body. On a failure a stream gets the dialect's error event, and a
    /// whole answer gets nothing, since the server renders the failure with a status of its own.
    fn finish(self: Box<Self>, usage: &Usage, failure: Option<&Failure>, out: &mut BytesMut);
}

/// Translation: an upstream's reader, a client's writer, and a meter between them.
#[derive(Debug)]
struct Translation {
    reader: Box<dyn Reader>,
    writer: Box<dyn Writer>,
    meter: Meter,
    /// Empty between calls; kept for its space.
    events: Vec<Event>,
}

impl Translation {
    fn pass(&mut self, out: &mut BytesMut) {
        for event in self.events.drain(..) {
            self.meter.see(&event);
            self.writer.write(event, out);
        }
    }
}

impl Carrier for Translation {
    fn push(&mut self, chunk: Bytes, out: &mut BytesMut) {
        self.reader.push(chunk, &mut self.events);
        self.pass(out);
    }

    fn is_over(&self) -> bool {
        self.reader.is_over()
    }

    fn failure(&self) -> Option<&Failure> {
        self.reader.failure()
    }

    fn seen(&self) -> &Usage {
        self.meter.usage()
    }

    fn finish(mut self: Box<Self>, end: UpstreamEnd, out: &mut BytesMut) -> Ending {
        let mut last = Vec::new();
        let Translation { reader, .. } = *self;
        let failure = reader.finish(end, &mut last);
        for event in last {
            self.meter.see(&event);
            self.writer.write(event, out);
        }
        let ending = self.meter.end(failure);
        self.writer.finish(&ending.usage, ending.failure.as_ref(), out);
        ending
    }
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
    pub(crate) fn new(carrier: impl Carrier + 'static) -> Relay {
        Relay(Box::new(carrier))
    }

    pub(crate) fn translated(reader: Box<dyn Reader>, writer: Box<dyn Writer>, meter: Meter) -> Relay {
        Relay::new(Translation { reader, writer, meter, events: Vec::new() })
    }

    /// Takes the headers of the answer, names in lower case; before the first push. Without them nothing fails: what was
    /// consumed is then estimated where the body does not tell.
    pub fn headers(&mut self, headers: &[(&str, &str)]) {
        self.0.headers(headers);
    }

    /// Takes what was read and appends what the client shall receive: whole events only, and never the one that ends the
    /// answer.
    pub fn push(&mut self, chunk: Bytes, out: &mut BytesMut) {
        self.0.push(chunk, out);
    }

    /// Whether nothing more will be taken from upstream: the last event came, or a failure.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.0.is_over()
    }

    /// What went wrong so far. As long as nothing was sent to the client, the call can still be tried elsewhere.
    #[must_use]
    pub fn failure(&self) -> Option<&Failure> {
        self.0.failure()
    }

    /// What was consumed so far; an upper estimate of the output where nothing was reported yet.
    #[must_use]
    pub fn seen(&self) -> &Usage {
        self.0.seen()
    }

    /// Appends the answer's end: the last event or the whole body, or the dialect's error event.
    pub fn finish(self, end: UpstreamEnd, out: &mut BytesMut) -> Ending {
        self.0.finish(end, out)
    }
}
