//! The hot path: reading and carrying a request, and re-framing a stream.
//!
//! `cargo bench -p stonegate-protocol`

#![expect(clippy::unwrap_used, reason = "what a test cannot go on without may stop it")]

use base64::Engine as _;
use bytes::{Bytes, BytesMut};
use divan::Bencher;
use divan::counter::{BytesCount, ItemsCount};
use serde_json::{Value, json};
use stonegate_protocol::framing::eventstream::Frame;
use stonegate_protocol::{
    Answering, Bounds, Capabilities, Door, Learned, Relay, Target, Traits, anthropic, carry,
};

const BETAS: &str = "claude-code-20250219,interleaved-thinking-2025-05-14,context-management-2025-06-27,\
                     per-turn-control-2026-07-01,advanced-tool-use-2025-11-20,effort-2025-11-24";

fn main() {
    divan::main();
}

/// What a coding agent sends: tools with schemas, a long system prompt, and a history of tool calls with source code in
/// their results, up to about so many bytes.
fn agentic_request(bytes: usize) -> Bytes {
    let code =
        "fn main() {\n    let text = \"a \\\"quoted\\\" word\";\n    println!(\"{text}\");\n}\n// 世界\n"
            .repeat(20);
    let tools: Vec<Value> = (0..12)
        .map(|tool| {
            let properties: serde_json::Map<String, Value> = (0..8)
                .map(|at| {
                    (format!("argument_{at}"), json!({"type": "string", "description": "What it is for."}))
                })
                .collect();
            json!({"name": format!("Tool{tool}"), "description": "A tool. ".repeat(100),
                   "input_schema": {"type": "object", "properties": properties, "required": ["argument_0"]}})
        })
        .collect();
    let mut messages = vec![
        json!({"role": "user", "content": [{"type": "text", "text": "Do it."}]}),
        json!({"role": "system", "content": [{"type": "text", "text": "Note.", "cache_control": {"type": "ephemeral"}}],
               "output_config": {"effort": "medium"}}),
    ];
    let mut size = 30_000;
    for turn in 0.. {
        if size >= bytes {
            break;
        }
        let id = format!("toolu_{turn}");
        messages.push(json!({"role": "assistant", "content": [
            {"type": "thinking", "thinking": "I should look.", "signature": "c2ln".repeat(100)},
            {"type": "tool_use", "id": id, "name": "Read", "input": {"path": "src/main.rs", "limit": 100}}]}));
        messages.push(json!({"role": "user", "content": [
            {"type": "tool_result", "tool_use_id": id, "content": code, "is_error": false}]}));
        size += code.len() + code.len() / 8 + 700;
    }
    let body = json!({"model": "claude-opus-5-5", "max_tokens": 128_000, "stream": true, "messages": messages,
        "system": [{"type": "text", "text": "x-anthropic-billing-header: cc_version=2.1.329; cc_entrypoint=cli;"},
                   {"type": "text", "text": "You are an agent. ".repeat(600), "cache_control": {"type": "ephemeral"}}],
        "tools": tools, "thinking": {"type": "adaptive", "display": "omitted"}, "output_config": {"effort": "medium"},
        "context_management": {"edits": [{"type": "clear_thinking_20251015", "keep": "all"}]},
        "metadata": {"user_id": "{\"session_id\":\"x\"}"}});
    Bytes::from(body.to_string())
}

#[divan::bench(args = [1_300, 50_000, 206_000])]
fn parse_and_carry(bencher: Bencher<'_, '_>, bytes: usize) {
    let body = if bytes < 10_000 { small_request() } else { agentic_request(bytes) };
    let capabilities = Capabilities::default();
    let target = Target {
        upstream_id: "us.anthropic.claude-opus-5-5",
        door: Door::INVOKE,
        capabilities: &capabilities,
        traits: &Traits::default(),
        long_context: false,
    };
    let learned = Learned::default();
    bencher.counter(BytesCount::new(body.len())).bench(|| {
        let inbound = anthropic::parse(Some("2023-06-01"), &[BETAS], body.clone()).unwrap();
        carry(
            &inbound,
            &target,
            &learned,
            Bounds { input_tokens: 0, output_tokens: 64_000 },
            &Answering::default(),
        )
        .unwrap()
        .outbound
        .body
        .len()
    });
}

#[divan::bench(args = [206_000])]
fn parse_only(bencher: Bencher<'_, '_>, bytes: usize) {
    let body = agentic_request(bytes);
    bencher
        .counter(BytesCount::new(body.len()))
        .bench(|| anthropic::parse(Some("2023-06-01"), &[BETAS], body.clone()).unwrap().max_tokens());
}

fn small_request() -> Bytes {
    let text = "Say it. ".repeat(150);
    Bytes::from(
        json!({"model": "claude-sonnet-5-5", "max_tokens": 1024, "messages": [{"role": "user", "content": text}]})
            .to_string(),
    )
}

fn relay() -> Relay {
    let body = Bytes::from_static(br#"{"model":"m","max_tokens":64000,"stream":true,"messages":[]}"#);
    let inbound = anthropic::parse(None, &[], body).unwrap();
    let capabilities = Capabilities::default();
    let target = Target {
        upstream_id: "m",
        door: Door::INVOKE,
        capabilities: &capabilities,
        traits: &Traits::default(),
        long_context: false,
    };
    carry(
        &inbound,
        &target,
        &Learned::default(),
        Bounds { input_tokens: 0, output_tokens: 64_000 },
        &Answering::default(),
    )
    .unwrap()
    .relay
}

/// A stream of 200 deltas, in reads of so many events.
#[divan::bench(args = [1, 16, 200])]
fn stream_of_200_deltas(bencher: Bencher<'_, '_>, events_a_read: usize) {
    let chunks: Vec<Bytes> = (0..200).collect::<Vec<_>>().chunks(events_a_read).map(deltas).collect();
    let mut out = BytesMut::with_capacity(64 * 1024);
    bencher.counter(ItemsCount::new(200_usize)).bench_local(|| {
        let mut relay = relay();
        out.clear();
        for chunk in &chunks {
            relay.push(chunk.clone(), &mut out);
        }
        (out.len(), relay.seen().output_tokens)
    });
}

fn deltas(numbers: &[i32]) -> Bytes {
    let mut bytes = BytesMut::new();
    for number in numbers {
        let event = format!(
            r#"{{"type":"content_block_delta","index":0,"delta":{{"type":"text_delta","text":"word number {number} "}}}}"#
        );
        let encoded = base64::engine::general_purpose::STANDARD.encode(event);
        let payload = format!(r#"{{"bytes":"{encoded}","p":"abcdefghijklmnopqrstuvwxyz"}}"#);
        let headers =
            [(":event-type", "chunk"), (":content-type", "application/json"), (":message-type", "event")];
        Frame::new(&headers, payload).encode(&mut bytes).unwrap();
    }
    bytes.freeze()
}
