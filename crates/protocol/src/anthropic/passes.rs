//! Which requests Claude reads more than once: those whose history it sums up first, and those with tools that run where
//! it runs. Anthropic's pages "Compaction at a token threshold" and "Tool search tool".

use serde::Deserialize;

use crate::capabilities::{Capabilities, EditRule, ToolRule};
use crate::conversation::passes::Passes;

/// The prompt from which on a `compact_…` edit sums up the history, where it does not say.
const COMPACTION_TRIGGER: u64 = 150_000;

/// Tools that run where the model runs.
const RUN_UPSTREAM: [&str; 6] =
    ["tool_search_tool_", "web_search_", "web_fetch_", "code_execution_", "advisor_", "mcp_toolset"];

/// An edit of `context_management`, as far as it counts here.
#[derive(Clone, Copy, Debug)]
pub(super) struct Edit<'a> {
    pub(super) kind: &'a str,
    /// `trigger.value`; zero where it cannot be read.
    pub(super) trigger: Option<u64>,
}

/// What edits and tools, by their types, make of a request.
pub(super) fn passes<'a>(
    mut edits: impl Iterator<Item = Edit<'a>>,
    mut tools: impl Iterator<Item = &'a str>,
    capabilities: &Capabilities,
) -> Passes {
    let is_carried = |kind: &str| capabilities.context_edits.get(kind) != Some(&EditRule::Strip);
    let passes = edits
        .find(|edit| edit.kind.starts_with("compact_") && is_carried(edit.kind))
        .map_or_else(Passes::default, |edit| {
            Passes::with_summary(edit.trigger.unwrap_or(COMPACTION_TRIGGER))
        });
    let is_refused = |kind: &str| {
        let rules = capabilities.tools.iter().filter(|(prefix, _)| kind.starts_with(prefix.as_str()));
        let rule = rules.max_by_key(|(prefix, _)| prefix.len());
        matches!(rule, Some((_, ToolRule::Refuse(_))))
    };
    let runs_upstream = |kind: &str| RUN_UPSTREAM.iter().any(|prefix| kind.starts_with(prefix));
    if tools.any(|kind| runs_upstream(kind) && !is_refused(kind)) { passes.in_rounds() } else { passes }
}

#[derive(Deserialize)]
struct AdditionalWire {
    #[serde(default)]
    tools: Vec<ToolWire>,
    #[serde(default)]
    context_management: Option<ContextManagementWire>,
}

#[derive(Deserialize)]
struct ToolWire {
    #[serde(default)]
    r#type: Option<String>,
}

#[derive(Deserialize)]
struct ContextManagementWire {
    #[serde(default)]
    edits: Vec<EditWire>,
}

#[derive(Deserialize)]
struct EditWire {
    #[serde(default)]
    r#type: String,
}

/// What members make of a request that another dialect brings along for Claude.
pub(crate) fn of_additional(members: &[u8], capabilities: &Capabilities) -> Passes {
    let Ok(wire) = serde_json::from_slice::<AdditionalWire>(members) else {
        // What cannot be read here is refused later, or else read in the way that costs most.
        return Passes::with_summary(0).in_rounds();
    };
    let edits = wire.context_management.iter().flat_map(|management| &management.edits);
    let edits = edits.map(|edit| Edit { kind: &edit.r#type, trigger: Some(0) });
    let tools = wire.tools.iter().filter_map(|tool| tool.r#type.as_deref());
    passes(edits, tools, capabilities)
}
