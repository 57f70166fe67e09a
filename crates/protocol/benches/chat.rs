//! A chat client's calls: read and translated for Claude, passed through to a model that speaks the dialect, and their
//! streams on the way back.
//!
//! `cargo bench -p stonegate-protocol --bench chat`

#![expect(clippy::unwrap_used, reason = "what a test cannot go on without may stop it")]

use base64::Engine as _;
use bytes::{Bytes, BytesMut};
use divan::Bencher;
use divan::counter::{BytesCount, ItemsCount};
use serde_json::{Value, json};
use stonegate_protocol::framing::eventstream::Frame;
use stonegate_protocol::traits::Feature;
use stonegate_protocol::{
    Answering, Bounds, Capabilities, Carried, Door, Learned, Service, Surface, Target, Traits, carry,
    openai_chat,
};

const BOUNDS: Bounds = Bounds { input_tokens: 100_000, output_tokens: 64_000 };

fn main() {
    divan::main();
}

/// What a coding agent sends: tools, a long system prompt, and a history of tool calls with source code in their results,
/// up to about so many bytes.
fn agentic_request(bytes: usize) -> Bytes {
    let code =
        "fn main() {\n    let text = \"a \\\"quoted\\\" word\";\n    println!(\"{text}\");\n}\n// 世界\n"
            .repeat(20);
    let tools: Vec<Value> = (0..12)
        .map(|tool| {
            json!({"type": "function", "function": {"name": format!("Tool{tool}"), "description": "A tool. ".repeat(100),
                   "parameters": {"type": "object", "properties": {"path": {"type": "string", "description": "Where."}}}}})
        })
        .collect();
    let mut messages = vec![
        json!({"role": "system", "content": "You are an agent. ".repeat(600)}),
        json!({"role": "user", "content": "Do it."}),
    ];
    let mut size = 25_000;
    for turn in 0.. {
        if size >= bytes {
            break;
        }
        let id = format!("call_{turn}");
        let function = json!({"name": "Tool1", "arguments": "{\"path\": \"src/main.rs\"}"});
        messages.push(json!({"role": "assistant", "content": null, "reasoning_content": "I should look.",
            "reasoning_details": [{"type": "reasoning.text", "text": "I should look.", "signature": "c2ln".repeat(100), "index": 0}],
            "tool_calls": [{"id": id, "type": "function", "function": function}]}));
        messages.push(json!({"role": "tool", "tool_call_id": id, "content": code}));
        size += code.len() + code.len() / 8 + 800;
    }
    let body = json!({"model": "claude-opus-5-5", "max_completion_tokens": 64_000, "stream": true, "messages": messages,
        "stream_options": {"include_usage": true}, "tools": tools, "reasoning_effort": "medium"});
    Bytes::from(body.to_string())
}

fn small_request() -> Bytes {
    let text = "Say it. ".repeat(150);
    Bytes::from(
        json!({"model": "claude-opus-5-5", "max_tokens": 1024, "stream": true, "messages": [{"role": "user", "content": text}]})
            .to_string(),
    )
}

fn carried(body: &Bytes, family: &str, door: Door<'_>) -> Carried {
    let inbound = openai_chat::parse(body.clone()).unwrap();
    let capabilities = Capabilities::default();
    let features = [Feature::Tools, Feature::ForcedToolChoice, Feature::Reasoning].into_iter().collect();
    let traits =
        Traits { family: family.to_owned(), features, max_output_tokens: 64_000, ..Traits::default() };
    let target =
        Target { upstream_id: "m", door, capabilities: &capabilities, traits: &traits, long_context: false };
    carry(&inbound, &target, &Learned::default(), BOUNDS, &Answering::default()).unwrap()
}

const CHAT: Door<'static> =
    Door { service: Service::Mantle, surface: Surface::OpenaiChat, prefix: "/openai/v1" };

#[divan::bench(args = [1_300, 206_000])]
fn to_claude(bencher: Bencher<'_, '_>, bytes: usize) {
    let body = if bytes < 10_000 { small_request() } else { agentic_request(bytes) };
    bencher
        .counter(BytesCount::new(body.len()))
        .bench(|| carried(&body, "anthropic", Door::INVOKE).outbound.body.len());
}

#[divan::bench(args = [1_300, 206_000])]
fn passed_through(bencher: Bencher<'_, '_>, bytes: usize) {
    let body = if bytes < 10_000 { small_request() } else { agentic_request(bytes) };
    bencher.counter(BytesCount::new(body.len())).bench(|| carried(&body, "xai", CHAT).outbound.body.len());
}

/// 200 deltas of Claude's, as chunks.
#[divan::bench]
fn stream_of_200_deltas_from_claude(bencher: Bencher<'_, '_>) {
    let headers =
        [(":event-type", "chunk"), (":content-type", "application/json"), (":message-type", "event")];
    let mut stream = BytesMut::new();
    let start = r#"{"type":"message_start","message":{"id":"m","model":"m","usage":{"input_tokens":1,"output_tokens":1}}}"#;
    let block = r#"{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}"#;
    let deltas = (0..200).map(|number| {
        format!(r#"{{"type":"content_block_delta","index":0,"delta":{{"type":"text_delta","text":"word number {number} "}}}}"#)
    });
    for event in [start.to_owned(), block.to_owned()].into_iter().chain(deltas) {
        let encoded = base64::engine::general_purpose::STANDARD.encode(event);
        let payload = format!(r#"{{"bytes":"{encoded}","p":"abcdefghijklmnopqrstuvwxyz"}}"#);
        Frame::new(&headers, payload).encode(&mut stream).unwrap();
    }
    run(bencher, "anthropic", Door::INVOKE, &stream.freeze());
}

/// 200 chunks on their way through.
#[divan::bench]
fn stream_of_200_chunks_passed_through(bencher: Bencher<'_, '_>) {
    let chunks: String = (0..200)
        .map(|number| {
            format!("data: {{\"id\":\"chatcmpl-1\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"xai.grok\",\"choices\":[{{\"index\":0,\"delta\":{{\"content\":\"word number {number} \"}},\"finish_reason\":null}}],\"usage\":null}}\n\n")
        })
        .collect();
    run(bencher, "xai", CHAT, &Bytes::from(chunks));
}

fn run(bencher: Bencher<'_, '_>, family: &str, door: Door<'_>, stream: &Bytes) {
    let body = small_request();
    let mut out = BytesMut::with_capacity(128 * 1024);
    bencher.counter(ItemsCount::new(200_usize)).bench_local(|| {
        let mut relay = carried(&body, family, door).relay;
        out.clear();
        relay.push(stream.clone(), &mut out);
        (out.len(), relay.seen().output_tokens)
    });
}
