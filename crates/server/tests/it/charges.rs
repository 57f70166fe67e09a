//! What upstream bills is charged, whatever becomes of the answer.

use std::time::Duration;

use serde_json::value::RawValue;
use serde_json::{Value, json};
use stonegate_catalog::{Catalog, Place};
use stonegate_ledger::{Basis, Outcome};
use stonegate_protocol::Usage;
use stonegate_simulator::{Behaviour, Cut};

use crate::client::Request;
use crate::gateway::{HAIKU, SONNET, TestGateway, ask, budget, streamed, with};

/// A whole answer as upstream sends it, with this usage.
fn answer_with(usage: &Value) -> Behaviour {
    let message = json!({
        "id": "msg_1", "type": "message", "role": "assistant", "model": "m",
        "content": [{ "type": "text", "text": "a" }], "stop_reason": "end_turn", "stop_sequence": null,
        "usage": usage,
    });
    Behaviour {
        body: Some(RawValue::from_string(message.to_string()).expect("JSON")),
        ..Behaviour::default()
    }
}

#[tokio::test]
async fn an_attempt_that_may_be_billed_is_charged_though_another_one_followed() {
    for (second, status, expected) in [
        (Behaviour::error("ThrottlingException"), 429, Outcome::Refused),
        (Behaviour::text("here"), 200, Outcome::Complete),
    ] {
        let gateway = TestGateway::builder().settings("bedrock.max_attempts = 2").start().await;
        gateway.simulator.script(Behaviour::dropped(Cut::BeforeHeaders));
        gateway.simulator.script(second);
        assert_eq!(gateway.messages(&ask("Hello there friend")).await.status, status);
        let records = gateway.records_soon(2).await;
        let lost = records.iter().find(|record| record.outcome == Outcome::UpstreamFailed).expect("a record");
        assert!(lost.cost.get() > 0 && lost.tokens.input > 0 && lost.basis == Basis::Estimated, "{lost:?}");
        assert!(records.iter().any(|record| record.outcome == expected), "{records:?}");
        gateway.finish().await;
    }
}

#[tokio::test]
async fn nothing_is_sent_again_that_no_budget_covers() {
    // One call of up to 1,000 tokens is quoted at some $0.014.
    let gateway = TestGateway::builder()
        .budget("user:ann", "0.02")
        .settings("budget.fit_floor_tokens = 0\nbedrock.max_attempts = 3")
        .start()
        .await;
    gateway.simulator.script(Behaviour::dropped(Cut::BeforeHeaders));
    assert_eq!(gateway.messages(&ask("Hello")).await.status, 500);
    let record = gateway.record().await;
    assert_eq!((gateway.invocations().len(), record.outcome), (1, Outcome::UpstreamFailed));
    assert!(record.cost.get() > 0, "{record:?}");
    gateway.finish().await;
}

#[tokio::test]
async fn an_answer_whose_report_is_lost_is_charged_what_it_may_have_been() {
    let gateway = TestGateway::start().await;
    gateway.simulator.script(Behaviour::dropped(Cut::AfterEvents(1)));
    assert_eq!(gateway.messages(&ask(&"word ".repeat(20_000))).await.status, 500);
    let record = gateway.record().await;
    assert!(record.tokens.input >= 20_000, "the prompt was read: {record:?}");
    assert_eq!(record.tokens.output, 1_000, "the whole answer was written");
    assert_eq!((record.outcome, record.basis), (Outcome::UpstreamFailed, Basis::Estimated));
    gateway.finish().await;
}

#[tokio::test]
async fn a_stream_without_a_readable_start_is_charged_its_prompt() {
    let gateway = TestGateway::start().await;
    gateway.simulator.script(Behaviour::events([
        r#"{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}"#,
        r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"hi"}}"#,
    ]));
    gateway.messages(&streamed(ask(&"word ".repeat(2_000)))).await;
    let record = gateway.record().await;
    assert!(record.tokens.input >= 2_000 && record.tokens.output > 0, "{record:?}");
    gateway.finish().await;
}

#[tokio::test]
async fn passes_beside_the_answer_are_charged_with_it() {
    let gateway = TestGateway::start().await;
    gateway.simulator.script(answer_with(&json!({
        "input_tokens": 23_000, "output_tokens": 1_000,
        "cache_read_input_tokens": 0, "cache_creation_input_tokens": 0,
        "iterations": [
            { "type": "compaction", "input_tokens": 180_000, "output_tokens": 3_500 },
            { "type": "message", "input_tokens": 23_000, "output_tokens": 1_000 },
        ],
    })));
    gateway.messages(&ask("Hello")).await;
    let tokens = gateway.record().await.tokens;
    assert_eq!((tokens.input, tokens.output), (203_000, 4_500));
    gateway.finish().await;
}

#[tokio::test]
async fn the_end_of_a_stream_does_not_undo_what_its_start_told_of_lifetimes() {
    let gateway = TestGateway::start().await;
    gateway.simulator.script(Behaviour::events([
        r#"{"type":"message_start","message":{"id":"msg_1","type":"message","role":"assistant","model":"m","content":[],"stop_reason":null,"stop_sequence":null,"usage":{"input_tokens":10,"output_tokens":1,"cache_read_input_tokens":0,"cache_creation_input_tokens":1500,"cache_creation":{"ephemeral_5m_input_tokens":1000,"ephemeral_1h_input_tokens":500}}}}"#,
        r#"{"type":"message_delta","delta":{"stop_reason":"end_turn","stop_sequence":null},"usage":{"input_tokens":10,"cache_creation_input_tokens":1500,"cache_read_input_tokens":0,"output_tokens":5}}"#,
        r#"{"type":"message_stop"}"#,
    ]));
    let body = with(
        streamed(ask("Hello")),
        json!({ "system": [
        { "type": "text", "text": "aaaa", "cache_control": { "type": "ephemeral", "ttl": "1h" } },
        { "type": "text", "text": "bbbb", "cache_control": { "type": "ephemeral" } },
    ] }),
    );
    gateway.messages(&body).await;
    let tokens = gateway.record().await.tokens;
    assert_eq!((tokens.cache_write_5m, tokens.cache_write_1h), (1_000, 500));
    gateway.finish().await;
}

#[tokio::test]
async fn an_answer_that_the_gateway_waits_for_no_longer_is_charged_what_was_held() {
    let gateway = TestGateway::builder()
        .settings("bedrock.first_byte_timeout_seconds = 1\nbedrock.max_attempts = 1")
        .start()
        .await;
    gateway.simulator.script(Behaviour::text("late").delay(Duration::from_secs(30)));
    assert_eq!(gateway.messages(&ask("Hello")).await.status, 504);
    let record = gateway.record().await;
    assert_eq!((record.outcome, record.basis), (Outcome::UpstreamFailed, Basis::Unresolved));
    assert_eq!(record.tokens.output, 1_000, "all of it may be written");
    gateway.finish().await;
}

#[tokio::test]
async fn a_model_that_timed_out_by_upstreams_word_is_charged_its_prompt() {
    let gateway = TestGateway::builder().settings("bedrock.max_attempts = 1").start().await;
    gateway.simulator.script(Behaviour::error("ModelTimeoutException"));
    gateway.messages(&ask("Hello there")).await;
    let record = gateway.record().await;
    assert_eq!((record.outcome, record.basis), (Outcome::UpstreamFailed, Basis::Estimated));
    assert!(record.tokens.input > 0 && record.tokens.output == 0, "{record:?}");
    gateway.finish().await;
}

/// A request with these very words.
fn raw(body: String) -> Request {
    Request::post("/v1/messages", body).header("anthropic-version", "2023-06-01")
}

#[tokio::test]
async fn an_hour_in_the_cache_is_priced_as_one_however_its_mark_is_written() {
    let text = "x".repeat(100_000);
    for name in ["cache_control", r"cache\u005fcontrol"] {
        // 100,000 tokens cost $0.28 for five minutes, and $0.44 for an hour.
        let gateway = TestGateway::builder()
            .budget("user:ann", "0.30")
            .settings("budget.fit_floor_tokens = 0")
            .start()
            .await;
        let body = format!(
            r#"{{"model":"{SONNET}","max_tokens":16,"system":[{{"type":"text","text":"{text}","{name}":{{"type":"ephemeral","ttl":"1h"}}}}],"messages":[{{"role":"user","content":"hi"}}]}}"#
        );
        assert_eq!(gateway.send(raw(body)).await.status, 429, "{name}");
        assert!(gateway.invocations().is_empty(), "{name}");
        gateway.finish().await;
    }
}

#[tokio::test]
async fn no_second_type_makes_a_text_look_like_an_image() {
    let gateway = TestGateway::builder()
        .budget("user:ann", "0.05")
        .settings("budget.fit_floor_tokens = 0")
        .start()
        .await;
    let text = "word ".repeat(160_000);
    let body = format!(
        r#"{{"model":"{SONNET}","max_tokens":16,"messages":[{{"role":"user","content":[{{"type":"image","source":{{"type":"base64","media_type":"text/plain","data":"{text}","\u0074ype":"text"}},"\u0074ype":"document"}}]}}]}}"#
    );
    let (status, _, message) = gateway.send(raw(body)).await.error();
    assert_eq!(status, 400);
    assert!(message.starts_with("messages.0.content.0.source.type: The member is given twice"), "{message}");
    assert!(gateway.invocations().is_empty());
    gateway.finish().await;
}

/// A turn with such a part in it.
fn showing(part: &Value) -> Value {
    let content = json!([part, { "type": "text", "text": "What is it?" }]);
    with(ask(""), json!({ "messages": [{ "role": "user", "content": content }] }))
}

/// A turn that answers a call of a tool.
fn with_result() -> Value {
    with(
        ask(""),
        json!({
            "tools": [{ "name": "look", "input_schema": { "type": "object" } }],
            "messages": [
                { "role": "user", "content": "Look" },
                { "role": "assistant", "content": [{ "type": "tool_use", "id": "toolu_1", "name": "look", "input": {} }] },
                { "role": "user", "content": [{ "type": "tool_result", "tool_use_id": "toolu_1", "content": "sunny" }] },
            ],
        }),
    )
}

/// A pixel.
const PNG: &str =
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGP4z8AAAAMBAQDJ/pLvAAAAAElFTkSuQmCC";

#[tokio::test]
async fn whatever_is_asked_costs_the_account_what_upstream_counted() {
    let image =
        json!({ "type": "image", "source": { "type": "base64", "media_type": "image/png", "data": PNG } });
    let document = json!({ "type": "document",
        "source": { "type": "base64", "media_type": "application/pdf", "data": "JVBERi0xLjQK" } });
    let tools = json!({ "tools": [{ "name": "look", "input_schema": { "type": "object" } }] });
    let thinking = json!({ "model": HAIKU, "max_tokens": 4_000,
        "thinking": { "type": "enabled", "budget_tokens": 2_000 } });
    let usage = json!({ "input_tokens": 1_234, "output_tokens": 567 });
    let counted = Usage { input_tokens: 1_234, output_tokens: 567, ..Usage::default() };
    for (what, model, body) in [
        ("a raw id", SONNET, with(ask("Hello"), json!({ "model": "us.anthropic.claude-sonnet-5-5" }))),
        ("a tool", SONNET, with(ask("Look"), tools)),
        ("a tool's result", SONNET, with_result()),
        ("an image", SONNET, showing(&image)),
        ("a document", SONNET, showing(&document)),
        ("thinking", HAIKU, with(ask("Hello"), thinking)),
    ] {
        for stream in [false, true] {
            let gateway = TestGateway::builder().budget("user:ann", "100").start().await;
            let mut behaviour = match what {
                "a tool" => Behaviour::tool("look", "{}"),
                "thinking" => Behaviour::text("so").thinking("well"),
                _ => Behaviour::text("so"),
            };
            behaviour.answer.as_mut().expect("an answer").usage =
                usage.as_object().expect("an object").clone();
            gateway.simulator.script(behaviour);
            let answer = gateway.messages(&with(body.clone(), json!({ "stream": stream }))).await;
            assert_eq!(answer.status, 200, "{what}: {}", answer.text());
            let record = gateway.record().await;
            assert_eq!((record.tokens.input, record.tokens.output), (1_234, 567), "{what}: {record:?}");
            let price = Catalog::builtin().resolve(model, &Place::new("us-east-1")).expect("a model").price;
            assert_eq!((record.cost, record.basis), (price.cost(&counted), Basis::Reported), "{what}");
            assert_eq!(record.counters.len(), 1, "{what} is charged to the budget");
            gateway.finish().await;
        }
    }
}

#[tokio::test]
async fn what_a_call_costs_beyond_its_quote_is_charged_and_told() {
    let gateway = TestGateway::builder().budget("user:ann", "0.05").start().await;
    gateway.simulator.script(answer_with(&json!({ "input_tokens": 1_000_000, "output_tokens": 1 })));
    assert_eq!(gateway.messages(&ask("Hello")).await.status, 200);
    let record = gateway.record().await;
    let operator = gateway.operator().await;
    let stands = operator.list_budgets(Some("user:ann")).await.expect("budgets").remove(0);
    assert_eq!(stands.spent, record.cost.get());
    assert!(stands.spent > stands.limit && stands.spent <= stands.limit + stands.uncovered, "{stands:?}");
    // Now it may be; what it was is still told.
    let raised = operator.set_budget(&budget("user:ann", "100")).await.expect("a budget");
    assert_eq!((raised.id, raised.uncovered), (stands.id, stands.uncovered));
    operator.close().await;
    gateway.finish().await;
}

#[tokio::test]
async fn a_later_turn_of_a_loop_that_fails_is_charged_beside_the_turns_before_it() {
    let gateway = TestGateway::builder().budget("user:ann", "100").start().await;
    gateway.simulator.script(Behaviour::tool("look", "{}"));
    gateway.simulator.script(Behaviour::dropped(Cut::AfterEvents(3)));
    let tools = with_result()["tools"].clone();
    let first = gateway.messages(&streamed(with(ask("Look"), json!({ "tools": tools })))).await;
    assert_eq!(first.status, 200, "{}", first.text());
    gateway.messages(&streamed(with_result())).await;
    let records = gateway.records_soon(2).await;
    let outcomes: Vec<_> = records.iter().map(|record| record.outcome).collect();
    assert_eq!(outcomes, [Outcome::Complete, Outcome::UpstreamFailed]);
    for record in &records {
        assert!(record.cost.get() > 0 && record.tokens.input > 0, "{record:?}");
        assert_eq!(record.counters.len(), 1, "{record:?}");
    }
    gateway.finish().await;
}
