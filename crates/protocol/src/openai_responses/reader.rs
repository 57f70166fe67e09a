//! Reads the answers of Bedrock's Responses, streamed or whole, as events.
//!
//! Of a stream the deltas are read as they come, and what only the item's end tells (what is sealed of the thoughts) is
//! taken from there; an item that came without deltas is read from its end alone, as every item of a whole answer is.

use std::collections::BTreeMap;

use bytes::{Bytes, BytesMut};
use serde::Deserialize;

use crate::conversation::usage::Usage;
use crate::conversation::{BlockStart, Delta, Event, StopReason, ToolNames};
use crate::failure::{Failure, from_openai_error};
use crate::framing::sse;
use crate::json::lenient;
use crate::relay::{Reader, UpstreamEnd};

use super::relayed::{EventWire, ResponseWire};

/// An item of the output.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ItemWire {
    r#type: String,
    content: Option<Vec<PartWire>>,
    summary: Option<Vec<PartWire>>,
    encrypted_content: Option<String>,
    call_id: Option<String>,
    name: Option<String>,
    arguments: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct PartWire {
    text: Option<String>,
    refusal: Option<String>,
}

/// What an event tells of an item.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Told {
    output_index: u64,
    summary_index: u64,
    delta: String,
    item: Option<ItemWire>,
}

fn words(parts: Option<&Vec<PartWire>>, between: &str) -> String {
    let words =
        parts.into_iter().flatten().filter_map(|part| part.text.as_deref().or(part.refusal.as_deref()));
    words.collect::<Vec<_>>().join(between)
}

/// Turns items into blocks.
#[derive(Debug)]
struct Items {
    names: ToolNames,
    has_begun: bool,
    has_refused: bool,
    has_called: bool,
    blocks: usize,
    /// The blocks that are open, by their item's place, and whether anything was said in them.
    open: BTreeMap<u64, (usize, bool)>,
}

impl Items {
    fn new(names: ToolNames) -> Items {
        Items {
            names,
            has_begun: false,
            has_refused: false,
            has_called: false,
            blocks: 0,
            open: BTreeMap::new(),
        }
    }

    fn begin(&mut self, response: &mut ResponseWire, events: &mut Vec<Event>) {
        if !std::mem::replace(&mut self.has_begun, true) {
            events.push(Event::Start { id: response.id.take(), model: response.model.take() });
        }
    }

    fn added(&mut self, place: u64, item: &ItemWire, events: &mut Vec<Event>) {
        let block = match item.r#type.as_str() {
            "message" => BlockStart::Text,
            "reasoning" => BlockStart::Thinking,
            "function_call" => {
                self.has_called = true;
                let id = item.call_id.clone().unwrap_or_else(|| format!("call_{place}"));
                let name = self.names.client(item.name.as_deref().unwrap_or_default()).to_owned();
                BlockStart::ToolUse { id, name }
            }
            // Nothing else was asked for.
            _ => return,
        };
        let index = self.blocks;
        self.blocks += 1;
        self.open.insert(place, (index, false));
        events.push(Event::BlockStart { index, block });
    }

    fn said(&mut self, place: u64, delta: Delta, events: &mut Vec<Event>) {
        if let Some((index, is_said)) = self.open.get_mut(&place) {
            *is_said = true;
            events.push(Event::Delta { index: *index, delta });
        }
    }

    fn done(&mut self, place: u64, item: ItemWire, events: &mut Vec<Event>) {
        if !self.open.contains_key(&place) {
            self.added(place, &item, events);
        }
        let Some((index, is_said)) = self.open.remove(&place) else { return };
        self.has_refused |= item.content.iter().flatten().any(|part| part.refusal.is_some());
        let mut say = |delta: Delta| events.push(Event::Delta { index, delta });
        match item.r#type.as_str() {
            "message" if !is_said => say(Delta::Text(words(item.content.as_ref(), ""))),
            "function_call" if !is_said => say(Delta::Input(item.arguments.unwrap_or_default())),
            "reasoning" => {
                let summary = words(item.summary.as_ref(), "\n\n");
                let text = if summary.is_empty() { words(item.content.as_ref(), "\n\n") } else { summary };
                if !is_said && !text.is_empty() {
                    say(Delta::Thinking(text));
                }
                if let Some(sealed) = item.encrypted_content {
                    say(Delta::Signature(sealed));
                }
            }
            _ => {}
        }
        events.push(Event::BlockStop { index });
    }

    fn end(&mut self, response: &ResponseWire, events: &mut Vec<Event>) {
        for (index, _) in std::mem::take(&mut self.open).into_values() {
            events.push(Event::BlockStop { index });
        }
        if let Some(usage) = response.usage {
            events.push(Event::Usage(Usage::from(usage)));
        }
        let why = response.incomplete_details.as_ref().and_then(|details| details.reason.as_deref());
        let reason = match (response.status.as_deref(), why) {
            (Some("incomplete"), Some("content_filter")) => StopReason::Refusal,
            (Some("incomplete"), _) => StopReason::MaxTokens,
            _ if self.has_called => StopReason::ToolUse,
            _ if self.has_refused => StopReason::Refusal,
            _ => StopReason::EndTurn,
        };
        events.push(Event::Stop { reason, sequence: None, explanation: None });
    }
}

/// Reads a stream.
#[derive(Debug)]
pub(super) struct EventReader {
    parser: sse::Parser,
    items: Items,
    is_done: bool,
    failure: Option<Failure>,
}

impl EventReader {
    pub(super) fn new(names: ToolNames) -> EventReader {
        EventReader {
            parser: sse::Parser::default(),
            items: Items::new(names),
            is_done: false,
            failure: None,
        }
    }

    fn event(&mut self, data: &str, events: &mut Vec<Event>) -> Result<(), Failure> {
        if data.trim() == "[DONE]" {
            return Ok(());
        }
        let broken =
            |error: serde_json::Error| Failure::broken_off(format!("an event cannot be read: {error}"));
        let mut event: EventWire = lenient(data.as_bytes()).map_err(broken)?;
        if matches!(event.r#type.as_str(), "" | "error") {
            return Err(event.error(data));
        }
        if let Some(response) = &mut event.response {
            self.items.begin(response, events);
        }
        let told = || lenient::<Told>(data.as_bytes()).map_err(broken);
        match event.r#type.as_str() {
            "response.output_item.added" => {
                let told = told()?;
                self.items.added(told.output_index, &told.item.unwrap_or_default(), events);
            }
            "response.output_item.done" => {
                let told = told()?;
                self.items.done(told.output_index, told.item.unwrap_or_default(), events);
            }
            "response.output_text.delta" | "response.refusal.delta" => {
                let told = told()?;
                self.items.said(told.output_index, Delta::Text(told.delta), events);
            }
            "response.reasoning_summary_text.delta" | "response.reasoning_text.delta" => {
                let told = told()?;
                self.items.said(told.output_index, Delta::Thinking(told.delta), events);
            }
            "response.reasoning_summary_part.added" => {
                let told = told()?;
                if told.summary_index > 0 {
                    self.items.said(told.output_index, Delta::Thinking("\n\n".to_owned()), events);
                }
            }
            "response.function_call_arguments.delta" => {
                let told = told()?;
                self.items.said(told.output_index, Delta::Input(told.delta), events);
            }
            "response.completed" | "response.incomplete" | "response.failed" => {
                let response = event.response.unwrap_or_default();
                if let Some(failure) = response.failure() {
                    return Err(failure);
                }
                self.items.end(&response, events);
                self.is_done = true;
            }
            _ => {}
        }
        Ok(())
    }
}

impl Reader for EventReader {
    fn push(&mut self, chunk: Bytes, events: &mut Vec<Event>) {
        self.parser.push(&chunk);
        while !self.is_over() {
            match self.parser.next_event() {
                Ok(Some(event)) => self.failure = self.event(&event.data, events).err(),
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
        match end {
            _ if self.is_over() => self.failure,
            UpstreamEnd::Failed(failure) => Some(failure),
            UpstreamEnd::Eof => {
                Some(Failure::broken_off("the stream ended before the response was complete"))
            }
        }
    }
}

/// Reads an answer in one piece.
#[derive(Debug)]
pub(super) struct ResponseReader {
    body: BytesMut,
    items: Items,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Output {
    output: Vec<ItemWire>,
}

impl ResponseReader {
    pub(super) fn new(names: ToolNames) -> ResponseReader {
        ResponseReader { body: BytesMut::new(), items: Items::new(names) }
    }

    fn read(&mut self, events: &mut Vec<Event>) -> Result<(), Failure> {
        let broken =
            |error: serde_json::Error| Failure::broken_off(format!("the answer is no response: {error}"));
        let mut response: ResponseWire = lenient(&self.body).map_err(broken)?;
        if response.status.is_none() && response.error.is_some() {
            return Err(from_openai_error(&self.body));
        }
        if let Some(failure) = response.failure() {
            return Err(failure);
        }
        let Output { output } = lenient(&self.body).map_err(broken)?;
        self.items.begin(&mut response, events);
        for (place, item) in (0..).zip(output) {
            self.items.done(place, item, events);
        }
        self.items.end(&response, events);
        Ok(())
    }
}

impl Reader for ResponseReader {
    fn push(&mut self, chunk: Bytes, _events: &mut Vec<Event>) {
        self.body.extend_from_slice(&chunk);
    }

    fn finish(mut self: Box<Self>, end: UpstreamEnd, events: &mut Vec<Event>) -> Option<Failure> {
        match end {
            UpstreamEnd::Failed(failure) => Some(failure),
            UpstreamEnd::Eof => self.read(events).err(),
        }
    }
}
