//! What was consumed, in the words of the Responses API.

use serde::{Deserialize, Serialize};

use crate::conversation::usage::Usage;

/// `usage`. `input_tokens` include what was read from and written to a cache, and `output_tokens` what was thought.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct UsageWire {
    input_tokens: u64,
    input_tokens_details: InputDetails,
    output_tokens: u64,
    output_tokens_details: OutputDetails,
    total_tokens: u64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
struct InputDetails {
    cached_tokens: u64,
    cache_write_tokens: u64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
struct OutputDetails {
    reasoning_tokens: u64,
}

impl From<&Usage> for UsageWire {
    fn from(usage: &Usage) -> UsageWire {
        let input_tokens = usage.prompt_tokens();
        UsageWire {
            input_tokens,
            input_tokens_details: InputDetails {
                cached_tokens: usage.cache_read_tokens,
                cache_write_tokens: usage.cache_write_5m_tokens.saturating_add(usage.cache_write_1h_tokens),
            },
            output_tokens: usage.output_tokens,
            output_tokens_details: OutputDetails { reasoning_tokens: usage.thinking_tokens.unwrap_or(0) },
            total_tokens: input_tokens.saturating_add(usage.output_tokens),
        }
    }
}

impl From<UsageWire> for Usage {
    fn from(reported: UsageWire) -> Usage {
        let InputDetails { cached_tokens, cache_write_tokens } = reported.input_tokens_details;
        Usage {
            input_tokens: reported
                .input_tokens
                .saturating_sub(cached_tokens)
                .saturating_sub(cache_write_tokens),
            output_tokens: reported.output_tokens,
            cache_read_tokens: cached_tokens,
            cache_write_5m_tokens: cache_write_tokens,
            cache_write_1h_tokens: 0,
            thinking_tokens: Some(reported.output_tokens_details.reasoning_tokens),
        }
    }
}
