//! What Bedrock accepts for one model: plain data, filled by the catalog.
//!
//! `Capabilities::default()` is what current Claude models take on InvokeModel (`capabilities/claude.rs`, with the
//! sources). A catalog entry writes down only where its model differs: the tables (`betas`, `members`, `tools`,
//! `tool_betas`, `context_edits`) are laid over the default ones key by key, every other field replaces the default.
//!
//! ```toml
//! versions = ["bedrock-2023-05-31", "2026-10-21"]
//! sampling = false
//! effort = { up_to = "xhigh" }
//! refused_thinking = ["enabled"]
//! [betas]
//! "some-beta-2026-01-01" = "drop"
//! "advanced-tool-use-2025-11-20" = { rename = "tool-search-tool-2025-10-19" }
//! [members]
//! safeguards = { refuse = { reason = "is not supported by this model" } }
//! "tools.*.eager_input_streaming" = "strip"
//! ```

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Deserializer};

pub use crate::effort::Effort;

mod claude;

/// What Bedrock accepts for one model.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Capabilities {
    /// Values of `anthropic_version` that the model's endpoint understands in the body.
    pub versions: BTreeSet<String>,
    /// What becomes of each value of `anthropic-beta`; a value that is not listed follows `unknown_betas`.
    #[serde(deserialize_with = "claude::over_default_betas")]
    pub betas: BTreeMap<String, BetaRule>,
    /// What becomes of a beta that the table does not know. Forwarded by default: refused ones are learned.
    pub unknown_betas: UnknownBetas,
    /// The beta that a long context window has to be asked for with; none, or empty in a catalog's TOML, where the
    /// window is native.
    pub long_context_beta: Option<String>,
    /// What becomes of a member of the body, by dotted path: `thread`, `messages.*.output_config` (`*` is every
    /// element of an array). A member that is not listed is carried.
    #[serde(deserialize_with = "claude::over_default_members")]
    pub members: BTreeMap<String, MemberRule>,
    /// Tool types that are refused, by the beginning of their `type`.
    #[serde(deserialize_with = "claude::over_default_tools")]
    pub tools: BTreeMap<String, ToolRule>,
    /// The beta without which the model does not know a tool type, by the beginning of its `type`. Sent along whether or not
    /// the client names it: on Anthropic's own platform these tools need none.
    #[serde(deserialize_with = "claude::over_default_tool_betas")]
    pub tool_betas: BTreeMap<String, String>,
    /// What becomes of an edit of `context_management`, by its `type`; an edit that is not listed is carried.
    #[serde(deserialize_with = "claude::over_default_context_edits")]
    pub context_edits: BTreeMap<String, EditRule>,
    /// Whether `cache_control` is understood at all; where not, the marks are stripped.
    pub cache: bool,
    /// What becomes of `cache_control.ttl: "1h"` (the 4.5 family and later take it).
    pub cache_1h: CacheHourRule,
    /// Whether `temperature`, `top_p` and `top_k` are accepted; where not, a request with one is refused.
    pub sampling: bool,
    /// How far `output_config.effort` goes.
    pub effort: EffortRule,
    /// Values of `thinking.type` that the model refuses (`enabled` from Claude 4.7 on, `adaptive` before 4.6,
    /// `disabled` where thinking is always on).
    pub refused_thinking: BTreeSet<String>,
    /// Whether `output_config.format` is accepted.
    pub structured_outputs: bool,
    /// Whether a message with the role `system` may stand inside `messages`.
    pub system_messages: bool,
    /// Whether `tool_choice` may force a tool (`any`, `tool`).
    pub forced_tool_choice: bool,
    /// Whether image blocks are accepted.
    pub images: bool,
    /// Whether document blocks are accepted.
    pub documents: bool,
}

/// What becomes of one value of `anthropic-beta`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BetaRule {
    /// Sent in the body as it is.
    Accept,
    /// Left out, and reported as dropped.
    Drop,
    /// Left out in silence: the feature is generally available, or the value means something to Anthropic's own
    /// platform only, so that nothing is lost.
    Ignore,
    /// Sent under another name.
    Rename(String),
}

/// What becomes of a beta that no table knows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UnknownBetas {
    /// Forward it; the upstream's refusal teaches.
    #[default]
    Accept,
    /// Leave it out, and report it as dropped.
    Drop,
}

/// What becomes of one member of the body.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MemberRule {
    /// Travels unchanged.
    Carry,
    /// Left out, and reported as dropped.
    Strip,
    /// Left out unless this beta is sent along.
    StripUnlessBeta(String),
    /// The request is refused with a 400 that names the member; where the value says nothing (`null`, empty, or one
    /// of `harmless`) the member is left out instead. Only for top-level members.
    Refuse(Refusal),
    /// Put into the form that Bedrock knows, by code that knows the member (`cache_control` at the top level:
    /// the mark is set on the last block). Carried where no code does.
    Adapt,
}

/// How a member or tool is refused.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Refusal {
    /// Why, to be read after the member's name: `is not available on Amazon Bedrock`.
    pub reason: String,
    /// `error.details.error_code`.
    pub error_code: Option<String>,
    /// The class of a `capability_rejected: <class>` message, by which Claude Code heals its own request.
    pub capability: Option<String>,
    /// String values with which the member asks for nothing special, so that it can be left out.
    pub harmless: Vec<String>,
}

/// What becomes of a tool type.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ToolRule {
    /// Travels unchanged.
    Carry,
    /// The request is refused with a 400 that names the tool.
    Refuse(Refusal),
}

/// What becomes of one edit of `context_management`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EditRule {
    /// Travels unchanged.
    Carry,
    /// Travels when the request thinks (`enabled` or `adaptive`), else is left out.
    CarryWhenThinking,
    /// Left out, and reported as dropped.
    Strip,
}

/// What becomes of `cache_control.ttl: "1h"`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CacheHourRule {
    /// Travels unchanged.
    #[default]
    Carry,
    /// The `ttl` is left out (the entry lives for five minutes), and reported as dropped.
    Strip,
}

/// How far `output_config.effort` goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EffortRule {
    /// Whatever the client asks travels.
    #[default]
    Any,
    /// A higher level is lowered to this one, and reported.
    UpTo(Effort),
    /// Refused with `capability_rejected: effort_unsupported`, upon which Claude Code asks again without.
    Unsupported,
}

impl Default for Capabilities {
    fn default() -> Self {
        claude::capabilities()
    }
}

/// Deserialises a table and lays it over `defaults`, key by key.
fn over<'de, D, V>(
    deserializer: D,
    mut defaults: BTreeMap<String, V>,
) -> Result<BTreeMap<String, V>, D::Error>
where
    D: Deserializer<'de>,
    V: Deserialize<'de>,
{
    defaults.extend(BTreeMap::<String, V>::deserialize(deserializer)?);
    Ok(defaults)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_catalog_writes_down_only_where_its_model_differs() {
        let read: Capabilities = toml::from_str(
            r#"
            versions = ["bedrock-2023-05-31", "2026-10-21"]
            sampling = false
            effort = { up_to = "xhigh" }
            refused_thinking = ["enabled"]
            cache_1h = "strip"
            [betas]
            "some-beta-2026-01-01" = "drop"
            "effort-2025-11-24" = { rename = "effort-2026-01-01" }
            [members]
            thread = "carry"
            "tools.*.eager_input_streaming" = "strip"
            safeguards = { refuse = { reason = "is not supported", capability = "x" } }
            "a.b" = { strip_unless_beta = "c" }
            [tools]
            "web_search_" = "carry"
            [context_edits]
            "clear_thinking_20251015" = "strip"
            "#,
        )
        .unwrap();
        let default = Capabilities::default();
        assert_eq!(read.versions.len(), 2);
        assert_eq!((read.sampling, read.effort), (false, EffortRule::UpTo(Effort::Xhigh)));
        assert_eq!(read.betas["some-beta-2026-01-01"], BetaRule::Drop);
        assert_eq!(read.betas["effort-2025-11-24"], BetaRule::Rename("effort-2026-01-01".to_owned()));
        assert_eq!(read.betas["oauth-2025-04-20"], BetaRule::Drop, "the default table stays");
        assert_eq!(read.betas.len(), default.betas.len() + 1);
        assert_eq!(
            (&read.members["thread"], &read.members["tags"]),
            (&MemberRule::Carry, &MemberRule::Strip)
        );
        assert_eq!(read.tools["web_search_"], ToolRule::Carry);
        assert_eq!(read.context_edits["clear_thinking_20251015"], EditRule::Strip);
        assert_eq!((read.images, read.unknown_betas), (default.images, default.unknown_betas));
    }

    #[test]
    fn an_empty_entry_is_the_default_and_a_misspelt_one_is_an_error() {
        assert_eq!(toml::from_str::<Capabilities>("").unwrap(), Capabilities::default());
        assert!(toml::from_str::<Capabilities>("smapling = false").is_err());
    }
}
