//! Messages requests on their way to models that do not speak the dialect, and the answers on their way back.
//!
//! Both halves are looked at by sending a Messages request to Claude by way of the conversation: what comes out has to mean
//! what goes in.

#![expect(clippy::unwrap_used, clippy::panic, reason = "what a test cannot go on without may stop it")]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::sync::LazyLock;

use bytes::{Bytes, BytesMut};
use serde_json::{Value, json};
use stonegate_protocol::conversation::{Content, Media, Request, Source};
use stonegate_protocol::framing::eventstream::Frame;
use stonegate_protocol::framing::sse;
use stonegate_protocol::{
    Answering, Bounds, Carried, Door, Ending, Fetched, Inbound, Learned, Target, Unsupported, UpstreamEnd,
    anthropic, carry,
};

#[path = "support/claude.rs"]
mod claude;
mod support;
#[path = "support/translated.rs"]
mod translated;

use claude::claude;
use support::{START, STOP, STOP_DELTA, answer, bytes, chunk, exception, relayed};
use translated::Translated;

fn parse(body: &str) -> anthropic::Inbound {
    anthropic::parse(None, &[], Bytes::copy_from_slice(body.as_bytes())).unwrap()
}

fn understood(body: &str) -> Result<Request, Unsupported> {
    parse(body).translate(&Answering::default()).map(|(request, _)| request)
}

fn to_claude(inbound: anthropic::Inbound) -> Result<Carried, Unsupported> {
    static CLAUDE: LazyLock<claude::Claude> = LazyLock::new(|| claude("opus_5_5"));
    let claude = &*CLAUDE;
    let target = Target {
        upstream_id: claude.id,
        door: Door::INVOKE,
        capabilities: &claude.capabilities,
        traits: &claude.traits,
        long_context: false,
    };
    let bounds = Bounds { input_tokens: 1_000, output_tokens: 8_000 };
    let answering = Answering { call: "req_1".to_owned(), ..Answering::default() };
    carry(&Translated(Box::new(inbound)), &target, &Learned::default(), bounds, &answering)
}

/// The members of a request whose message has this content.
fn with_content(content: &Value) -> String {
    json!({ "model": "m", "max_tokens": 100, "messages": [{ "role": "user", "content": content }] })
        .to_string()
}

fn with_members(members: &Value) -> String {
    let mut body =
        json!({ "model": "m", "max_tokens": 100, "messages": [{ "role": "user", "content": "Hi" }] });
    body.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    body.to_string()
}

#[test]
fn every_request_is_translated_or_refused_by_name() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/fixtures/anthropic");
    let mut paths: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let mut text = String::new();
    for path in paths {
        let fixture: Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
        let body = Bytes::from(fixture["body"].to_string());
        let Ok(inbound) = anthropic::parse(fixture["version"].as_str(), &[], body) else {
            continue;
        };
        writeln!(text, "== {}", path.file_stem().unwrap().to_str().unwrap()).unwrap();
        match to_claude(inbound) {
            Ok(carried) => {
                for dropped in &carried.dropped {
                    writeln!(text, "(dropped) {dropped}").unwrap();
                }
                writeln!(text, "{}", str::from_utf8(&carried.outbound.body.to_bytes()).unwrap()).unwrap();
            }
            Err(refused) => writeln!(text, "refused at {}: {}", refused.member, refused.message).unwrap(),
        }
    }
    insta::with_settings!({ snapshot_path => "golden/snapshots", prepend_module_to_snapshot => false }, {
        insta::assert_snapshot!("messages_translated", text);
    });
}

#[test]
fn what_claude_is_asked_means_what_the_client_asked() {
    let body = json!({
        "model": "m",
        "max_tokens": 5000,
        "system": [{ "type": "text", "text": "Be terse.", "cache_control": { "type": "ephemeral", "ttl": "1h" } }],
        "messages": [
            { "role": "user", "content": [
                { "type": "image", "source": { "type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo=" } },
                { "type": "document", "source": { "type": "base64", "media_type": "application/pdf", "data": "JVBERi0=" },
                  "title": "T", "context": "C", "citations": { "enabled": true } },
                { "type": "document", "source": { "type": "text", "media_type": "text/plain", "data": "Words" } },
                { "type": "search_result", "source": "s", "title": "t", "content": [{ "type": "text", "text": "x" }],
                  "citations": { "enabled": true } },
                { "type": "text", "text": "Look.", "cache_control": { "type": "ephemeral" } },
            ] },
            { "role": "system", "content": [{ "type": "text", "text": "In German." }] },
            { "role": "assistant", "content": [
                { "type": "thinking", "thinking": "Hm", "signature": "c2ln" },
                { "type": "redacted_thinking", "data": "c2VhbA==" },
                { "type": "text", "text": "I look.", "citations": [
                    { "type": "char_location", "cited_text": "W", "document_index": 0, "document_title": null,
                      "start_char_index": 0, "end_char_index": 1 } ] },
                { "type": "tool_use", "id": "toolu_1", "name": "f", "input": { "b": 1.50, "a": [] } },
                { "type": "tool_use", "id": "toolu_2", "name": "f", "input": {} },
            ] },
            { "role": "user", "content": [
                { "type": "tool_result", "tool_use_id": "toolu_1", "content": [
                    { "type": "text", "text": "1" },
                    { "type": "image", "source": { "type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo=" } } ] },
                { "type": "tool_result", "tool_use_id": "toolu_2", "content": [{ "type": "text", "text": "no" }], "is_error": true },
                { "type": "text", "text": "Go on." },
            ] },
        ],
        "tools": [{ "name": "f", "description": "F", "input_schema": { "type": "object", "properties": { "b": { "type": "number" } } },
                    "cache_control": { "type": "ephemeral", "ttl": "1h" } }],
        "tool_choice": { "type": "auto", "disable_parallel_tool_use": true },
        "thinking": { "type": "adaptive", "display": "summarized" },
        "output_config": { "effort": "high", "format": { "type": "json_schema", "schema": {
            "type": "object", "properties": { "z": { "type": "string" } }, "additionalProperties": false } } },
        "stop_sequences": ["END"],
        "metadata": { "user_id": "u" },
    });
    let carried = to_claude(parse(&body.to_string())).unwrap();
    assert_eq!(carried.dropped, []);
    let mut expected = body;
    expected.as_object_mut().unwrap().remove("model");
    expected["anthropic_version"] = json!("bedrock-2023-05-31");
    expected["anthropic_beta"] = json!(["effort-2025-11-24"]);
    assert_eq!(serde_json::from_slice::<Value>(&carried.outbound.body.to_bytes()).unwrap(), expected);
}

#[test]
fn the_attribution_line_goes_to_anthropics_platform_only() {
    let system = json!([{ "type": "text", "text": "x-anthropic-billing-header: cc_version=2.1.329;" },
                        { "type": "text", "text": "You are an agent." }]);
    let request = understood(&with_members(&json!({ "system": system }))).unwrap();
    assert_eq!(request.system, [stonegate_protocol::conversation::Block::text("You are an agent.")]);
    assert_eq!(request.left_out, ["system.billing_header"]);
}

#[test]
fn what_only_anthropics_platform_knows_is_left_out_of_the_history() {
    let body = json!({ "model": "m", "max_tokens": 9, "messages": [
        { "role": "assistant", "content": [
            { "type": "server_tool_use", "id": "s", "name": "web_search", "input": {} },
            { "type": "web_search_tool_result", "tool_use_id": "s", "content": { "type": "web_search_tool_result_error" } },
            { "type": "tool_search_tool_result", "tool_use_id": "s", "content": { "type": "x", "tool_references": [] } },
            { "type": "compaction", "content": "We spoke of the weather." },
            { "type": "compaction", "content": null },
            { "type": "text", "text": "So" },
            { "type": "from_the_future", "source": 7, "cache_control": { "type": "ephemeral" } } ] },
        { "role": "user", "content": "Go on" } ] });
    let request = understood(&body.to_string());
    // A member of another type than any known block has it: the whole request cannot be read.
    assert_eq!(request.unwrap_err().member, "messages.0.content.6.source");
    let request = understood(&body.to_string().replace(r#""source":7,"#, "")).unwrap();
    let texts: Vec<_> = request.messages[0].content.iter().map(|part| (&part.content, part.cache)).collect();
    insta::assert_debug_snapshot!((texts, &request.left_out));
}

#[test]
fn what_a_user_sends_is_never_left_out() {
    for (content, refused) in [
        (
            json!([{ "type": "image", "source": { "type": "file", "file_id": "f" } }]),
            "messages.0.content.0: files are kept on Anthropic's own platform; send the bytes as base64",
        ),
        (
            json!([{ "type": "container_upload", "file_id": "f" }]),
            "messages.0.content.0: files are kept on Anthropic's own platform; send the bytes as an image or a document",
        ),
        (
            json!([{ "type": "text", "text": "x" }, { "type": "from_the_future" }]),
            "messages.0.content.1: a block of the type `from_the_future` cannot stand here",
        ),
        (json!([{ "type": "text" }]), "messages.0.content.0.text: Field required"),
        (json!({}), "messages.0.content: Input should be a valid list"),
        (
            json!([{ "type": "text", "text": 5 }]),
            "messages.0.content.0.text: invalid type: integer `5`, expected a string",
        ),
    ] {
        let message = understood(&with_content(&content)).unwrap_err().message;
        assert_eq!(message, refused);
    }
}

#[test]
fn tools_with_a_type_are_functions_where_the_client_runs_them() {
    let tools = json!([
        { "type": "bash_20250124", "name": "bash" },
        { "type": "text_editor_20250728", "name": "str_replace_based_edit_tool", "max_characters": 100 },
        { "type": "memory_20250818", "name": "memory" },
        { "type": "tool_search_tool_regex_20251119", "name": "tool_search_tool_regex" },
        { "type": "custom", "name": "later", "input_schema": { "type": "object" }, "defer_loading": true },
        { "name": "code_only", "input_schema": { "type": "object" }, "allowed_callers": ["code_execution_20250825"] },
    ]);
    let request = understood(&with_members(&json!({ "tools": tools }))).unwrap();
    let names: Vec<&str> = request.tools.iter().map(|tool| tool.name.as_str()).collect();
    assert_eq!(names, ["bash", "str_replace_based_edit_tool", "memory", "later"]);
    assert_eq!(request.left_out, ["tools.allowed_callers", "tools.tool_search_tool_regex_20251119"]);
    for (tool, refused) in [
        (
            json!({ "type": "computer_20251124", "name": "computer" }),
            "tools.0: `computer_20251124` is known to Anthropic's own models only",
        ),
        (
            json!({ "type": "web_search_20250305", "name": "web_search" }),
            "tools.0: `web_search_20250305` is run by Anthropic's own platform and is not available on Amazon Bedrock",
        ),
        (json!({ "name": "f" }), "tools.0.input_schema: Field required"),
    ] {
        let message = understood(&with_members(&json!({ "tools": [tool] }))).unwrap_err().message;
        assert_eq!(message, refused);
    }
}

#[test]
fn a_tool_that_was_taken_away_is_not_offered() {
    let tool = |name: &str| json!({ "name": name, "input_schema": { "type": "object" } });
    let change = |kind: &str, name: &str| json!({ "role": "system", "content": [{ "type": kind, "tool": { "type": "tool_reference", "name": name } }] });
    let body = json!({ "model": "m", "max_tokens": 9, "tools": [tool("a"), tool("b"), tool("c")], "messages": [
        { "role": "user", "content": "Hi" },
        change("tool_removal", "a"), change("tool_removal", "b"), change("tool_addition", "b") ] });
    let request = understood(&body.to_string()).unwrap();
    let names: Vec<&str> = request.tools.iter().map(|tool| tool.name.as_str()).collect();
    assert_eq!(names, ["b", "c"]);
}

#[test]
fn hints_are_left_out_and_reported_and_what_changes_the_meaning_is_refused() {
    let hints = json!({
        "context_management": { "edits": [] }, "safeguards": [], "diagnostics": {}, "tags": {}, "from_the_future": 1,
        "speed": "standard", "container": null, "output_config": { "effort": "ultra", "task_budget": { "total": 1 } },
    });
    let request = understood(&with_members(&hints)).unwrap();
    let expected = [
        "context_management",
        "diagnostics",
        "from_the_future",
        "output_config.effort",
        "output_config.task_budget",
        "safeguards",
        "tags",
    ];
    assert_eq!(request.left_out, expected);
    for members in [
        json!({ "container": "c" }),
        json!({ "mcp_servers": [{}] }),
        json!({ "thread": {} , "speed": "fast" }),
    ] {
        let refused = understood(&with_members(&members)).unwrap_err();
        assert!(members.get(&refused.member).is_some(), "{refused:?}");
    }
}

#[test]
fn media_at_addresses_are_fetched_each_once_wherever_they_stand() {
    let image = |url: &str| json!({ "type": "image", "source": { "type": "url", "url": url } });
    let content = json!([
        image("https://a/1.png"), image("https://a/1.png"),
        { "type": "document", "source": { "type": "url", "url": "https://a/2.pdf" } },
        { "type": "tool_result", "tool_use_id": "t", "content": [image("https://a/3.png")] },
    ]);
    let inbound = parse(&with_content(&content));
    assert_eq!(inbound.remote_media(), ["https://a/1.png", "https://a/2.pdf", "https://a/3.png"]);
    let fetched = Fetched { media_type: "image/png".to_owned(), base64: "iVBOR".to_owned() };
    let fetched = BTreeMap::from([("https://a/1.png".to_owned(), fetched)]);
    let answering = Answering { fetched, ..Answering::default() };
    let (request, _) = inbound.translate(&answering).unwrap();
    let Content::Media(Media { media_type, source, .. }) = &request.messages[0].content[0].content else {
        panic!("no image");
    };
    assert_eq!((media_type.as_str(), source), ("image/png", &Source::Base64("iVBOR".to_owned())));
}

#[test]
fn a_mark_for_the_whole_prompt_is_set_at_its_end() {
    let body = with_members(&json!({ "cache_control": { "type": "ephemeral", "ttl": "1h" } }));
    let carried = to_claude(parse(&body)).unwrap();
    let sent: Value = serde_json::from_slice(&carried.outbound.body.to_bytes()).unwrap();
    assert_eq!(
        sent["messages"][0]["content"][0]["cache_control"],
        json!({ "type": "ephemeral", "ttl": "1h" })
    );
}

/// What a streaming client gets of the chunks, and how it ended.
fn streamed(chunks: &[Bytes]) -> (String, Ending) {
    let inbound = parse(&with_members(&json!({ "model": "client-name", "stream": true })));
    let mut relay = to_claude(inbound).unwrap().relay;
    let mut out = BytesMut::new();
    for chunk in chunks {
        if !relay.is_over() {
            relay.push(chunk.clone(), &mut out);
        }
    }
    let ending = relay.finish(UpstreamEnd::Eof, &mut out);
    (String::from_utf8(out.to_vec()).unwrap(), ending)
}

fn whole(body: &str) -> (String, Ending) {
    let inbound = parse(&with_members(&json!({ "model": "client-name" })));
    let mut relay = to_claude(inbound).unwrap().relay;
    let mut out = BytesMut::new();
    relay.push(Bytes::copy_from_slice(body.as_bytes()), &mut out);
    let ending = relay.finish(UpstreamEnd::Eof, &mut out);
    (String::from_utf8(out.to_vec()).unwrap(), ending)
}

/// The message that a stream is the sum of, as a client's SDK makes it.
fn message(stream: &str) -> Value {
    let mut parser = sse::Parser::default();
    parser.push(stream.as_bytes());
    let mut message = Value::Null;
    while let Some(event) = parser.next_event().unwrap() {
        let data: Value = serde_json::from_str(&event.data).unwrap();
        let index = usize::try_from(data["index"].as_u64().unwrap_or(0)).unwrap();
        match event.name.as_str() {
            "message_start" => message = data["message"].clone(),
            "content_block_start" => {
                let mut block = data["content_block"].clone();
                if block["type"] == "tool_use" {
                    block["input"] = json!("");
                }
                message["content"].as_array_mut().unwrap().push(block);
            }
            "content_block_delta" => {
                let block = &mut message["content"][index];
                for (from, to) in [
                    ("text", "text"),
                    ("thinking", "thinking"),
                    ("signature", "signature"),
                    ("partial_json", "input"),
                ] {
                    if let Some(more) = data["delta"][from].as_str() {
                        block[to] = json!(block[to].as_str().unwrap().to_owned() + more);
                    }
                }
            }
            "message_delta" => {
                for (name, value) in data["delta"].as_object().unwrap() {
                    message[name] = value.clone();
                }
                for (name, value) in data["usage"].as_object().unwrap() {
                    message["usage"][name] = value.clone();
                }
            }
            _ => {}
        }
    }
    for block in message["content"].as_array_mut().into_iter().flatten() {
        if let Some(input) = block["input"].as_str() {
            block["input"] = serde_json::from_str(input).unwrap_or(json!(input));
        }
    }
    message
}

fn frames(events: &[String]) -> Vec<Frame> {
    events.iter().map(|event| chunk(event)).collect()
}

#[test]
fn an_answer_of_claude_means_the_same_by_way_of_the_conversation() {
    let mut events = answer();
    // An upstream that cuts the call off: what there is of it stays visible.
    events[11] = events[11].replace(r#"\"command\": \"ls"#, r#"\"command\": \"ls\"}"#);
    let chunks = [bytes(&frames(&events))];
    let (translated, ending) = streamed(&chunks);
    let (passed, expected_ending) = relayed(&chunks, UpstreamEnd::Eof);
    let (mut message_there, mut expected) = (message(&translated), message(str::from_utf8(&passed).unwrap()));
    assert_eq!(message_there["model"], "client-name");
    assert_eq!(message_there["id"], "msg_1");
    for name in ["model", "id"] {
        message_there.as_object_mut().unwrap().remove(name);
        expected.as_object_mut().unwrap().remove(name);
    }
    assert_eq!(message_there, expected);
    assert_eq!(ending, expected_ending);
    insta::assert_snapshot!(translated);
}

#[test]
fn a_translated_stream_is_the_same_wherever_it_is_cut() {
    for events in [answer(), answer().into_iter().take(8).collect()] {
        let whole = bytes(&frames(&events));
        let expected = streamed(std::slice::from_ref(&whole));
        for cut in 0..=whole.len() {
            assert_eq!(streamed(&[whole.slice(..cut), whole.slice(cut..)]), expected, "cut at {cut}");
        }
    }
}

#[test]
fn a_streamed_and_a_whole_answer_mean_the_same() {
    let content = json!([
        { "type": "thinking", "thinking": "Hm", "signature": "c2ln" },
        { "type": "redacted_thinking", "data": "c2VhbA==" },
        { "type": "server_tool_use", "id": "s", "name": "web_search", "input": {} },
        { "type": "text", "text": "So: " },
        { "type": "tool_use", "id": "toolu_1", "name": "f", "input": { "a": 1 } },
    ]);
    let usage = json!({ "input_tokens": 12, "cache_creation_input_tokens": 300, "cache_read_input_tokens": 4000,
        "cache_creation": { "ephemeral_5m_input_tokens": 100, "ephemeral_1h_input_tokens": 200 }, "output_tokens": 77,
        "output_tokens_details": { "thinking_tokens": 20 } });
    let body = json!({ "id": "msg_9", "type": "message", "role": "assistant", "model": "claude-opus-5-5",
        "content": content, "stop_reason": "tool_use", "stop_sequence": null, "usage": usage });
    let (answer, ending) = whole(&body.to_string());
    let mut events = vec![START.to_owned()];
    for (index, block) in content.as_array().unwrap().iter().enumerate() {
        events.push(
            json!({ "type": "content_block_start", "index": index, "content_block": block }).to_string(),
        );
        events.push(json!({ "type": "content_block_stop", "index": index }).to_string());
    }
    events.extend([STOP_DELTA, STOP].map(str::to_owned));
    let (stream, stream_ending) = streamed(&[bytes(&frames(&events))]);
    let answer: Value = serde_json::from_str(&answer).unwrap();
    assert_eq!(message(&stream), answer);
    assert_eq!(answer["content"].as_array().unwrap().len(), 4);
    assert_eq!(answer["usage"], usage);
    assert_eq!(ending, stream_ending);
}

#[test]
fn reasons_to_stop_keep_their_names() {
    for (reason, details, expected) in [
        ("end_turn", Value::Null, json!("end_turn")),
        ("max_tokens", Value::Null, json!("max_tokens")),
        ("pause_turn", Value::Null, json!("pause_turn")),
        ("model_context_window_exceeded", Value::Null, json!("model_context_window_exceeded")),
        ("from_the_future", Value::Null, json!("from_the_future")),
        ("refusal", json!({ "type": "refusal", "category": "bio", "explanation": "No." }), json!("refusal")),
    ] {
        let body = json!({ "content": [{ "type": "text", "text": "x" }], "stop_reason": reason, "stop_details": details });
        let answer: Value = serde_json::from_str(&whole(&body.to_string()).0).unwrap();
        assert_eq!(answer["stop_reason"], expected);
        assert_eq!(answer["stop_details"]["explanation"], details["explanation"]);
    }
    let body =
        json!({ "content": [], "stop_reason": "end_turn", "amazon-bedrock-guardrailAction": "INTERVENED" });
    let (_, ending) = whole(&body.to_string());
    assert_eq!(ending.stop_reason.as_deref(), Some("guardrail_intervened"));
}

#[test]
fn a_failure_ends_a_stream_with_an_error_and_a_whole_answer_with_nothing() {
    for frames in [
        vec![chunk(START), exception("throttlingException", "Too many requests")],
        vec![chunk(START), chunk(r#"{"type":"error","error":{"type":"overloaded_error","message":"x"}}"#)],
        vec![chunk(START)],
        vec![chunk("{}")],
    ] {
        let (stream, ending) = streamed(&[bytes(&frames)]);
        assert!(ending.failure.is_some());
        let (last, _) = stream.rsplit_once("\n\n").unwrap();
        assert!(last.rsplit_once("event: ").unwrap().1.starts_with("error\n"), "{stream}");
    }
    for body in ["", "[]", r#"{"type":"error","error":{"type":"overloaded_error"}}"#] {
        let (answer, ending) = whole(body);
        assert_eq!((answer.as_str(), ending.failure.is_some()), ("", true), "{body}");
    }
}
