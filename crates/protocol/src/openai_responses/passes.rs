//! Which requests a model reads more than once: those whose history it sums up when it grows too long, and those with
//! tools that run where it runs. OpenAI's guides "Compaction", "Remote MCP" and "Tool search".

use serde::Deserialize;

use crate::conversation::passes::Passes;

use super::inbound::Inbound;

#[derive(Deserialize)]
struct ManagementWire {
    #[serde(default)]
    compact_threshold: Option<u64>,
}

#[derive(Deserialize)]
struct ToolWire {
    #[serde(default)]
    r#type: Option<String>,
    #[serde(default)]
    execution: Option<String>,
}

/// How often a model may read the prompt of a request and write.
pub(super) fn passes(inbound: &Inbound) -> Passes {
    let passes = summaries(inbound);
    let tools = inbound.facts.tools.iter();
    let mut tools = tools.filter_map(|range| serde_json::from_slice::<ToolWire>(inbound.raw(range)).ok());
    let (mut calls_out, mut searches) = (false, false);
    for tool in &mut tools {
        match tool.r#type.as_deref() {
            Some("mcp") => calls_out = true,
            Some("tool_search") => searches |= tool.execution.as_deref() != Some("client"),
            Some(_) | None => {}
        }
    }
    match (calls_out, searches) {
        (true, _) => passes.in_rounds_of(most_tool_calls(inbound).unwrap_or(0).saturating_add(1)),
        (false, true) => passes.in_rounds(),
        (false, false) => passes,
    }
}

/// How often tools that run where the model runs may be called: each call is followed by another pass.
pub(super) fn most_tool_calls(inbound: &Inbound) -> Option<u64> {
    inbound.loose("max_tool_calls")
}

/// One when the prompt is too long, and another one for each time that the answer grows by as much.
fn summaries(inbound: &Inbound) -> Passes {
    let Some(member) = inbound.find("context_management") else {
        return Passes::default();
    };
    let raw = inbound.raw(&member.place.value);
    let entries: Vec<ManagementWire> = match serde_json::from_slice(raw) {
        Ok(Some(entries)) => entries,
        Ok(None) => return Passes::default(),
        Err(_unreadable) => vec![ManagementWire { compact_threshold: None }],
    };
    let Some(threshold) = entries.iter().map(|entry| entry.compact_threshold.unwrap_or(0)).min() else {
        return Passes::default();
    };
    let output = inbound.max_output_tokens.unwrap_or(LONGEST_OUTPUT);
    let again = output.checked_div(threshold).unwrap_or(output);
    Passes::with_summaries(again.saturating_add(1), threshold.saturating_sub(output))
}

/// What an answer without a ceiling counts as: no model of OpenAI's writes more.
const LONGEST_OUTPUT: u64 = 128_000;
