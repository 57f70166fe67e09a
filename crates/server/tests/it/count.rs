//! `POST /v1/messages/count_tokens`: by Bedrock where it can, by estimate where it cannot.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use stonegate_simulator::{Behaviour, Entry};

use crate::client::{Answer, Request, together};
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

/// What upstream was asked to count, decoded.
fn counted_upstream(gateway: &TestGateway) -> Vec<Value> {
    let decode = |entry: &Entry| {
        let envelope = entry.json().expect("JSON");
        let encoded = envelope["input"]["invokeModel"]["body"].as_str().expect("a body").to_owned();
        serde_json::from_slice(&STANDARD.decode(encoded).expect("base64")).expect("JSON")
    };
    let counts = |entry: &&Entry| entry.path.ends_with("/count-tokens");
    gateway.simulator.log().iter().filter(counts).map(decode).collect()
}

#[tokio::test]
async fn what_upstream_refuses_of_a_count_by_name_is_left_out_as_it_is_of_a_call() {
    let beta = "beta-of-tomorrow-2027-01-01";
    let plain = || without_max_tokens(ask("Hello"));
    let later = with(plain(), json!({ "member_of_tomorrow": { "a": 1 } }));
    for (body, betas, dropped) in [
        (later, "claude-code-20250219", "member_of_tomorrow"),
        (plain(), "claude-code-20250219,beta-of-tomorrow-2027-01-01", "beta:beta-of-tomorrow-2027-01-01"),
    ] {
        let gateway = TestGateway::builder()
            .simulator(|options| options.refused_betas.push(beta.to_owned()))
            .start()
            .await;
        for expected_attempts in [2, 3] {
            let request = Request::post("/v1/messages/count_tokens", body.to_string())
                .header("anthropic-version", "2023-06-01")
                .header("anthropic-beta", betas);
            let answer = gateway.send(request).await;
            assert_eq!(answer.status, 200, "{}", answer.text());
            assert_eq!(answer.header("x-stonegate-dropped"), Some(dropped));
            assert_eq!(counted_upstream(&gateway).len(), expected_attempts, "learned once");
        }
        let last = &counted_upstream(&gateway)[2];
        assert_eq!(last["anthropic_beta"], json!(["claude-code-20250219"]), "what is known is kept");
        assert_eq!(last.get("member_of_tomorrow"), None);
        gateway.finish().await;
    }
}

#[tokio::test]
async fn what_counting_refuses_is_not_kept_from_calls() {
    let gateway = TestGateway::start().await;
    let refusal = "tools.0.custom.eager_input_streaming: Extra inputs are not permitted";
    let refusal = Behaviour::error_with(400, "ValidationException", refusal);
    gateway.simulator.script(refusal.when_path("/count-tokens"));
    let tools = json!([{ "name": "a", "input_schema": { "type": "object" }, "eager_input_streaming": true }]);
    let body = with(ask("Hello"), json!({ "tools": tools }));
    let counted = count(&gateway, &without_max_tokens(body.clone())).await;
    assert_eq!(counted.header("x-stonegate-dropped"), Some("tools.*:custom.eager_input_streaming"));
    let answer = gateway.messages(&body).await;
    assert_eq!((answer.status, answer.header("x-stonegate-dropped")), (200, None), "{}", answer.text());
    gateway.finish().await;
}

#[tokio::test]
async fn a_count_that_upstream_has_no_room_for_is_tried_again() {
    for (failure, attempts, expected) in [
        (Behaviour::error("ThrottlingException"), 2, 200),
        (Behaviour::error("ServiceUnavailableException"), 2, 200),
        (Behaviour::throttled(7), 1, 429),
        (Behaviour::error("ThrottlingException").forever(), 3, 429),
    ] {
        let gateway = TestGateway::builder().settings("bedrock.max_attempts = 3").start().await;
        gateway.simulator.script(failure.when_path("/count-tokens"));
        let answer = count(&gateway, &without_max_tokens(ask("Hello"))).await;
        assert_eq!(answer.status, expected, "{}", answer.text());
        assert_eq!(answer.header("x-stonegate-estimated"), None);
        assert_eq!(answer.header("retry-after").is_some(), expected == 429);
        assert_eq!(counted_upstream(&gateway).len(), attempts);
        gateway.finish().await;
    }
}

#[tokio::test]
async fn many_counts_at_once_all_come_through_a_model_that_nobody_has_called() {
    let gateway = TestGateway::start().await;
    let body = with(without_max_tokens(ask("Hello")), json!({ "member_of_tomorrow": 1 }));
    for answer in together((0..26).map(|_| count(&gateway, &body))).await {
        assert_eq!(answer.status, 200, "{}", answer.text());
    }
    let refused = counted_upstream(&gateway).len() - 26;
    assert!(refused > 0, "nobody had called it");
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
