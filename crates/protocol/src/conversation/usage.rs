//! What a call consumed, in tokens, whatever dialect reported it.

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
    /// All tokens of the prompt, cached or not. Saturates.
    #[must_use]
    pub fn prompt_tokens(&self) -> u64 {
        self.input_tokens
            .saturating_add(self.cache_read_tokens)
            .saturating_add(self.cache_write_5m_tokens)
            .saturating_add(self.cache_write_1h_tokens)
    }
}
