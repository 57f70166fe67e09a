//! Each call leaves one record, and it says what was.

use serde_json::{Value, json};
use stonegate_catalog::{Catalog, Place};
use stonegate_ledger::{Basis, Outcome, Tokens};
use stonegate_protocol::Usage;
use stonegate_server::operator::KeyRequest;
use stonegate_simulator::Behaviour;

use crate::client::Request;
use crate::gateway::{SONNET, TestGateway, ask, key_of, streamed, with};

/// What a call to a model in us-east-1 costs, to the nano-dollar.
fn cost(model: &str, usage: &Usage) -> u64 {
    let place = Place::new("us-east-1");
    Catalog::builtin().resolve(model, &place).expect("a model").price.cost(usage).get()
}

fn scripted(usage: &Value) -> Behaviour {
    let mut behaviour = Behaviour::text("one two three");
    behaviour.answer.as_mut().expect("an answer").usage = usage.as_object().expect("an object").clone();
    behaviour
}

#[tokio::test]
async fn a_call_is_recorded_with_its_tags_and_a_bad_one_is_refused_in_the_callers_dialect() {
    let wanted = KeyRequest { tags: vec!["project=luna".to_owned()], ..key_of("tagged", "ann") };
    let gateway = TestGateway::builder().key(wanted).start().await;
    let tagged = |tags: &'static str| Request::messages(&ask("Hello")).header("x-stonegate-tags", tags);
    assert_eq!(gateway.send(tagged("stage=test, project=apollo")).await.status, 200);
    assert_eq!(gateway.send(tagged("stage=test").key(&gateway.keys[1].key)).await.status, 200);
    let records = gateway.records_soon(2).await;
    let mut tags: Vec<_> = records.iter().map(|record| record.tags.as_str()).collect();
    tags.sort_unstable();
    assert_eq!(tags, ["project=apollo,stage=test", "project=luna,stage=test"]);

    let answer = gateway.send(tagged("project")).await;
    assert_eq!(answer.status, 400);
    assert_eq!(answer.json()["error"]["type"], "invalid_request_error");
    let message = "x-stonegate-tags: `project` is no tag: write NAME=VALUE, with commas between tags";
    assert_eq!(answer.json()["error"]["message"], message);
    gateway.finish().await;
}

#[tokio::test]
async fn a_record_says_who_what_when_and_how_much() {
    for stream in [false, true] {
        let gateway = TestGateway::start().await;
        gateway.simulator.script(scripted(&json!({
            "input_tokens": 1_001, "output_tokens": 77, "cache_read_input_tokens": 2_003,
            "cache_creation_input_tokens": 700,
            "cache_creation": { "ephemeral_5m_input_tokens": 300, "ephemeral_1h_input_tokens": 400 },
        })));
        let body = with(ask("Hello"), json!({ "stream": stream, "model": "us.anthropic.claude-sonnet-5-5" }));
        let request = Request::messages(&body).header("user-agent", "claude-cli/2.1.329 (external, cli)");
        let answer = gateway.send(request).await;
        assert_eq!(answer.status, 200);
        let record = gateway.record().await;
        assert_eq!(answer.header("request-id"), Some(&*record.call.to_string()));
        assert_eq!(answer.header("x-request-id"), Some(&*record.call.to_string()));
        let tokens = Tokens {
            input: 1_001,
            output: 77,
            cache_read: 2_003,
            cache_write_5m: 300,
            cache_write_1h: 400,
            thinking: None,
        };
        assert_eq!(record.tokens, tokens);
        let usage = Usage {
            input_tokens: 1_001,
            output_tokens: 77,
            cache_read_tokens: 2_003,
            cache_write_5m_tokens: 300,
            cache_write_1h_tokens: 400,
            thinking_tokens: None,
        };
        // By hand: 1001 × 2.2 + 77 × 11 + 2003 × 0.11 + 300 × 2.75 + 400 × 4.4 dollars a million, rounded up.
        assert_eq!(record.cost.get(), cost(SONNET, &usage));
        assert_eq!(record.cost.get(), 5_854_530);
        // 3704 × 2.2 + 77 × 11: the same prompt, read anew.
        assert_eq!(record.uncached_cost.get(), 8_995_800);
        assert_eq!((record.outcome, record.basis, record.status), (Outcome::Complete, Basis::Reported, 200));
        assert_eq!(record.stop_reason.as_deref(), Some("end_turn"));
        assert_eq!((&*record.dialect, record.client.as_deref()), ("anthropic", Some("claude-code")));
        assert_eq!(&*record.model_requested, "us.anthropic.claude-sonnet-5-5");
        assert_eq!(&*record.model_served, SONNET);
        assert_eq!(record.stream, stream);
        assert_eq!(&**record.path.tenant(), "default");
        assert_eq!(&**record.path.user(), gateway.keys[0].about.user);
        assert_eq!(record.path.key().map(|key| &**key), Some(&*gateway.keys[0].about.id));
        let first = record.first_byte_us.expect("a first byte");
        assert!(0 < first && first <= record.total_us, "{record:?}");
        let upstream = &gateway.invocations()[0];
        assert_eq!(record.upstream_request_id.as_deref(), Some(&*upstream.request_id));
        assert!(record.endpoint.is_some());
        gateway.finish().await;
    }
}

#[tokio::test]
async fn thinking_tokens_are_recorded_where_upstream_reports_them() {
    let gateway = TestGateway::start().await;
    gateway.simulator.script(scripted(&json!({
        "output_tokens": 90, "output_tokens_details": { "thinking_tokens": 60 },
    })));
    assert_eq!(gateway.messages(&streamed(ask("Hello"))).await.status, 200);
    let tokens = gateway.record().await.tokens;
    assert_eq!((tokens.output, tokens.thinking), (90, Some(60)));
    gateway.finish().await;
}

#[tokio::test]
async fn what_the_client_was_told_is_what_is_recorded() {
    let gateway = TestGateway::start().await;
    let body = with(
        ask("say one two three"),
        json!({ "system": [
            { "type": "text", "text": "word ".repeat(600), "cache_control": { "type": "ephemeral", "ttl": "1h" } },
            { "type": "text", "text": "word ".repeat(300), "cache_control": { "type": "ephemeral" } },
        ] }),
    );
    for _ in 0..2 {
        let answer = gateway.messages(&body).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        let usage = answer.json()["usage"].clone();
        let id = answer.header("request-id").expect("an id");
        let records = gateway.records().await;
        let tokens = records.iter().find(|record| record.call.to_string() == id).expect("its record").tokens;
        assert_eq!(tokens.input, usage["input_tokens"]);
        assert_eq!(tokens.output, usage["output_tokens"]);
        assert_eq!(tokens.cache_read, usage["cache_read_input_tokens"]);
        assert_eq!(tokens.cache_write_5m, usage["cache_creation"]["ephemeral_5m_input_tokens"]);
        assert_eq!(tokens.cache_write_1h, usage["cache_creation"]["ephemeral_1h_input_tokens"]);
    }
    let records = gateway.records().await;
    assert!(records[0].tokens.cache_write_1h > 0 && records[0].tokens.cache_write_5m > 0);
    assert!(records[1].tokens.cache_read > 0);
    assert!(records[1].cost < records[0].cost, "a read is cheaper than a write");
    gateway.finish().await;
}

#[tokio::test]
async fn a_record_is_there_when_the_end_of_the_answer_is() {
    let gateway = TestGateway::start().await;
    for number in 1..=20 {
        let answer = gateway.messages(&streamed(ask("Hello"))).await;
        assert_eq!(answer.events().last().expect("events").name, "message_stop");
        assert_eq!(gateway.records().await.len(), number);
    }
    gateway.finish().await;
}
