//! An answer as Anthropic's JSON: one message, or the events of a stream. Members stand in the order in which the
//! real service writes them.

use serde_json::Value;

use crate::answer::{Answer, Block, pieces};

/// How many characters of a tool's input come in one delta.
const INPUT_PIECE: usize = 14;

/// How long the answer took, for `amazon-bedrock-invocationMetrics`.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Latency {
    pub(crate) first_byte_ms: u64,
    pub(crate) total_ms: u64,
}

fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

fn quoted_or_null(text: Option<&str>) -> String {
    text.map_or_else(|| "null".to_owned(), quoted)
}

/// The body of an answer that is not streamed.
pub(crate) fn message(answer: &Answer) -> String {
    let blocks: Vec<String> = answer.blocks.iter().map(block).collect();
    let context = if answer.manages_context { r#","context_management":{"applied_edits":[]}"# } else { "" };
    format!(
        r#"{{"model":{},"id":{},"type":"message","role":"assistant","content":[{}],"stop_reason":{},"stop_sequence":{}{context},"usage":{}}}"#,
        quoted(answer.model),
        quoted(&answer.id),
        blocks.join(","),
        quoted(&answer.stop_reason),
        quoted_or_null(answer.stop_sequence.as_deref()),
        usage(answer, answer.output_tokens),
    )
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
            // The input of a call that `max_tokens` cut is no JSON; Anthropic gives an empty object then.
            let input = if serde_json::from_str::<&serde_json::value::RawValue>(input).is_ok() {
                input
            } else {
                "{}"
            };
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

/// A number of `usage` as the client sees it.
pub(crate) fn reported(answer: &Answer, member: &str, computed: u64) -> u64 {
    answer.usage_overrides.get(member).and_then(Value::as_u64).unwrap_or(computed)
}

/// The first event of a stream.
pub(crate) fn message_start(answer: &Answer) -> String {
    format!(
        r#"{{"type":"message_start","message":{{"model":{},"id":{},"type":"message","role":"assistant","content":[],"stop_reason":null,"stop_sequence":null,"usage":{}}}}}"#,
        quoted(answer.model),
        quoted(&answer.id),
        usage(answer, answer.output_tokens.min(1)),
    )
}

/// All events between the first and the last two.
pub(crate) fn block_events(answer: &Answer) -> Vec<String> {
    let mut events = Vec::new();
    for (index, block) in answer.blocks.iter().enumerate() {
        events.push(block_start(index, block));
        deltas(answer, index, block, &mut events);
        events.push(format!(r#"{{"type":"content_block_stop","index":{index}}}"#));
    }
    events
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

fn input_pieces(input: &str) -> Vec<String> {
    let characters: Vec<char> = input.chars().collect();
    characters.chunks(INPUT_PIECE).map(|chunk| chunk.iter().collect()).collect()
}

/// A delta of a text that never ends.
pub(crate) fn endless_delta(index: usize, count: u64) -> String {
    format!(
        r#"{{"type":"content_block_delta","index":{index},"delta":{{{}}}}}"#,
        text_delta(&format!(" and {count}"))
    )
}

/// The start of the block that never ends.
pub(crate) fn text_start(index: usize) -> String {
    block_start(index, &Block::Text { text: String::new(), citations: Vec::new() })
}

/// The event that tells why the answer ended and what it cost.
pub(crate) fn message_delta(answer: &Answer) -> String {
    let context = if answer.manages_context { r#","context_management":{"applied_edits":[]}"# } else { "" };
    format!(
        r#"{{"type":"message_delta","delta":{{"stop_reason":{},"stop_sequence":{}}},"usage":{}{context}}}"#,
        quoted(&answer.stop_reason),
        quoted_or_null(answer.stop_sequence.as_deref()),
        delta_usage(answer),
    )
}

/// The last event, with what Bedrock adds to it.
pub(crate) fn message_stop(answer: &Answer, latency: Latency) -> String {
    format!(
        r#"{{"type":"message_stop","amazon-bedrock-invocationMetrics":{{"inputTokenCount":{},"outputTokenCount":{},"invocationLatency":{},"firstByteLatency":{},"cacheReadInputTokenCount":{},"cacheWriteInputTokenCount":{}}}}}"#,
        reported(answer, "input_tokens", answer.input.fresh),
        reported(answer, "output_tokens", answer.output_tokens),
        latency.total_ms,
        latency.first_byte_ms,
        reported(answer, "cache_read_input_tokens", answer.input.read),
        reported(answer, "cache_creation_input_tokens", answer.input.written()),
    )
}
