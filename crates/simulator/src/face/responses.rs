//! An answer as Responses gives it: one response, or its growth as server-sent events.

use std::{
    collections::HashMap,
    sync::{Arc, OnceLock},
};

use bytes::Bytes;
use serde_json::{Map, Value, json};

use super::{Face, Headers, Ids, Latency};
use crate::{
    answer::{Answer, Block, input_pieces, pieces, reported},
    openai::responses::{kept::Kept, tools::Called},
};

const LEAD: &str = "resp_";

/// What the request says of its answer.
#[derive(Debug)]
pub(crate) struct Wishes {
    pub(crate) model: String,
    /// In seconds since 1970.
    pub(crate) created: i64,
    /// What stands in `encrypted_content`, if it is to be there.
    pub(crate) seal: Option<String>,
    /// Thoughts are told in a summary, not word by word.
    pub(crate) shows_summaries: bool,
    pub(crate) calls: HashMap<String, Called>,
    /// Where the response is kept, and the items before its own.
    pub(crate) keeping: Option<(Arc<Kept>, Vec<Value>)>,
    /// The request, of which much is repeated.
    pub(crate) body: Value,
}

/// Responses.
#[derive(Debug)]
pub(crate) struct Responses {
    wishes: Wishes,
    /// Known once the stream began.
    id: OnceLock<String>,
}

/// Members that are repeated as they came, and what stands for those that did not.
fn repeated(body: &Value) -> Map<String, Value> {
    let defaults = json!({
        "background": false, "frequency_penalty": 0.0, "instructions": null, "max_output_tokens": null, "max_tool_calls": null, "metadata": {},
        "parallel_tool_calls": true, "presence_penalty": 0.0, "previous_response_id": null, "prompt_cache_key": null,
        "prompt_cache_retention": null, "safety_identifier": null, "service_tier": "default", "store": true,
        "temperature": 1.0, "tool_choice": "auto", "tools": [], "top_logprobs": 0, "top_p": 1.0,
        "truncation": "disabled", "user": null,
    });
    let Value::Object(mut members) = defaults else { return Map::new() };
    for (name, value) in &mut members {
        if let Some(wish) = body.get(name).filter(|wish| !wish.is_null() && *wish != "auto") {
            *value = wish.clone();
        }
    }
    let or_null = |pointer: &str| body.pointer(pointer).cloned().unwrap_or(Value::Null);
    let format = body.pointer("/text/format").cloned().unwrap_or_else(|| json!({ "type": "text" }));
    let verbosity = body.pointer("/text/verbosity").cloned().unwrap_or_else(|| json!("medium"));
    let reasoning =
        json!({ "effort": or_null("/reasoning/effort"), "summary": or_null("/reasoning/summary") });
    members.insert("text".to_owned(), json!({ "format": format, "verbosity": verbosity }));
    members.insert("reasoning".to_owned(), reasoning);
    members
}

impl Responses {
    pub(crate) fn new(wishes: Wishes) -> Responses {
        Responses { wishes, id: OnceLock::new() }
    }

    fn response(&self, id: &str, status: &str, more: Value) -> Value {
        let mut members = repeated(&self.wishes.body);
        let own = json!({
            "id": id, "object": "response", "created_at": self.wishes.created, "model": self.wishes.model,
            "status": status, "error": null, "incomplete_details": null, "completed_at": null, "output": [],
            "usage": null,
        });
        for part in [own, more] {
            if let Value::Object(part) = part {
                members.extend(part);
            }
        }
        Value::Object(members)
    }

    /// The response at its end.
    fn finished(&self, answer: &Answer) -> Value {
        let mut more = json!({ "output": self.output(answer), "usage": usage(answer) });
        let status = status(answer);
        match incomplete(answer) {
            Some(reason) => more["incomplete_details"] = json!({ "reason": reason }),
            None => more["completed_at"] = json!(self.wishes.created),
        }
        self.response(&answer.id, status, more)
    }

    fn output(&self, answer: &Answer) -> Vec<Value> {
        let blocks = answer.blocks.iter().enumerate();
        blocks
            .map(|(index, block)| self.item(answer, index, block, State::Done(item_status(answer, index))))
            .collect()
    }

    /// A block as an item, begun or done.
    fn item(&self, answer: &Answer, index: usize, block: &Block, state: State) -> Value {
        let id = item_id(answer, index, block, &self.wishes);
        let (is_done, status) = match state {
            State::Begun => (false, "in_progress"),
            State::Done(status) => (true, status),
        };
        match block {
            Block::Redacted { .. } => json!({ "type": "reasoning", "id": id, "summary": [] }),
            Block::Thinking { thinking, .. } => {
                let mut item = json!({ "type": "reasoning", "id": id, "summary": [] });
                if is_done && !thinking.is_empty() {
                    let member = if self.wishes.shows_summaries { "summary" } else { "content" };
                    item[member] = json!([self.thought(thinking)]);
                }
                if let Some(seal) = self.wishes.seal.as_ref().filter(|_| is_done) {
                    item["encrypted_content"] = json!(seal);
                }
                item
            }
            Block::Text { text, .. } => {
                let content = if is_done { json!([part(text)]) } else { json!([]) };
                json!({ "type": "message", "id": id, "role": "assistant", "status": status, "content": content })
            }
            Block::Tool { id: call_id, name, input } => {
                let said = if is_done { self.said(name, input) } else { String::new() };
                let called = self.wishes.calls.get(name);
                let mut item = json!({ "id": id, "call_id": call_id, "name": name, "status": status });
                if called.is_some_and(|called| called.is_custom) {
                    item["type"] = json!("custom_tool_call");
                    item["input"] = json!(said);
                } else {
                    item["type"] = json!("function_call");
                    item["arguments"] = json!(said);
                }
                if let Some(namespace) = called.and_then(|called| called.namespace.as_ref()) {
                    item["namespace"] = json!(namespace);
                }
                item
            }
        }
    }

    /// What a tool is called with: JSON, or the text of a custom tool.
    fn said(&self, name: &str, input: &str) -> String {
        if !self.wishes.calls.get(name).is_some_and(|called| called.is_custom) {
            return input.to_owned();
        }
        match serde_json::from_str::<Value>(input) {
            Ok(Value::String(text)) => text,
            Ok(value) => value.get("input").and_then(Value::as_str).unwrap_or(input).to_owned(),
            Err(_cut_off) => input.to_owned(),
        }
    }

    fn thought(&self, text: &str) -> Value {
        json!({ "type": if self.wishes.shows_summaries { "summary_text" } else { "reasoning_text" }, "text": text })
    }

    /// The names of a thought's events and of the index in them: part begun, delta, done, part done.
    fn thought_events(&self) -> ([&'static str; 4], &'static str) {
        if self.wishes.shows_summaries {
            let names = [
                "response.reasoning_summary_part.added",
                "response.reasoning_summary_text.delta",
                "response.reasoning_summary_text.done",
                "response.reasoning_summary_part.done",
            ];
            (names, "summary_index")
        } else {
            let names = [
                "response.content_part.added",
                "response.reasoning_text.delta",
                "response.reasoning_text.done",
                "response.content_part.done",
            ];
            (names, "content_index")
        }
    }

    /// The names of the events of a tool's call, and of the member with what it is called with.
    fn call_events(&self, name: &str) -> [&'static str; 3] {
        if self.wishes.calls.get(name).is_some_and(|called| called.is_custom) {
            ["response.custom_tool_call_input.delta", "response.custom_tool_call_input.done", "input"]
        } else {
            ["response.function_call_arguments.delta", "response.function_call_arguments.done", "arguments"]
        }
    }
}

/// How far an item is.
#[derive(Clone, Copy, Debug)]
enum State {
    Begun,
    Done(&'static str),
}

fn item_id(answer: &Answer, index: usize, block: &Block, wishes: &Wishes) -> String {
    let lead = match block {
        Block::Redacted { .. } | Block::Thinking { .. } => "rs",
        Block::Text { .. } => "msg",
        Block::Tool { name, .. } if wishes.calls.get(name).is_some_and(|called| called.is_custom) => "ctc",
        Block::Tool { .. } => "fc",
    };
    format!("{lead}_{}{index:02}", answer.id.trim_start_matches(LEAD))
}

/// Only the last item can have been cut.
fn item_status(answer: &Answer, index: usize) -> &'static str {
    let is_last = index + 1 == answer.blocks.len();
    if is_last && answer.stop_reason == "max_tokens" { "incomplete" } else { "completed" }
}

/// Why a response is incomplete, if it is.
fn incomplete(answer: &Answer) -> Option<&'static str> {
    match answer.stop_reason.as_str() {
        "max_tokens" => Some("max_output_tokens"),
        "refusal" | "guardrail_intervened" => Some("content_filter"),
        _ => None,
    }
}

fn status(answer: &Answer) -> &'static str {
    if incomplete(answer).is_some() { "incomplete" } else { "completed" }
}

fn part(text: &str) -> Value {
    json!({ "type": "output_text", "text": text, "annotations": [], "logprobs": [] })
}

/// Here the input's tokens are all of them, those of the cache included.
fn usage(answer: &Answer) -> Value {
    let read = reported(answer, "cache_read_input_tokens", answer.input.read);
    let written = reported(answer, "cache_creation_input_tokens", answer.input.written());
    let input = reported(answer, "input_tokens", answer.input.fresh) + read + written;
    let output = reported(answer, "output_tokens", answer.output_tokens);
    json!({
        "input_tokens": input, "output_tokens": output, "total_tokens": input + output,
        "input_tokens_details": { "cached_tokens": read, "cache_write_tokens": written },
        "output_tokens_details": { "reasoning_tokens": answer.thinking_tokens },
    })
}

impl Face for Responses {
    fn ids(&self) -> Ids {
        Ids { answer: LEAD, tool: "call_" }
    }

    fn keep(&self, answer: &Answer) {
        if let Some((kept, before)) = &self.wishes.keeping {
            let items = before.iter().cloned().chain(self.output(answer)).collect();
            kept.keep(&answer.id, items);
        }
    }

    fn whole(&self, answer: &Answer, _latency: Latency) -> String {
        self.finished(answer).to_string()
    }

    fn stream_head(&self) -> (&'static str, Headers) {
        ("text/event-stream", Headers::new())
    }

    fn start(&self, answer: &Answer) -> Vec<String> {
        let id = self.id.get_or_init(|| answer.id.clone());
        let response = self.response(id, "in_progress", json!({}));
        ["response.created", "response.in_progress"]
            .into_iter()
            .map(|kind| json!({ "type": kind, "response": response }).to_string())
            .collect()
    }

    fn block(&self, answer: &Answer, index: usize, block: &Block) -> Vec<String> {
        let id = item_id(answer, index, block, &self.wishes);
        let added = self.item(answer, index, block, State::Begun);
        let added = json!({ "type": "response.output_item.added", "output_index": index, "item": added });
        let mut events = vec![added.to_string()];
        match block {
            Block::Redacted { .. } => {}
            Block::Thinking { thinking, .. } if thinking.is_empty() => {}
            Block::Thinking { thinking, .. } => {
                let ([begun, delta, ..], nth) = self.thought_events();
                let part = self.thought("");
                let head =
                    json!({ "type": begun, "item_id": id, "output_index": index, nth: 0, "part": part });
                events.push(head.to_string());
                events.extend(pieces(thinking).into_iter().map(|piece| {
                    json!({ "type": delta, "item_id": id, "output_index": index, nth: 0, "delta": piece })
                        .to_string()
                }));
            }
            Block::Text { text, .. } => {
                events.push(part_event("response.content_part.added", &id, index, ""));
                events.extend(pieces(text).into_iter().map(|piece| text_delta(&id, index, piece)));
            }
            Block::Tool { name, input, .. } => {
                let [delta, ..] = self.call_events(name);
                events.extend(input_pieces(&self.said(name, input)).into_iter().map(|piece| {
                    json!({ "type": delta, "item_id": id, "output_index": index, "delta": piece }).to_string()
                }));
            }
        }
        events
    }

    fn block_end(&self, answer: &Answer, index: usize, block: &Block) -> Vec<String> {
        let id = item_id(answer, index, block, &self.wishes);
        let mut events = Vec::new();
        match block {
            Block::Redacted { .. } => {}
            Block::Thinking { thinking, .. } if thinking.is_empty() => {}
            Block::Thinking { thinking, .. } => {
                let ([.., done, part_done], nth) = self.thought_events();
                let part = self.thought(thinking);
                events.push(
                    json!({ "type": done, "item_id": id, "output_index": index, nth: 0, "text": thinking })
                        .to_string(),
                );
                events.push(
                    json!({ "type": part_done, "item_id": id, "output_index": index, nth: 0, "part": part })
                        .to_string(),
                );
            }
            Block::Text { text, .. } => {
                let done = json!({
                    "type": "response.output_text.done", "item_id": id, "output_index": index, "content_index": 0,
                    "text": text, "logprobs": [],
                });
                events.push(done.to_string());
                events.push(part_event("response.content_part.done", &id, index, text));
            }
            Block::Tool { name, input, .. } => {
                let [_, done, member] = self.call_events(name);
                let said = self.said(name, input);
                let mut event = json!({ "type": done, "item_id": id, "output_index": index, member: said });
                if member == "arguments" {
                    event["name"] = json!(name);
                }
                events.push(event.to_string());
            }
        }
        let item = self.item(answer, index, block, State::Done(item_status(answer, index)));
        let done = json!({ "type": "response.output_item.done", "output_index": index, "item": item });
        events.push(done.to_string());
        events
    }

    fn more_text(&self, answer: &Answer, index: usize, piece: &str) -> String {
        let block = Block::Text { text: String::new(), citations: Vec::new() };
        text_delta(&item_id(answer, index, &block, &self.wishes), index, piece)
    }

    fn end(&self, answer: &Answer, _latency: Latency) -> Vec<String> {
        let kind = format!("response.{}", status(answer));
        vec![json!({ "type": kind, "response": self.finished(answer) }).to_string()]
    }

    /// The event's name stands before it, and its number in it.
    fn frame(&self, event: &str, nth: u64, _chance: u64) -> Bytes {
        let Ok(Value::Object(mut members)) = serde_json::from_str(event) else {
            return Bytes::from(format!("data: {event}\n\n"));
        };
        members.entry("sequence_number").or_insert_with(|| json!(nth));
        let kind = members.get("type").and_then(Value::as_str).unwrap_or("message").to_owned();
        Bytes::from(format!("event: {kind}\ndata: {}\n\n", Value::Object(members)))
    }

    fn failure(&self, kind: &str, message: &str, nth: u64) -> Bytes {
        let code = match kind.trim_end_matches("Exception").to_ascii_lowercase().as_str() {
            "throttling" | "modelnotready" => "rate_limit_exceeded",
            "validation" => "invalid_prompt",
            _ => "server_error",
        };
        let error = json!({ "code": code, "message": message });
        let id = self.id.get().map_or(LEAD, String::as_str);
        let response = self.response(id, "failed", json!({ "error": error }));
        self.frame(&json!({ "type": "response.failed", "response": response }).to_string(), nth, 0)
    }

    fn garbage(&self) -> Bytes {
        Bytes::from_static(b"event: response.output_text.delta\ndata: {\"type\":\"resp\n\n")
    }
}

fn text_delta(id: &str, index: usize, piece: &str) -> String {
    json!({
        "type": "response.output_text.delta", "item_id": id, "output_index": index, "content_index": 0,
        "delta": piece, "logprobs": [],
    })
    .to_string()
}

fn part_event(kind: &str, id: &str, index: usize, text: &str) -> String {
    json!({ "type": kind, "item_id": id, "output_index": index, "content_index": 0, "part": part(text) })
        .to_string()
}
