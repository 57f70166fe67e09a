//! Clients of InvokeModel: bodies of Claude and of the other families, and the answers back.

#![expect(clippy::unwrap_used, reason = "what a test cannot go on without may stop it")]

use bytes::{Bytes, BytesMut};
use stonegate_protocol::framing::eventstream::Frame;
use stonegate_protocol::{
    Answering, Basis, Bounds, Capabilities, Carried, Door, Ending, Inbound as _, Learned, Relay, Target,
    Traits, Unsupported, UpstreamEnd, bedrock_native, carry,
};

#[path = "support/mod.rs"]
#[expect(dead_code, reason = "only the stream of Claude is wanted of it")]
mod support;

use support::{bytes, chunk, exception};

fn carried(body: &str, family: &str, id: &str, ceiling: u64, stream: bool) -> Result<Carried, Unsupported> {
    let header = |name: &str| (name == "x-amzn-bedrock-trace").then_some("ENABLED");
    let inbound =
        bedrock_native::parse(Bytes::copy_from_slice(body.as_bytes()), stream, "m", header).unwrap();
    let capabilities = Capabilities::default();
    let traits = Traits { family: family.to_owned(), bedrock_id: id.to_owned(), ..Traits::default() };
    let target = Target {
        upstream_id: id,
        door: Door::INVOKE,
        capabilities: &capabilities,
        traits: &traits,
        long_context: false,
    };
    let bounds = Bounds { input_tokens: 50, output_tokens: ceiling };
    carry(&inbound, &target, &Learned::default(), bounds, &Answering::default())
}

#[test]
fn the_ceiling_stands_in_the_familys_own_member() {
    for (family, id, body, expected) in [
        (
            "amazon",
            "amazon.nova-lite-v1:0",
            r#"{"messages":[]}"#,
            r#"{"inferenceConfig":{"maxTokens":9},"messages":[]}"#,
        ),
        (
            "amazon",
            "amazon.nova-lite-v1:0",
            r#"{"inferenceConfig":{"topK":1}}"#,
            r#"{"inferenceConfig":{"maxTokens":9,"topK":1}}"#,
        ),
        (
            "amazon",
            "amazon.nova-lite-v1:0",
            r#"{"inferenceConfig": {"maxTokens" : 70}}"#,
            r#"{"inferenceConfig": {"maxTokens" : 9}}"#,
        ),
        (
            "amazon",
            "amazon.titan-text-lite-v1",
            r#"{"inputText":"Hi"}"#,
            r#"{"textGenerationConfig":{"maxTokenCount":9},"inputText":"Hi"}"#,
        ),
        ("amazon", "amazon.titan-embed-text-v2:0", r#"{"inputText":"Hi"}"#, r#"{"inputText":"Hi"}"#),
        (
            "meta",
            "meta.llama3-70b",
            r#"{"prompt":"max_gen_len"}"#,
            r#"{"max_gen_len":9,"prompt":"max_gen_len"}"#,
        ),
        (
            "mistral",
            "mistral.large",
            r#"{"prompt":"Hi","max_tokens":5}"#,
            r#"{"prompt":"Hi","max_tokens":5}"#,
        ),
        (
            "openai",
            "openai.gpt-oss",
            r#"{"messages":[],"max_tokens":70}"#,
            r#"{"max_completion_tokens":9,"messages":[],"max_tokens":9}"#,
        ),
        ("qwen", "qwen.qwen3", "{}", r#"{"max_tokens":9}"#),
    ] {
        let carried = carried(body, family, id, 9, false).unwrap();
        assert_eq!(carried.outbound.body.to_bytes(), expected, "{id}");
        assert!(carried.outbound.headers.contains(&("x-amzn-bedrock-trace", "ENABLED".to_owned())));
    }
}

#[test]
fn several_answers_at_once_are_refused() {
    for body in [r#"{"prompt":"Hi","num_generations":3}"#, r#"{"messages":[],"n":2}"#] {
        assert!(carried(body, "cohere", "cohere.command", 9, false).is_err(), "{body}");
    }
    assert!(carried(r#"{"messages":[],"n":1}"#, "qwen", "qwen.x", 9, false).is_ok());
}

const CLAUDE: &str = r#"{"anthropic_version":"bedrock-2023-05-31","anthropic_beta":["effort-2025-11-24"],"max_tokens":1,"messages":[{"role":"user","content":"Hi"}]}"#;

#[test]
fn claudes_body_goes_the_way_of_a_messages_request() {
    let carried = carried(CLAUDE, "anthropic", "anthropic.claude-x", 500, true).unwrap();
    let body: serde_json::Value = serde_json::from_slice(&carried.outbound.body.to_bytes()).unwrap();
    let mut expected: serde_json::Value = serde_json::from_str(CLAUDE).unwrap();
    if body.get("anthropic_beta").is_none() {
        expected.as_object_mut().unwrap().remove("anthropic_beta");
    }
    assert_eq!(body, expected);
    assert_eq!(carried.outbound.path, "/model/anthropic.claude-x/invoke-with-response-stream");
    let inbound = bedrock_native::parse(Bytes::from(CLAUDE), true, "m", |_| None).unwrap();
    assert_eq!((inbound.model(), inbound.max_output_tokens()), ("m", Some(1)));
}

fn relayed(mut relay: Relay, chunks: &[Bytes]) -> (Bytes, Bytes, Ending) {
    let mut out = BytesMut::new();
    for chunk in chunks {
        if !relay.is_over() {
            relay.push(chunk.clone(), &mut out);
        }
    }
    let mut end = BytesMut::new();
    let ending = relay.finish(UpstreamEnd::Eof, &mut end);
    (out.freeze(), end.freeze(), ending)
}

fn cut_everywhere(body: &str, family: &str, frames: &[Frame]) -> (Bytes, Bytes, Ending) {
    let relay = || carried(body, family, "x.y", 500, true).unwrap().relay;
    let whole = bytes(frames);
    let expected = relayed(relay(), std::slice::from_ref(&whole));
    for cut in 0..=whole.len() {
        let got = relayed(relay(), &[whole.slice(..cut), whole.slice(cut..)]);
        assert_eq!(got, expected, "cut at {cut}");
    }
    expected
}

#[test]
fn claudes_stream_passes_through_as_frames_and_is_metered() {
    let frames: Vec<Frame> = support::answer().iter().map(|event| chunk(event)).collect();
    let (out, end, ending) = cut_everywhere(CLAUDE, "anthropic", &frames);
    let (before, last) = frames.split_at(frames.len() - 1);
    assert_eq!((out, end), (bytes(before), bytes(last)));
    assert_eq!((ending.basis, ending.usage.output_tokens), (Basis::Reported, 77));
    let (_, end, ending) = cut_everywhere(CLAUDE, "anthropic", before);
    assert!(!end.is_empty() && ending.failure.is_some());
}

#[test]
fn another_familys_stream_is_metered_by_its_last_chunk() {
    let said = chunk(r#"{"generation":"Hello"}"#);
    let last = chunk(
        r#"{"stop_reason":"stop","amazon-bedrock-invocationMetrics":{"inputTokenCount":8,"outputTokenCount":3}}"#,
    );
    let (out, end, ending) = cut_everywhere(r#"{"prompt":"Hi"}"#, "meta", &[said.clone(), last.clone()]);
    assert_eq!((out, end), (bytes(std::slice::from_ref(&said)), bytes(&[last])));
    assert_eq!(
        (ending.basis, ending.usage.input_tokens, ending.usage.output_tokens),
        (Basis::Reported, 8, 3)
    );
    let failed = exception("modelTimeoutException", "too slow");
    let (_, end, ending) = cut_everywhere(r#"{"prompt":"Hi"}"#, "meta", &[said, failed]);
    assert!(!end.is_empty() && ending.failure.is_some());
}

#[test]
fn a_whole_answer_is_metered_by_its_headers() {
    let answer = Bytes::from(r#"{"generation":"Hello"}"#);
    for (headers, basis, output) in [
        (
            vec![("x-amzn-bedrock-input-token-count", "8"), ("x-amzn-bedrock-output-token-count", "3")],
            Basis::Reported,
            3,
        ),
        (vec![], Basis::Estimated, 11),
    ] {
        let mut relay = carried(r#"{"prompt":"Hi"}"#, "meta", "meta.x", 500, false).unwrap().relay;
        relay.headers(&headers);
        let (out, end, ending) = relayed(relay, std::slice::from_ref(&answer));
        assert_eq!((out, end), (Bytes::new(), answer.clone()));
        assert_eq!((ending.basis, ending.usage.output_tokens), (basis, output));
    }
    let mut relay =
        carried(r#"{"inputText":"Hi"}"#, "amazon", "amazon.titan-embed-text-v2:0", 500, false).unwrap().relay;
    relay.headers(&[("x-amzn-bedrock-input-token-count", "2")]);
    let (_, _, ending) = relayed(relay, &[Bytes::from("{}")]);
    assert_eq!(
        (ending.basis, ending.usage.input_tokens, ending.usage.output_tokens),
        (Basis::Reported, 2, 0)
    );
}

#[test]
fn novas_older_name_for_the_ceiling_becomes_the_newer_one() {
    for (body, expected) in [
        (r#"{"inferenceConfig":{"max_new_tokens":70}}"#, r#"{"inferenceConfig":{"maxTokens":9}}"#),
        (r#"{"inferenceConfig":{ "max_new_tokens" : 5 }}"#, r#"{"inferenceConfig":{ "maxTokens" : 5 }}"#),
    ] {
        let carried = carried(body, "amazon", "amazon.nova-lite-v1:0", 9, false).unwrap();
        assert_eq!(carried.outbound.body.to_bytes(), expected);
    }
}

#[test]
fn novas_highest_effort_goes_without_a_ceiling_where_all_it_can_write_is_paid_for() {
    let id = "amazon.nova-2-lite-v1:0";
    let on = |body: &str, ceiling: u64| {
        let inbound =
            bedrock_native::parse(Bytes::copy_from_slice(body.as_bytes()), false, "m", |_| None).unwrap();
        let capabilities = Capabilities::default();
        let traits = Traits {
            family: "amazon".to_owned(),
            bedrock_id: id.to_owned(),
            max_output_tokens: 64_000,
            ..Traits::default()
        };
        let (door, long_context) = (Door::INVOKE, false);
        let target =
            Target { upstream_id: id, door, capabilities: &capabilities, traits: &traits, long_context };
        let bounds = Bounds { input_tokens: 50, output_tokens: ceiling };
        carry(&inbound, &target, &Learned::default(), bounds, &Answering::default())
            .map(|carried| carried.outbound.body.to_bytes())
    };
    for body in [
        r#"{"messages":[],"reasoningConfig":{"type":"enabled","maxReasoningEffort":"high"}}"#,
        r#"{"inferenceConfig":{"reasoningConfig":{"type":"enabled","maxReasoningEffort":"high"}},"messages":[]}"#,
    ] {
        assert_eq!(on(body, 64_000).unwrap(), body);
        assert!(on(body, 500).unwrap_err().message.contains("use `medium`"));
        let medium = String::from_utf8(on(&body.replace("high", "medium"), 500).unwrap().to_vec()).unwrap();
        assert!(medium.contains(r#""maxTokens":500"#), "{medium}");
        let off = String::from_utf8(on(&body.replace("enabled", "disabled"), 500).unwrap().to_vec()).unwrap();
        assert!(off.contains(r#""maxTokens":500"#), "{off}");
    }
}

#[test]
fn base64_is_no_text_where_a_model_reads_it_as_a_medium() {
    let data = "A".repeat(40_000);
    let sizes = |body: String| {
        let inbound = bedrock_native::parse(Bytes::from(body), false, "m", |_| None).unwrap();
        *inbound.sizes()
    };
    for (body, media) in [
        (
            r#"{"messages":[{"role":"user","content":[{"image":{"format":"png","source":{"bytes":"DATA"}}}]}]}"#,
            (1, 0),
        ),
        (
            r#"{"messages":[{"role":"user","content":[{"toolResult":{"content":[{"image":{"source":{"bytes":"DATA"}}}]}}]}]}"#,
            (1, 0),
        ),
        (r#"{"messages":[{"role":"user","content":[{"video":{"source":{"bytes":"DATA"}}}]}]}"#, (0, 1)),
        (
            r#"{"messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"data:image/png;base64,DATA"}}]}]}"#,
            (1, 0),
        ),
        (r#"{"prompt":"Hi","images":["DATA"]}"#, (1, 0)),
        (r#"{"inputImage":"DATA"}"#, (1, 0)),
    ] {
        let found = sizes(body.replace("DATA", &data));
        assert_eq!((found.images, found.videos), media, "{body}");
        assert!(found.text_bytes < 200, "{body}: {found:?}");
        assert_eq!(found.image_bytes + found.video_bytes, 30_000);
    }
    for body in [
        r#"{"prompt":"DATA"}"#,
        r#"{"messages":[{"role":"user","content":"DATA"}]}"#,
        r#"{"messages":[{"role":"user","content":[{"text":"DATA"}]}]}"#,
        r#"{"messages":[{"role":"assistant","content":[{"toolUse":{"input":{"image":{"source":{"bytes":"DATA"}}}}}]}]}"#,
        r#"{"inputImage":{"bytes":"DATA"}}"#,
    ] {
        let found = sizes(body.replace("DATA", &data));
        assert!(found.text_bytes > 40_000 && found.images == 0, "{body}: {found:?}");
    }
}
