//! Rankings through the whole gateway, in the shape that Cohere's and Jina's users know.

use serde_json::{Value, json};
use stonegate_ledger::{Basis, Outcome};
use stonegate_simulator::Behaviour;

use crate::client::{Answer, Request};
use crate::gateway::{Expected, TestGateway, with};

const COHERE: &str = "cohere-rerank-v3-5";
const AMAZON: &str = "amazon-rerank";
/// Nano-dollars for a query.
const COHERE_PRICE: u64 = 2_000_000;
const AMAZON_PRICE: u64 = 1_000_000;

fn rank(model: &str, documents: &Value) -> Value {
    json!({ "model": model, "query": "capital of France", "documents": documents })
}

fn three() -> Value {
    json!(["Rivers and meadows", { "text": "The capital of France is Paris" }, "The capital is money"])
}

async fn send(gateway: &TestGateway, body: &Value) -> Answer {
    gateway.send(Request::post("/v1/rerank", body.to_string())).await
}

#[tokio::test]
async fn documents_come_in_the_order_of_their_relevance() {
    let gateway = TestGateway::start().await;
    for (model, price) in [(COHERE, COHERE_PRICE), (AMAZON, AMAZON_PRICE)] {
        let body = with(rank(model, &three()), json!({ "top_n": 2, "return_documents": true }));
        let answer = send(&gateway, &body).await;
        let said = answer.json();
        assert_eq!(answer.status, 200, "{said}");
        let results = said["results"].as_array().expect("results");
        let order: Vec<&Value> = results.iter().map(|result| &result["index"]).collect();
        assert_eq!(order, [&json!(1), &json!(2)], "{model}");
        assert!(results[0]["relevance_score"].as_f64() > results[1]["relevance_score"].as_f64());
        assert_eq!(results[0]["document"], json!({ "text": "The capital of France is Paris" }));
        assert_eq!(results[1]["document"], json!({ "text": "The capital is money" }));
        assert_eq!(said["meta"]["billed_units"]["search_units"], 1);
        let record = gateway.records().await.pop().expect("a record");
        assert_eq!((record.cost.get(), record.basis), (price, Basis::Reported), "{model}");
        assert_eq!(record.tokens.input, said["usage"]["total_tokens"].as_u64().expect("a count"));
    }
    // Cohere's clients of today ask at another path for the same.
    let body = with(rank(COHERE, &three()), json!({ "max_tokens_per_doc": 4096, "priority": 1 }));
    let today = gateway.send(Request::post("/v2/rerank", body.to_string())).await;
    assert_eq!((today.status, &today.json()["results"][0]["index"]), (200, &json!(1)));
    assert_eq!(today.header("x-stonegate-dropped"), Some("max_tokens_per_doc, priority"));
    let sent = gateway.invocations()[0].json().expect("JSON");
    assert_eq!((&sent["api_version"], &sent["top_n"]), (&json!(2), &json!(2)));
    gateway.finish().await;
}

#[tokio::test]
async fn more_documents_than_a_query_holds_are_more_queries() {
    let gateway = TestGateway::start().await;
    let plain = send(&gateway, &rank(COHERE, &json!(vec!["stone"; 250]))).await;
    assert_eq!(plain.json()["meta"]["billed_units"]["search_units"], 3);
    // A document of 2,000 bytes may be more than the 500 tokens that count as one.
    let long = send(&gateway, &rank(COHERE, &json!(vec!["stone ".repeat(333); 60]))).await;
    assert_eq!(long.json()["meta"]["billed_units"]["search_units"], 2);
    let records = gateway.records().await;
    let charged: Vec<_> = records.iter().map(|record| (record.cost.get(), record.basis)).collect();
    assert_eq!(charged, [(3 * COHERE_PRICE, Basis::Reported), (2 * COHERE_PRICE, Basis::Estimated)]);
    gateway.finish().await;
}

#[tokio::test]
async fn what_upstream_refuses_costs_nothing() {
    let gateway = TestGateway::builder().settings("bedrock.max_attempts = 1").start().await;
    gateway.simulator.script(Behaviour::error("ThrottlingException"));
    let answer = send(&gateway, &rank(COHERE, &three())).await;
    assert_eq!((answer.status, &answer.json()["error"]["type"]), (429, &json!("rate_limit_error")));
    let record = gateway.record().await;
    assert_eq!((record.cost.get(), record.outcome), (0, Outcome::Refused));
    gateway.finish().await;
}

#[tokio::test]
async fn what_cannot_be_ranked_is_refused_before_anything_is_sent() {
    let gateway = TestGateway::start().await;
    for (body, status, part) in [
        (json!({ "model": COHERE, "documents": ["a"] }), 400, "query"),
        (with(rank(COHERE, &three()), json!({ "query": "" })), 400, "query"),
        (rank(COHERE, &json!([])), 400, "documents"),
        (rank(COHERE, &json!(vec!["a"; 1_001])), 400, "documents"),
        (with(rank(COHERE, &three()), json!({ "top_n": 0 })), 400, "top_n"),
        (with(rank(COHERE, &three()), json!({ "wish": 1 })), 400, "wish"),
        (rank("claude-sonnet-5-5", &three()), 404, "does not do what this API is for"),
        (rank("nobody-ranks", &three()), 404, "nobody-ranks"),
    ] {
        let answer = send(&gateway, &body).await;
        assert_eq!(answer.status, status, "{}", answer.text());
        let error = answer.json()["error"].to_string();
        assert!(error.contains(part), "{error} has no {part}");
    }
    assert!(gateway.invocations().is_empty() && gateway.records().await.is_empty());
    gateway.finish().await;
}

#[tokio::test]
async fn a_budget_covers_queries_to_the_last_one() {
    let gateway = TestGateway::builder().budget("user:ann", "0.005").start().await;
    let statuses = [(); 3].map(|()| rank(COHERE, &three()));
    let mut found = Vec::new();
    for body in &statuses {
        found.push(send(&gateway, body).await.status);
    }
    assert_eq!(found, [200, 200, 429]);
    gateway.finish().await;
}

#[tokio::test]
async fn a_ranking_of_what_was_not_sent_is_a_failure_and_charged() {
    let mut gateway = TestGateway::start().await;
    let body = json!({ "results": [{ "index": 9, "relevance_score": 0.5 }] });
    let body = serde_json::value::RawValue::from_string(body.to_string()).expect("JSON");
    gateway.simulator.script(Behaviour { body: Some(body), ..Behaviour::default() });
    let answer = send(&gateway, &rank(AMAZON, &three())).await;
    assert!(answer.status >= 500, "{}", answer.text());
    let record = gateway.record().await;
    assert_eq!((record.cost.get(), record.outcome), (AMAZON_PRICE, Outcome::UpstreamFailed));
    gateway.expect(Expected::default());
    gateway.finish().await;
}
