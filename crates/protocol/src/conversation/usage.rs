//! What a call consumed, in tokens, whatever dialect reported it.

use super::sizes::CacheLifetime;

/// Tokens of one call, as the upstream reports them. The five counts do not overlap: the whole prompt is
/// `input + cache_read + cache_write_5m + cache_write_1h`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Usage {
    /// Prompt tokens that were neither read from a cache nor written to one.
    pub input_tokens: u64,
    /// Generated tokens, thinking included.
    pub output_tokens: u64,
    /// Prompt tokens read from a cache.
    pub cache_read_tokens: u64,
    /// Prompt tokens written to a cache that lives for five minutes.
    pub cache_write_5m_tokens: u64,
    /// Prompt tokens written to a cache that lives for an hour.
    pub cache_write_1h_tokens: u64,
    /// The part of `output_tokens` that was thinking, where reported.
    pub thinking_tokens: Option<u64>,
}

impl Usage {
    /// A prompt of which nothing is reported: all of it at most, cached for as long as the request asked.
    pub(crate) fn unreported(input_tokens: u64, lifetime: CacheLifetime) -> Usage {
        match lifetime {
            CacheLifetime::None => Usage { input_tokens, ..Usage::default() },
            CacheLifetime::FiveMinutes => Usage { cache_write_5m_tokens: input_tokens, ..Usage::default() },
            CacheLifetime::Hour => Usage { cache_write_1h_tokens: input_tokens, ..Usage::default() },
        }
    }

    /// Both together. Saturates.
    pub(crate) fn plus(&self, other: &Usage) -> Usage {
        let thinking = [self.thinking_tokens, other.thinking_tokens];
        Usage {
            input_tokens: self.input_tokens.saturating_add(other.input_tokens),
            output_tokens: self.output_tokens.saturating_add(other.output_tokens),
            cache_read_tokens: self.cache_read_tokens.saturating_add(other.cache_read_tokens),
            cache_write_5m_tokens: self.cache_write_5m_tokens.saturating_add(other.cache_write_5m_tokens),
            cache_write_1h_tokens: self.cache_write_1h_tokens.saturating_add(other.cache_write_1h_tokens),
            thinking_tokens: thinking.into_iter().flatten().reduce(u64::saturating_add),
        }
    }

    /// All tokens of the prompt, cached or not. Saturates.
    #[must_use]
    pub fn prompt_tokens(&self) -> u64 {
        self.input_tokens
            .saturating_add(self.cache_read_tokens)
            .saturating_add(self.cache_write_5m_tokens)
            .saturating_add(self.cache_write_1h_tokens)
    }
}
