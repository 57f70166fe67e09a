//! Codex on Claude: its request goes up, and the answer comes down the same wherever the network cuts it.

#![expect(clippy::unwrap_used, clippy::panic, reason = "what a test cannot go on without may stop it")]

use bytes::{Bytes, BytesMut};
use stonegate_protocol::framing::eventstream::Frame;
use stonegate_protocol::{Answering, Bounds, Door, Learned, Target, UpstreamEnd, carry, openai_responses};

#[expect(dead_code, reason = "other tests use the rest")]
mod support;

#[path = "support/claude.rs"]
mod claude;

fn relayed(chunks: &[Bytes]) -> String {
    let body = r#"{"model":"claude-opus-5-5","stream":true,"store":false,"prompt_cache_key":"k","reasoning":{"effort":"medium","summary":"auto"},"tools":[{"type":"function","name":"Bash","parameters":{"type":"object"},"strict":false},{"type":"web_search"}],"input":[{"role":"developer","content":"You code."},{"role":"user","content":"Go."}]}"#;
    let inbound = openai_responses::parse(Bytes::from(body)).unwrap();
    let claude = claude::claude("opus_5_5");
    let target = Target {
        upstream_id: claude.id,
        door: Door::INVOKE,
        capabilities: &claude.capabilities,
        traits: &claude.traits,
        long_context: false,
    };
    let bounds = Bounds { input_tokens: 0, output_tokens: 5000 };
    let carried = carry(&inbound, &target, &Learned::default(), bounds, &Answering::default()).unwrap();
    let (mut relay, mut out) = (carried.relay, BytesMut::new());
    for chunk in chunks {
        if !relay.is_over() {
            relay.push(chunk.clone(), &mut out);
        }
    }
    assert!(!out.windows(18).any(|window| window == b"response.completed"));
    drop(relay.finish(UpstreamEnd::Eof, &mut out));
    String::from_utf8(out.to_vec()).unwrap()
}

#[test]
fn an_answer_of_claudes_is_the_same_for_codex_wherever_it_is_cut() {
    let frames: Vec<Frame> = support::answer().iter().map(|event| support::chunk(event)).collect();
    let whole = support::bytes(&frames);
    let expected = relayed(std::slice::from_ref(&whole));
    assert!(expected.contains("event: response.output_item.done"), "{expected}");
    let last = expected.trim_end().rsplit("\n\n").next().unwrap();
    assert!(last.starts_with("event: response.completed\n"), "{last}");
    for cut in 0..=whole.len() {
        assert_eq!(relayed(&[whole.slice(..cut), whole.slice(cut..)]), expected, "cut at {cut}");
    }
}
