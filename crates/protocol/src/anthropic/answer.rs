//! The shapes of an answer in the Messages dialect: one message, and the events of a stream.

use serde::Serialize;

use crate::conversation::usage::Usage;
use crate::conversation::{BlockStart, JsonText};

#[derive(Serialize)]
pub(super) struct StartWire<'a> {
    pub(super) r#type: &'static str,
    pub(super) message: MessageWire<'a>,
}

#[derive(Serialize)]
pub(super) struct MessageWire<'a> {
    pub(super) id: &'a str,
    pub(super) r#type: &'static str,
    pub(super) role: &'static str,
    pub(super) model: &'a str,
    pub(super) content: Vec<BlockWire<'a>>,
    pub(super) stop_reason: Option<&'a str>,
    pub(super) stop_sequence: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) stop_details: Option<StopDetailsWire<'a>>,
    pub(super) usage: UsageWire,
}

impl Default for MessageWire<'_> {
    fn default() -> Self {
        MessageWire {
            id: "",
            r#type: "message",
            role: "assistant",
            model: "",
            content: Vec::new(),
            stop_reason: None,
            stop_sequence: None,
            stop_details: None,
            usage: UsageWire::default(),
        }
    }
}

#[derive(Default, Serialize)]
pub(super) struct UsageWire {
    pub(super) input_tokens: u64,
    pub(super) cache_creation_input_tokens: u64,
    pub(super) cache_read_input_tokens: u64,
    pub(super) cache_creation: CacheCreationWire,
    pub(super) output_tokens: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) output_tokens_details: Option<OutputDetailsWire>,
}

#[derive(Default, Serialize)]
pub(super) struct CacheCreationWire {
    pub(super) ephemeral_5m_input_tokens: u64,
    pub(super) ephemeral_1h_input_tokens: u64,
}

#[derive(Serialize)]
pub(super) struct OutputDetailsWire {
    pub(super) thinking_tokens: u64,
}

impl From<&Usage> for UsageWire {
    fn from(usage: &Usage) -> UsageWire {
        let (short, long) = (usage.cache_write_5m_tokens, usage.cache_write_1h_tokens);
        UsageWire {
            input_tokens: usage.input_tokens,
            cache_creation_input_tokens: short.saturating_add(long),
            cache_read_input_tokens: usage.cache_read_tokens,
            cache_creation: CacheCreationWire {
                ephemeral_5m_input_tokens: short,
                ephemeral_1h_input_tokens: long,
            },
            output_tokens: usage.output_tokens,
            output_tokens_details: usage
                .thinking_tokens
                .map(|thinking_tokens| OutputDetailsWire { thinking_tokens }),
        }
    }
}

#[derive(Serialize)]
pub(super) struct BlockEventWire<'a> {
    pub(super) r#type: &'static str,
    pub(super) index: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) content_block: Option<BlockStartWire<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) delta: Option<DeltaWire<'a>>,
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum BlockStartWire<'a> {
    Text { text: &'static str },
    Thinking { thinking: &'static str, signature: &'static str },
    RedactedThinking { data: &'a str },
    ToolUse { id: &'a str, name: &'a str, input: EmptyWire },
}

#[derive(Serialize)]
pub(super) struct EmptyWire {}

impl<'a> From<&'a BlockStart> for BlockStartWire<'a> {
    fn from(start: &'a BlockStart) -> BlockStartWire<'a> {
        match start {
            BlockStart::Text => BlockStartWire::Text { text: "" },
            BlockStart::Thinking => BlockStartWire::Thinking { thinking: "", signature: "" },
            BlockStart::SealedThinking { data } => BlockStartWire::RedactedThinking { data },
            BlockStart::ToolUse { id, name } => BlockStartWire::ToolUse { id, name, input: EmptyWire {} },
        }
    }
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
#[expect(clippy::enum_variant_names, reason = "they are Anthropic's names")]
pub(super) enum DeltaWire<'a> {
    TextDelta { text: &'a str },
    ThinkingDelta { thinking: &'a str },
    SignatureDelta { signature: &'a str },
    InputJsonDelta { partial_json: &'a str },
    CitationsDelta { citation: CitationWire<'a> },
}

#[derive(Serialize)]
pub(super) struct MessageDeltaWire<'a> {
    pub(super) r#type: &'static str,
    pub(super) delta: StopDeltaWire<'a>,
    pub(super) usage: UsageWire,
}

#[derive(Serialize)]
pub(super) struct StopDeltaWire<'a> {
    pub(super) stop_reason: &'a str,
    pub(super) stop_sequence: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) stop_details: Option<StopDetailsWire<'a>>,
}

#[derive(Serialize)]
pub(super) struct StopDetailsWire<'a> {
    pub(super) r#type: &'static str,
    pub(super) category: Option<&'static str>,
    pub(super) explanation: Option<&'a str>,
}

#[derive(Serialize)]
pub(super) struct TypeWire {
    pub(super) r#type: &'static str,
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum BlockWire<'a> {
    Text {
        text: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        citations: Option<Vec<CitationWire<'a>>>,
    },
    Thinking {
        thinking: &'a str,
        signature: &'a str,
    },
    RedactedThinking {
        data: &'a str,
    },
    ToolUse {
        id: &'a str,
        name: &'a str,
        input: JsonText,
    },
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
#[expect(clippy::enum_variant_names, reason = "they are Anthropic's names")]
pub(super) enum CitationWire<'a> {
    CharLocation {
        cited_text: &'a str,
        document_index: u64,
        document_title: Option<&'a str>,
        file_id: Option<&'static str>,
        start_char_index: u64,
        end_char_index: u64,
    },
    PageLocation {
        cited_text: &'a str,
        document_index: u64,
        document_title: Option<&'a str>,
        file_id: Option<&'static str>,
        start_page_number: u64,
        end_page_number: u64,
    },
    ContentBlockLocation {
        cited_text: &'a str,
        document_index: u64,
        document_title: Option<&'a str>,
        file_id: Option<&'static str>,
        start_block_index: u64,
        end_block_index: u64,
    },
    SearchResultLocation {
        cited_text: &'a str,
        search_result_index: u64,
        source: &'a str,
        title: Option<&'a str>,
        start_block_index: u64,
        end_block_index: u64,
    },
    WebSearchResultLocation {
        cited_text: &'a str,
        url: &'a str,
        title: Option<&'a str>,
        encrypted_index: &'static str,
    },
}
