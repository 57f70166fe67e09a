//! What a Messages client gets of InvokeModel's answers, whole, failed and broken off.

#![expect(clippy::unwrap_used, reason = "what a test cannot go on without may stop it")]

use bytes::{Bytes, BytesMut};
use serde_json::Value;
use stonegate_protocol::framing::eventstream::Frame;
use stonegate_protocol::framing::sse;
use stonegate_protocol::{Basis, Dialect, Failure, FailureClass, UpstreamEnd, Usage};

mod support;

use support::{START, STOP, STOP_DELTA, answer, bytes, chunk, exception, relay, relayed};

const USAGE: Usage = Usage {
    input_tokens: 12,
    output_tokens: 77,
    cache_read_tokens: 4000,
    cache_write_5m_tokens: 100,
    cache_write_1h_tokens: 200,
    thinking_tokens: Some(20),
};

fn events(bytes: &[u8]) -> Vec<sse::Event> {
    let mut parser = sse::Parser::default();
    parser.push(bytes);
    std::iter::from_fn(|| parser.next_event().unwrap()).collect()
}

#[test]
fn a_stream_reaches_the_client_event_for_event_in_its_very_bytes() {
    let sent = answer();
    let frames: Vec<Frame> = sent.iter().map(|event| chunk(event)).collect();
    let (got, ending) = relayed(&[bytes(&frames)], UpstreamEnd::Eof);
    let got = events(&got);
    assert_eq!(got.len(), sent.len());
    for (event, sent) in got.iter().zip(&sent).take(sent.len() - 1) {
        assert_eq!(&event.data, sent);
        assert_eq!(event.name, serde_json::from_str::<Value>(sent).unwrap()["type"].as_str().unwrap());
    }
    let last = got.last().unwrap();
    assert_eq!((last.name.as_str(), last.data.as_str()), ("message_stop", r#"{"type":"message_stop"}"#));
    assert_eq!((ending.usage, ending.basis, ending.failure), (USAGE, Basis::Reported, None));
    assert_eq!(ending.stop_reason.as_deref(), Some("tool_use"));
    assert_eq!(ending.served_model.as_deref(), Some("claude-opus-5-5"));
}

#[test]
fn the_end_is_kept_back_until_the_call_is_finished() {
    let mut relay = relay(r#","stream":true"#);
    let mut out = BytesMut::new();
    relay.push(bytes(&[chunk(START), chunk(STOP_DELTA), chunk(STOP)]), &mut out);
    assert!(relay.is_over());
    assert!(!events(&out).iter().any(|event| event.name == "message_stop"));
    relay.finish(UpstreamEnd::Eof, &mut out);
    assert_eq!(events(&out).last().unwrap().name, "message_stop");
}

#[test]
fn a_stream_never_just_ends_as_if_all_was_well() {
    let sent = answer();
    for kept in 0..sent.len() - 1 {
        let frames: Vec<Frame> = sent.iter().take(kept).map(|event| chunk(event)).collect();
        let (got, ending) = relayed(&[bytes(&frames)], UpstreamEnd::Eof);
        let last = events(&got).pop().unwrap();
        assert_eq!(last.name, "error", "after {kept} events");
        assert!(last.data.contains(r#""type":"api_error""#), "{}", last.data);
        assert_eq!(ending.failure.unwrap().class, FailureClass::BrokenOff);
        assert_eq!(ending.basis == Basis::Reported, ending.stop_reason.is_some());
    }
}

#[test]
fn what_broke_off_is_estimated_from_above_and_never_zero_once_a_token_came_out() {
    let delta =
        r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"0123456789"}}"#;
    for (deltas, tokens) in [(0, 1), (1, 5), (10, 50), (2000, 5000)] {
        let mut frames = vec![chunk(START)];
        frames.extend((0..deltas).map(|_| chunk(delta)));
        let (_, ending) = relayed(&[bytes(&frames)], UpstreamEnd::Eof);
        assert_eq!(ending.usage.output_tokens, tokens, "{deltas} deltas");
        assert_eq!((ending.usage.input_tokens, ending.basis), (12, Basis::Estimated));
    }
    let (_, ending) = relayed(&[bytes(&[chunk(delta)])], UpstreamEnd::Eof);
    assert!(ending.usage.output_tokens > 0, "also without message_start");
}

#[test]
fn a_failure_in_mid_stream_is_a_typed_error_event() {
    for (name, kind) in [
        ("throttlingException", "rate_limit_error"),
        ("serviceUnavailableException", "overloaded_error"),
        ("internalServerException", "api_error"),
        ("modelStreamErrorException", "api_error"),
        ("modelTimeoutException", "timeout_error"),
        ("validationException", "invalid_request_error"),
    ] {
        let frames = [chunk(START), exception(name, "arn:aws:bedrock:us-east-1:123456789012:x broke")];
        let (got, ending) = relayed(&[bytes(&frames)], UpstreamEnd::Eof);
        let last = events(&got).pop().unwrap();
        let data: Value = serde_json::from_str(&last.data).unwrap();
        assert_eq!((last.name.as_str(), data["type"].as_str()), ("error", Some("error")));
        assert_eq!(data["error"]["type"], kind, "{name}");
        assert!(!last.data.contains("arn:") && !last.data.contains("123456789012"), "{}", last.data);
        assert!(ending.failure.is_some());
    }
}

#[test]
fn an_error_event_of_the_models_own_is_a_failure() {
    let error = r#"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}"#;
    let (got, ending) = relayed(&[bytes(&[chunk(START), chunk(error)])], UpstreamEnd::Eof);
    assert!(events(&got).pop().unwrap().data.contains("overloaded_error"));
    assert_eq!(ending.failure.unwrap().class, FailureClass::Overloaded);
}

#[test]
fn an_error_before_any_content_is_known_before_anything_was_sent() {
    let mut relay = relay(r#","stream":true"#);
    let mut out = BytesMut::new();
    relay.push(bytes(&[exception("throttlingException", "Too many requests")]), &mut out);
    assert!(out.is_empty() && relay.is_over());
    assert_eq!(relay.failure().unwrap().class, FailureClass::Throttled);
}

#[test]
fn a_damaged_stream_is_a_failure_and_not_a_panic() {
    let mut damaged = bytes(&[chunk(START), chunk(STOP)]).to_vec();
    let middle = damaged.len() - 20;
    damaged[middle] ^= 1;
    for end in [Bytes::from(damaged), Bytes::from_static(b"<html>503 Service Unavailable</html>")] {
        let (got, ending) = relayed(&[end], UpstreamEnd::Eof);
        assert_eq!(events(&got).pop().unwrap().name, "error");
        assert_eq!(ending.failure.unwrap().class, FailureClass::BrokenOff);
    }
}

#[test]
fn a_connection_that_breaks_after_the_last_event_changes_nothing() {
    let broken = Failure::local(FailureClass::BrokenOff, "Reset", "connection reset");
    let frames: Vec<Frame> = answer().iter().map(|event| chunk(event)).collect();
    let (got, ending) = relayed(&[bytes(&frames)], UpstreamEnd::Failed(broken));
    assert_eq!(events(&got).pop().unwrap().name, "message_stop");
    assert_eq!(ending.failure, None);
}

#[test]
fn bedrocks_metrics_count_where_the_stream_reported_nothing() {
    let start = r#"{"type":"message_start","message":{"model":"m"}}"#;
    let (_, ending) = relayed(&[bytes(&[chunk(start), chunk(STOP)])], UpstreamEnd::Eof);
    assert_eq!(
        (ending.usage.input_tokens, ending.usage.output_tokens, ending.basis),
        (12, 77, Basis::Reported)
    );
}

#[test]
fn cache_writes_without_a_lifetime_are_taken_for_the_longest_that_was_asked() {
    let body = r#"{"id":"msg_1","type":"message","model":"m","content":[],"stop_reason":"end_turn","usage":{"input_tokens":1,"cache_creation_input_tokens":50,"output_tokens":2}}"#;
    for (ttl, five, hour) in [(r#""5m""#, 50, 0), (r#""1h""#, 0, 50)] {
        let system = format!(
            r#","system":[{{"type":"text","text":"x","cache_control":{{"type":"ephemeral","ttl":{ttl}}}}}]"#
        );
        let mut relay = relay(&system);
        let mut out = BytesMut::new();
        relay.push(Bytes::from_static(body.as_bytes()), &mut out);
        let usage = relay.finish(UpstreamEnd::Eof, &mut out).usage;
        assert_eq!((usage.cache_write_5m_tokens, usage.cache_write_1h_tokens), (five, hour));
    }
}

#[test]
fn an_answer_in_one_piece_keeps_its_bytes_and_waits_for_the_end() {
    let body = r#"{"id":"msg_1", "type":"message","model":"m","content":[{"type":"text","text":"\u00e4 1.0"}],"stop_reason":"end_turn","usage":{"input_tokens":3,"output_tokens":4}}"#;
    let mut relay = relay("");
    let mut out = BytesMut::new();
    let (first, second) = body.as_bytes().split_at(40);
    relay.push(Bytes::from_static(first), &mut out);
    relay.push(Bytes::from_static(second), &mut out);
    assert!(out.is_empty());
    let ending = relay.finish(UpstreamEnd::Eof, &mut out);
    assert_eq!(out, body);
    assert_eq!(
        (ending.usage.input_tokens, ending.usage.output_tokens, ending.basis),
        (3, 4, Basis::Reported)
    );
    assert_eq!(ending.stop_reason.as_deref(), Some("end_turn"));
}

#[test]
fn an_answer_in_one_piece_that_is_cut_is_a_failure_and_costs_something() {
    let mut relay = relay("");
    let mut out = BytesMut::new();
    relay.push(Bytes::from_static(br#"{"id":"msg_1","type":"message","content":[{"#), &mut out);
    let ending = relay.finish(UpstreamEnd::Eof, &mut out);
    assert!(out.is_empty(), "the server renders the failure with its own status");
    assert_eq!(ending.failure.unwrap().class, FailureClass::BrokenOff);
    assert!(ending.usage.output_tokens > 0);
    assert_eq!(ending.basis, Basis::Estimated);
}

#[test]
fn silence_is_filled_with_pings() {
    let ping = events(Dialect::Anthropic.keep_alive());
    assert_eq!((ping[0].name.as_str(), ping[0].data.as_str()), ("ping", r#"{"type": "ping"}"#));
}
