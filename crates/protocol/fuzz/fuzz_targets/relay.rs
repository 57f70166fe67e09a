//! Whatever the upstream answers: no panic, the same bytes wherever it is cut, and a stream always ends properly.
#![no_main]

use bytes::{Bytes, BytesMut};
use libfuzzer_sys::fuzz_target;
use stonegate_protocol::framing::eventstream::Frame;
use stonegate_protocol::{Answering, Bounds, Capabilities, Door, Ending, Learned, Target, Traits, UpstreamEnd, anthropic, carry};

fn relayed(stream: bool, chunks: &[&[u8]]) -> (Bytes, Ending) {
    let body = format!(r#"{{"model":"m","max_tokens":50,"stream":{stream},"messages":[]}}"#);
    let inbound = anthropic::parse(None, &[], Bytes::from(body)).expect("the body is well formed");
    let capabilities = Capabilities::default();
    let target = Target { upstream_id: "m", door: Door::INVOKE, capabilities: &capabilities, traits: &Traits::default(), long_context: false };
    let mut relay =
        carry(&inbound, &target, &Learned::default(), Bounds { input_tokens: 0, output_tokens: 50 }, &Answering::default()).expect("it asks for nothing special").relay;
    let mut out = BytesMut::new();
    for chunk in chunks {
        relay.push(Bytes::copy_from_slice(chunk), &mut out);
    }
    let ending = relay.finish(UpstreamEnd::Eof, &mut out);
    (out.freeze(), ending)
}

fuzz_target!(|data: (bool, bool, usize, Vec<&[u8]>)| {
    let (stream, framed, cut, parts) = data;
    let mut bytes = BytesMut::new();
    for part in parts {
        if framed {
            let headers = [(":message-type", "event"), (":event-type", "chunk")];
            Frame::new(&headers, Bytes::copy_from_slice(part)).encode(&mut bytes).expect("it is short");
        } else {
            bytes.extend_from_slice(part);
        }
    }
    let cut = cut % (bytes.len() + 1);
    let whole = relayed(stream, &[&bytes]);
    assert_eq!(whole, relayed(stream, &[&bytes[..cut], &bytes[cut..]]));
    assert!(!stream || whole.0.ends_with(b"\n\n"));
});
