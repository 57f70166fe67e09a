//! What reaches Bedrock's Responses, and what comes back of it.

#![expect(clippy::unwrap_used, reason = "what a test cannot go on without may stop it")]

use bytes::{Bytes, BytesMut};
use serde_json::{Value, json};
use stonegate_protocol::conversation::{Content, Request, Role};
use stonegate_protocol::{
    Answering, Basis, Bounds, Capabilities, Carried, Dialect, Door, Effort, Ending, FailureClass, Inbound,
    Learned, Service, Surface, Target, Traits, Unsupported, UpstreamEnd, carry, openai_responses,
};

#[path = "support/canned.rs"]
mod canned;

use canned::Canned;

const BOUNDS: Bounds = Bounds { input_tokens: 50, output_tokens: 1000 };

fn traits() -> Traits {
    use stonegate_protocol::traits::{Feature, ThinkingKind};
    Traits {
        family: "openai".to_owned(),
        bedrock_id: "openai.gpt-6-sol".to_owned(),
        features: [
            Feature::Tools,
            Feature::ForcedToolChoice,
            Feature::Images,
            Feature::Documents,
            Feature::Reasoning,
            Feature::StructuredOutput,
        ]
        .into(),
        thinking: [ThinkingKind::Effort].into(),
        effort: Some(Effort::High),
        max_output_tokens: 128_000,
        minimum_cacheable_tokens: None,
    }
}

fn carried(inbound: &dyn Inbound, service: Service) -> Result<Carried, Unsupported> {
    let (capabilities, traits) = (Capabilities::default(), traits());
    let target = Target {
        upstream_id: "us.openai.gpt-6-sol",
        door: Door { service, surface: Surface::OpenaiResponses, prefix: "/openai/v1" },
        capabilities: &capabilities,
        traits: &traits,
        long_context: false,
    };
    let answering = Answering {
        call: "req_7".to_owned(),
        created_at: 1_700_000_000,
        is_kept: true,
        ..Answering::default()
    };
    carry(inbound, &target, &Learned::default(), BOUNDS, &answering)
}

fn passed(body: &str, service: Service) -> Result<(String, Vec<String>, Carried), Unsupported> {
    let inbound = openai_responses::parse(Bytes::from(body.to_owned())).unwrap();
    assert_eq!(inbound.dialect(), Dialect::OpenaiResponses);
    let carried = carried(&inbound, service)?;
    let dropped = carried.dropped.iter().map(ToString::to_string).collect();
    let body = carried.outbound.body.to_bytes();
    Ok((String::from_utf8(body.to_vec()).unwrap(), dropped, carried))
}

#[test]
fn a_body_keeps_its_bytes_but_for_what_has_to_change() {
    let body = r#"{"model":"gpt-6","input":[{"role":"user","content":"a \u00e4"}],  "max_output_tokens":5000,"store":true,"tools":[{"type":"function","name":"f"},{"type":"web_search"}],"service_tier":"auto","client_metadata":{"a":"b"},"reasoning":{"effort":"max","summary":"auto"},"background":false}"#;
    let (sent, dropped, carried) = passed(body, Service::Runtime).unwrap();
    assert_eq!(
        sent,
        r#"{"include":["reasoning.encrypted_content"],"model":"us.openai.gpt-6-sol","input":[{"role":"user","content":"a \u00e4"}],  "max_output_tokens":1000,"store":false,"tools":[{"type":"function","name":"f"}],"reasoning":{"effort":"high","summary":"auto"}}"#
    );
    assert_eq!(carried.outbound.path, "/openai/v1/responses");
    assert_eq!(dropped, ["client_metadata", "tools.web_search", "reasoning.effort:sent-as=high"]);
    let (sent, ..) = passed(r#"{"model":"m","store":false}"#, Service::Mantle).unwrap();
    assert_eq!(sent, r#"{"max_output_tokens":1000,"model":"us.openai.gpt-6-sol","store":false}"#);
}

/// No API of Bedrock's knows such items (reported of mantle in BerriAI/litellm#36528).
#[test]
fn what_one_agent_says_to_another_becomes_a_message_unless_it_is_sealed() {
    let sealed = format!("gAAAA{}", "x".repeat(200));
    let item = |content: Value| json!({"type": "agent_message", "author": "/root", "recipient": "/a", "content": content});
    let said = item(json!([{"type": "encrypted_content", "encrypted_content": "Look"}]));
    let secret = item(json!([{"type": "encrypted_content", "encrypted_content": sealed}]));
    let words = json!({"type": "message", "role": "user", "content": [
        {"type": "input_text", "text": "Message from the agent /root:\n"},
        {"type": "input_text", "text": "Look"}
    ]});
    for service in [Service::Runtime, Service::Mantle] {
        for (item, expected) in [(&said, &words), (&secret, &secret)] {
            let (sent, dropped, _) =
                passed(&json!({"model": "m", "input": [item]}).to_string(), service).unwrap();
            assert_eq!(serde_json::from_str::<Value>(&sent).unwrap()["input"], json!([expected]));
            assert!(dropped.is_empty(), "{dropped:?}");
        }
    }
}

#[test]
fn thoughts_of_a_response_that_is_kept_are_asked_for_whole() {
    let include = |body: &str| {
        let sent = passed(body, Service::Runtime).unwrap().0;
        serde_json::from_str::<Value>(&sent).unwrap()["include"].clone()
    };
    let encrypted = "reasoning.encrypted_content";
    assert_eq!(include(r#"{"model":"m","input":"a"}"#), json!([encrypted]));
    assert_eq!(include(r#"{"model":"m","include":null}"#), json!([encrypted]));
    assert_eq!(
        include(r#"{"model":"m","include":["message.output_text.logprobs"]}"#),
        json!(["message.output_text.logprobs", encrypted])
    );
    assert_eq!(include(r#"{"model":"m","include":["reasoning.encrypted_content"]}"#), json!([encrypted]));
    assert_eq!(include(r#"{"model":"m","store":false}"#), Value::Null);
}

#[test]
fn a_thought_that_is_only_a_name_stays_here() {
    let body = r#"{"model":"m","store":false,"input":[{"type":"reasoning","id":"rs_1","summary":[]},{"type":"reasoning","id":"rs_2","summary":[],"encrypted_content":"gAAA"},{"role":"user","content":"a"}]}"#;
    let (sent, dropped, _) = passed(body, Service::Runtime).unwrap();
    let sent: Value = serde_json::from_str(&sent).unwrap();
    assert_eq!(sent["input"][0]["id"], "rs_2");
    assert_eq!(dropped, ["input.*.encrypted_content"]);
}

#[test]
fn what_the_endpoint_refuses_is_refused_by_name() {
    for (members, member) in [
        (r#""background":true"#, "background"),
        (r#""conversation":"c""#, "conversation"),
        (r#""previous_response_id":"resp_1""#, "previous_response_id"),
        (r#""tools":[{"type":"file_search"}]"#, "tools.0"),
        (r#""tools":[{"type":"web_search"}],"tool_choice":{"type":"web_search"}"#, "tool_choice"),
        (r#""input":[{"type":"item_reference","id":"x"}]"#, "input.0"),
    ] {
        let refused = passed(&format!(r#"{{"model":"m",{members}}}"#), Service::Runtime).unwrap_err();
        assert_eq!(refused.member, member);
    }
}

fn sse(events: &[Value]) -> Bytes {
    let mut text = String::new();
    for event in events {
        let name = event["type"].as_str().unwrap();
        text.push_str(&format!("event: {name}\ndata: {event}\n\n"));
    }
    Bytes::from(text)
}

fn response(status: &str, output: &Value) -> Value {
    let usage = json!({"input_tokens": 30, "input_tokens_details": {"cached_tokens": 10, "cache_write_tokens": 4}, "output_tokens": 7, "output_tokens_details": {"reasoning_tokens": 2}, "total_tokens": 37});
    json!({"id": "resp_up", "object": "response", "status": status, "model": "openai.gpt-6-sol", "max_output_tokens": 1000, "store": false, "error": null, "incomplete_details": null, "output": output, "usage": if status == "completed" { usage } else { Value::Null }})
}

/// A whole stream: thoughts, words, a call.
fn stream() -> Vec<Value> {
    let reasoning = json!({"id": "rs_1", "type": "reasoning", "summary": [{"type": "summary_text", "text": "Hm."}], "encrypted_content": "gAAA"});
    let message = json!({"id": "msg_1", "type": "message", "role": "assistant", "status": "completed", "content": [{"type": "output_text", "text": "Grüße", "annotations": []}]});
    let call = json!({"id": "fc_1", "type": "function_call", "call_id": "call_1", "name": "f", "arguments": "{\"a\":1}", "status": "completed"});
    let output = json!([reasoning, message, call]);
    let mut events = vec![
        json!({"type": "response.created", "response": response("in_progress", &json!([]))}),
        json!({"type": "response.output_item.added", "output_index": 0, "item": {"id": "rs_1", "type": "reasoning", "summary": []}}),
        json!({"type": "response.reasoning_summary_text.delta", "output_index": 0, "item_id": "rs_1", "summary_index": 0, "delta": "Hm."}),
        json!({"type": "response.output_item.done", "output_index": 0, "item": reasoning}),
        json!({"type": "response.output_item.added", "output_index": 1, "item": {"id": "msg_1", "type": "message", "content": []}}),
        json!({"type": "response.output_text.delta", "output_index": 1, "item_id": "msg_1", "content_index": 0, "delta": "Grü"}),
        json!({"type": "response.brand_new", "x": 1}),
        json!({"type": "response.output_text.delta", "output_index": 1, "item_id": "msg_1", "content_index": 0, "delta": "ße"}),
        json!({"type": "response.output_item.done", "output_index": 1, "item": message}),
        json!({"type": "response.output_item.added", "output_index": 2, "item": {"id": "fc_1", "type": "function_call", "call_id": "call_1", "name": "f", "arguments": ""}}),
        json!({"type": "response.function_call_arguments.delta", "output_index": 2, "item_id": "fc_1", "delta": "{\"a\":"}),
        json!({"type": "response.function_call_arguments.delta", "output_index": 2, "item_id": "fc_1", "delta": "1}"}),
        json!({"type": "response.output_item.done", "output_index": 2, "item": call}),
        json!({"type": "response.completed", "response": response("completed", &output)}),
    ];
    for (number, event) in events.iter_mut().enumerate() {
        event["sequence_number"] = json!(number);
    }
    events
}

fn relayed(inbound: &dyn Inbound, chunks: &[Bytes]) -> (String, String, Ending) {
    let mut relay = carried(inbound, Service::Runtime).unwrap().relay;
    let (mut out, mut end) = (BytesMut::new(), BytesMut::new());
    for chunk in chunks {
        if !relay.is_over() {
            relay.push(chunk.clone(), &mut out);
        }
    }
    let ending = relay.finish(UpstreamEnd::Eof, &mut end);
    (String::from_utf8(out.to_vec()).unwrap(), String::from_utf8(end.to_vec()).unwrap(), ending)
}

fn client() -> openai_responses::Inbound {
    let body = r#"{"model":"gpt-6","input":"Hi","stream":true,"max_output_tokens":5000}"#;
    openai_responses::parse(Bytes::from(body)).unwrap()
}

#[test]
fn a_stream_goes_through_wherever_it_is_cut_and_its_end_waits() {
    let whole = sse(&stream());
    let expected = relayed(&client(), std::slice::from_ref(&whole));
    let (out, end, ending) = &expected;
    assert!(!out.contains("response.completed") && end.starts_with("event: response.completed\n"));
    assert!(out.contains("response.brand_new"));
    assert!(end.contains(r#""model":"gpt-6""#) && end.contains(r#""max_output_tokens":5000"#));
    assert!(end.contains(r#""store":true"#), "{end}");
    assert_eq!((ending.usage.input_tokens, ending.usage.cache_read_tokens), (16, 10));
    assert_eq!((ending.usage.output_tokens, ending.basis), (7, Basis::Reported));
    for cut in 0..=whole.len() {
        let got = relayed(&client(), &[whole.slice(..cut), whole.slice(cut..)]);
        assert_eq!(&got.0, out, "cut at {cut}");
        assert_eq!(&got.1, end);
    }
}

#[test]
fn a_stream_without_its_last_event_is_a_failed_response() {
    let events = stream();
    for length in 0..events.len() {
        let (_, end, ending) = relayed(&client(), &[sse(&events[..length])]);
        let data = end.lines().find_map(|line| line.strip_prefix("data: ")).unwrap();
        assert!(end.contains("response.failed") && ending.failure.is_some());
        if length > 0 {
            let failed: Value = serde_json::from_str(end.trim().rsplit("data: ").next().unwrap()).unwrap();
            assert_eq!((&failed["sequence_number"], data.is_empty()), (&json!(length), false));
            assert_eq!(failed["response"]["id"], "resp_up");
        }
    }
}

#[test]
fn a_failure_in_the_stream_is_told_in_codexs_words() {
    let created = stream()[0].clone();
    let mut failed = response("failed", &json!([]));
    failed["error"] = json!({"code": "rate_limit_exceeded", "message": "Slow down."});
    for event in [
        json!({"type": "response.failed", "sequence_number": 1, "response": failed}),
        json!({"type": "error", "sequence_number": 1, "code": "rate_limit_exceeded", "message": "Slow down.", "param": null}),
    ] {
        let (_, end, ending) = relayed(&client(), &[sse(&[created.clone(), event])]);
        assert_eq!(ending.failure.unwrap().class, FailureClass::Throttled);
        assert!(end.contains("rate_limit_exceeded") && end.contains("try again in"), "{end}");
    }
}

#[test]
fn a_whole_answer_goes_through() {
    let body = r#"{"model":"gpt-6","input":"Hi"}"#;
    let inbound = openai_responses::parse(Bytes::from(body)).unwrap();
    let whole = Bytes::from(response("completed", &json!([])).to_string());
    let (_, end, ending) = relayed(&inbound, &[whole]);
    let answer: Value = serde_json::from_str(&end).unwrap();
    assert_eq!((&answer["model"], &answer["max_output_tokens"]), (&json!("gpt-6"), &Value::Null));
    assert_eq!((ending.usage.output_tokens, ending.failure), (7, None));
    let (_, end, ending) = relayed(&inbound, &[Bytes::from_static(b"{\"error\":{\"message\":\"x\"}}")]);
    assert!(end.is_empty() && ending.failure.is_some());
}

/// A conversation of another dialect with everything that has a place here.
fn conversation() -> Request {
    let inbound = openai_responses::parse(Bytes::from(
        json!({"model": "m", "instructions": "Be brief.", "max_output_tokens": 9, "temperature": 0.5,
            "tools": [{"type": "function", "name": "a.b", "parameters": {"type": "object"}}],
            "tool_choice": {"type": "function", "name": "a.b"}, "parallel_tool_calls": false,
            "text": {"format": {"type": "json_schema", "schema": {"type": "object"}}, "verbosity": "low"},
            "reasoning": {"effort": "max", "summary": "auto"},
            "input": [
                {"role": "user", "content": [{"type": "input_text", "text": "Hi"},
                    {"type": "input_image", "image_url": "data:image/png;base64,AAAA"},
                    {"type": "input_file", "filename": "a.pdf", "file_data": "data:application/pdf;base64,BBBB"}]},
                {"role": "assistant", "content": "I look."},
                {"type": "function_call", "call_id": "c1", "name": "a.b", "arguments": "{\"x\":1}"},
                {"type": "function_call_output", "call_id": "c1", "output": "done"},
                {"role": "developer", "content": "Hurry."}]})
        .to_string(),
    ))
    .unwrap();
    let (mut request, _) = inbound.translate(&Answering::default()).unwrap();
    let turn = request.messages.iter_mut().find(|message| message.role == Role::Assistant).unwrap();
    let signature = Some("gAAA".to_owned());
    turn.content.insert(0, Content::Thinking { text: "Hm.".to_owned(), signature }.into());
    turn.content.insert(1, Content::SealedThinking { data: "gBBB".to_owned() }.into());
    turn.content.insert(2, Content::Thinking { text: "lost".to_owned(), signature: None }.into());
    request
}

#[test]
fn a_conversation_of_any_dialect_becomes_a_responses_request() {
    let carried = carried(&Canned::new(conversation(), true), Service::Runtime).unwrap();
    let body: Value = serde_json::from_slice(&carried.outbound.body.to_bytes()).unwrap();
    insta::assert_snapshot!(format!("{:?}\n{body:#}", carried.dropped));
}

#[test]
fn what_this_api_has_no_place_for_is_refused_by_name() {
    let stops = Request { stop_sequences: vec!["x".to_owned()], ..conversation() };
    assert_eq!(carried(&Canned::new(stops, true), Service::Runtime).unwrap_err().member, "stop");
}

#[test]
fn an_answer_is_read_streamed_and_whole_wherever_it_is_cut() {
    let canned = Canned::new(conversation(), true);
    let bytes = sse(&stream());
    let read = |chunks: &[Bytes]| {
        let (out, end, ending) = relayed(&canned, chunks);
        (out + &end, ending)
    };
    let expected = read(std::slice::from_ref(&bytes));
    insta::assert_snapshot!(&expected.0);
    for cut in 0..=bytes.len() {
        assert_eq!(read(&[bytes.slice(..cut), bytes.slice(cut..)]), expected, "cut at {cut}");
    }
    let whole = stream().last().unwrap()["response"].to_string();
    let (_, whole, ending) = relayed(&Canned::new(conversation(), false), &[Bytes::from(whole)]);
    assert_eq!(ending.usage, expected.1.usage);
    insta::assert_snapshot!(whole);
    for length in 0..stream().len() {
        assert!(read(&[sse(&stream()[..length])]).1.failure.is_some());
    }
}

#[test]
fn what_passes_for_no_item_of_the_endpoint_is_translated() {
    let body =
        r#"{"model":"m","input":"Hi","tools":[{"type":"custom","name":"patch"}],"tool_choice":"auto"}"#;
    let (sent, ..) = passed(body, Service::Mantle).unwrap();
    let sent: Value = serde_json::from_str(&sent).unwrap();
    assert_eq!(sent["tools"][0]["type"], "function");
    let (sent, ..) = passed(body, Service::Runtime).unwrap();
    assert!(sent.contains(r#"{"type":"custom","name":"patch"}"#));
}
