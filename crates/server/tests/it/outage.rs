//! The store goes away and comes back.

use std::sync::atomic::Ordering;
use std::time::Duration;

use serde_json::json;

use crate::gateway::{Line, SOON, TestGateway, ask, streamed, with};

/// Cuts the line and waits until the gateway takes its store for gone.
async fn cut(gateway: &TestGateway, line: &Line) {
    line.store(true, Ordering::Relaxed);
    let told = async {
        while !gateway.log_text().contains("the ledger could not be synced") {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(SOON, told).await.expect("it is noticed at the next poll");
}

#[tokio::test]
async fn new_calls_are_refused_while_the_store_is_away_and_served_when_it_is_back() {
    let line = Line::default();
    let gateway = TestGateway::builder().line(&line).budget("user:ann", "1").start().await;
    assert_eq!(gateway.messages(&ask("Hello")).await.status, 200);
    cut(&gateway, &line).await;
    tokio::time::sleep(Duration::from_millis(2_200)).await;
    for body in [ask("Hello"), streamed(ask("Hello"))] {
        let answer = gateway.messages(&body).await;
        assert_eq!(answer.status, 503, "{}", answer.text());
        assert!(answer.error().2.contains("budgets cannot be read"), "{}", answer.text());
    }
    assert_eq!(gateway.invocations().len(), 1, "nothing was sent");
    line.store(false, Ordering::Relaxed);
    let back = async { while gateway.messages(&ask("Hello")).await.status != 200 {} };
    tokio::time::timeout(SOON, back).await.expect("it is served");
    gateway.finish().await;
}

#[tokio::test]
async fn calls_go_on_within_their_lease_where_that_is_set() {
    let line = Line::default();
    let gateway = TestGateway::builder()
        .line(&line)
        .budget("user:ann", "1")
        .settings("store.on_outage = \"serve_leased\"")
        .start()
        .await;
    assert_eq!(gateway.messages(&ask("Hello")).await.status, 200);
    cut(&gateway, &line).await;
    // What was taken once is on lease for a while.
    for body in [ask("Hello"), streamed(ask("Hello"))] {
        assert_eq!(gateway.messages(&body).await.status, 200, "it is served to its end");
    }
    let beyond = gateway.messages(&with(ask("Hello"), json!({ "max_tokens": 60_000 }))).await;
    let lowered = beyond.header("x-stonegate-max-tokens").map(str::to_owned);
    assert!(beyond.status == 503 || lowered.is_some(), "nothing goes beyond the lease: {}", beyond.text());
    let served = gateway.invocations().len();
    assert_eq!(gateway.records().await.len(), 1, "the store knows of none of them");
    line.store(false, Ordering::Relaxed);
    assert_eq!(gateway.records_soon(served).await.len(), served, "and then of all");
    gateway.finish().await;
}
