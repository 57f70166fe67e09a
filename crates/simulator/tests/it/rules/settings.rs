//! Tools, thinking, effort, sampling, context management.

use serde_json::{Value, json};

use super::{check, plus};
use crate::caller::{NEW, OLD, OLDEST, simulator, tool, with};

#[tokio::test]
async fn tools_and_tool_choice() {
    let running = simulator().await;
    let tools = |tools: Value| plus(json!({"tools": tools}));
    let changed = |members: Value| tools(json!([with(tool("a"), members)]));
    let chosen = |choice: Value| plus(json!({"tools": [tool("a")], "tool_choice": choice}));
    let search = json!({"anthropic_beta": ["tool-search-tool-2025-10-19"]});
    for (body, expected) in [
        (tools(json!([tool("a"), tool("b")])), ""),
        (tools(json!([])), ""),
        (tools(json!([tool("a"), tool("a")])), "tools: Tool names must be unique."),
        (changed(json!({"name": "a b"})), "tools.0.custom.name: String should match pattern"),
        (changed(json!({"name": "a".repeat(129)})), "tools.0.custom.name: String should match pattern"),
        (changed(json!({"name": "a".repeat(128)})), ""),
        (changed(json!({"input_schema": {}})), "tools.0.custom.input_schema.type: Field required"),
        (
            changed(json!({"input_schema": {"type": "object", "anyOf": []}})),
            "tools.0.custom.input_schema: input_schema does not support",
        ),
        (
            changed(json!({"input_schema": {"type": "object", "properties": null}})),
            "tools.0.custom.input_schema: JSON schema is invalid.",
        ),
        (
            changed(json!({"input_schema": {"type": "object", "properties": {"": {}}}})),
            "tools.0.custom.input_schema.properties: Property keys",
        ),
        (changed(json!({"strict": true, "type": "custom"})), ""),
        (changed(json!({"colour": "red"})), "tools.0.custom.colour: Extra inputs are not permitted"),
        (
            changed(json!({"defer_loading": true})),
            "tools.0.custom.defer_loading: Extra inputs are not permitted",
        ),
        (
            with(tools(json!([tool("b"), with(tool("a"), json!({"defer_loading": true}))])), search.clone()),
            "",
        ),
        (
            with(changed(json!({"defer_loading": true})), search.clone()),
            "At least one tool must have defer_loading=false",
        ),
        (tools(json!([{"type": "bash_20250124", "name": "bash"}])), ""),
        (
            tools(json!([{"type": "web_search_20250305", "name": "web_search"}])),
            "tools.0: Input tag 'web_search_20250305' found using 'type'",
        ),
        (
            tools(json!([{"type": "web_fetch_20250910", "name": "web_fetch"}])),
            "tools.0: Input tag 'web_fetch_20250910' found using 'type'",
        ),
        (
            tools(json!([{"type": "tool_search_tool_regex", "name": "s"}])),
            "tools.0: Input tag 'tool_search_tool_regex'",
        ),
        (with(tools(json!([{"type": "tool_search_tool_regex", "name": "s"}])), search), ""),
        (chosen(json!({"type": "auto", "disable_parallel_tool_use": true})), ""),
        (chosen(json!({"type": "none"})), ""),
        (chosen(json!({"type": "tool", "name": "a"})), ""),
        (chosen(json!({"type": "tool", "name": "z"})), "Tool 'z' not found in provided tools"),
        (chosen(json!({"type": "required"})), "tool_choice: Input tag 'required' found using 'type'"),
        (
            plus(json!({"tool_choice": {"type": "auto"}})),
            "tool_choice may only be specified while providing tools.",
        ),
        (
            with(chosen(json!({"type": "any"})), json!({"thinking": {"type": "adaptive"}})),
            "Thinking may not be enabled when tool_choice forces tool use.",
        ),
    ] {
        check(&running, NEW, body, expected).await;
    }
    check(
        &running,
        "us.anthropic.claude-fable-5-1",
        chosen(json!({"type": "any"})),
        "Thinking may not be enabled when",
    )
    .await;
}

#[tokio::test]
async fn thinking_effort_and_sampling() {
    let running = simulator().await;
    let thinking = |thinking: Value| plus(json!({"thinking": thinking}));
    for (model, body, expected) in [
        (NEW, thinking(json!({"type": "adaptive"})), ""),
        (NEW, thinking(json!({"type": "adaptive", "display": "summarized"})), ""),
        (
            NEW,
            thinking(json!({"type": "adaptive", "display": "updates"})),
            "thinking.adaptive.display: Input should be",
        ),
        (
            NEW,
            thinking(json!({"type": "enabled", "budget_tokens": 2000})),
            "\"thinking.type.enabled\" is not supported for this model.",
        ),
        (NEW, thinking(json!({"type": "disabled"})), ""),
        (NEW, thinking(json!({"type": "hard"})), "thinking: Input tag 'hard' found using 'type'"),
        (OLD, thinking(json!({"type": "adaptive"})), "adaptive thinking is not supported on this model"),
        (OLD, thinking(json!({"type": "enabled", "budget_tokens": 2000})), ""),
        (
            OLD,
            thinking(json!({"type": "enabled", "budget_tokens": 1023})),
            "thinking.enabled.budget_tokens: Input should be greater than or equal to 1024",
        ),
        (
            OLD,
            thinking(json!({"type": "enabled", "budget_tokens": 4096})),
            "`max_tokens` must be greater than `thinking.budget_tokens`.",
        ),
        (OLD, thinking(json!({"type": "enabled"})), "thinking.enabled.budget_tokens: Field required"),
        (
            OLD,
            with(thinking(json!({"type": "enabled", "budget_tokens": 2000})), json!({"temperature": 0.5})),
            "`temperature` may only be set to 1 when thinking is enabled",
        ),
        (OLD, plus(json!({"temperature": 0.5})), ""),
        (OLD, plus(json!({"temperature": 1.5})), "temperature: Input should be less than or equal to 1"),
        (
            OLD,
            plus(json!({"temperature": 0.5, "top_p": 0.9})),
            "`temperature` and `top_p` cannot both be specified for this model.",
        ),
        (OLDEST, plus(json!({"top_k": 5})), ""),
        (NEW, plus(json!({"temperature": 1})), "`temperature` is deprecated for this model."),
        (NEW, plus(json!({"top_p": 1})), "`top_p` is deprecated for this model."),
        (NEW, plus(json!({"top_k": 1})), "`top_k` is deprecated for this model."),
        (NEW, plus(json!({"output_config": {"effort": "max"}})), ""),
        (
            NEW,
            plus(json!({"output_config": {"effort": "huge"}})),
            "output_config.effort: Input should be 'low', 'medium', 'high', 'xhigh' or 'max'",
        ),
        (
            "us.anthropic.claude-haiku-5-5",
            plus(json!({"output_config": {"effort": "max"}})),
            "output_config.effort: Input should be",
        ),
        (
            OLD,
            plus(json!({"output_config": {"effort": "low"}})),
            "This model does not support the effort parameter.",
        ),
        (
            NEW,
            plus(json!({"output_config": {"task_budget": {}}})),
            "output_config.task_budget: Extra inputs are not permitted",
        ),
        (
            NEW,
            plus(json!({"output_config": {"format": {"type": "json_schema", "schema": {"type": "object"}}}})),
            "output_config.format.schema: For 'object' type, 'additionalProperties'",
        ),
        (
            OLDEST,
            plus(json!({"output_config": {"format": {"type": "json_schema", "schema": {}}}})),
            "output_config.format: Extra inputs are not permitted",
        ),
    ] {
        check(&running, model, body, expected).await;
    }
}

#[tokio::test]
async fn context_management_and_safeguards() {
    let running = simulator().await;
    let edits = |kind: &str| json!({"context_management": {"edits": [{"type": kind}]}});
    let beta = json!({"anthropic_beta": ["context-management-2025-06-27"]});
    let adaptive = json!({"thinking": {"type": "adaptive"}});
    for (body, expected) in [
        (plus(edits("clear_tool_uses_20250919")), "context_management: Extra inputs are not permitted"),
        (with(plus(edits("clear_tool_uses_20250919")), beta.clone()), ""),
        (
            with(plus(edits("clear_thinking_20251015")), beta.clone()),
            "context_management.edits.0: `clear_thinking_20251015` strategy requires",
        ),
        (with(with(plus(edits("clear_thinking_20251015")), beta.clone()), adaptive), ""),
        (
            with(plus(edits("compact_20260112")), beta),
            "context_management.edits.0: Input tag 'compact_20260112'",
        ),
        (
            with(
                plus(edits("compact_20260112")),
                json!({"anthropic_beta": ["context-management-2025-06-27", "compact-2026-01-12"]}),
            ),
            "",
        ),
        (plus(json!({"safeguards": []})), "safeguards: Extra inputs are not permitted"),
        (
            with(
                plus(json!({"safeguards": [{"type": "dangerous_tool_use"}]})),
                json!({"anthropic_beta": ["dangerous-tool-use-2026-09-03"]}),
            ),
            "",
        ),
    ] {
        check(&running, NEW, body, expected).await;
    }
}
