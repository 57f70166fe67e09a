//! Streams as Bedrock sends them, and relays to carry them.

use base64::Engine as _;
use bytes::{Bytes, BytesMut};
use stonegate_protocol::framing::eventstream::Frame;
use stonegate_protocol::{
    Answering, Bounds, Capabilities, Door, Ending, Learned, Relay, Target, Traits, UpstreamEnd, anthropic,
    carry,
};

/// A frame of InvokeModelWithResponseStream with one event of the model.
pub(crate) fn chunk(event: &str) -> Frame {
    let encoded = base64::engine::general_purpose::STANDARD.encode(event);
    let headers =
        [(":event-type", "chunk"), (":content-type", "application/json"), (":message-type", "event")];
    Frame::new(&headers, format!(r#"{{"bytes":"{encoded}","p":"abcdefgh"}}"#))
}

/// A frame with a modelled exception.
pub(crate) fn exception(name: &str, message: &str) -> Frame {
    let headers =
        [(":exception-type", name), (":content-type", "application/json"), (":message-type", "exception")];
    Frame::new(&headers, serde_json::json!({ "message": message }).to_string())
}

pub(crate) fn bytes(frames: &[Frame]) -> Bytes {
    let mut bytes = BytesMut::new();
    frames.iter().for_each(|frame| frame.encode(&mut bytes).unwrap());
    bytes.freeze()
}

pub(crate) const START: &str = r#"{"type":"message_start","message":{"id":"msg_1","type":"message","role":"assistant","model":"claude-opus-5-5","content":[],"stop_reason":null,"stop_sequence":null,"usage":{"input_tokens":12,"cache_creation_input_tokens":300,"cache_read_input_tokens":4000,"cache_creation":{"ephemeral_5m_input_tokens":100,"ephemeral_1h_input_tokens":200},"output_tokens":1}}}"#;
pub(crate) const STOP_DELTA: &str = r#"{"type":"message_delta","delta":{"stop_reason":"tool_use","stop_sequence":null},"usage":{"output_tokens":77,"output_tokens_details":{"thinking_tokens":20}}}"#;
pub(crate) const STOP: &str = r#"{"type":"message_stop","amazon-bedrock-invocationMetrics":{"inputTokenCount":12,"outputTokenCount":77,"invocationLatency":900,"firstByteLatency":300}}"#;

/// A whole answer: thinking with its signature, text, a tool call, a ping, an event from the future.
pub(crate) fn answer() -> Vec<String> {
    [
        START,
        r#"{"type":"content_block_start","index":0,"content_block":{"type":"thinking","thinking":"","signature":""}}"#,
        r#"{"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"Let me \"see\"\n","estimated_tokens":3}}"#,
        r#"{"type":"content_block_delta","index":0,"delta":{"type":"signature_delta","signature":"Er/AB+=="}}"#,
        r#"{"type":"content_block_stop","index":0}"#,
        r#"{"type": "ping"}"#,
        r#"{ "index":1, "type":"content_block_start", "content_block":{"type":"text","text":""}}"#,
        r#"{"type":"content_block_delta","index":1,"delta":{"type":"text_delta","text":"Grüße, 世界 \u00e4"}}"#,
        r#"{"type":"content_block_stop","index":1}"#,
        r#"{"type":"brand_new","x":[1.50]}"#,
        r#"{"type":"content_block_start","index":2,"content_block":{"type":"tool_use","id":"toolu_1","name":"Bash","input":{}}}"#,
        r#"{"type":"content_block_delta","index":2,"delta":{"type":"input_json_delta","partial_json":"{\"command\": \"ls"}}"#,
        r#"{"type":"content_block_stop","index":2}"#,
        STOP_DELTA,
        STOP,
    ]
    .map(str::to_owned)
    .to_vec()
}

/// A relay for a call with these members besides the usual ones.
pub(crate) fn relay(members: &str) -> Relay {
    let body = format!(r#"{{"model":"m","max_tokens":5000,"messages":[]{members}}}"#);
    let inbound = anthropic::parse(None, &[], Bytes::from(body)).unwrap();
    let capabilities = Capabilities::default();
    let target = Target {
        upstream_id: "m",
        door: Door::INVOKE,
        capabilities: &capabilities,
        traits: &Traits::default(),
        long_context: false,
    };
    carry(
        &inbound,
        &target,
        &Learned::default(),
        Bounds { input_tokens: 0, output_tokens: 5000 },
        &Answering::default(),
    )
    .unwrap()
    .relay
}

/// What a streaming client gets of the chunks, and how it ended.
pub(crate) fn relayed(chunks: &[Bytes], end: UpstreamEnd) -> (Bytes, Ending) {
    let mut relay = relay(r#","stream":true"#);
    let mut out = BytesMut::new();
    for chunk in chunks {
        if !relay.is_over() {
            relay.push(chunk.clone(), &mut out);
        }
    }
    let ending = relay.finish(end, &mut out);
    (out.freeze(), ending)
}
