//! What a client asks a model for.

use std::collections::BTreeMap;

use serde_json::Number;

use crate::effort::Effort;

use super::block::{Block, Content, Media, Source};
use super::json_text::JsonText;
use super::sizes::CacheLifetime;

/// A conversation to go on with.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Request {
    /// What the model is told before all else: texts, in order, never merged (some mean something by their place).
    pub system: Vec<Block>,
    /// The turns. Neighbours may have the same role; whoever writes for an upstream that minds joins them.
    pub messages: Vec<Message>,
    /// The tools that the model may call.
    pub tools: Vec<Tool>,
    /// Whether it has to.
    pub tool_choice: ToolChoice,
    /// Whether several calls may be made at once; none leaves it to the model.
    pub parallel_tools: Option<bool>,
    /// Up to where the model may write, as the client said; none leaves it to the gateway, which always sets a ceiling.
    pub max_output_tokens: Option<u64>,
    /// How the next token is chosen.
    pub sampling: Sampling,
    /// Texts at which the model stops.
    pub stop_sequences: Vec<String>,
    /// Whether the model thinks first; none leaves it to `effort` and to the model.
    pub thinking: Option<Thinking>,
    /// How much of the thoughts the client wants to see.
    pub thinking_display: ThinkingDisplay,
    /// How hard the model shall try; none leaves it to the model.
    pub effort: Option<Effort>,
    /// How many words the answer shall have: `low`, `medium` or `high`.
    pub verbosity: Option<String>,
    /// The shape of the answer.
    pub output_format: Option<OutputFormat>,
    /// `default`, `priority`, `flex` …, in Bedrock's words.
    pub service_tier: Option<String>,
    /// `standard` or `optimized` latency, in Bedrock's words.
    pub latency: Option<String>,
    /// Who the end user is, in the client's own words.
    pub end_user: Option<String>,
    /// Labels for Bedrock's own log of invocations.
    pub metadata: BTreeMap<String, String>,
    /// The guardrail to hold the call to.
    pub guardrail: Option<Guardrail>,
    /// An object of members that only the model itself knows (Converse's `additionalModelRequestFields`).
    pub additional: Option<JsonText>,
    /// Members that the client sent and that no translation carries, as dotted paths: hints whose absence changes no
    /// meaning. They are reported with what the upstream half leaves out.
    pub left_out: Vec<String>,
}

/// One turn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Whose.
    pub role: Role,
    /// What is in it.
    pub content: Vec<Block>,
}

/// Whose turn it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// The person's, and the results of tools.
    User,
    /// The model's.
    Assistant,
    /// A word of the operator's between turns. What stands before the first turn is in [`Request::system`].
    System,
}

/// A tool that the client runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tool {
    /// Its name, as the client calls it; any length and letters.
    pub name: String,
    /// What it is for; never empty where there.
    pub description: Option<String>,
    /// The JSON schema of its input: an object.
    pub parameters: JsonText,
    /// Whether the input has to fit the schema exactly; none leaves it to the model's endpoint.
    pub strict: Option<bool>,
    /// The cache mark after it.
    pub cache: CacheLifetime,
}

/// Whether the model has to call a tool.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ToolChoice {
    /// As it likes.
    #[default]
    Auto,
    /// It must not, though tools are named.
    None,
    /// At least one.
    Any,
    /// This one.
    Tool(String),
}

/// How the next token is chosen. Numbers stay as they were written.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sampling {
    /// 0 to 1 or 2, by vendor.
    pub temperature: Option<Number>,
    /// 0 to 1.
    pub top_p: Option<Number>,
    /// At least 1.
    pub top_k: Option<u64>,
}

impl Sampling {
    /// Whether anything is asked for.
    #[must_use]
    pub fn is_default(&self) -> bool {
        *self == Sampling::default()
    }
}

/// Whether the model thinks before it answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Thinking {
    /// It shall not.
    Off,
    /// As much as it finds good.
    Adaptive,
    /// Within so many tokens.
    Budget(u64),
}

/// How much of the thoughts the client wants to see.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ThinkingDisplay {
    /// As the model's endpoint does it.
    #[default]
    Usual,
    /// A summary or the thoughts themselves.
    Shown,
    /// Nothing; only what has to go back to the model.
    Hidden,
}

/// The shape of the answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OutputFormat {
    /// A JSON object of any shape.
    JsonObject,
    /// JSON by a schema.
    JsonSchema {
        /// The schema's name, where the dialect has one.
        name: Option<String>,
        /// What it is for.
        description: Option<String>,
        /// The schema: an object.
        schema: JsonText,
        /// Whether the answer has to fit exactly.
        strict: Option<bool>,
    },
}

/// One of Bedrock's guardrails.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Guardrail {
    /// Id or ARN.
    pub id: String,
    /// A number, or `DRAFT`.
    pub version: String,
    /// `enabled`, `disabled` or `enabled_full`.
    pub trace: Option<String>,
    /// `sync` or `async`.
    pub stream_mode: Option<String>,
}

impl Request {
    /// Whether there are calls or results of tools in the turns: some upstreams want the tools declared then.
    #[must_use]
    pub fn has_tool_blocks(&self) -> bool {
        self.blocks().any(|block| matches!(block.content, Content::ToolUse(_) | Content::ToolResult(_)))
    }

    /// The media that have to be fetched before the call goes out, those in tool results included.
    pub fn remote_media(&self) -> impl Iterator<Item = &Media> {
        self.blocks().flat_map(media).filter(|media| matches!(media.source, Source::Url(_)))
    }

    fn blocks(&self) -> impl Iterator<Item = &Block> {
        self.system.iter().chain(self.messages.iter().flat_map(|message| &message.content))
    }
}

/// The media of a block, and of the tool result that it may be.
fn media(block: &Block) -> impl Iterator<Item = &Media> {
    let inside: &[Block] = match &block.content {
        Content::ToolResult(result) => &result.content,
        Content::Media(_)
        | Content::Text { .. }
        | Content::Thinking { .. }
        | Content::SealedThinking { .. }
        | Content::ToolUse(_)
        | Content::SearchResult { .. } => std::slice::from_ref(block),
    };
    inside.iter().filter_map(|block| match &block.content {
        Content::Media(media) => Some(media),
        Content::Text { .. }
        | Content::Thinking { .. }
        | Content::SealedThinking { .. }
        | Content::ToolUse(_)
        | Content::ToolResult(_)
        | Content::SearchResult { .. } => None,
    })
}
