//! The body of a Messages request, as it is written for a conversation that came in another dialect.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::Serialize;

use crate::conversation::turns::{Piece, Turn};
use crate::conversation::{CacheLifetime, JsonText};

/// A whole body. It still has the members that say how the gateway is called: what makes a Messages request into one for
/// InvokeModel takes them out again.
#[derive(Serialize)]
pub(super) struct Body<'a> {
    pub(super) model: &'a str,
    pub(super) stream: bool,
    pub(super) max_tokens: u64,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) system: Vec<Block<'a>>,
    pub(super) messages: Vec<Turn<Block<'a>>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) tools: Vec<JsonText>,
    #[serde(flatten)]
    pub(super) settings: Settings<'a>,
    /// Members that only the model itself knows.
    #[serde(flatten)]
    pub(super) additional: BTreeMap<String, JsonText>,
}

/// What does not belong to the conversation itself.
#[derive(Default, Serialize)]
pub(super) struct Settings<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) tool_choice: Option<Choice<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) thinking: Option<Thinking>,
    #[serde(skip_serializing_if = "OutputConfig::is_empty")]
    pub(super) output_config: OutputConfig,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) temperature: Option<serde_json::Number>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) top_p: Option<serde_json::Number>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) top_k: Option<u64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) stop_sequences: Vec<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) metadata: Option<Metadata<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) service_tier: Option<&'a str>,
    #[serde(rename = "amazon-bedrock-guardrailConfig", skip_serializing_if = "Option::is_none")]
    pub(super) guardrail: Option<GuardrailConfig>,
}

/// A part of a message.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Block<'a> {
    Text {
        text: Cow<'a, str>,
        #[serde(skip_serializing_if = "Vec::is_empty")]
        citations: Vec<CitationWire<'a>>,
        #[serde(skip_serializing_if = "Option::is_none")]
        cache_control: Option<Mark>,
    },
    Image {
        source: MediaSource<'a>,
        #[serde(skip_serializing_if = "Option::is_none")]
        cache_control: Option<Mark>,
    },
    Document {
        source: MediaSource<'a>,
        #[serde(skip_serializing_if = "Option::is_none")]
        title: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        context: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        citations: Option<Cites>,
        #[serde(skip_serializing_if = "Option::is_none")]
        cache_control: Option<Mark>,
    },
    SearchResult {
        source: &'a str,
        title: &'a str,
        content: Vec<Block<'a>>,
        #[serde(skip_serializing_if = "Option::is_none")]
        citations: Option<Cites>,
        #[serde(skip_serializing_if = "Option::is_none")]
        cache_control: Option<Mark>,
    },
    Thinking {
        thinking: &'a str,
        signature: &'a str,
    },
    RedactedThinking {
        data: &'a str,
    },
    ToolUse {
        id: Cow<'a, str>,
        name: Cow<'a, str>,
        input: Cow<'a, JsonText>,
        #[serde(skip_serializing_if = "Option::is_none")]
        cache_control: Option<Mark>,
    },
    ToolResult {
        tool_use_id: Cow<'a, str>,
        #[serde(skip_serializing_if = "Vec::is_empty")]
        content: Vec<Block<'a>>,
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        is_error: bool,
        #[serde(skip_serializing_if = "Option::is_none")]
        cache_control: Option<Mark>,
    },
}

impl<'a> Block<'a> {
    /// A text without a mark.
    pub(super) fn text(text: impl Into<Cow<'a, str>>) -> Block<'a> {
        Block::Text { text: text.into(), citations: Vec::new(), cache_control: None }
    }

    /// Where its mark stands; none where it can have none.
    pub(super) fn mark_place(&mut self) -> Option<&mut Option<Mark>> {
        match self {
            Block::Text { cache_control, .. }
            | Block::Image { cache_control, .. }
            | Block::Document { cache_control, .. }
            | Block::SearchResult { cache_control, .. }
            | Block::ToolUse { cache_control, .. }
            | Block::ToolResult { cache_control, .. } => Some(cache_control),
            Block::Thinking { .. } | Block::RedactedThinking { .. } => None,
        }
    }

    /// The id and the tool, where it calls one.
    pub(super) fn call(&self) -> Option<(&Cow<'a, str>, &Cow<'a, str>)> {
        if let Block::ToolUse { id, name, .. } = self { Some((id, name)) } else { None }
    }
}

impl<'a> Piece<'a> for Block<'a> {
    fn words(text: Cow<'a, str>, mark: CacheLifetime) -> Block<'a> {
        Block::Text { text, citations: Vec::new(), cache_control: Mark::of(mark) }
    }

    fn words_mut(&mut self) -> Option<&mut Cow<'a, str>> {
        if let Block::Text { text, .. } = self { Some(text) } else { None }
    }

    fn mark(&mut self, mark: CacheLifetime) -> bool {
        let Some(place) = self.mark_place() else { return false };
        if !place.is_some_and(Mark::is_hour) {
            *place = Mark::of(mark);
        }
        true
    }

    fn is_thought(&self) -> bool {
        matches!(self, Block::Thinking { .. } | Block::RedactedThinking { .. })
    }

    fn call_id(&self) -> Option<&Cow<'a, str>> {
        self.call().map(|(id, _)| id)
    }

    fn result_id(&self) -> Option<&Cow<'a, str>> {
        if let Block::ToolResult { tool_use_id, .. } = self { Some(tool_use_id) } else { None }
    }

    fn failed_result(id: Cow<'a, str>, why: &'static str) -> Block<'a> {
        Block::ToolResult {
            tool_use_id: id,
            content: vec![Block::text(why)],
            is_error: true,
            cache_control: None,
        }
    }

    fn into_result(self) -> (Vec<Block<'a>>, CacheLifetime) {
        let Block::ToolResult { content, cache_control, .. } = self else {
            return (vec![self], CacheLifetime::None);
        };
        (content, cache_control.map_or(CacheLifetime::None, Mark::lifetime))
    }
}

/// A `cache_control`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "type", rename = "ephemeral")]
pub(super) struct Mark {
    #[serde(skip_serializing_if = "Option::is_none")]
    ttl: Option<&'static str>,
}

impl Mark {
    pub(super) fn of(lifetime: CacheLifetime) -> Option<Mark> {
        match lifetime {
            CacheLifetime::None => None,
            CacheLifetime::FiveMinutes => Some(Mark { ttl: None }),
            CacheLifetime::Hour => Some(Mark { ttl: Some("1h") }),
        }
    }

    pub(super) fn is_hour(self) -> bool {
        self.lifetime() == CacheLifetime::Hour
    }

    fn lifetime(self) -> CacheLifetime {
        if self.ttl.is_some() { CacheLifetime::Hour } else { CacheLifetime::FiveMinutes }
    }
}

/// Where the bytes of an image or document are.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum MediaSource<'a> {
    Base64 { media_type: &'a str, data: &'a str },
    Text { media_type: &'static str, data: Cow<'a, str> },
}

/// Whether a document is to be cited.
#[derive(Debug, Serialize)]
pub(super) struct Cites {
    pub(super) enabled: bool,
}

impl Cites {
    pub(super) fn of(cite: bool) -> Option<Cites> {
        cite.then_some(Cites { enabled: true })
    }
}

/// Where words are taken from.
#[derive(Debug, Serialize)]
#[serde(tag = "type")]
pub(super) enum CitationWire<'a> {
    #[serde(rename = "char_location")]
    Characters {
        cited_text: &'a str,
        document_index: u64,
        document_title: Option<&'a str>,
        start_char_index: u64,
        end_char_index: u64,
    },
    #[serde(rename = "page_location")]
    Pages {
        cited_text: &'a str,
        document_index: u64,
        document_title: Option<&'a str>,
        start_page_number: u64,
        end_page_number: u64,
    },
    #[serde(rename = "content_block_location")]
    Parts {
        cited_text: &'a str,
        document_index: u64,
        document_title: Option<&'a str>,
        start_block_index: u64,
        end_block_index: u64,
    },
}

/// A tool that the client runs.
#[derive(Serialize)]
pub(super) struct Tool<'a> {
    pub(super) name: Cow<'a, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) description: Option<&'a str>,
    pub(super) input_schema: Cow<'a, JsonText>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(super) strict: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) cache_control: Option<Mark>,
}

/// A `tool_choice`.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Choice<'a> {
    Auto {
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        disable_parallel_tool_use: bool,
    },
    Any {
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        disable_parallel_tool_use: bool,
    },
    Tool {
        name: Cow<'a, str>,
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        disable_parallel_tool_use: bool,
    },
    None,
}

/// A `thinking`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Thinking {
    Enabled {
        budget_tokens: u64,
        #[serde(skip_serializing_if = "Option::is_none")]
        display: Option<&'static str>,
    },
    Adaptive {
        #[serde(skip_serializing_if = "Option::is_none")]
        display: Option<&'static str>,
    },
    Disabled,
}

/// An `output_config`.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct OutputConfig {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) effort: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) format: Option<Format>,
    /// Members that only the model itself knows.
    #[serde(flatten)]
    pub(super) additional: BTreeMap<String, JsonText>,
}

impl OutputConfig {
    fn is_empty(&self) -> bool {
        *self == OutputConfig::default()
    }
}

/// An `output_config.format`.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Format {
    JsonSchema { schema: JsonText },
}

/// A `metadata`.
#[derive(Serialize)]
pub(super) struct Metadata<'a> {
    pub(super) user_id: &'a str,
}

/// How a guardrail reads a stream.
#[derive(Serialize)]
pub(super) struct GuardrailConfig {
    #[serde(rename = "streamProcessingMode")]
    pub(super) stream_processing_mode: &'static str,
}
