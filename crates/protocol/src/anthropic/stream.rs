//! InvokeModel's answers on their way to a Messages client.
//!
//! A stream is re-framed, not rebuilt: each chunk holds one of Anthropic's own events, whose bytes go on as they came. Only
//! what metering needs is read, and `amazon-bedrock-invocationMetrics` is taken out of the last event.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::{Bytes, BytesMut};

use crate::conversation::usage::Usage;
use crate::failure::{Failure, FailureClass, from_exception};
use crate::framing::eventstream::{Decoder, Frame, FrameKind};
use crate::framing::sse;
use crate::json::{self, NotJson, Scanner};
use crate::problem::Problem;
use crate::relay::{Carrier, Ending, UpstreamEnd};

use super::error;
use super::meter::Meter;

/// A stream of events from InvokeModelWithResponseStream.
#[derive(Debug)]
pub(crate) struct MessagesStream {
    decoder: Decoder,
    meter: Meter,
    /// The event that is decoded at the moment; kept for its space.
    event: Vec<u8>,
    /// The last event, kept back until the journal has the call.
    last: Option<Vec<u8>>,
    failure: Option<Failure>,
}

impl MessagesStream {
    pub(crate) fn new(meter: Meter) -> MessagesStream {
        MessagesStream { decoder: Decoder::default(), meter, event: Vec::new(), last: None, failure: None }
    }

    fn frame(&mut self, frame: &Frame, out: &mut BytesMut) {
        match frame.kind() {
            FrameKind::Event("chunk") => self.chunk(frame.payload(), out),
            // An event that is newer than this code carries nothing that a Messages client could read.
            FrameKind::Event(_) | FrameKind::Unknown => {}
            FrameKind::Exception(name) => self.failure = Some(from_exception(name, frame.payload())),
            FrameKind::Error { code, message } => {
                let said = format!("{{\"message\":{}}}", json::quoted(message));
                self.failure = Some(from_exception(code, said.as_bytes()));
            }
        }
    }

    fn chunk(&mut self, payload: &[u8], out: &mut BytesMut) {
        let mut event = std::mem::take(&mut self.event);
        event.clear();
        let decoded =
            encoded_event(payload).is_some_and(|text| STANDARD.decode_vec(text, &mut event).is_ok());
        match decoded.then(|| event_type(&event)).flatten() {
            Some(kind) if sse::is_name(&kind) => self.event(&kind, &event, out),
            Some(_) | None => self.failure = Some(Failure::broken_off("a chunk holds no event")),
        }
        self.event = event;
    }

    fn event(&mut self, kind: &str, event: &[u8], out: &mut BytesMut) {
        match kind {
            "content_block_delta" => self.meter.delta(event),
            "content_block_start" => self.meter.block_start(event),
            "message_start" => self.meter.message_start(event),
            "message_delta" => self.meter.message_delta(event),
            "message_stop" => {
                self.last = Some(self.meter.message_stop(event));
                return;
            }
            "error" => {
                self.failure = Some(told_failure(event));
                return;
            }
            _ => {}
        }
        sse::write(kind, event, out);
    }
}

impl Carrier for MessagesStream {
    fn push(&mut self, chunk: Bytes, out: &mut BytesMut) {
        self.decoder.push(chunk);
        while !self.is_over() {
            match self.decoder.next_frame() {
                Ok(Some(frame)) => self.frame(&frame, out),
                Ok(None) => break,
                Err(error) => self.failure = Some(Failure::broken_off(error.to_string())),
            }
        }
    }

    fn is_over(&self) -> bool {
        self.last.is_some() || self.failure.is_some()
    }

    fn failure(&self) -> Option<&Failure> {
        self.failure.as_ref()
    }

    fn seen(&self) -> &Usage {
        self.meter.usage()
    }

    fn finish(mut self: Box<Self>, end: UpstreamEnd, out: &mut BytesMut) -> Ending {
        if self.last.is_none() && self.failure.is_none() {
            self.failure = Some(match end {
                UpstreamEnd::Failed(failure) => failure,
                UpstreamEnd::Eof => Failure::broken_off("the stream ended before message_stop"),
            });
        }
        match (&self.last, &self.failure) {
            (Some(last), _) => sse::write("message_stop", last, out),
            (None, Some(failure)) => error::event(&Problem::from(failure), out),
            (None, None) => {}
        }
        self.meter.end(self.failure)
    }
}

/// The base64 in `{"bytes": "…", "p": "…"}`.
pub(crate) fn encoded_event(payload: &[u8]) -> Option<&[u8]> {
    // As Bedrock writes it; anything else is read with care.
    if let Some(rest) = payload.strip_prefix(br#"{"bytes":""#) {
        let end = memchr::memchr2(b'"', b'\\', rest)?;
        if rest.get(end) == Some(&b'"') {
            return rest.get(..end);
        }
    }
    let mut found = None;
    let mut scanner = Scanner::new(payload);
    scanner
        .members(|scanner, name, _| {
            let value = scanner.value()?;
            if name == "bytes" {
                found = Some(value);
            }
            Ok::<(), NotJson>(())
        })
        .ok()?;
    payload.get(found?)?.strip_prefix(b"\"")?.strip_suffix(b"\"")
}

/// The event's `type`.
pub(crate) fn event_type(event: &[u8]) -> Option<Cow<'_, str>> {
    if let Some(rest) = event.strip_prefix(br#"{"type":""#) {
        let end = memchr::memchr2(b'"', b'\\', rest)?;
        if rest.get(end) == Some(&b'"') {
            return std::str::from_utf8(rest.get(..end)?).ok().map(Cow::Borrowed);
        }
    }
    let mut kind = None;
    let mut scanner = Scanner::new(event);
    scanner
        .members(|scanner, name, _| {
            let value = scanner.value()?;
            if name == "type" {
                kind = scanner.text(&value);
            }
            Ok::<(), NotJson>(())
        })
        .ok()?;
    kind
}

/// An `error` event of the model's own.
pub(super) fn told_failure(event: &[u8]) -> Failure {
    let class = match super::meter::error_type(event).as_deref() {
        Some("overloaded_error") => FailureClass::Overloaded,
        Some("rate_limit_error") => FailureClass::Throttled,
        Some("timeout_error") => FailureClass::TimedOut,
        Some("invalid_request_error") => FailureClass::Rejected,
        _ => FailureClass::Unavailable,
    };
    Failure::local(class, "ErrorEvent", String::from_utf8_lossy(event))
}

/// An answer in one piece, from InvokeModel.
#[derive(Debug)]
pub(crate) struct MessagesWhole {
    body: BytesMut,
    meter: Meter,
}

impl MessagesWhole {
    pub(crate) fn new(meter: Meter) -> MessagesWhole {
        MessagesWhole { body: BytesMut::new(), meter }
    }
}

impl Carrier for MessagesWhole {
    fn headers(&mut self, headers: &[(&str, &str)]) {
        self.meter.headers(headers);
    }

    fn push(&mut self, chunk: Bytes, _out: &mut BytesMut) {
        self.body.extend_from_slice(&chunk);
        self.meter.part(chunk.len());
    }

    fn seen(&self) -> &Usage {
        self.meter.usage()
    }

    fn finish(mut self: Box<Self>, end: UpstreamEnd, out: &mut BytesMut) -> Ending {
        let failure = match end {
            UpstreamEnd::Failed(failure) => Some(failure),
            UpstreamEnd::Eof => match self.meter.message(&self.body) {
                Ok(()) => None,
                Err(error) => Some(Failure::broken_off(format!("the answer is no message: {error}"))),
            },
        };
        if failure.is_none() {
            out.extend_from_slice(&self.body);
        }
        self.meter.end(failure)
    }
}
