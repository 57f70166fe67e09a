//! What upstream reports teaches the gateway what prompts are: about, for estimates, and at most, for quotes.

use serde_json::json;
use stonegate_server::operator::KeyRequest;
use stonegate_simulator::{Behaviour, Outline};

use crate::client::Request;
use crate::gateway::{SONNET, TestGateway, ask, with};

/// A model that CountTokens does not count for.
const NOVA: &str = "nova-lite";

/// The next call's report of its prompt.
fn reporting(input_tokens: usize) -> Behaviour {
    let usage = json!({ "input_tokens": input_tokens }).as_object().expect("an object").clone();
    Behaviour { answer: Some(Outline { usage, ..Outline::default() }), ..Behaviour::default() }
}

async fn estimated(gateway: &TestGateway, path: &str, body: &serde_json::Value) -> u64 {
    let answer =
        gateway.send(Request::post(path, body.to_string()).header("anthropic-version", "2023-06-01")).await;
    assert_eq!(
        (answer.status, answer.header("x-stonegate-estimated")),
        (200, Some("true")),
        "{}",
        answer.text()
    );
    answer.json()["input_tokens"].as_u64().expect("a number")
}

#[tokio::test]
async fn estimates_come_to_what_upstream_reports() {
    let administrator =
        KeyRequest { name: "desk".to_owned(), scopes: Some("all".to_owned()), ..KeyRequest::default() };
    let gateway = TestGateway::builder().key(administrator).start().await;
    let words = "word ".repeat(8_000);
    let body = with(ask(&words), json!({ "model": NOVA }));
    let counted = json!({ "model": NOVA, "messages": body["messages"] });
    let near = |tokens: u64, expected: usize| tokens.abs_diff(expected as u64) * 20 < expected as u64;
    let first = estimated(&gateway, "/v1/messages/count_tokens", &counted).await;
    assert!(near(first, words.len() / 3), "nothing is known yet: {first}");
    // Five bytes to the token.
    for _ in 0..60 {
        gateway.simulator.script(reporting(8_000));
        let answer = gateway.messages(&body).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
    }
    let later = estimated(&gateway, "/v1/messages/count_tokens", &counted).await;
    assert!(near(later, 8_000), "{later}");
    let response = json!({ "model": NOVA, "input": words });
    let response = estimated(&gateway, "/v1/responses/input_tokens", &response).await;
    assert!(near(response, 8_000), "{response}");
    let claude = json!({ "model": SONNET, "input": words });
    let claude = estimated(&gateway, "/v1/responses/input_tokens", &claude).await;
    assert!(near(claude, words.len() / 3), "it says nothing of other makers' models: {claude}");
    assert!(shown(&gateway, NOVA).await.starts_with("0.20"), "an administrator sees it");
    assert_eq!(shown(&gateway, SONNET).await, "0.333");
    gateway.finish().await;
}

/// Tokens to the byte, as administrators see them.
async fn shown(gateway: &TestGateway, model: &str) -> String {
    let models = gateway.send(Request::get("/admin/v1/models").key(&gateway.keys[1].key)).await.json();
    let models = models["data"].as_array().expect("a list");
    let found = models.iter().find(|listed| listed["id"] == model).expect("it is offered");
    found["tokens_per_byte"].as_str().expect("a text").to_owned()
}

#[tokio::test]
async fn a_prompt_beyond_its_bound_raises_later_bounds_and_is_told_once() {
    let gateway = TestGateway::start().await;
    let body = ask("Hello");
    let beyond = 5_000;
    for _ in 0..2 {
        gateway.simulator.script(reporting(beyond));
        assert_eq!(gateway.messages(&body).await.status, 200);
    }
    let told = gateway.log_text();
    let told: Vec<&str> = told.lines().filter(|line| line.contains("more input than its bound")).collect();
    assert_eq!(told.len(), 1, "{told:#?}");
    assert!(told[0].contains("reported_tokens=5000") && told[0].contains(SONNET), "{told:#?}");
    // What is not known is charged from above: by the bound, which is what upstream reported at least.
    gateway.simulator.script(Behaviour::error("ModelTimeoutException").forever());
    assert_ne!(gateway.messages(&body).await.status, 200);
    let records = gateway.records_soon(3).await;
    let charged = &records[2].tokens;
    assert!(charged.input >= beyond as u64, "{charged:?}");
    gateway.finish().await;
}
