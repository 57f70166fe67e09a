//! What need not change keeps its bytes, and no input panics.

#![expect(clippy::unwrap_used, reason = "what a test cannot go on without may stop it")]

use base64::Engine as _;
use bytes::Bytes;
use proptest::prelude::*;
use serde_json::{Map, Value, json};
use stonegate_protocol::anthropic::{self, count};
use stonegate_protocol::conversation::CacheLifetime;
use stonegate_protocol::{Answering, Bounds, Capabilities, Door, Learned, Target, Traits, carry};

fn carried(body: Bytes, betas: &[&str]) -> Option<Bytes> {
    let inbound = anthropic::parse(Some("2023-06-01"), betas, body).ok()?;
    let capabilities = Capabilities::default();
    let target = Target {
        upstream_id: "m",
        door: Door::INVOKE,
        capabilities: &capabilities,
        traits: &Traits::default(),
        long_context: true,
    };
    let carried = carry(
        &inbound,
        &target,
        &Learned::default(),
        Bounds { input_tokens: 0, output_tokens: 777 },
        &Answering::default(),
    )
    .ok()?;
    count::carry_count(&inbound, &target, &Learned::default(), &Default::default()).ok()?;
    Some(carried.outbound.body.to_bytes())
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "\\PC{0,12}|[\"\\\\\n\u{0}é]{0,6}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 40, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::btree_map(
                "type|text|source|content|cache_control|data|[a-z\"\\\\]{0,5}",
                inner,
                0..6
            )
            .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

/// The object's members, each with the very bytes of its value.
fn raw_members(object: &[u8]) -> std::collections::BTreeMap<String, Box<serde_json::value::RawValue>> {
    serde_json::from_slice(object).unwrap()
}

proptest! {
    #[test]
    fn unknown_members_survive_byte_for_byte(
        members in prop::collection::btree_map("x_[a-z\"\\\\é]{0,6}", any_json(), 0..6),
        pretty in any::<bool>(),
    ) {
        let mut body: Map<String, Value> = members.into_iter().collect();
        body.insert("messages".to_owned(), json!([{"role": "user", "content": "Hi"}]));
        body.insert("model".to_owned(), json!("m"));
        body.insert("max_tokens".to_owned(), json!(500));
        let body = if pretty { serde_json::to_vec_pretty(&body) } else { serde_json::to_vec(&body) }.unwrap();
        let upstream = carried(Bytes::from(body.clone()), &[]).unwrap();
        let (mut before, mut after) = (raw_members(&body), raw_members(&upstream));
        before.remove("model");
        after.remove("anthropic_version");
        after.remove("anthropic_beta");
        let raw = |members: &std::collections::BTreeMap<String, Box<serde_json::value::RawValue>>| {
            members.iter().map(|(name, value)| (name.clone(), value.get().to_owned())).collect::<Vec<_>>()
        };
        prop_assert_eq!(raw(&before), raw(&after));
    }

    #[test]
    fn arbitrary_messages_survive_byte_for_byte_but_for_cache_scopes(content in any_json()) {
        let body = json!({"model": "m", "max_tokens": 5, "messages": [{"role": "user", "content": content}]});
        let body = serde_json::to_vec(&body).unwrap();
        if let Some(upstream) = carried(Bytes::from(body.clone()), &[]) {
            let (before, after) = (raw_members(&body), raw_members(&upstream));
            prop_assert_eq!(before["messages"].get(), after["messages"].get());
        }
    }

    #[test]
    fn what_goes_upstream_is_always_json(
        members in prop::collection::btree_map(
            "system|tools|thinking|tool_choice|output_config|context_management|cache_control|service_tier|betas|stream|speed",
            any_json(),
            0..6,
        ),
        content in any_json(),
        betas in "\\PC{0,40}",
    ) {
        let mut body: Map<String, Value> = members.into_iter().collect();
        body.insert("messages".to_owned(), json!([{"role": "user", "content": content}]));
        body.insert("model".to_owned(), json!("m"));
        body.insert("max_tokens".to_owned(), json!(100_000));
        if let Some(upstream) = carried(Bytes::from(serde_json::to_vec(&body).unwrap()), &[&betas]) {
            let upstream: Value = serde_json::from_slice(&upstream).unwrap();
            prop_assert_eq!(&upstream["max_tokens"], &json!(777));
            prop_assert!(upstream.get("model").is_none() && upstream.get("stream").is_none());
        }
    }

    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _result = carried(Bytes::from(bytes), &[]);
    }

    #[test]
    fn no_mutation_of_a_valid_request_panics(
        at in any::<prop::sample::Index>(),
        byte in any::<u8>(),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut body = include_bytes!("golden/fixtures/anthropic/claude_code.json").to_vec();
        let start = body.windows(7).position(|window| window == b"\"body\":").unwrap() + 7;
        body.drain(..start);
        body.truncate(body.len() - 3);
        let at = at.index(body.len());
        body[at] = byte;
        let cut = cut.index(body.len());
        let _cut = carried(Bytes::copy_from_slice(&body[..cut]), &[]);
        let _whole = carried(Bytes::from(body), &["a,b"]);
    }
}

#[test]
fn sizes_count_media_apart_from_text() {
    let image = "A".repeat(4_000);
    let body = json!({"model": "m", "max_tokens": 5, "tools": [{"name": "a"}, {"name": "b"}], "messages": [
        {"role": "user", "content": [
            {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": image}},
            {"source": {"data": "JVBE", "media_type": "application/pdf", "type": "base64"}, "type": "document"},
            {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "plain text"}},
            {"type": "tool_result", "tool_use_id": "t", "content": [
                {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": image},
                 "cache_control": {"type": "ephemeral", "ttl": "1h"}}]},
            {"type": "text", "text": image, "source": {"type": "base64", "data": image}}]},
        {"role": "assistant", "content": "x"}]})
    .to_string();
    let inbound = anthropic::parse(None, &[], Bytes::from(body.clone())).unwrap();
    let sizes = *inbound.sizes();
    assert_eq!((sizes.images, sizes.image_bytes), (2, 6_000));
    assert_eq!((sizes.documents, sizes.document_bytes, sizes.unbounded), (2, 3, 1));
    assert_eq!(sizes.text_bytes, body.len() as u64 - 8_004, "text that poses as base64 is text");
    assert_eq!((sizes.tools, sizes.messages), (2, 2));
    assert_eq!(sizes.tool_bytes, r#"[{"name":"a"},{"name":"b"}]"#.len() as u64);
    assert_eq!(inbound.cache_lifetime(), CacheLifetime::Hour);
}

#[test]
fn text_cannot_pose_as_an_image_by_saying_its_type_twice() {
    for block in [
        r#"{"type":"text","type":"image","source":{"type":"base64","data":"x"}}"#,
        r#"{"type":"image","source":{"type":"text","type":"base64","data":"x"}}"#,
        r#"{"type":"image","source":{"type":"base64","data":"x","data":""}}"#,
        r#"{"type":"image","source":{"type":"base64","data":"x"},"source":{}}"#,
    ] {
        let body =
            format!(r#"{{"model":"m","max_tokens":5,"messages":[{{"role":"user","content":[{block}]}}]}}"#);
        assert!(anthropic::parse(None, &[], Bytes::from(body)).is_err(), "{block}");
    }
}

fn counted(body: &str) -> (String, Value) {
    let inbound =
        anthropic::parse_count(None, &["effort-2025-11-24"], Bytes::copy_from_slice(body.as_bytes()))
            .unwrap();
    let capabilities = Capabilities::default();
    let target = Target {
        upstream_id: "us.anthropic.claude-opus-5-5",
        door: Door::INVOKE,
        capabilities: &capabilities,
        traits: &Traits::default(),
        long_context: false,
    };
    let outbound =
        count::carry_count(&inbound, &target, &Learned::default(), &Default::default()).unwrap().outbound;
    let envelope: Value = serde_json::from_slice(&outbound.body.to_bytes()).unwrap();
    let encoded = envelope["input"]["invokeModel"]["body"].as_str().unwrap();
    let inner = base64::engine::general_purpose::STANDARD.decode(encoded).unwrap();
    (outbound.path, serde_json::from_slice(&inner).unwrap())
}

#[test]
fn tokens_are_counted_on_the_bare_model_with_tools_and_all() {
    let (path, body) = counted(
        r#"{"model":"claude-opus-5-5","messages":[{"role":"user","content":"Hi"}],"tools":[{"name":"a","input_schema":{}}]}"#,
    );
    assert_eq!(path, "/model/anthropic.claude-opus-5-5/count-tokens");
    assert_eq!(
        body,
        json!({"anthropic_version": "bedrock-2023-05-31", "anthropic_beta": ["effort-2025-11-24"], "max_tokens": 1,
               "messages": [{"role": "user", "content": "Hi"}], "tools": [{"name": "a", "input_schema": {}}]})
    );
}

#[test]
fn a_count_has_room_for_thinking_and_no_empty_tools() {
    let (_, body) = counted(
        r#"{"model":"m","tools":[],"max_tokens":10,"messages":[],"thinking":{"type":"enabled","budget_tokens":2048}}"#,
    );
    assert_eq!(body["max_tokens"], 2049);
    assert!(body.get("tools").is_none());
}

#[test]
fn a_count_is_read_and_rendered() {
    assert_eq!(count::read_count(br#"{"inputTokens":42}"#).unwrap(), 42);
    assert_eq!(count::render_count(42), r#"{"input_tokens":42}"#);
    assert!(count::read_count(b"{}").is_err());
}
