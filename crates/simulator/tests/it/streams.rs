//! Event streams: frames, events, and that they say the same as an answer in one piece.

use serde_json::{Value, json};

use crate::caller::{NEW, OLD, asking, invoke, simulator, stream, tool, with};

fn kinds(events: &[Value]) -> Vec<&str> {
    let mut kinds: Vec<&str> = events.iter().map(|event| event["type"].as_str().expect("a type")).collect();
    kinds.dedup();
    kinds
}

#[tokio::test]
async fn a_stream_is_framed_as_bedrock_does() {
    let running = simulator().await;
    let answer = stream(&running, NEW, &asking("What is 17 * 23?")).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("content-type"), "application/vnd.amazon.eventstream");
    assert_eq!(answer.header("x-amzn-bedrock-content-type"), "application/json");
    assert_eq!(answer.header("x-amzn-requestid").len(), 36);
    for frame in answer.frames() {
        let frame = frame.expect("a good checksum");
        assert_eq!(frame.header(":message-type"), "event");
        assert_eq!(frame.header(":event-type"), "chunk");
        assert_eq!(frame.header(":content-type"), "application/json");
        assert!(frame.payload["p"].is_string());
    }
    assert_eq!(answer.deltas("text_delta", "text"), "17 * 23 = 391");
    let events = answer.events();
    assert_eq!(
        kinds(&events),
        [
            "message_start",
            "content_block_start",
            "content_block_delta",
            "content_block_stop",
            "message_delta",
            "message_stop"
        ]
    );
    let usage = &events[0]["message"]["usage"];
    assert!(usage["input_tokens"].as_u64().expect("a number") > 0);
    let last = &events[events.len() - 1]["amazon-bedrock-invocationMetrics"];
    assert_eq!(last["inputTokenCount"], usage["input_tokens"]);
    assert_eq!(last["outputTokenCount"], events[events.len() - 2]["usage"]["output_tokens"]);
}

#[tokio::test]
async fn thinking_comes_first_and_its_signature_is_taken_again() {
    let running = simulator().await;
    let thinking = json!({"thinking": {"type": "enabled", "budget_tokens": 2000}, "tools": [tool("look")]});
    let first =
        with(asking("[sim: think 20; tool look {\"where\":\"here\"}; then text seen]"), thinking.clone());
    let streamed = stream(&running, OLD, &first).await;
    let events = streamed.events();
    assert_eq!(events[1]["content_block"]["type"], "thinking");
    assert_eq!(streamed.deltas("thinking_delta", "thinking").split(' ').count(), 20);
    assert_eq!(streamed.deltas("input_json_delta", "partial_json"), r#"{"where":"here"}"#);

    let answer = invoke(&running, OLD, &first).await.json();
    assert_eq!(answer["stop_reason"], "tool_use");
    assert!(answer["usage"]["output_tokens_details"]["thinking_tokens"].as_u64().expect("a number") >= 20);
    let reply = |content: &Value| {
        let result =
            json!([{"type": "tool_result", "tool_use_id": answer["content"][1]["id"], "content": "a stone"}]);
        let messages = json!([first["messages"][0], {"role": "assistant", "content": content}, {"role": "user", "content": result}]);
        with(with(asking(""), thinking.clone()), json!({"messages": messages}))
    };
    let good = invoke(&running, OLD, &reply(&answer["content"])).await;
    assert_eq!(good.json()["content"], json!([{"type": "text", "text": "seen"}]), "{:?}", good.body);

    let mut changed = answer["content"].clone();
    changed[0]["thinking"] = json!("Something else.");
    let refused = invoke(&running, OLD, &reply(&changed)).await;
    assert_eq!(
        (refused.status, refused.message()),
        (400, "messages.1.content.0: Invalid `signature` in `thinking` block".to_owned())
    );
    let refused = invoke(&running, OLD, &reply(&json!([answer["content"][1]]))).await;
    assert!(refused.message().contains("Expected `thinking` or `redacted_thinking`, but found `tool_use`"));
}

#[tokio::test]
async fn omitted_and_redacted_thinking_are_taken_again() {
    let running = simulator().await;
    let adaptive = json!({"thinking": {"type": "adaptive", "display": "omitted"}});
    let first = with(asking("[sim: redact; think 5; text yes]"), adaptive.clone());
    let answer = invoke(&running, NEW, &first).await.json();
    assert_eq!(answer["content"][0]["type"], "redacted_thinking");
    assert_eq!(answer["content"][1]["thinking"], "");
    let messages = json!([first["messages"][0], {"role": "assistant", "content": answer["content"]}, {"role": "user", "content": "more"}]);
    let next = invoke(&running, NEW, &with(with(asking(""), adaptive), json!({"messages": messages}))).await;
    assert_eq!(next.status, 200, "{:?}", next.body);
}

#[tokio::test]
async fn an_answer_ends_at_max_tokens_or_at_a_stop_sequence() {
    let running = simulator().await;
    let cut = invoke(&running, NEW, &with(asking("count to 1000"), json!({"max_tokens": 5}))).await.json();
    assert_eq!(cut["stop_reason"], "max_tokens");
    assert!(cut["usage"]["output_tokens"].as_u64().expect("a number") <= 5);
    let stopped =
        invoke(&running, NEW, &with(asking("count to 9"), json!({"stop_sequences": ["4"]}))).await.json();
    assert_eq!((&stopped["stop_reason"], &stopped["stop_sequence"]), (&json!("stop_sequence"), &json!("4")));
    assert_eq!(stopped["content"][0]["text"], "1, 2, 3, ");
    let tool_cut = with(
        asking("[sim: tool write {\"text\":\"a long text that cannot be written with so few tokens\"}]"),
        json!({"max_tokens": 4, "tools": [tool("write")]}),
    );
    let streamed = stream(&running, NEW, &tool_cut).await;
    assert!(streamed.deltas("input_json_delta", "partial_json").starts_with("{\"text\""));
    let events = streamed.events();
    assert_eq!(events[events.len() - 2]["delta"]["stop_reason"], "max_tokens");
}

#[tokio::test]
async fn structured_output_satisfies_its_schema() {
    let running = simulator().await;
    let schema = json!({
        "type": "object", "additionalProperties": false, "required": ["title", "score"],
        "properties": {"title": {"type": "string"}, "score": {"type": "integer", "minimum": 3}},
    });
    let config =
        json!({"output_config": {"effort": "low", "format": {"type": "json_schema", "schema": schema}}});
    let answer = invoke(&running, NEW, &with(asking("Name this [sim: tool Bash {}]"), config)).await.json();
    let text = answer["content"][0]["text"].as_str().expect("text");
    let value: Value = serde_json::from_str(text).expect("JSON");
    assert!(value["title"].is_string());
    assert_eq!(value["score"], 3);
}

#[tokio::test]
async fn a_forced_or_fitting_tool_is_called() {
    let running = simulator().await;
    let weather = json!({
        "name": "get_weather",
        "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    });
    let asked = with(asking("What is the weather in Paris today?"), json!({"tools": [weather]}));
    let answer = invoke(&running, NEW, &asked).await.json();
    assert_eq!(answer["content"][0]["name"], "get_weather");
    assert_eq!(answer["content"][0]["input"], json!({"city": "Paris"}));
    let forced = with(
        asking("hello"),
        json!({"tools": [tool("a"), tool("b")], "tool_choice": {"type": "tool", "name": "b"}}),
    );
    assert_eq!(invoke(&running, NEW, &forced).await.json()["content"][0]["name"], "b");
}

#[tokio::test]
async fn documents_are_cited_when_wished() {
    let running = simulator().await;
    let document = json!({
        "type": "document", "title": "Notes", "citations": {"enabled": true},
        "source": {"type": "text", "media_type": "text/plain", "data": "Stone is old. Gates are new."},
    });
    let content = json!([document, {"type": "text", "text": "What is old?"}]);
    let body = with(asking(""), json!({"messages": [{"role": "user", "content": content}]}));
    let citations = invoke(&running, NEW, &body).await.json()["content"][0]["citations"].clone();
    assert_eq!(citations[0]["cited_text"], "Stone is old.");
    let events = stream(&running, NEW, &body).await.events();
    let cited = events.iter().find(|event| event["delta"]["type"] == "citations_delta").expect("a citation");
    assert_eq!(cited["delta"]["citation"], citations[0]);
}
