//! Models of Bedrock's Chat Completions, and what they are called with.

use std::collections::BTreeSet;

use stonegate_protocol::traits::{Feature, ThinkingKind};
use stonegate_protocol::{Capabilities, Door, Effort, Service, Surface, Target, Traits};

/// A model behind a door, with what a target borrows.
#[derive(Debug)]
pub(crate) struct Model {
    upstream_id: &'static str,
    service: Service,
    capabilities: Capabilities,
    traits: Traits,
}

/// Name, id upstream, family, bare id, address.
const MODELS: [(&str, &str, &str, &str, Service); 4] = [
    ("gpt", "us.openai.gpt-6-sol", "openai", "openai.gpt-6-sol", Service::Runtime),
    ("oss", "openai.gpt-oss-120b-1:0", "openai", "openai.gpt-oss-120b-1:0", Service::Runtime),
    ("grok", "global.xai.grok-4.7", "xai", "xai.grok-4.7", Service::Runtime),
    ("gemma", "google.gemma-4-31b", "google", "google.gemma-4-31b", Service::Mantle),
];

impl Model {
    /// One of `gpt`, `oss`, `grok` and `gemma`, as the catalog has them.
    pub(crate) fn named(name: &str) -> Model {
        let (_, upstream_id, family, bedrock_id, service) =
            MODELS.into_iter().find(|(known, ..)| *known == name).expect("a model of that name is listed");
        let mut features = BTreeSet::from([
            Feature::Tools,
            Feature::ForcedToolChoice,
            Feature::Images,
            Feature::Reasoning,
            Feature::StructuredOutput,
        ]);
        if name != "gpt" {
            features.insert(Feature::Sampling);
        }
        let traits = Traits {
            family: family.to_owned(),
            bedrock_id: bedrock_id.to_owned(),
            features,
            thinking: BTreeSet::from([ThinkingKind::Effort]),
            effort: Some(if name == "gpt" { Effort::Max } else { Effort::High }),
            max_output_tokens: 128_000,
            minimum_cacheable_tokens: None,
        };
        Model { upstream_id, service, capabilities: Capabilities::default(), traits }
    }

    pub(crate) fn target(&self) -> Target<'_> {
        Target {
            upstream_id: self.upstream_id,
            door: Door { service: self.service, surface: Surface::OpenaiChat, prefix: "/openai/v1" },
            capabilities: &self.capabilities,
            traits: &self.traits,
            long_context: false,
        }
    }
}
