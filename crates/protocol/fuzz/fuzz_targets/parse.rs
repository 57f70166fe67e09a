//! Whatever the body: no panic, and what goes upstream holds the ceiling.
#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use stonegate_protocol::anthropic::{self, count};
use stonegate_protocol::{
    Answered, Answering, Bounds, Capabilities, Door, Learned, Service, Surface, Target, Traits, carry, openai_chat,
    openai_embeddings, openai_images, rerank,
};

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
        let _carried = count::carry_count(&inbound, &target, &Learned::default(), &Default::default());
    }
    let chat = Door { service: Service::Mantle, surface: Surface::OpenaiChat, prefix: "/v1" };
    if let Ok(inbound) = openai_chat::parse(Bytes::copy_from_slice(data)) {
        for door in [Door::INVOKE, chat] {
            let target = Target { door, ..target };
            let _carried = carry(&inbound, &target, &Learned::default(), Bounds { input_tokens: 0, output_tokens: 100 }, &Answering::default());
        }
    }
    let body = Bytes::copy_from_slice(data);
    let _embeddings = openai_embeddings::parse(&body).map(|inbound| inbound.plan(&target));
    let _vectors = openai_embeddings::read(Answered { body: data, input_tokens: None });
    let _images = openai_images::parse(&body).map(|inbound| inbound.plan(&target));
    let _ranking = rerank::parse(&body).map(|inbound| (inbound.queries(), rerank::render(&inbound, "r", Answered { body: data, input_tokens: None })));
});
