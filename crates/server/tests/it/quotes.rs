//! Nothing costs more than was held for it.

use serde_json::value::RawValue;
use serde_json::{Value, json};
use stonegate_ledger::Nanodollars;
use stonegate_simulator::Behaviour;

use crate::client::{Answer, Request};
use crate::gateway::{HAIKU, SONNET, TestGateway, ask, with};

/// A page of a PDF may be shown thousands of times in a few bytes.
const PDF: &str = "JVBERi0xLjQK";

/// A gateway with so many dollars for Ann, and no lowering of ceilings.
async fn with_dollars(usd: &str) -> TestGateway {
    TestGateway::builder().budget("user:ann", usd).settings("budget.fit_floor_tokens = 0").start().await
}

/// What a request is quoted at: what a budget that has next to nothing is told of it.
async fn quoted(path: &str, body: &Value) -> Nanodollars {
    let gateway = with_dollars("0.000001").await;
    let answer = gateway.send(request(&gateway, path, body)).await;
    assert!(gateway.invocations().is_empty(), "nothing is sent that no budget covers");
    gateway.finish().await;
    let text = answer.text();
    let amount = text.split_once("call of up to $").map_or("", |(_, amount)| amount);
    let amount: String =
        amount.chars().take_while(|letter| letter.is_ascii_digit() || *letter == '.').collect();
    Nanodollars::parse_dollars(amount.trim_end_matches('.')).expect(text)
}

fn request(gateway: &TestGateway, path: &str, body: &Value) -> Request {
    Request::post(path, body.to_string())
        .header("anthropic-version", "2023-06-01")
        .header("anthropic-beta", "compact-2026-01-12,context-management-2025-06-27")
        .header("authorization", &format!("Bearer {}", gateway.key))
}

#[tokio::test]
async fn a_ceiling_that_no_model_reaches_is_not_what_a_call_may_cost() {
    let absurd = with(ask("Hi"), json!({ "max_tokens": u64::MAX }));
    assert!(quoted("/v1/messages", &absurd).await < Nanodollars::from_dollars(1_000));
}

/// What it costs when upstream reports that usage.
async fn cost(path: &str, body: &Value, usage: &Value) -> Nanodollars {
    let gateway = TestGateway::start().await;
    let message = json!({
        "id": "msg_1", "type": "message", "role": "assistant", "model": "m",
        "content": [{ "type": "text", "text": "a" }], "stop_reason": "end_turn", "stop_sequence": null,
        "usage": usage,
    });
    let body_of_answer = Some(RawValue::from_string(message.to_string()).expect("JSON"));
    gateway.simulator.script(Behaviour { body: body_of_answer, ..Behaviour::default() });
    let answer: Answer = gateway.send(request(&gateway, path, body)).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let cost = gateway.record().await.cost;
    gateway.finish().await;
    cost
}

fn document(source: Value) -> Value {
    let part =
        json!([{ "type": "document", "source": source }, { "type": "text", "text": "What is in it?" }]);
    with(ask(""), json!({ "messages": [{ "role": "user", "content": part }] }))
}

fn pdf() -> Value {
    document(json!({ "type": "base64", "media_type": "application/pdf", "data": PDF }))
}

#[tokio::test]
async fn what_upstream_may_bill_is_held_before_it_is_sent() {
    let chat = json!({ "model": SONNET, "max_completion_tokens": 1_000, "messages": [{ "role": "user", "content": [
        { "type": "file", "file": { "filename": "a.pdf", "file_data": format!("data:application/pdf;base64,{PDF}") } },
    ] }] });
    let responses = json!({ "model": SONNET, "max_output_tokens": 1_000, "input": [{ "role": "user", "content": [
        { "type": "input_file", "filename": "a.pdf", "file_data": format!("data:application/pdf;base64,{PDF}") },
    ] }] });
    let whole_window =
        json!({ "input_tokens": 0, "cache_creation_input_tokens": 999_000, "output_tokens": 1_000 });
    let marked = with(
        pdf(),
        json!({ "system": [
        { "type": "text", "text": "Be brief.", "cache_control": { "type": "ephemeral", "ttl": "1h" } },
    ] }),
    );
    let cached = json!({ "input_tokens": 0, "cache_creation_input_tokens": 999_000, "output_tokens": 1_000,
        "cache_creation": { "ephemeral_1h_input_tokens": 999_000, "ephemeral_5m_input_tokens": 0 } });
    // Every second letter is a token of its own, and 100,000 are where this model's prices step up.
    let long = with(ask(&"é ".repeat(60_000)), json!({ "model": "claude-haiku-5-5" }));
    let stepped = json!({ "input_tokens": 120_000, "output_tokens": 1_000 });
    let compacting = with(
        ask(&"word ".repeat(40_000)),
        json!({ "context_management": { "edits": [
        { "type": "compact_20260112" },
    ] } }),
    );
    let summed_up = json!({
        "input_tokens": 60_000, "output_tokens": 1_000,
        "iterations": [
            { "type": "compaction", "input_tokens": 200_000, "output_tokens": 50_000 },
            { "type": "message", "input_tokens": 60_000, "output_tokens": 1_000 },
        ],
    });
    let small = document(json!({ "type": "text", "media_type": "text/plain", "data": "a b c" }));
    let messages = "/v1/messages";
    for (what, path, body, usage) in [
        ("a PDF", messages, pdf(), &whole_window),
        ("a PDF in a chat", "/v1/chat/completions", chat, &whole_window),
        ("a PDF in Responses", "/v1/responses", responses, &whole_window),
        ("a PDF that is cached for an hour", messages, marked, &cached),
        ("a prompt beyond a step", messages, long, &stepped),
        ("a history that is summed up", messages, compacting, &summed_up),
        ("a text", messages, small, &json!({ "input_tokens": 1_200, "output_tokens": 1_000 })),
    ] {
        let (held, spent) = (quoted(path, &body).await, cost(path, &body, usage).await);
        assert!(spent <= held, "{what} costs {spent}, and {held} were held");
    }
}

#[tokio::test]
async fn what_has_a_bound_is_not_quoted_as_if_it_had_none() {
    let dollars = |text: &str| Nanodollars::parse_dollars(text).expect("dollars");
    // A text as a document, some 100 tokens and 1,000 to answer: not the price of a whole window.
    let text = document(json!({ "type": "text", "media_type": "text/plain", "data": "a b c" }));
    assert!(quoted("/v1/messages", &text).await < dollars("0.03"));
    // A short history is not summed up.
    let short =
        with(ask("Hello"), json!({ "context_management": { "edits": [{ "type": "compact_20260112" }] } }));
    assert_eq!(quoted("/v1/messages", &short).await, {
        let padded = with(
            ask("Hello"),
            json!({ "context_management": { "edits": [{ "type": "clear_tool_00000" }] } }),
        );
        quoted("/v1/messages", &padded).await
    });
    // 200,000 tokens are all that this model reads.
    let haiku = with(pdf(), json!({ "model": HAIKU }));
    assert!(quoted("/v1/messages", &haiku).await < dollars("0.30"));
    // The million of that one has to be asked for, and costs twice as much a token.
    let old = with(pdf(), json!({ "model": "claude-sonnet-4" }));
    assert!(quoted("/v1/messages", &old).await < dollars("0.80"));
    let asked = with(pdf(), json!({ "model": "claude-sonnet-4[1m]" }));
    assert!(quoted("/v1/messages", &asked).await > dollars("7"));
}

#[tokio::test]
async fn what_has_no_price_is_refused_and_not_sent() {
    let gateway = TestGateway::start().await;
    let turn = json!([{ "role": "user", "content": [{ "text": "Hi" }] }]);
    let fast = json!({ "messages": turn, "performanceConfig": { "latency": "optimized" } });
    let answer = gateway.send(request(&gateway, "/model/claude-sonnet-5-5/converse", &fast)).await;
    assert_eq!(answer.status, 400, "{}", answer.text());
    assert!(answer.text().contains("performanceConfig.latency"), "{}", answer.text());
    let tier = json!({ "messages": turn, "serviceTier": { "type": "sometime" } });
    let answer = gateway.send(request(&gateway, "/model/claude-sonnet-5-5/converse", &tier)).await;
    assert_eq!(answer.status, 400, "{}", answer.text());
    let usual = json!({ "messages": turn, "performanceConfig": { "latency": "standard" } });
    let answer = gateway.send(request(&gateway, "/model/claude-sonnet-5-5/converse", &usual)).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(gateway.invocations().len(), 1);
    gateway.finish().await;
}
