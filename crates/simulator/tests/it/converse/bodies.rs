//! What a body may hold, whatever the model: a row for each rule.

use serde_json::{Value, json};

use super::{CLAUDE, HAIKU, KIMI, LLAMA, NOVA, PNG, check, plus, spec, tools, turns, user};
use crate::caller::{converse, simulator, with};

#[tokio::test]
async fn shapes_are_those_of_the_service_model() {
    let running = simulator().await;
    let call = |call: Value| {
        with(
            turns(
                json!([{"role": "user", "content": [{"text": "a"}]}, {"role": "assistant", "content": [{"toolUse": call}]}]),
            ),
            tools(&["a"]),
        )
    };
    for (body, expected) in [
        (plus(json!({})), ""),
        (plus(json!({"model": "x"})), "Value at 'model' failed to satisfy constraint: Member is not known"),
        (user(json!([{"text": "a", "image": {}}])), "Exactly one member of the union must be set"),
        (
            user(json!([{}])),
            "Value at 'messages.1.member.content.1.member' failed to satisfy constraint: Exactly one",
        ),
        (user(json!([{"type": "text", "text": "a"}])), "'messages.1.member.content.1.member.type' failed"),
        (
            user(json!("a")),
            "Value at 'messages.1.member.content' failed to satisfy constraint: Member must be a list",
        ),
        (
            turns(json!([{"role": "tool", "content": [{"text": "a"}]}])),
            "Value 'tool' at 'messages.1.member.role' failed to satisfy constraint: Member must satisfy enum value set: [user, assistant, system]",
        ),
        (
            turns(json!([{"role": "user"}])),
            "'messages.1.member.content' failed to satisfy constraint: Member must not be null",
        ),
        (
            call(json!({"toolUseId": "a b", "name": "a", "input": {}})),
            "Member must satisfy regular expression pattern: [a-zA-Z0-9_.:-]+",
        ),
        (call(json!({"toolUseId": "x".repeat(65), "name": "a", "input": {}})), "less than or equal to 64"),
        (call(json!({"toolUseId": "a", "name": "a.b", "input": {}})), "pattern: [a-zA-Z0-9_-]+"),
    ] {
        check(&running, NOVA, &body, expected).await;
    }
    let unread = converse(&running, NOVA, &json!([])).await;
    assert_eq!(unread.message(), "Malformed input request, please reformat your input and try again.");
}

#[tokio::test]
async fn settings_have_their_shapes_too() {
    let running = simulator().await;
    for (body, expected) in [
        (
            plus(json!({"system": "Be kind."})),
            "Value at 'system' failed to satisfy constraint: Member must be a list",
        ),
        (plus(json!({"system": [{"text": ""}]})), "Member must have length greater than or equal to 1"),
        (plus(json!({"toolConfig": {"tools": []}})), "Value at 'toolConfig.tools' failed"),
        (
            plus(
                json!({"toolConfig": {"tools": [{"toolSpec": {"name": "a", "description": "", "inputSchema": {"json": {"type": "object"}}}}]}}),
            ),
            "toolSpec.description' failed to satisfy constraint: Member must have length greater than",
        ),
        (
            plus(json!({"toolConfig": {"tools": [spec("a")], "toolChoice": {"none": {}}}})),
            "Member is not known",
        ),
        (
            plus(json!({"toolConfig": {"tools": [spec("a")], "toolChoice": {"auto": {}, "any": {}}}})),
            "Exactly one member",
        ),
        (plus(json!({"inferenceConfig": {"maxTokens": 0}})), "greater than or equal to 1"),
        (
            plus(json!({"inferenceConfig": {"temperature": 1.5}})),
            "Value '1.5' at 'inferenceConfig.temperature' failed to satisfy constraint: Member must have value less than or equal to 1",
        ),
        (plus(json!({"inferenceConfig": {"topK": 3}})), "'inferenceConfig.topK' failed"),
        (plus(json!({"inferenceConfig": {"stopSequences": [""]}})), "inferenceConfig.stopSequences.1.member"),
        (plus(json!({"serviceTier": {"type": "fast"}})), "[priority, default, flex, reserved]"),
        (plus(json!({"performanceConfig": {"latency": "standard"}})), ""),
        (
            plus(json!({"requestMetadata": {"team": "stones & gates"}})),
            "Member must satisfy regular expression pattern",
        ),
        (plus(json!({"requestMetadata": {"team": "stones"}})), ""),
        (
            plus(json!({"guardrailConfig": {"guardrailIdentifier": "NOT-ONE", "guardrailVersion": "1"}})),
            "guardrailIdentifier' failed",
        ),
        (
            plus(
                json!({"guardrailConfig": {"guardrailIdentifier": "abc", "guardrailVersion": "1", "streamProcessingMode": "sync"}}),
            ),
            "streamProcessingMode' failed",
        ),
        (plus(json!({"guardrailConfig": {"guardrailIdentifier": "abc"}})), "must both be provided"),
        (
            user(json!([{"reasoningContent": {"reasoningText": {"signature": "x"}}}])),
            "reasoningText.text' failed to satisfy constraint: Member must not be null",
        ),
    ] {
        check(&running, NOVA, &body, expected).await;
    }
}

#[tokio::test]
async fn roles_take_turns() {
    let running = simulator().await;
    let said = |role: &str| json!({"role": role, "content": [{"text": "a"}]});
    let start = "A conversation must start with a user message.";
    for (model, roles, expected) in [
        (NOVA, vec![], start),
        (NOVA, vec!["assistant", "user"], start),
        (NOVA, vec!["user", "user"], "A conversation must alternate between user and assistant roles."),
        (NOVA, vec!["user", "assistant", "assistant", "user"], "A conversation must alternate"),
        (NOVA, vec!["user", "assistant"], "A conversation must end with a user message."),
        (NOVA, vec!["user", "assistant", "user"], ""),
        (NOVA, vec!["user", "system"], "This model doesn't support the system role in messages."),
        (CLAUDE, vec!["user", "system"], ""),
        (CLAUDE, vec!["system", "user"], start),
        (
            CLAUDE,
            vec!["user", "assistant"],
            "The model returned the following errors: This model does not support assistant message prefill.",
        ),
        (HAIKU, vec!["user", "assistant"], ""),
        (HAIKU, vec!["user", "system"], "The model returned the following errors: messages: Unexpected role"),
    ] {
        check(&running, model, &turns(roles.into_iter().map(said).collect()), expected).await;
    }
}

#[tokio::test]
async fn blocks_stand_where_they_belong() {
    let running = simulator().await;
    let used = json!({"toolUse": {"toolUseId": "a", "name": "a", "input": {}}});
    let result = json!({"toolResult": {"toolUseId": "a", "content": [{"text": "b"}]}});
    for (body, expected) in [
        (user(json!([])), "The content field in the Message object at messages.0 is empty."),
        (
            user(json!([{"text": " \n"}])),
            "The text field in the ContentBlock object at messages.0.content.0 is blank.",
        ),
        (
            user(json!([used])),
            "The toolUse block at messages.0.content.0 can't be used in a message with the user role.",
        ),
        (
            turns(
                json!([{"role": "user", "content": [{"text": "a"}]}, {"role": "assistant", "content": [result]}]),
            ),
            "The toolResult block at messages.1.content.0 can't be used",
        ),
        (user(json!([{"toolAddition": {"tool": {"name": "a"}}}])), "The toolAddition block at"),
        (user(json!([{"guardContent": {"text": {"text": "a", "qualifiers": ["query"]}}}])), ""),
    ] {
        check(&running, NOVA, &with(body, tools(&["a"])), expected).await;
    }
}

#[tokio::test]
async fn every_call_of_a_tool_gets_its_result() {
    let running = simulator().await;
    let called = |ids: &[&str], results: &[Value]| {
        let uses: Vec<Value> =
            ids.iter().map(|id| json!({"toolUse": {"toolUseId": id, "name": "a", "input": {}}})).collect();
        let results: Vec<Value> = results.iter().map(|result| json!({"toolResult": result})).collect();
        turns(json!([
            {"role": "user", "content": [{"text": "a"}]},
            {"role": "assistant", "content": uses},
            {"role": "user", "content": results},
        ]))
    };
    let ok = |id: &str| json!({"toolUseId": id, "content": [{"json": {"found": 3}}], "status": "success"});
    let more = json!({"toolUseId": "a", "content": []});
    for (body, expected) in [
        (called(&["a", "b"], &[ok("b"), ok("a")]), ""),
        (
            called(&["a", "b"], &[ok("a")]),
            "Expected toolResult blocks at messages.2.content for the following Ids: b",
        ),
        (
            called(&["a"], &[ok("c")]),
            "Expected toolResult blocks at messages.2.content for the following Ids: a",
        ),
        (
            called(&["a"], &[ok("a"), ok("b")]),
            "The number of toolResult blocks at messages.2.content exceeds the number of toolUse blocks of previous turn.",
        ),
        (called(&["a", "a"], &[ok("a")]), "duplicate Ids: a"),
        (
            called(&["a"], &[with(more.clone(), json!({"status": "error"}))]),
            "The content field at messages.2.content.0.toolResult cannot be empty when status value is error.",
        ),
        (called(&["a"], &[more]), ""),
    ] {
        check(&running, NOVA, &with(body, tools(&["a"])), expected).await;
    }
    let unnamed = called(&["a"], &[ok("a")]);
    for model in [NOVA, CLAUDE, LLAMA] {
        check(
            &running,
            model,
            &unnamed,
            "The toolConfig field must be defined when using toolUse and toolResult",
        )
        .await;
    }
}

#[tokio::test]
async fn media_are_what_they_say() {
    let running = simulator().await;
    let image = |format: &str, data: &str| json!([{"text": "a"}, {"image": {"format": format, "source": {"bytes": data}}}]);
    let file = |name: &str, format: &str, data: &str| json!({"document": {"name": name, "format": format, "source": {"bytes": data}}});
    let pdf = "JVBERi0xLjQK";
    for (content, expected) in [
        (image("png", PNG), ""),
        (image("jpeg", PNG), "was specified as jpeg, but it appears to be a png image"),
        (image("png", "AAAA"), "Could not process the image at messages.0.content.1"),
        (
            image("png", "not base64"),
            "'messages.1.member.content.2.member.image.source.bytes' failed to satisfy constraint: Member must be base64",
        ),
        (image("bmp", PNG), "[png, jpeg, gif, webp]"),
        (json!([{"text": "a"}, file("A report (2)", "pdf", pdf)]), ""),
        (json!([{"text": "a"}, file("notes", "md", "YSBub3Rl")]), ""),
        (
            json!([{"text": "a"}, file("report.pdf", "pdf", pdf)]),
            "The document file name can only contain alphanumeric",
        ),
        (json!([{"text": "a"}, file("a  b", "pdf", pdf)]), "The document file name can only contain"),
        (json!([{"text": "a"}, file("a", "pdf", "AAAA")]), "The PDF at messages.0.content.1 is not valid."),
        (json!([{"text": "a"}, file("a", "pdf", pdf), file("a", "pdf", pdf)]), "duplicate document names"),
        (json!([file("a", "pdf", pdf)]), "has a document and no text"),
        (
            json!([{"text": "a"}, {"video": {"format": "mp4", "source": {"s3Location": {"uri": "s3://a-bucket/a.mp4"}}}}]),
            "",
        ),
        (
            json!([{"text": "a"}, {"video": {"format": "mp4", "source": {"s3Location": {"uri": "https://a"}}}}]),
            "pattern: s3://",
        ),
    ] {
        check(&running, NOVA, &user(content), expected).await;
    }
    check(&running, CLAUDE, &user(image("png", PNG)), "").await;
    check(&running, LLAMA, &user(image("png", PNG)), "This model doesn't support the image content block")
        .await;
    let bucket =
        json!([{"image": {"format": "png", "source": {"s3Location": {"uri": "s3://bucket/a.png"}}}}]);
    check(&running, CLAUDE, &user(bucket), "This model doesn't support the s3Location field").await;
}

#[tokio::test]
async fn cache_points_are_for_models_that_cache() {
    let running = simulator().await;
    let point = json!({"cachePoint": {"type": "default"}});
    let hour = json!({"cachePoint": {"type": "default", "ttl": "1h"}});
    let system = |point: &Value| plus(json!({"system": [{"text": "a"}, point]}));
    let of_tools = plus(json!({"toolConfig": {"tools": [spec("a"), point]}}));
    for (model, body, expected) in [
        (CLAUDE, system(&point), ""),
        (CLAUDE, system(&hour), ""),
        (CLAUDE, of_tools.clone(), ""),
        (NOVA, system(&point), ""),
        (NOVA, system(&hour), "This model doesn't support the cachePoint.ttl field."),
        (KIMI, system(&point), ""),
        (
            CLAUDE,
            user(json!([point, {"text": "a"}])),
            "The cachePoint at messages.0.content.0 has nothing before it.",
        ),
        (
            CLAUDE,
            user(
                json!([{"text": "a"}, point, {"text": "b"}, point, {"text": "c"}, point, {"text": "d"}, point, {"text": "e"}, point]),
            ),
            "A maximum of 4 cache points may be provided. Found 5.",
        ),
        (
            CLAUDE,
            with(system(&point), user(json!([{"text": "a"}, hour]))),
            "a ttl='1h' cache_control block must not come after a ttl='5m'",
        ),
    ] {
        check(&running, model, &body, expected).await;
    }
    for (model, body) in [(LLAMA, system(&point)), (NOVA, of_tools)] {
        let refused = converse(&running, model, &body).await;
        assert_eq!(
            (refused.status, refused.header("x-amzn-errortype")),
            (403, "AccessDeniedException"),
            "{model}"
        );
        assert!(refused.message().contains("your request did not allow prompt caching"));
    }
}
