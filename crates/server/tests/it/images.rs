//! Images through the whole gateway.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use stonegate_ledger::{Basis, Outcome};
use stonegate_simulator::Behaviour;

use crate::client::{Answer, Request};
use crate::gateway::{Expected, TestGateway, with};

const TITAN: &str = "titan-image-generator-v2";
const STABLE: &str = "stable-image-core";
/// Nano-dollars for an image.
const TITAN_PRICE: u64 = 8_000_000;
const STABLE_PRICE: u64 = 40_000_000;

fn paint(model: &str, images: u64) -> Value {
    json!({ "model": model, "prompt": "A gate by a river", "n": images })
}

async fn send(gateway: &TestGateway, body: &Value) -> Answer {
    gateway.send(Request::post("/v1/images/generations", body.to_string())).await
}

/// Width and height of each image of an answer.
fn sizes(answer: &Answer) -> Vec<(u32, u32)> {
    let body = answer.json();
    assert_eq!(answer.status, 200, "{body}");
    let side = |png: &[u8], at: usize| u32::from_be_bytes(png[at..at + 4].try_into().expect("four"));
    let images = body["data"].as_array().expect("data").iter().map(|image| {
        let png = STANDARD.decode(image["b64_json"].as_str().expect("base64")).expect("base64");
        assert_eq!(&png[1..4], b"PNG");
        (side(&png, 16), side(&png, 20))
    });
    images.collect()
}

#[tokio::test]
async fn as_many_images_come_as_were_asked_for_in_their_size() {
    let mut gateway = TestGateway::start().await;
    for (model, size, expected, calls) in [
        (TITAN, "512x512", (512, 512), 2),
        ("nova-canvas", "512x768", (512, 768), 2),
        // The shape, not the pixels.
        (STABLE, "1024x1536", (128, 192), 7),
        ("sd3-5-large", "1024x1024", (64, 64), 7),
    ] {
        let before = gateway.invocations().len();
        let answer = send(&gateway, &with(paint(model, 7), json!({ "size": size }))).await;
        assert_eq!(sizes(&answer), [expected; 7], "{model}");
        assert!(answer.json()["created"].as_i64().is_some_and(|at| at > 0));
        assert_eq!(gateway.invocations().len() - before, calls, "{model}");
    }
    let costs: Vec<u64> = gateway.records().await.iter().map(|record| record.cost.get()).collect();
    assert_eq!((costs[0], costs[1], costs[2]), (7 * TITAN_PRICE, 7 * 60_000_000, 7 * STABLE_PRICE));
    gateway.expect(Expected { repeated: 14, ..Expected::default() });
    gateway.finish().await;
}

#[tokio::test]
async fn seeds_and_qualities_go_upstream() {
    let gateway = TestGateway::start().await;
    let wishes =
        json!({ "seed": 7, "quality": "hd", "negative_prompt": "people", "size": "512x512", "user": "u" });
    let answer = send(&gateway, &with(paint(TITAN, 1), wishes)).await;
    assert_eq!(sizes(&answer).len(), 1);
    let sent = gateway.sent_upstream();
    assert_eq!(sent["textToImageParams"]["negativeText"], "people");
    let config = json!({ "numberOfImages": 1, "width": 512, "height": 512, "quality": "premium", "seed": 7 });
    assert_eq!(sent["imageGenerationConfig"], config);
    gateway.finish().await;
}

#[tokio::test]
async fn when_one_of_several_calls_fails_the_others_images_are_charged() {
    let mut gateway = TestGateway::builder().settings("bedrock.max_attempts = 1").start().await;
    gateway.simulator.script(Behaviour::default().delay(Duration::from_millis(100)));
    gateway.simulator.script(Behaviour::error("ValidationException"));
    gateway.simulator.script(Behaviour::default().delay(Duration::from_millis(100)));
    let answer = send(&gateway, &paint(STABLE, 3)).await;
    assert_eq!(answer.status, 400, "{}", answer.text());
    let record = gateway.record().await;
    assert_eq!((record.cost.get(), record.outcome), (2 * STABLE_PRICE, Outcome::UpstreamFailed));
    assert_eq!(record.basis, Basis::Reported);
    gateway.expect(Expected { repeated: 2, ..Expected::default() });
    gateway.finish().await;
}

#[tokio::test]
async fn what_a_filter_holds_back_is_told_and_charged() {
    let gateway = TestGateway::start().await;
    for model in [STABLE, TITAN] {
        let body = json!({ "model": model, "prompt": "[sim: stop refusal]" });
        let answer = send(&gateway, &body).await;
        let error = answer.json()["error"].clone();
        assert_eq!(answer.status, 400, "{error}");
        let said = error["message"].as_str().expect("a message").to_lowercase();
        assert!(said.contains("filter"), "{said}");
    }
    let costs: Vec<u64> = gateway.records().await.iter().map(|record| record.cost.get()).collect();
    assert_eq!(costs, [STABLE_PRICE, TITAN_PRICE], "upstream may bill what it made and does not show");
    gateway.finish().await;
}

#[tokio::test]
async fn what_cannot_be_painted_is_refused() {
    let mut gateway = TestGateway::start().await;
    for (members, model, status, part) in [
        (json!({ "n": 11 }), TITAN, 400, "n"),
        (json!({ "prompt": "" }), TITAN, 400, "prompt"),
        (json!({ "size": "large" }), TITAN, 400, "size"),
        (json!({ "response_format": "url" }), TITAN, 400, "response_format"),
        (json!({ "stream": true }), TITAN, 400, "stream"),
        (json!({ "background": "transparent" }), TITAN, 400, "background"),
        (json!({ "output_format": "jpeg" }), TITAN, 400, "output_format"),
        (json!({ "wish": 1 }), TITAN, 400, "wish"),
        (json!({}), "claude-sonnet-5-5", 404, "does not do what this API is for"),
        (json!({}), "nobody-paints", 404, "nobody-paints"),
    ] {
        let answer = send(&gateway, &with(paint(model, 1), members)).await;
        assert_eq!(answer.status, status, "{}", answer.text());
        let error = answer.json()["error"].to_string();
        assert!(error.contains(part), "{error} has no {part}");
    }
    assert!(gateway.invocations().is_empty());
    // The sizes that a model makes are its own matter.
    let answer = send(&gateway, &with(paint(TITAN, 1), json!({ "size": "1000x1000" }))).await;
    assert_eq!((answer.status, &answer.json()["error"]["type"]), (400, &json!("invalid_request_error")));
    assert_eq!(gateway.record().await.cost.get(), 0);
    gateway.expect(Expected { refused: 1, ..Expected::default() });
    gateway.finish().await;
}

#[tokio::test]
async fn a_budget_covers_images_to_the_last_one() {
    let gateway = TestGateway::builder().budget("user:ann", "0.1").start().await;
    assert_eq!(send(&gateway, &paint(STABLE, 2)).await.status, 200);
    assert_eq!(send(&gateway, &paint(STABLE, 1)).await.status, 429, "0.02 are left of 0.04");
    let mut gateway = gateway;
    gateway.expect(Expected { repeated: 1, ..Expected::default() });
    gateway.finish().await;
}
