//! InvokeModel's answers on their way to a client of InvokeModel: as they come, metered, the end kept back.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::{Bytes, BytesMut};
use serde::Deserialize;

use crate::anthropic::meter::Meter as MessagesMeter;
use crate::anthropic::stream::{encoded_event, event_type};
use crate::conversation::meter::Meter;
use crate::conversation::usage::Usage;
use crate::converse::error;
use crate::failure::{Failure, from_exception};
use crate::framing::eventstream::{Decoder, Frame, FrameKind};
use crate::json;
use crate::relay::{Carrier, Ending, UpstreamEnd};

/// Reads from the events of a model what they consumed.
pub(super) trait Reads: fmt::Debug + Send {
    /// Takes an event; true for the one that ends the answer.
    fn event(&mut self, event: &[u8]) -> bool;
    /// Whether an answer without such an event is whole.
    fn may_end_anywhere(&self) -> bool;
    fn usage(&self) -> &Usage;
    fn end(self, failure: Option<Failure>) -> Ending;
}

impl Reads for MessagesMeter {
    fn event(&mut self, event: &[u8]) -> bool {
        match event_type(event).as_deref() {
            Some("content_block_delta") => self.delta(event),
            Some("content_block_start") => self.block_start(event),
            Some("message_start") => self.message_start(event),
            Some("message_delta") => self.message_delta(event),
            Some("message_stop") => {
                let _without_metrics = self.message_stop(event);
                return true;
            }
            Some(_) | None => {}
        }
        false
    }

    fn may_end_anywhere(&self) -> bool {
        false
    }

    fn usage(&self) -> &Usage {
        MessagesMeter::usage(self)
    }

    fn end(self, failure: Option<Failure>) -> Ending {
        MessagesMeter::end(self, failure)
    }
}

impl Reads for Meter {
    fn event(&mut self, event: &[u8]) -> bool {
        let metrics = serde_json::from_slice::<WithMetrics>(event).ok().and_then(|wire| wire.metrics);
        match metrics {
            Some(metrics) => {
                self.report(Usage {
                    input_tokens: metrics.input,
                    output_tokens: metrics.output,
                    cache_read_tokens: metrics.cache_read,
                    cache_write_5m_tokens: metrics.cache_write,
                    ..Usage::default()
                });
                true
            }
            None => {
                self.passed(event.len());
                false
            }
        }
    }

    /// Families end their streams each in its own way.
    fn may_end_anywhere(&self) -> bool {
        true
    }

    fn usage(&self) -> &Usage {
        Meter::usage(self)
    }

    fn end(self, failure: Option<Failure>) -> Ending {
        Meter::end(self, failure)
    }
}

#[derive(Deserialize)]
struct WithMetrics {
    #[serde(rename = "amazon-bedrock-invocationMetrics")]
    metrics: Option<Metrics>,
}

#[derive(Deserialize)]
struct Metrics {
    #[serde(rename = "inputTokenCount", default)]
    input: u64,
    #[serde(rename = "outputTokenCount", default)]
    output: u64,
    #[serde(rename = "cacheReadInputTokenCount", default)]
    cache_read: u64,
    #[serde(rename = "cacheWriteInputTokenCount", default)]
    cache_write: u64,
}

/// A stream of frames from InvokeModelWithResponseStream.
#[derive(Debug)]
pub(super) struct NativeStream<M> {
    decoder: Decoder,
    meter: M,
    /// The event that is decoded at the moment; kept for its space.
    event: Vec<u8>,
    /// The last frame, kept back until the journal has the call.
    last: Option<Frame>,
    failure: Option<Failure>,
}

impl<M: Reads> NativeStream<M> {
    pub(super) fn new(meter: M) -> NativeStream<M> {
        NativeStream { decoder: Decoder::default(), meter, event: Vec::new(), last: None, failure: None }
    }

    fn frame(&mut self, frame: Frame, out: &mut BytesMut) {
        let is_last = match frame.kind() {
            FrameKind::Event("chunk") => {
                self.event.clear();
                let encoded = encoded_event(frame.payload());
                if encoded.is_none_or(|text| STANDARD.decode_vec(text, &mut self.event).is_err()) {
                    self.failure = Some(Failure::broken_off("a chunk holds no event"));
                    return;
                }
                self.meter.event(&self.event)
            }
            // An event that is newer than this code goes on as it came.
            FrameKind::Event(_) | FrameKind::Unknown => false,
            FrameKind::Exception(name) => {
                self.failure = Some(from_exception(name, frame.payload()));
                return;
            }
            FrameKind::Error { code, message } => {
                let said = format!("{{\"message\":{}}}", json::quoted(message));
                self.failure = Some(from_exception(code, said.as_bytes()));
                return;
            }
        };
        if is_last {
            self.last = Some(frame);
        } else if let Err(error) = frame.encode(out) {
            self.failure = Some(Failure::broken_off(error.to_string()));
        }
    }
}

impl<M: Reads> Carrier for NativeStream<M> {
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
            self.failure = match end {
                UpstreamEnd::Failed(failure) => Some(failure),
                UpstreamEnd::Eof if self.meter.may_end_anywhere() && !self.decoder.is_within_frame() => None,
                UpstreamEnd::Eof => Some(Failure::broken_off("the stream ended before its last event")),
            };
        }
        if let Some(failure) = &self.failure {
            let mut event = Vec::new();
            error::broken(failure, &mut event);
            out.extend_from_slice(&event);
        } else if let Some(last) = &self.last {
            last.append(out);
        }
        self.meter.end(self.failure)
    }
}

/// An answer in one piece, of any family.
#[derive(Debug)]
pub(super) struct NativeWhole {
    body: BytesMut,
    meter: Meter,
    /// Whether the model writes text; others have no output tokens.
    writes: bool,
    input_tokens: Option<u64>,
    output_tokens: Option<u64>,
}

impl NativeWhole {
    pub(super) fn new(meter: Meter, writes: bool) -> NativeWhole {
        NativeWhole { body: BytesMut::new(), meter, writes, input_tokens: None, output_tokens: None }
    }
}

impl Carrier for NativeWhole {
    fn headers(&mut self, headers: &[(&str, &str)]) {
        for (name, value) in headers {
            match *name {
                "x-amzn-bedrock-input-token-count" => self.input_tokens = value.parse().ok(),
                "x-amzn-bedrock-output-token-count" => self.output_tokens = value.parse().ok(),
                _ => {}
            }
        }
    }

    fn push(&mut self, chunk: Bytes, _out: &mut BytesMut) {
        self.body.extend_from_slice(&chunk);
        if self.writes {
            self.meter.passed(chunk.len());
        }
    }

    fn seen(&self) -> &Usage {
        self.meter.usage()
    }

    fn finish(mut self: Box<Self>, end: UpstreamEnd, out: &mut BytesMut) -> Ending {
        let failure = match end {
            UpstreamEnd::Failed(failure) => Some(failure),
            UpstreamEnd::Eof => None,
        };
        let output = self.output_tokens.or((!self.writes).then_some(0));
        if let (Some(input_tokens), Some(output_tokens)) = (self.input_tokens, output) {
            self.meter.report(Usage { input_tokens, output_tokens, ..Usage::default() });
        }
        if failure.is_none() {
            out.extend_from_slice(&self.body);
        }
        self.meter.end(failure)
    }
}
