//! Converse's answers: the members of a whole one, and those of a stream's events.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::conversation::usage::Usage;
use crate::conversation::{CacheLifetime, JsonText, StopReason};

use super::wire::{Citation, Reasoning, TextPart};

/// `ConverseResponse`, as far as it is read.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Whole {
    pub(super) output: Output,
    pub(super) stop_reason: String,
    pub(super) usage: Option<TokenUsage>,
    #[serde(default)]
    pub(super) additional_model_response_fields: Option<Additional>,
    #[serde(default)]
    pub(super) trace: Option<Trace>,
}

#[derive(Deserialize)]
pub(super) struct Output {
    pub(super) message: Message,
}

#[derive(Deserialize)]
pub(super) struct Message {
    pub(super) content: Vec<Said>,
}

/// A block of an answer. One that is newer than this code has none of these members.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Said {
    #[serde(default)]
    pub(super) text: Option<String>,
    #[serde(default)]
    pub(super) tool_use: Option<Call>,
    #[serde(default)]
    pub(super) reasoning_content: Option<Reasoning<'static>>,
    #[serde(default)]
    pub(super) citations_content: Option<CitedContent>,
}

#[derive(Deserialize)]
pub(super) struct CitedContent {
    #[serde(default)]
    pub(super) content: Vec<TextPart<'static>>,
    #[serde(default)]
    pub(super) citations: Vec<Citation>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Call {
    pub(super) tool_use_id: String,
    pub(super) name: String,
    pub(super) input: JsonText,
}

/// `contentBlockStart`
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Start {
    pub(super) start: Started,
    pub(super) content_block_index: u64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Started {
    #[serde(default)]
    pub(super) tool_use: Option<CallStart>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct CallStart {
    pub(super) tool_use_id: String,
    pub(super) name: String,
}

/// `contentBlockDelta`
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Delta {
    pub(super) delta: Added,
    pub(super) content_block_index: u64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Added {
    #[serde(default)]
    pub(super) text: Option<String>,
    #[serde(default)]
    pub(super) tool_use: Option<InputPiece>,
    #[serde(default)]
    pub(super) reasoning_content: Option<Thought>,
    #[serde(default)]
    pub(super) citation: Option<Citation>,
}

#[derive(Deserialize)]
pub(super) struct InputPiece {
    pub(super) input: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Thought {
    #[serde(default)]
    pub(super) text: Option<String>,
    #[serde(default)]
    pub(super) signature: Option<String>,
    #[serde(default)]
    pub(super) redacted_content: Option<String>,
}

/// `contentBlockStop`
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Stop {
    pub(super) content_block_index: u64,
}

/// `messageStop`
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct MessageStop {
    pub(super) stop_reason: String,
    #[serde(default)]
    pub(super) additional_model_response_fields: Option<Additional>,
}

/// What a model said beside Converse's own members.
#[derive(Deserialize)]
pub(super) struct Additional {
    #[serde(default)]
    pub(super) stop_sequence: Option<String>,
}

/// `metadata`
#[derive(Deserialize)]
pub(super) struct Metadata {
    #[serde(default)]
    pub(super) usage: Option<TokenUsage>,
    #[serde(default)]
    pub(super) trace: Option<Trace>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Trace {
    #[serde(default)]
    pub(super) prompt_router: Option<Router>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Router {
    #[serde(default)]
    pub(super) invoked_model_id: Option<String>,
}

impl Trace {
    pub(super) fn model(self) -> Option<String> {
        self.prompt_router?.invoked_model_id
    }
}

/// `TokenUsage`. What was read from a cache and written to it is counted beside the input, not in it.
#[derive(Clone, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct TokenUsage {
    #[serde(default)]
    pub(super) input_tokens: u64,
    #[serde(default)]
    pub(super) output_tokens: u64,
    #[serde(default)]
    pub(super) total_tokens: u64,
    #[serde(default)]
    pub(super) cache_read_input_tokens: Option<u64>,
    #[serde(default)]
    pub(super) cache_write_input_tokens: Option<u64>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) cache_details: Vec<CacheDetail>,
}

#[derive(Clone, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct CacheDetail {
    pub(super) ttl: Cow<'static, str>,
    pub(super) input_tokens: u64,
}

impl TokenUsage {
    /// What was written without a word on its lifetime lives as long as the request asked.
    pub(super) fn usage(&self, lifetime: CacheLifetime) -> Usage {
        let of = |ttl: &str| -> u64 {
            let details = self.cache_details.iter().filter(|detail| detail.ttl == ttl);
            details.fold(0, |sum, detail| sum.saturating_add(detail.input_tokens))
        };
        let (five, hour) = (of("5m"), of("1h"));
        let written = self.cache_write_input_tokens.unwrap_or(0);
        let rest = written.saturating_sub(five.saturating_add(hour));
        let rest_for_hour = if lifetime == CacheLifetime::Hour { rest } else { 0 };
        Usage {
            input_tokens: self.input_tokens,
            output_tokens: self.output_tokens,
            cache_read_tokens: self.cache_read_input_tokens.unwrap_or(0),
            cache_write_5m_tokens: five + (rest - rest_for_hour),
            cache_write_1h_tokens: hour + rest_for_hour,
            thinking_tokens: None,
        }
    }

    pub(super) fn of(usage: &Usage) -> TokenUsage {
        let written = usage.cache_write_5m_tokens.saturating_add(usage.cache_write_1h_tokens);
        let lifetimes = [("5m", usage.cache_write_5m_tokens), ("1h", usage.cache_write_1h_tokens)];
        let details = lifetimes.into_iter().filter(|(_, tokens)| *tokens > 0);
        TokenUsage {
            input_tokens: usage.input_tokens,
            output_tokens: usage.output_tokens,
            total_tokens: usage.prompt_tokens().saturating_add(usage.output_tokens),
            cache_read_input_tokens: Some(usage.cache_read_tokens),
            cache_write_input_tokens: Some(written),
            cache_details: details
                .map(|(ttl, input_tokens)| CacheDetail { ttl: Cow::Borrowed(ttl), input_tokens })
                .collect(),
        }
    }
}

/// Why the model stopped, from Converse's word for it.
pub(super) fn stop_reason(word: &str) -> StopReason {
    match word {
        "end_turn" => StopReason::EndTurn,
        "tool_use" => StopReason::ToolUse,
        "max_tokens" => StopReason::MaxTokens,
        "stop_sequence" => StopReason::StopSequence,
        "guardrail_intervened" => StopReason::Guardrail,
        "content_filtered" => StopReason::Refusal,
        "malformed_model_output" | "malformed_tool_use" => StopReason::Malformed,
        "model_context_window_exceeded" => StopReason::ContextWindow,
        other => StopReason::Other(other.to_owned()),
    }
}

/// Converse's word for why the model stopped. One of its own words only: SDKs know no others.
pub(super) fn stop_word(reason: &StopReason) -> &'static str {
    match reason {
        StopReason::EndTurn | StopReason::PauseTurn | StopReason::Other(_) => "end_turn",
        StopReason::MaxTokens => "max_tokens",
        StopReason::StopSequence => "stop_sequence",
        StopReason::ToolUse => "tool_use",
        StopReason::Refusal => "content_filtered",
        StopReason::Guardrail => "guardrail_intervened",
        StopReason::ContextWindow => "model_context_window_exceeded",
        StopReason::Malformed => "malformed_model_output",
    }
}
