//! Answers of Bedrock's Responses on their way to a client of the same dialect.
//!
//! Events are re-framed, not rebuilt: their bytes go on as they came, but for what the response repeats of the request.

use bytes::{Bytes, BytesMut};
use serde::Deserialize;

use crate::carry::Answering;
use crate::conversation::JsonText;
use crate::conversation::meter::Meter;
use crate::conversation::usage::Usage;
use crate::failure::{Failure, from_openai_error};
use crate::framing::sse;
use crate::inbound::Inbound as _;
use crate::json::{NotJson, Scanner, lenient, quoted};
use crate::passthrough::Splice;
use crate::relay::{Carrier, Ending, UpstreamEnd, Writer};

use super::inbound::Inbound;
use super::usage::UsageWire;
use super::writer::ResponseWriter;

/// What a response repeats of the request, as the client said it: names and values.
#[derive(Debug)]
pub(super) struct Repeated(Vec<(&'static str, Vec<u8>)>);

impl Repeated {
    pub(super) fn of(inbound: &Inbound, answering: &Answering) -> Repeated {
        let said = |name: &str, usual: &str| match inbound.find(name) {
            Some(member) => inbound.raw(&member.place.value).to_vec(),
            None => usual.as_bytes().to_vec(),
        };
        Repeated(vec![
            ("model", quoted(inbound.model()).into_bytes()),
            ("max_output_tokens", said("max_output_tokens", "null")),
            ("previous_response_id", said("previous_response_id", "null")),
            ("store", if answering.is_kept { b"true".to_vec() } else { b"false".to_vec() }),
        ])
    }

    /// Edits the response that the scanner stands before.
    fn edit(&self, scanner: &mut Scanner<'_>, splice: &mut Splice<'_>) -> Result<(), NotJson> {
        scanner.members(|scanner, name, _| {
            let value = scanner.value()?;
            if let Some((_, said)) = self.0.iter().find(|(known, _)| *known == name) {
                splice.replace(value, said.clone());
            }
            Ok::<(), NotJson>(())
        })?;
        Ok(())
    }

    fn event(&self, data: &[u8]) -> Vec<u8> {
        let mut splice = Splice::default();
        let mut scanner = Scanner::new(data);
        // The text was read before, so there is no error; were there one, what was edited so far stays.
        let _walked = scanner.members(|scanner, name, _| {
            if name == "response" && scanner.peek() == Some(b'{') {
                return self.edit(scanner, &mut splice);
            }
            scanner.value().map(|_| ())
        });
        splice.apply(data)
    }
}

/// One event, as far as the gateway looks.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct EventWire {
    pub(super) r#type: String,
    sequence_number: Option<u64>,
    delta: Option<JsonText>,
    code: Option<String>,
    message: Option<String>,
    pub(super) response: Option<ResponseWire>,
}

impl EventWire {
    /// What an `error` event tells of, whichever of its two forms it has.
    pub(super) fn error(&self, data: &str) -> Failure {
        match (&self.code, &self.message) {
            (Some(code), Some(message)) => {
                let (code, message) = (quoted(code), quoted(message));
                let nested = format!(r#"{{"error":{{"code":{code},"message":{message}}}}}"#);
                from_openai_error(nested.as_bytes())
            }
            (_, _) => from_openai_error(data.as_bytes()),
        }
    }
}

/// A response, as far as the gateway looks.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ResponseWire {
    pub(super) id: Option<String>,
    pub(super) model: Option<String>,
    pub(super) status: Option<String>,
    pub(super) error: Option<JsonText>,
    pub(super) incomplete_details: Option<Incomplete>,
    pub(super) usage: Option<UsageWire>,
}

/// Why a response is not whole.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Incomplete {
    pub(super) reason: Option<String>,
}

impl ResponseWire {
    /// What went wrong, where something did.
    pub(super) fn failure(&self) -> Option<Failure> {
        match (self.status.as_deref(), &self.error) {
            (Some("failed" | "cancelled"), Some(error)) if error.as_str() != "null" => {
                Some(from_openai_error(format!("{{\"error\":{}}}", error.as_str()).as_bytes()))
            }
            (Some("failed" | "cancelled"), _) => Some(Failure::broken_off("the response failed")),
            (Some("completed" | "incomplete"), _) => None,
            (Some(_) | None, _) => Some(Failure::broken_off("the response is not at its end")),
        }
    }

    fn meter(&self, meter: &mut Meter) {
        if let Some(model) = &self.model {
            meter.served_by(model);
        }
        if let Some(usage) = self.usage {
            meter.report(Usage::from(usage));
        }
        let reason = self.incomplete_details.as_ref().and_then(|details| details.reason.as_deref());
        match (self.status.as_deref(), reason) {
            (Some("completed"), _) => meter.stop("end_turn"),
            (Some("incomplete"), Some("content_filter")) => meter.stop("refusal"),
            (Some("incomplete"), _) => meter.stop("max_tokens"),
            _ => {}
        }
    }
}

/// A stream of events.
#[derive(Debug)]
pub(super) struct Events {
    repeated: Repeated,
    meter: Meter,
    parser: sse::Parser,
    /// Writes the end where upstream gave none.
    failing: ResponseWriter,
    /// The last event, kept back until the journal has the call.
    tail: BytesMut,
    is_done: bool,
    failure: Option<Failure>,
}

impl Events {
    pub(super) fn new(repeated: Repeated, meter: Meter, failing: ResponseWriter) -> Events {
        Events {
            repeated,
            meter,
            parser: sse::Parser::default(),
            failing,
            tail: BytesMut::new(),
            is_done: false,
            failure: None,
        }
    }

    fn event(&mut self, data: &str, out: &mut BytesMut) {
        if data.trim() == "[DONE]" {
            return;
        }
        let event: EventWire = match lenient(data.as_bytes()) {
            Ok(event) => event,
            Err(error) => {
                self.failure = Some(Failure::broken_off(format!("an event cannot be read: {error}")));
                return;
            }
        };
        if !event.r#type.is_empty() && !sse::is_name(&event.r#type) {
            self.failure = Some(Failure::broken_off("an event has a type that is no name"));
            return;
        }
        if let Some(delta) = &event.delta {
            self.meter.passed(delta.as_str().len());
        }
        let is_end = matches!(event.r#type.as_str(), "response.completed" | "response.incomplete");
        if let Some(response) = &event.response {
            response.meter(&mut self.meter);
            if event.r#type == "response.failed" || is_end {
                self.failure = response.failure();
            }
        } else if matches!(event.r#type.as_str(), "" | "error") {
            self.failure = Some(event.error(data));
        } else if is_end || event.r#type == "response.failed" {
            self.failure = Some(Failure::broken_off("the last event has no response"));
        }
        if self.failure.is_some() {
            return;
        }
        let id = event.response.and_then(|response| response.id);
        self.failing.follow(event.sequence_number, id);
        let edited = self.repeated.event(data.as_bytes());
        self.is_done = is_end;
        sse::write(&event.r#type, &edited, if is_end { &mut self.tail } else { out });
    }
}

impl Carrier for Events {
    fn push(&mut self, chunk: Bytes, out: &mut BytesMut) {
        self.parser.push(&chunk);
        while !self.is_over() {
            match self.parser.next_event() {
                Ok(Some(event)) => self.event(&event.data, out),
                Ok(None) => break,
                Err(error) => self.failure = Some(Failure::broken_off(error.to_string())),
            }
        }
    }

    fn is_over(&self) -> bool {
        self.is_done || self.failure.is_some()
    }

    fn failure(&self) -> Option<&Failure> {
        self.failure.as_ref()
    }

    fn seen(&self) -> &Usage {
        self.meter.usage()
    }

    fn finish(mut self: Box<Self>, end: UpstreamEnd, out: &mut BytesMut) -> Ending {
        if !self.is_over() {
            self.failure = Some(match end {
                UpstreamEnd::Failed(failure) => failure,
                UpstreamEnd::Eof => Failure::broken_off("the stream ended before the response was complete"),
            });
        }
        let Events { failing, tail, failure, meter, .. } = *self;
        match &failure {
            None => out.extend_from_slice(&tail),
            Some(failure) => Box::new(failing).finish(meter.usage(), Some(failure), out),
        }
        meter.end(failure)
    }
}

/// An answer in one piece.
#[derive(Debug)]
pub(super) struct Response {
    repeated: Repeated,
    meter: Meter,
    body: BytesMut,
}

impl Response {
    pub(super) fn new(repeated: Repeated, meter: Meter) -> Response {
        Response { repeated, meter, body: BytesMut::new() }
    }

    fn response(&mut self, out: &mut BytesMut) -> Result<(), Failure> {
        let response: ResponseWire = lenient(&self.body)
            .map_err(|error| Failure::broken_off(format!("the answer is no response: {error}")))?;
        response.meter(&mut self.meter);
        if response.status.is_none() && response.error.is_some() {
            return Err(from_openai_error(&self.body));
        }
        if let Some(failure) = response.failure() {
            return Err(failure);
        }
        let mut splice = Splice::default();
        self.repeated
            .edit(&mut Scanner::new(&self.body), &mut splice)
            .map_err(|error| Failure::broken_off(error.why))?;
        out.extend_from_slice(&splice.apply(&self.body));
        Ok(())
    }
}

impl Carrier for Response {
    fn push(&mut self, chunk: Bytes, _out: &mut BytesMut) {
        self.body.extend_from_slice(&chunk);
        self.meter.passed(chunk.len());
    }

    fn seen(&self) -> &Usage {
        self.meter.usage()
    }

    fn finish(mut self: Box<Self>, end: UpstreamEnd, out: &mut BytesMut) -> Ending {
        let failure = match end {
            UpstreamEnd::Failed(failure) => Some(failure),
            UpstreamEnd::Eof => self.response(out).err(),
        };
        self.meter.end(failure)
    }
}
