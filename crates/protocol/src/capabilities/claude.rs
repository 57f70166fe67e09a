//! The defaults: what current Claude models take on InvokeModel.
//!
//! Sources, checked on 2026-11-21: what Claude Code 2.1.329 itself sends when it knows that Bedrock is behind (its body
//! has no `model`, `stream` or `context_management`, keeps the system message in mid-conversation, `thinking.display`,
//! `output_config.effort`, `defer_loading` and `cache_control`); the accept and deny map of betas and the list of
//! top-level members that LiteLLM 1.109 ships; reports of what Bedrock answered with a 400 (`cache_control.scope`,
//! `prompt-caching-scope-2026-01-05`, `oauth-2025-04-20`, `fast-mode-2026-02-01`). Nobody publishes the list; where it
//! is wrong, the gateway learns from Bedrock's refusal.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserializer;

use super::{
    BetaRule, CacheHourRule, Capabilities, EditRule, EffortRule, MemberRule, Refusal, ToolRule, UnknownBetas,
    over,
};

/// The version that every Claude model on InvokeModel understands.
const BEDROCK_VERSION: &str = "bedrock-2023-05-31";

/// Betas that InvokeModel takes. They are listed, although unknown ones are forwarded as well, so that a catalog that
/// sets `unknown_betas = "drop"` keeps them.
const ACCEPTED_BETAS: &[&str] = &[
    "claude-code-20250219",
    "compact-2026-01-12",
    "computer-use-2025-01-24",
    "computer-use-2025-11-24",
    "context-1m-2025-08-07",
    "context-management-2025-06-27",
    "dangerous-tool-use-2026-09-03",
    "effort-2025-11-24",
    "fine-grained-tool-streaming-2025-05-14",
    "interleaved-thinking-2025-05-14",
    "mid-conversation-output-config-2026-07-01",
    "mid-conversation-tool-changes-2026-07-01",
    "thinking-binding-controls-2026-08-01",
    "thinking-display-updates-2026-08-18",
    "thinking-token-count-2026-05-13",
    "tool-search-tool-2025-10-19",
];

/// Betas that InvokeModel refuses, or whose feature does not exist there.
const DROPPED_BETAS: &[&str] = &[
    "advisor-tool-2026-03-01",
    "afk-mode-2026-01-31",
    "code-execution-2025-05-22",
    "code-execution-2025-08-25",
    "compact-2026-09-04",
    "fallback-credit-2026-06-01",
    "fallback-credit-2026-07-01",
    "fast-mode-2026-02-01",
    "files-api-2025-04-14",
    "inline-tools-2026-09-15",
    "mcp-client-2025-04-04",
    "mcp-client-2025-11-20",
    "mcp-client-2026-09-15",
    "mcp-servers-2025-12-04",
    "message-threads-2026-08-12",
    "oauth-2025-04-20",
    "per-turn-control-2026-07-01",
    "prompt-caching-scope-2026-01-05",
    "redact-thinking-2026-02-12",
    "request-tags-2026-08-21",
    "server-side-fallback-2026-06-01",
    "server-side-fallback-2026-07-01",
    "skills-2025-10-02",
    "structured-outputs-2025-11-13",
    "structured-outputs-2025-12-15",
    "web-fetch-2025-09-10",
    "web-search-2025-03-05",
];

/// Betas of features that are generally available by now: Anthropic calls them no-ops, Bedrock may refuse them.
const IGNORED_BETAS: &[&str] = &[
    "extended-cache-ttl-2025-04-11",
    "max-tokens-3-5-sonnet-2024-07-15",
    "output-128k-2025-02-19",
    "pdfs-2024-09-25",
    "prompt-caching-2024-07-31",
    "token-counting-2024-11-01",
    "token-efficient-tools-2025-02-19",
];

pub(super) fn capabilities() -> Capabilities {
    Capabilities {
        versions: BTreeSet::from([BEDROCK_VERSION.to_owned()]),
        betas: betas(),
        unknown_betas: UnknownBetas::Accept,
        long_context_beta: Some("context-1m-2025-08-07".to_owned()),
        members: members(),
        tools: tools(),
        tool_betas: tool_betas(),
        context_edits: context_edits(),
        cache: true,
        cache_1h: CacheHourRule::Carry,
        sampling: true,
        effort: EffortRule::Any,
        refused_thinking: BTreeSet::new(),
        structured_outputs: true,
        system_messages: true,
        forced_tool_choice: true,
        images: true,
        documents: true,
    }
}

fn betas() -> BTreeMap<String, BetaRule> {
    let of = |names: &[&str], rule: BetaRule| -> Vec<(String, BetaRule)> {
        names.iter().map(|name| ((*name).to_owned(), rule.clone())).collect()
    };
    let renamed = BetaRule::Rename("tool-search-tool-2025-10-19".to_owned());
    [
        of(ACCEPTED_BETAS, BetaRule::Accept),
        of(DROPPED_BETAS, BetaRule::Drop),
        of(IGNORED_BETAS, BetaRule::Ignore),
        of(&["advanced-tool-use-2025-11-20"], renamed),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// Members outside InvokeModel's list. What changes the meaning of the call is refused; what only labels, bills or
/// diagnoses it on Anthropic's own platform is left out and reported.
fn members() -> BTreeMap<String, MemberRule> {
    let refuse =
        |reason: &str| MemberRule::Refuse(Refusal { reason: reason.to_owned(), ..Refusal::default() });
    let refuse_unless = |harmless: &[&str], reason: &str| {
        MemberRule::Refuse(Refusal {
            reason: reason.to_owned(),
            harmless: harmless.iter().map(|value| (*value).to_owned()).collect(),
            ..Refusal::default()
        })
    };
    let thread = MemberRule::Refuse(Refusal {
        reason: "is not supported on Amazon Bedrock; send the full message history instead".to_owned(),
        error_code: Some("thread_unsupported_request".to_owned()),
        ..Refusal::default()
    });
    let rules = [
        ("billing_policy", MemberRule::Strip),
        ("cache_control", MemberRule::Adapt),
        (
            "compaction",
            refuse(
                "is not available on Amazon Bedrock; use a `compact_20260112` edit of `context_management`",
            ),
        ),
        ("container", refuse("is not available on Amazon Bedrock, which runs no code execution containers")),
        ("diagnostics", MemberRule::Strip),
        ("fallback_credit_token", MemberRule::Strip),
        ("fallbacks", refuse("is not available on Amazon Bedrock; retry with the other model instead")),
        (
            "inference_geo",
            refuse_unless(
                &["global"],
                "cannot be chosen per request on Amazon Bedrock; choose an inference profile by the model's name",
            ),
        ),
        ("mcp_servers", refuse("is not available on Amazon Bedrock; connect to MCP servers from the client")),
        (
            "messages.*.output_config",
            MemberRule::StripUnlessBeta("mid-conversation-output-config-2026-07-01".to_owned()),
        ),
        (
            "messages.*.clear_at",
            MemberRule::StripUnlessBeta("mid-conversation-system-clear-at-2026-08-21".to_owned()),
        ),
        ("speed", refuse_unless(&["standard"], "other than `standard` is not available on Amazon Bedrock")),
        ("tags", MemberRule::Strip),
        ("thread", thread),
        ("user_profile_id", MemberRule::Strip),
        ("workspace_id", MemberRule::Strip),
    ];
    rules.into_iter().map(|(path, rule)| (path.to_owned(), rule)).collect()
}

/// Tools that Anthropic's own platform runs, and Bedrock does not.
fn tools() -> BTreeMap<String, ToolRule> {
    let elsewhere = "is run by Anthropic's own platform and is not available on Amazon Bedrock";
    ["advisor_", "code_execution_", "mcp_toolset", "web_fetch_", "web_search_"]
        .into_iter()
        .map(|prefix| {
            let refusal = Refusal { reason: elsewhere.to_owned(), ..Refusal::default() };
            (prefix.to_owned(), ToolRule::Refuse(refusal))
        })
        .collect()
}

/// Tools of Anthropic's that the client runs, or the model itself: Bedrock knows them by their beta.
fn tool_betas() -> BTreeMap<String, String> {
    let betas = [
        ("computer_20250124", "computer-use-2025-01-24"),
        ("computer_20251124", "computer-use-2025-11-24"),
        ("memory_", "context-management-2025-06-27"),
        ("tool_search_tool_", "tool-search-tool-2025-10-19"),
    ];
    betas.into_iter().map(|(prefix, beta)| (prefix.to_owned(), beta.to_owned())).collect()
}

fn context_edits() -> BTreeMap<String, EditRule> {
    BTreeMap::from([
        ("clear_thinking_20251015".to_owned(), EditRule::CarryWhenThinking),
        ("clear_tool_uses_20250919".to_owned(), EditRule::Carry),
        ("compact_20260112".to_owned(), EditRule::Carry),
    ])
}

pub(super) fn over_default_betas<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<BTreeMap<String, BetaRule>, D::Error> {
    over(deserializer, betas())
}

pub(super) fn over_default_members<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<BTreeMap<String, MemberRule>, D::Error> {
    over(deserializer, members())
}

pub(super) fn over_default_tools<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<BTreeMap<String, ToolRule>, D::Error> {
    over(deserializer, tools())
}

pub(super) fn over_default_tool_betas<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<BTreeMap<String, String>, D::Error> {
    over(deserializer, tool_betas())
}

pub(super) fn over_default_context_edits<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<BTreeMap<String, EditRule>, D::Error> {
    over(deserializer, context_edits())
}
