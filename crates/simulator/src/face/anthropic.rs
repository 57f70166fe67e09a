//! An answer as Anthropic's JSON: one message, or the events of a stream. Members stand in the order in which the
//! real service writes them.

use bytes::Bytes;
use serde_json::Value;

use super::{Face, Headers, Ids, Latency};
use crate::{
    answer::{Answer, Block, input_pieces, pieces, reported, whole_input},
    frames,
};

/// The exceptions that `InvokeModelWithResponseStream` can send, as their names stand in frames.
pub(crate) const MODELLED: &[&str] = &[
    "internalServerException",
    "modelStreamErrorException",
    "validationException",
    "throttlingException",
    "modelTimeoutException",
    "serviceUnavailableException",
];

/// InvokeModel with Anthropic's body.
#[derive(Debug)]
pub(crate) struct Invoke;

impl Face for Invoke {
    fn ids(&self) -> Ids {
        Ids { answer: "msg_bdrk_01", tool: "toolu_bdrk_01" }
    }

    fn whole(&self, answer: &Answer, _latency: Latency) -> String {
        message(answer)
    }

    fn whole_headers(&self, answer: &Answer, latency: Latency) -> Headers {
        token_headers(answer, latency)
    }

    fn stream_head(&self) -> (&'static str, Headers) {
        invoke_stream_head()
    }

    fn start(&self, answer: &Answer) -> Vec<String> {
        vec![message_start(answer)]
    }

    fn block(&self, answer: &Answer, index: usize, block: &Block) -> Vec<String> {
        block_events(answer, index, block)
    }

    fn block_end(&self, _answer: &Answer, index: usize, _block: &Block) -> Vec<String> {
        vec![block_stop(index)]
    }

    fn more_text(&self, _answer: &Answer, index: usize, piece: &str) -> String {
        more_text(index, piece)
    }

    fn end(&self, answer: &Answer, latency: Latency) -> Vec<String> {
        vec![message_delta(answer), message_stop(answer, latency)]
    }

    fn frame(&self, event: &str, _nth: u64, chance: u64) -> Bytes {
        frames::chunk(event, chance)
    }

    fn failure(&self, kind: &str, message: &str, _nth: u64) -> Bytes {
        frames::failure(kind, message, MODELLED)
    }

    fn garbage(&self) -> Bytes {
        frames::spoiled(&frames::chunk(r#"{"type":"ping"}"#, 7))
    }
}

/// What Bedrock tells of every model in headers.
pub(crate) fn token_headers(answer: &Answer, latency: Latency) -> Headers {
    let number = |member, computed| reported(answer, member, computed).to_string();
    vec![
        ("x-amzn-bedrock-input-token-count", number("input_tokens", answer.input.fresh)),
        ("x-amzn-bedrock-output-token-count", number("output_tokens", answer.output_tokens)),
        ("x-amzn-bedrock-cache-read-input-token-count", number("cache_read_input_tokens", answer.input.read)),
        (
            "x-amzn-bedrock-cache-write-input-token-count",
            number("cache_creation_input_tokens", answer.input.written()),
        ),
        ("x-amzn-bedrock-invocation-latency", latency.first_byte_ms.to_string()),
    ]
}

pub(crate) fn invoke_stream_head() -> (&'static str, Headers) {
    let headers = vec![("x-amzn-bedrock-content-type", "application/json".to_owned())];
    ("application/vnd.amazon.eventstream", headers)
}

fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

fn quoted_or_null(text: Option<&str>) -> String {
    text.map_or_else(|| "null".to_owned(), quoted)
}

/// The body of an answer that is not streamed.
fn message(answer: &Answer) -> String {
    let blocks: Vec<String> = answer.blocks.iter().map(block).collect();
    let context = if answer.manages_context { r#","context_management":{"applied_edits":[]}"# } else { "" };
    let guardrail = guardrail(answer);
    format!(
        r#"{{"model":{},"id":{},"type":"message","role":"assistant","content":[{}],"stop_reason":{},"stop_sequence":{}{context},"usage":{}{guardrail}}}"#,
        quoted(answer.model),
        quoted(&answer.id),
        blocks.join(","),
        quoted(stop_reason(answer)),
        quoted_or_null(answer.stop_sequence.as_deref()),
        usage(answer, answer.output_tokens),
    )
}

/// InvokeModel tells of a guardrail beside the model's own members, which know nothing of it.
fn guardrail(answer: &Answer) -> String {
    let Some(finding) = &answer.guardrail else { return String::new() };
    let action = if finding.side.is_some() { "INTERVENED" } else { "NONE" };
    let trace = finding.trace.as_ref().map_or_else(String::new, |trace| {
        format!(r#","amazon-bedrock-trace":{}"#, serde_json::json!({ "guardrail": trace }))
    });
    format!(r#","amazon-bedrock-guardrailAction":"{action}"{trace}"#)
}

fn stop_reason(answer: &Answer) -> &str {
    match answer.stop_reason.as_str() {
        "guardrail_intervened" => "end_turn",
        other => other,
    }
}

fn block(block: &Block) -> String {
    match block {
        Block::Redacted { data } => format!(r#"{{"type":"redacted_thinking","data":{}}}"#, quoted(data)),
        Block::Thinking { thinking, signature, .. } => {
            format!(
                r#"{{"type":"thinking","thinking":{},"signature":{}}}"#,
                quoted(thinking),
                quoted(signature)
            )
        }
        Block::Text { text, citations } if citations.is_empty() => {
            format!(r#"{{"type":"text","text":{}}}"#, quoted(text))
        }
        Block::Text { text, citations } => {
            format!(
                r#"{{"type":"text","text":{},"citations":{}}}"#,
                quoted(text),
                Value::from(citations.clone())
            )
        }
        Block::Tool { id, name, input } => {
            let input = whole_input(input);
            format!(r#"{{"type":"tool_use","id":{},"name":{},"input":{input}}}"#, quoted(id), quoted(name))
        }
    }
}

/// The `usage` of a message and of `message_start`.
fn usage(answer: &Answer, output_tokens: u64) -> String {
    let input = &answer.input;
    let thinking = match answer.thinking_tokens {
        0 => String::new(),
        tokens if output_tokens == answer.output_tokens => {
            format!(r#","output_tokens_details":{{"thinking_tokens":{tokens}}}"#)
        }
        _ => String::new(),
    };
    let usage = format!(
        r#"{{"input_tokens":{},"cache_creation_input_tokens":{},"cache_read_input_tokens":{},"cache_creation":{{"ephemeral_5m_input_tokens":{},"ephemeral_1h_input_tokens":{}}},"output_tokens":{output_tokens}{thinking}}}"#,
        input.fresh,
        input.written(),
        input.read,
        input.written_5m,
        input.written_1h,
    );
    overridden(answer, usage)
}

/// The cumulative `usage` of `message_delta`.
fn delta_usage(answer: &Answer) -> String {
    let thinking = match answer.thinking_tokens {
        0 => String::new(),
        tokens => format!(r#","output_tokens_details":{{"thinking_tokens":{tokens}}}"#),
    };
    let usage = format!(
        r#"{{"input_tokens":{},"cache_creation_input_tokens":{},"cache_read_input_tokens":{},"output_tokens":{}{thinking}}}"#,
        answer.input.fresh,
        answer.input.written(),
        answer.input.read,
        answer.output_tokens,
    );
    overridden(answer, usage)
}

fn overridden(answer: &Answer, usage: String) -> String {
    if answer.usage_overrides.is_empty() {
        return usage;
    }
    let Ok(Value::Object(mut members)) = serde_json::from_str(&usage) else { return usage };
    members.extend(answer.usage_overrides.clone());
    Value::from(members).to_string()
}

/// The first event of a stream.
fn message_start(answer: &Answer) -> String {
    format!(
        r#"{{"type":"message_start","message":{{"model":{},"id":{},"type":"message","role":"assistant","content":[],"stop_reason":null,"stop_sequence":null,"usage":{}}}}}"#,
        quoted(answer.model),
        quoted(&answer.id),
        usage(answer, answer.output_tokens.min(1)),
    )
}

/// The start of a block and its deltas.
fn block_events(answer: &Answer, index: usize, block: &Block) -> Vec<String> {
    let mut events = vec![block_start(index, block)];
    deltas(answer, index, block, &mut events);
    events
}

fn block_stop(index: usize) -> String {
    format!(r#"{{"type":"content_block_stop","index":{index}}}"#)
}

fn block_start(index: usize, started: &Block) -> String {
    let empty = match started {
        Block::Redacted { .. } => block(started),
        Block::Thinking { .. } => r#"{"type":"thinking","thinking":"","signature":""}"#.to_owned(),
        Block::Text { citations, .. } if citations.is_empty() => r#"{"type":"text","text":""}"#.to_owned(),
        Block::Text { .. } => r#"{"type":"text","text":"","citations":[]}"#.to_owned(),
        Block::Tool { id, name, .. } => {
            format!(r#"{{"type":"tool_use","id":{},"name":{},"input":{{}}}}"#, quoted(id), quoted(name))
        }
    };
    format!(r#"{{"type":"content_block_start","index":{index},"content_block":{empty}}}"#)
}

fn deltas(answer: &Answer, index: usize, block: &Block, events: &mut Vec<String>) {
    let mut push = |delta: String| {
        events.push(format!(r#"{{"type":"content_block_delta","index":{index},"delta":{{{delta}}}}}"#));
    };
    match block {
        Block::Redacted { .. } => {}
        Block::Thinking { thinking, signature, tokens } => {
            let mut estimate = 0;
            for piece in pieces(thinking) {
                estimate += crate::tokens::of_text(piece).max(1);
                push(thinking_delta(piece, answer.estimates_thinking.then_some(estimate)));
            }
            if thinking.is_empty() && answer.estimates_thinking {
                push(thinking_delta("", Some(*tokens)));
            }
            push(format!(r#""type":"signature_delta","signature":{}"#, quoted(signature)));
        }
        Block::Text { text, citations } => {
            for piece in pieces(text) {
                push(text_delta(piece));
            }
            for citation in citations {
                push(format!(r#""type":"citations_delta","citation":{citation}"#));
            }
        }
        Block::Tool { input, .. } => {
            push(r#""type":"input_json_delta","partial_json":"""#.to_owned());
            for piece in input_pieces(input) {
                push(format!(r#""type":"input_json_delta","partial_json":{}"#, quoted(&piece)));
            }
        }
    }
}

fn thinking_delta(piece: &str, estimate: Option<u64>) -> String {
    let estimate = estimate.map_or_else(String::new, |tokens| format!(r#","estimated_tokens":{tokens}"#));
    format!(r#""type":"thinking_delta","thinking":{}{estimate}"#, quoted(piece))
}

fn text_delta(piece: &str) -> String {
    format!(r#""type":"text_delta","text":{}"#, quoted(piece))
}

fn more_text(index: usize, piece: &str) -> String {
    format!(r#"{{"type":"content_block_delta","index":{index},"delta":{{{}}}}}"#, text_delta(piece))
}

/// The event that tells why the answer ended and what it cost.
fn message_delta(answer: &Answer) -> String {
    let context = if answer.manages_context { r#","context_management":{"applied_edits":[]}"# } else { "" };
    format!(
        r#"{{"type":"message_delta","delta":{{"stop_reason":{},"stop_sequence":{}}},"usage":{}{context}}}"#,
        quoted(stop_reason(answer)),
        quoted_or_null(answer.stop_sequence.as_deref()),
        delta_usage(answer),
    )
}

/// The last event, with what Bedrock adds to it.
fn message_stop(answer: &Answer, latency: Latency) -> String {
    format!(
        r#"{{"type":"message_stop","amazon-bedrock-invocationMetrics":{{"inputTokenCount":{},"outputTokenCount":{},"invocationLatency":{},"firstByteLatency":{},"cacheReadInputTokenCount":{},"cacheWriteInputTokenCount":{}}}{}}}"#,
        reported(answer, "input_tokens", answer.input.fresh),
        reported(answer, "output_tokens", answer.output_tokens),
        latency.total_ms,
        latency.first_byte_ms,
        reported(answer, "cache_read_input_tokens", answer.input.read),
        reported(answer, "cache_creation_input_tokens", answer.input.written()),
        guardrail(answer),
    )
}
