//! An answer as Chat Completions gives it: one completion, or chunks as server-sent events.

use bytes::Bytes;
use serde_json::{Value, json};

use super::{Face, Headers, Ids, Latency};
use crate::{
    answer::{Answer, Block, input_pieces, pieces, reported},
    dialect,
    refusal::{Refusal, status_of},
};

/// Where reasoning stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reasoned {
    /// In the text, between tags.
    Inline,
    /// In a member of its own.
    Apart,
}

/// What the request says of its answer.
#[derive(Debug)]
pub(crate) struct ChatCompletions {
    model: String,
    created: i64,
    reasoned: Reasoned,
    includes_usage: bool,
}

impl ChatCompletions {
    pub(crate) fn new(
        model: &str,
        created: i64,
        reasoned: Reasoned,
        includes_usage: bool,
    ) -> ChatCompletions {
        ChatCompletions { model: model.to_owned(), created, reasoned, includes_usage }
    }

    fn chunk(&self, answer: &Answer, choices: Value, usage: Value) -> String {
        let mut chunk = json!({
            "id": answer.id, "object": "chat.completion.chunk", "created": self.created, "model": self.model,
            "service_tier": "default", "system_fingerprint": null, "choices": choices,
        });
        if self.includes_usage {
            chunk["usage"] = usage;
        }
        chunk.to_string()
    }

    fn delta(&self, answer: &Answer, delta: Value, finish_reason: Option<&str>) -> String {
        let choice = json!({ "index": 0, "delta": delta, "finish_reason": finish_reason, "logprobs": null });
        self.chunk(answer, json!([choice]), Value::Null)
    }
}

impl Face for ChatCompletions {
    fn ids(&self) -> Ids {
        Ids { answer: "chatcmpl-", tool: "call_" }
    }

    fn whole(&self, answer: &Answer, _latency: Latency) -> String {
        let mut content = String::new();
        let mut message = json!({ "role": "assistant", "content": null, "refusal": null });
        let mut calls = Vec::new();
        for block in &answer.blocks {
            match block {
                Block::Thinking { thinking, .. } if self.reasoned == Reasoned::Inline => {
                    content.push_str(&format!("<reasoning>{thinking}</reasoning>"));
                }
                Block::Thinking { thinking, .. } => message["reasoning"] = json!(thinking),
                Block::Text { text, .. } => content.push_str(text),
                Block::Tool { id, name, input } => calls.push(json!({
                    "id": id, "type": "function", "function": { "name": name, "arguments": input },
                })),
                Block::Redacted { .. } => {}
            }
        }
        if !content.is_empty() {
            message["content"] = json!(content);
        }
        if !calls.is_empty() {
            message["tool_calls"] = json!(calls);
        }
        json!({
            "id": answer.id, "object": "chat.completion", "created": self.created, "model": self.model,
            "service_tier": "default", "system_fingerprint": null,
            "choices": [{
                "index": 0, "message": message, "finish_reason": finish_reason(answer), "logprobs": null,
            }],
            "usage": usage(answer),
        })
        .to_string()
    }

    fn stream_head(&self) -> (&'static str, Headers) {
        ("text/event-stream", Headers::new())
    }

    fn start(&self, answer: &Answer) -> Vec<String> {
        vec![self.delta(answer, json!({ "role": "assistant", "content": "", "refusal": null }), None)]
    }

    fn block(&self, answer: &Answer, index: usize, block: &Block) -> Vec<String> {
        let said = |member: &str, text: &str| -> Vec<String> {
            pieces(text).into_iter().map(|piece| self.delta(answer, json!({ member: piece }), None)).collect()
        };
        match block {
            Block::Redacted { .. } => Vec::new(),
            Block::Thinking { thinking, .. } if self.reasoned == Reasoned::Inline => {
                said("content", &format!("<reasoning>{thinking}</reasoning>"))
            }
            Block::Thinking { thinking, .. } => said("reasoning", thinking),
            Block::Text { text, .. } => said("content", text),
            Block::Tool { id, name, input } => {
                let is_call = |block: &&Block| matches!(block, Block::Tool { .. });
                let nth = answer.blocks.iter().take(index).filter(is_call).count();
                let start = json!({ "tool_calls": [{
                    "index": nth, "id": id, "type": "function", "function": { "name": name, "arguments": "" },
                }] });
                let rest = input_pieces(input).into_iter().map(
                    |piece| json!({ "tool_calls": [{ "index": nth, "function": { "arguments": piece } }] }),
                );
                std::iter::once(start).chain(rest).map(|delta| self.delta(answer, delta, None)).collect()
            }
        }
    }

    fn block_end(&self, _answer: &Answer, _index: usize, _block: &Block) -> Vec<String> {
        Vec::new()
    }

    fn more_text(&self, answer: &Answer, _index: usize, piece: &str) -> String {
        self.delta(answer, json!({ "content": piece }), None)
    }

    fn end(&self, answer: &Answer, _latency: Latency) -> Vec<String> {
        let mut events = vec![self.delta(answer, json!({}), Some(finish_reason(answer)))];
        if self.includes_usage {
            events.push(self.chunk(answer, json!([]), usage(answer)));
        }
        events.push(r#""[DONE]""#.to_owned());
        events
    }

    /// An event that is a JSON string stands without its quotes.
    fn frame(&self, event: &str, _nth: u64, _chance: u64) -> Bytes {
        let plain = serde_json::from_str::<String>(event);
        Bytes::from(format!("data: {}\n\n", plain.as_deref().unwrap_or(event)))
    }

    fn failure(&self, kind: &str, message: &str, _nth: u64) -> Bytes {
        let error = dialect::openai_error(&Refusal::new(status_of(kind), kind, message));
        Bytes::from(format!("data: {}\n\n", json!({ "error": error })))
    }

    fn garbage(&self) -> Bytes {
        Bytes::from_static(b"data: {\"id\":\"chatcmpl-\n\n")
    }
}

fn finish_reason(answer: &Answer) -> &str {
    match answer.stop_reason.as_str() {
        "end_turn" | "stop_sequence" | "pause_turn" => "stop",
        "tool_use" => "tool_calls",
        "max_tokens" => "length",
        "refusal" | "guardrail_intervened" => "content_filter",
        other => other,
    }
}

/// Here the prompt's tokens are all of them, those of the cache included.
fn usage(answer: &Answer) -> Value {
    let read = reported(answer, "cache_read_input_tokens", answer.input.read);
    let written = reported(answer, "cache_creation_input_tokens", answer.input.written());
    let prompt = reported(answer, "input_tokens", answer.input.fresh) + read + written;
    let completion = reported(answer, "output_tokens", answer.output_tokens);
    json!({
        "prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion,
        "prompt_tokens_details": { "cached_tokens": read, "cache_write_tokens": written, "audio_tokens": 0 },
        "completion_tokens_details": { "reasoning_tokens": answer.thinking_tokens, "audio_tokens": 0 },
    })
}
