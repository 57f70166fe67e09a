//! What Converse takes and gives differently from family to family. One table for all of it.
//!
//! Sources: `anthropic`: AWS's user guide on Claude's parameters. `amazon`: the Nova 2 user guide (`reasoningConfig`;
//! with `high` neither `maxTokens` nor sampling may be set; `topK` stands in an `inferenceConfig` of its own), and the
//! user guide on prompt caching (no cache points among Nova's tools). `openai`: opencode pull request 48195 and LiteLLM
//! pull request 38279, both tried against Bedrock (`reasoning.effort` for GPT, `reasoning_effort` for gpt-oss alone;
//! GPT's thoughts are sealed). `deepseek`: langchain-aws pull request 1261 (`reasoning_effort` turns thinking on in V3),
//! strands-agents (thoughts may not go back). `mistral`, `ai21`, `cohere`, `writer`: AWS's user guide, "Inference request
//! parameters and response fields" (`top_k` is Mistral's 7B and 8x7B models' alone among those with a guide, the newer ones
//! run on the engine behind open weights; Cohere calls it `k`, 0 to 500; AI21's and Writer's have none; none of the four
//! knows `parallel_tool_calls`). `qwen`, `moonshot` …: langchain-aws pull request 1188, LiteLLM issue 34105.

use crate::traits::{Feature, Traits};

/// How a model differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Family {
    pub(super) reasoning: Reasoning,
    pub(super) thoughts: Thoughts,
    pub(super) top_k: TopK,
    /// Whether `parallel_tool_calls` is known.
    pub(super) takes_parallel: bool,
    /// Whether cache points may stand among the tools.
    pub(super) caches_tools: bool,
    /// Whether thoughts stand between tags at the beginning of the answer's text.
    pub(super) thinks_inline: bool,
    /// Whether Anthropic's own note in the system prompt is known.
    pub(super) knows_billing_note: bool,
}

/// How it is told to think.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reasoning {
    /// Not at all: it does not think, or always as it likes.
    Untold,
    /// `thinking` and `output_config.effort`.
    Claude,
    /// `reasoningConfig`.
    Nova,
    /// `reasoning_effort`.
    Effort,
    /// `reasoning.effort`.
    Nested,
}

/// Which of its own thoughts it takes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Thoughts {
    /// None.
    None,
    /// What it signed or sealed.
    Signed,
    /// What it sealed.
    Sealed,
    /// What it wrote in the open, without a signature.
    Open,
}

/// Where `top_k` stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TopK {
    Nowhere,
    Plain,
    /// In `inferenceConfig.topK`, 1 to 128.
    Nova,
    /// As `k`, up to 500.
    Cohere,
}

/// Mistral's models with a guide that has no `top_k`.
const WITHOUT_TOP_K: [&str; 3] = ["mistral-large-24", "mistral-small-24", "pixtral"];

impl Family {
    pub(super) fn of(traits: &Traits) -> Family {
        let id = traits.bedrock_id.as_str();
        let thinks = traits.can(Feature::Reasoning);
        let open = Family {
            reasoning: if thinks { Reasoning::Effort } else { Reasoning::Untold },
            thoughts: if thinks { Thoughts::Open } else { Thoughts::None },
            top_k: TopK::Plain,
            takes_parallel: true,
            caches_tools: true,
            thinks_inline: false,
            knows_billing_note: false,
        };
        match traits.family.as_str() {
            "anthropic" => Family {
                reasoning: Reasoning::Claude,
                thoughts: Thoughts::Signed,
                takes_parallel: false,
                knows_billing_note: true,
                ..open
            },
            "amazon" => Family {
                reasoning: if thinks { Reasoning::Nova } else { Reasoning::Untold },
                top_k: TopK::Nova,
                takes_parallel: false,
                caches_tools: false,
                ..open
            },
            "openai" if id.contains("gpt-oss") => Family { thinks_inline: true, ..open },
            "openai" => Family {
                reasoning: Reasoning::Nested,
                thoughts: Thoughts::Sealed,
                top_k: TopK::Nowhere,
                ..open
            },
            "deepseek" => Family {
                reasoning: if id.contains(".r1") { Reasoning::Untold } else { open.reasoning },
                thoughts: Thoughts::None,
                ..open
            },
            "meta" => Family { top_k: TopK::Nowhere, takes_parallel: false, ..open },
            "mistral" => Family {
                reasoning: Reasoning::Untold,
                top_k: if WITHOUT_TOP_K.iter().any(|part| id.contains(part)) {
                    TopK::Nowhere
                } else {
                    TopK::Plain
                },
                takes_parallel: false,
                ..open
            },
            "cohere" => Family { top_k: TopK::Cohere, takes_parallel: false, ..open },
            "ai21" | "writer" | "twelvelabs" => {
                Family { top_k: TopK::Nowhere, takes_parallel: false, ..open }
            }
            _ => open,
        }
    }
}
