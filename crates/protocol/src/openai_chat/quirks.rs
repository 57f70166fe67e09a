//! What Bedrock's Chat Completions takes and gives differently from model to model. One table for all of it.

use crate::carry::{Door, Service};
use crate::traits::{Feature, Traits};

/// How a model differs from what the SDK's types promise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Quirks {
    /// The member that holds the ceiling: OpenAI's models refuse the old name, and what serves the others is not sure to
    /// know the new one.
    pub(super) ceiling: &'static str,
    /// Whether `temperature` and `top_p` are taken while the model thinks.
    pub(super) samples_while_thinking: bool,
    pub(super) takes_penalties: bool,
    pub(super) takes_logit_bias: bool,
    /// Whether token probabilities are given while the model thinks.
    pub(super) logprobs_while_thinking: bool,
    /// Whether tools may be used while the model thinks.
    pub(super) tools_while_thinking: bool,
    /// Whether tools of type `custom` are known.
    pub(super) takes_custom_tools: bool,
    /// Whether the role `developer` is known; `system` means the same.
    pub(super) knows_developers: bool,
    /// Whether OpenAI's own cache marks are known.
    pub(super) takes_breakpoints: bool,
    /// Whether `verbosity` is known.
    pub(super) takes_verbosity: bool,
    /// Whether thoughts stand between tags at the beginning of the answer's text.
    pub(super) thinks_inline: bool,
}

impl Quirks {
    pub(super) fn of(door: Door<'_>, traits: &Traits) -> Quirks {
        let is_oss = traits.bedrock_id.contains("gpt-oss");
        let is_gpt = traits.family == "openai" && !is_oss;
        let is_grok = traits.family == "xai";
        Quirks {
            ceiling: if traits.family == "openai" { "max_completion_tokens" } else { "max_tokens" },
            samples_while_thinking: !is_gpt && traits.can(Feature::Sampling),
            takes_penalties: !is_gpt && !is_grok,
            takes_logit_bias: !is_oss,
            logprobs_while_thinking: !is_gpt,
            tools_while_thinking: !(is_gpt && door.service == Service::Runtime),
            takes_custom_tools: is_gpt,
            knows_developers: traits.family == "openai",
            takes_breakpoints: is_gpt,
            takes_verbosity: is_gpt,
            thinks_inline: is_oss,
        }
    }
}
