//! What a body may hold: a row for each rule.

mod conversation;
mod media;
mod settings;

use serde_json::{Value, json};
use stonegate_simulator::{Options, Running, Simulator};

use crate::caller::{NEW, OLD, asking, invoke, simulator, tool, with};

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
