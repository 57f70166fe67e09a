//! What a model answers, piece by piece, whichever upstream it came from.
//!
//! Readers keep these promises, so that writers need not check: a block is started before its first delta and stopped
//! once; indices begin at 0, are given in order of starts, and no index is used twice; `Stop` comes once, after the last
//! block stopped; usage may come at any time and each report replaces the one before.

use super::block::Citation;
use super::usage::Usage;

/// One step of an answer.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// The answer begins.
    Start {
        /// The upstream's id for it.
        id: Option<String>,
        /// The model that the upstream names.
        model: Option<String>,
    },
    /// A block begins.
    BlockStart {
        /// Its place in the answer, from 0.
        index: usize,
        /// What it is.
        block: BlockStart,
    },
    /// More of a block. Blocks may take turns.
    Delta {
        /// The block's place.
        index: usize,
        /// What is added.
        delta: Delta,
    },
    /// A block is complete.
    BlockStop {
        /// Its place.
        index: usize,
    },
    /// What was consumed so far; the last one is what counts.
    Usage(Usage),
    /// The model stops, and why.
    Stop {
        /// Why.
        reason: StopReason,
        /// The stop sequence that it met.
        sequence: Option<String>,
        /// A word on a refusal, for people.
        explanation: Option<String>,
    },
}

/// What a block is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BlockStart {
    /// Words.
    Text,
    /// Thoughts.
    Thinking,
    /// Sealed thoughts, whole.
    SealedThinking {
        /// The sealed bytes, in base64.
        data: String,
    },
    /// A call of a tool.
    ToolUse {
        /// By which its result is known.
        id: String,
        /// The tool, as the client named it.
        name: String,
    },
}

/// More of a block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Delta {
    /// Words.
    Text(String),
    /// Thoughts.
    Thinking(String),
    /// By which the model knows its thoughts again; whole.
    Signature(String),
    /// A piece of the JSON text of a tool's input.
    Input(String),
    /// Where the words of this block are taken from.
    Citation(Box<Citation>),
}

/// Why the model stopped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StopReason {
    /// It was done.
    EndTurn,
    /// It reached the ceiling.
    MaxTokens,
    /// It came to a stop sequence.
    StopSequence,
    /// It waits for the results of tools.
    ToolUse,
    /// It, or a filter of the model's maker, would not answer.
    Refusal,
    /// A guardrail of the account stepped in.
    Guardrail,
    /// The context window is full.
    ContextWindow,
    /// It was interrupted between its own tools and would go on.
    PauseTurn,
    /// It wrote what the upstream could not read: a tool call or an output that is malformed.
    Malformed,
    /// A reason that is newer than this code, in the upstream's word.
    Other(String),
}

impl StopReason {
    /// The word for it in records and logs (Anthropic's, where it has one).
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            StopReason::EndTurn => "end_turn",
            StopReason::MaxTokens => "max_tokens",
            StopReason::StopSequence => "stop_sequence",
            StopReason::ToolUse => "tool_use",
            StopReason::Refusal => "refusal",
            StopReason::Guardrail => "guardrail_intervened",
            StopReason::ContextWindow => "model_context_window_exceeded",
            StopReason::PauseTurn => "pause_turn",
            StopReason::Malformed => "malformed_output",
            StopReason::Other(word) => word,
        }
    }
}
