//! The models of the matrix, read from `targets.toml`.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::Deserialize;
use stonegate_protocol::traits::{Feature, ThinkingKind};
use stonegate_protocol::{Capabilities, Door, Effort, Service, Surface, Target, Traits};

/// A model behind a door.
pub(crate) struct Model {
    id: String,
    pub(crate) surface: Surface,
    capabilities: Capabilities,
    traits: Traits,
}

#[derive(Deserialize)]
struct Entry {
    id: String,
    family: String,
    surface: String,
    features: Vec<Feature>,
    thinking: Vec<ThinkingKind>,
    effort: Option<Effort>,
    max_output_tokens: u64,
    #[serde(default)]
    capabilities: Capabilities,
}

/// The models by name.
pub(crate) static MODELS: LazyLock<BTreeMap<String, Model>> = LazyLock::new(|| {
    let entries: BTreeMap<String, Entry> = toml::from_str(include_str!("targets.toml")).unwrap();
    entries.into_iter().map(|(name, entry)| (name, Model::from(entry))).collect()
});

impl From<Entry> for Model {
    fn from(entry: Entry) -> Model {
        let traits = Traits {
            family: entry.family,
            bedrock_id: entry
                .id
                .split_once('.')
                .map_or_else(|| entry.id.clone(), |(_, bare)| bare.to_owned()),
            features: entry.features.into_iter().collect(),
            thinking: entry.thinking.into_iter().collect(),
            effort: entry.effort,
            max_output_tokens: entry.max_output_tokens,
            minimum_cacheable_tokens: None,
        };
        Model { id: entry.id, surface: surface(&entry.surface), capabilities: entry.capabilities, traits }
    }
}

fn surface(name: &str) -> Surface {
    match name {
        "invoke_model" => Surface::InvokeModel,
        "converse" => Surface::Converse,
        "openai_chat" => Surface::OpenaiChat,
        "openai_responses" => Surface::OpenaiResponses,
        _ => panic!("no such surface: {name}"),
    }
}

/// The name of a surface in `answers.json`.
pub(crate) fn surface_name(surface: Surface) -> &'static str {
    match surface {
        Surface::InvokeModel => "invoke_model",
        Surface::Converse => "converse",
        Surface::OpenaiChat => "openai_chat",
        Surface::OpenaiResponses => "openai_responses",
    }
}

impl Model {
    pub(crate) fn target(&self) -> Target<'_> {
        Target {
            upstream_id: &self.id,
            door: Door { service: Service::Runtime, surface: self.surface, prefix: "/openai/v1" },
            capabilities: &self.capabilities,
            traits: &self.traits,
            long_context: false,
        }
    }
}
