//! Roles, content, tool calls and their results.

use serde_json::{Value, json};

use super::{check, plus, saying, user};
use crate::caller::{NEW, OLD, simulator, tool, with};

#[tokio::test]
async fn roles_and_content() {
    let running = simulator().await;
    for (body, expected) in [
        (saying(json!([])), "messages: at least one message is required"),
        (
            saying(json!([{"role": "assistant", "content": "Hi"}, {"role": "user", "content": "Hi"}])),
            "messages: first message must use the \"user\" role",
        ),
        (saying(json!([{"role": "user", "content": "a"}, {"role": "user", "content": "b"}])), ""),
        (
            saying(json!([{"role": "tool", "content": "a"}])),
            "messages.0.role: Input should be 'user' or 'assistant'",
        ),
        (saying(json!([{"role": "user", "content": "a"}, {"role": "system", "content": "b"}])), ""),
        (
            saying(json!([{"role": "user", "content": "a", "name": "x"}])),
            "messages.0.name: Extra inputs are not permitted",
        ),
        (
            saying(json!([{"role": "user", "content": "a", "output_config": {"effort": "low"}}])),
            "messages.0.output_config: Extra inputs",
        ),
        (
            with(
                saying(json!([{"role": "user", "content": "a", "output_config": {"effort": "low"}}])),
                json!({"anthropic_beta": ["mid-conversation-output-config-2026-07-01"]}),
            ),
            "",
        ),
        (saying(json!([{"role": "user"}])), "messages.0.content: Field required"),
        (
            saying(json!([{"role": "user", "content": ""}])),
            "messages.0: all messages must have non-empty content",
        ),
        (
            saying(json!([{"role": "user", "content": []}])),
            "messages.0: all messages must have non-empty content",
        ),
        (user(json!([{"type": "text", "text": ""}])), "messages: text content blocks must be non-empty"),
        (
            user(json!([{"type": "text", "text": " \n"}])),
            "messages: text content blocks must contain non-whitespace text",
        ),
        (user(json!("  ")), "messages: text content blocks must contain non-whitespace text"),
        (
            user(json!([{"type": "text", "text": "a", "id": 1}])),
            "messages.0.content.0.text.id: Extra inputs are not permitted",
        ),
        (user(json!([{"type": "video"}])), "messages.0.content.0: Input tag 'video' found using 'type'"),
        (
            user(json!([{"type": "thinking", "thinking": "", "signature": ""}])),
            "messages.0: `thinking` blocks can only be in `assistant` messages",
        ),
        (
            user(json!([{"type": "tool_use", "id": "a", "name": "b", "input": {}}])),
            "messages.0: `tool_use` blocks can only be in `assistant` messages",
        ),
        (
            saying(json!([{"role": "user", "content": "a"}, {"role": "assistant", "content": "Sure"}])),
            "This model does not support assistant message prefill.",
        ),
    ] {
        check(&running, NEW, body, expected).await;
    }
}

#[tokio::test]
async fn what_models_and_versions_differ_in() {
    let running = simulator().await;
    let system = saying(json!([{"role": "user", "content": "a"}, {"role": "system", "content": "b"}]));
    check(&running, OLD, system, "messages: Unexpected role \"system\"").await;
    let prefill = |text: &str| {
        saying(json!([{"role": "user", "content": "a"}, {"role": "assistant", "content": text}]))
    };
    check(&running, OLD, prefill("Sure"), "").await;
    check(
        &running,
        OLD,
        prefill("Sure "),
        "messages: final assistant content cannot end with trailing whitespace",
    )
    .await;
    let document =
        json!({"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "x"}});
    let in_assistant = saying(
        json!([{"role": "user", "content": "a"}, {"role": "assistant", "content": [document]}, {"role": "user", "content": "b"}]),
    );
    check(&running, NEW, in_assistant.clone(), "").await;
    let newer = with(in_assistant, json!({"anthropic_version": "2026-10-21"}));
    check(&running, NEW, newer, "messages.1: `document` blocks can only be in `user` messages").await;
}

fn call(id: &str) -> Value {
    json!({"type": "tool_use", "id": id, "name": "look", "input": {}})
}

fn result(id: &str) -> Value {
    json!({"type": "tool_result", "tool_use_id": id, "content": "ok"})
}

fn loops(assistant: Value, user: Value) -> Value {
    let messages = json!([
        {"role": "user", "content": "a"},
        {"role": "assistant", "content": assistant},
        {"role": "user", "content": user},
    ]);
    plus(json!({"messages": messages, "tools": [tool("look")]}))
}

#[tokio::test]
async fn tool_calls_and_their_results() {
    let running = simulator().await;
    let text = json!({"type": "text", "text": "and"});
    for (body, expected) in [
        (loops(json!([call("a")]), json!([result("a")])), ""),
        (loops(json!([text, call("a"), call("b")]), json!([result("b"), result("a"), text])), ""),
        (
            loops(json!([call("a")]), json!([text, result("a")])),
            "messages.1: `tool_use` ids were found without `tool_result` blocks immediately after: a.",
        ),
        (
            loops(json!([call("a"), call("b")]), json!([result("a")])),
            "messages.1: `tool_use` ids were found without `tool_result` blocks immediately after: b.",
        ),
        (loops(json!([call("a")]), json!("later")), "messages.1: `tool_use` ids were found without"),
        (
            loops(json!([call("a")]), json!([result("a"), result("z")])),
            "messages.2.content.1: unexpected `tool_use_id` found in `tool_result` blocks: z.",
        ),
        (
            loops(json!([call("a")]), json!([result("a"), result("a")])),
            "messages.2.content.1: each tool_use must have a single result.",
        ),
        (
            loops(json!([call("a"), call("a")]), json!([result("a")])),
            "messages.1.content: `tool_use` ids must be unique",
        ),
        (
            loops(json!([call("a b")]), json!([result("a b")])),
            "messages.1.content.0.tool_use.id: String should match pattern",
        ),
        (
            loops(json!([with(call("a"), json!({"input": "x"}))]), json!([result("a")])),
            "messages.1.content.0.tool_use.input: Input should be a valid dictionary",
        ),
        (
            loops(json!([result("a")]), json!("x")),
            "messages.1: `tool_result` blocks can only be in `user` messages",
        ),
        (
            loops(
                json!([call("a")]),
                json!([with(
                    result("a"),
                    json!({"is_error": true, "content": [{"type": "text", "text": "no"}]})
                )]),
            ),
            "",
        ),
        (
            with(loops(json!([call("a")]), json!([result("a")])), json!({"tools": []})),
            "Requests which include `tool_use` or `tool_result` blocks must define tools.",
        ),
    ] {
        check(&running, NEW, body, expected).await;
    }
    let mut split = loops(json!([call("a")]), json!([result("a")]));
    split["messages"]
        .as_array_mut()
        .expect("messages")
        .insert(2, json!({"role": "system", "content": "Mind."}));
    check(&running, NEW, split, "").await;
}
