//! Bedrock's own API through the whole gateway: Converse, InvokeModel, CountTokens.

use aws_smithy_types::event_stream::Message;
use bytes::Bytes;
use serde_json::{Value, json};

use crate::client::{Answer, Request};
use crate::gateway::{Expected, TestGateway};

const CLAUDE: &str = "us.anthropic.claude-sonnet-5-5";

fn converse(text: &str) -> Value {
    json!({ "messages": [{ "role": "user", "content": [{ "text": text }] }], "inferenceConfig": { "maxTokens": 500 } })
}

fn invoke(text: &str) -> Value {
    json!({ "anthropic_version": "bedrock-2023-05-31", "max_tokens": 500,
        "messages": [{ "role": "user", "content": text }] })
}

async fn call(gateway: &TestGateway, model: &str, operation: &str, body: &Value) -> Answer {
    let path = format!("/bedrock/model/{}/{operation}", model.replace(':', "%3A"));
    let request = Request::post(&path, body.to_string());
    gateway.send(request.header("authorization", &format!("Bearer {}", gateway.key))).await
}

/// The frames of a stream: event or exception, and payload.
fn frames(answer: &Answer) -> Vec<(String, Value)> {
    let mut bytes = answer.body.clone();
    let mut frames = Vec::new();
    while !bytes.is_empty() {
        let length = u32::from_be_bytes(bytes[..4].try_into().expect("a prelude")) as usize;
        let message =
            aws_smithy_eventstream::frame::read_message_from(bytes.split_to(length)).expect("a frame");
        frames.push((kind(&message), serde_json::from_slice(message.payload()).expect("JSON")));
    }
    frames
}

fn kind(message: &Message) -> String {
    let named = |name: &str| message.headers().iter().find(|header| header.name().as_str() == name);
    let header = named(":event-type").or_else(|| named(":exception-type")).expect("a type");
    header.value().as_string().expect("text").as_str().to_owned()
}

#[tokio::test]
async fn converse_answers_whole_and_streamed_for_models_of_every_maker() {
    let gateway = TestGateway::start().await;
    for model in ["claude-sonnet-5-5", CLAUDE, "amazon.nova-lite-v1:0", "qwen3-32b"] {
        let whole = call(&gateway, model, "converse", &converse("What is 2 + 3?")).await;
        let said = whole.json();
        assert_eq!((whole.status, &said["stopReason"]), (200, &"end_turn".into()), "{model}: {said}");
        assert!(whole.header("x-amzn-requestid").is_some());

        let stream = call(&gateway, model, "converse-stream", &converse("What is 2 + 3?")).await;
        assert_eq!(stream.header("content-type"), Some("application/vnd.amazon.eventstream"));
        let frames = frames(&stream);
        let text: String =
            frames.iter().filter_map(|(_, payload)| payload["delta"]["text"].as_str()).collect();
        let blocks = said["output"]["message"]["content"].as_array().expect("blocks");
        let whole_text = blocks.iter().find_map(|block| block["text"].as_str()).expect("text");
        assert_eq!(text, whole_text, "{model}");
        assert_eq!(frames.last().expect("frames").0, "metadata");
    }
    let records = gateway.records().await;
    assert!(records.iter().all(|record| &*record.dialect == "converse" && record.tokens.output > 0));
    gateway.finish().await;
}

#[tokio::test]
async fn a_converse_request_arrives_with_a_ceiling_and_else_as_it_was() {
    let gateway = TestGateway::start().await;
    let body = json!({ "messages": [{ "role": "user", "content": [{ "text": "Hi" }] }] });
    let answer = call(&gateway, "nova-lite", "converse", &body).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let log = gateway.simulator.log();
    let sent = log.last().expect("a call").json().expect("JSON");
    assert_eq!(sent["messages"], body["messages"]);
    assert_eq!(sent["inferenceConfig"], json!({ "maxTokens": 10_000 }));
    gateway.finish().await;
}

#[tokio::test]
async fn invoke_model_gives_claudes_own_answers() {
    let gateway = TestGateway::start().await;
    let whole = call(&gateway, CLAUDE, "invoke", &invoke("What is 2 + 3?")).await;
    assert_eq!((whole.status, &whole.json()["type"]), (200, &"message".into()));
    let counted: u64 =
        whole.header("x-amzn-bedrock-output-token-count").expect("a count").parse().expect("a number");
    assert_eq!(whole.json()["usage"]["output_tokens"], counted);

    let stream = call(&gateway, CLAUDE, "invoke-with-response-stream", &invoke("What is 2 + 3?")).await;
    assert_eq!(stream.header("x-amzn-bedrock-content-type"), Some("application/json"));
    let frames = frames(&stream);
    assert!(frames.iter().all(|(kind, _)| kind == "chunk"), "{frames:?}");
    let records = gateway.records().await;
    assert!(
        records.iter().all(|record| &*record.dialect == "bedrock_native" && record.tokens.output == counted)
    );
    gateway.finish().await;
}

#[tokio::test]
async fn a_body_of_claudes_reaches_models_of_every_maker() {
    let gateway = TestGateway::start().await;
    for model in ["amazon.nova-lite-v1:0", "gpt-6-sol", "qwen3-32b"] {
        let whole = call(&gateway, model, "invoke", &invoke("What is 2 + 3?")).await;
        let said = whole.json();
        assert_eq!((whole.status, &said["type"]), (200, &"message".into()), "{model}: {said}");
        let stream = call(&gateway, model, "invoke-with-response-stream", &invoke("What is 2 + 3?")).await;
        assert_eq!(stream.header("content-type"), Some("application/vnd.amazon.eventstream"));
        let events: Vec<Value> = frames(&stream).iter().map(|(_, payload)| event(payload)).collect();
        let text: String = events.iter().filter_map(|event| event["delta"]["text"].as_str()).collect();
        let blocks = said["content"].as_array().expect("blocks");
        assert_eq!(Some(text.as_str()), blocks.iter().find_map(|block| block["text"].as_str()), "{model}");
        assert_eq!(events.last().expect("events")["type"], "message_stop");
    }
    let records = gateway.records().await;
    assert!(records.iter().all(|record| &*record.dialect == "bedrock_native" && record.tokens.output > 0));
    gateway.finish().await;
}

/// The event in a chunk.
fn event(payload: &Value) -> Value {
    let encoded = payload["bytes"].as_str().expect("base64");
    let engine = &base64::engine::general_purpose::STANDARD;
    let event = base64::Engine::decode(engine, encoded).expect("base64");
    serde_json::from_slice(&event).expect("an event")
}

#[tokio::test]
async fn tokens_are_counted_by_bedrock() {
    let gateway = TestGateway::start().await;
    let encoded =
        base64::Engine::encode(&base64::engine::general_purpose::STANDARD, invoke("Hi").to_string());
    let body = json!({ "input": { "invokeModel": { "body": encoded } } });
    let answer = call(&gateway, CLAUDE, "count-tokens", &body).await;
    assert!(answer.json()["inputTokens"].as_u64().is_some_and(|tokens| tokens > 0), "{}", answer.text());
    gateway.finish().await;
}

#[tokio::test]
async fn refusals_have_bedrocks_shape() {
    let gateway = TestGateway::builder().budget("user:ann", "0.00001").start().await;
    let path = "/bedrock/model/nova-lite/converse";
    let body = converse("Hi").to_string();
    for (request, status, kind) in [
        (Request::post(path, body.clone()).key("sk-nobody"), 403, "AccessDeniedException"),
        (Request::post(path, "{"), 400, "ValidationException"),
        (Request::post("/model/nothing-at-all/converse", body.clone()), 404, "ResourceNotFoundException"),
        (Request::post("/model/%FF/converse", body.clone()), 400, "ValidationException"),
        (Request::post(path, body.clone()), 400, "ServiceQuotaExceededException"),
    ] {
        let answer = gateway.send(request).await;
        let found = (answer.status, answer.header("x-amzn-errortype"));
        assert_eq!(found, (status, Some(kind)), "{}", answer.text());
        assert!(answer.json()["message"].is_string());
    }
    gateway.finish().await;
}

#[tokio::test]
async fn a_stream_that_breaks_ends_with_an_exception() {
    let gateway = TestGateway::start().await;
    let text = "Go. [sim: text a b c d e f; exception throttlingException after 4]";
    let stream = call(&gateway, "nova-lite", "converse-stream", &converse(text)).await;
    let frames = frames(&stream);
    assert_eq!(frames.last().expect("frames").0, "throttlingException", "{frames:?}");
    let body: Bytes = stream.body.clone();
    assert!(!body.is_empty());
    gateway.finish().await;
}

/// Other clients' requests are healed of members that Bedrock refuses; one of Bedrock's own is answered as AWS answers it,
/// after one attempt, and teaches nothing.
#[tokio::test]
async fn a_member_that_bedrock_refuses_is_told_to_its_own_clients() {
    let mut gateway = TestGateway::start().await;
    let mut body = converse("Hi");
    body["additionalModelRequestFields"] = json!({ "brand_new": 1 });
    for attempts in 1..=2 {
        let answer = call(&gateway, CLAUDE, "converse", &body).await;
        let found = (answer.status, answer.header("x-amzn-errortype"));
        assert_eq!(found, (400, Some("ValidationException")), "{}", answer.text());
        assert!(answer.text().contains("brand_new"), "{}", answer.text());
        assert_eq!(gateway.simulator.log().len(), attempts);
    }
    gateway.expect(Expected { refused: 2, ..Expected::default() });
    gateway.finish().await;
}
