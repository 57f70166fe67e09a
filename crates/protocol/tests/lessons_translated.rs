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
#[expect(dead_code, reason = "the matrix wants the rest")]
mod clients;
#[path = "matrix/targets.rs"]
mod targets;

use calls::{ANSWERS, PROBES, answered, by_surface, called, framed, read};
use clients::{CLIENTS, streamed};
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
        assert_eq!(clients::whole("anthropic", &out).calls[0].1, long, "{surface}");
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
