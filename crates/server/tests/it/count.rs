//! `POST /v1/messages/count_tokens`: by Bedrock where it can, by estimate where it cannot.

use serde_json::{Value, json};
use stonegate_simulator::Behaviour;

use crate::client::{Answer, Request};
use crate::gateway::{TestGateway, ask, with};

async fn count(gateway: &TestGateway, body: &Value) -> Answer {
    let request = Request::post("/v1/messages/count_tokens", body.to_string());
    gateway.send(request.header("anthropic-version", "2023-06-01")).await
}

/// A request to count has no `max_tokens`.
fn without_max_tokens(mut body: Value) -> Value {
    body.as_object_mut().expect("an object").remove("max_tokens");
    body
}

#[tokio::test]
async fn bedrock_counts_by_the_bare_model_id() {
    let gateway = TestGateway::start().await;
    let tools = json!([{ "name": "get_weather", "description": "Tells the weather", "input_schema": { "type": "object" } }]);
    let plain = without_max_tokens(ask("What is the weather in Zurich?"));
    let mut counts = Vec::new();
    for body in [plain.clone(), with(plain, json!({ "tools": tools, "thinking": { "type": "adaptive" } }))] {
        let answer = count(&gateway, &body).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert_eq!(answer.header("x-stonegate-estimated"), None);
        assert!(answer.header("request-id").expect("an id").starts_with("req_"));
        counts.push(answer.json()["input_tokens"].as_u64().expect("a number"));
    }
    assert!(0 < counts[0] && counts[0] < counts[1], "tools count: {counts:?}");
    for entry in gateway.simulator.log() {
        assert_eq!(entry.path, "/model/anthropic.claude-sonnet-5-5/count-tokens", "profiles cannot count");
    }
    assert!(gateway.records().await.is_empty(), "a count costs nothing");
    gateway.finish().await;
}

#[tokio::test]
async fn where_bedrock_cannot_count_an_estimate_says_that_it_is_one() {
    let gateway = TestGateway::start().await;
    let message = "The provided model doesn't support counting tokens.";
    let refusal = Behaviour::error_with(400, "ValidationException", message);
    gateway.simulator.script(refusal.when_path("/count-tokens").forever());
    let short = count(&gateway, &without_max_tokens(ask("Hello"))).await;
    assert_eq!((short.status, short.header("x-stonegate-estimated")), (200, Some("true")));
    let long = count(&gateway, &without_max_tokens(ask(&"Hello ".repeat(1_000)))).await;
    let number = |answer: &Answer| answer.json()["input_tokens"].as_u64().expect("a number");
    assert!(
        (1_000..4_000).contains(&number(&long)) && number(&short) < 100,
        "{} {}",
        number(&short),
        number(&long)
    );
    gateway.finish().await;
}

#[tokio::test]
async fn a_count_that_fails_fails_in_anthropics_shape() {
    let gateway = TestGateway::start().await;
    for (behaviour, expected) in [
        (Behaviour::throttled(7), (429, "rate_limit_error")),
        (Behaviour::error("InternalServerException"), (500, "api_error")),
    ] {
        gateway.simulator.script(behaviour.when_path("/count-tokens").forever());
        let answer = count(&gateway, &without_max_tokens(ask("Hello"))).await;
        let (status, kind, _) = answer.error();
        assert_eq!((status, &*kind), expected);
        gateway.simulator.clear_scripts();
    }
    let (status, kind, message) = count(&gateway, &json!({ "messages": [] })).await.error();
    assert_eq!((status, &*kind), (400, "invalid_request_error"));
    assert!(message.starts_with("model"), "{message}");
    gateway.finish().await;
}

#[tokio::test]
async fn counting_is_not_held_back_by_a_spent_budget() {
    let gateway = TestGateway::builder().budget("user:ann", "0.000001").start().await;
    assert_eq!(count(&gateway, &without_max_tokens(ask("Hello"))).await.status, 200);
    gateway.finish().await;
}
