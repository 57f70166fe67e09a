//! OpenAI Responses through the whole gateway.

use serde_json::{Value, json};

use stonegate_server::operator::KeyRequest;

use crate::client::{Answer, Request};
use crate::gateway::{SONNET, TestGateway, key_of, streamed, with};

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

#[tokio::test]
async fn a_kept_response_is_gone_on_from_by_its_owner_alone() {
    let gateway = TestGateway::builder().key(key_of("other", "bob")).start().await;
    let first = respond(&gateway, &json!({ "model": SONNET, "input": "My number is 41." })).await.json();
    let id = first["id"].as_str().expect("an id").to_owned();

    for body in [json!({ "model": SONNET, "input": "And now?", "previous_response_id": id })] {
        for body in [body.clone(), streamed(body)] {
            let answer = respond(&gateway, &body).await;
            assert_eq!(answer.status, 200, "{}", answer.text());
        }
    }
    let sent = gateway.invocations()[1].json().expect("JSON");
    let turns = sent["messages"].as_array().expect("turns");
    let roles: Vec<&str> = turns.iter().map(|turn| turn["role"].as_str().expect("a role")).collect();
    assert_eq!(roles, ["user", "assistant", "user"]);
    assert!(turns[0].to_string().contains("My number is 41."));

    let path = format!("/v1/responses/{id}");
    assert_eq!(gateway.send(Request::get(&path)).await.json(), first);
    let items = gateway.send(Request::get(&format!("{path}/input_items"))).await.json();
    assert_eq!(items["data"][0]["content"][0]["text"], "My number is 41.");
    let cancelled = gateway.send(Request::post(&format!("{path}/cancel"), "{}")).await;
    assert_eq!(cancelled.status, 400);

    let bob = gateway.keys[1].key.clone();
    assert_eq!(gateway.send(Request::get(&path).key(&bob)).await.status, 404);
    let body = json!({ "model": SONNET, "input": "?", "previous_response_id": id }).to_string();
    let stolen = gateway.send(Request::post("/v1/responses", body).key(&bob)).await;
    assert_eq!(
        (stolen.status, &stolen.json()["error"]["code"]),
        (400, &"previous_response_not_found".into())
    );

    let removed = gateway.send(Request::new(http::Method::DELETE, &path)).await;
    assert_eq!((removed.status, &removed.json()["deleted"]), (200, &true.into()));
    assert_eq!(gateway.send(Request::get(&path)).await.status, 404);
    gateway.finish().await;
}

#[tokio::test]
async fn a_kept_response_is_shown_to_keys_that_make_responses_only() {
    let embedder = KeyRequest { scopes: Some("embeddings:send".to_owned()), ..key_of("embedder", "ann") };
    let gateway = TestGateway::builder().key(embedder).start().await;
    let kept = respond(&gateway, &json!({ "model": SONNET, "input": "Hi" })).await.json();
    let path = format!("/v1/responses/{}", kept["id"].as_str().expect("an id"));
    let other = gateway.keys[1].key.clone();
    for request in [Request::get(&path), Request::new(http::Method::DELETE, &path)] {
        let refused = gateway.send(request.key(&other)).await;
        assert_eq!(refused.status, 403, "{}", refused.text());
    }
    assert_eq!(gateway.send(Request::get(&path)).await.status, 200);
    gateway.finish().await;
}

#[tokio::test]
async fn nothing_is_kept_where_the_client_or_the_settings_say_so() {
    let gateway = TestGateway::start().await;
    let id = respond(&gateway, &ask("Hello")).await.json()["id"].as_str().expect("an id").to_owned();
    assert_eq!(gateway.send(Request::get(&format!("/v1/responses/{id}"))).await.status, 404);
    gateway.finish().await;

    let gateway = TestGateway::builder().settings("responses.keep = false").start().await;
    let id = respond(&gateway, &json!({ "model": SONNET, "input": "Hi" })).await.json()["id"].clone();
    let body = json!({ "model": SONNET, "input": "?", "previous_response_id": id });
    let refused = respond(&gateway, &body).await;
    assert_eq!((refused.status, &refused.json()["error"]["param"]), (400, &"previous_response_id".into()));
    gateway.finish().await;
}

#[tokio::test]
async fn a_conversation_is_compacted_to_one_item_that_goes_on() {
    let gateway = TestGateway::start().await;
    let body = json!({ "model": SONNET, "input": [{ "role": "user", "content": "A long story." }] });
    let answer = gateway.send(Request::post("/v1/responses/compact", body.to_string())).await;
    let compacted = answer.json();
    assert_eq!((answer.status, &compacted["object"]), (200, &"response.compaction".into()), "{compacted}");
    let output = compacted["output"].as_array().expect("items").clone();
    assert_eq!(output.last().expect("an item")["type"], "compaction");

    let mut input = output;
    input.push(json!({ "role": "user", "content": "Go on." }));
    let answer = respond(&gateway, &json!({ "model": SONNET, "input": input, "store": false })).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let counted = json!({ "model": SONNET, "input": "How long is this?" }).to_string();
    let counted = gateway.send(Request::post("/v1/responses/input_tokens", counted)).await;
    assert!(counted.json()["input_tokens"].as_u64().is_some_and(|tokens| tokens > 0));
    assert_eq!(counted.header("x-stonegate-estimated"), Some("true"));
    gateway.finish().await;
}
