//! Reads the answers of Bedrock's Chat Completions, streamed or whole, as events.

use std::collections::BTreeMap;

use bytes::{Bytes, BytesMut};

use crate::conversation::{BlockStart, Delta, Event, StopReason, ToolNames};
use crate::failure::{Failure, from_openai_error};
use crate::framing::sse;
use crate::json::lenient;
use crate::relay::{Reader, UpstreamEnd};

use super::chunk::{Call, Choice, Chunk, Said};
use super::inline::{Split, Told};

/// Why the model stopped, from OpenAI's word for it.
pub(super) fn stop_reason(word: &str) -> StopReason {
    match word {
        "stop" => StopReason::EndTurn,
        "length" => StopReason::MaxTokens,
        "tool_calls" | "function_call" => StopReason::ToolUse,
        "content_filter" => StopReason::Refusal,
        other => StopReason::Other(other.to_owned()),
    }
}

/// A stream of chunks.
#[derive(Debug)]
pub(super) struct ChunkReader {
    parser: sse::Parser,
    turn: Turn,
    is_done: bool,
    failure: Option<Failure>,
}

impl ChunkReader {
    pub(super) fn new(names: ToolNames, thinks_inline: bool) -> ChunkReader {
        ChunkReader {
            parser: sse::Parser::default(),
            turn: Turn::new(names, thinks_inline),
            is_done: false,
            failure: None,
        }
    }

    fn event(&mut self, data: &str, events: &mut Vec<Event>) {
        if data.trim() == "[DONE]" {
            self.is_done = true;
            if !self.turn.has_stopped {
                self.failure = Some(Failure::broken_off("the stream says [DONE] without a finish reason"));
            }
            return;
        }
        match lenient::<Chunk>(data.as_bytes()) {
            Ok(Chunk { error: Some(_), .. }) => self.failure = Some(from_openai_error(data.as_bytes())),
            Ok(chunk) => self.turn.take(chunk, events),
            Err(error) => {
                self.failure = Some(Failure::broken_off(format!("a chunk cannot be read: {error}")));
            }
        }
    }
}

impl Reader for ChunkReader {
    fn push(&mut self, chunk: Bytes, events: &mut Vec<Event>) {
        self.parser.push(&chunk);
        while !self.is_over() {
            match self.parser.next_event() {
                Ok(Some(event)) => self.event(&event.data, events),
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

    fn finish(self: Box<Self>, end: UpstreamEnd, _events: &mut Vec<Event>) -> Option<Failure> {
        match (self.failure, self.is_done, end) {
            (Some(failure), _, _) => Some(failure),
            (None, true, _) => None,
            (None, false, UpstreamEnd::Failed(failure)) => Some(failure),
            (None, false, UpstreamEnd::Eof) => Some(Failure::broken_off("the stream ended before [DONE]")),
        }
    }
}

/// An answer in one piece.
#[derive(Debug)]
pub(super) struct CompletionReader {
    body: BytesMut,
    turn: Turn,
}

impl CompletionReader {
    pub(super) fn new(names: ToolNames, thinks_inline: bool) -> CompletionReader {
        CompletionReader { body: BytesMut::new(), turn: Turn::new(names, thinks_inline) }
    }
}

impl Reader for CompletionReader {
    fn push(&mut self, chunk: Bytes, _events: &mut Vec<Event>) {
        self.body.extend_from_slice(&chunk);
    }

    fn finish(mut self: Box<Self>, end: UpstreamEnd, events: &mut Vec<Event>) -> Option<Failure> {
        if let UpstreamEnd::Failed(failure) = end {
            return Some(failure);
        }
        match lenient::<Chunk>(&self.body) {
            Ok(Chunk { error: Some(_), .. }) => return Some(from_openai_error(&self.body)),
            Ok(chunk) => self.turn.take(chunk, events),
            Err(error) => return Some(Failure::broken_off(format!("the answer is no completion: {error}"))),
        }
        (!self.turn.has_stopped).then(|| Failure::broken_off("the answer has no finish reason"))
    }
}

/// The model's turn, as it comes.
#[derive(Debug)]
struct Turn {
    names: ToolNames,
    /// Tells thoughts from words, where the model writes both into its text.
    split: Option<Split>,
    has_begun: bool,
    has_refused: bool,
    has_stopped: bool,
    /// How many blocks were started.
    blocks: usize,
    /// The text or thoughts that are being written.
    open: Option<(Kind, usize)>,
    /// The calls, by their own index, and the block of each.
    calls: BTreeMap<u64, usize>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Text,
    Thinking,
}

impl Turn {
    fn new(names: ToolNames, thinks_inline: bool) -> Turn {
        Turn {
            names,
            split: thinks_inline.then(Split::default),
            has_begun: false,
            has_refused: false,
            has_stopped: false,
            blocks: 0,
            open: None,
            calls: BTreeMap::new(),
        }
    }

    fn take(&mut self, chunk: Chunk, events: &mut Vec<Event>) {
        if !std::mem::replace(&mut self.has_begun, true) {
            events.push(Event::Start { id: chunk.id, model: chunk.model });
        }
        // Only one answer is asked for.
        for choice in chunk.choices.into_iter().flatten().filter(|choice| choice.index == 0) {
            if !self.has_stopped {
                self.choice(choice, events);
            }
        }
        // Behind the words that it counts: a report is of what came before it.
        if let Some(usage) = chunk.usage {
            events.push(Event::Usage(usage.into()));
        }
    }

    fn choice(&mut self, choice: Choice, events: &mut Vec<Event>) {
        if let Some(said) = choice.delta {
            self.said(said, events);
        }
        let Some(word) = choice.finish_reason else { return };
        if let Some(rest) = self.split.as_mut().map(Split::end) {
            self.told(&rest, events);
        }
        self.close(events);
        let blocks: Vec<usize> = std::mem::take(&mut self.calls).into_values().collect();
        let calls_tools = !blocks.is_empty();
        events.extend(blocks.into_iter().map(|index| Event::BlockStop { index }));
        let mut reason = stop_reason(&word);
        if reason == StopReason::EndTurn && self.has_refused {
            reason = StopReason::Refusal;
        } else if reason == StopReason::EndTurn && calls_tools {
            // Some models end their turn with a call in it.
            reason = StopReason::ToolUse;
        }
        self.has_stopped = true;
        events.push(Event::Stop { reason, sequence: None, explanation: None });
    }

    fn said(&mut self, said: Said, events: &mut Vec<Event>) {
        if let Some(thoughts) = said.reasoning_content.or(said.reasoning) {
            self.write(Kind::Thinking, &thoughts, events);
        }
        if let Some(text) = said.content {
            match self.split.as_mut().map(|split| split.push(&text)) {
                Some(told) => self.told(&told, events),
                None => self.write(Kind::Text, &text, events),
            }
        }
        if let Some(refusal) = said.refusal.filter(|text| !text.is_empty()) {
            self.has_refused = true;
            self.write(Kind::Text, &refusal, events);
        }
        for call in said.tool_calls.into_iter().flatten() {
            self.call(call, events);
        }
    }

    fn told(&mut self, told: &Told, events: &mut Vec<Event>) {
        self.write(Kind::Thinking, &told.thoughts, events);
        self.write(Kind::Text, &told.words, events);
    }

    fn write(&mut self, kind: Kind, text: &str, events: &mut Vec<Event>) {
        if text.is_empty() {
            return;
        }
        let index = match self.open {
            Some((open, index)) if open == kind => index,
            _ => {
                self.close(events);
                let block = match kind {
                    Kind::Text => BlockStart::Text,
                    Kind::Thinking => BlockStart::Thinking,
                };
                let index = self.start(block, events);
                self.open = Some((kind, index));
                index
            }
        };
        let text = text.to_owned();
        let delta = match kind {
            Kind::Text => Delta::Text(text),
            Kind::Thinking => Delta::Thinking(text),
        };
        events.push(Event::Delta { index, delta });
    }

    fn start(&mut self, block: BlockStart, events: &mut Vec<Event>) -> usize {
        let index = self.blocks;
        self.blocks += 1;
        events.push(Event::BlockStart { index, block });
        index
    }

    fn close(&mut self, events: &mut Vec<Event>) {
        if let Some((_, index)) = self.open.take() {
            events.push(Event::BlockStop { index });
        }
    }

    /// Calls may take turns, and each stays open until the model stops.
    fn call(&mut self, call: Call, events: &mut Vec<Event>) {
        let last = self.calls.keys().next_back().copied();
        let next = last.map_or(0, |last| last + 1);
        // Some servers number no calls: one with an id is new.
        let number = call.index.unwrap_or(if call.id.is_some() { next } else { last.unwrap_or(0) });
        let function = call.function.unwrap_or_default();
        let index = match self.calls.get(&number) {
            Some(index) => *index,
            None => {
                self.close(events);
                let id = call.id.filter(|id| !id.is_empty()).unwrap_or_else(|| format!("call_{number}"));
                let name = self.names.client(&function.name.unwrap_or_default()).to_owned();
                let index = self.start(BlockStart::ToolUse { id, name }, events);
                self.calls.insert(number, index);
                index
            }
        };
        if let Some(arguments) = function.arguments.filter(|arguments| !arguments.is_empty()) {
            events.push(Event::Delta { index, delta: Delta::Input(arguments) });
        }
    }
}
