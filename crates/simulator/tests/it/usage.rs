//! Tokens, the prompt cache, CountTokens, and the control plane.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use stonegate_simulator::{Clock, Options, SAMPLE_APPLICATION_PROFILE, Simulator};

use crate::caller::{NEW, OLD, asking, get, invoke, post, simulator, stream, with};

fn marked(text: &str, ttl: Option<&str>) -> Value {
    let mut mark = json!({"type": "ephemeral"});
    if let Some(ttl) = ttl {
        mark["ttl"] = json!(ttl);
    }
    json!({"type": "text", "text": text, "cache_control": mark})
}

#[tokio::test]
async fn a_marked_prefix_is_written_once_and_then_read() {
    let running = simulator().await;
    let system = json!([marked(&"long ".repeat(400), Some("1h")), marked(&"short ".repeat(100), None)]);
    let first = with(asking("Hello"), json!({"system": system}));
    let usage = invoke(&running, NEW, &first).await.json()["usage"].clone();
    assert_eq!(usage["cache_read_input_tokens"], 0);
    assert_eq!(
        usage["cache_creation"],
        json!({"ephemeral_1h_input_tokens": 500, "ephemeral_5m_input_tokens": 150})
    );
    assert_eq!(usage["cache_creation_input_tokens"], 650);

    let again = stream(
        &running,
        NEW,
        &with(first.clone(), json!({"messages": [{"role": "user", "content": "Bye"}]})),
    )
    .await;
    let usage = again.events()[0]["message"]["usage"].clone();
    assert_eq!(
        (&usage["cache_read_input_tokens"], &usage["cache_creation_input_tokens"]),
        (&json!(650), &json!(0))
    );
    let other_model = invoke(&running, OLD, &first).await.json()["usage"].clone();
    assert_eq!(other_model["cache_read_input_tokens"], 0);
}

#[tokio::test]
async fn a_mark_that_moves_on_reads_what_was_written_before() {
    let running = simulator().await;
    let first = json!([{"role": "user", "content": [marked("one two three four", None)]}]);
    let usage =
        invoke(&running, NEW, &with(asking(""), json!({"messages": first}))).await.json()["usage"].clone();
    let written = usage["cache_creation_input_tokens"].clone();
    let next = json!([
        {"role": "user", "content": "one two three four"},
        {"role": "assistant", "content": "five"},
        {"role": "user", "content": [marked("six seven eight", None)]},
    ]);
    let usage =
        invoke(&running, NEW, &with(asking(""), json!({"messages": next}))).await.json()["usage"].clone();
    assert_eq!(usage["cache_read_input_tokens"], written);
    assert!(usage["cache_creation_input_tokens"].as_u64().expect("a number") > 0);
    assert_eq!(usage["input_tokens"], 0);
}

#[tokio::test]
async fn the_cache_forgets_after_its_lifetime() {
    let start = Timestamp::from_second(1_795_000_000).expect("in range");
    let minutes = std::sync::Arc::new(std::sync::atomic::AtomicI64::new(0));
    let clock = {
        let minutes = minutes.clone();
        Clock::new(move || {
            start + SignedDuration::from_mins(minutes.load(std::sync::atomic::Ordering::Relaxed))
        })
    };
    let running =
        Simulator::start(Options { clock, ..Options::default() }).await.expect("a simulator starts");
    let read = async |ttl: Option<&str>, at: i64| {
        minutes.store(at, std::sync::atomic::Ordering::Relaxed);
        let body = with(asking("Hello"), json!({"system": [marked("remember me for a while", ttl)]}));
        invoke(&running, NEW, &body).await.json()["usage"]["cache_read_input_tokens"]
            .as_u64()
            .expect("a number")
            > 0
    };
    assert!(!read(None, 0).await);
    assert!(read(None, 4).await);
    assert!(read(None, 8).await);
    assert!(!read(None, 14).await);
    assert!(!read(Some("1h"), 30).await);
    assert!(read(Some("1h"), 85).await);
}

#[tokio::test]
async fn tokens_are_counted_for_bare_ids_only() {
    let running = simulator().await;
    let body = asking("How many tokens are these?");
    let count = async |model: &str, body: &Value| {
        let wrapped = json!({"input": {"invokeModel": {"body": STANDARD.encode(body.to_string())}}});
        post(&running, &format!("/model/{model}/count-tokens"), &wrapped).await
    };
    let counted = count("anthropic.claude-opus-5-5", &body).await.json()["inputTokens"].clone();
    assert_eq!(counted, invoke(&running, NEW, &body).await.json()["usage"]["input_tokens"]);
    for model in [NEW, SAMPLE_APPLICATION_PROFILE] {
        let refused = count(model, &body).await;
        assert_eq!(refused.status, 400, "{model}");
    }
    assert!(count(NEW, &body).await.message().contains("doesn't support counting tokens"));
    let empty_tools = count("anthropic.claude-opus-5-5", &with(body.clone(), json!({"tools": []}))).await;
    assert!(empty_tools.message().starts_with("tools: List should have at least 1 item"));
    let path = "/model/anthropic.claude-opus-5-5/count-tokens";
    let converse =
        json!({"input": {"converse": {"messages": [{"role": "user", "content": [{"text": "Hi"}]}]}}});
    assert!(post(&running, path, &converse).await.json()["inputTokens"].as_u64().expect("a number") > 0);
    assert_eq!(post(&running, path, &json!({"input": {}})).await.status, 400);
}

#[tokio::test]
async fn service_tier_and_latency_are_repeated() {
    let running = simulator().await;
    let mut request =
        crate::caller::request(&running, &format!("/model/{NEW}/invoke"), asking("Hi").to_string());
    request.headers_mut().insert("x-amzn-bedrock-service-tier", "priority".parse().expect("text"));
    let answer = crate::caller::send(request).await.expect("an answer");
    assert_eq!(answer.header("x-amzn-bedrock-service-tier"), "priority");
    assert!(answer.header("x-amzn-bedrock-input-token-count").parse::<u64>().expect("a number") > 0);
}

#[tokio::test]
async fn the_control_plane_lists_models_and_profiles() {
    let running = simulator().await;
    let models = get(&running, "/foundation-models").await.json();
    let ids: Vec<&str> = models["modelSummaries"]
        .as_array()
        .expect("models")
        .iter()
        .filter_map(|model| model["modelId"].as_str())
        .collect();
    assert!(ids.contains(&"anthropic.claude-opus-5-5"));
    let profiles = get(&running, "/inference-profiles?type=SYSTEM_DEFINED").await.json();
    let first = &profiles["inferenceProfileSummaries"][0];
    assert_eq!((&first["inferenceProfileId"], &first["status"]), (&json!(NEW), &json!("ACTIVE")));
    assert_eq!(get(&running, &format!("/inference-profiles/{NEW}")).await.json(), *first);
    let own = get(&running, "/inference-profiles?type=APPLICATION").await.json();
    assert_eq!(own["inferenceProfileSummaries"][0]["inferenceProfileId"], SAMPLE_APPLICATION_PROFILE);
    assert_eq!(get(&running, "/inference-profiles/nothing").await.status, 404);
    assert_eq!(get(&running, "/elsewhere").await.header("x-amzn-errortype"), "UnknownOperationException");
}
