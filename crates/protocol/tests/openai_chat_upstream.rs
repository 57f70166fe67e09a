//! What reaches Bedrock's Chat Completions, by pass-through and by translation, and what comes back of it.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "what a test cannot go on without may stop it")]

use std::collections::BTreeMap;
use std::fmt::Write as _;

use bytes::{Bytes, BytesMut};
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use stonegate_protocol::{
    Answering, Basis, Bounds, Dialect, Ending, FailureClass, Inbound, Learned, Problem, RejectedPart, Relay,
    SentBetas, UpstreamEnd, carry, openai_chat,
};

#[path = "support/chat.rs"]
mod chat;

use chat::Model;

const BOUNDS: Bounds = Bounds { input_tokens: 50, output_tokens: 1000 };

#[path = "support/fixtures.rs"]
mod fixtures;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Fixture {
    #[expect(dead_code, reason = "it is there for the reader of the file")]
    about: String,
    model: String,
    #[serde(default)]
    fetched: BTreeMap<String, (String, String)>,
    #[serde(default)]
    learned: Vec<String>,
    body: Box<RawValue>,
}

#[test]
fn every_request_is_carried_adapted_or_refused_by_name() {
    fixtures::each("openai_chat_upstream", outcome);
}

fn outcome(fixture: &Fixture) -> String {
    let answering = fixtures::answering(&fixture.fetched);
    let mut learned = Learned::default();
    for path in &fixture.learned {
        learned.note(RejectedPart::Member(path.clone()), &SentBetas::default());
    }
    let inbound = openai_chat::parse(Bytes::copy_from_slice(fixture.body.get().as_bytes())).unwrap();
    let model = Model::named(&fixture.model);
    let carried = match carry(&inbound, &model.target(), &learned, BOUNDS, &answering) {
        Ok(carried) => carried,
        Err(unsupported) => {
            let reply = Dialect::OpenaiChat.render(&Problem::from(&unsupported), "req_0");
            return format!("{} {}", reply.status, str::from_utf8(&reply.body).unwrap());
        }
    };
    let mut text = format!("POST {} ({:?})\n", carried.outbound.path, carried.outbound.service);
    for (name, value) in &carried.outbound.headers {
        writeln!(text, "{name}: {value}").unwrap();
    }
    for dropped in &carried.dropped {
        writeln!(text, "(dropped) {dropped}").unwrap();
    }
    let body = carried.outbound.body.to_bytes();
    let body = str::from_utf8(&body).unwrap();
    serde_json::from_str::<Value>(body).expect("what goes upstream is JSON");
    write!(text, "\n{body}").unwrap();
    text
}

#[test]
fn a_door_that_takes_tools_only_without_thinking_does_not_fit() {
    let tools = json!([{"type": "function", "function": {"name": "f"}}]);
    for (model, members, fits) in [
        ("gpt", json!({"tools": tools}), false),
        ("gpt", json!({"tools": tools, "reasoning_effort": "high"}), false),
        ("gpt", json!({"tools": tools, "reasoning_effort": "none"}), true),
        ("gpt", json!({"reasoning_effort": "high"}), true),
        ("oss", json!({"tools": tools, "reasoning_effort": "high"}), true),
        ("grok", json!({"tools": tools}), true),
    ] {
        let inbound = openai_chat::parse(body(&members)).unwrap();
        let model = Model::named(model);
        let target = model.target();
        assert_eq!(inbound.fits(target.door, target.traits), fits, "{members}");
    }
}

fn body(members: &Value) -> Bytes {
    let mut body = json!({"model": "asked", "messages": [{"role": "user", "content": "Hi"}]});
    body.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    Bytes::from(body.to_string())
}

fn relay(model: &str, members: &Value) -> Relay {
    let inbound = openai_chat::parse(body(members)).unwrap();
    let model = Model::named(model);
    carry(&inbound, &model.target(), &Learned::default(), BOUNDS, &Answering::default()).unwrap().relay
}

/// A call that has to be translated, since the model does not know the client's form of tools: its answer is read and
/// written anew.
fn translation(model: &str, stream: bool) -> Relay {
    let tools =
        json!([{"type": "custom", "custom": {"name": "g"}}, {"type": "function", "function": {"name": "f"}}]);
    relay(model, &json!({"stream": stream, "tools": tools}))
}

fn relayed(mut relay: Relay, chunks: &[&[u8]]) -> (String, Ending) {
    let mut out = BytesMut::new();
    for chunk in chunks {
        if !relay.is_over() {
            relay.push(Bytes::copy_from_slice(chunk), &mut out);
        }
    }
    assert!(!out.windows(6).any(|bytes| bytes == b"[DONE]"), "the end is kept back");
    let ending = relay.finish(UpstreamEnd::Eof, &mut out);
    (String::from_utf8(out.to_vec()).unwrap(), ending)
}

/// A chunk as Bedrock sends it, with the members in an order of its own.
fn chunk(delta: &str, finish_reason: &str) -> String {
    format!(
        "data: {{\"choices\":[{{\"delta\":{delta},\"finish_reason\":{finish_reason},\"index\":0,\"logprobs\":null}}],\"created\":1,\"id\":\"chatcmpl-up\",\"model\":\"openai.gpt-6-sol\",\"object\":\"chat.completion.chunk\",\"usage\":null,\"x\":1.50}}\r\n\r\n"
    )
}

const USAGE: &str = "data: {\"id\":\"chatcmpl-up\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"openai.gpt-6-sol\",\"choices\":[],\"usage\":{\"prompt_tokens\":100,\"completion_tokens\":20,\"total_tokens\":120,\"prompt_tokens_details\":{\"cached_tokens\":60,\"cache_write_tokens\":30},\"completion_tokens_details\":{\"reasoning_tokens\":8}}}\n\n";

fn answer() -> String {
    [
        chunk(r#"{"role":"assistant","content":""}"#, "null"),
        ": keep-alive\n\n".to_owned(),
        chunk(r#"{"reasoning_content":"Hm."}"#, "null"),
        chunk(r#"{"content":"Gr\u00fc\u00dfe, "}"#, "null"),
        chunk(r#"{"content":"世界"}"#, "null"),
        chunk(r#"{"tool_calls":[{"index":0,"id":"call_a","type":"function","function":{"name":"f","arguments":""}}]}"#, "null"),
        chunk(r#"{"tool_calls":[{"index":1,"id":"call_b","type":"function","function":{"name":"g","arguments":"{\"y\""}}]}"#, "null"),
        chunk(r#"{"tool_calls":[{"index":0,"function":{"arguments":"{\"x\":1}"}},{"index":1,"function":{"arguments":":2}"}}]}"#, "null"),
        chunk("{}", "\"tool_calls\""),
        USAGE.to_owned(),
        "data: [DONE]\n\n".to_owned(),
    ]
    .concat()
}

fn inline_answer() -> String {
    [
        chunk(r#"{"role":"assistant","content":"<reas"}"#, "null"),
        chunk(r#"{"content":"oning>Let me </"}"#, "null"),
        chunk(r#"{"content":"b> see.</reasoning>Yes"}"#, "null"),
        chunk(r#"{"content":"."}"#, "null"),
        chunk("{}", "\"stop\""),
        USAGE.to_owned(),
        "data: [DONE]\n\n".to_owned(),
    ]
    .concat()
}

#[test]
fn chunks_keep_their_bytes_but_for_the_models_name() {
    let asked = json!({"stream": true, "stream_options": {"include_usage": true}});
    let (got, ending) = relayed(relay("gpt", &asked), &[answer().as_bytes()]);
    let expected =
        answer().replace("\r\n", "\n").replace(": keep-alive\n\n", "").replace("openai.gpt-6-sol", "asked");
    assert_eq!(got, expected);
    let usage = ending.usage;
    assert_eq!(
        (usage.input_tokens, usage.cache_read_tokens, usage.cache_write_5m_tokens, usage.output_tokens),
        (10, 60, 30, 20)
    );
    assert_eq!((usage.thinking_tokens, ending.basis), (Some(8), Basis::Reported));
    assert_eq!(
        (ending.stop_reason.as_deref(), ending.served_model.as_deref()),
        (Some("tool_use"), Some("openai.gpt-6-sol"))
    );
}

#[test]
fn a_usage_that_was_not_asked_for_is_metered_and_hidden() {
    let (got, ending) = relayed(relay("gpt", &json!({"stream": true})), &[answer().as_bytes()]);
    assert!(!got.contains("usage") && got.ends_with("\"x\":1.50}\n\ndata: [DONE]\n\n"), "{got}");
    assert_eq!((ending.usage.output_tokens, ending.basis), (20, Basis::Reported));
}

#[test]
fn thoughts_between_tags_reach_the_client_as_thoughts() {
    let (got, _) = relayed(relay("oss", &json!({"stream": true})), &[inline_answer().as_bytes()]);
    insta::assert_snapshot!(got);
    let whole = r#"{"id":"c","object":"chat.completion","created":1,"model":"openai.gpt-oss","choices":[{"index":0,"message":{"role":"assistant","content":"<reasoning>Hm.</reasoning>Yes.","refusal":null},"finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":2,"total_tokens":3}}"#;
    let (got, _) = relayed(relay("oss", &json!({})), &[whole.as_bytes()]);
    let expected = whole.replace("openai.gpt-oss", "asked").replace(
        r#""content":"<reasoning>Hm.</reasoning>Yes.""#,
        r#""reasoning_content":"Hm.","content":"Yes.""#,
    );
    assert_eq!(got, expected);
}

#[test]
fn an_answer_in_one_piece_keeps_its_bytes_but_for_the_models_name() {
    let whole = r#"{ "id":"c", "object":"chat.completion","created":1,"model":"openai.gpt-6-sol","choices":[{"index":0,"message":{"role":"assistant","content":"\u00e4 1.0","refusal":null,"annotations":[]},"finish_reason":"stop","logprobs":null}],"usage":{"prompt_tokens":7,"completion_tokens":3,"total_tokens":10},"service_tier":"default" }"#;
    let (got, ending) = relayed(relay("gpt", &json!({})), &[whole.as_bytes()]);
    assert_eq!(got, whole.replace("openai.gpt-6-sol", "asked"));
    assert_eq!(
        (ending.usage.input_tokens, ending.usage.output_tokens, ending.basis),
        (7, 3, Basis::Reported)
    );
}

#[test]
fn a_stream_without_its_end_is_a_failure_and_never_looks_whole() {
    let whole = answer();
    let done = whole.len() - "data: [DONE]\n\n".len();
    let unfinished = [chunk(r#"{"content":"x"}"#, "null"), "data: [DONE]\n\n".to_owned()].concat();
    for stream in [
        &whole[..done],
        &whole[..done - USAGE.len()],
        &whole[..300],
        "",
        unfinished.as_str(),
        "<html>",
        "data: <html>\n\n",
    ] {
        for relay in [relay("gpt", &json!({"stream": true})), translation("gemma", true)] {
            let (got, ending) = relayed(relay, &[stream.as_bytes()]);
            assert_eq!(ending.failure.unwrap().class, FailureClass::BrokenOff, "{stream}");
            assert!(
                got.contains("error") && !got.contains("\"tool_calls\",") && !got.contains("message_stop"),
                "{got}"
            );
        }
    }
}

#[test]
fn an_error_in_mid_stream_keeps_its_kind() {
    let error = "data: {\"error\":{\"message\":\"slow down arn:aws:bedrock:us-east-1:123456789012:x\",\"type\":\"rate_limit_error\",\"code\":\"rate_limit_exceeded\"}}\n\n";
    let stream = [chunk(r#"{"content":"x"}"#, "null"), error.to_owned()].concat();
    let (got, ending) = relayed(relay("gpt", &json!({"stream": true})), &[stream.as_bytes()]);
    assert!(got.contains("rate_limit_error") && !got.contains("123456789012"), "{got}");
    assert!(got.ends_with("data: [DONE]\n\n"));
    assert_eq!(ending.failure.unwrap().class, FailureClass::Throttled);
    assert_eq!((ending.usage.output_tokens, ending.basis), (1, Basis::Estimated));
    let (got, _) = relayed(translation("gemma", true), &[stream.as_bytes()]);
    assert!(got.contains("rate_limit_error"), "{got}");
}

#[test]
fn an_error_before_any_content_is_known_before_anything_was_sent() {
    let mut relay = relay("gpt", &json!({"stream": true}));
    let mut out = BytesMut::new();
    relay.push(
        Bytes::from_static(b"data: {\"error\":{\"message\":\"x\",\"type\":\"server_error\"}}\n\n"),
        &mut out,
    );
    assert!(out.is_empty() && relay.failure().is_some());
}

#[test]
fn an_answer_in_one_piece_that_is_none_is_a_failure() {
    for body in
        ["", "{\"choices\":[", "{}", "{\"error\":{\"message\":\"x\"}}", "{\"choices\":[{\"message\":{}}]}"]
    {
        for relay in [relay("gpt", &json!({})), translation("gemma", false)] {
            let (got, ending) = relayed(relay, &[body.as_bytes()]);
            assert!(got.is_empty(), "the server renders it with its own status");
            assert!(ending.failure.is_some(), "{body}");
        }
    }
}

#[test]
fn wherever_a_stream_is_cut_the_client_gets_the_same_bytes() {
    let passed = || relay("gpt", &json!({"stream": true, "stream_options": {"include_usage": true}}));
    let told_apart = || relay("oss", &json!({"stream": true}));
    let anew = || translation("oss", true);
    let broken = answer()[..900].to_owned();
    let cases: [(String, &dyn Fn() -> Relay); 6] = [
        (answer(), &passed),
        (answer(), &anew),
        (inline_answer(), &told_apart),
        (inline_answer(), &anew),
        (broken.clone(), &passed),
        (broken, &anew),
    ];
    for (stream, relay) in cases {
        let expected = relayed(relay(), &[stream.as_bytes()]);
        for cut in 0..=stream.len() {
            let (first, second) = stream.as_bytes().split_at(cut);
            assert_eq!(relayed(relay(), &[first, second]), expected, "cut at {cut}");
        }
    }
}

#[test]
fn an_answer_is_read_and_written_anew() {
    let (got, ending) = relayed(translation("gemma", true), &[answer().as_bytes()]);
    assert_eq!((ending.failure, ending.stop_reason.as_deref()), (None, Some("tool_use")));
    let deltas: Vec<String> = got
        .lines()
        .filter_map(|line| line.strip_prefix("data: {"))
        .map(|data| {
            serde_json::from_str::<Value>(&format!("{{{data}")).unwrap()["choices"][0]["delta"].to_string()
        })
        .collect();
    insta::assert_snapshot!(deltas.join("\n"));
}

#[test]
fn a_streamed_and_a_whole_answer_mean_the_same() {
    let whole = r#"{"id":"c","model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"Yes.","reasoning":"Hm.","refusal":null,"tool_calls":[{"id":"a","type":"function","function":{"name":"f","arguments":"{}"}},{"id":"b","type":"function","function":{"name":"g","arguments":"{\"input\":\"x\"}"}}]},"finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":2,"total_tokens":3}}"#;
    let (got, ending) = relayed(translation("gemma", false), &[whole.as_bytes()]);
    assert_eq!(ending.failure, None);
    let got: Value = serde_json::from_str(&got).unwrap();
    let choice = &got["choices"][0];
    assert_eq!(choice["finish_reason"], "tool_calls", "a turn that calls a tool waits for it");
    assert_eq!(
        (&choice["message"]["content"], &choice["message"]["reasoning_content"]),
        (&json!("Yes."), &json!("Hm."))
    );
    assert_eq!(
        choice["message"]["tool_calls"][1],
        json!({"id": "b", "type": "custom", "custom": {"name": "g", "input": "x"}})
    );
}
