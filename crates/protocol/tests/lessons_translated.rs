//! What users of other gateways reported of translations, each as a case for every client and every family: the numbers are
//! those of the field study in the design.

#![expect(clippy::unwrap_used, clippy::panic, reason = "what a test cannot go on without may stop it")]

use bytes::Bytes;
use serde_json::{Value, json};
use stonegate_protocol::Dialect;
use stonegate_protocol::framing::sse;

#[path = "matrix/calls.rs"]
mod calls;
#[path = "matrix/clients.rs"]
mod clients;
#[path = "matrix/targets.rs"]
mod targets;

use calls::{ANSWERS, PROBES, answered, by_surface, called, framed, read};
use clients::{CLIENTS, ends_with_an_error, streamed, whole};
use targets::MODELS;

fn sent(client: &str, members: Value, model: &str) -> Value {
    let carried = called(client, members, &MODELS[model], false).unwrap();
    serde_json::from_slice(&carried.outbound.body.to_bytes()).unwrap()
}

fn anthropic(messages: Value, tools: Value) -> Value {
    json!({ "max_tokens": 100, "messages": messages, "tools": tools })
}

/// Families by the API that they are called by.
const FAMILIES: [&str; 4] = ["claude-sonnet-4-5", "nova-2-lite", "gpt-oss-120b", "gpt-6-sol"];

fn result(id: &str, text: &str) -> Value {
    json!({ "type": "tool_result", "tool_use_id": id, "content": text })
}

fn call(id: &str, name: &str, input: &Value) -> Value {
    json!({ "type": "tool_use", "id": id, "name": name, "input": input })
}

fn tool(name: &str) -> Value {
    json!({ "name": name, "input_schema": { "type": "object" } })
}

#[test]
fn lesson_20_every_call_has_its_own_result_whatever_their_order() {
    let messages = json!([
        { "role": "user", "content": "Weather?" },
        { "role": "assistant", "content": [call("a", "f", &json!({})), call("b", "f", &json!({}))] },
        { "role": "user", "content": [result("b", "Sun"), { "type": "text", "text": "Both?" }, result("a", "Rain")] },
    ]);
    for family in FAMILIES {
        let body = sent("anthropic", anthropic(messages.clone(), json!([tool("f")])), family).to_string();
        let place = |text: &str| body.find(text).unwrap();
        // To Claude the body goes as it came, and Responses pairs by id.
        let is_free = matches!(family, "claude-sonnet-4-5" | "gpt-6-sol");
        assert!(is_free || place("Rain") < place("Both?"), "{family} {body}");
        assert_eq!(body.matches("Rain").count() + body.matches("Sun").count(), 2, "{family} {body}");
    }
}

#[test]
fn lesson_23_empty_names_and_null_properties_break_nothing() {
    let odd = json!({ "name": "f", "input_schema": { "type": "object", "properties": { "a": null, "": { "type": "string" } } } });
    let messages = json!([
        { "role": "user", "content": "x" },
        { "role": "assistant", "content": [call("a", "f", &json!({ "": { "k": null } }))] },
        { "role": "user", "content": [result("a", "y")] },
    ]);
    for family in FAMILIES {
        let body = sent("anthropic", anthropic(messages.clone(), json!([odd])), family).to_string();
        assert!(
            body.contains(r#""":{"k":null}"#) || body.contains(r#"{\"\":{\"k\":null}}"#),
            "{family} {body}"
        );
    }
}

#[test]
fn lesson_24_a_long_name_comes_back_as_the_client_gave_it() {
    let long = format!("mcp__server__{}", "x".repeat(120));
    for (surface, model) in by_surface() {
        let mut base = read(PROBES)["anthropic"]["base"].clone();
        base["tools"] = json!([tool(&long)]);
        let carried = called("anthropic", base, model, false).unwrap();
        let body = String::from_utf8(carried.outbound.body.to_bytes().to_vec()).unwrap();
        // The name as the upstream knows it: Claude takes the client's own.
        let name = body.split('"').find(|text| text.starts_with("mcp__server__")).unwrap().to_owned();
        assert!(name.len() <= 64 || surface == "invoke_model", "{surface} {name}");
        let answers = read(ANSWERS);
        let answer = answers["parallel_tools"][surface]["whole"].to_string();
        let answer = Bytes::from(answer.replace("\"weather\"", &json!(name).to_string()));
        let (mut relay, mut out) = (carried.relay, bytes::BytesMut::new());
        relay.push(answer, &mut out);
        let ending = relay.finish(stonegate_protocol::UpstreamEnd::Eof, &mut out);
        assert_eq!(ending.failure, None, "{surface}");
        assert_eq!(whole("anthropic", &out).calls[0].1, long, "{surface}");
    }
}

/// Clients send turns in which nothing was said, and tools that have nothing to tell; Converse and InvokeModel refuse blocks
/// and messages without anything in them.
#[test]
fn lessons_28_and_29_what_is_empty_reaches_nobody_as_an_empty_block() {
    let chat_call = json!([{ "id": "a", "type": "function", "function": { "name": "f", "arguments": "" } }]);
    let chat = json!({
        "messages": [
            { "role": "system", "content": "" },
            { "role": "user", "content": "Hi" },
            { "role": "assistant", "content": "" },
            { "role": "user", "content": [{ "type": "text", "text": "" }, { "type": "text", "text": "Weather?" }] },
            { "role": "assistant", "content": null, "tool_calls": chat_call },
            { "role": "tool", "tool_call_id": "a", "content": "" },
            { "role": "assistant", "content": [] },
            { "role": "user", "content": "Go on" },
        ],
        "tools": [{ "type": "function", "function": { "name": "f", "description": "" } }],
    });
    let messages = anthropic(
        json!([
            { "role": "user", "content": "Hi" },
            { "role": "assistant", "content": [] },
            { "role": "user", "content": [{ "type": "text", "text": "" }, { "type": "text", "text": "Weather?" }] },
            { "role": "assistant", "content": [{ "type": "text", "text": "" }, call("a", "f", &json!({}))] },
            { "role": "user", "content": [{ "type": "tool_result", "tool_use_id": "a", "content": [], "is_error": true }] },
            { "role": "assistant", "content": "" },
            { "role": "user", "content": "Go on" },
        ]),
        json!([tool("f")]),
    );
    let responses = json!({
        "instructions": "",
        "input": [
            { "role": "user", "content": "Hi" },
            { "role": "assistant", "content": [{ "type": "output_text", "text": "" }] },
            { "role": "user", "content": "Weather?" },
            { "type": "function_call", "call_id": "a", "name": "f", "arguments": "" },
            { "type": "function_call_output", "call_id": "a", "output": "" },
            { "role": "user", "content": "Go on" },
        ],
        "tools": [{ "type": "function", "name": "f", "parameters": null, "strict": false }],
    });
    for (client, body) in [
        ("openai_chat", &chat),
        ("anthropic", &messages),
        ("bedrock_native", &messages),
        ("openai_responses", &responses),
    ] {
        for family in ["claude-sonnet-4-5", "nova-2-lite", "llama4-maverick"] {
            // Claude's own bodies go to it as they came.
            if family == "claude-sonnet-4-5" && clients::writes(client) == "anthropic" {
                continue;
            }
            let sent = sent(client, body.clone(), family);
            let mut empty = Vec::new();
            find_empty(&sent, "", &mut empty);
            assert!(empty.is_empty(), "{client} {family} {empty:?} {sent}");
            assert!(sent.to_string().contains("Go on"), "{client} {family}");
        }
    }
}

/// The places of texts and contents that hold nothing.
fn find_empty(value: &Value, place: &str, found: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                let place = format!("{place}.{name}");
                let is_content = matches!(name.as_str(), "text" | "content" | "system" | "description");
                if is_content && (value == "" || value == &json!([])) {
                    found.push(place.clone());
                }
                find_empty(value, &place, found);
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                find_empty(item, &format!("{place}.{index}"), found);
            }
        }
        _ => {}
    }
}

#[test]
fn lessons_33_to_38_cache_marks_survive_with_their_lifetime_where_the_family_has_them() {
    let marked = json!({ "role": "user", "content": [
        { "type": "text", "text": "Hi", "cache_control": { "type": "ephemeral", "ttl": "1h" } }] });
    let five = json!({ "role": "user", "content": [
        { "type": "text", "text": "Hi", "cache_control": { "type": "ephemeral" } }] });
    for client in ["anthropic", "openai_chat"] {
        let body = |message: &Value| match client {
            "anthropic" => json!({ "max_tokens": 9, "messages": [message] }),
            _ => json!({ "messages": [message] }),
        };
        let claude = sent(client, body(&marked), "claude-sonnet-4-5");
        assert_eq!(claude["messages"][0]["content"][0]["cache_control"]["ttl"], "1h", "{client}");
        let nova = sent(client, body(&five), "nova-2-lite");
        assert_eq!(
            nova["messages"][0]["content"][1],
            json!({ "cachePoint": { "type": "default" } }),
            "{client}"
        );
    }
}

#[test]
fn lesson_48_a_prompt_that_was_cached_is_counted_once_in_every_dialect() {
    for client in CLIENTS {
        for (surface, model) in by_surface() {
            let answers = read(ANSWERS);
            let events = answers["text"][surface]["stream"].as_array().unwrap();
            let (body, ending) = answered(client, model, &framed(model.surface, events, true), true);
            // 12 new tokens and 4 from the cache.
            assert_eq!(streamed(client, &body).tokens, (16, 3), "{client} {surface}");
            assert_eq!(
                (ending.usage.input_tokens, ending.usage.cache_read_tokens),
                (12, 4),
                "{client} {surface}"
            );
        }
    }
}

/// Claude tells of the cache at the start and once more at the end, and Bedrock again in its own words.
#[test]
fn lessons_41_to_47_what_is_reported_twice_is_counted_once() {
    let start = json!({ "input_tokens": 3, "cache_creation_input_tokens": 17, "cache_read_input_tokens": 32_651,
        "cache_creation": { "ephemeral_5m_input_tokens": 10, "ephemeral_1h_input_tokens": 7 }, "output_tokens": 1 });
    let mut end = start.clone();
    end["output_tokens"] = json!(5);
    let metrics = json!({ "inputTokenCount": 3, "outputTokenCount": 5, "cacheReadInputTokenCount": 32_651,
        "cacheWriteInputTokenCount": 17, "invocationLatency": 9, "firstByteLatency": 1 });
    let model = &MODELS["claude-opus-5-5"];
    let events = [
        json!({ "type": "message_start", "message": { "id": "msg_1", "type": "message", "role": "assistant", "model": "m",
            "content": [], "stop_reason": null, "stop_sequence": null, "usage": start } }),
        json!({ "type": "content_block_start", "index": 0, "content_block": { "type": "text", "text": "Hi" } }),
        json!({ "type": "content_block_stop", "index": 0 }),
        json!({ "type": "message_delta", "delta": { "stop_reason": "end_turn", "stop_sequence": null }, "usage": end }),
        json!({ "type": "message_stop", "amazon-bedrock-invocationMetrics": metrics }),
    ];
    let body = json!({ "id": "msg_1", "type": "message", "role": "assistant", "model": "m", "stop_reason": "end_turn",
        "content": [{ "type": "text", "text": "Hi" }], "usage": end });
    for client in CLIENTS {
        let (stream, of_stream) = answered(client, model, &framed(model.surface, &events, true), true);
        let (body, of_whole) = answered(client, model, &[Bytes::from(body.to_string())], false);
        for (ending, told) in [(of_stream, streamed(client, &stream)), (of_whole, whole(client, &body))] {
            let usage = ending.usage;
            let counted = [usage.input_tokens, usage.cache_read_tokens, usage.output_tokens];
            assert_eq!(counted, [3, 32_651, 5], "{client}");
            assert_eq!((usage.cache_write_5m_tokens, usage.cache_write_1h_tokens), (10, 7), "{client}");
            assert_eq!(told.tokens, (3 + 17 + 32_651, 5), "{client}");
        }
    }
}

/// What a model has sealed can be opened by that model alone; another one would refuse the whole conversation.
#[test]
fn lesson_62_thoughts_go_back_to_the_model_that_had_them_and_to_no_other() {
    let (claude, gpt) = (&MODELS["claude-opus-5-5"], &MODELS["gpt-6-sol"]);
    let sealed_by = |model: &targets::Model, surface: &str| {
        let mut base = read(PROBES)["openai_responses"]["base"].clone();
        base["include"] = json!(["reasoning.encrypted_content"]);
        let mut relay = called("openai_responses", base, model, false).unwrap().relay;
        let mut out = bytes::BytesMut::new();
        relay.push(Bytes::from(read(ANSWERS)["parallel_tools"][surface]["whole"].to_string()), &mut out);
        assert_eq!(relay.finish(stonegate_protocol::UpstreamEnd::Eof, &mut out).failure, None);
        let response: Value = serde_json::from_slice(&out).unwrap();
        assert_eq!(response["output"][0]["type"], "reasoning");
        response["output"][0].clone()
    };
    for (thought, own, other) in
        [(sealed_by(claude, "invoke_model"), claude, gpt), (sealed_by(gpt, "openai_responses"), gpt, claude)]
    {
        let input = json!([
            { "role": "user", "content": "Hi" },
            thought,
            { "role": "assistant", "content": "So" },
            { "role": "user", "content": "Go on" },
        ]);
        let carried = |model| called("openai_responses", json!({ "input": input }), model, false).unwrap();
        let text = |carried: &stonegate_protocol::Carried| {
            String::from_utf8(carried.outbound.body.to_bytes().to_vec()).unwrap()
        };
        let back = carried(own);
        assert!(text(&back).contains("c2ln") && back.dropped.is_empty(), "{}", text(&back));
        let away = carried(other);
        assert!(!text(&away).contains("c2ln") && !away.dropped.is_empty(), "{}", text(&away));
    }
}

/// Bedrock drops a connection that is silent for long, such as while a model writes the arguments of a tool.
#[test]
fn lesson_83_a_call_of_a_tool_that_breaks_off_is_never_complete() {
    const ENDS: [&str; 5] = [
        "\"finish_reason\":\"tool_calls\"",
        "function_call_arguments.done",
        "\"stop_reason\":\"tool_use\"",
        "messageStop",
        "response.completed",
    ];
    for client in CLIENTS {
        for (surface, model) in by_surface() {
            let answers = read(ANSWERS);
            let events = answers["parallel_tools"][surface]["stream"].as_array().unwrap();
            let begun = events.iter().position(|event| event.to_string().contains(r#"{\"town\":"#)).unwrap();
            let kept = &events[..=begun];
            let (body, ending) = answered(client, model, &framed(model.surface, kept, false), true);
            assert!(ending.failure.is_some() && ends_with_an_error(client, &body), "{client} {surface}");
            let shown = clients::shown(client, &body);
            assert!(!ENDS.iter().any(|end| shown.contains(end)), "{client} {surface} {shown}");
        }
    }
}

#[test]
fn lesson_76_silence_is_filled_with_what_no_client_takes_for_an_event() {
    for dialect in [Dialect::OpenaiChat, Dialect::OpenaiResponses] {
        assert!(dialect.keep_alive().starts_with(b":"), "{dialect:?}");
        let mut parser = sse::Parser::default();
        parser.push(dialect.keep_alive());
        assert_eq!(parser.next_event().unwrap(), None, "{dialect:?}");
    }
    assert!(Dialect::Anthropic.keep_alive().starts_with(b"event: ping\n"));
    for dialect in [Dialect::Converse, Dialect::BedrockNative] {
        assert!(dialect.keep_alive().is_empty(), "{dialect:?}");
    }
}

#[test]
fn lesson_77_a_start_without_usage_is_no_trouble_to_any_client() {
    let answers = read(ANSWERS);
    let mut events = answers["text"]["invoke_model"]["stream"].as_array().unwrap().clone();
    events[0] = json!({ "type": "message_start", "message": { "id": "msg_1", "model": "m" } });
    let model = &MODELS["claude-opus-5-5"];
    for client in CLIENTS {
        let (body, ending) = answered(client, model, &framed(model.surface, &events, true), true);
        assert_eq!(ending.failure, None, "{client}");
        assert_eq!(streamed(client, &body).text, "Good day.", "{client}");
    }
}
