//! Clients of Converse: their requests on the way to models that Converse serves and to others, and the answers back.

#![expect(clippy::unwrap_used, clippy::panic, reason = "what a test cannot go on without may stop it")]

use bytes::{Bytes, BytesMut};
use stonegate_protocol::conversation::CacheLifetime;
use stonegate_protocol::framing::eventstream::{Decoder, Frame, FrameKind};
use stonegate_protocol::{
    Answering, Basis, Bounds, Carried, Ending, Inbound as _, Learned, Relay, Unsupported, UpstreamEnd, carry,
    converse,
};

#[path = "support/canned.rs"]
mod canned;
#[path = "support/claude.rs"]
mod claude;
#[path = "support/conversing.rs"]
mod conversing;
#[path = "support/mod.rs"]
#[expect(dead_code, reason = "only the stream of Claude is wanted of it")]
mod support;

use conversing::{Model, bytes, event, exception};

fn passed(body: &str, model: &str, ceiling: u64, stream: bool) -> Result<Carried, Unsupported> {
    let model = Model::named(model);
    let inbound = converse::parse(Bytes::copy_from_slice(body.as_bytes()), stream, "m").unwrap();
    let bounds = Bounds { input_tokens: 50, output_tokens: ceiling };
    carry(&inbound, &model.target(), &Learned::default(), bounds, &Answering::default())
}

#[test]
fn a_body_passes_through_byte_for_byte_but_for_the_ceiling() {
    for (body, ceiling, expected) in [
        (
            r#"{"messages":[ ], "new":{"x":1.50}}"#,
            9,
            r#"{"inferenceConfig":{"maxTokens":9},"messages":[ ], "new":{"x":1.50}}"#,
        ),
        (
            r#"{"inferenceConfig":{ },"messages":[]}"#,
            9,
            r#"{"inferenceConfig":{"maxTokens":9 },"messages":[]}"#,
        ),
        (
            r#"{"inferenceConfig":{"topP":1},"messages":[]}"#,
            9,
            r#"{"inferenceConfig":{"maxTokens":9,"topP":1},"messages":[]}"#,
        ),
        (r#"{"inferenceConfig":{"maxTokens": 7}}"#, 9, r#"{"inferenceConfig":{"maxTokens": 7}}"#),
        (r#"{"inferenceConfig":{"maxTokens": 70}}"#, 9, r#"{"inferenceConfig":{"maxTokens": 9}}"#),
        ("{ }", 9, r#"{"inferenceConfig":{"maxTokens":9} }"#),
        (
            r#"{"inferenceConfig":{"maxTokens":9000},"additionalModelRequestFields":{"thinking":{"budget_tokens":8000}}}"#,
            2_000,
            r#"{"inferenceConfig":{"maxTokens":2000},"additionalModelRequestFields":{"thinking":{"budget_tokens":1999}}}"#,
        ),
        (
            r#"{"additionalModelRequestFields":{"reasoningConfig":{"maxReasoningEffort":"high"}}}"#,
            64_000,
            r#"{"additionalModelRequestFields":{"reasoningConfig":{"maxReasoningEffort":"high"}}}"#,
        ),
    ] {
        let carried = passed(body, "nova2", ceiling, true).unwrap();
        assert_eq!(carried.outbound.body.to_bytes(), expected);
        assert_eq!(carried.outbound.path, "/model/us.amazon.nova-2-lite-v1%3A0/converse-stream");
    }
}

#[test]
fn what_would_undo_the_ceiling_is_refused_by_name() {
    for (body, member) in [
        (r#"{"additionalModelRequestFields":{"max_tokens":9}}"#, "/additionalModelRequestFields/max_tokens"),
        (
            r#"{"additionalModelRequestFields":{"inferenceConfig":{"maxTokens":9}}}"#,
            "/additionalModelRequestFields/inferenceConfig/maxTokens",
        ),
        (r#"{"inferenceConfig":{"maxTokens":1,"maxTokens":2}}"#, "/inferenceConfig/maxTokens"),
        (r#"{"inferenceConfig":{},"inferenceConfig":{}}"#, "/inferenceConfig"),
        (r#"{"inferenceConfig":{"maxTokens":"9"}}"#, "/inferenceConfig/maxTokens"),
        ("[]", ""),
    ] {
        let malformed = converse::parse(Bytes::copy_from_slice(body.as_bytes()), true, "m").unwrap_err();
        assert_eq!(malformed.pointer, member, "{body}");
    }
    let high = r#"{"additionalModelRequestFields":{"reasoningConfig":{"maxReasoningEffort":"high"}}}"#;
    assert!(passed(high, "nova2", 500, true).unwrap_err().message.contains("maxReasoningEffort"));
}

#[test]
fn a_body_tells_what_a_quote_needs() {
    let body = r#"{"messages":[{"role":"user","content":[{"image":{"format":"png","source":{"bytes":"AAAABBBB"}}},{"toolResult":{"toolUseId":"a","content":[{"document":{"name":"d","source":{"bytes":"AAAA"}}}]}},{"cachePoint":{"type":"default","ttl":"1h"}}]}],"toolConfig":{"tools":[{"toolSpec":{"name":"f","inputSchema":{"json":{"image":{"source":{"bytes":"AAAA"}}}}}}]},"serviceTier":{"type":"flex"},"inferenceConfig":{"maxTokens":7}}"#;
    let inbound = converse::parse(Bytes::from(body), false, "m").unwrap();
    let sizes = inbound.sizes();
    assert_eq!((sizes.images, sizes.image_bytes, sizes.documents, sizes.document_bytes), (1, 6, 1, 3));
    assert_eq!((sizes.tools, sizes.messages, sizes.text_bytes), (1, 1, body.len() as u64 - 12));
    assert_eq!(inbound.cache_lifetime(), CacheLifetime::Hour);
    assert_eq!((inbound.service_tier(), inbound.max_output_tokens()), (Some("flex"), Some(7)));
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

fn cut_everywhere(frames: &[Frame]) -> (Bytes, Bytes, Ending) {
    let relay = || passed(r#"{"messages":[]}"#, "nova2", 100, true).unwrap().relay;
    let whole = bytes(frames);
    let expected = relayed(relay(), std::slice::from_ref(&whole));
    for cut in 0..=whole.len() {
        assert_eq!(relayed(relay(), &[whole.slice(..cut), whole.slice(cut..)]), expected, "cut at {cut}");
    }
    expected
}

#[test]
fn a_streams_frames_pass_through_as_they_came_and_its_end_is_kept_back() {
    let frames = conversing::answer();
    let (out, end, ending) = cut_everywhere(&frames);
    let (before, last) = frames.split_at(frames.len() - 2);
    assert_eq!((out, end), (bytes(before), bytes(last)));
    assert_eq!((ending.basis, ending.stop_reason.as_deref()), (Basis::Reported, Some("tool_use")));
    let usage = ending.usage;
    assert_eq!((usage.input_tokens, usage.output_tokens, usage.cache_read_tokens), (10, 30, 5));
    assert_eq!((usage.cache_write_1h_tokens, usage.cache_write_5m_tokens), (200, 100));
}

#[test]
fn a_stream_that_fails_ends_with_an_exception_that_sdks_know() {
    let start = event("messageStart", r#"{"role":"assistant"}"#);
    for (frames, name) in [
        (vec![start.clone()], "modelStreamErrorException"),
        (vec![start.clone(), exception("modelStreamErrorException", "oh")], "modelStreamErrorException"),
        (vec![start.clone(), exception("internalServerException", "oh")], "internalServerException"),
        (vec![start.clone(), exception("serviceUnavailableException", "oh")], "serviceUnavailableException"),
        (vec![start, exception("throttlingException", "slow down")], "throttlingException"),
    ] {
        let (_, end, ending) = cut_everywhere(&frames);
        let mut decoder = Decoder::default();
        decoder.push(end);
        let frame = decoder.next_frame().unwrap().unwrap();
        assert_eq!(frame.kind(), FrameKind::Exception(name));
        assert!(ending.failure.is_some());
    }
}

#[test]
fn a_stream_without_figures_is_whole_and_estimated() {
    let frames = conversing::answer();
    let (_, _, ending) = cut_everywhere(&frames[..frames.len() - 1]);
    assert_eq!((ending.basis, ending.failure), (Basis::Estimated, None));
    assert!(ending.usage.output_tokens > 0);
}

#[test]
fn a_whole_answer_passes_through_as_it_came() {
    let relay = passed(r#"{"messages":[]}"#, "nova2", 100, false).unwrap().relay;
    let (out, end, ending) = relayed(relay, &[Bytes::from(conversing::WHOLE)]);
    assert_eq!((out, end), (Bytes::new(), Bytes::from(conversing::WHOLE)));
    assert_eq!((ending.basis, ending.usage.output_tokens), (Basis::Reported, 30));
}

const RICH: &str = r#"{"system":[{"text":"Be brief."},{"cachePoint":{"type":"default","ttl":"1h"}}],"messages":[{"role":"user","content":[{"text":"Look"},{"image":{"format":"png","source":{"bytes":"iVBORw0KGgo="}}}]},{"role":"assistant","content":[{"reasoningContent":{"reasoningText":{"text":"hm","signature":"c2ln"}}},{"reasoningContent":{"redactedContent":"c2VhbA=="}},{"toolUse":{"toolUseId":"a","name":"look","input":{"x":1.50}}}]},{"role":"user","content":[{"toolResult":{"toolUseId":"a","content":[{"text":"seen"}],"status":"error"}},{"document":{"format":"pdf","name":"d","source":{"bytes":"JVBERi0="},"context":"c","citations":{"enabled":true}}},{"text":"So?"},{"cachePoint":{"type":"default"}}]}],"inferenceConfig":{"maxTokens":700,"stopSequences":["X"]},"toolConfig":{"tools":[{"toolSpec":{"name":"look","description":"d","inputSchema":{"json":{"type":"object"}}}}],"toolChoice":{"any":{}}},"guardrailConfig":{"guardrailIdentifier":"gr1","guardrailVersion":"DRAFT","trace":"enabled"},"requestMetadata":{"team":"a"},"serviceTier":{"type":"flex"}}"#;

#[test]
fn a_request_means_the_same_there_and_back() {
    // The one that is read is written by the same types, so that what differs was lost on the way.
    let inbound = converse::parse(Bytes::from(RICH), false, "m").unwrap();
    let (request, _) = inbound.translate(&Answering::default()).unwrap();
    let canned = canned::Canned::new(request, false);
    let model = Model::named("claude");
    let bounds = Bounds { input_tokens: 50, output_tokens: 700 };
    let carried =
        carry(&canned, &model.target(), &Learned::default(), bounds, &Answering::default()).unwrap();
    let read = |text: &[u8]| serde_json::from_slice::<serde_json::Value>(text).unwrap();
    assert_eq!(read(&carried.outbound.body.to_bytes()), read(RICH.as_bytes()));
}

#[test]
fn claude_by_its_own_body_answers_a_client_of_converse() {
    let claude = claude::claude("opus_5_5");
    let target = stonegate_protocol::Target {
        upstream_id: claude.id,
        door: stonegate_protocol::Door::INVOKE,
        capabilities: &claude.capabilities,
        traits: &claude.traits,
        long_context: false,
    };
    let body =
        r#"{"messages":[{"role":"user","content":[{"text":"Hi"}]}],"inferenceConfig":{"maxTokens":90}}"#;
    for stream in [true, false] {
        let inbound = converse::parse(Bytes::from(body), stream, "m").unwrap();
        let bounds = Bounds { input_tokens: 50, output_tokens: 90 };
        let carried = carry(&inbound, &target, &Learned::default(), bounds, &Answering::default()).unwrap();
        let answer = if stream {
            let frames: Vec<Frame> = support::answer().iter().map(|event| support::chunk(event)).collect();
            bytes(&frames)
        } else {
            Bytes::from(
                r#"{"model":"claude-opus-5-5","content":[{"type":"text","text":"Hello"}],"stop_reason":"end_turn","usage":{"input_tokens":8,"output_tokens":3}}"#,
            )
        };
        let (out, end, ending) = relayed(carried.relay, &[answer]);
        assert_eq!(ending.failure, None);
        let all = [out, end].concat();
        if stream {
            let mut decoder = Decoder::default();
            decoder.push(Bytes::from(all));
            let mut text = String::new();
            while let Some(frame) = decoder.next_frame().unwrap() {
                let FrameKind::Event(kind) = frame.kind() else { panic!("an event was expected") };
                text.push_str(&format!("{kind} {}\n", str::from_utf8(frame.payload()).unwrap()));
            }
            insta::assert_snapshot!("claude_to_converse_stream", text);
        } else {
            insta::assert_snapshot!("claude_to_converse_whole", str::from_utf8(&all).unwrap());
        }
    }
}
