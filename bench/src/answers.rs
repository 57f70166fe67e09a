//! What the stub answers, made once: whole HTTP answers of Bedrock Runtime, ready to be written.

use anyhow::{Context as _, Result};
use aws_smithy_eventstream::frame::write_message_to;
use aws_smithy_types::event_stream::{Header, HeaderValue, Message};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

use crate::dialects::Pairing;

/// Deltas of a fast stream.
pub(crate) const FAST_DELTAS: usize = 200;
/// Deltas of a short stream.
const SHORT_DELTAS: usize = 4;
/// Slow streams send this many deltas a second.
pub(crate) const SLOW_DELTAS_PER_SECOND: usize = 20;

/// The prompt tokens that every answer reports.
pub(crate) const INPUT_TOKENS: u64 = 321;
/// The output tokens that every answer reports.
pub(crate) const OUTPUT_TOKENS: u64 = 17;

/// What kind of stream a model name stands for. The stub knows nothing but the path, so the name must tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pace {
    /// A few deltas at once.
    Short,
    /// [`FAST_DELTAS`] deltas without a pause.
    Fast,
    /// A delta every 50 ms.
    Slow,
}

impl Pace {
    /// The pace of the model named in a request's path.
    pub(crate) fn of_path(path: &str) -> Self {
        if path.contains("sonnet") {
            Self::Fast
        } else if path.contains("opus") {
            Self::Slow
        } else {
            Self::Short
        }
    }

    /// The model to ask for, by its name in Anthropic's dialect.
    pub(crate) fn model(self) -> &'static str {
        match self {
            Self::Short => "claude-haiku-5-5",
            Self::Fast => "claude-sonnet-5-5",
            Self::Slow => "claude-opus-5-5",
        }
    }

    /// How many deltas its streams have; `slow_seconds` is how long the slow ones last.
    pub(crate) fn deltas(self, slow_seconds: u32) -> usize {
        match self {
            Self::Short => SHORT_DELTAS,
            Self::Fast => FAST_DELTAS,
            Self::Slow => SLOW_DELTAS_PER_SECOND * slow_seconds as usize,
        }
    }
}

/// Every answer of the stub.
pub(crate) struct Answers {
    /// A whole unstreamed answer.
    pub(crate) message: Vec<u8>,
    /// A whole short stream.
    pub(crate) short: Vec<u8>,
    /// A whole fast stream.
    pub(crate) fast: Vec<u8>,
    /// Whole answers to what is not Anthropic's.
    pub(crate) others: [(Pairing, Vec<u8>); Pairing::ALL.len()],
    /// A slow stream's head and first events, one delta of it, and its end.
    pub(crate) slow: [Vec<u8>; 3],
}

impl Answers {
    pub(crate) fn new() -> Result<Self> {
        let stream = |deltas| -> Result<Vec<u8>> {
            let mut wire = Vec::new();
            stream_start(&mut wire)?;
            for index in 0..deltas {
                chunk(&mut wire, &frame(&delta(index), index)?);
            }
            stream_end(&mut wire)?;
            Ok(wire)
        };
        let (mut slow_start, mut slow_delta, mut slow_end) = (Vec::new(), Vec::new(), Vec::new());
        stream_start(&mut slow_start)?;
        chunk(&mut slow_delta, &frame(&delta(0), 7)?);
        stream_end(&mut slow_end)?;
        Ok(Self {
            message: message(),
            short: stream(SHORT_DELTAS)?,
            fast: stream(FAST_DELTAS)?,
            others: Pairing::ALL.map(|pairing| (pairing, pairing.answer())),
            slow: [slow_start, slow_delta, slow_end],
        })
    }
}

/// A whole unstreamed answer of Claude.
pub(crate) fn message() -> Vec<u8> {
    whole(&json!({
        "id": "msg_bdrk_01BenchBenchBenchBenchBen",
        "type": "message",
        "role": "assistant",
        "model": "claude-haiku-5-5",
        "content": [{"type": "text", "text": "The gate is open. Mind the step, and close it behind you, please."}],
        "stop_reason": "end_turn",
        "stop_sequence": null,
        "usage": usage(OUTPUT_TOKENS),
    }))
}

/// A whole HTTP answer with that body.
pub(crate) fn whole(body: &Value) -> Vec<u8> {
    let body = body.to_string();
    let mut wire = head("application/json");
    wire.extend_from_slice(format!("content-length: {}\r\n\r\n{body}", body.len()).as_bytes());
    wire
}

fn usage(output_tokens: u64) -> Value {
    json!({
        "input_tokens": INPUT_TOKENS,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": 0,
        "cache_creation": {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 0},
        "output_tokens": output_tokens,
    })
}

fn head(content_type: &str) -> Vec<u8> {
    format!(
        "HTTP/1.1 200 OK\r\ndate: Sat, 21 Nov 2026 05:00:00 GMT\r\ncontent-type: {content_type}\r\n\
         x-amzn-requestid: 6f1c1d52-7a86-4f0e-9b5c-0d2f5b7a9c11\r\n\
         x-amzn-bedrock-invocation-latency: 3\r\nx-amzn-bedrock-input-token-count: {INPUT_TOKENS}\r\n\
         x-amzn-bedrock-output-token-count: {OUTPUT_TOKENS}\r\n"
    )
    .into_bytes()
}

fn stream_start(wire: &mut Vec<u8>) -> Result<()> {
    wire.extend_from_slice(&head("application/vnd.amazon.eventstream"));
    wire.extend_from_slice(
        b"x-amzn-bedrock-content-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n",
    );
    let message = json!({"type": "message_start", "message": {
        "id": "msg_bdrk_01BenchBenchBenchBenchBen", "type": "message", "role": "assistant",
        "model": "claude-sonnet-5-5", "content": [], "stop_reason": null, "stop_sequence": null,
        "usage": usage(1),
    }});
    chunk(wire, &frame(&message, 3)?);
    let block =
        json!({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}});
    chunk(wire, &frame(&block, 5)?);
    Ok(())
}

fn delta(index: usize) -> Value {
    const WORDS: [&str; 8] =
        [" the", " gateway", " holds", " what it", " has", ", and counts", " every", " token\n"];
    let text = WORDS[index % WORDS.len()];
    json!({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}})
}

fn stream_end(wire: &mut Vec<u8>) -> Result<()> {
    let metrics = json!({"inputTokenCount": INPUT_TOKENS, "outputTokenCount": OUTPUT_TOKENS,
        "invocationLatency": 1234, "firstByteLatency": 345});
    let events = [
        json!({"type": "content_block_stop", "index": 0}),
        json!({"type": "message_delta", "delta": {"stop_reason": "end_turn", "stop_sequence": null},
            "usage": usage(OUTPUT_TOKENS)}),
        json!({"type": "message_stop", "amazon-bedrock-invocationMetrics": metrics}),
    ];
    for (index, event) in events.iter().enumerate() {
        chunk(wire, &frame(event, index)?);
    }
    wire.extend_from_slice(b"0\r\n\r\n");
    Ok(())
}

/// One event as Bedrock frames it: base64 in JSON, beside a padding of changing length, with both checksums.
fn frame(event: &Value, seed: usize) -> Result<Vec<u8>> {
    const PADDING: &str = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
    let payload =
        json!({"bytes": STANDARD.encode(event.to_string()), "p": &PADDING[..seed * 17 % PADDING.len()]});
    let text = |value: &'static str| HeaderValue::String(value.into());
    let message = Message::new(payload.to_string().into_bytes())
        .add_header(Header::new(":event-type", text("chunk")))
        .add_header(Header::new(":content-type", text("application/json")))
        .add_header(Header::new(":message-type", text("event")));
    let mut wire = Vec::new();
    write_message_to(&message, &mut wire).context("framing an event")?;
    Ok(wire)
}

fn chunk(wire: &mut Vec<u8>, data: &[u8]) {
    wire.extend_from_slice(format!("{:x}\r\n", data.len()).as_bytes());
    wire.extend_from_slice(data);
    wire.extend_from_slice(b"\r\n");
}
