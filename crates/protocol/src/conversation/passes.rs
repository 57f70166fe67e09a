//! How often upstream reads a prompt and writes on for one request.

/// How often upstream may read the prompt and write, for one request, before the pass that gives the answer. Each is billed
/// as a call of its own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Passes {
    /// The passes besides the last one, at most.
    pub beside: u64,
    /// They happen from a prompt of so many tokens on.
    pub from_tokens: u64,
}

impl Passes {
    /// With a tool that upstream runs by itself and goes on from. Anthropic ends a turn (`pause_turn`) after ten rounds by
    /// default.
    const ROUNDS: u64 = 10;

    /// Summaries that are written on the way, from a prompt of so many tokens on.
    pub(crate) fn with_summaries(count: u64, from_tokens: u64) -> Passes {
        Passes { beside: count, from_tokens }
    }

    /// A summary that is written first, of a prompt of so many tokens or more.
    pub(crate) fn with_summary(from_tokens: u64) -> Passes {
        Self::with_summaries(1, from_tokens)
    }

    /// The same in rounds, for tools that upstream runs: each begins as the first does.
    pub(crate) fn in_rounds(self) -> Passes {
        self.in_rounds_of(Self::ROUNDS)
    }

    /// At most so many rounds.
    pub(crate) fn in_rounds_of(self, rounds: u64) -> Passes {
        Passes {
            beside: self.beside.saturating_add(1).saturating_mul(rounds).saturating_sub(1),
            from_tokens: 0,
        }
    }
}
