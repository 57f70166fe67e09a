//! Writes an answer for a client of Converse: as the frames of ConverseStream, or whole.

use std::borrow::Cow;

use bytes::BytesMut;
use serde::Serialize;
use serde_json::{Value, json};

use crate::conversation::usage::Usage;
use crate::conversation::{Answer, Block as Part, BlockStart, Content, Delta, Event, StopReason};
use crate::failure::Failure;
use crate::framing::eventstream::Frame;
use crate::relay::Writer;

use super::answer::{TokenUsage, stop_word};
use super::wire::{Block, Cited, Reasoning, TextPart, Thoughts, ToolUse};
use super::{citation, error};

fn frame(kind: &str, payload: &Value, out: &mut BytesMut) {
    Frame::event(kind, payload.to_string()).append(out);
}

/// What stands in an answer's end; how long it took, nobody measured here.
fn ending(usage: &Usage) -> (TokenUsage, Metrics) {
    (TokenUsage::of(usage), Metrics { latency_ms: 0 })
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Metrics {
    latency_ms: u64,
}

/// A stream of frames.
#[derive(Debug, Default)]
pub(super) struct StreamWriter {
    stop: Option<StopReason>,
}

impl Writer for StreamWriter {
    fn write(&mut self, event: Event, out: &mut BytesMut) {
        match event {
            Event::Start { .. } => frame("messageStart", &json!({ "role": "assistant" }), out),
            Event::BlockStart { index, block } => match block {
                BlockStart::Text | BlockStart::Thinking => {}
                BlockStart::SealedThinking { data } => {
                    delta(index, &json!({ "reasoningContent": { "redactedContent": data } }), out);
                }
                BlockStart::ToolUse { id, name } => {
                    let start = json!({ "toolUse": { "toolUseId": id, "name": name } });
                    frame("contentBlockStart", &json!({ "contentBlockIndex": index, "start": start }), out);
                }
            },
            Event::Delta { index, delta: more } => {
                let more = match more {
                    Delta::Text(text) => json!({ "text": text }),
                    Delta::Thinking(text) => json!({ "reasoningContent": { "text": text } }),
                    Delta::Signature(whole) => json!({ "reasoningContent": { "signature": whole } }),
                    Delta::Input(piece) => json!({ "toolUse": { "input": piece } }),
                    Delta::Citation(cited) => json!({ "citation": citation::write(&cited) }),
                };
                delta(index, &more, out);
            }
            Event::BlockStop { index } => {
                frame("contentBlockStop", &json!({ "contentBlockIndex": index }), out);
            }
            Event::Usage(_) => {}
            Event::Stop { reason, .. } => self.stop = Some(reason),
        }
    }

    fn finish(self: Box<Self>, usage: &Usage, failure: Option<&Failure>, out: &mut BytesMut) {
        if let Some(failure) = failure {
            let mut event = Vec::new();
            error::broken(failure, &mut event);
            out.extend_from_slice(&event);
            return;
        }
        let reason = stop_word(self.stop.as_ref().unwrap_or(&StopReason::EndTurn));
        frame("messageStop", &json!({ "stopReason": reason }), out);
        let (usage, metrics) = ending(usage);
        frame("metadata", &json!({ "usage": usage, "metrics": metrics }), out);
    }
}

fn delta(index: usize, delta: &Value, out: &mut BytesMut) {
    frame("contentBlockDelta", &json!({ "contentBlockIndex": index, "delta": delta }), out);
}

/// An answer in one piece.
#[derive(Debug, Default)]
pub(super) struct WholeWriter {
    answer: Answer,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct WholeWire<'a> {
    output: OutputWire<'a>,
    stop_reason: &'static str,
    usage: TokenUsage,
    metrics: Metrics,
}

#[derive(Serialize)]
struct OutputWire<'a> {
    message: MessageWire<'a>,
}

#[derive(Serialize)]
struct MessageWire<'a> {
    role: &'static str,
    content: Vec<Block<'a>>,
}

impl Writer for WholeWriter {
    fn write(&mut self, event: Event, _out: &mut BytesMut) {
        self.answer.take(event);
    }

    fn finish(self: Box<Self>, usage: &Usage, failure: Option<&Failure>, out: &mut BytesMut) {
        if failure.is_some() {
            return;
        }
        let (usage, metrics) = ending(usage);
        let content = self.answer.blocks.iter().filter_map(block).collect();
        let whole = WholeWire {
            output: OutputWire { message: MessageWire { role: "assistant", content } },
            stop_reason: stop_word(self.answer.stop_reason.as_ref().unwrap_or(&StopReason::EndTurn)),
            usage,
            metrics,
        };
        // Texts and JSON texts can always be written.
        out.extend_from_slice(&serde_json::to_vec(&whole).unwrap_or_default());
    }
}

fn block(part: &Part) -> Option<Block<'_>> {
    Some(match &part.content {
        Content::Text { text, citations } if citations.is_empty() => Block::text(text.as_str()),
        Content::Text { text, citations } => Block::CitationsContent(Cited {
            content: vec![TextPart { text: Cow::Borrowed(text) }],
            citations: citations.iter().map(citation::write).collect(),
        }),
        Content::Thinking { text, signature } => {
            Block::ReasoningContent(Reasoning::ReasoningText(Thoughts {
                text: Cow::Borrowed(text),
                signature: signature.as_deref().map(Cow::Borrowed),
            }))
        }
        Content::SealedThinking { data } => {
            Block::ReasoningContent(Reasoning::RedactedContent(Cow::Borrowed(data)))
        }
        Content::ToolUse(call) => Block::ToolUse(ToolUse {
            tool_use_id: Cow::Borrowed(&call.id),
            name: Cow::Borrowed(&call.name),
            input: Cow::Borrowed(&call.input),
        }),
        // No answer has these.
        Content::Media(_) | Content::ToolResult(_) | Content::SearchResult { .. } => return None,
    })
}
