//! What was consumed, in OpenAI's words.

use serde::{Deserialize, Serialize};

use crate::conversation::usage::Usage;

/// `usage`. OpenAI's `prompt_tokens` include what was read from and written to a cache, and `completion_tokens` what was
/// thought.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct UsageWire {
    prompt_tokens: u64,
    completion_tokens: u64,
    total_tokens: u64,
    prompt_tokens_details: PromptDetails,
    completion_tokens_details: CompletionDetails,
}

#[derive(Clone, Copy, Debug, Serialize)]
struct PromptDetails {
    cached_tokens: u64,
    cache_write_tokens: u64,
}

#[derive(Clone, Copy, Debug, Serialize)]
struct CompletionDetails {
    reasoning_tokens: u64,
}

impl From<&Usage> for UsageWire {
    fn from(usage: &Usage) -> UsageWire {
        let prompt_tokens = usage.prompt_tokens();
        UsageWire {
            prompt_tokens,
            completion_tokens: usage.output_tokens,
            total_tokens: prompt_tokens.saturating_add(usage.output_tokens),
            prompt_tokens_details: PromptDetails {
                cached_tokens: usage.cache_read_tokens,
                cache_write_tokens: usage.cache_write_5m_tokens.saturating_add(usage.cache_write_1h_tokens),
            },
            completion_tokens_details: CompletionDetails {
                reasoning_tokens: usage.thinking_tokens.unwrap_or(0),
            },
        }
    }
}

/// `usage` as an upstream reports it.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Reported {
    prompt_tokens: u64,
    completion_tokens: u64,
    prompt_tokens_details: Option<ReportedPrompt>,
    completion_tokens_details: Option<ReportedCompletion>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default)]
struct ReportedPrompt {
    cached_tokens: Option<u64>,
    cache_write_tokens: Option<u64>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default)]
struct ReportedCompletion {
    reasoning_tokens: Option<u64>,
}

impl From<Reported> for Usage {
    fn from(reported: Reported) -> Usage {
        let prompt = reported.prompt_tokens_details.unwrap_or_default();
        let cache_read_tokens = prompt.cached_tokens.unwrap_or(0);
        let written = prompt.cache_write_tokens.unwrap_or(0);
        Usage {
            input_tokens: reported.prompt_tokens.saturating_sub(cache_read_tokens).saturating_sub(written),
            output_tokens: reported.completion_tokens,
            cache_read_tokens,
            cache_write_5m_tokens: written,
            cache_write_1h_tokens: 0,
            thinking_tokens: reported.completion_tokens_details.and_then(|details| details.reasoning_tokens),
        }
    }
}
