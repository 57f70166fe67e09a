//! Responses on the runtime and on mantle.

use http::Uri;
use serde_json::{Value, json};
use stonegate_simulator::Running;

use crate::caller::{Answer, request, send, simulator, with};

const RUNTIME: &str = "/openai/v1/responses";
const GPT: &str = "us.openai.gpt-6-sol";

fn asking(text: &str) -> Value {
    json!({"model": GPT, "input": text})
}

async fn on_runtime(running: &Running, body: &Value) -> Answer {
    send(request(running, RUNTIME, body.to_string())).await.expect("an answer")
}

async fn on_mantle(running: &Running, path: &str, body: &Value) -> Answer {
    let mut call = request(running, path, body.to_string());
    *call.uri_mut() = format!("{}{path}", running.mantle_url()).parse::<Uri>().expect("a URI");
    send(call).await.expect("an answer")
}

/// The events of a stream, of which each is named as its data says and numbered in order.
fn events(answer: &Answer) -> Vec<Value> {
    let text = std::str::from_utf8(&answer.body).expect("text");
    let events = text.split_terminator("\n\n").enumerate().map(|(nth, event)| {
        let (name, data) = event.split_once('\n').expect("two lines");
        let data: Value = serde_json::from_str(data.strip_prefix("data: ").expect("data")).expect("JSON");
        assert_eq!(name.strip_prefix("event: "), data["type"].as_str());
        assert_eq!(data["sequence_number"], nth);
        data
    });
    events.collect()
}

fn kinds(events: &[Value]) -> Vec<&str> {
    let mut kinds: Vec<&str> = events
        .iter()
        .map(|event| event["type"].as_str().expect("a type").trim_start_matches("response."))
        .collect();
    kinds.dedup();
    kinds
}

fn function(name: &str) -> Value {
    json!({"type": "function", "name": name, "parameters": {"type": "object", "properties": {}}, "strict": false})
}

fn calling(name: &str) -> Value {
    json!({"type": "function_call", "call_id": "x", "name": name, "arguments": "{}"})
}

async fn check_refused(running: &Running, members: Value, status: u16, expected: &str) {
    let body = with(asking("Hello"), members);
    let refused = on_runtime(running, &body).await;
    let error = &refused.json()["error"];
    assert_eq!(refused.status, status, "{body} {error}");
    assert!(error["message"].as_str().expect("text").contains(expected), "{body} {error}");
    assert!(error["type"].is_string() && error["code"].is_string());
}

#[tokio::test]
async fn what_is_wrong_is_refused_in_openais_shape() {
    let running = simulator().await;
    let image = json!([{"role": "user", "content": [{"type": "input_image", "image_url": "https://example.com/a.png"}]}]);
    let open = json!({"name": "a", "type": "json_schema", "strict": true, "schema": {"type": "object"}});
    for (status, members, expected) in [
        (400, json!({"stone": 1}), "Unknown parameter: 'stone'."),
        (400, json!({"model": null}), "Missing required parameter: 'model'."),
        (400, json!({"input": null}), "Missing required parameter: 'input'."),
        (404, json!({"model": "openai.gpt-9"}), "The model 'openai.gpt-9' does not exist"),
        (400, json!({"model": "openai.gpt-6-sol"}), "with on-demand throughput isn"),
        (400, json!({"model": "openai.gpt-oss-120b-1:0"}), "does not support the '/v1/responses' API"),
        (400, json!({"background": true}), "The background parameter is not supported."),
        (400, json!({"temperature": 0.5}), "Unsupported parameter: 'temperature'"),
        (400, json!({"max_output_tokens": 5}), "Invalid 'max_output_tokens': below minimum value."),
        (400, json!({"reasoning": {"effort": "huge"}}), "Unsupported value: 'huge'"),
        (400, json!({"reasoning": {"stone": 1}}), "Unknown parameter: 'reasoning.stone'."),
        (400, json!({"include": ["stone"]}), "Invalid value: 'stone'."),
        (400, json!({"stream_options": {}}), "only allowed when 'stream' is enabled"),
        (400, json!({"text": {"format": {"type": "json_object"}}}), "must contain the word 'json'"),
        (400, json!({"text": {"format": open}}), "'additionalProperties' is required"),
        (400, json!({"previous_response_id": "resp_x"}), "Previous response with id 'resp_x' not found."),
        (400, json!({"input": image}), "Image URLs must be data: URLs"),
        (400, json!({"input": [calling("a")]}), "No tool output found for function call x."),
        (
            400,
            json!({"input": [{"type": "function_call_output", "call_id": "y", "output": ""}]}),
            "No tool call found for function call output with call_id y.",
        ),
        (
            400,
            json!({"input": [calling("a"), {"type": "custom_tool_call_output", "call_id": "x", "output": ""}]}),
            "No tool call found for function call output with call_id x.",
        ),
        (
            400,
            json!({"input": [{"role": "assistant", "content": [{"type": "input_text", "text": "a"}]}]}),
            "Supported values are: 'output_text', 'refusal'.",
        ),
        (400, json!({"input": [{"type": "stone"}]}), "Invalid value: 'stone'."),
        (
            404,
            json!({"input": [{"type": "item_reference", "id": "msg_x"}]}),
            "Item with id 'msg_x' not found.",
        ),
        (404, json!({"input": [{"type": "reasoning", "id": "rs_x", "summary": []}]}), "not found."),
        (
            400,
            json!({"input": [{"type": "reasoning", "id": "rs_x", "summary": [], "encrypted_content": "eA=="}]}),
            "could not be verified",
        ),
        (400, json!({"tool_choice": "required"}), "must be specified with 'tools'"),
        (400, json!({"tool_choice": {"type": "function", "name": "a"}}), "Tool choice 'a' not found"),
    ] {
        check_refused(&running, members, status, expected).await;
    }
}

#[tokio::test]
async fn each_door_takes_its_own_tools() {
    let running = simulator().await;
    let namespace = json!({"type": "namespace", "name": "n", "description": "", "tools": [function("a")]});
    for (tool, runtime, mantle) in [
        (function("a"), "", ""),
        (json!({"type": "custom", "name": "a"}), "", ""),
        (json!({"type": "mcp", "server_label": "a", "server_url": "https://example.com"}), "", ""),
        (namespace, "", "Invalid value: 'namespace'."),
        (json!({"type": "tool_search"}), "", "Invalid value: 'tool_search'."),
        (json!({"type": "apply_patch"}), "", "Invalid value: 'apply_patch'."),
        (
            json!({"type": "web_search"}),
            "web search is not supported for this request",
            "Invalid value: 'web_search'.",
        ),
        (
            json!({"type": "web_search_2025_08_26"}),
            "web search is not supported for this request",
            "Invalid value: 'web_search_2025_08_26'.",
        ),
        (json!({"type": "function", "name": "a b"}), "does not match pattern", "does not match pattern"),
        (json!({"type": "function", "name": "a", "stone": 1}), "Unknown parameter", "Unknown parameter"),
        (
            json!({"type": "function", "name": "a", "parameters": {"type": "array"}}),
            "got 'type: \"array\"'",
            "got 'type: \"array\"'",
        ),
    ] {
        let body = with(asking("Hello"), json!({"tools": [tool]}));
        let bare = with(body.clone(), json!({"model": "openai.gpt-6-sol"}));
        let said = on_runtime(&running, &body).await.json()["error"]["message"].clone();
        let said_by_mantle = on_mantle(&running, RUNTIME, &bare).await.json()["error"]["message"].clone();
        for (said, expected) in [(said, runtime), (said_by_mantle, mantle)] {
            let said = said.as_str().unwrap_or_default();
            assert!(said.contains(expected) && said.is_empty() == expected.is_empty(), "{body} {said}");
        }
    }
}

#[tokio::test]
async fn each_model_is_on_its_route_of_mantle() {
    let running = simulator().await;
    for (path, model, expected) in [
        ("/v1/responses", "openai.gpt-oss-120b", ""),
        (RUNTIME, "openai.gpt-5.5", ""),
        (RUNTIME, "openai.gpt-oss-120b", "model `openai.gpt-oss-120b` isn't supported on this route"),
        ("/v1/responses", "openai.gpt-6-sol", "model `openai.gpt-6-sol` isn't supported on this route"),
        ("/v1/responses", "qwen.qwen3-32b", "does not support the '/v1/responses' API"),
    ] {
        let answer = on_mantle(&running, path, &json!({"model": model, "input": "Hello"})).await;
        let message = answer.json()["error"]["message"].as_str().unwrap_or_default().to_owned();
        assert!(message.contains(expected) && message.is_empty() == expected.is_empty(), "{model} {message}");
    }
}

#[tokio::test]
async fn a_stream_grows_into_the_whole_answer() {
    let running = simulator().await;
    let tools = json!([function("a"), {"type": "custom", "name": "b"}, {"type": "namespace", "name": "n", "description": "", "tools": [function("c")]}]);
    let wishes = json!({"tools": tools, "reasoning": {"summary": "auto"}, "stream": true});
    let said =
        "[sim: think 5; text one two; tool a {\"city\":\"Bern\"}; tool b {\"input\":\"a\\nb\"}; tool c {}]";
    let streamed = on_runtime(&running, &with(asking(said), wishes)).await;
    assert_eq!(streamed.header("content-type"), "text/event-stream");
    let events = events(&streamed);
    #[rustfmt::skip]
    assert_eq!(kinds(&events), [
        "created", "in_progress",
        "output_item.added", "reasoning_summary_part.added", "reasoning_summary_text.delta",
        "reasoning_summary_text.done", "reasoning_summary_part.done", "output_item.done",
        "output_item.added", "content_part.added", "output_text.delta", "output_text.done", "content_part.done",
        "output_item.done",
        "output_item.added", "function_call_arguments.delta", "function_call_arguments.done", "output_item.done",
        "output_item.added", "custom_tool_call_input.delta", "custom_tool_call_input.done", "output_item.done",
        "output_item.added", "function_call_arguments.delta", "function_call_arguments.done", "output_item.done",
        "completed",
    ]);
    let of = |kind: &str| -> Vec<&Value> { events.iter().filter(|event| event["type"] == kind).collect() };
    let done: Vec<&Value> = of("response.output_item.done").into_iter().map(|event| &event["item"]).collect();
    let response = &events.last().expect("an end")["response"];
    assert_eq!(json!(done), response["output"]);
    assert_eq!(response["status"], "completed");
    assert_eq!(done[1]["content"][0]["text"], "one two");
    assert_eq!(done[2]["arguments"], "{\"city\":\"Bern\"}");
    assert_eq!((&done[3]["type"], &done[3]["input"]), (&json!("custom_tool_call"), &json!("a\nb")));
    assert_eq!((&done[4]["name"], &done[4]["namespace"]), (&json!("c"), &json!("n")));
    let deltas = |kind: &str, item: &Value| -> String {
        let own = of(kind).into_iter().filter(|event| event["item_id"] == item["id"]);
        own.map(|event| event["delta"].as_str().expect("text")).collect()
    };
    assert_eq!(deltas("response.reasoning_summary_text.delta", done[0]), done[0]["summary"][0]["text"]);
    assert_eq!(deltas("response.output_text.delta", done[1]), "one two");
    assert_eq!(deltas("response.function_call_arguments.delta", done[2]), done[2]["arguments"]);
    assert_eq!(deltas("response.custom_tool_call_input.delta", done[3]), "a\nb");
    assert!(response["usage"]["output_tokens_details"]["reasoning_tokens"].as_u64().expect("a number") >= 5);
}

#[tokio::test]
async fn a_response_ends_as_it_ends() {
    let running = simulator().await;
    let streaming = |text: &str, members: Value| with(with(asking(text), json!({"stream": true})), members);
    let short = json!({"max_output_tokens": 16, "reasoning": {"effort": "none"}});
    let cut = events(&on_runtime(&running, &streaming("Count to 500", short)).await);
    let end = cut.last().expect("an end");
    assert_eq!(end["type"], "response.incomplete");
    assert_eq!(end["response"]["incomplete_details"]["reason"], "max_output_tokens");
    assert_eq!(end["response"]["output"][0]["status"], "incomplete");
    let broken = streaming("[sim: exception throttlingException after 2]", json!({}));
    let broken = events(&on_runtime(&running, &broken).await);
    assert_eq!(kinds(&broken), ["created", "in_progress", "failed"]);
    assert_eq!(broken[2]["response"]["error"]["code"], "rate_limit_exceeded");
    assert_eq!(broken[2]["response"]["id"], broken[0]["response"]["id"]);
    let refused = on_runtime(&running, &asking("[sim: error ThrottlingException]")).await;
    assert_eq!((refused.status, &refused.json()["error"]["code"]), (429, &json!("rate_limit_exceeded")));
}

#[tokio::test]
async fn a_conversation_goes_on_by_items_or_by_what_is_kept() {
    let running = simulator().await;
    let wishes = json!({"tools": [function("get_weather")], "store": false, "include": ["reasoning.encrypted_content"]});
    let first =
        on_runtime(&running, &with(asking("What is the weather in Bern?"), wishes.clone())).await.json();
    let output = first["output"].as_array().expect("items").clone();
    assert_eq!((&output[0]["summary"], &output[1]["type"]), (&json!([]), &json!("function_call")));
    let result = json!({"type": "function_call_output", "call_id": output[1]["call_id"], "output": "Rain."});
    let asked = json!({"role": "user", "content": "What is the weather in Bern?"});
    let resent = json!([asked, output[0], output[1], result]);
    let second =
        on_runtime(&running, &with(asking(""), with(wishes.clone(), json!({"input": resent})))).await;
    assert_eq!(second.json()["output"][1]["content"][0]["text"], "The tool said: Rain.");
    let mut spoiled = resent.clone();
    let sealed = output[0]["encrypted_content"].as_str().expect("a seal");
    spoiled[1]["encrypted_content"] = json!(format!("A{}", &sealed[1..]));
    check_refused(&running, json!({"input": spoiled}), 400, "could not be verified").await;
    let alone = json!({"input": [asked, output[0], asked]});
    check_refused(&running, alone, 400, "without its required following item").await;
    check_refused(&running, json!({"previous_response_id": first["id"]}), 400, "not found").await;

    let named = on_runtime(&running, &asking("My name is Ada")).await.json();
    let next = with(asking("What is my name?"), json!({"previous_response_id": named["id"]}));
    let next = on_runtime(&running, &next).await.json();
    assert_eq!(next["output"][1]["content"][0]["text"], "Your name is Ada.");
    assert_eq!(next["previous_response_id"], named["id"]);
    let pointing = json!({"input": [asked, {"type": "item_reference", "id": named["output"][0]["id"]}, {"type": "item_reference", "id": named["output"][1]["id"]}, asked]});
    assert_eq!(on_runtime(&running, &with(asking(""), pointing)).await.status, 200);
}

#[tokio::test]
async fn a_long_prompt_is_read_from_the_cache_the_second_time() {
    let running = simulator().await;
    let body = with(asking("Hello"), json!({"instructions": "stone gate ".repeat(2_000)}));
    let first = on_runtime(&running, &body).await.json();
    let second = on_runtime(&running, &body).await.json();
    let cached = |response: &Value| response["usage"]["input_tokens_details"]["cached_tokens"].as_u64();
    assert_eq!(cached(&first), Some(0));
    assert!(cached(&second).expect("a number") > 1_000);
    assert_eq!(first["usage"]["input_tokens"], second["usage"]["input_tokens"]);
}
