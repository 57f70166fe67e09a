//! Converse's answers on their way to a client of Converse: as they come, metered, the end kept back.

use bytes::{Bytes, BytesMut};

use crate::conversation::CacheLifetime;
use crate::conversation::meter::Meter;
use crate::conversation::usage::Usage;
use crate::failure::Failure;
use crate::framing::eventstream::{Decoder, Frame, FrameKind};
use crate::json::lenient;
use crate::relay::{Carrier, Ending, UpstreamEnd};

use super::answer::{MessageStop, Metadata, Trace, Whole};
use super::error;
use super::reader::frame_failure;

/// A stream of events from ConverseStream.
#[derive(Debug)]
pub(super) struct PassedStream {
    decoder: Decoder,
    meter: Meter,
    lifetime: CacheLifetime,
    /// `messageStop` and what comes after it, kept back until the journal has the call.
    last: Vec<Frame>,
    has_stopped: bool,
    has_metadata: bool,
    failure: Option<Failure>,
}

impl PassedStream {
    pub(super) fn new(meter: Meter, lifetime: CacheLifetime) -> PassedStream {
        PassedStream {
            decoder: Decoder::default(),
            meter,
            lifetime,
            last: Vec::new(),
            has_stopped: false,
            has_metadata: false,
            failure: None,
        }
    }

    fn frame(&mut self, frame: Frame, out: &mut BytesMut) {
        if let Some(failure) = frame_failure(&frame) {
            // What comes after the model's last word changes nothing of it.
            if !self.has_stopped {
                self.failure = Some(failure);
            }
            return;
        }
        match frame.kind() {
            FrameKind::Event("contentBlockDelta" | "contentBlockStart") => {
                self.meter.passed(frame.payload().len());
            }
            FrameKind::Event("messageStop") => {
                self.has_stopped = true;
                if let Ok(stop) = serde_json::from_slice::<MessageStop>(frame.payload()) {
                    self.meter.stop(&stop.stop_reason);
                }
            }
            FrameKind::Event("metadata") => {
                self.has_metadata = true;
                if let Ok(metadata) = serde_json::from_slice::<Metadata>(frame.payload()) {
                    if let Some(usage) = metadata.usage {
                        self.meter.report(usage.usage(self.lifetime));
                    }
                    if let Some(model) = metadata.trace.and_then(Trace::model) {
                        self.meter.served_by(&model);
                    }
                }
            }
            FrameKind::Event(_) | FrameKind::Unknown | FrameKind::Exception(_) | FrameKind::Error { .. } => {}
        }
        if self.has_stopped {
            self.last.push(frame);
        } else if let Err(error) = frame.encode(out) {
            self.failure = Some(Failure::broken_off(error.to_string()));
        }
    }
}

impl Carrier for PassedStream {
    fn push(&mut self, chunk: Bytes, out: &mut BytesMut) {
        self.decoder.push(chunk);
        while !self.is_over() {
            match self.decoder.next_frame() {
                Ok(Some(frame)) => self.frame(frame, out),
                Ok(None) => break,
                Err(error) => self.failure = Some(Failure::broken_off(error.to_string())),
            }
        }
    }

    fn is_over(&self) -> bool {
        (self.has_stopped && self.has_metadata) || self.failure.is_some()
    }

    fn failure(&self) -> Option<&Failure> {
        self.failure.as_ref()
    }

    fn seen(&self) -> &Usage {
        self.meter.usage()
    }

    fn finish(mut self: Box<Self>, end: UpstreamEnd, out: &mut BytesMut) -> Ending {
        if !self.has_stopped && self.failure.is_none() {
            self.failure = Some(match end {
                UpstreamEnd::Failed(failure) => failure,
                UpstreamEnd::Eof => Failure::broken_off("the stream ended before messageStop"),
            });
        }
        if self.has_stopped {
            self.failure = None;
            self.last.iter().for_each(|frame| frame.append(out));
        } else if let Some(failure) = &self.failure {
            let mut event = Vec::new();
            error::broken(failure, &mut event);
            out.extend_from_slice(&event);
        }
        self.meter.end(self.failure)
    }
}

/// An answer in one piece.
#[derive(Debug)]
pub(super) struct PassedWhole {
    body: BytesMut,
    meter: Meter,
    lifetime: CacheLifetime,
}

impl PassedWhole {
    pub(super) fn new(meter: Meter, lifetime: CacheLifetime) -> PassedWhole {
        PassedWhole { body: BytesMut::new(), meter, lifetime }
    }
}

impl Carrier for PassedWhole {
    fn push(&mut self, chunk: Bytes, _out: &mut BytesMut) {
        self.body.extend_from_slice(&chunk);
        self.meter.passed(chunk.len());
    }

    fn seen(&self) -> &Usage {
        self.meter.usage()
    }

    fn finish(mut self: Box<Self>, end: UpstreamEnd, out: &mut BytesMut) -> Ending {
        let failure = match (end, lenient::<Whole>(&self.body)) {
            (UpstreamEnd::Failed(failure), _) => Some(failure),
            (UpstreamEnd::Eof, Ok(whole)) => {
                if let Some(usage) = whole.usage {
                    self.meter.report(usage.usage(self.lifetime));
                }
                if let Some(model) = whole.trace.and_then(Trace::model) {
                    self.meter.served_by(&model);
                }
                self.meter.stop(&whole.stop_reason);
                out.extend_from_slice(&self.body);
                None
            }
            (UpstreamEnd::Eof, Err(error)) => {
                Some(Failure::broken_off(format!("the answer is no message: {error}")))
            }
        };
        self.meter.end(failure)
    }
}
