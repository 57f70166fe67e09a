//! Every dialect against every API: a coding agent's conversation of 200 KB on its way up, and one event of a stream on its
//! way down.
//!
//! `cargo bench -p stonegate-protocol --bench pairs`. The bounds: less than a millisecond for the conversation, less than
//! five microseconds for the event.

#![expect(clippy::unwrap_used, reason = "what a test cannot go on without may stop it")]

use base64::Engine as _;
use bytes::{Bytes, BytesMut};
use divan::Bencher;
use divan::counter::{BytesCount, ItemsCount};
use serde_json::{Value, json};
use stonegate_protocol::framing::eventstream::Frame;
use stonegate_protocol::traits::Feature;
use stonegate_protocol::{
    Answering, Bounds, Capabilities, Carried, Door, Inbound, Learned, Service, Surface, Target, Traits,
    anthropic, bedrock_native, carry, converse, openai_chat, openai_responses,
};

/// Size of the conversation, in bytes of JSON.
const CONVERSATION: usize = 200_000;
/// Deltas in one answer.
const DELTAS: usize = 1_000;

fn main() {
    divan::main();
}

/// Every client with every door: `chat-claude`.
fn pairs() -> Vec<String> {
    let clients = ["messages", "chat", "responses", "converse", "invoke"];
    let doors = ["claude", "nova", "oss", "gpt"];
    clients.iter().flat_map(|client| doors.map(|door| format!("{client}-{door}"))).collect()
}

/// One of the doors, and whose model stands behind it.
fn door(name: &str) -> (Door<'static>, &'static str) {
    let door = |surface| Door { service: Service::Runtime, surface, prefix: "/openai/v1" };
    match name {
        "claude" => (Door::INVOKE, "anthropic"),
        "nova" => (Door::CONVERSE, "amazon"),
        "oss" => (door(Surface::OpenaiChat), "openai"),
        _ => (door(Surface::OpenaiResponses), "openai"),
    }
}

fn carried(inbound: &dyn Inbound, to: &str) -> Carried {
    let (door, family) = door(to);
    let features = [Feature::Tools, Feature::ForcedToolChoice, Feature::Reasoning, Feature::PromptCache];
    let traits = Traits {
        family: family.to_owned(),
        features: features.into(),
        max_output_tokens: 64_000,
        ..Traits::default()
    };
    let capabilities = Capabilities::default();
    let target =
        Target { upstream_id: "m", door, capabilities: &capabilities, traits: &traits, long_context: false };
    let bounds = Bounds { input_tokens: 100_000, output_tokens: 64_000 };
    carry(inbound, &target, &Learned::default(), bounds, &Answering::default()).unwrap()
}

fn parsed(client: &str, body: Bytes) -> Box<dyn Inbound> {
    match client {
        "messages" => Box::new(anthropic::parse(None, &[], body).unwrap()),
        "chat" => Box::new(openai_chat::parse(body).unwrap()),
        "responses" => Box::new(openai_responses::parse(body).unwrap()),
        "converse" => Box::new(converse::parse(body, true, "m").unwrap()),
        _ => Box::new(bedrock_native::parse(body, true, "m", |_| None).unwrap()),
    }
}

/// What a coding agent sends: tools with schemas, a long system prompt, and a history of tool calls with source code in
/// their results.
fn agentic(client: &str) -> Bytes {
    let code =
        "fn main() {\n    let text = \"a \\\"quoted\\\" word\";\n    println!(\"{text}\");\n}\n".repeat(20);
    let schema = json!({"type": "object", "required": ["path"], "properties": {"path": {"type": "string", "description": "Where."}}});
    let (about, prompt) = ("A tool. ".repeat(100), "You are an agent. ".repeat(600));
    let mut tools = Vec::new();
    for number in 0..12 {
        let name = format!("Tool{number}");
        tools.push(match client {
            "chat" => json!({"type": "function", "function": {"name": name, "description": about, "parameters": schema}}),
            "responses" => json!({"type": "function", "name": name, "description": about, "parameters": schema, "strict": false}),
            "converse" => json!({"toolSpec": {"name": name, "description": about, "inputSchema": {"json": schema}}}),
            _ => json!({"name": name, "description": about, "input_schema": schema}),
        });
    }
    let mut turns = Vec::new();
    let mut size = 25_000;
    for turn in 0.. {
        if size >= CONVERSATION {
            break;
        }
        let id = format!("call_{turn}");
        let (input, text) =
            (json!({"path": "src/main.rs", "limit": 100}), r#"{"path":"src/main.rs","limit":100}"#);
        turns.extend(match client {
            "chat" => [
                json!({"role": "assistant", "content": "I look.", "tool_calls": [{"id": id, "type": "function", "function": {"name": "Tool1", "arguments": text}}]}),
                json!({"role": "tool", "tool_call_id": id, "content": code}),
            ],
            "responses" => [
                json!({"type": "function_call", "call_id": id, "name": "Tool1", "arguments": text}),
                json!({"type": "function_call_output", "call_id": id, "output": code}),
            ],
            "converse" => [
                json!({"role": "assistant", "content": [{"text": "I look."}, {"toolUse": {"toolUseId": id, "name": "Tool1", "input": input}}]}),
                json!({"role": "user", "content": [{"toolResult": {"toolUseId": id, "content": [{"text": code}]}}]}),
            ],
            _ => [
                json!({"role": "assistant", "content": [{"type": "text", "text": "I look."}, {"type": "tool_use", "id": id, "name": "Tool1", "input": input}]}),
                json!({"role": "user", "content": [{"type": "tool_result", "tool_use_id": id, "content": code}]}),
            ],
        });
        size += code.len() + code.len() / 8 + 300;
    }
    let first = match client {
        "converse" => json!({"role": "user", "content": [{"text": "Do it."}]}),
        _ => json!({"role": "user", "content": "Do it."}),
    };
    turns.insert(0, first);
    let body = match client {
        "chat" => {
            turns.insert(0, json!({"role": "system", "content": prompt}));
            json!({"model": "m", "max_completion_tokens": 64_000, "stream": true, "messages": turns, "tools": tools})
        }
        "responses" => {
            json!({"model": "m", "max_output_tokens": 64_000, "stream": true, "instructions": prompt, "input": turns, "tools": tools})
        }
        "converse" => {
            json!({"system": [{"text": prompt}], "messages": turns, "toolConfig": {"tools": tools}, "inferenceConfig": {"maxTokens": 64_000}})
        }
        "messages" => {
            json!({"model": "m", "max_tokens": 64_000, "stream": true, "system": prompt, "messages": turns, "tools": tools})
        }
        _ => {
            json!({"anthropic_version": "bedrock-2023-05-31", "max_tokens": 64_000, "system": prompt, "messages": turns, "tools": tools})
        }
    };
    Bytes::from(body.to_string())
}

/// From the bytes that the client sent to the bytes that go upstream.
#[divan::bench(args = pairs())]
fn conversation(bencher: Bencher<'_, '_>, pair: &str) {
    let (client, to) = pair.split_once('-').unwrap();
    let body = agentic(client);
    bencher
        .counter(BytesCount::new(body.len()))
        .bench(|| carried(&*parsed(client, body.clone()), to).outbound.body.len());
}

fn small(client: &str) -> Bytes {
    let message = json!([{"role": "user", "content": "Hi"}]);
    let body = match client {
        "chat" => json!({"model": "m", "stream": true, "messages": message}),
        "responses" => json!({"model": "m", "stream": true, "input": "Hi"}),
        "converse" => json!({"messages": [{"role": "user", "content": [{"text": "Hi"}]}]}),
        "messages" => json!({"model": "m", "max_tokens": 9, "stream": true, "messages": message}),
        _ => json!({"anthropic_version": "bedrock-2023-05-31", "max_tokens": 9, "messages": message}),
    };
    Bytes::from(body.to_string())
}

/// The beginning of a stream and a thousand pieces of text, as the door's API sends them.
fn stream(from: &str) -> Bytes {
    let text = "Some words of it. ";
    let (start, delta) = match from {
        "claude" => (
            vec![
                json!({"type": "message_start", "message": {"id": "m", "model": "m", "usage": {"input_tokens": 1, "output_tokens": 1}}}),
                json!({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}),
            ],
            json!({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}}),
        ),
        "nova" => (
            vec![json!({"messageStart": {"role": "assistant"}})],
            json!({"contentBlockDelta": {"contentBlockIndex": 0, "delta": {"text": text}, "p": "abcdefghijkl"}}),
        ),
        "oss" => (
            vec![
                json!({"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [{"index": 0, "delta": {"role": "assistant", "content": ""}, "finish_reason": null}]}),
            ],
            json!({"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [{"index": 0, "delta": {"content": text}, "finish_reason": null}]}),
        ),
        _ => (
            vec![
                json!({"type": "response.created", "sequence_number": 0, "response": {"id": "r", "status": "in_progress", "model": "m"}}),
                json!({"type": "response.output_item.added", "sequence_number": 1, "output_index": 0, "item": {"type": "message", "id": "msg_1", "content": []}}),
            ],
            json!({"type": "response.output_text.delta", "sequence_number": 2, "output_index": 0, "content_index": 0, "item_id": "msg_1", "delta": text}),
        ),
    };
    let mut bytes = BytesMut::new();
    start.iter().for_each(|event| write(from, event, &mut bytes));
    (0..DELTAS).for_each(|_| write(from, &delta, &mut bytes));
    bytes.freeze()
}

fn write(from: &str, event: &Value, bytes: &mut BytesMut) {
    let framed = |kind: &str, payload: String, bytes: &mut BytesMut| {
        let headers =
            [(":event-type", kind), (":content-type", "application/json"), (":message-type", "event")];
        Frame::new(&headers, payload).encode(bytes).unwrap();
    };
    match from {
        "claude" => {
            let encoded = base64::engine::general_purpose::STANDARD.encode(event.to_string());
            framed("chunk", format!(r#"{{"bytes":"{encoded}","p":"abcdefgh"}}"#), bytes);
        }
        "nova" => {
            let (kind, payload) = event.as_object().unwrap().iter().next().unwrap();
            framed(kind, payload.to_string(), bytes);
        }
        _ => bytes.extend_from_slice(format!("data: {event}\n\n").as_bytes()),
    }
}

/// From the bytes that came from upstream to those that the client gets.
#[divan::bench(args = pairs())]
fn event(bencher: Bencher<'_, '_>, pair: &str) {
    let (client, from) = pair.split_once('-').unwrap();
    let inbound = parsed(client, small(client));
    let stream = stream(from);
    bencher
        .counter(ItemsCount::new(DELTAS))
        .with_inputs(|| carried(&*inbound, from).relay)
        .bench_local_values(|mut relay| {
            let mut out = BytesMut::with_capacity(400 * DELTAS);
            relay.push(stream.clone(), &mut out);
            assert!(out.len() > 50 * DELTAS && relay.failure().is_none());
            out
        });
}
