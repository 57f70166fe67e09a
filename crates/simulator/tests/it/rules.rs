//! What a body may hold: a row for each rule.

use serde_json::{Value, json};
use stonegate_simulator::{Options, Running, Simulator};

use crate::caller::{NEW, OLD, OLDEST, asking, invoke, simulator, tool, with};

const PNG: &str =
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

/// Sends a body and compares: `""` for taken, else the start of the refusal.
async fn check(running: &Running, model: &str, body: Value, expected: &str) {
    let answer = invoke(running, model, &body).await;
    let shown: String = body.to_string().chars().take(300).collect();
    if expected.is_empty() {
        assert_eq!(answer.status, 200, "{shown}\n{:?}", answer.body);
        return;
    }
    assert_eq!((answer.status, answer.header("x-amzn-errortype")), (400, "ValidationException"), "{shown}");
    let message = answer.message();
    assert!(message.starts_with(expected), "{shown}\nexpected {expected}\nfound    {message}");
}

fn plus(members: Value) -> Value {
    with(asking("Hello"), members)
}

fn saying(messages: Value) -> Value {
    plus(json!({"messages": messages}))
}

fn user(content: Value) -> Value {
    saying(json!([{"role": "user", "content": content}]))
}

#[tokio::test]
async fn the_top_of_a_body() {
    let running = simulator().await;
    let without = |name: &str| {
        let mut body = asking("Hello");
        body.as_object_mut().expect("an object").remove(name);
        body
    };
    for (body, expected) in [
        (asking("Hello"), ""),
        (without("anthropic_version"), "anthropic_version: Field required"),
        (without("max_tokens"), "max_tokens: Field required"),
        (without("messages"), "messages: Field required"),
        (plus(json!({"model": "claude-opus-5-5"})), "model: Extra inputs are not permitted"),
        (plus(json!({"stream": true})), "stream: Extra inputs are not permitted"),
        (plus(json!({"service_tier": "auto"})), "service_tier: Extra inputs are not permitted"),
        (plus(json!({"thread": {}})), "thread: Extra inputs are not permitted"),
        (plus(json!({"anthropic_version": "2023-06-01"})), "anthropic_version: Input should be"),
        (plus(json!({"anthropic_version": "2026-10-21"})), ""),
        (plus(json!({"max_tokens": 0})), "max_tokens: Input should be greater than or equal to 1"),
        (plus(json!({"max_tokens": -1})), "max_tokens: Input should be greater than or equal to 1"),
        (plus(json!({"max_tokens": "many"})), "max_tokens: Input should be a valid integer"),
        (
            plus(json!({"max_tokens": 128_001})),
            "max_tokens: 128001 > 128000, which is the maximum allowed number",
        ),
        (plus(json!({"metadata": {"user_id": "u"}})), ""),
        (plus(json!({"metadata": {"tag": "u"}})), "metadata.tag: Extra inputs are not permitted"),
        (plus(json!({"stop_sequences": ["x"]})), ""),
        (
            plus(json!({"stop_sequences": [" "]})),
            "stop_sequences: each stop sequence must contain non-whitespace",
        ),
        (plus(json!({"system": "Be kind."})), ""),
        (
            plus(json!({"system": [{"type": "text", "text": ""}]})),
            "system: text content blocks must be non-empty",
        ),
        (plus(json!({"system": 3})), "system: Input should be a valid list"),
    ] {
        check(&running, NEW, body, expected).await;
    }
    check(
        &running,
        OLD,
        plus(json!({"anthropic_version": "2026-10-21"})),
        "anthropic_version: Input should be 'bed",
    )
    .await;
}

#[tokio::test]
async fn betas() {
    let running = simulator().await;
    let beta = |names: &[&str]| plus(json!({"anthropic_beta": names}));
    check(&running, NEW, beta(&["interleaved-thinking-2025-05-14", "claude-code-20250219"]), "").await;
    check(&running, OLD, beta(&["context-1m-2025-08-07"]), "invalid beta flag").await;
    check(&running, NEW, beta(&["context-1m-2025-08-07"]), "").await;
    for unknown in [
        "prompt-caching-scope-2026-01-05",
        "fast-mode-2026-02-01",
        "oauth-2025-04-20",
        "advanced-tool-use-2025-11-20",
        "files-api-2025-04-14",
    ] {
        check(&running, NEW, beta(&["effort-2025-11-24", unknown]), "invalid beta flag").await;
    }
    check(&running, NEW, plus(json!({"anthropic_beta": "effort-2025-11-24"})), "anthropic_beta: ").await;
}

#[tokio::test]
async fn refusals_can_be_added() {
    let options = Options {
        refused_betas: vec!["effort-2025-11-24".to_owned()],
        refused_members: vec!["metadata".to_owned(), "tools.custom.strict".to_owned()],
        ..Options::default()
    };
    let running = Simulator::start(options).await.expect("a simulator starts");
    check(&running, NEW, plus(json!({"anthropic_beta": ["effort-2025-11-24"]})), "invalid beta flag").await;
    check(&running, NEW, plus(json!({"metadata": {}})), "metadata: Extra inputs are not permitted").await;
    let strict = with(tool("a"), json!({"strict": true}));
    check(&running, NEW, plus(json!({"tools": [strict]})), "tools.0.custom.strict: Extra inputs").await;
}

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

#[tokio::test]
async fn cache_marks() {
    let running = simulator().await;
    let block = |mark: Value| json!({"type": "text", "text": "a", "cache_control": mark});
    let marked = |mark: Value| user(json!([block(mark)]));
    let plain = json!({"type": "ephemeral"});
    let hour = json!({"type": "ephemeral", "ttl": "1h"});
    let many = |count: usize| user(Value::from(vec![block(plain.clone()); count]));
    for (model, body, expected) in [
        (NEW, marked(plain.clone()), ""),
        (NEW, marked(Value::Null), ""),
        (NEW, marked(hour.clone()), ""),
        (
            OLDEST,
            marked(hour.clone()),
            "messages.0.content.0.text.cache_control.ephemeral.ttl: Extra inputs are not permitted",
        ),
        (
            NEW,
            marked(json!({"type": "ephemeral", "ttl": "2h"})),
            "messages.0.content.0.text.cache_control.ephemeral.ttl: Input should be '5m' or '1h'",
        ),
        (
            NEW,
            marked(json!({"type": "ephemeral", "scope": "global"})),
            "messages.0.content.0.text.cache_control.ephemeral.scope: Extra inputs are not permitted",
        ),
        (
            NEW,
            plus(
                json!({"system": [with(block(json!({"type": "ephemeral", "scope": "global"})), json!({}))]}),
            ),
            "system.0.cache_control.ephemeral.scope: Extra inputs are not permitted",
        ),
        (
            NEW,
            marked(json!({"type": "lasting"})),
            "messages.0.content.0.text.cache_control: Input should be 'ephemeral'",
        ),
        (NEW, many(4), ""),
        (NEW, many(5), "A maximum of 4 blocks with cache_control may be provided. Found 5."),
        (
            NEW,
            plus(
                json!({"tools": [with(tool("a"), json!({"cache_control": plain}))], "system": [block(hour.clone())]}),
            ),
            "system.0.cache_control.ttl: a ttl='1h' cache_control block must not come after",
        ),
        (NEW, plus(json!({"cache_control": plain})), "cache_control: Extra inputs are not permitted"),
        (
            NEW,
            user(json!([{"type": "text", "text": "", "cache_control": plain}])),
            "messages.0.content.0.text: cache_control cannot be set for empty text blocks",
        ),
    ] {
        check(&running, model, body, expected).await;
    }
}

#[tokio::test]
async fn images_and_documents() {
    let running = simulator().await;
    let image = |source: Value| user(json!([{"type": "image", "source": source}]));
    let base64 =
        |media_type: &str, data: &str| json!({"type": "base64", "media_type": media_type, "data": data});
    let document = |source: Value| user(json!([{"type": "document", "source": source}]));
    for (body, expected) in [
        (image(base64("image/png", PNG)), ""),
        (
            image(base64("image/jpeg", PNG)),
            "messages.0.content.0.image.source.base64.data: The image was specified using the image/jpeg media type, but the image appears to be a image/png image",
        ),
        (
            image(base64("image/bmp", PNG)),
            "messages.0.content.0.image.source.base64.media_type: Input should be 'image/jpeg', 'image/png', 'image/gif' or 'image/webp'",
        ),
        (
            image(base64("image/png", "%%%")),
            "messages.0.content.0.image.source.base64.data: Invalid base64 data",
        ),
        (image(base64("image/png", "aGVsbG8=")), "Could not process image"),
        (
            image(json!({"type": "url", "url": "https://example.com/a.png"})),
            "messages.0.content.0.image.source: URL sources are not supported",
        ),
        (
            image(json!({"type": "file", "file_id": "f"})),
            "messages.0.content.0.image.source: source type 'file' is not supported",
        ),
        (document(base64("application/pdf", "JVBERi0xLjQK")), ""),
        (
            document(base64("application/pdf", "aGVsbG8=")),
            "messages.0.content.0.document.source.base64.data: The PDF specified was not valid.",
        ),
        (
            document(base64("text/html", "aGVsbG8=")),
            "messages.0.content.0.document.source.base64.media_type: Input should be 'application/pdf'",
        ),
        (document(json!({"type": "text", "media_type": "text/plain", "data": "Hi."})), ""),
        (document(json!({"type": "content", "content": [{"type": "text", "text": "Hi."}]})), ""),
        (
            document(json!({"type": "url", "url": "https://example.com/a.pdf"})),
            "messages.0.content.0.document.source: URL sources are not supported",
        ),
        (
            user(
                json!([{"type": "search_result", "source": "s", "title": "t", "content": [{"type": "text", "text": "x"}]}]),
            ),
            "",
        ),
    ] {
        check(&running, NEW, body, expected).await;
    }
}

#[tokio::test]
async fn the_context_window() {
    let running = simulator().await;
    let long = |tokens: usize| "word ".repeat(tokens * 4 / 5);
    check(&running, OLD, asking(&long(150_000)), "").await;
    check(
        &running,
        OLD,
        asking(&long(198_000)),
        "input length and `max_tokens` exceed context limit: 198004 + 4096 > 200000, decrease",
    )
    .await;
    check(&running, OLD, asking(&long(201_000)), "Input is too long for requested model.").await;
    let sonnet = "us.anthropic.claude-sonnet-4-5-20250929-v1%3A0";
    let million = json!({"anthropic_beta": ["context-1m-2025-08-07"]});
    check(&running, sonnet, asking(&long(201_000)), "Input is too long for requested model.").await;
    check(&running, sonnet, with(asking(&long(201_000)), million), "").await;
}

#[tokio::test]
async fn models_that_are_not_there() {
    let running = simulator().await;
    for model in ["anthropic.claude-9", "eu.anthropic.claude-opus-5-5", "claude-opus-5-5"] {
        check(&running, model, asking("Hello"), "The provided model identifier is invalid.").await;
    }
    let arn = "arn%3Aaws%3Abedrock%3Aus-east-1%3A123456789012%3Aapplication-inference-profile%2F";
    check(&running, &format!("{arn}stonegate0sim"), asking("Hello"), "").await;
    assert_eq!(invoke(&running, &format!("{arn}other"), &asking("Hello")).await.status, 404);
}
