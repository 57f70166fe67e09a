//! What users of other gateways reported, each as a case: the numbers are those of the field study in the design.

#![expect(clippy::unwrap_used, reason = "what a test cannot go on without may stop it")]

use bytes::Bytes;
use serde_json::{Value, json};
use stonegate_protocol::framing::eventstream::Frame;
use stonegate_protocol::{
    Answering, Bounds, Capabilities, Door, Dropped, Learned, Problem, RejectedPart, SentBetas, Target,
    Traits, UpstreamEnd, anthropic, carry, failure,
};

mod support;

use support::{START, STOP, STOP_DELTA, answer, bytes, chunk, exception, relay, relayed};

/// What goes upstream for a request with these members, and what was dropped on the way.
fn carried(betas: &[&str], members: &Value, learned: &Learned) -> (Value, Vec<Dropped>) {
    let mut body = json!({"model": "claude-opus-5-5", "max_tokens": 1000, "messages": [{"role": "user", "content": "Hi"}]});
    body.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    let inbound = anthropic::parse(Some("2023-06-01"), betas, Bytes::from(body.to_string())).unwrap();
    let capabilities = Capabilities::default();
    let target = Target {
        upstream_id: "m",
        door: Door::INVOKE,
        capabilities: &capabilities,
        traits: &Traits::default(),
        long_context: false,
    };
    let carried = carry(
        &inbound,
        &target,
        learned,
        Bounds { input_tokens: 0, output_tokens: 1000 },
        &Answering::default(),
    )
    .unwrap();
    (serde_json::from_slice(&carried.outbound.body.to_bytes()).unwrap(), carried.dropped)
}

fn upstream(members: &Value) -> Value {
    carried(&[], members, &Learned::default()).0
}

fn unchanged(member: &str, value: &Value) {
    let (body, dropped) = carried(&[], &json!({ member: value }), &Learned::default());
    assert_eq!(&body[member], value);
    assert!(dropped.is_empty(), "{dropped:?}");
}

#[test]
fn lesson_1_a_beta_that_bedrock_starts_to_refuse_is_learned_from_its_refusal() {
    let refusal = br#"{"message":"invalid beta flag: brand-new-2027-01-01"}"#;
    let part =
        failure::from_bedrock(400, Some("ValidationException"), None, refusal).rejected_part().unwrap();
    let mut learned = Learned::default();
    assert!(learned.note(part, &SentBetas::default()));
    let (body, dropped) = carried(&["brand-new-2027-01-01,effort-2025-11-24"], &json!({}), &learned);
    assert_eq!(body["anthropic_beta"], json!(["effort-2025-11-24"]));
    assert_eq!(dropped, [Dropped::Beta("brand-new-2027-01-01".to_owned())]);
}

#[test]
fn lesson_3_betas_are_taken_and_refused_one_by_one() {
    let (body, dropped) = carried(
        &["claude-code-20250219,oauth-2025-04-20,context-management-2025-06-27,fast-mode-2026-02-01"],
        &json!({}),
        &Learned::default(),
    );
    assert_eq!(body["anthropic_beta"], json!(["claude-code-20250219", "context-management-2025-06-27"]));
    assert_eq!(dropped.len(), 2);
}

#[test]
fn lesson_5_betas_count_from_the_header_as_well_as_from_the_body() {
    let (body, _) =
        carried(&["a-2026-01-01"], &json!({"anthropic_beta": ["b-2026-01-01"]}), &Learned::default());
    assert_eq!(body["anthropic_beta"], json!(["a-2026-01-01", "b-2026-01-01"]));
}

#[test]
fn lesson_6_a_member_that_bedrock_refuses_is_learned_wherever_it_stands() {
    let refusal = br#"{"message":"tools.0.custom.eager_input_streaming: Extra inputs are not permitted"}"#;
    let part =
        failure::from_bedrock(400, Some("ValidationException"), None, refusal).rejected_part().unwrap();
    assert_eq!(part, RejectedPart::Member("tools.*:custom.eager_input_streaming".to_owned()));
    let mut learned = Learned::default();
    learned.note(part, &SentBetas::default());
    let tools = json!({"tools": [
        {"name": "a", "eager_input_streaming": true, "input_schema": {}},
        {"type": "custom", "name": "b", "eager_input_streaming": true, "input_schema": {}},
        {"type": "bash_20250124", "name": "bash", "eager_input_streaming": true},
    ]});
    let left = json!([
        {"name": "a", "input_schema": {}},
        {"type": "custom", "name": "b", "input_schema": {}},
        {"type": "bash_20250124", "name": "bash", "eager_input_streaming": true},
    ]);
    assert_eq!(carried(&[], &tools, &learned).0["tools"], left, "other kinds of tools keep it");
}

#[test]
fn lesson_7_a_cache_scope_is_stripped_and_nothing_else() {
    let block =
        |mark| json!({"system": [{"type": "text", "text": "cache_control.scope", "cache_control": mark}]});
    let body = upstream(&block(json!({"type": "ephemeral", "scope": "global", "ttl": "1h"})));
    assert_eq!(body["system"], block(json!({"type": "ephemeral", "ttl": "1h"}))["system"]);
}

#[test]
fn lesson_8_the_billing_block_stays_first_for_claude() {
    unchanged(
        "system",
        &json!([{"type": "text", "text": "x-anthropic-billing-header: cc_version=2.1.329; cc_entrypoint=cli;"},
                {"type": "text", "text": "You are", "cache_control": {"type": "ephemeral"}}]),
    );
}

#[test]
fn lessons_10_to_16_thinking_keeps_its_place_and_its_signature() {
    unchanged(
        "messages",
        &json!([{"role": "user", "content": "x"}, {"role": "assistant", "content": [
            {"type": "thinking", "thinking": "", "signature": "only+a/signature=="},
            {"type": "redacted_thinking", "data": "ZW5jcnlwdGVk"},
            {"type": "text", "text": "I look."},
            {"type": "tool_use", "id": "t1", "name": "a", "input": {}}]},
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t1", "content": "y"}]}]),
    );
}

#[test]
fn lessons_19_to_25_the_shape_of_messages_and_tools_is_the_clients() {
    // Empty text, same-role turns, tool blocks without tools: InvokeModel judges them as Anthropic does.
    unchanged(
        "messages",
        &json!([{"role": "user", "content": [{"type": "text", "text": ""}]}, {"role": "user", "content": "b"}]),
    );
    unchanged(
        "messages",
        &json!([{"role": "assistant", "content": [{"type": "tool_use", "id": "1", "name": "a", "input": {"": {"k": null}}},
                                                  {"type": "tool_use", "id": "2", "name": "b", "input": {}}]},
                {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "2"}, {"type": "tool_result", "tool_use_id": "1"}]}]),
    );
    unchanged(
        "tools",
        &json!([{"name": "n".repeat(100), "input_schema": {"properties": {"a": null, "cache_control": {"scope": 1}}}}]),
    );
}

#[test]
fn lessons_21_and_26_parallel_tool_calls_keep_their_indices() {
    let events: Vec<String> = [0, 1, 0, 1]
        .iter()
        .map(|index| format!(r#"{{"type":"content_block_delta","index":{index},"delta":{{"type":"input_json_delta","partial_json":"{{"}}}}"#))
        .collect();
    let frames: Vec<Frame> = events.iter().map(|event| chunk(event)).collect();
    let (got, _) = relayed(&[bytes(&frames)], UpstreamEnd::Eof);
    let got = String::from_utf8(got.to_vec()).unwrap();
    let data: Vec<&str> = got.lines().filter_map(|line| line.strip_prefix("data: ")).take(4).collect();
    assert_eq!(data, events);
}

#[test]
fn lesson_27_a_server_tool_is_a_400_that_names_it() {
    let body = json!({"model": "m", "max_tokens": 9, "messages": [], "tools": [{"type": "web_search_20250305", "name": "web_search"}]});
    let inbound = anthropic::parse(None, &[], Bytes::from(body.to_string())).unwrap();
    let capabilities = Capabilities::default();
    let target = Target {
        upstream_id: "m",
        door: Door::INVOKE,
        capabilities: &capabilities,
        traits: &Traits::default(),
        long_context: false,
    };
    let refused = carry(
        &inbound,
        &target,
        &Learned::default(),
        Bounds { input_tokens: 0, output_tokens: 9 },
        &Answering::default(),
    )
    .unwrap_err();
    let reply = anthropic::error::render(&Problem::from(&refused), "req_0");
    assert_eq!(reply.status, 400);
    assert!(refused.message.starts_with("tools.0: `web_search_20250305`"), "{}", refused.message);
}

#[test]
fn lesson_30_a_tool_call_that_max_tokens_cuts_does_not_vanish() {
    let start = r#"{"type":"content_block_start","index":0,"content_block":{"type":"tool_use","id":"t","name":"Bash","input":{}}}"#;
    let delta = r#"{"type":"content_block_delta","index":0,"delta":{"type":"input_json_delta","partial_json":"{\"a"}}"#;
    let end = STOP_DELTA.replace("tool_use", "max_tokens");
    let frames = [START, start, delta, &end, STOP].map(chunk);
    let (got, ending) = relayed(&[bytes(&frames)], UpstreamEnd::Eof);
    let got = String::from_utf8(got.to_vec()).unwrap();
    assert!(got.contains(start) && got.contains(delta));
    assert_eq!(ending.stop_reason.as_deref(), Some("max_tokens"));
}

#[test]
fn lessons_58_to_60_the_long_window_is_asked_for_once_and_never_lost() {
    let body = json!({"model": "m", "max_tokens": 9, "messages": []});
    let capabilities = Capabilities::default();
    for (betas, long_context, expected) in [
        (&[][..], true, json!(["context-1m-2025-08-07"])),
        (&["context-1m-2025-08-07"], true, json!(["context-1m-2025-08-07"])),
        (&["context-1m-2025-08-07"], false, json!(["context-1m-2025-08-07"])),
        (&[], false, Value::Null),
    ] {
        let inbound = anthropic::parse(None, betas, Bytes::from(body.to_string())).unwrap();
        let target = Target {
            upstream_id: "m",
            door: Door::INVOKE,
            capabilities: &capabilities,
            traits: &Traits::default(),
            long_context,
        };
        let outbound = carry(
            &inbound,
            &target,
            &Learned::default(),
            Bounds { input_tokens: 0, output_tokens: 9 },
            &Answering::default(),
        )
        .unwrap()
        .outbound;
        let sent: Value = serde_json::from_slice(&outbound.body.to_bytes()).unwrap();
        assert_eq!(sent["anthropic_beta"], expected);
    }
}

#[test]
fn lesson_73_an_error_in_mid_stream_says_what_it_is() {
    let (got, _) =
        relayed(&[bytes(&[chunk(START), exception("throttlingException", "slow")])], UpstreamEnd::Eof);
    let got = String::from_utf8(got.to_vec()).unwrap();
    assert!(
        got.contains("event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"rate_limit_error\""),
        "{got}"
    );
}

#[test]
fn lesson_77_a_message_start_without_usage_is_no_trouble() {
    let start = r#"{"type":"message_start","message":{"id":"msg_1","model":"m"}}"#;
    let (got, ending) = relayed(&[bytes(&[start, STOP_DELTA, STOP].map(chunk))], UpstreamEnd::Eof);
    assert!(got.ends_with(b"data: {\"type\":\"message_stop\"}\n\n"));
    assert_eq!((ending.usage.input_tokens, ending.usage.output_tokens), (12, 77));
}

#[test]
fn lesson_79_a_chunk_of_a_megabyte_passes() {
    let text = "x".repeat(700_000);
    let event = format!(
        r#"{{"type":"content_block_delta","index":0,"delta":{{"type":"text_delta","text":"{text}"}}}}"#
    );
    let whole = bytes(&[chunk(&event)]);
    let chunks: Vec<Bytes> = whole.chunks(16_384).map(Bytes::copy_from_slice).collect();
    let (got, ending) = relayed(&chunks, UpstreamEnd::Eof);
    assert!(got.len() > 700_000);
    assert_eq!(ending.usage.output_tokens, 5_000, "never more than was allowed");
}

#[test]
fn lesson_81_a_frame_that_is_split_across_reads_is_one_frame() {
    let frames: Vec<Frame> = answer().iter().map(|event| chunk(event)).collect();
    let whole = bytes(&frames);
    let mut relay = relay(r#","stream":true"#);
    let mut out = bytes::BytesMut::new();
    for byte in whole.chunks(1) {
        relay.push(Bytes::copy_from_slice(byte), &mut out);
    }
    assert!(relay.is_over() && relay.failure().is_none());
}

#[test]
fn tools_bring_the_beta_that_bedrock_knows_them_by() {
    for (kind, betas, expected) in [
        ("memory_20250818", &[][..], json!(["context-management-2025-06-27"])),
        ("tool_search_tool_regex_20251119", &[], json!(["tool-search-tool-2025-10-19"])),
        (
            "tool_search_tool_bm25_20251119",
            &["advanced-tool-use-2025-11-20"],
            json!(["tool-search-tool-2025-10-19"]),
        ),
        ("computer_20251124", &["computer-use-2025-11-24"], json!(["computer-use-2025-11-24"])),
        ("bash_20250124", &[], Value::Null),
    ] {
        let tools = json!({ "tools": [{ "type": kind, "name": "t" }] });
        let (body, dropped) = carried(betas, &tools, &Learned::default());
        assert_eq!((&body["anthropic_beta"], dropped), (&expected, Vec::new()), "{kind}");
    }
}
