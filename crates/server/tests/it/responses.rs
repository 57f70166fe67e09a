//! OpenAI Responses through the whole gateway.

use serde_json::{Value, json};

use crate::client::{Answer, Request};
use crate::gateway::{SONNET, TestGateway, streamed, with};

fn ask(text: &str) -> Value {
    json!({ "model": SONNET, "input": text, "store": false })
}

async fn respond(gateway: &TestGateway, body: &Value) -> Answer {
    gateway.send(Request::post("/v1/responses", body.to_string())).await
}

fn text_of(response: &Value) -> &str {
    let items = response["output"].as_array().expect("items");
    let message = items.iter().find(|item| item["type"] == "message").expect("a message");
    message["content"][0]["text"].as_str().expect("text")
}

#[tokio::test]
async fn a_response_means_the_same_streamed_and_whole_on_claude_and_nova() {
    let gateway = TestGateway::start().await;
    for model in [SONNET, "nova-lite"] {
        let body = with(ask("What is 2 + 3?"), json!({ "model": model }));
        let whole = respond(&gateway, &body).await.json();
        assert_eq!((&whole["status"], &whole["model"]), (&"completed".into(), &model.into()), "{whole}");
        let events = respond(&gateway, &streamed(body)).await.events();
        let numbers: Vec<u64> =
            events.iter().map(|event| event.json()["sequence_number"].as_u64().expect("a number")).collect();
        assert_eq!(numbers, (0..numbers.len() as u64).collect::<Vec<_>>());
        let last = events.last().expect("events");
        assert_eq!(last.name, "response.completed");
        assert_eq!(text_of(&last.json()["response"]), text_of(&whole));
    }
    let records = gateway.records().await;
    assert!(records.iter().all(|record| &*record.dialect == "openai_responses" && record.tokens.output > 0));
    gateway.finish().await;
}

#[tokio::test]
async fn a_web_socket_is_declined_so_that_codex_goes_on_with_post() {
    let gateway = TestGateway::start().await;
    let answer = gateway.send(Request::get("/v1/responses").header("upgrade", "websocket")).await;
    assert_eq!((answer.status, answer.json()["error"]["code"].as_str()), (426, Some("not_supported")));
    gateway.finish().await;
}

#[tokio::test]
async fn a_failure_in_mid_stream_is_a_failed_response() {
    let gateway = TestGateway::start().await;
    let text = "Go. [sim: text a b c d e f; exception throttlingException after 5]";
    let events = respond(&gateway, &streamed(ask(text))).await.events();
    let last = events.last().expect("events");
    assert_eq!(last.name, "response.failed");
    assert_eq!(last.json()["response"]["error"]["code"], "rate_limit_exceeded");
    gateway.finish().await;
}

#[tokio::test]
async fn what_cannot_be_run_is_refused_by_name() {
    let gateway = TestGateway::start().await;
    for kind in ["file_search", "code_interpreter", "image_generation"] {
        let answer = respond(&gateway, &with(ask("Hi"), json!({ "tools": [{ "type": kind }] }))).await;
        let message = answer.json()["error"]["message"].as_str().expect("a message").to_owned();
        assert!(answer.status == 400 && message.contains(kind), "{} {message}", answer.status);
    }
    gateway.finish().await;
}
