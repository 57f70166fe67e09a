//! Chat Completions on the runtime and on mantle.

use http::Uri;
use serde_json::{Value, json};
use stonegate_simulator::Running;

use crate::caller::{Answer, request, send, simulator, with};

const RUNTIME: &str = "/openai/v1/chat/completions";
const OSS: &str = "openai.gpt-oss-120b-1:0";
const GPT: &str = "us.openai.gpt-6-sol";

fn asking(model: &str, text: &str) -> Value {
    json!({"model": model, "messages": [{"role": "user", "content": text}]})
}

async fn on_runtime(running: &Running, body: &Value) -> Answer {
    send(request(running, RUNTIME, body.to_string())).await.expect("an answer")
}

async fn on_mantle(running: &Running, path: &str, body: &Value) -> Answer {
    let mut call = request(running, path, body.to_string());
    *call.uri_mut() = format!("{}{path}", running.mantle_url()).parse::<Uri>().expect("a URI");
    send(call).await.expect("an answer")
}

fn events(answer: &Answer) -> Vec<String> {
    let text = std::str::from_utf8(&answer.body).expect("text");
    text.split_terminator("\n\n")
        .map(|event| event.strip_prefix("data: ").expect("data").to_owned())
        .collect()
}

fn tools() -> Value {
    json!({"tools": [{"type": "function", "function": {"name": "a", "parameters": {"type": "object", "properties": {}}}}]})
}

#[tokio::test]
async fn what_is_wrong_is_refused_in_openais_shape() {
    let running = simulator().await;
    let plus = |model: &str, members: Value| with(asking(model, "Hello"), members);
    let open = json!([{"role": "user", "content": "a"}, {"role": "assistant", "content": null, "tool_calls": [{"id": "x", "type": "function", "function": {"name": "a", "arguments": "{}"}}]}]);
    let image = json!([{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}]}]);
    for (status, body, expected) in [
        (400, plus(OSS, json!({"stone": 1})), "Unknown parameter: 'stone'."),
        (400, json!({"messages": []}), "Missing required parameter: 'model'."),
        (404, asking("openai.gpt-9", "a"), "The model 'openai.gpt-9' does not exist"),
        (400, asking("openai.gpt-6-sol", "a"), "with on-demand throughput isn"),
        (400, asking("amazon.nova-lite-v1:0", "a"), "does not support the '/v1/chat/completions' API"),
        (400, plus(GPT, json!({"temperature": 0.5})), "Unsupported parameter: 'temperature'"),
        (400, plus(GPT, json!({"max_tokens": 5})), "Unsupported parameter: 'max_tokens'"),
        (400, plus(GPT, tools()), "Function tools with reasoning_effort are not supported"),
        (400, plus(OSS, json!({"logit_bias": {}})), "Unsupported parameter: 'logit_bias'"),
        (400, plus(OSS, json!({"reasoning_effort": "max"})), "Unsupported value: 'max'"),
        (400, plus(OSS, json!({"n": 2})), "Invalid 'n': above maximum value."),
        (400, plus(OSS, json!({"stream_options": {}})), "only allowed when 'stream' is enabled"),
        (400, plus(OSS, json!({"response_format": {"type": "json_object"}})), "must contain the word 'json'"),
        (400, with(plus(OSS, tools()), json!({"messages": open})), "did not have response messages: x"),
        (400, plus(GPT, json!({"messages": image})), "Image URLs must be data: URLs"),
        (
            400,
            plus(OSS, json!({"messages": [{"role": "tool", "tool_call_id": "y", "content": "a"}]})),
            "must be a response to a preceeding message",
        ),
    ] {
        let refused = on_runtime(&running, &body).await;
        let error = &refused.json()["error"];
        assert_eq!(refused.status, status, "{body} {error}");
        assert!(error["message"].as_str().expect("text").contains(expected), "{body} {error}");
        assert!(error["type"].is_string() && error["code"].is_string());
    }
    let good = with(plus(GPT, tools()), json!({"reasoning_effort": "none", "temperature": 0.5}));
    assert_eq!(on_runtime(&running, &good).await.status, 200);
}

#[tokio::test]
async fn each_model_is_on_its_route_of_mantle() {
    let running = simulator().await;
    let (plain, openai) = ("/v1/chat/completions", "/openai/v1/chat/completions");
    for (path, model, expected) in [
        (plain, "openai.gpt-oss-120b", ""),
        (openai, "openai.gpt-6-sol", ""),
        (openai, "openai.gpt-oss-120b", "model `openai.gpt-oss-120b` isn't supported on this route"),
        (plain, "openai.gpt-6-sol", "model `openai.gpt-6-sol` isn't supported on this route"),
        (openai, "openai.gpt-5.5", "does not support the '/v1/chat/completions' API"),
        (plain, "anthropic.claude-opus-5-5", "does not support"),
        (plain, "us.openai.gpt-6-sol", "does not exist"),
    ] {
        let answer = on_mantle(&running, path, &asking(model, "Hello")).await;
        let message = answer.json()["error"]["message"].as_str().unwrap_or_default().to_owned();
        assert!(message.contains(expected) && message.is_empty() == expected.is_empty(), "{model} {message}");
    }
    let mut stranger = request(&running, RUNTIME, asking(OSS, "a").to_string());
    stranger.headers_mut().insert("authorization", "Bearer nobody".parse().expect("text"));
    let refused = send(stranger).await.expect("an answer");
    assert_eq!((refused.status, &refused.json()["error"]["type"]), (401, &json!("authentication_error")));
}

#[tokio::test]
async fn both_forms_say_the_same_and_usage_comes_only_when_asked() {
    let running = simulator().await;
    let body =
        with(asking(OSS, "[sim: think 5; text one two; tool a {\"city\":\"Bern\"}; tool a {}]"), tools());
    let whole = on_runtime(&running, &body).await.json();
    let message = &whole["choices"][0]["message"];
    assert!(message["content"].as_str().expect("text").starts_with("<reasoning>stone gate"));
    for asked in [false, true] {
        let wish = json!({"stream": true, "stream_options": {"include_usage": asked}});
        let streamed = on_runtime(&running, &with(body.clone(), wish)).await;
        assert_eq!(streamed.header("content-type"), "text/event-stream");
        let mut events = events(&streamed);
        assert_eq!(events.pop().as_deref(), Some("[DONE]"));
        let chunks: Vec<Value> =
            events.iter().map(|event| serde_json::from_str(event).expect("JSON")).collect();
        let usage: Vec<&Value> =
            chunks.iter().filter_map(|chunk| chunk.get("usage")).filter(|usage| !usage.is_null()).collect();
        assert_eq!(usage, if asked { vec![&whole["usage"]] } else { Vec::new() });
        let deltas: Vec<&Value> = chunks.iter().map(|chunk| &chunk["choices"][0]["delta"]).collect();
        let content: String = deltas.iter().filter_map(|delta| delta["content"].as_str()).collect();
        assert_eq!(content, message["content"].as_str().expect("text"));
        let calls = deltas.iter().map(|delta| &delta["tool_calls"][0]);
        let first: String = calls
            .filter(|call| call["index"] == 0)
            .filter_map(|call| call["function"]["arguments"].as_str())
            .collect();
        assert_eq!(first, message["tool_calls"][0]["function"]["arguments"].as_str().expect("text"));
        let reasons: Vec<&str> =
            chunks.iter().filter_map(|chunk| chunk["choices"][0]["finish_reason"].as_str()).collect();
        assert_eq!(reasons, ["tool_calls"]);
    }
    let broken = with(asking(OSS, "[sim: exception throttlingException after 2]"), json!({"stream": true}));
    let broken = events(&on_runtime(&running, &broken).await);
    assert_eq!(broken.len(), 3);
    assert!(broken[2].contains("rate_limit_exceeded"));
    let hidden = on_runtime(&running, &asking(GPT, "[sim: think 20; text yes]")).await.json();
    assert_eq!(hidden["choices"][0]["message"]["content"], "yes");
    assert!(
        hidden["usage"]["completion_tokens_details"]["reasoning_tokens"].as_u64().expect("a number") >= 20
    );
}
