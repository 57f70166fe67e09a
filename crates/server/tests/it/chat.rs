//! OpenAI Chat Completions through the whole gateway.

use serde_json::{Value, json};

use crate::client::{Answer, Request};
use crate::gateway::{HAIKU, SONNET, TestGateway, streamed, with};

fn ask(text: &str) -> Value {
    json!({ "model": SONNET, "messages": [{ "role": "user", "content": text }] })
}

async fn chat(gateway: &TestGateway, body: &Value) -> Answer {
    gateway.send(Request::post("/v1/chat/completions", body.to_string())).await
}

/// The chunks of a stream, which has to end as it should.
fn chunks(answer: &Answer) -> Vec<Value> {
    let events = answer.events();
    let (last, chunks) = events.split_last().expect("events");
    assert_eq!(last.data, "[DONE]", "{}", answer.text());
    chunks.iter().map(|event| serde_json::from_str(&event.data).expect("JSON")).collect()
}

fn text_of(chunks: &[Value]) -> String {
    chunks.iter().filter_map(|chunk| chunk["choices"][0]["delta"]["content"].as_str()).collect()
}

#[tokio::test]
async fn a_chat_with_claude_means_the_same_streamed_and_whole() {
    let gateway = TestGateway::start().await;
    for path in ["/v1/chat/completions", "/openai/v1/chat/completions"] {
        let request = Request::post(path, ask("What is 2 + 3?").to_string());
        let whole = gateway.send(request.header("authorization", &format!("Bearer {}", gateway.key))).await;
        let said = whole.json();
        let choice = &said["choices"][0];
        assert_eq!((whole.status, &said["object"]), (200, &"chat.completion".into()), "{said}");
        assert_eq!((&said["model"], &choice["finish_reason"]), (&SONNET.into(), &"stop".into()));

        let stream = chat(&gateway, &streamed(ask("What is 2 + 3?"))).await;
        assert_eq!(stream.header("content-type"), Some("text/event-stream; charset=utf-8"));
        let chunks = chunks(&stream);
        assert_eq!(choice["message"]["content"], text_of(&chunks), "{}", stream.text());
        assert!(
            chunks.iter().all(|chunk| chunk.get("usage").is_none_or(Value::is_null)),
            "nobody asked for it"
        );
    }
    let records = gateway.records().await;
    assert!(records.iter().all(|record| &*record.dialect == "openai_chat" && record.tokens.output > 0));
    assert_eq!(records.len(), 4);
    gateway.finish().await;
}

#[tokio::test]
async fn usage_comes_last_when_it_is_asked_for() {
    let gateway = TestGateway::start().await;
    let body = with(streamed(ask("Hello")), json!({ "stream_options": { "include_usage": true } }));
    let chunks = chunks(&chat(&gateway, &body).await);
    let last = chunks.last().expect("chunks");
    let record = &gateway.records().await[0];
    assert_eq!(
        (&last["choices"], &last["usage"]["completion_tokens"]),
        (&json!([]), &json!(record.tokens.output))
    );
    gateway.finish().await;
}

#[tokio::test]
async fn an_agents_tool_turn_goes_round() {
    let gateway = TestGateway::start().await;
    let tools = json!([{ "type": "function", "function": { "name": "Bash", "description": "Runs a command.",
        "parameters": { "type": "object", "properties": { "command": { "type": "string" } } } } }]);
    let directive = "Run it. [sim: tool Bash {\"command\":\"ls\"}; then text done]";
    let first = chat(&gateway, &with(ask(directive), json!({ "tools": tools }))).await.json();
    let message = first["choices"][0]["message"].clone();
    assert_eq!(first["choices"][0]["finish_reason"], "tool_calls", "{first}");
    let call = &message["tool_calls"][0];
    assert_eq!(call["function"], json!({ "name": "Bash", "arguments": "{\"command\":\"ls\"}" }));

    let result = json!({ "role": "tool", "tool_call_id": call["id"], "content": "a.txt" });
    let turns = json!([{ "role": "user", "content": directive }, message, result]);
    let second = chat(&gateway, &with(ask(""), json!({ "messages": turns, "tools": tools }))).await;
    assert_eq!(second.status, 200, "{}", second.text());
    gateway.finish().await;
}

#[tokio::test]
async fn without_a_ceiling_the_models_own_holds() {
    let gateway = TestGateway::start().await;
    let body = with(ask("Hello"), json!({ "model": HAIKU }));
    assert_eq!(chat(&gateway, &body).await.status, 200);
    assert_eq!(gateway.sent_upstream()["max_tokens"], 64_000);
    gateway.finish().await;
}

#[tokio::test]
async fn a_hint_that_the_model_does_not_take_is_left_out_and_said() {
    let gateway = TestGateway::start().await;
    let answer = chat(&gateway, &with(ask("Hello"), json!({ "temperature": 0 }))).await;
    assert_eq!((answer.status, answer.header("x-stonegate-dropped")), (200, Some("temperature")));
    assert!(gateway.sent_upstream().get("temperature").is_none());
    gateway.finish().await;
}

#[tokio::test]
async fn refusals_have_openais_shape() {
    let gateway = TestGateway::builder().budget("user:ann", "0.00001").start().await;
    let path = "/v1/chat/completions";
    for (request, status, kind, code) in [
        (
            Request::post(path, ask("Hello").to_string()).key("sk-nobody"),
            401,
            "authentication_error",
            "invalid_api_key",
        ),
        (Request::post(path, "{"), 400, "invalid_request_error", ""),
        (
            Request::post(path, with(ask("x"), json!({ "model": "gpt-nothing" })).to_string()),
            404,
            "invalid_request_error",
            "model_not_found",
        ),
        (Request::post(path, ask("Hello").to_string()), 429, "insufficient_quota", "insufficient_quota"),
        (Request::get(path), 405, "invalid_request_error", ""),
    ] {
        let answer = gateway.send(request).await;
        let error = &answer.json()["error"];
        assert_eq!((answer.status, &error["type"]), (status, &kind.into()), "{error}");
        assert_eq!(error["code"].as_str().unwrap_or_default(), code, "{error}");
        assert!(answer.header("x-request-id").is_some());
    }
    gateway.finish().await;
}

#[tokio::test]
async fn what_the_model_cannot_do_is_refused_by_name_and_costs_nothing() {
    let gateway = TestGateway::start().await;
    for (member, value) in [("n", json!(2)), ("logprobs", json!(true)), ("logit_bias", json!({ "1": 2 }))] {
        let answer = chat(&gateway, &with(ask("x"), json!({ member: value }))).await;
        let error = &answer.json()["error"];
        assert_eq!((answer.status, &error["param"]), (400, &member.into()), "{error}");
    }
    assert!(gateway.records().await.iter().all(|record| record.cost == Default::default()));
    gateway.finish().await;
}
