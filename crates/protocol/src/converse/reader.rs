//! Reads Converse's answers, streamed or whole, as events.

use std::collections::BTreeMap;

use bytes::{Bytes, BytesMut};
use serde::de::DeserializeOwned;

use crate::conversation::{BlockStart, CacheLifetime, Delta, Event, StopReason, ToolNames};
use crate::failure::{Failure, from_exception};
use crate::framing::eventstream::{Decoder, Frame, FrameKind};
use crate::json;
use crate::json::lenient;
use crate::openai_chat::inline::{Split, Told};
use crate::relay::{Reader, UpstreamEnd};

use super::answer::{self, Said, Whole};
use super::citation;
use super::wire::{Citation, Reasoning};

/// What an event stream's frame says went wrong.
pub(super) fn frame_failure(frame: &Frame) -> Option<Failure> {
    match frame.kind() {
        FrameKind::Exception(name) => Some(from_exception(name, frame.payload())),
        FrameKind::Error { code, message } => {
            let said = format!("{{\"message\":{}}}", json::quoted(message));
            Some(from_exception(code, said.as_bytes()))
        }
        FrameKind::Event(_) | FrameKind::Unknown => None,
    }
}

/// A stream of events from ConverseStream.
#[derive(Debug)]
pub(super) struct StreamReader {
    decoder: Decoder,
    turn: Turn,
    /// Of what was written to a cache, where the answer does not say.
    lifetime: CacheLifetime,
    has_metadata: bool,
    failure: Option<Failure>,
}

impl StreamReader {
    pub(super) fn new(names: ToolNames, thinks_inline: bool, lifetime: CacheLifetime) -> StreamReader {
        StreamReader {
            decoder: Decoder::default(),
            turn: Turn::new(names, thinks_inline),
            lifetime,
            has_metadata: false,
            failure: None,
        }
    }

    fn frame(&mut self, frame: &Frame, events: &mut Vec<Event>) {
        if let Some(failure) = frame_failure(frame) {
            // What comes after the model's last word changes nothing of it.
            if !self.turn.has_stopped {
                self.failure = Some(failure);
            }
            return;
        }
        let payload = frame.payload();
        let read = match frame.kind() {
            FrameKind::Event("messageStart") => {
                self.turn.begin(None, events);
                Ok(())
            }
            FrameKind::Event("contentBlockStart") => {
                read(payload).map(|start: answer::Start| self.turn.start(start, events))
            }
            FrameKind::Event("contentBlockDelta") => {
                read(payload).map(|delta: answer::Delta| self.turn.delta(delta, events))
            }
            FrameKind::Event("contentBlockStop") => {
                read(payload).map(|stop: answer::Stop| self.turn.stop_block(stop.content_block_index, events))
            }
            FrameKind::Event("messageStop") => read(payload).map(|stop: answer::MessageStop| {
                let sequence = stop.additional_model_response_fields.and_then(|fields| fields.stop_sequence);
                self.turn.stop(&stop.stop_reason, sequence, events);
            }),
            FrameKind::Event("metadata") => read(payload).map(|metadata: answer::Metadata| {
                self.has_metadata = true;
                let usage = metadata.usage.map(|usage| usage.usage(self.lifetime));
                events.extend(usage.map(Event::Usage));
            }),
            // An event that is newer than this code.
            FrameKind::Event(_) | FrameKind::Unknown | FrameKind::Exception(_) | FrameKind::Error { .. } => {
                Ok(())
            }
        };
        if let Err(failure) = read {
            self.failure = Some(failure);
        }
    }
}

fn read<T: DeserializeOwned>(payload: &[u8]) -> Result<T, Failure> {
    lenient(payload).map_err(|error| Failure::broken_off(format!("an event cannot be read: {error}")))
}

impl Reader for StreamReader {
    fn push(&mut self, chunk: Bytes, events: &mut Vec<Event>) {
        self.decoder.push(chunk);
        while !self.is_over() {
            match self.decoder.next_frame() {
                Ok(Some(frame)) => self.frame(&frame, events),
                Ok(None) => break,
                Err(error) => self.failure = Some(Failure::broken_off(error.to_string())),
            }
        }
    }

    fn is_over(&self) -> bool {
        (self.has_metadata && self.turn.has_stopped) || self.failure.is_some()
    }

    fn failure(&self) -> Option<&Failure> {
        self.failure.as_ref()
    }

    /// An answer without its last figures is whole for the client; what it consumed is estimated.
    fn finish(self: Box<Self>, end: UpstreamEnd, _events: &mut Vec<Event>) -> Option<Failure> {
        match (self.failure, self.turn.has_stopped, end) {
            (Some(failure), false, _) => Some(failure),
            (_, true, _) => None,
            (None, false, UpstreamEnd::Failed(failure)) => Some(failure),
            (None, false, UpstreamEnd::Eof) => {
                Some(Failure::broken_off("the stream ended before messageStop"))
            }
        }
    }
}

/// An answer in one piece.
#[derive(Debug)]
pub(super) struct WholeReader {
    body: BytesMut,
    turn: Turn,
    lifetime: CacheLifetime,
}

impl WholeReader {
    pub(super) fn new(names: ToolNames, thinks_inline: bool, lifetime: CacheLifetime) -> WholeReader {
        WholeReader { body: BytesMut::new(), turn: Turn::new(names, thinks_inline), lifetime }
    }
}

impl Reader for WholeReader {
    fn push(&mut self, chunk: Bytes, _events: &mut Vec<Event>) {
        self.body.extend_from_slice(&chunk);
    }

    fn finish(mut self: Box<Self>, end: UpstreamEnd, events: &mut Vec<Event>) -> Option<Failure> {
        if let UpstreamEnd::Failed(failure) = end {
            return Some(failure);
        }
        let whole: Whole = match lenient(&self.body) {
            Ok(whole) => whole,
            Err(error) => return Some(Failure::broken_off(format!("the answer is no message: {error}"))),
        };
        self.turn.begin(whole.trace.and_then(answer::Trace::model), events);
        for (index, said) in (0..).zip(whole.output.message.content) {
            self.turn.said(index, said, events);
        }
        let sequence = whole.additional_model_response_fields.and_then(|fields| fields.stop_sequence);
        events.extend(whole.usage.map(|usage| Event::Usage(usage.usage(self.lifetime))));
        self.turn.stop(&whole.stop_reason, sequence, events);
        None
    }
}

/// The model's turn, as it comes.
#[derive(Debug)]
struct Turn {
    names: ToolNames,
    /// Tells thoughts from words, where the model writes both into its text.
    split: Option<Split>,
    has_begun: bool,
    has_stopped: bool,
    calls_tools: bool,
    /// How many blocks were started.
    blocks: usize,
    /// The blocks that are open, by Converse's index.
    open: BTreeMap<u64, (Kind, usize)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Text,
    Thinking,
    ToolUse,
}

impl Turn {
    fn new(names: ToolNames, thinks_inline: bool) -> Turn {
        Turn {
            names,
            split: thinks_inline.then(Split::default),
            has_begun: false,
            has_stopped: false,
            calls_tools: false,
            blocks: 0,
            open: BTreeMap::new(),
        }
    }

    fn begin(&mut self, model: Option<String>, events: &mut Vec<Event>) {
        if !std::mem::replace(&mut self.has_begun, true) {
            events.push(Event::Start { id: None, model });
        }
    }

    fn start(&mut self, start: answer::Start, events: &mut Vec<Event>) {
        if let Some(call) = start.start.tool_use {
            self.call(start.content_block_index, call.tool_use_id, &call.name, events);
        }
    }

    fn call(&mut self, at: u64, id: String, name: &str, events: &mut Vec<Event>) {
        self.stop_block(at, events);
        self.calls_tools = true;
        let name = self.names.client(name).to_owned();
        self.open_block(at, Kind::ToolUse, BlockStart::ToolUse { id, name }, events);
    }

    fn open_block(&mut self, at: u64, kind: Kind, block: BlockStart, events: &mut Vec<Event>) -> usize {
        self.begin(None, events);
        let index = self.blocks;
        self.blocks += 1;
        events.push(Event::BlockStart { index, block });
        self.open.insert(at, (kind, index));
        index
    }

    /// The open block at that place, if it is of that kind; else one is begun.
    fn block(&mut self, at: u64, kind: Kind, events: &mut Vec<Event>) -> usize {
        match self.open.get(&at) {
            Some((open, index)) if *open == kind => *index,
            _ => {
                self.stop_open(at, events);
                let block = if kind == Kind::Thinking { BlockStart::Thinking } else { BlockStart::Text };
                self.open_block(at, kind, block, events)
            }
        }
    }

    fn stop_open(&mut self, at: u64, events: &mut Vec<Event>) {
        if let Some((_, index)) = self.open.remove(&at) {
            events.push(Event::BlockStop { index });
        }
    }

    fn stop_block(&mut self, at: u64, events: &mut Vec<Event>) {
        if let Some(rest) = self.split.as_mut().map(Split::end) {
            self.told(at, &rest, events);
        }
        self.stop_open(at, events);
    }

    fn delta(&mut self, delta: answer::Delta, events: &mut Vec<Event>) {
        let at = delta.content_block_index;
        let added = delta.delta;
        if let Some(text) = added.text {
            self.text(at, text, events);
        }
        if let Some(piece) = added.tool_use
            && let Some((Kind::ToolUse, index)) = self.open.get(&at).copied()
            && !piece.input.is_empty()
        {
            events.push(Event::Delta { index, delta: Delta::Input(piece.input) });
        }
        if let Some(thought) = added.reasoning_content {
            self.thought(at, thought, events);
        }
        if let Some(citation) = added.citation {
            self.citation(at, citation, events);
        }
    }

    fn text(&mut self, at: u64, text: String, events: &mut Vec<Event>) {
        match self.split.as_mut().map(|split| split.push(&text)) {
            Some(told) => self.told(at, &told, events),
            None => self.write(at, Kind::Text, text, events),
        }
    }

    fn told(&mut self, at: u64, told: &Told, events: &mut Vec<Event>) {
        self.write(at, Kind::Thinking, told.thoughts.clone(), events);
        self.write(at, Kind::Text, told.words.clone(), events);
    }

    fn write(&mut self, at: u64, kind: Kind, text: String, events: &mut Vec<Event>) {
        if !text.is_empty() {
            let index = self.block(at, kind, events);
            let delta = if kind == Kind::Thinking { Delta::Thinking(text) } else { Delta::Text(text) };
            events.push(Event::Delta { index, delta });
        }
    }

    fn thought(&mut self, at: u64, thought: answer::Thought, events: &mut Vec<Event>) {
        if let Some(text) = thought.text {
            self.write(at, Kind::Thinking, text, events);
        }
        if let Some(signature) = thought.signature.filter(|signature| !signature.is_empty()) {
            let index = self.block(at, Kind::Thinking, events);
            events.push(Event::Delta { index, delta: Delta::Signature(signature) });
        }
        if let Some(data) = thought.redacted_content {
            self.sealed(at, data, events);
        }
    }

    fn sealed(&mut self, at: u64, data: String, events: &mut Vec<Event>) {
        self.stop_open(at, events);
        self.open_block(at, Kind::Thinking, BlockStart::SealedThinking { data }, events);
        self.stop_open(at, events);
    }

    fn citation(&mut self, at: u64, citation: Citation, events: &mut Vec<Event>) {
        let index = self.block(at, Kind::Text, events);
        let delta = Delta::Citation(Box::new(citation::read(citation)));
        events.push(Event::Delta { index, delta });
    }

    /// A block of an answer in one piece.
    fn said(&mut self, at: u64, said: Said, events: &mut Vec<Event>) {
        if let Some(text) = said.text {
            self.text(at, text, events);
        }
        if let Some(call) = said.tool_use {
            let input = call.input;
            self.call(at, call.tool_use_id, &call.name, events);
            if let Some((_, index)) = self.open.get(&at).copied() {
                events.push(Event::Delta { index, delta: Delta::Input(input.as_str().to_owned()) });
            }
        }
        match said.reasoning_content {
            Some(Reasoning::ReasoningText(thoughts)) => {
                let (text, signature) = (thoughts.text, thoughts.signature);
                let thought = answer::Thought {
                    text: Some(text.into_owned()),
                    signature: signature.map(std::borrow::Cow::into_owned),
                    redacted_content: None,
                };
                self.thought(at, thought, events);
            }
            Some(Reasoning::RedactedContent(data)) => self.sealed(at, data.into_owned(), events),
            None => {}
        }
        if let Some(cited) = said.citations_content {
            for part in cited.content {
                self.text(at, part.text.into_owned(), events);
            }
            for citation in cited.citations {
                self.citation(at, citation, events);
            }
        }
        self.stop_block(at, events);
    }

    fn stop(&mut self, word: &str, sequence: Option<String>, events: &mut Vec<Event>) {
        if std::mem::replace(&mut self.has_stopped, true) {
            return;
        }
        self.begin(None, events);
        // What of a text was held back belongs to the block that is open, if one is.
        let last = self.open.keys().next_back().copied().unwrap_or(u64::MAX);
        self.stop_block(last, events);
        for (_, index) in std::mem::take(&mut self.open).into_values() {
            events.push(Event::BlockStop { index });
        }
        let mut reason = answer::stop_reason(word);
        if reason == StopReason::EndTurn && self.calls_tools {
            // Some models end their turn with a call in it.
            reason = StopReason::ToolUse;
        }
        events.push(Event::Stop { reason, sequence, explanation: None });
    }
}
