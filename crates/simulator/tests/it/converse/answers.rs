//! Answers, whole and streamed, with usage, faults, guardrails and the log.

use serde_json::{Value, json};
use stonegate_simulator::{Behaviour, Intervention, Outcome, Verdict};

use super::{CLAUDE, GPT, HAIKU, LLAMA, MISTRAL, NOVA, OSS, plus, tools};
use crate::caller::{Answer, converse, converse_stream, get, post, saying, simulator, with};

/// The events of a stream: kind and payload.
fn events(answer: &Answer) -> Vec<(String, Value)> {
    let frames = answer.frames().into_iter().map(|frame| frame.expect("a good checksum"));
    frames.map(|frame| (frame.header(":event-type").to_owned(), frame.payload.clone())).collect()
}

/// The content that the events of a stream put together.
fn content(events: &[(String, Value)]) -> Value {
    let mut blocks: Vec<Value> = Vec::new();
    for (kind, payload) in events {
        let Some(index) = payload["contentBlockIndex"].as_u64().and_then(|index| usize::try_from(index).ok())
        else {
            continue;
        };
        assert!(index <= blocks.len(), "blocks come one after the other");
        match kind.as_str() {
            "contentBlockStart" => {
                let start = &payload["start"]["toolUse"];
                blocks.push(
                    json!({"toolUse": {"toolUseId": start["toolUseId"], "name": start["name"], "input": ""}}),
                );
            }
            "contentBlockDelta" => {
                let delta = payload["delta"].as_object().expect("a delta");
                let (member, value) = delta.iter().next().expect("a member");
                if index == blocks.len() {
                    let empty = if member == "text" {
                        json!({"text": ""})
                    } else {
                        json!({"reasoningContent": {"reasoningText": {"text": ""}}})
                    };
                    blocks.push(empty);
                }
                let block = &mut blocks[index];
                match (member.as_str(), value) {
                    ("text", value) => append(&mut block["text"], value),
                    ("toolUse", value) => append(&mut block["toolUse"]["input"], &value["input"]),
                    ("reasoningContent", value) if value.get("signature").is_some() => {
                        block["reasoningContent"]["reasoningText"]["signature"] = value["signature"].clone();
                    }
                    (_, value) => {
                        append(&mut block["reasoningContent"]["reasoningText"]["text"], &value["text"])
                    }
                }
            }
            _ => {}
        }
    }
    for block in &mut blocks {
        if let Some(call) = block.get_mut("toolUse") {
            call["input"] = serde_json::from_str(call["input"].as_str().expect("text")).expect("JSON");
        }
    }
    blocks.into()
}

fn append(text: &mut Value, more: &Value) {
    *text = format!("{}{}", text.as_str().expect("text"), more.as_str().expect("text")).into();
}

/// Ids and signatures differ from answer to answer.
fn without_chance(content: &Value) -> Value {
    let mut content = content.clone();
    for block in content.as_array_mut().expect("blocks") {
        if let Some(id) = block.pointer_mut("/toolUse/toolUseId") {
            assert!(id.as_str().expect("text").starts_with("tooluse_"));
            *id = json!("id");
        }
        if let Some(signature) = block.pointer_mut("/reasoningContent/reasoningText/signature") {
            *signature = json!("signature");
        }
    }
    content
}

#[tokio::test]
async fn both_forms_say_the_same() {
    let running = simulator().await;
    let thinking =
        json!({"additionalModelRequestFields": {"thinking": {"type": "enabled", "budget_tokens": 2000}}});
    for model in [CLAUDE, HAIKU, NOVA, LLAMA, MISTRAL, OSS, GPT] {
        for question in [
            "What is 17 * 23?",
            "[sim: think 9; text a stone; tool a {\"city\":\"Bern\"}; tool a {}]",
            "count to 1000",
        ] {
            let mut body =
                with(with(saying(question), tools(&["a"])), json!({"inferenceConfig": {"maxTokens": 2001}}));
            if model == HAIKU {
                body = with(body, thinking.clone());
            }
            let whole = converse(&running, model, &body).await.json();
            let streamed = converse_stream(&running, model, &body).await;
            assert_eq!(
                (streamed.status, streamed.header("content-type")),
                (200, "application/vnd.amazon.eventstream")
            );
            let events = events(&streamed);
            assert_eq!(
                without_chance(&content(&events)),
                without_chance(&whole["output"]["message"]["content"]),
                "{model} {question}"
            );
            let kinds: Vec<&str> = events.iter().map(|(kind, _)| kind.as_str()).collect();
            assert_eq!(
                (kinds[0], &kinds[kinds.len() - 2..]),
                ("messageStart", &["messageStop", "metadata"][..])
            );
            let (_, stop) = &events[events.len() - 2];
            let (_, metadata) = &events[events.len() - 1];
            assert_eq!(
                (&stop["stopReason"], &metadata["usage"]),
                (&whole["stopReason"], &whole["usage"]),
                "{model} {question}"
            );
            assert!(metadata["metrics"]["latencyMs"].is_u64() && whole["metrics"]["latencyMs"].is_u64());
        }
    }
}

#[tokio::test]
async fn only_calls_of_tools_begin_with_a_start() {
    let running = simulator().await;
    let body = with(saying("[sim: text one two; tool a {\"city\":\"Bern\"}]"), tools(&["a"]));
    let streamed = converse_stream(&running, NOVA, &body).await;
    let kinds: Vec<String> = events(&streamed).into_iter().map(|(kind, _)| kind).collect();
    let expected = [
        "messageStart",
        "contentBlockDelta",
        "contentBlockDelta",
        "contentBlockStop",
        "contentBlockStart",
        "contentBlockDelta",
        "contentBlockDelta",
        "contentBlockStop",
        "messageStop",
        "metadata",
    ];
    assert_eq!(kinds, expected);
    assert!(streamed.frames().iter().flatten().all(|frame| frame.payload["p"].is_string()));
}

#[tokio::test]
async fn stop_reasons_are_converses() {
    let running = simulator().await;
    for (body, reason) in [
        (plus(json!({})), "end_turn"),
        (with(saying("count to 100"), json!({"inferenceConfig": {"maxTokens": 5}})), "max_tokens"),
        (with(saying("count to 9"), json!({"inferenceConfig": {"stopSequences": ["4"]}})), "stop_sequence"),
        (with(saying("[sim: tool a {}]"), tools(&["a"])), "tool_use"),
        (saying("[sim: stop refusal]"), "content_filtered"),
        (saying("[sim: stop malformed_tool_use]"), "malformed_tool_use"),
    ] {
        assert_eq!(converse(&running, NOVA, &body).await.json()["stopReason"], reason);
    }
    let asked = json!({"inferenceConfig": {"stopSequences": ["4"]}, "additionalModelResponseFieldPaths": ["/stop_sequence", "/nothing"]});
    let answer = converse(&running, NOVA, &with(saying("count to 9"), asked)).await.json();
    assert_eq!(answer["additionalModelResponseFields"], json!({"stop_sequence": "4"}));
}

#[tokio::test]
async fn a_cached_prefix_is_written_once_and_then_read() {
    let running = simulator().await;
    let text = |words: usize| json!({"text": "word ".repeat(words)});
    let system = json!({"system": [text(400), {"cachePoint": {"type": "default", "ttl": "1h"}}, text(100), {"cachePoint": {"type": "default"}}]});
    let usage = converse(&running, CLAUDE, &plus(system.clone())).await.json()["usage"].clone();
    assert_eq!(
        usage["cacheDetails"],
        json!([{"ttl": "5m", "inputTokens": 125}, {"ttl": "1h", "inputTokens": 500}])
    );
    assert_eq!((&usage["cacheWriteInputTokens"], &usage["cacheReadInputTokens"]), (&json!(625), &json!(0)));
    let again = converse(&running, CLAUDE, &plus(system)).await.json()["usage"].clone();
    assert_eq!((&again["cacheWriteInputTokens"], &again["cacheReadInputTokens"]), (&json!(0), &json!(625)));
    assert_eq!(again["totalTokens"], usage["totalTokens"]);
    let long = with(saying(&"word ".repeat(2000)), json!({}));
    converse(&running, GPT, &long).await;
    let implicit = converse(&running, GPT, &long).await.json()["usage"]["cacheReadInputTokens"].as_u64();
    assert!(implicit.expect("a number") > 2000, "GPT models cache without a word");
}

#[tokio::test]
async fn faults_come_in_the_words_of_converse() {
    let running = simulator().await;
    let broken =
        converse_stream(&running, NOVA, &saying("[sim: exception throttlingException after 3]")).await;
    let frames = broken.frames();
    let last = frames[3].as_ref().expect("a good checksum");
    assert_eq!(
        (last.header(":message-type"), last.header(":exception-type")),
        ("exception", "throttlingException")
    );
    let unmodelled =
        converse_stream(&running, NOVA, &saying("[sim: exception modelTimeoutException after 1]")).await;
    let frames = unmodelled.frames();
    assert_eq!(frames[1].as_ref().expect("a good checksum").header(":error-code"), "modelTimeoutException");
    let dropped = converse_stream(&running, NOVA, &saying("[sim: drop after 2]")).await;
    assert!(dropped.broke && dropped.frames().len() == 2);
    assert!(converse_stream(&running, NOVA, &saying("[sim: garbage after 2]")).await.frames()[2].is_err());
    assert_eq!(converse(&running, NOVA, &saying("[sim: throttle 2]")).await.status, 429);
    running.script(Behaviour::text("scripted").when_model("nova").when_path("/converse"));
    let answer = converse(&running, NOVA, &plus(json!({}))).await.json();
    assert_eq!(answer["output"]["message"]["content"], json!([{"text": "scripted"}]));
    running
        .script(Behaviour::events([r#"{"messageStart":{"role":"assistant"}}"#, r#"{"oddEvent":{"a":1}}"#]));
    let odd = converse_stream(&running, NOVA, &plus(json!({}))).await;
    assert_eq!(events(&odd)[1].0, "oddEvent");
    let log = running.log();
    let last = log.last().expect("an entry");
    assert!(matches!((&last.verdict, &last.outcome), (Verdict::Good, Outcome::Finished { events: 2, .. })));
}

#[tokio::test]
async fn a_guardrail_intervenes_when_a_script_says_so() {
    let running = simulator().await;
    let guarded = |trace: &str| json!({"guardrailConfig": {"guardrailIdentifier": "abc123", "guardrailVersion": "DRAFT", "trace": trace}});
    let quiet = converse(&running, NOVA, &plus(guarded("disabled"))).await.json();
    assert_eq!((&quiet["stopReason"], quiet.get("trace")), (&json!("end_turn"), None));
    let script = |side| Behaviour { guardrail: Some(side), ..Behaviour::default() };
    running.script(script(Intervention::Input));
    let blocked = converse(&running, NOVA, &plus(guarded("enabled"))).await.json();
    assert_eq!(blocked["stopReason"], "guardrail_intervened");
    assert_eq!(blocked["usage"]["totalTokens"], 0);
    let topics = &blocked["trace"]["guardrail"]["inputAssessment"]["abc123"]["topicPolicy"]["topics"];
    assert_eq!(topics[0]["action"], "BLOCKED");
    let asked = with(saying("[sim: text a secret; guardrail output]"), guarded("enabled"));
    let streamed = converse_stream(&running, NOVA, &asked).await;
    let events = events(&streamed);
    assert_eq!(events[events.len() - 2].1["stopReason"], "guardrail_intervened");
    let trace = &events[events.len() - 1].1["trace"]["guardrail"];
    assert_eq!(trace["modelOutput"], json!(["a secret"]));
    assert_eq!(trace["outputAssessments"]["abc123"][0]["topicPolicy"]["topics"][0]["type"], "DENY");
    let unguarded = converse(&running, NOVA, &saying("[sim: text a secret; guardrail output]")).await.json();
    assert_eq!(unguarded["stopReason"], "end_turn");
}

#[tokio::test]
async fn tiers_and_latency_come_back() {
    let running = simulator().await;
    let wishes = json!({"serviceTier": {"type": "flex"}, "performanceConfig": {"latency": "standard"}});
    let answer = converse(&running, NOVA, &plus(wishes.clone())).await.json();
    assert_eq!(
        (&answer["serviceTier"], &answer["performanceConfig"]),
        (&wishes["serviceTier"], &wishes["performanceConfig"])
    );
}

#[tokio::test]
async fn converse_input_is_counted_by_the_same_rules() {
    let running = simulator().await;
    let count = async |model: &str, input: Value| {
        post(&running, &format!("/model/{model}/count-tokens"), &json!({"input": {"converse": input}})).await
    };
    let body = with(saying("How many?"), tools(&["a"]));
    let counted = count("anthropic.claude-opus-5-5", body.clone()).await.json()["inputTokens"].clone();
    assert_eq!(counted, converse(&running, CLAUDE, &body).await.json()["usage"]["inputTokens"]);
    let unknown =
        count("anthropic.claude-opus-5-5", with(body.clone(), json!({"inferenceConfig": {}}))).await;
    assert!(unknown.message().contains("'input.converse.inferenceConfig'"), "{}", unknown.message());
    assert!(count(NOVA, body).await.message().contains("doesn't support counting tokens"));
    assert_eq!(get(&running, "/_sim/health").await.status, 200);
}
