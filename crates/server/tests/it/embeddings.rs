//! Embeddings through the whole gateway: what goes upstream, what comes back, and what it costs.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use stonegate_api::BudgetCreate;
use stonegate_ledger::{Basis, Outcome};
use stonegate_simulator::{Behaviour, Cut};

use crate::client::{Answer, Request};
use crate::gateway::{Expected, TestGateway, budget, with};

const TITAN: &str = "titan-embed-text-v2";
const COHERE: &str = "cohere-embed-english-v3";
/// Nano-dollars for a token.
const TITAN_PRICE: u64 = 20;
const COHERE_PRICE: u64 = 100;

fn embed(model: &str, input: &Value) -> Value {
    json!({ "model": model, "input": input })
}

async fn send(gateway: &TestGateway, body: &Value) -> Answer {
    gateway.send(Request::post("/v1/embeddings", body.to_string())).await
}

/// The vectors of an answer, in the order in which they stand there.
fn vectors(answer: &Answer) -> Vec<Vec<f32>> {
    let body = answer.json();
    assert_eq!(answer.status, 200, "{body}");
    let data = body["data"].as_array().expect("data");
    let indexes: Vec<u64> = data.iter().map(|entry| entry["index"].as_u64().expect("an index")).collect();
    assert_eq!(indexes, (0..data.len() as u64).collect::<Vec<_>>());
    data.iter().map(|entry| vector(&entry["embedding"])).collect()
}

fn vector(value: &Value) -> Vec<f32> {
    match value.as_str() {
        Some(text) => {
            let bytes = STANDARD.decode(text).expect("base64");
            bytes.chunks_exact(4).map(|four| f32::from_le_bytes(four.try_into().expect("four"))).collect()
        }
        None => value
            .as_array()
            .expect("numbers")
            .iter()
            .map(|number| number.as_f64().expect("a number") as f32)
            .collect(),
    }
}

#[tokio::test]
async fn one_text_or_many_come_back_as_vectors_for_models_of_every_maker() {
    let mut gateway = TestGateway::start().await;
    for (model, size) in [
        (TITAN, 1_024),
        ("titan-embed-text-v1", 1_536),
        ("titan-embed-image-v1", 1_024),
        (COHERE, 1_024),
        ("cohere-embed-v4", 1_536),
        ("nova-2-multimodal-embeddings", 3_072),
        ("marengo-embed-2-7", 1_024),
        ("marengo-embed-3-0", 512),
    ] {
        let one = send(&gateway, &embed(model, &json!("The gate"))).await;
        let many = send(&gateway, &embed(model, &json!(["A stone", "The gate"]))).await;
        let (one, many) = (vectors(&one), vectors(&many));
        assert_eq!((one.len(), many.len(), one[0].len()), (1, 2, size), "{model}");
        assert_eq!(one[0], many[1], "{model}: the vector belongs to its text");
        assert_ne!(many[0], many[1]);
    }
    // Texts are what TwelveLabs bills: $0.00007 each.
    let records = gateway.records().await;
    let costs: Vec<u64> = records.iter().rev().take(2).map(|record| record.cost.get()).collect();
    assert_eq!(costs, [140_000, 70_000]);
    // Two texts are two calls with all of them but Cohere's two models.
    gateway.expect(Expected { repeated: 6, ..Expected::default() });
    gateway.finish().await;
}

#[tokio::test]
async fn the_answer_has_openais_members_and_the_record_what_upstream_counted() {
    let gateway = TestGateway::start().await;
    let answer = send(&gateway, &embed(TITAN, &json!("four stones at the gate"))).await;
    let body = answer.json();
    assert_eq!((&body["object"], &body["model"]), (&json!("list"), &json!(TITAN)));
    assert_eq!(body["data"][0]["object"], "embedding");
    assert!(answer.header("x-request-id").is_some());
    // A token for four letters, as the simulator counts.
    let counted = 6;
    assert_eq!(body["usage"], json!({ "prompt_tokens": counted, "total_tokens": counted }));
    let record = gateway.record().await;
    assert_eq!((record.tokens.input, record.tokens.output), (counted, 0));
    assert_eq!((record.cost.get(), record.basis), (counted * TITAN_PRICE, Basis::Reported));
    assert_eq!((record.outcome, &*record.model_served), (Outcome::Complete, TITAN));
    gateway.finish().await;
}

#[tokio::test]
async fn base64_and_floats_are_the_same_numbers_and_dimensions_are_the_clients() {
    let gateway = TestGateway::start().await;
    let asked = with(embed(TITAN, &json!("Stone")), json!({ "dimensions": 256 }));
    let floats = send(&gateway, &asked).await;
    let encoded = send(&gateway, &with(asked, json!({ "encoding_format": "base64" }))).await;
    assert!(encoded.json()["data"][0]["embedding"].is_string());
    assert_eq!(vectors(&floats), vectors(&encoded));
    assert_eq!(vectors(&floats)[0].len(), 256);
    let sent = gateway.invocations()[0].json().expect("JSON");
    assert_eq!(sent, json!({ "inputText": "Stone", "dimensions": 256 }));
    gateway.finish().await;
}

#[tokio::test]
async fn tokens_are_read_as_the_text_that_they_stand_for() {
    let gateway = TestGateway::start().await;
    // `hello world` and ` gate` in cl100k_base.
    let words = send(&gateway, &embed(COHERE, &json!(["hello world", "hello"]))).await;
    let tokens = send(&gateway, &embed(COHERE, &json!([[15_339, 1_917], [15_339]]))).await;
    let flat = send(&gateway, &embed(COHERE, &json!([15_339, 1_917]))).await;
    assert_eq!(vectors(&words), vectors(&tokens));
    assert_eq!(vectors(&flat)[0], vectors(&words)[0]);
    gateway.finish().await;
}

#[tokio::test]
async fn a_large_batch_is_split_run_side_by_side_and_put_together_in_order() {
    let mut gateway = TestGateway::start().await;
    // The first part is the last to come.
    gateway.simulator.script(Behaviour::default().delay(Duration::from_millis(150)));
    let texts: Vec<String> = (0..200).map(|nth| format!("stone number {nth}")).collect();
    let answer = send(&gateway, &embed(COHERE, &json!(texts))).await;
    let found = vectors(&answer);
    assert_eq!(found.len(), 200);
    let sizes: Vec<usize> = gateway
        .invocations()
        .iter()
        .map(|call| call.json().expect("JSON")["texts"].as_array().map_or(0, Vec::len))
        .collect();
    assert_eq!(
        {
            let mut sizes = sizes;
            sizes.sort_unstable();
            sizes
        },
        [8, 96, 96]
    );
    for nth in [0, 95, 96, 199] {
        let alone = send(&gateway, &embed(COHERE, &json!(texts[nth]))).await;
        assert_eq!(found[nth], vectors(&alone)[0], "{nth}");
    }
    let records = gateway.records().await;
    assert_eq!(records.len(), 5, "one request is one record, however many calls it took");
    let counted = answer.json()["usage"]["prompt_tokens"].as_u64().expect("a count");
    assert_eq!((records[0].tokens.input, records[0].cost.get()), (counted, counted * COHERE_PRICE));
    gateway.expect(Expected { repeated: 2, ..Expected::default() });
    gateway.finish().await;
}

#[tokio::test]
async fn when_a_part_fails_nothing_new_is_sent_and_what_the_others_took_is_charged() {
    let mut gateway = TestGateway::builder().settings("bedrock.max_attempts = 1").start().await;
    // The third is refused at once, while the others are still being written.
    let slow = Behaviour::default().delay(Duration::from_millis(200));
    gateway.simulator.script(slow.when_text("slow").times(7));
    let mut texts = vec!["slow stone"; 20];
    texts[2] = "[sim: error 400 ValidationException \"No stones.\"]";
    let answer = send(&gateway, &embed(TITAN, &json!(texts))).await;
    let (status, kind) = (answer.status, answer.json()["error"]["type"].clone());
    assert_eq!((status, kind), (400, json!("invalid_request_error")), "{}", answer.text());
    let calls = gateway.invocations();
    assert_eq!(calls.len(), 8, "what had not begun is not sent");
    let record = gateway.record().await;
    let tokens = 7 * 3;
    assert_eq!((record.tokens.input, record.cost.get()), (tokens, tokens * TITAN_PRICE), "{record:?}");
    assert_eq!((record.outcome, record.basis), (Outcome::UpstreamFailed, Basis::Reported));
    gateway.expect(Expected { repeated: 7, ..Expected::default() });
    gateway.finish().await;
}

#[tokio::test]
async fn a_part_that_may_be_billed_though_no_answer_came_is_charged_by_its_size() {
    for (attempts, status, records) in [(1, 500, 1), (2, 200, 2)] {
        let settings = format!("bedrock.max_attempts = {attempts}");
        let gateway = TestGateway::builder().settings(&settings).start().await;
        gateway.simulator.script(Behaviour::dropped(Cut::AfterBytes(5)));
        let answer = send(&gateway, &embed(TITAN, &json!("four stones at the gate"))).await;
        assert_eq!(answer.status, status, "{}", answer.text());
        let records = gateway.records_soon(records).await;
        let lost = records.iter().find(|record| record.outcome == Outcome::UpstreamFailed).expect("a record");
        assert!(lost.tokens.input >= 6 && lost.cost.get() >= 6 * TITAN_PRICE, "{lost:?}");
        assert_eq!(lost.basis, Basis::Estimated);
        gateway.finish().await;
    }
}

#[tokio::test]
async fn a_part_that_is_throttled_is_tried_again() {
    let mut gateway = TestGateway::start().await;
    gateway.simulator.script(Behaviour::error("ThrottlingException"));
    let answer = send(&gateway, &embed(COHERE, &json!(["One", "Two"]))).await;
    assert_eq!(vectors(&answer).len(), 2);
    assert_eq!(gateway.invocations().len(), 2);
    gateway.expect(Expected { repeated: 1, ..Expected::default() });
    gateway.finish().await;
}

#[tokio::test]
async fn a_refusal_of_upstreams_costs_nothing_and_has_openais_shape() {
    let mut gateway = TestGateway::start().await;
    let body = with(embed(TITAN, &json!("Stone")), json!({ "dimensions": 300 }));
    let answer = send(&gateway, &body).await;
    let error = answer.json()["error"].clone();
    assert_eq!((answer.status, &error["type"]), (400, &json!("invalid_request_error")), "{error}");
    assert!(error["message"].as_str().is_some_and(|said| said.contains("dimensions")), "{error}");
    let record = gateway.record().await;
    assert_eq!((record.cost.get(), record.outcome), (0, Outcome::Refused));
    gateway.expect(Expected { refused: 1, ..Expected::default() });
    gateway.finish().await;
}

#[tokio::test]
async fn what_cannot_be_embedded_is_refused_before_anything_is_sent() {
    let gateway = TestGateway::start().await;
    for (body, status, part) in [
        (json!({ "model": TITAN }), 400, "input"),
        (json!({ "input": "Stone" }), 400, "model"),
        (embed(TITAN, &json!([])), 400, "input"),
        (embed(TITAN, &json!(["Stone", ""])), 400, "input.1"),
        (embed(TITAN, &json!(7)), 400, "input"),
        (embed(TITAN, &json!([4_000_000_000_u64])), 400, "input"),
        (embed(TITAN, &json!(vec!["x"; 2_049])), 400, "2048"),
        (with(embed(TITAN, &json!("Stone")), json!({ "wish": 1 })), 400, "wish"),
        (with(embed(COHERE, &json!("Stone")), json!({ "dimensions": 256 })), 400, "dimensions"),
        (with(embed(TITAN, &json!("Stone")), json!({ "encoding_format": "hex" })), 400, "hex"),
        (embed("nobody-embeds", &json!("Stone")), 404, "nobody-embeds"),
        (embed("claude-sonnet-5-5", &json!("Stone")), 400, "embed"),
    ] {
        let answer = send(&gateway, &body).await;
        let error = answer.json()["error"].clone();
        assert_eq!(answer.status, status, "{body} {error}");
        assert!(error["type"].is_string() && error.get("param").is_some(), "{error}");
        let said = format!("{} {}", error["message"], error["param"]);
        assert!(said.contains(part), "{said} has no {part}");
    }
    let nobody = Request::post("/v1/embeddings", embed(TITAN, &json!("Stone")).to_string()).key("sk-nobody");
    assert_eq!(gateway.send(nobody).await.status, 401);
    assert!(gateway.invocations().is_empty() && gateway.records().await.is_empty());
    gateway.finish().await;
}

#[tokio::test]
async fn budgets_in_money_and_in_tokens_bind() {
    let tokens = BudgetCreate { limit_usd: None, limit_tokens: Some(3_000), ..budget("user:ann", "1") };
    for limit in [budget("user:ann", "0.00006"), tokens] {
        let gateway = TestGateway::builder().any_budget(limit).start().await;
        assert_eq!(send(&gateway, &embed(TITAN, &json!("Stone"))).await.status, 200);
        let long = embed(TITAN, &json!("stone ".repeat(1_000)));
        let answer = send(&gateway, &long).await;
        let error = answer.json()["error"].clone();
        assert_eq!((answer.status, &error["code"]), (429, &json!("insufficient_quota")), "{error}");
        assert_eq!(answer.header("x-should-retry"), Some("false"));
        assert_eq!(gateway.invocations().len(), 1);
        gateway.finish().await;
    }
}
