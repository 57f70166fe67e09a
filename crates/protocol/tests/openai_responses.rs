//! Every fixture of a Responses request, and what it means; and every answer, streamed and whole.

#![expect(clippy::unwrap_used, reason = "what a test cannot go on without may stop it")]

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use stonegate_protocol::conversation::{BlockStart, Citation, Content, Delta, Event, StopReason};
use stonegate_protocol::framing::sse::Parser;
use stonegate_protocol::{
    Answering, Capability, Failure, FailureClass, Inbound, Unsupported, Usage, openai_responses,
};

#[path = "support/fixtures.rs"]
mod fixtures;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Fixture {
    #[expect(dead_code, reason = "it is there for the reader of the file")]
    about: String,
    #[serde(default)]
    fetched: BTreeMap<String, (String, String)>,
    body: Box<RawValue>,
}

#[test]
fn every_request_means_the_same_in_the_canonical_conversation() {
    fixtures::each("openai_responses", meaning);
}

fn meaning(fixture: &Fixture) -> String {
    let answering = fixtures::answering(&fixture.fetched);
    let inbound = openai_responses::parse(Bytes::copy_from_slice(fixture.body.get().as_bytes())).unwrap();
    let facts = format!(
        "cache {:?}, tier {:?}, to fetch {:?}, {:?}",
        inbound.cache_lifetime(),
        inbound.service_tier(),
        inbound.remote_media(),
        inbound.sizes()
    );
    let (request, _) = inbound.translate(&answering).unwrap();
    format!("{facts}\n\n{request:#?}")
}

fn refused(members: Value) -> Unsupported {
    let mut body = json!({"model": "m", "input": "Hi"});
    body.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    let inbound = openai_responses::parse(Bytes::from(body.to_string())).unwrap();
    inbound.translate(&Answering::default()).unwrap_err()
}

/// What Codex sends once its agents speak with each other (openai/codex 0.169, `features.multi_agent_v2`).
fn agent_message(content: &Value) -> Value {
    json!({"type": "agent_message", "id": "amsg_1", "author": "/root", "recipient": "/root/helper", "content": content})
}

#[test]
fn what_one_agent_says_to_another_reaches_the_model_as_words() {
    let sealed = format!("gAAAA{}", "x".repeat(200));
    for (content, expected) in [
        (
            json!([
                {"type": "input_text", "text": "Sender: /root\nPayload:\n"},
                {"type": "encrypted_content", "encrypted_content": "Look at a.rs"}
            ]),
            Ok("Sender: /root\nPayload:\n|Look at a.rs"),
        ),
        (json!("Look at a.rs"), Ok("Message from the agent /root:\n|Look at a.rs")),
        (json!(null), Ok("Message from the agent /root:\n")),
        (json!([{"type": "encrypted_content", "encrypted_content": sealed}]), Err("input.0.content")),
    ] {
        let body = json!({"model": "m", "input": [agent_message(&content)]});
        let inbound = openai_responses::parse(Bytes::from(body.to_string())).unwrap();
        let read = inbound.translate(&Answering::default()).map(|(request, _)| {
            let texts = request.messages.iter().flat_map(|message| &message.content);
            let texts: Vec<&str> = texts
                .map(|block| match &block.content {
                    Content::Text { text, .. } => text.as_str(),
                    _ => "something else",
                })
                .collect();
            texts.join("|")
        });
        let expected = expected.map(str::to_owned).map_err(str::to_owned);
        assert_eq!(read.map_err(|refused| refused.member), expected, "{content}");
    }
}

#[test]
fn what_cannot_be_served_is_refused_by_name() {
    let tool = |kind: &str| json!({"tools": [{"type": kind, "name": "x"}]});
    let item = |item: Value| json!({"input": [item]});
    let part = |part: Value| json!({"input": [{"role": "user", "content": [part]}]});
    for (members, member) in [
        (tool("file_search"), "tools.0"),
        (tool("code_interpreter"), "tools.0"),
        (tool("image_generation"), "tools.0"),
        (tool("computer"), "tools.0"),
        (tool("mcp"), "tools.0"),
        (tool("local_shell"), "tools.0"),
        (json!({"tools": [{"type": "web_search"}], "tool_choice": {"type": "web_search"}}), "tool_choice"),
        (json!({"tool_choice": {"type": "function", "name": "f"}}), "tool_choice"),
        (json!({"background": true}), "background"),
        (json!({"conversation": "conv_1"}), "conversation"),
        (json!({"prompt": {"id": "p"}}), "prompt"),
        (json!({"previous_response_id": "resp_1"}), "previous_response_id"),
        (json!({"top_logprobs": 3}), "top_logprobs"),
        (json!({"include": ["message.output_text.logprobs"]}), "include"),
        (json!({"brand_new": 1}), "brand_new"),
        (json!({"input": ""}), "input"),
        (item(json!({"role": "user", "content": []})), "input"),
        (json!({"reasoning": {"effort": "extreme"}}), "reasoning.effort"),
        (json!({"text": {"format": {"type": "grammar"}}}), "text.format.type"),
        (item(json!({"type": "item_reference", "id": "msg_1"})), "input.0"),
        (item(json!({"type": "computer_call", "id": "c"})), "input.0"),
        (item(json!({"type": "function_call", "name": "f", "arguments": "{}"})), "input.0.call_id"),
        (item(json!({"type": "compaction", "encrypted_content": "gAAA"})), "input.0.encrypted_content"),
        (part(json!({"type": "input_image", "file_id": "file_1"})), "input.0.content.0.file_id"),
        (part(json!({"type": "input_audio"})), "input.0.content.0"),
        (json!({"tools": [{"type":"function","name":"f"},{"type":"function","name":"f"}]}), "tools.1.name"),
    ] {
        assert_eq!(refused(members.clone()).member, member, "{members}");
    }
}

#[test]
fn what_is_no_request_is_malformed() {
    for (body, pointer) in [
        ("[]", ""),
        ("{\"model\":1}", "/model"),
        ("{\"input\":\"x\"}", "/model"),
        ("{\"model\":\"m\",\"input\":5}", "/input"),
        ("{\"model\":\"m\",\"input\":[5]}", "/input/0"),
        ("{\"model\":\"m\",\"stream\":1}", "/stream"),
        ("{\"model\":\"m\",\"max_output_tokens\":0}", "/max_output_tokens"),
        ("{\"model\":\"m\",\"model\":\"n\"}", "/model"),
        ("{\"model\":\"m\"", ""),
    ] {
        let malformed = openai_responses::parse(Bytes::from(body.to_owned())).unwrap_err();
        assert_eq!(malformed.pointer, pointer, "{body}");
    }
}

const TOOLS: &str = r#"[{"type":"function","name":"f","parameters":null,"strict":null,"description":null},
{"type":"custom","name":"patch"},{"type":"tool_search","execution":"client"},
{"type":"namespace","name":"ns","description":"","tools":[{"type":"function","name":"g"}]}]"#;

/// What a client with these members gets of an answer.
fn written(members: &str, events: &[Event], failure: Option<&Failure>) -> String {
    let body = format!(r#"{{"model":"gpt-x","input":"Hi","tools":{TOOLS}{members}}}"#);
    let inbound = openai_responses::parse(Bytes::from(body)).unwrap();
    let answering = Answering {
        call: "req_7".to_owned(),
        created_at: 1_700_000_000,
        is_kept: true,
        ..Answering::default()
    };
    let (_, mut writer) = inbound.translate(&answering).unwrap();
    let mut out = BytesMut::new();
    for event in events {
        writer.write(event.clone(), &mut out);
    }
    let usage = Usage { input_tokens: 5, output_tokens: 9, cache_read_tokens: 3, ..Usage::default() };
    writer.finish(&usage, failure, &mut out);
    String::from_utf8(out.to_vec()).unwrap()
}

fn block(index: usize, block: BlockStart, deltas: Vec<Delta>) -> Vec<Event> {
    let mut events = vec![Event::BlockStart { index, block }];
    events.extend(deltas.into_iter().map(|delta| Event::Delta { index, delta }));
    events.push(Event::BlockStop { index });
    events
}

fn call(index: usize, name: &str, input: &str) -> Vec<Event> {
    let start = BlockStart::ToolUse { id: format!("toolu_{index}"), name: name.to_owned() };
    let (head, tail) = input.split_at(input.len() / 2);
    block(index, start, vec![Delta::Input(head.to_owned()), Delta::Input(tail.to_owned())])
}

fn stop(reason: StopReason) -> Event {
    Event::Stop { reason, sequence: None, explanation: None }
}

/// An answer with every kind of item.
fn answer() -> Vec<Event> {
    let cited = Citation { url: Some("https://e.org".to_owned()), ..Citation::default() };
    let thoughts = vec![
        Delta::Thinking("Hm, ".to_owned()),
        Delta::Thinking("so.".to_owned()),
        Delta::Signature("Er+==".to_owned()),
    ];
    let words = vec![
        Delta::Text("Gr\u{fc}\u{df}e\n".to_owned()),
        Delta::Text("\u{4e16}".to_owned()),
        Delta::Citation(Box::new(cited)),
    ];
    [
        vec![Event::Start { id: None, model: None }],
        block(0, BlockStart::Thinking, thoughts),
        block(1, BlockStart::SealedThinking { data: "AAAA".to_owned() }, Vec::new()),
        block(2, BlockStart::Text, words),
        call(3, "f", r#"{"a":1}"#),
        block(4, BlockStart::ToolUse { id: "toolu_4".to_owned(), name: "f".to_owned() }, Vec::new()),
        call(5, "patch", r#"{"input":"*** \"x\"\n"}"#),
        call(6, "ns__g", "{}"),
        call(7, "tool_search", r#"{"query":"mail"}"#),
        vec![stop(StopReason::ToolUse)],
    ]
    .concat()
}

fn events(text: &str) -> Vec<Value> {
    let mut parser = Parser::default();
    parser.push(text.as_bytes());
    let mut events = Vec::new();
    while let Some(event) = parser.next_event().unwrap() {
        let value: Value = serde_json::from_str(&event.data).unwrap();
        assert_eq!(value["type"], event.name);
        events.push(value);
    }
    events
}

#[test]
fn an_answer_has_the_form_of_a_response() {
    insta::assert_snapshot!("responses_streamed", written(r#","stream":true"#, &answer(), None));
    let summary = r#","stream":true,"reasoning":{"summary":"auto"}"#;
    insta::assert_snapshot!("responses_streamed_with_summary", written(summary, &answer()[..6], None));
    let whole: Value = serde_json::from_str(&written("", &answer(), None)).unwrap();
    insta::assert_snapshot!("responses_whole", serde_json::to_string_pretty(&whole).unwrap());
}

/// Each item is added, said, and done, in this order; numbers count up; deltas add up to what is done.
fn check_grammar(events: &[Value]) {
    let names: Vec<&str> = events.iter().map(|event| event["type"].as_str().unwrap()).collect();
    assert_eq!(names[..2], ["response.created", "response.in_progress"]);
    let (mut open, mut done, mut said) = (BTreeSet::new(), BTreeMap::new(), BTreeMap::new());
    for (number, event) in events.iter().enumerate() {
        assert_eq!(event["sequence_number"], number);
        let index = event["output_index"].as_u64();
        match event["type"].as_str().unwrap() {
            "response.output_item.added" => {
                assert_eq!(index.unwrap() as usize, open.len());
                open.insert(index.unwrap());
            }
            "response.output_item.done" => {
                assert!(open.contains(&index.unwrap()));
                assert!(done.insert(index.unwrap(), event["item"].clone()).is_none());
            }
            name => {
                if let Some(index) = index {
                    assert!(open.contains(&index) && !done.contains_key(&index), "{name}");
                    let text: &mut String = said.entry(index).or_default();
                    if name.ends_with(".delta") {
                        text.push_str(event["delta"].as_str().unwrap());
                    } else if name.ends_with("text.done") {
                        assert_eq!(event["text"], text.as_str());
                    } else if name.ends_with("arguments.done") {
                        assert_eq!(event["arguments"], text.as_str());
                    } else if name.ends_with("input.done") {
                        assert_eq!(event["input"], text.as_str());
                    }
                }
            }
        }
    }
    let last = events.last().unwrap();
    assert!(matches!(
        last["type"].as_str().unwrap(),
        "response.completed" | "response.incomplete" | "response.failed"
    ));
    let items: Vec<Value> = done.into_values().collect();
    if last["type"] != "response.failed" {
        assert_eq!(last["response"]["output"], Value::Array(items));
    }
}

#[test]
fn every_stream_keeps_to_the_grammar_and_means_what_the_whole_answer_means() {
    for members in ["", r#","reasoning":{"summary":"auto"}"#, ",\n\"instructions\":\"a\\nb\""] {
        for length in 0..answer().len() {
            // Cut anywhere, as a reader would end it.
            let mut cut = answer()[..length].to_vec();
            if let Some(Event::BlockStart { index, .. } | Event::Delta { index, .. }) = cut.last() {
                let index = *index;
                cut.push(Event::BlockStop { index });
            }
            cut.push(stop(StopReason::MaxTokens));
            let stream = events(&written(&format!(r#"{members},"stream":true"#), &cut, None));
            check_grammar(&stream);
            let whole: Value = serde_json::from_str(&written(members, &cut, None)).unwrap();
            assert_eq!(stream.last().unwrap()["response"], whole);
            assert_eq!(whole["status"], "incomplete");
        }
    }
}

#[test]
fn thoughts_that_a_client_sends_back_are_what_they_were() {
    let whole: Value = serde_json::from_str(&written("", &answer(), None)).unwrap();
    let body = json!({"model": "m", "input": whole["output"]}).to_string();
    let inbound = openai_responses::parse(Bytes::from(body)).unwrap();
    let (request, _) = inbound.translate(&Answering::default()).unwrap();
    let blocks: Vec<Content> =
        request.messages[0].content.iter().map(|block| block.content.clone()).collect();
    let signature = Some("Er+==".to_owned());
    assert_eq!(blocks[0], Content::Thinking { text: "Hm, so.".to_owned(), signature });
    assert_eq!(blocks[1], Content::SealedThinking { data: "AAAA".to_owned() });
    assert_eq!(request.left_out, Vec::<String>::new());
    assert_eq!((request.messages.len(), blocks.len()), (1, 8));
}

#[test]
fn failures_have_the_codes_that_codex_acts_on() {
    let class = |class| Failure::local(class, "x", "");
    let throttled = Failure { wait: Some(Duration::from_secs(7)), ..class(FailureClass::Throttled) };
    let too_long =
        Failure { capability: Some(Box::new(Capability::PromptTooLong)), ..class(FailureClass::Rejected) };
    for (failure, code, words) in [
        (throttled, "rate_limit_exceeded", "try again in 7s"),
        (class(FailureClass::Overloaded), "server_is_overloaded", "overloaded"),
        (class(FailureClass::Exhausted), "insufficient_quota", "quota"),
        (too_long, "context_length_exceeded", "refused"),
        (class(FailureClass::Rejected), "invalid_prompt", "refused"),
        (class(FailureClass::BrokenOff), "server_error", "broke off"),
    ] {
        let stream = events(&written(r#","stream":true"#, &answer()[..9], Some(&failure)));
        check_grammar(&stream);
        let response = &stream.last().unwrap()["response"];
        assert_eq!((&response["status"], &response["error"]["code"]), (&json!("failed"), &json!(code)));
        assert!(response["error"]["message"].as_str().unwrap().contains(words), "{response}");
        assert_eq!(written("", &answer()[..9], Some(&failure)), "");
    }
}

#[test]
fn a_refusal_is_said_in_words_and_without_words_is_incomplete() {
    let explained = Event::Stop {
        reason: StopReason::Refusal,
        sequence: None,
        explanation: Some("I will not.".to_owned()),
    };
    let stream = events(&written(r#","stream":true"#, &[explained], None));
    check_grammar(&stream);
    let response = &stream.last().unwrap()["response"];
    assert_eq!(response["output"][0]["content"][0]["refusal"], "I will not.");
    assert_eq!(response["status"], "completed");
    let whole: Value = serde_json::from_str(&written("", &[stop(StopReason::Guardrail)], None)).unwrap();
    assert_eq!(whole["incomplete_details"]["reason"], "content_filter");
}

#[test]
fn a_trigger_gives_one_compaction_that_goes_on_as_a_summary() {
    let said = block(0, BlockStart::Text, vec![Delta::Text("All is done.".to_owned())]);
    let trigger = r#"{"model":"m","stream":true,"input":[{"role":"user","content":"x"},{"type":"compaction_trigger"}]}"#;
    for (inbound, is_stream) in [
        (openai_responses::parse(Bytes::from(trigger)).unwrap(), true),
        (openai_responses::parse_compact(Bytes::from(r#"{"model":"m","input":"x"}"#)).unwrap(), false),
    ] {
        let (request, mut writer) = inbound.translate(&Answering::default()).unwrap();
        assert!(format!("{:?}", request.messages.last()).contains("Summarize"));
        let mut out = BytesMut::new();
        for event in said.clone().into_iter().chain([stop(StopReason::EndTurn)]) {
            writer.write(event, &mut out);
        }
        writer.finish(&Usage::default(), None, &mut out);
        let text = String::from_utf8(out.to_vec()).unwrap();
        let response = if is_stream {
            let events = events(&text);
            check_grammar(&events);
            events.last().unwrap()["response"].clone()
        } else {
            let whole: Value = serde_json::from_str(&text).unwrap();
            assert_eq!(whole["object"], "response.compaction");
            whole
        };
        let output = response["output"].as_array().unwrap();
        assert_eq!((output.len(), &output[0]["type"]), (1, &json!("compaction")));
        let body = json!({"model": "m", "input": output}).to_string();
        let next = openai_responses::parse(Bytes::from(body)).unwrap();
        let (request, _) = next.translate(&Answering::default()).unwrap();
        assert!(format!("{:?}", request.messages[0]).contains("All is done."));
    }
}

/// A response to a request with these members, given at `now`.
fn response_at(now: fn() -> i64, members: &str, is_kept: bool) -> Value {
    let body = format!(r#"{{"model":"m","input":"Hi"{members}}}"#);
    let inbound = openai_responses::parse(Bytes::from(body)).unwrap();
    let answering = Answering { created_at: 1_000, clock: now, is_kept, ..Answering::default() };
    let (_, mut writer) = inbound.translate(&answering).unwrap();
    let mut out = BytesMut::new();
    let thoughts = vec![Delta::Thinking("Hm.".to_owned()), Delta::Signature("s".to_owned())];
    let sealed = BlockStart::SealedThinking { data: "AAAA".to_owned() };
    let said = [block(0, BlockStart::Thinking, thoughts), block(1, sealed, Vec::new())].concat();
    for event in said.into_iter().chain([stop(StopReason::EndTurn)]) {
        writer.write(event, &mut out);
    }
    writer.finish(&Usage::default(), None, &mut out);
    serde_json::from_slice(&out).unwrap()
}

#[test]
fn a_response_says_when_it_was_complete_and_whether_it_is_kept() {
    for (now, completed_at) in [((|| 1_007) as fn() -> i64, 1_007), (|| 900, 1_000)] {
        assert_eq!(response_at(now, "", true)["completed_at"], completed_at);
    }
    for (members, is_kept) in
        [("", true), ("", false), (r#","store":true"#, false), (r#","store":false"#, false)]
    {
        assert_eq!(response_at(|| 0, members, is_kept)["store"], is_kept, "{members}");
    }
}

#[test]
fn thoughts_are_sealed_for_who_asks_and_where_openai_would_keep_them() {
    const INCLUDE: &str = r#","include":["reasoning.encrypted_content"]"#;
    for (members, is_sealed) in [
        (String::new(), true),
        (r#","store":true"#.to_owned(), true),
        (format!(r#","store":false{INCLUDE}"#), true),
        (r#","store":false"#.to_owned(), false),
        (r#","store":false,"include":[]"#.to_owned(), false),
    ] {
        let response = response_at(|| 0, &members, false);
        let sealed: Vec<bool> =
            (0..2).map(|at| response["output"][at]["encrypted_content"].is_string()).collect();
        assert_eq!(sealed, [is_sealed, is_sealed], "{members}");
    }
}
