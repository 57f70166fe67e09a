//! A Claude model's answer as events, for clients of any dialect.
//!
//! What only Anthropic's own platform knows (the calls and results of its server tools, compaction …) has no place in a
//! conversation and is passed over; the blocks that stay are counted anew.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::{Bytes, BytesMut};
use serde::Deserialize;

use crate::conversation::{BlockStart, Delta, Event, JsonText, StopReason, ToolNames};
use crate::failure::{Failure, from_exception};
use crate::framing::eventstream::{Decoder, Frame, FrameKind};
use crate::json;
use crate::json::lenient;
use crate::relay::{Reader, UpstreamEnd};

use super::meter::Meter;
use super::stream::{encoded_event, event_type, told_failure};
use super::wire::CitationWire;

/// The events that tell of the answer.
const KNOWN: [&str; 6] = [
    "message_start",
    "content_block_start",
    "content_block_delta",
    "content_block_stop",
    "message_delta",
    "message_stop",
];

/// Turns the model's own events into a conversation's.
#[derive(Debug)]
struct Teller {
    names: ToolNames,
    meter: Meter,
    /// The blocks that are open: the model's index, and what is known of each.
    open: Vec<(u64, OpenBlock)>,
    /// How many blocks were begun.
    begun: usize,
    stop: Option<Stop>,
    is_over: bool,
    failure: Option<Failure>,
}

#[derive(Debug)]
struct OpenBlock {
    index: usize,
    /// A signature is given whole, when the block ends.
    signature: String,
    /// The input that came with the block's beginning, for when no pieces come.
    input: Option<JsonText>,
}

#[derive(Debug)]
struct Stop {
    reason: StopReason,
    sequence: Option<String>,
    explanation: Option<String>,
}

impl Teller {
    fn new(meter: Meter, names: ToolNames) -> Teller {
        Teller { names, meter, open: Vec::new(), begun: 0, stop: None, is_over: false, failure: None }
    }

    /// Takes one of the model's events.
    fn event(&mut self, text: &[u8], events: &mut Vec<Event>) {
        // What is not known is not read either: its members may be of any type.
        let read = match event_type(text).as_deref() {
            Some(kind) if KNOWN.contains(&kind) => lenient::<EventWire>(text).ok(),
            Some("error") => {
                self.failure = Some(told_failure(text));
                return;
            }
            Some(_) => return,
            None => None,
        };
        let Some(event) = read else {
            self.failure = Some(Failure::broken_off("a chunk holds no event"));
            return;
        };
        if event.guardrail_action.as_deref() == Some("INTERVENED") {
            self.stop = Some(Stop { reason: StopReason::Guardrail, sequence: None, explanation: None });
        }
        match event.r#type.as_str() {
            "message_start" => {
                self.meter.message_start(text);
                let (id, model) =
                    event.message.map(|message| (message.id, message.model)).unwrap_or_default();
                events.push(Event::Start { id, model });
                self.report(events);
            }
            "content_block_start" => {
                if let (Some(index), Some(block)) = (event.index, event.content_block) {
                    self.start(index, block, events);
                }
            }
            "content_block_delta" => {
                if let (Some(index), Some(delta)) = (event.index, event.delta) {
                    self.delta(index, delta, events);
                }
            }
            "content_block_stop" => self.end(event.index, events),
            "message_delta" => {
                self.meter.message_delta(text);
                self.report(events);
                if let Some(delta) = event.delta {
                    self.take_stop(delta.stop_reason, delta.stop_sequence, delta.stop_details);
                }
            }
            "message_stop" => {
                self.meter.message_stop(text);
                self.report(events);
                self.stop(events);
            }
            _ => {}
        }
    }

    fn report(&self, events: &mut Vec<Event>) {
        if let Some(usage) = self.meter.reported() {
            events.push(Event::Usage(usage));
        }
    }

    fn start(&mut self, place: u64, block: BlockWire, events: &mut Vec<Event>) {
        let mut delta = None;
        let mut signature = String::new();
        let mut input = None;
        let started = match block.r#type.as_str() {
            "text" => {
                delta = block.text.filter(|text| !text.is_empty()).map(Delta::Text);
                BlockStart::Text
            }
            "thinking" => {
                delta = block.thinking.filter(|text| !text.is_empty()).map(Delta::Thinking);
                signature = block.signature.unwrap_or_default();
                BlockStart::Thinking
            }
            "redacted_thinking" => BlockStart::SealedThinking { data: block.data.unwrap_or_default() },
            "tool_use" => {
                input = block.input.filter(|input| input.is_object() && input.as_str() != "{}");
                let name = self.names.client(&block.name.unwrap_or_default()).to_owned();
                BlockStart::ToolUse { id: block.id.unwrap_or_default(), name }
            }
            _ => return,
        };
        let index = self.begun;
        self.begun += 1;
        self.open.push((place, OpenBlock { index, signature, input }));
        events.push(Event::BlockStart { index, block: started });
        events.extend(delta.map(|delta| Event::Delta { index, delta }));
        for citation in block.citations.unwrap_or_default() {
            events.push(Event::Delta { index, delta: Delta::Citation(Box::new(citation.into())) });
        }
    }

    fn delta(&mut self, place: u64, delta: DeltaWire, events: &mut Vec<Event>) {
        let Some((_, block)) = self.open.iter_mut().find(|(known, _)| *known == place) else {
            return;
        };
        let index = block.index;
        let delta = match delta.r#type.as_deref() {
            Some("text_delta") => delta.text.map(Delta::Text),
            Some("thinking_delta") => delta.thinking.map(Delta::Thinking),
            Some("input_json_delta") => {
                block.input = None;
                delta.partial_json.map(Delta::Input)
            }
            Some("signature_delta") => {
                block.signature.push_str(&delta.signature.unwrap_or_default());
                None
            }
            Some("citations_delta") => {
                delta.citation.map(|citation| Delta::Citation(Box::new(citation.into())))
            }
            _ => None,
        };
        let is_empty = match &delta {
            Some(Delta::Text(text) | Delta::Thinking(text) | Delta::Input(text)) => text.is_empty(),
            Some(Delta::Signature(_) | Delta::Citation(_)) => false,
            None => true,
        };
        if let Some(delta) = delta.filter(|_| !is_empty) {
            events.push(Event::Delta { index, delta });
        }
    }

    fn end(&mut self, place: Option<u64>, events: &mut Vec<Event>) {
        let Some(at) = self.open.iter().position(|(known, _)| Some(*known) == place) else {
            return;
        };
        let (_, OpenBlock { index, signature, input }) = self.open.remove(at);
        if !signature.is_empty() {
            events.push(Event::Delta { index, delta: Delta::Signature(signature) });
        }
        if let Some(input) = input {
            events.push(Event::Delta { index, delta: Delta::Input(input.as_str().to_owned()) });
        }
        events.push(Event::BlockStop { index });
    }

    fn take_stop(
        &mut self,
        reason: Option<String>,
        sequence: Option<String>,
        details: Option<StopDetailsWire>,
    ) {
        let Some(reason) = reason.filter(|_| self.stop.is_none()) else {
            return;
        };
        let explanation = details.and_then(|details| details.explanation.or(details.category));
        self.stop = Some(Stop { reason: stop_reason(reason), sequence, explanation });
    }

    fn stop(&mut self, events: &mut Vec<Event>) {
        while let Some(place) = self.open.first().map(|(place, _)| *place) {
            self.end(Some(place), events);
        }
        self.is_over = true;
        if let Some(Stop { reason, sequence, explanation }) = self.stop.take() {
            events.push(Event::Stop { reason, sequence, explanation });
        }
    }

    /// A whole message, as the events that it is the sum of.
    fn message(&mut self, body: &[u8], events: &mut Vec<Event>) {
        let message = match lenient::<MessageWire>(body) {
            Ok(message) => message,
            Err(error) => {
                self.failure = Some(Failure::broken_off(format!("the answer is no message: {error}")));
                return;
            }
        };
        if message.r#type.as_deref() == Some("error") {
            self.failure = Some(told_failure(body));
            return;
        }
        events.push(Event::Start { id: message.id, model: message.model });
        for (place, block) in (0_u64..).zip(message.content) {
            self.start(place, block, events);
            self.end(Some(place), events);
        }
        if self.meter.message(body).is_ok() {
            self.report(events);
        }
        if message.guardrail_action.as_deref() == Some("INTERVENED") {
            self.stop = Some(Stop { reason: StopReason::Guardrail, sequence: None, explanation: None });
        }
        self.take_stop(message.stop_reason, message.stop_sequence, message.stop_details);
        self.stop(events);
    }
}

/// Reads InvokeModelWithResponseStream.
#[derive(Debug)]
pub(super) struct StreamReader {
    decoder: Decoder,
    teller: Teller,
    /// The event that is decoded at the moment; kept for its space.
    event: Vec<u8>,
}

impl StreamReader {
    pub(super) fn new(meter: Meter, names: ToolNames) -> StreamReader {
        StreamReader { decoder: Decoder::default(), teller: Teller::new(meter, names), event: Vec::new() }
    }

    fn frame(&mut self, frame: &Frame, events: &mut Vec<Event>) {
        match frame.kind() {
            FrameKind::Event("chunk") => self.chunk(frame.payload(), events),
            // An event that is newer than this code carries nothing that could be told.
            FrameKind::Event(_) | FrameKind::Unknown => {}
            FrameKind::Exception(name) => self.teller.failure = Some(from_exception(name, frame.payload())),
            FrameKind::Error { code, message } => {
                let said = format!("{{\"message\":{}}}", json::quoted(message));
                self.teller.failure = Some(from_exception(code, said.as_bytes()));
            }
        }
    }

    fn chunk(&mut self, payload: &[u8], events: &mut Vec<Event>) {
        self.event.clear();
        let decoded =
            encoded_event(payload).is_some_and(|text| STANDARD.decode_vec(text, &mut self.event).is_ok());
        if decoded {
            self.teller.event(&self.event, events);
        } else {
            self.teller.failure = Some(Failure::broken_off("a chunk holds no event"));
        }
    }
}

impl Reader for StreamReader {
    fn push(&mut self, chunk: Bytes, events: &mut Vec<Event>) {
        self.decoder.push(chunk);
        while !self.is_over() {
            match self.decoder.next_frame() {
                Ok(Some(frame)) => self.frame(&frame, events),
                Ok(None) => break,
                Err(error) => self.teller.failure = Some(Failure::broken_off(error.to_string())),
            }
        }
    }

    fn is_over(&self) -> bool {
        self.teller.is_over || self.teller.failure.is_some()
    }

    fn failure(&self) -> Option<&Failure> {
        self.teller.failure.as_ref()
    }

    fn finish(self: Box<Self>, end: UpstreamEnd, _events: &mut Vec<Event>) -> Option<Failure> {
        match end {
            _ if self.is_over() => self.teller.failure,
            UpstreamEnd::Failed(failure) => Some(failure),
            UpstreamEnd::Eof => Some(Failure::broken_off("the stream ended before message_stop")),
        }
    }
}

/// Reads InvokeModel.
#[derive(Debug)]
pub(super) struct WholeReader {
    body: BytesMut,
    teller: Teller,
}

impl WholeReader {
    pub(super) fn new(meter: Meter, names: ToolNames) -> WholeReader {
        WholeReader { body: BytesMut::new(), teller: Teller::new(meter, names) }
    }
}

impl Reader for WholeReader {
    fn push(&mut self, chunk: Bytes, _events: &mut Vec<Event>) {
        self.body.extend_from_slice(&chunk);
    }

    fn finish(mut self: Box<Self>, end: UpstreamEnd, events: &mut Vec<Event>) -> Option<Failure> {
        match end {
            UpstreamEnd::Failed(failure) => Some(failure),
            UpstreamEnd::Eof => {
                let body = std::mem::take(&mut self.body);
                self.teller.message(&body, events);
                self.teller.failure
            }
        }
    }
}

fn stop_reason(word: String) -> StopReason {
    match word.as_str() {
        "end_turn" => StopReason::EndTurn,
        "max_tokens" => StopReason::MaxTokens,
        "stop_sequence" => StopReason::StopSequence,
        "tool_use" => StopReason::ToolUse,
        "pause_turn" => StopReason::PauseTurn,
        "refusal" => StopReason::Refusal,
        "model_context_window_exceeded" => StopReason::ContextWindow,
        _ => StopReason::Other(word),
    }
}

#[derive(Deserialize)]
struct EventWire {
    r#type: String,
    index: Option<u64>,
    message: Option<StartWire>,
    content_block: Option<BlockWire>,
    delta: Option<DeltaWire>,
    #[serde(rename = "amazon-bedrock-guardrailAction")]
    guardrail_action: Option<String>,
}

#[derive(Deserialize)]
struct StartWire {
    id: Option<String>,
    model: Option<String>,
}

#[derive(Deserialize)]
struct MessageWire {
    r#type: Option<String>,
    id: Option<String>,
    model: Option<String>,
    #[serde(default)]
    content: Vec<BlockWire>,
    stop_reason: Option<String>,
    stop_sequence: Option<String>,
    stop_details: Option<StopDetailsWire>,
    #[serde(rename = "amazon-bedrock-guardrailAction")]
    guardrail_action: Option<String>,
}

#[derive(Deserialize)]
struct StopDetailsWire {
    category: Option<String>,
    explanation: Option<String>,
}

#[derive(Deserialize)]
struct BlockWire {
    r#type: String,
    text: Option<String>,
    thinking: Option<String>,
    signature: Option<String>,
    data: Option<String>,
    id: Option<String>,
    name: Option<String>,
    input: Option<JsonText>,
    citations: Option<Vec<CitationWire>>,
}

#[derive(Deserialize)]
struct DeltaWire {
    r#type: Option<String>,
    text: Option<String>,
    thinking: Option<String>,
    signature: Option<String>,
    partial_json: Option<String>,
    citation: Option<CitationWire>,
    stop_reason: Option<String>,
    stop_sequence: Option<String>,
    stop_details: Option<StopDetailsWire>,
}
