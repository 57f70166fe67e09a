//! The language in which a prompt tells what should happen.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::caller::{NEW, asking, invoke, simulator, stream, tool, with};

#[tokio::test]
async fn a_plan_is_played_step_by_step_among_reminders() {
    let running = simulator().await;
    let plan = "[sim: tool Bash {\"command\":\"echo hi\"}; then tool Edit {\"n\":1}; tool Bash {}; then text all done]";
    let mut messages = vec![
        json!({"role": "user", "content": [
            {"type": "text", "text": "<system-reminder>not [this]</system-reminder>"},
            {"type": "text", "text": plan},
            {"type": "text", "text": "<system-reminder>be brief</system-reminder>"},
        ]}),
        json!({"role": "system", "content": "Mind the gap."}),
    ];
    let tools = json!([tool("Bash"), tool("Edit")]);
    let mut said = Vec::new();
    for _ in 0..4 {
        let body = with(asking(""), json!({"messages": messages, "tools": tools}));
        let answer = invoke(&running, NEW, &body).await;
        assert_eq!(answer.status, 200, "{:?}", answer.body);
        let content = answer.json()["content"].clone();
        let blocks = content.as_array().expect("blocks");
        let names: Vec<String> = blocks
            .iter()
            .map(|block| block["name"].as_str().or(block["text"].as_str()).unwrap_or("?").to_owned())
            .collect();
        said.push(names.join("+"));
        let calls = blocks.iter().filter(|block| block["type"] == "tool_use");
        let mut results: Vec<Value> = calls
            .map(|call| json!({"type": "tool_result", "tool_use_id": call["id"], "content": "ok"}))
            .collect();
        if results.is_empty() {
            break;
        }
        results.push(json!({"type": "text", "text": "<system-reminder>still here</system-reminder>"}));
        messages.push(json!({"role": "assistant", "content": content}));
        messages.push(json!({"role": "user", "content": results}));
    }
    assert_eq!(said, ["Bash", "Edit+Bash", "all done"]);
    messages.push(json!({"role": "assistant", "content": "all done"}));
    messages.push(json!({"role": "user", "content": "What is 1 + 1?"}));
    let after = invoke(&running, NEW, &with(asking(""), json!({"messages": messages, "tools": tools}))).await;
    assert_eq!(after.json()["content"][0]["text"], "1 + 1 = 2");
}

#[tokio::test]
async fn a_throttle_without_count_stays_and_with_count_ends() {
    let running = simulator().await;
    for _ in 0..3 {
        let answer = invoke(&running, NEW, &asking("[sim: throttle 2]")).await;
        assert_eq!((answer.status, answer.header("retry-after")), (429, "2"));
        assert_eq!(answer.header("x-amzn-errortype"), "ThrottlingException");
    }
    let counted = asking("[sim: throttle x 2; text through]");
    let mut statuses = Vec::new();
    for _ in 0..6 {
        statuses.push(invoke(&running, NEW, &counted).await.status);
    }
    assert_eq!(statuses, [429, 429, 200, 429, 429, 200]);
}

#[tokio::test]
async fn errors_and_exceptions_come_as_wished() {
    let running = simulator().await;
    let error = invoke(&running, NEW, &asking("[sim: error 424 ModelErrorException \"It broke.\"]")).await;
    assert_eq!((error.status, error.message().as_str()), (424, "It broke."));
    let usual = invoke(&running, NEW, &asking("[sim: error ServiceUnavailableException]")).await;
    assert_eq!((usual.status, usual.message().as_str()), (503, "Bedrock is unable to process your request."));

    let broken = stream(&running, NEW, &asking("[sim: exception throttlingException after 3]")).await;
    let frames = broken.frames();
    assert_eq!(frames.len(), 4);
    let last = frames[3].as_ref().expect("a good checksum");
    assert_eq!(last.header(":message-type"), "exception");
    assert_eq!(last.header(":exception-type"), "throttlingException");
    let unmodelled = stream(&running, NEW, &asking("[sim: exception oddError \"odd\" after 1]")).await;
    let frames = unmodelled.frames();
    let last = frames[1].as_ref().expect("a good checksum");
    assert_eq!((last.header(":message-type"), last.header(":error-code")), ("error", "oddError"));
    assert_eq!(last.header(":error-message"), "odd");
}

#[tokio::test]
async fn streams_are_dropped_spoiled_and_slowed() {
    let running = simulator().await;
    let dropped = stream(&running, NEW, &asking("[sim: drop after 3]")).await;
    assert!(dropped.broke);
    assert_eq!(dropped.events().len(), 3);
    let spoiled = stream(&running, NEW, &asking("[sim: garbage after 2]")).await;
    let frames = spoiled.frames();
    assert_eq!(frames.len(), 3);
    assert!(frames[2].is_err());
    let begun = Instant::now();
    let slow = stream(&running, NEW, &asking("[sim: slow 10ms x 12]")).await;
    assert_eq!(slow.deltas("text_delta", "text").split(' ').count(), 12);
    assert!(begun.elapsed() >= Duration::from_millis(150), "{:?}", begun.elapsed());
    let begun = Instant::now();
    let whole = invoke(&running, NEW, &asking("[sim: slow 10ms x 12]")).await;
    assert_eq!(whole.status, 200);
    assert!(begun.elapsed() >= Duration::from_millis(120), "{:?}", begun.elapsed());
    let begun = Instant::now();
    let silent = stream(&running, NEW, &asking("[sim: silence 100ms after 2; delay 50ms; text a b c]")).await;
    assert_eq!(silent.deltas("text_delta", "text"), "a b c");
    assert!(begun.elapsed() >= Duration::from_millis(150));
}

#[tokio::test]
async fn a_directive_that_is_not_understood_is_explained() {
    let running = simulator().await;
    let answer = invoke(&running, NEW, &asking("[sim: dance]")).await.json();
    assert!(answer["content"][0]["text"].as_str().expect("text").contains("`dance`"));
    let toolless = invoke(&running, NEW, &asking("[sim: tool Bash {}]")).await.json();
    assert_eq!(toolless["content"][0]["text"], "I have no tool named Bash.");
}
