//! Translation by way of the canonical conversation: a coding agent's request of 200 KB, and one event of a stream.
//!
//! `cargo bench -p stonegate-protocol --bench translation`. The bounds: less than a millisecond for the request, less than
//! five microseconds for the event.

#![expect(clippy::unwrap_used, reason = "what a test cannot go on without may stop it")]

use base64::Engine as _;
use bytes::{Bytes, BytesMut};
use divan::Bencher;
use divan::counter::{BytesCount, ItemsCount};
use serde_json::{Value, json};
use stonegate_protocol::framing::eventstream::Frame;
use stonegate_protocol::{
    Answering, Bounds, Capabilities, Door, Inbound, Learned, Relay, Target, Traits, anthropic, carry,
};

#[path = "../tests/support/translated.rs"]
mod translated;

use translated::Translated;

/// Size of the conversation, in bytes of JSON.
const CONVERSATION: usize = 200_000;
/// Deltas in one answer.
const DELTAS: usize = 1_000;

fn main() {
    divan::main();
}

/// What a coding agent sends: tools with schemas, a long system prompt, and a history of tool calls with source code in
/// their results.
fn messages_request() -> Bytes {
    let code =
        "fn main() {\n    let text = \"a \\\"quoted\\\" word\";\n    println!(\"{text}\");\n}\n".repeat(20);
    let properties: Value = (0..8)
        .map(|at| (format!("argument_{at}"), json!({"type": "string", "description": "What it is for."})))
        .collect::<serde_json::Map<_, _>>()
        .into();
    let tools: Vec<Value> = (0..12)
        .map(|tool| {
            json!({"name": format!("Tool{tool}"), "description": "A tool. ".repeat(100),
                   "input_schema": {"type": "object", "properties": properties, "required": ["argument_0"]}})
        })
        .collect();
    let mut messages = vec![json!({"role": "user", "content": [{"type": "text", "text": "Do it."}]})];
    let mut size = 30_000;
    for turn in 0.. {
        if size >= CONVERSATION {
            break;
        }
        let id = format!("toolu_{turn}");
        messages.push(json!({"role": "assistant", "content": [
            {"type": "thinking", "thinking": "I should look.", "signature": "c2ln".repeat(100)},
            {"type": "tool_use", "id": id, "name": "Tool1", "input": {"path": "src/main.rs", "limit": 100}}]}));
        messages.push(json!({"role": "user", "content": [
            {"type": "tool_result", "tool_use_id": id, "content": code}]}));
        size += code.len() + code.len() / 8 + 700;
    }
    let body = json!({"model": "m", "max_tokens": 32_000, "stream": true, "messages": messages, "tools": tools,
        "system": [{"type": "text", "text": "You are an agent. ".repeat(600), "cache_control": {"type": "ephemeral"}}],
        "thinking": {"type": "adaptive"}, "output_config": {"effort": "medium"}});
    Bytes::from(body.to_string())
}

/// From the bytes that the client sent to the bytes that Claude is sent, both halves of the translation between them.
#[divan::bench]
fn messages_to_conversation_to_claude(bencher: Bencher<'_, '_>) {
    let body = messages_request();
    bencher.counter(BytesCount::new(body.len())).bench(|| relay_of(&body));
}

/// From the bytes that the client sent to the conversation that they mean.
#[divan::bench]
fn messages_to_conversation(bencher: Bencher<'_, '_>) {
    let body = messages_request();
    bencher.counter(BytesCount::new(body.len())).bench(|| {
        let inbound = anthropic::parse(None, &[], body.clone()).unwrap();
        inbound.translate(&Answering::default()).map(|(request, _)| request).unwrap()
    });
}

fn relay_of(body: &Bytes) -> Relay {
    let inbound = Translated(Box::new(anthropic::parse(None, &[], body.clone()).unwrap()));
    let (capabilities, traits) = (Capabilities::default(), Traits::default());
    let target = Target {
        upstream_id: "m",
        door: Door::INVOKE,
        capabilities: &capabilities,
        traits: &traits,
        long_context: false,
    };
    let bounds = Bounds { input_tokens: 0, output_tokens: 32_000 };
    carry(&inbound, &target, &Learned::default(), bounds, &Answering::default()).unwrap().relay
}

/// From Claude's frames to a Messages client's events, by way of the conversation's events.
#[divan::bench]
fn claude_event_to_messages_event(bencher: Bencher<'_, '_>) {
    let body = Bytes::from_static(
        br#"{"model":"m","max_tokens":9,"stream":true,"messages":[{"role":"user","content":"Hi"}]}"#,
    );
    let mut chunks = BytesMut::new();
    for event in [
        r#"{"type":"message_start","message":{"id":"m","model":"m","usage":{"input_tokens":1,"output_tokens":1}}}"#,
        r#"{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}"#,
    ] {
        frame(event).encode(&mut chunks).unwrap();
    }
    let delta = frame(
        r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Some words of it. "}}"#,
    );
    for _ in 0..DELTAS {
        delta.encode(&mut chunks).unwrap();
    }
    let chunks = chunks.freeze();
    bencher.counter(ItemsCount::new(DELTAS)).with_inputs(|| relay_of(&body)).bench_local_values(
        |mut relay| {
            let mut out = BytesMut::with_capacity(200 * DELTAS);
            relay.push(chunks.clone(), &mut out);
            out
        },
    );
}

fn frame(event: &str) -> Frame {
    let encoded = base64::engine::general_purpose::STANDARD.encode(event);
    let headers =
        [(":event-type", "chunk"), (":content-type", "application/json"), (":message-type", "event")];
    Frame::new(&headers, format!(r#"{{"bytes":"{encoded}","p":"abcdefgh"}}"#))
}
