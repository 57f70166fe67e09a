//! Whatever a client of Chat, Responses, Converse or InvokeModel sends: no panic through any door, and a body in JSON.
#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use stonegate_protocol::{
    Answering, Bounds, Capabilities, Door, Inbound, Learned, Service, Surface, Target, Traits, bedrock_native, carry,
    converse, openai_chat, openai_responses,
};

const DOORS: [Surface; 4] = [Surface::InvokeModel, Surface::Converse, Surface::OpenaiChat, Surface::OpenaiResponses];
const FAMILIES: [(&str, &str); 4] = [
    ("anthropic", "anthropic.claude-opus-5-5"),
    ("amazon", "amazon.nova-2-lite-v1:0"),
    ("openai", "openai.gpt-oss-120b-1:0"),
    ("openai", "openai.gpt-6-sol"),
];

fn check(inbound: &dyn Inbound) {
    let _facts = (inbound.max_output_tokens(), inbound.least_output_tokens(), inbound.remote_media(), inbound.sizes());
    for (family, id) in FAMILIES {
        let traits = Traits {
            family: family.to_owned(),
            bedrock_id: id.to_owned(),
            features: everything(),
            max_output_tokens: 1000,
            ..Traits::default()
        };
        for surface in DOORS {
            let door = Door { service: Service::Runtime, surface, prefix: "/openai/v1" };
            let target =
                Target { upstream_id: id, door, capabilities: &Capabilities::default(), traits: &traits, long_context: true };
            let bounds = Bounds { input_tokens: 10, output_tokens: 100 };
            if let Ok(carried) = carry(inbound, &target, &Learned::default(), bounds, &Answering::default()) {
                let body = carried.outbound.body.to_bytes();
                serde_json::from_slice::<serde::de::IgnoredAny>(&body).expect("a body is JSON");
            }
        }
    }
}

fn everything() -> std::collections::BTreeSet<stonegate_protocol::traits::Feature> {
    use stonegate_protocol::traits::Feature;
    [Feature::Tools, Feature::ForcedToolChoice, Feature::Images, Feature::Documents, Feature::Reasoning, Feature::PromptCache]
        .into()
}

fuzz_target!(|data: (bool, &[u8])| {
    let (stream, bytes) = data;
    let body = Bytes::copy_from_slice(bytes);
    if let Ok(inbound) = openai_chat::parse(body.clone()) {
        check(&inbound);
    }
    if let Ok(inbound) = openai_responses::parse(body.clone()) {
        check(&inbound);
    }
    if let Ok(inbound) = openai_responses::parse_compact(body.clone()) {
        check(&inbound);
    }
    if let Ok(inbound) = converse::parse(body.clone(), stream, "m") {
        check(&inbound);
    }
    if let Ok(inbound) = bedrock_native::parse(body, stream, "m", |_| Some("x")) {
        check(&inbound);
    }
});
