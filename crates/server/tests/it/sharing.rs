//! Many calls on a budget that is nearly used up: each gets a part, and waits for the others rather than be refused.

use std::time::Duration;

use serde_json::json;
use stonegate_simulator::Behaviour;

use crate::budgets::{quote_of, refusal, usd};
use crate::client::{Answer, Request, together};
use crate::gateway::{TestGateway, ask, with};

fn lowered_to(answer: &Answer) -> u64 {
    answer.header("x-stonegate-max-tokens").expect("said").parse().expect("a number")
}

#[tokio::test]
async fn calls_with_large_ceilings_share_what_is_left() {
    // Some 45,000 tokens at $11 a million: not even one and a half of the calls, were they to hold what they ask for.
    let gateway = TestGateway::builder().budget("user:ann", "0.5").start().await;
    gateway.simulator.script(Behaviour::text("Hello").delay(Duration::from_millis(300)).forever());
    let body = with(ask("Hello"), json!({ "max_tokens": 32_000 }));
    let answers = together((0..10).map(|_| gateway.messages(&body))).await;
    let mut ceilings: Vec<u64> = answers.iter().map(lowered_to).collect();
    ceilings.sort_unstable();
    assert!(answers.iter().all(|answer| answer.status == 200));
    assert!(ceilings.last() < Some(&11_400), "nobody takes more than a quarter: {ceilings:?}");
    assert!(ceilings.first() >= Some(&256), "{ceilings:?}");
    gateway.finish().await;
}

#[tokio::test]
async fn how_large_a_share_is_can_be_set() {
    for (percent, tokens) in [(10, 4_000..4_600), (100, 31_999..32_001)] {
        let settings = format!("budget.share_percent = {percent}");
        let gateway = TestGateway::builder().budget("user:ann", "0.5").settings(&settings).start().await;
        let answer = gateway.messages(&with(ask("Hello"), json!({ "max_tokens": 32_000 }))).await;
        let ceiling = answer.header("x-stonegate-max-tokens").map_or(32_000, |_| lowered_to(&answer));
        assert!(tokens.contains(&ceiling), "{ceiling}");
        gateway.finish().await;
    }
}

#[tokio::test]
async fn a_call_waits_for_those_that_hold_all_credit() {
    let body = ask("Hello there, all of you");
    let quote = quote_of(&body).await;
    let gateway = TestGateway::builder()
        .budget("user:ann", &usd(quote + quote / 2))
        .settings("budget.fit_floor_tokens = 0")
        .start()
        .await;
    gateway.simulator.script(Behaviour::text("Hello").delay(Duration::from_millis(30)).forever());
    let answers = together((0..8).map(|_| gateway.messages(&body))).await;
    assert!(answers.iter().all(|answer| answer.status == 200), "they are served one after the other");
    gateway.finish().await;
}

#[tokio::test]
async fn nobody_waits_longer_than_is_set_nor_for_what_cannot_come() {
    let body = ask("Hello there, all of you");
    let quote = quote_of(&body).await;
    let gateway = TestGateway::builder()
        .budget("user:ann", &usd(quote + quote / 2))
        .settings("budget.fit_floor_tokens = 0\nbudget.wait_seconds = 1")
        .start()
        .await;
    gateway.simulator.script(Behaviour::text("Hello").delay(Duration::from_millis(2_500)).forever());
    let started = std::time::Instant::now();
    let dear = with(body.clone(), json!({ "max_tokens": 60_000 }));
    let answers = together([&body, &body, &dear].map(|body| async {
        let answer = gateway.messages(body).await;
        (answer, started.elapsed())
    }))
    .await;
    let mut refused: Vec<_> = answers.iter().filter(|(answer, _)| answer.status != 200).collect();
    refused.sort_by_key(|(_, elapsed)| *elapsed);
    let [(dear, at_once), (short, after_a_second)] = refused.as_slice() else { panic!("one is served") };
    refusal(dear);
    refusal(short);
    assert!(*at_once < Duration::from_millis(900), "{at_once:?}");
    assert!((1_000..2_400).contains(&after_a_second.as_millis()), "{after_a_second:?}");
    gateway.finish().await;
}

#[tokio::test]
async fn a_client_that_leaves_the_queue_lets_the_next_one_forward() {
    let body = ask("Hello there, all of you");
    let quote = quote_of(&body).await;
    let gateway = TestGateway::builder()
        .budget("user:ann", &usd(quote + quote / 2))
        .settings("budget.fit_floor_tokens = 0")
        .start()
        .await;
    gateway.simulator.script(Behaviour::text("Hello").delay(Duration::from_millis(400)).forever());
    let first = async { gateway.messages(&body).await };
    let impatient = async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        let waiting = gateway.try_open(Request::messages(&body));
        assert!(tokio::time::timeout(Duration::from_millis(100), waiting).await.is_err(), "it waits");
    };
    let patient = async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        gateway.messages(&body).await
    };
    let (first, (), patient) = tokio::join!(first, impatient, patient);
    assert_eq!((first.status, patient.status), (200, 200));
    assert_eq!(gateway.invocations().len(), 2);
    gateway.finish().await;
}
