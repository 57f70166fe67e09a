//! InvokeModel with the bodies of other makers than Anthropic: they pass through, bounded and metered.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use stonegate_ledger::{Basis, Outcome};
use stonegate_simulator::Behaviour;

use crate::client::{Answer, Request};
use crate::gateway::{Expected, TestGateway, with};

const NOVA_2: &str = "us.amazon.nova-2-lite-v1:0";

fn prompt(text: &str) -> Value {
    json!({ "prompt": text })
}

fn messages(text: &str) -> Value {
    json!({ "messages": [{ "role": "user", "content": text }] })
}

fn nova(text: &str) -> Value {
    json!({ "messages": [{ "role": "user", "content": [{ "text": text }] }] })
}

/// Model, body, where the answer's text stands, and the member that bounds it.
fn makers(text: &str) -> Vec<(&'static str, Value, &'static str, &'static str)> {
    let chat = "/choices/0/message/content";
    vec![
        (
            "us.amazon.nova-lite-v1:0",
            nova(text),
            "/output/message/content/0/text",
            "/inferenceConfig/maxTokens",
        ),
        ("us.meta.llama3-3-70b-instruct-v1:0", prompt(text), "/generation", "/max_gen_len"),
        ("mistral.mistral-7b-instruct-v0:2", prompt(text), "/outputs/0/text", "/max_tokens"),
        ("mistral.mistral-large-2407-v1:0", messages(text), chat, "/max_tokens"),
        ("ai21.jamba-1-5-large-v1:0", messages(text), chat, "/max_tokens"),
        ("cohere.command-text-v14", prompt(text), "/generations/0/text", "/max_tokens"),
        ("us.deepseek.r1-v1:0", prompt(text), "/choices/0/text", "/max_tokens"),
        ("us.writer.palmyra-x5-v1:0", messages(text), chat, "/max_tokens"),
        ("qwen.qwen3-32b-v1:0", messages(text), chat, "/max_tokens"),
        ("openai.gpt-oss-20b-1:0", messages(text), chat, "/max_completion_tokens"),
    ]
}

async fn call(gateway: &TestGateway, model: &str, operation: &str, body: &Value) -> Answer {
    let path = format!("/model/{}/{operation}", model.replace(':', "%3A"));
    let request = Request::post(&path, body.to_string());
    gateway.send(request.header("authorization", &format!("Bearer {}", gateway.key))).await
}

/// The provider's events of a stream, or what its exception says.
fn events(answer: &Answer) -> Vec<Value> {
    let mut bytes = answer.body.clone();
    let mut events = Vec::new();
    while !bytes.is_empty() {
        let length = u32::from_be_bytes(bytes[..4].try_into().expect("a prelude")) as usize;
        let message =
            aws_smithy_eventstream::frame::read_message_from(bytes.split_to(length)).expect("a frame");
        let payload: Value = serde_json::from_slice(message.payload()).expect("JSON");
        events.push(match payload["bytes"].as_str() {
            Some(encoded) => {
                serde_json::from_slice(&STANDARD.decode(encoded).expect("base64")).expect("JSON")
            }
            None => payload,
        });
    }
    events
}

fn counted(answer: &Answer, side: &str) -> u64 {
    let header = answer.header(&format!("x-amzn-bedrock-{side}-token-count")).expect("a count");
    header.parse().expect("a number")
}

#[tokio::test]
async fn every_makers_body_passes_through_whole_and_is_metered_as_upstream_counted() {
    let gateway = TestGateway::start().await;
    for (model, body, path, bound) in makers("Hello. [sim: text Stone by stone]") {
        let answer = call(&gateway, model, "invoke", &body).await;
        assert_eq!(answer.status, 200, "{model} {}", answer.text());
        assert_eq!(answer.json().pointer(path), Some(&json!("Stone by stone")), "{model}");
        let sent = gateway.invocations().pop().expect("a call").json().expect("JSON");
        assert!(sent.pointer(bound).and_then(Value::as_u64).is_some_and(|most| most > 0), "{model} {sent}");
        let record = gateway.records().await.pop().expect("a record");
        let tokens = (record.tokens.input, record.tokens.output);
        assert_eq!(tokens, (counted(&answer, "input"), counted(&answer, "output")), "{model}");
        assert_eq!((record.outcome, record.basis), (Outcome::Complete, Basis::Reported), "{model}");
        assert!(record.cost.get() > 0 && &*record.dialect == "bedrock_native", "{model}");
    }
    gateway.finish().await;
}

#[tokio::test]
async fn every_makers_stream_passes_through_and_is_metered_by_its_last_event() {
    let gateway = TestGateway::start().await;
    for (model, body, _, _) in makers("Hello. [sim: text Stone by stone by stone]") {
        let answer = call(&gateway, model, "invoke-with-response-stream", &body).await;
        assert_eq!(answer.status, 200, "{model} {}", answer.text());
        let events = events(&answer);
        let metrics = &events.last().expect("events")["amazon-bedrock-invocationMetrics"];
        let said: String = events.iter().map(Value::to_string).collect();
        assert!(said.contains("Stone"), "{model} {said}");
        let record = gateway.records().await.pop().expect("a record");
        let tokens = (json!(record.tokens.input), json!(record.tokens.output));
        assert_eq!(
            tokens,
            (metrics["inputTokenCount"].clone(), metrics["outputTokenCount"].clone()),
            "{model}"
        );
        assert_eq!((record.outcome, record.basis, record.stream), (Outcome::Complete, Basis::Reported, true));
    }
    gateway.finish().await;
}

#[tokio::test]
async fn cost_is_to_the_nanodollar() {
    let gateway = TestGateway::start().await;
    let answer =
        call(&gateway, "mistral.mistral-7b-instruct-v0:2", "invoke", &prompt("Hello there, stone")).await;
    let record = gateway.record().await;
    let expected = counted(&answer, "input") * 150 + counted(&answer, "output") * 200;
    assert_eq!(record.cost.get(), expected);
    gateway.finish().await;
}

#[tokio::test]
async fn a_budget_lowers_the_ceiling_in_the_makers_own_member() {
    // Enough for the prompt and some 1,500 tokens of $0.0000002.
    let gateway = TestGateway::builder().budget("user:ann", "0.0005").start().await;
    let body = with(prompt("Hello"), json!({ "max_tokens": 4_000 }));
    let answer = call(&gateway, "mistral.mistral-7b-instruct-v0:2", "invoke", &body).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let most = gateway.sent_upstream()["max_tokens"].as_u64().expect("a bound");
    assert!(most < 4_000, "{most}");
    gateway.finish().await;
}

#[tokio::test]
async fn novas_highest_effort_is_paid_for_in_full_or_not_sent() {
    let high = json!({ "type": "enabled", "maxReasoningEffort": "high" });
    let body =
        with(nova("[sim: think 20; text Sure]"), json!({ "inferenceConfig": { "reasoningConfig": high } }));
    let gateway = TestGateway::start().await;
    let answer = call(&gateway, NOVA_2, "invoke", &body).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(gateway.sent_upstream(), body, "it goes without a ceiling");
    gateway.finish().await;

    let gateway = TestGateway::builder().budget("user:ann", "0.05").start().await;
    let answer = call(&gateway, NOVA_2, "invoke", &body).await;
    assert_eq!(answer.status, 400, "{}", answer.text());
    assert!(answer.json()["message"].as_str().is_some_and(|said| said.contains("use `medium`")));
    assert!(gateway.invocations().is_empty());
    gateway.finish().await;
}

#[tokio::test]
async fn an_image_in_a_makers_own_form_is_held_as_an_image() {
    // 300 KB of base64 would be held as so many tokens of text, some $0.018.
    let gateway = TestGateway::builder().budget("user:ann", "0.01").start().await;
    let picture = STANDARD.encode([&b"\x89PNG\r\n\x1a\n"[..], &[0; 225_000]].concat());
    let content = json!([{ "text": "What is this?" }, { "image": { "format": "png", "source": { "bytes": picture } } }]);
    let body = json!({
        "messages": [{ "role": "user", "content": content }], "inferenceConfig": { "maxTokens": 100 },
    });
    let answer = call(&gateway, "us.amazon.nova-lite-v1:0", "invoke", &body).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    gateway.finish().await;
}

#[tokio::test]
async fn embeddings_rankings_and_images_pass_through_as_well() {
    let gateway = TestGateway::start().await;
    for (model, body, path) in [
        ("amazon.titan-embed-text-v2:0", json!({ "inputText": "Stone" }), "/embedding/0"),
        (
            "cohere.embed-english-v3",
            json!({ "texts": ["Stone"], "input_type": "clustering" }),
            "/embeddings/0/0",
        ),
    ] {
        let answer = call(&gateway, model, "invoke", &body).await;
        assert_eq!(answer.status, 200, "{model} {}", answer.text());
        assert!(answer.json().pointer(path).is_some_and(Value::is_number), "{model}");
        let record = gateway.records().await.pop().expect("a record");
        assert_eq!((record.tokens.input, record.tokens.output), (counted(&answer, "input"), 0), "{model}");
        assert!(record.cost.get() > 0, "{model}");
    }
    gateway.finish().await;
}

#[tokio::test]
async fn what_upstream_refuses_comes_back_in_its_own_words() {
    let mut gateway = TestGateway::start().await;
    let body = with(prompt("Hello"), json!({ "wish": 1 }));
    let answer = call(&gateway, "us.meta.llama3-3-70b-instruct-v1:0", "invoke", &body).await;
    assert_eq!((answer.status, answer.header("x-amzn-errortype")), (400, Some("ValidationException")));
    let said = answer.json()["message"].as_str().unwrap_or_default().to_owned();
    assert!(said.contains("extraneous key [wish]"), "{said}");
    assert_eq!(gateway.record().await.cost.get(), 0);
    gateway.expect(Expected { refused: 1, ..Expected::default() });
    gateway.finish().await;
}

#[tokio::test]
async fn a_stream_that_breaks_ends_with_an_exception_and_is_estimated() {
    let gateway = TestGateway::start().await;
    gateway.simulator.script(Behaviour {
        exception: Behaviour::exception("throttlingException", 4).exception,
        ..Behaviour::text("a b c d e f g h")
    });
    let body = with(prompt("Hello"), json!({ "max_gen_len": 50 }));
    let answer =
        call(&gateway, "us.meta.llama3-3-70b-instruct-v1:0", "invoke-with-response-stream", &body).await;
    assert!(events(&answer).last().expect("events")["message"].is_string());
    let record = gateway.record().await;
    assert_eq!((record.outcome, record.basis), (Outcome::UpstreamFailed, Basis::Estimated));
    assert!(record.tokens.output > 0 && record.cost.get() > 0, "{record:?}");
    gateway.finish().await;
}
