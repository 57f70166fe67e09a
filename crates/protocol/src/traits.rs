//! What a model can do, in words of no dialect: by these a translation is fitted to it.

use std::collections::BTreeSet;

use serde::Deserialize;

use crate::effort::Effort;

/// What a model can do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Traits {
    /// Whose model it is, as in Bedrock's id: `anthropic`, `amazon`, `openai`, `meta`.
    pub family: String,
    /// Bedrock's bare id: `amazon.nova-2-lite-v1:0`.
    pub bedrock_id: String,
    /// What it can do.
    pub features: BTreeSet<Feature>,
    /// How it thinks.
    pub thinking: BTreeSet<ThinkingKind>,
    /// The highest effort that can be asked for.
    pub effort: Option<Effort>,
    /// The most tokens of an answer; 0 where nobody knows.
    pub max_output_tokens: u64,
    /// A prompt shorter than this is never cached.
    pub minimum_cacheable_tokens: Option<u64>,
}

impl Traits {
    /// Whether it can do that.
    #[must_use]
    pub fn can(&self, feature: Feature) -> bool {
        self.features.contains(&feature)
    }

    /// Whether it thinks that way.
    #[must_use]
    pub fn thinks(&self, kind: ThinkingKind) -> bool {
        self.thinking.contains(&kind)
    }
}

/// One thing that a model can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Feature {
    /// Calls tools.
    Tools,
    /// Can be made to call a tool.
    ForcedToolChoice,
    /// Finds deferred tools by itself.
    ToolSearch,
    /// Uses a computer.
    ComputerUse,
    /// Reads images.
    Images,
    /// Reads PDFs and other documents.
    Documents,
    /// Watches video.
    Video,
    /// Listens.
    Audio,
    /// Thinks before it answers.
    Reasoning,
    /// Answers in the shape of a schema.
    StructuredOutput,
    /// Caches prompts.
    PromptCache,
    /// Caches prompts for an hour.
    #[serde(rename = "prompt_cache_1h")]
    PromptCache1h,
    /// Goes on from the beginning of an answer.
    AssistantPrefill,
    /// Takes `temperature`, `top_p` and `top_k`.
    Sampling,
    /// Takes a system message between others.
    MidConversationSystem,
}

/// A way in which a model thinks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ThinkingKind {
    /// Within a budget of tokens.
    Budget,
    /// As long as it seems worth it.
    Adaptive,
    /// Without being asked, and whatever one asks.
    AlwaysOn,
    /// By an effort that one asks for.
    Effort,
}
