//! Messages calls arrive upstream as they were meant and come back as they were said.

use std::time::Duration;

use serde_json::{Value, json};
use stonegate_simulator::Behaviour;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::client::{Request, text_of};
use crate::gateway::{Expected, HAIKU, SONNET, TestGateway, ask, streamed, with};

/// The events of a whole answer with thinking, text and a tool call, as a model may word them.
const EVENTS: &[&str] = &[
    r#"{"type":"message_start","message":{"id":"msg_bdrk_1","type":"message","role":"assistant","model":"claude-sonnet-5-5","content":[],"stop_reason":null,"stop_sequence":null,"usage":{"input_tokens":12,"cache_creation_input_tokens":0,"cache_read_input_tokens":0,"output_tokens":1}}}"#,
    r#"{"type":"content_block_start","index":0,"content_block":{"type":"thinking","thinking":"","signature":""}}"#,
    r#"{"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"Hm,  \u00e9 / \\ \u2028"}}"#,
    r#"{"type":"content_block_delta","index":0,"delta":{"type":"signature_delta","signature":"EqQBCkYIBxgCKkD+/=="}}"#,
    r#"{"type":"content_block_stop","index":0}"#,
    r#"{"type":"content_block_start","index":1,"content_block":{"type":"redacted_thinking","data":"RU5D/+=="}}"#,
    r#"{"type":"content_block_stop","index":1}"#,
    r#"{"type":"content_block_start","index":2,"content_block":{"type":"text","text":""}}"#,
    r#"{"type":"content_block_delta","index":2,"delta":{"type":"text_delta","text":"a\nb"},"a_member_of_tomorrow":{"z":1,"a":[1.50,1e3]}}"#,
    r#"{"type":"content_block_delta","index":2,"delta":{"type":"a_delta_of_tomorrow","x":"y"}}"#,
    r#"{"type":"content_block_stop","index":2}"#,
    r#"{"type":"content_block_start","index":3,"content_block":{"type":"tool_use","id":"toolu_bdrk_1","name":"Bash","input":{}}}"#,
    r#"{"type":"content_block_delta","index":3,"delta":{"type":"input_json_delta","partial_json":"{\"command\": \"l"}}"#,
    r#"{"type":"content_block_delta","index":3,"delta":{"type":"input_json_delta","partial_json":"s\"}"}}"#,
    r#"{"type":"content_block_stop","index":3}"#,
    r#"{"type":"message_delta","delta":{"stop_reason":"tool_use","stop_sequence":null},"usage":{"output_tokens":42}}"#,
    r#"{"type":"message_stop"}"#,
];

#[tokio::test]
async fn a_streamed_answer_arrives_event_for_event_in_the_same_bytes() {
    let gateway = TestGateway::start().await;
    gateway.simulator.script(Behaviour::events(EVENTS.iter().copied()));
    let answer = gateway.messages(&streamed(ask("Go on"))).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("content-type"), Some("text/event-stream; charset=utf-8"));
    let events = answer.events();
    let data: Vec<&str> = events.iter().map(|event| event.data.as_str()).collect();
    assert_eq!(data, EVENTS);
    for event in &events {
        assert_eq!(event.json()["type"], event.name.as_str(), "an event is named for its type");
    }
    gateway.finish().await;
}

/// Headers that go ahead by themselves cost every stream a packet, and its first event the time that this takes.
#[tokio::test]
async fn the_first_event_arrives_together_with_the_headers() {
    let gateway = TestGateway::start().await;
    let body = streamed(ask("Go on")).to_string();
    let request = format!(
        "POST /v1/messages HTTP/1.1\r\nhost: test\r\nx-api-key: {}\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
        gateway.key,
        body.len()
    );
    let mut stream = TcpStream::connect(gateway.address).await.expect("it listens");
    stream.write_all(request.as_bytes()).await.expect("sent");

    let mut first = vec![0; 65_536];
    let length = stream.read(&mut first).await.expect("answered");

    let first = str::from_utf8(&first[..length]).expect("text");
    assert!(first.starts_with("HTTP/1.1 200 OK") && first.contains("event: message_start"), "{first}");
    stream.read_to_end(&mut Vec::new()).await.expect("the rest");
    gateway.finish().await;
}

#[tokio::test]
async fn a_whole_answer_arrives_in_the_same_bytes() {
    let gateway = TestGateway::start().await;
    let body = r#"{"id":"msg_bdrk_1","type":"message","role":"assistant","model":"claude-sonnet-5-5",  "content":[{"type":"thinking","thinking":"\u00e9","signature":"Eq/+=="},{"type":"text","text":"a\/b"}],"stop_reason":"end_turn","stop_sequence":null,"usage":{"input_tokens":3,"output_tokens":5},"of_tomorrow":[1.50]}"#;
    gateway.simulator.script_json(&format!("{{\"body\": {body}}}")).expect("a script");
    let answer = gateway.messages(&ask("Go on")).await;
    assert_eq!((answer.status, answer.text()), (200, body));
    assert_eq!(answer.header("content-type"), Some("application/json"));
    gateway.finish().await;
}

#[tokio::test]
async fn an_ordinary_conversation_works_streamed_and_not() {
    let gateway = TestGateway::start().await;
    let whole = gateway.messages(&ask("say one two three")).await;
    assert_eq!(whole.status, 200, "{}", whole.text());
    let said = whole.json()["content"][0]["text"].as_str().expect("text").to_owned();
    let stream = gateway.messages(&streamed(ask("say one two three"))).await;
    assert_eq!(text_of(&stream.events()), said);
    gateway.finish().await;
}

/// Clients whose Bedrock is the gateway look for Messages where Bedrock has them.
#[tokio::test]
async fn bedrocks_own_path_of_messages_leads_here_too() {
    let gateway = TestGateway::start().await;
    let send = |path: &str, body: String| {
        gateway.send(Request::post(path, body).header("anthropic-version", "2023-06-01"))
    };
    let answer = send("/anthropic/v1/messages", ask("say one").to_string()).await;
    assert_eq!((answer.status, &answer.json()["content"][0]["text"]), (200, &json!("one")));
    let count = send("/anthropic/v1/messages/count_tokens", ask("say one").to_string()).await;
    assert!(count.json()["input_tokens"].as_u64().expect("a number") > 0);
    let refused = send("/anthropic/v1/messages", "{}".to_owned()).await;
    assert_eq!((refused.status, &refused.json()["type"]), (400, &json!("error")));
    gateway.finish().await;
}

#[tokio::test]
async fn what_need_not_change_travels_byte_for_byte() {
    let gateway = TestGateway::start().await;
    let signature = gateway.simulator.sign_thinking("So\u{e9} / thought");
    let turns = format!(
        r#"[ {{"role":"user","content":"What is the weather in  Z\u00fcrich?\n"}},
  {{"role":"assistant","content":[{{"type":"thinking","thinking":"So\u00e9 \/ thought","signature":"{signature}"}},
    {{"type":"tool_use","id":"toolu_1","name":"get_weather","input":{{"b":1.50,"a":[ ],"":null}}}}]}},
  {{"role":"user","content":[{{"type":"tool_result","tool_use_id":"toolu_1","content":"sunny"}}]}} ]"#
    );
    let tools = r#"[{"name":"get_weather","description":"","input_schema":{"type":"object","properties": {"a":{"type":"string"}}}} ]"#;
    let body = format!(
        r#"{{"model":"{SONNET}","stream":true,"max_tokens":2000,"thinking":{{"type":"adaptive"}},"messages":{turns},"tools":{tools},"metadata":{{"user_id":"u\u0031"}}}}"#
    );
    let request = Request::post("/v1/messages", body).header("anthropic-version", "2023-06-01");
    let answer = gateway.send(request).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let sent = &gateway.invocations()[0];
    let raw = str::from_utf8(&sent.body).expect("text");
    assert!(raw.contains(&turns), "the conversation is not touched: {raw}");
    assert!(raw.contains(tools), "nor are the tools: {raw}");
    assert!(raw.contains(r#""metadata":{"user_id":"u\u0031"}"#), "{raw}");
    assert_eq!(sent.path, "/model/us.anthropic.claude-sonnet-5-5/invoke-with-response-stream");
    let json = sent.json().expect("JSON");
    for gone in ["model", "stream"] {
        assert_eq!(json[gone], Value::Null, "`{gone}` is not InvokeModel's");
    }
    gateway.finish().await;
}

#[tokio::test]
async fn betas_of_the_header_go_into_the_body_as_bedrock_takes_them() {
    let gateway = TestGateway::start().await;
    let request = Request::messages(&ask("Hello"))
        .header("anthropic-beta", "claude-code-20250219,interleaved-thinking-2025-05-14, oauth-2025-04-20")
        .header_again("anthropic-beta", "advanced-tool-use-2025-11-20,claude-code-20250219");
    let answer = gateway.send(request).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let sent = gateway.sent_upstream();
    let mut betas: Vec<&str> =
        sent["anthropic_beta"].as_array().expect("betas").iter().filter_map(Value::as_str).collect();
    betas.sort_unstable();
    assert_eq!(
        betas,
        ["claude-code-20250219", "interleaved-thinking-2025-05-14", "tool-search-tool-2025-10-19"]
    );
    assert_eq!(gateway.invocations()[0].header("anthropic-beta"), None);
    gateway.finish().await;
}

#[tokio::test]
async fn both_versions_of_the_api_and_both_key_headers_are_taken() {
    let gateway = TestGateway::start().await;
    let bearer = format!("Bearer {}", gateway.key);
    for (version, header, value) in [
        ("2023-06-01", "x-api-key", gateway.key.as_str()),
        ("2026-10-21", "authorization", bearer.as_str()),
        ("2026-10-21", "x-api-key", gateway.key.as_str()),
        ("2023-06-01", "authorization", bearer.as_str()),
    ] {
        let request =
            Request::messages(&ask("Hello")).header("anthropic-version", version).header(header, value);
        let answer = gateway.send(request).await;
        assert_eq!(answer.status, 200, "{version} {header}: {}", answer.text());
    }
    for entry in gateway.invocations() {
        assert_eq!(entry.header("x-api-key"), None, "the caller's key stays here");
        assert_eq!(entry.header("anthropic-version"), None);
    }
    gateway.finish().await;
}

#[tokio::test]
async fn names_that_clients_use_find_their_model() {
    let mut gateway = TestGateway::builder()
        .settings("models.aliases = { fast = \"claude-haiku-4-5\" }")
        .settings("models.rules = [{ match = \"*-nano\", model = \"claude-haiku-4-5\" }]")
        .start()
        .await;
    let haiku = "us.anthropic.claude-haiku-4-5-20251001-v1%3A0";
    for (name, upstream) in [
        (SONNET, "us.anthropic.claude-sonnet-5-5"),
        ("claude-sonnet-5-5[1m]", "us.anthropic.claude-sonnet-5-5"),
        ("anthropic.claude-sonnet-5-5", "us.anthropic.claude-sonnet-5-5"),
        ("us.anthropic.claude-sonnet-5-5", "us.anthropic.claude-sonnet-5-5"),
        ("global.anthropic.claude-sonnet-5-5", "global.anthropic.claude-sonnet-5-5"),
        (HAIKU, haiku),
        ("claude-haiku-4-5-20251001", haiku),
        ("fast", haiku),
        ("gpt-5.4-nano", haiku),
    ] {
        gateway.simulator.clear_log();
        let answer = gateway.messages(&with(ask("Hello"), json!({ "model": name }))).await;
        assert_eq!(answer.status, 200, "{name}: {}", answer.text());
        assert_eq!(gateway.invocations()[0].path, format!("/model/{upstream}/invoke"), "{name}");
    }
    // Only the last of them is still in upstream's log.
    let records = gateway.records().await;
    assert_eq!(&*records[7].model_requested, "fast");
    assert_eq!(&*records[7].model_served, HAIKU);
    gateway.expect(Expected { forgotten: 8, ..Expected::default() });
    gateway.finish().await;
}

#[tokio::test]
async fn an_alias_to_a_model_that_writes_less_lowers_max_tokens_and_says_so() {
    let gateway = TestGateway::builder()
        .settings("models.aliases = { claude-fable-5-2 = \"claude-haiku-4-5\" }")
        .start()
        .await;
    let body = with(ask("Hello"), json!({ "model": "claude-fable-5-2", "max_tokens": 128_000 }));
    let answer = gateway.messages(&body).await;
    assert_eq!(
        (answer.status, answer.header("x-stonegate-max-tokens")),
        (200, Some("64000")),
        "{}",
        answer.text()
    );
    assert_eq!(gateway.sent_upstream()["max_tokens"], 64_000);
    gateway.finish().await;
}

#[tokio::test]
async fn the_long_window_is_asked_for_by_the_beta_where_it_is_not_native() {
    let gateway = TestGateway::start().await;
    let body = with(ask("Hello"), json!({ "model": "claude-sonnet-4-5[1m]" }));
    assert_eq!(gateway.messages(&body).await.status, 200);
    assert_eq!(gateway.sent_upstream()["anthropic_beta"], json!(["context-1m-2025-08-07"]));
    gateway.finish().await;
}

#[tokio::test]
async fn a_hundred_streams_at_once_arrive_whole_and_are_all_recorded() {
    let gateway = TestGateway::start().await;
    let calls = (0..100).map(|number| {
        let body = streamed(ask(&format!("[sim: slow 10ms x 20] number {number}")));
        let gateway = &gateway;
        async move { gateway.messages(&body).await }
    });
    for answer in crate::client::together(calls).await {
        assert_eq!(answer.status, 200);
        let events = answer.events();
        assert_eq!(events.last().expect("events").name, "message_stop");
        assert_eq!(text_of(&events).split_whitespace().count(), 20);
    }
    assert_eq!(gateway.records().await.len(), 100);
    gateway.finish().await;
}

#[tokio::test]
async fn a_slow_reader_gets_everything() {
    let gateway = TestGateway::start().await;
    let mut answer = gateway.open(Request::messages(&streamed(ask("[sim: words 5000]")))).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    let mut events = Vec::new();
    while let Some(event) = answer.event().await {
        if events.len() % 1_000 == 0 {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        events.push(event);
    }
    assert_eq!(events.last().expect("events").name, "message_stop");
    assert!(text_of(&events).split_whitespace().count() > 100);
    gateway.finish().await;
}
