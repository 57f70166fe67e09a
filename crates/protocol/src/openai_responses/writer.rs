//! An answer as a Responses client gets it. Streamed and whole are one: the events of a stream are written or not, and at
//! the end stands the same response.

use std::fmt::{self, Write as _};

use bytes::BytesMut;

use crate::conversation::usage::Usage;
use crate::conversation::{BlockStart, Delta, Event, StopReason};
use crate::failure::Failure;
use crate::json::quoted;
use crate::openai::error::response_error;
use crate::relay::Writer;

use super::open::{Open, Place, Thoughts};
use super::response::{self, Echo, Label, Status};
use super::sealed::Sealed;
use super::tools::Forms;
use super::usage::UsageWire;

/// What is made of the model's answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Product {
    /// A response with what the model said.
    Answer,
    /// A response with the conversation in short, as the end of a request asked for it.
    Compaction,
    /// The conversation in short by itself: `POST /responses/compact`.
    CompactedResponse,
}

/// Writes events as they come; the terminal one waits for the end.
#[derive(Debug)]
pub(super) struct ResponseWriter {
    label: Label,
    echo: Echo,
    forms: Forms,
    thoughts: Thoughts,
    product: Product,
    is_stream: bool,
    /// The number of the next event.
    sequence: u64,
    has_begun: bool,
    open: Vec<Open>,
    /// The items that are done, by their place.
    output: Vec<String>,
    /// The item that is complete but for its last events: only what follows tells whether it was cut off.
    held: Option<usize>,
    summary: String,
    stop: Option<StopReason>,
    explanation: Option<String>,
}

impl ResponseWriter {
    pub(super) fn new(
        label: Label,
        echo: Echo,
        forms: Forms,
        thoughts: Thoughts,
        product: Product,
        is_stream: bool,
    ) -> ResponseWriter {
        ResponseWriter {
            label,
            echo,
            forms,
            thoughts,
            product,
            is_stream,
            sequence: 0,
            has_begun: false,
            open: Vec::new(),
            output: Vec::new(),
            held: None,
            summary: String::new(),
            stop: None,
            explanation: None,
        }
    }

    /// Goes on after an event that another wrote: its number, and the id of the response if it told one.
    pub(super) fn follow(&mut self, number: Option<u64>, id: Option<String>) {
        self.has_begun = true;
        self.sequence = number.unwrap_or(self.sequence).saturating_add(1);
        if let Some(id) = id {
            self.label.id = id;
        }
    }

    /// Writes one event: its name and number, and what else it says, from a comma on.
    fn event(&mut self, name: &str, rest: fmt::Arguments<'_>, out: &mut BytesMut) {
        if self.is_stream {
            let sequence = self.sequence;
            self.sequence += 1;
            write!(
                out,
                "event: {name}\ndata: {{\"type\":\"{name}\",\"sequence_number\":{sequence}{rest}}}\n\n"
            )
            .expect("a buffer takes what is written");
        }
    }

    /// An event about a place in an item.
    fn at(&mut self, name: &str, id: &str, index: usize, rest: fmt::Arguments<'_>, out: &mut BytesMut) {
        self.event(name, format_args!(",\"item_id\":{},\"output_index\":{index}{rest}", quoted(id)), out);
    }

    fn item_event(&mut self, name: &str, index: usize, item: &str, out: &mut BytesMut) {
        self.event(name, format_args!(",\"output_index\":{index},\"item\":{item}"), out);
    }

    fn begin(&mut self, out: &mut BytesMut) {
        if !std::mem::replace(&mut self.has_begun, true) {
            let response = self.response("in_progress", "", None, None);
            self.event("response.created", format_args!(",\"response\":{response}"), out);
            self.event("response.in_progress", format_args!(",\"response\":{response}"), out);
        }
    }

    /// The response as it stands. `reason` says why it is incomplete.
    fn response(&self, status: &str, reason: &str, error: Option<&str>, usage: Option<&Usage>) -> String {
        let Label { id, created_at, model, .. } = &self.label;
        let incomplete =
            if reason.is_empty() { "null".to_owned() } else { format!(r#"{{"reason":"{reason}"}}"#) };
        let error = error.unwrap_or("null");
        let usage = usage.map_or_else(|| "null".to_owned(), usage_text);
        let (id, model, output) = (quoted(id), quoted(model), self.output.join(","));
        let completed = (status == "completed").then(|| self.label.completed_at().to_string());
        let completed = completed.as_deref().unwrap_or("null");
        format!(
            r#"{{"id":{id},"object":"response","created_at":{created_at},"completed_at":{completed},"status":"{status}","error":{error},"incomplete_details":{incomplete},"model":{model},"output":[{output}],"usage":{usage}{}"#,
            self.echo.0
        )
    }

    fn id(&self, index: usize) -> String {
        let prefix = self.open.get(index).map_or("msg", Open::prefix);
        self.label.item(prefix, index)
    }

    fn start(&mut self, block: BlockStart, out: &mut BytesMut) {
        let open = Open::of(block, &self.forms);
        let index = self.open.len();
        let id = self.label.item(open.prefix(), index);
        let item = open.added(&id, self.thoughts);
        let is_message = matches!(open, Open::Message { .. });
        self.open.push(open);
        self.output.push(item.clone());
        self.item_event("response.output_item.added", index, &item, out);
        if is_message {
            let part = response::output_text("", "");
            let rest = format_args!(",\"content_index\":0,\"part\":{part}");
            self.at("response.content_part.added", &id, index, rest, out);
        }
    }

    fn delta(&mut self, index: usize, delta: Delta, out: &mut BytesMut) {
        let id = self.id(index);
        let Some(open) = self.open.get_mut(index) else { return };
        match (open, delta) {
            (Open::Message { text, .. }, Delta::Text(more)) => {
                text.push_str(&more);
                let rest = format_args!(",\"content_index\":0,\"delta\":{},\"logprobs\":[]", quoted(&more));
                self.at("response.output_text.delta", &id, index, rest, out);
            }
            (Open::Message { citations, .. }, Delta::Citation(citation)) => citations.push(*citation),
            (Open::Thinking { text, .. }, Delta::Thinking(more)) => {
                let is_first = text.is_empty() && !more.is_empty();
                text.push_str(&more);
                self.thought(&id, index, is_first, &more, out);
            }
            (Open::Thinking { signature, .. }, Delta::Signature(whole)) => *signature = Some(whole),
            (Open::Function { arguments, .. }, Delta::Input(more)) => {
                arguments.push_str(&more);
                let rest = format_args!(",\"delta\":{}", quoted(&more));
                self.at("response.function_call_arguments.delta", &id, index, rest, out);
            }
            // What is inside cannot be read from a piece of JSON, so it goes in one piece.
            (Open::Custom { input: said, .. } | Open::Search { arguments: said, .. }, Delta::Input(more)) => {
                said.push_str(&more);
            }
            // A reader that mixes kinds up is at fault; its words are not made up for.
            (
                _,
                Delta::Text(_)
                | Delta::Citation(_)
                | Delta::Thinking(_)
                | Delta::Signature(_)
                | Delta::Input(_),
            ) => {}
        }
    }

    fn thought(&mut self, id: &str, index: usize, is_first: bool, more: &str, out: &mut BytesMut) {
        let (added, place, delta, kind) = match self.thoughts.place {
            Place::Summary => (
                "response.reasoning_summary_part.added",
                "summary_index",
                "response.reasoning_summary_text.delta",
                "summary_text",
            ),
            Place::Text => (
                "response.content_part.added",
                "content_index",
                "response.reasoning_text.delta",
                "reasoning_text",
            ),
        };
        if is_first {
            let part = response::thought(kind, "");
            self.at(added, id, index, format_args!(",\"{place}\":0,\"part\":{part}"), out);
        }
        if !more.is_empty() {
            let rest = format_args!(",\"{place}\":0,\"delta\":{}", quoted(more));
            self.at(delta, id, index, rest, out);
        }
    }

    /// Writes the last events of the item that waits for them.
    fn release(&mut self, status: Status, out: &mut BytesMut) {
        let Some(index) = self.held.take() else { return };
        let id = self.id(index);
        let Some(open) = self.open.get_mut(index) else { return };
        // Clients read the arguments as JSON, and nothing is no JSON.
        let was_empty = match open {
            Open::Function { arguments, .. } if arguments.is_empty() => {
                arguments.push_str("{}");
                true
            }
            Open::Function { .. }
            | Open::Message { .. }
            | Open::Thinking { .. }
            | Open::Sealed { .. }
            | Open::Custom { .. }
            | Open::Search { .. } => false,
        };
        let item = open.item(&id, status, self.thoughts);
        let ends = open.ends(self.thoughts);
        if was_empty {
            let rest = format_args!(",\"delta\":\"{{}}\"");
            self.at("response.function_call_arguments.delta", &id, index, rest, out);
        }
        for (name, rest) in ends {
            self.at(name, &id, index, format_args!("{rest}"), out);
        }
        self.item_event("response.output_item.done", index, &item, out);
        if let Some(place) = self.output.get_mut(index) {
            *place = item;
        }
    }

    /// What is said to people of a refusal, as a message of its own.
    fn refuse(&mut self, text: &str, out: &mut BytesMut) {
        let index = self.output.len();
        let id = self.label.item("msg", index);
        let added = response::message(&id, Status::InProgress, "");
        self.item_event("response.output_item.added", index, &added, out);
        let (empty, part) = (response::refusal(""), response::refusal(text));
        let place = ",\"content_index\":0";
        self.at("response.content_part.added", &id, index, format_args!("{place},\"part\":{empty}"), out);
        let said = quoted(text);
        self.at("response.refusal.delta", &id, index, format_args!("{place},\"delta\":{said}"), out);
        self.at("response.refusal.done", &id, index, format_args!("{place},\"refusal\":{said}"), out);
        self.at("response.content_part.done", &id, index, format_args!("{place},\"part\":{part}"), out);
        let item = response::message(&id, Status::Completed, &part);
        self.item_event("response.output_item.done", index, &item, out);
        self.output.push(item);
    }

    /// The one item of a conversation in short.
    fn compact(&mut self, out: &mut BytesMut) {
        let sealed = Sealed::Summary { text: std::mem::take(&mut self.summary) }.seal();
        let item = response::compaction(&self.label.item("cmp", 0), &sealed);
        self.item_event("response.output_item.added", 0, &item, out);
        self.item_event("response.output_item.done", 0, &item, out);
        self.output.push(item);
    }

    fn gather(&mut self, event: Event) {
        match event {
            Event::Delta { delta: Delta::Text(text), .. } => self.summary.push_str(&text),
            Event::Stop { reason, .. } => self.stop = Some(reason),
            Event::Start { .. }
            | Event::BlockStart { .. }
            | Event::Delta { .. }
            | Event::BlockStop { .. }
            | Event::Usage(_) => {}
        }
    }

    fn fail(&mut self, failure: &Failure, usage: &Usage, out: &mut BytesMut) {
        if !self.is_stream {
            return;
        }
        self.begin(out);
        let response = self.response("failed", "", Some(&response_error(failure)), Some(usage));
        self.event("response.failed", format_args!(",\"response\":{response}"), out);
    }
}

impl Writer for ResponseWriter {
    fn write(&mut self, event: Event, out: &mut BytesMut) {
        self.begin(out);
        if self.product != Product::Answer {
            self.gather(event);
            return;
        }
        match event {
            Event::Start { .. } | Event::Usage(_) => {}
            Event::BlockStart { block, .. } => {
                self.release(Status::Completed, out);
                self.start(block, out);
            }
            Event::Delta { index, delta } => {
                self.release(Status::Completed, out);
                self.delta(index, delta, out);
            }
            Event::BlockStop { index } => {
                self.release(Status::Completed, out);
                self.held = Some(index);
            }
            Event::Stop { reason, explanation, .. } => {
                let status = if cut_off(&reason).is_some() { Status::Incomplete } else { Status::Completed };
                self.release(status, out);
                self.stop = Some(reason);
                self.explanation = explanation.filter(|text| !text.is_empty());
            }
        }
    }

    fn finish(mut self: Box<Self>, usage: &Usage, failure: Option<&Failure>, out: &mut BytesMut) {
        if let Some(failure) = failure {
            self.fail(failure, usage, out);
            return;
        }
        self.begin(out);
        self.release(Status::Completed, out);
        match self.product {
            Product::Answer => {}
            // A summary that lacks its end is one; an empty one would lose the conversation.
            Product::Compaction | Product::CompactedResponse if self.summary.trim().is_empty() => {
                let failure = Failure::broken_off("the model gave no summary");
                self.fail(&failure, usage, out);
                if !self.is_stream {
                    // Too late for a status; a compaction without its item is an error to every client.
                    let error = response_error(&failure);
                    write!(out, r#"{{"error":{error}}}"#).expect("a buffer takes what is written");
                }
                return;
            }
            Product::Compaction | Product::CompactedResponse => self.compact(out),
        }
        if self.product == Product::CompactedResponse {
            let Label { id, created_at, .. } = &self.label;
            let (id, output, usage) = (quoted(id), self.output.join(","), usage_text(usage));
            write!(
                out,
                r#"{{"id":{id},"object":"response.compaction","created_at":{created_at},"output":[{output}],"usage":{usage}}}"#
            )
            .expect("a buffer takes what is written");
            return;
        }
        let refusal = self.explanation.take().filter(|_| self.stop == Some(StopReason::Refusal));
        if let Some(text) = &refusal {
            self.refuse(text, out);
        }
        let cut = self.stop.as_ref().and_then(cut_off);
        let reason = cut.filter(|_| refusal.is_none() && self.product == Product::Answer);
        let (name, status) = match reason {
            Some(_) => ("response.incomplete", "incomplete"),
            None => ("response.completed", "completed"),
        };
        let response = self.response(status, reason.unwrap_or_default(), None, Some(usage));
        if self.is_stream {
            self.event(name, format_args!(",\"response\":{response}"), out);
        } else {
            out.extend_from_slice(response.as_bytes());
        }
    }
}

/// Why an answer is not whole, in OpenAI's words.
fn cut_off(reason: &StopReason) -> Option<&'static str> {
    match reason {
        StopReason::MaxTokens | StopReason::ContextWindow => Some("max_output_tokens"),
        StopReason::Refusal | StopReason::Guardrail => Some("content_filter"),
        StopReason::EndTurn
        | StopReason::StopSequence
        | StopReason::ToolUse
        | StopReason::PauseTurn
        | StopReason::Malformed
        | StopReason::Other(_) => None,
    }
}

fn usage_text(usage: &Usage) -> String {
    serde_json::to_string(&UsageWire::from(usage)).unwrap_or_else(|_| "null".to_owned())
}
