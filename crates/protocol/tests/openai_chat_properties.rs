//! Whatever a client or an upstream sends: no panic, the ceiling holds, and cuts change nothing.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "what a test cannot go on without may stop it")]

use bytes::{Bytes, BytesMut};
use proptest::prelude::*;
use serde_json::{Map, Value, json};
use stonegate_protocol::{
    Answering, Bounds, Capabilities, Door, Ending, Inbound, Learned, Target, Traits, UpstreamEnd, carry,
    openai_chat,
};

#[path = "support/chat.rs"]
mod chat;

use chat::Model;

const BOUNDS: Bounds = Bounds { input_tokens: 50, output_tokens: 1000 };

/// Any JSON, with the words in it that mean something here.
fn anything() -> impl Strategy<Value = Value> {
    let words = prop_oneof![
        Just("text"),
        Just("user"),
        Just("assistant"),
        Just("tool"),
        Just("system"),
        Just("image_url"),
        Just("data:image/png;base64,QQ=="),
        Just("https://example.com/a"),
        Just("none"),
        Just("high"),
        Just("auto"),
        Just("function"),
        Just("f"),
        Just("{\"a\":1}"),
        Just(""),
        Just("ephemeral"),
        Just("1h"),
        Just("ä\u{0}\u{10ffff}"),
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        (0..4_u64).prop_map(Value::from),
        words.prop_map(Value::from),
    ];
    let names = prop_oneof![
        Just("type"),
        Just("role"),
        Just("content"),
        Just("text"),
        Just("image_url"),
        Just("url"),
        Just("file"),
        Just("file_data"),
        Just("file_id"),
        Just("tool_calls"),
        Just("id"),
        Just("function"),
        Just("name"),
        Just("arguments"),
        Just("tool_call_id"),
        Just("cache_control"),
        Just("ttl"),
        Just("reasoning_details"),
        Just("reasoning_content"),
        Just("signature"),
        Just("custom"),
        Just("parameters"),
        Just("effort"),
        Just("include_usage"),
    ];
    leaf.prop_recursive(5, 40, 5, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((names.clone(), inner), 0..5).prop_map(|members| {
                Value::Object(members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
            }),
        ]
    })
}

/// A message whose parts have the right places, filled with anything.
fn message() -> impl Strategy<Value = Value> {
    (
        prop_oneof![Just("system"), Just("user"), Just("assistant"), Just("tool"), Just("function")],
        anything(),
        anything(),
    )
        .prop_map(|(role, content, other)| {
            let mut message = json!({"role": role, "content": content, "tool_call_id": "1", "name": "f"});
            if let (Value::Object(message), Value::Object(other)) = (&mut message, other) {
                message.extend(other);
            }
            message
        })
}

fn request() -> impl Strategy<Value = Value> {
    let names = prop_oneof![
        Just("max_tokens"),
        Just("max_completion_tokens"),
        Just("n"),
        Just("stop"),
        Just("temperature"),
        Just("tools"),
        Just("functions"),
        Just("tool_choice"),
        Just("function_call"),
        Just("response_format"),
        Just("reasoning_effort"),
        Just("reasoning"),
        Just("thinking"),
        Just("stream_options"),
        Just("service_tier"),
        Just("metadata"),
        Just("seed"),
        Just("guardrailConfig"),
        Just("additionalModelRequestFields"),
        Just("cache_control"),
        Just("prompt_caching"),
        Just("logprobs"),
        Just("brand_new"),
        Just("modalities"),
        Just("user"),
        Just("parallel_tool_calls"),
    ];
    let members = prop::collection::vec((names, anything()), 0..5);
    (prop::collection::vec(message(), 0..4), members, any::<bool>()).prop_map(
        |(messages, members, stream)| {
            let mut body = Map::new();
            body.extend(members.into_iter().map(|(name, value)| (name.to_owned(), value)));
            body.insert("messages".to_owned(), Value::from(messages));
            body.insert("model".to_owned(), json!("m"));
            body.insert("stream".to_owned(), json!(stream));
            Value::Object(body)
        },
    )
}

/// What goes to Claude by translation, and to models that speak the dialect by pass-through.
fn check(body: &Bytes) {
    let Ok(inbound) = openai_chat::parse(body.clone()) else { return };
    let choices = inbound.max_output_tokens().is_some();
    assert!(!choices || inbound.least_output_tokens() > 0);
    let capabilities = Capabilities::default();
    let traits = Traits { family: "anthropic".to_owned(), ..Traits::default() };
    let claude = Target {
        upstream_id: "us.anthropic.claude-opus-5-5",
        door: Door::INVOKE,
        capabilities: &capabilities,
        traits: &traits,
        long_context: false,
    };
    if let Ok(carried) = carry(&inbound, &claude, &Learned::default(), BOUNDS, &Answering::default()) {
        let sent: Value = serde_json::from_slice(&carried.outbound.body.to_bytes()).unwrap();
        assert!(sent["max_tokens"].as_u64().unwrap() <= 1000);
    }
    for name in ["gpt", "oss", "grok", "gemma"] {
        let model = Model::named(name);
        let target = model.target();
        if let Ok(carried) = carry(&inbound, &target, &Learned::default(), BOUNDS, &Answering::default()) {
            let bytes = carried.outbound.body.to_bytes();
            let sent: Value = serde_json::from_slice(&bytes).unwrap();
            let ceilings: Vec<u64> = ["max_tokens", "max_completion_tokens"]
                .into_iter()
                .filter_map(|name| sent[name].as_u64())
                .collect();
            let choices = sent["n"].as_u64().unwrap_or(1).max(1);
            assert_eq!(ceilings.len(), 1, "{sent}");
            let ceiling = ceilings[0];
            assert!(ceiling * choices <= 1000.max(choices), "{sent}");
            assert_eq!(sent["model"], target.upstream_id);
            assert_eq!(carried.outbound.stream, sent["stream"] == true);
            assert!(!carried.outbound.stream || sent["stream_options"]["include_usage"] == true, "{sent}");
            openai_chat::parse(bytes).expect("what goes upstream is a request, with no member twice");
        }
    }
}

fn relayed(stream: bool, custom: bool, chunks: &[&[u8]]) -> (Bytes, Ending) {
    let mut body = json!({"model": "m", "messages": [{"role": "user", "content": "x"}], "stream": stream});
    if custom {
        body["tools"] = json!([{"type": "custom", "custom": {"name": "f"}}]);
    }
    let inbound = openai_chat::parse(Bytes::from(body.to_string())).unwrap();
    let model = Model::named("oss");
    let mut relay =
        carry(&inbound, &model.target(), &Learned::default(), BOUNDS, &Answering::default()).unwrap().relay;
    let mut out = BytesMut::new();
    for chunk in chunks {
        relay.push(Bytes::copy_from_slice(chunk), &mut out);
    }
    let ending = relay.finish(UpstreamEnd::Eof, &mut out);
    (out.freeze(), ending)
}

/// A chunk with anything in its delta.
fn chunk() -> impl Strategy<Value = String> {
    let finish =
        prop_oneof![Just(Value::Null), Just(Value::Null), Just(json!("stop")), Just(json!("tool_calls"))];
    let delta = prop_oneof![
        "[<>/a-z ]{0,20}".prop_map(|text| json!({"content": text})),
        prop_oneof![Just("<reasoning>"), Just("</reasoning>"), Just("<rea")].prop_map(|text| json!({"content": text})),
        (0..3_u64, "[a-z]{0,3}").prop_map(|(index, text)| json!({"tool_calls": [{"index": index, "id": text, "function": {"name": "f", "arguments": text}}]})),
        anything(),
    ];
    (delta, finish, 0..2_u64).prop_map(|(delta, finish, index)| {
        let chunk = json!({"id": "c", "model": "up", "choices": [{"index": index, "delta": delta, "finish_reason": finish}]});
        format!("data: {chunk}\n\n")
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_a_client_sends_is_carried_within_its_ceiling_or_refused(body in request()) {
        check(&Bytes::from(body.to_string()));
    }

    #[test]
    fn no_bytes_of_a_client_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        check(&Bytes::from(bytes));
    }

    #[test]
    fn whatever_an_upstream_streams_ends_properly_wherever_it_is_cut(
        chunks in prop::collection::vec(chunk(), 0..8),
        done in any::<bool>(),
        custom in any::<bool>(),
        cut in any::<prop::sample::Index>(),
    ) {
        let stream = format!("{}{}", chunks.concat(), if done { "data: [DONE]\n\n" } else { "" });
        let cut = if stream.is_empty() { 0 } else { cut.index(stream.len()) };
        let whole = relayed(true, custom, &[stream.as_bytes()]);
        let (first, second) = stream.as_bytes().split_at(cut);
        prop_assert_eq!(&relayed(true, custom, &[first, second]), &whole);
        prop_assert!(whole.0.ends_with(b"data: [DONE]\n\n"));
        prop_assert_eq!(whole.1.failure.is_some(), whole.0.windows(10).any(|bytes| bytes == b"{\"error\":{"));
    }

    #[test]
    fn no_bytes_of_an_upstream_panic(
        bytes in prop::collection::vec(any::<u8>(), 0..200),
        stream in any::<bool>(),
        custom in any::<bool>(),
    ) {
        let (_, ending) = relayed(stream, custom, &[&bytes]);
        prop_assert!(ending.failure.is_some());
    }
}
