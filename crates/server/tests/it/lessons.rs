//! What clients of other gateways complained of: requests as the newest clients send them.

use serde_json::{Value, json};

use crate::client::Request;
use crate::gateway::{SONNET, TestGateway, ask, streamed, with};

/// A turn as Claude Code 2.1.329 sends it in a session with tools.
fn claude_code_turn(signature: &str) -> Value {
    json!({
        "model": SONNET,
        "max_tokens": 64_000,
        "stream": true,
        "system": [
            { "type": "text", "text": "x-anthropic-billing-header: cc_version=2.1.329; cc_entrypoint=cli;" },
            { "type": "text", "text": "You are Claude Code.", "cache_control": { "type": "ephemeral", "ttl": "1h" } },
        ],
        "messages": [
            { "role": "user", "content": [
                { "type": "text", "text": "<system-reminder>Be brief.</system-reminder>" },
                { "type": "text", "text": "List the files, please" },
            ] },
            { "role": "system", "content": "The user prefers short answers." },
            { "role": "assistant", "content": [
                { "type": "thinking", "thinking": "I shall list them.", "signature": signature },
                { "type": "tool_use", "id": "toolu_01", "name": "Bash", "input": { "command": "ls" } },
                { "type": "tool_use", "id": "toolu_02", "name": "Bash", "input": { "command": "pwd" } },
            ] },
            { "role": "user", "content": [
                { "type": "tool_result", "tool_use_id": "toolu_01", "content": "a\nb" },
                { "type": "tool_result", "tool_use_id": "toolu_02", "is_error": true,
                  "content": [{ "type": "text", "text": "no" }],
                  "cache_control": { "type": "ephemeral", "ttl": "1h" } },
            ] },
        ],
        "tools": [{
            "name": "Bash", "description": "Runs a command",
            "input_schema": {
                "$schema": "https://json-schema.org/draft/2020-12/schema", "type": "object",
                "properties": { "command": { "type": "string" } }, "required": ["command"],
                "additionalProperties": false,
            },
        }],
        "thinking": { "type": "adaptive", "display": "omitted" },
        "context_management": { "edits": [{ "type": "clear_thinking_20251015", "keep": "all" }] },
        "output_config": { "effort": "medium" },
        "metadata": { "user_id": "{\"device_id\":\"d\",\"session_id\":\"s\"}" },
    })
}

const CLAUDE_CODE_BETAS: &str = "claude-code-20250219,interleaved-thinking-2025-05-14,context-management-2025-06-27,\
per-turn-control-2026-07-01,mid-conversation-tool-changes-2026-07-01,thinking-token-count-2026-05-13,\
advanced-tool-use-2025-11-20,effort-2025-11-24";

#[tokio::test]
async fn a_turn_of_claude_code_is_served_as_it_is() {
    let gateway = TestGateway::start().await;
    let body = claude_code_turn(&gateway.simulator.sign_thinking("I shall list them."));
    let request = Request::post("/v1/messages?beta=true", body.to_string())
        .header("anthropic-version", "2023-06-01")
        .header("anthropic-beta", CLAUDE_CODE_BETAS)
        .header("user-agent", "claude-cli/2.1.329 (external, cli)")
        .header("x-claude-code-session-id", "0b1e7a52");
    let answer = gateway.send(request).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.events().last().expect("events").name, "message_stop");
    let sent = gateway.sent_upstream();
    for member in
        ["system", "messages", "tools", "thinking", "context_management", "output_config", "metadata"]
    {
        assert_eq!(sent[member], body[member], "`{member}` travels unchanged");
    }
    gateway.finish().await;
}

#[tokio::test]
async fn a_cache_mark_loses_only_what_bedrock_refuses() {
    let gateway = TestGateway::start().await;
    let system = json!([{ "type": "text", "text": "Be brief.",
        "cache_control": { "type": "ephemeral", "ttl": "1h", "scope": "global" } }]);
    let answer = gateway.messages(&with(ask("Hello"), json!({ "system": system }))).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let sent = gateway.sent_upstream();
    assert_eq!(sent["system"][0]["cache_control"], json!({ "type": "ephemeral", "ttl": "1h" }));
    gateway.finish().await;
}

#[tokio::test]
async fn redacted_and_empty_thinking_come_back_as_they_were_given() {
    let gateway = TestGateway::start().await;
    let thinking = json!({ "thinking": { "type": "adaptive" }, "max_tokens": 4_000 });
    let first = gateway.messages(&with(ask("[sim: redact; think 20; text Well]"), thinking.clone())).await;
    assert_eq!(first.status, 200, "{}", first.text());
    let content = first.json()["content"].clone();
    let kinds: Vec<&str> =
        content.as_array().expect("blocks").iter().filter_map(|block| block["type"].as_str()).collect();
    assert_eq!(kinds, ["redacted_thinking", "thinking", "text"]);
    let turns = json!([
        { "role": "user", "content": "Well?" },
        { "role": "assistant", "content": content },
        { "role": "user", "content": "Go on, please" },
    ]);
    let second =
        gateway.messages(&streamed(with(with(ask(""), thinking), json!({ "messages": turns })))).await;
    assert_eq!(second.status, 200, "the seal is whole: {}", second.text());
    let sent = gateway.invocations()[1].json().expect("JSON");
    assert_eq!(sent["messages"], turns);
    gateway.finish().await;
}

#[tokio::test]
async fn parallel_tool_calls_keep_their_places_in_a_stream() {
    let gateway = TestGateway::start().await;
    let tools: Vec<Value> = ["Read", "Write"]
        .iter()
        .map(|name| json!({ "name": name, "description": "A tool", "input_schema": { "type": "object" } }))
        .collect();
    let prompt = r#"[sim: text Both; tool Read {"path":"a"}; tool Write {"path":"b"}]"#;
    let answer = gateway.messages(&streamed(with(ask(prompt), json!({ "tools": tools })))).await;
    let mut inputs = vec![String::new(); 3];
    for event in
        answer.events().iter().filter(|event| event.name == "content_block_delta").map(|event| event.json())
    {
        let index = usize::try_from(event["index"].as_u64().expect("an index")).expect("small");
        inputs[index].push_str(event["delta"]["partial_json"].as_str().unwrap_or_default());
    }
    assert_eq!(inputs[1..], [r#"{"path":"a"}"#, r#"{"path":"b"}"#]);
    gateway.finish().await;
}

#[tokio::test]
async fn a_large_stream_arrives_whole() {
    let gateway = TestGateway::start().await;
    let long = "0123456789abcdef".repeat(20_000);
    let events = [
        r#"{"type":"message_start","message":{"id":"m","type":"message","role":"assistant","model":"x","content":[],"stop_reason":null,"stop_sequence":null,"usage":{"input_tokens":12,"output_tokens":1}}}"#.to_owned(),
        r#"{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}"#.to_owned(),
        format!(r#"{{"type":"content_block_delta","index":0,"delta":{{"type":"text_delta","text":"{long}"}}}}"#),
        r#"{"type":"content_block_stop","index":0}"#.to_owned(),
        r#"{"type":"message_delta","delta":{"stop_reason":"end_turn","stop_sequence":null},"usage":{"output_tokens":5}}"#.to_owned(),
        r#"{"type":"message_stop"}"#.to_owned(),
    ];
    gateway.simulator.script(stonegate_simulator::Behaviour::events(events.iter().map(String::as_str)));
    let answer = gateway.messages(&streamed(ask("Hello"))).await;
    let data: Vec<String> = answer.events().into_iter().map(|event| event.data).collect();
    assert!(data == events, "320 KB in one event");
    gateway.finish().await;
}
