//! Whatever the body: no panic, and what goes upstream holds the ceiling.
#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use stonegate_protocol::anthropic::{self, count};
use stonegate_protocol::{Answering, Bounds, Capabilities, Door, Learned, Target, Traits, carry};

fuzz_target!(|data: &[u8]| {
    let capabilities = Capabilities::default();
    let target = Target { upstream_id: "us.m", door: Door::INVOKE, capabilities: &capabilities, traits: &Traits::default(), long_context: true };
    if let Ok(inbound) = anthropic::parse(Some("2023-06-01"), &["a,b"], Bytes::copy_from_slice(data)) {
        if let Ok(carried) = carry(&inbound, &target, &Learned::default(), Bounds { input_tokens: 0, output_tokens: 100 }, &Answering::default()) {
            assert!(
                anthropic::parse_count(None, &[], carried.outbound.body.to_bytes()).is_err(),
                "the model is gone"
            );
        }
    }
    if let Ok(inbound) = anthropic::parse_count(None, &[], Bytes::copy_from_slice(data)) {
        let _outbound = count::carry_count(&inbound, &target, &Learned::default());
    }
});
