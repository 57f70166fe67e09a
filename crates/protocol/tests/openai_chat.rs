//! What a Chat Completions client is told and given: refusals by name, and answers in its own forms.

#![expect(clippy::unwrap_used, reason = "what a test cannot go on without may stop it")]

use bytes::{Bytes, BytesMut};
use serde_json::{Value, json};
use stonegate_protocol::conversation::{
    BlockStart, Citation, Content, Delta, Event, Request, StopReason, ToolChoice,
};
use stonegate_protocol::{
    Answering, Effort, Failure, FailureClass, Inbound, Problem, Usage, Writer, openai_chat,
};

const USAGE: Usage = Usage {
    input_tokens: 10,
    output_tokens: 20,
    cache_read_tokens: 100,
    cache_write_5m_tokens: 30,
    cache_write_1h_tokens: 40,
    thinking_tokens: Some(5),
};

/// A body with these members besides the usual ones.
fn body(members: &Value) -> Bytes {
    let mut body = json!({"model": "asked", "messages": [{"role": "user", "content": "Hi"}]});
    body.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    Bytes::from(body.to_string())
}

fn translated(members: &Value) -> (Request, Box<dyn Writer>) {
    let answering = Answering { call: "req_1".to_owned(), created_at: 1_700_000_000, ..Answering::default() };
    openai_chat::parse(body(members)).unwrap().translate(&answering).unwrap()
}

fn meaning(members: &Value) -> Request {
    translated(members).0
}

/// What the client reads of a request that is refused, wherever that happens.
fn refusal(members: &Value) -> String {
    match openai_chat::parse(body(members)) {
        Err(malformed) => Problem::from(&malformed).message,
        Ok(inbound) => inbound.translate(&Answering::default()).unwrap_err().message,
    }
}

#[test]
fn what_changes_the_meaning_is_refused_by_name() {
    for (members, expected) in [
        (json!({"n": 2}), "n: this model gives one answer at a time"),
        (json!({"n": 0}), "n: a whole number was expected, 1 or greater"),
        (json!({"logprobs": true}), "logprobs: is not supported by this model"),
        (json!({"top_logprobs": 3}), "top_logprobs: is not supported by this model"),
        (json!({"logit_bias": {"1": 5}}), "logit_bias: is not supported by this model"),
        (json!({"seed": 0}), "seed: is not supported by this model"),
        (json!({"web_search_options": {}}), "web_search_options: is not supported by this model"),
        (json!({"moderation": {"model": "m"}}), "moderation: is not supported by this model"),
        (json!({"modalities": ["text", "audio"]}), "modalities: this model answers in text only"),
        (json!({"brand_new": 1}), "brand_new: is not known to Stonegate"),
        (json!({"reasoning_effort": "huge"}), "reasoning_effort: `none`, `minimal`"),
        (json!({"service_tier": "huge"}), "service_tier: `auto`, `default`"),
        (json!({"tool_choice": "sometimes"}), "tool_choice: `none`, `auto`"),
        (
            json!({"tool_choice": {"type": "function", "function": {"name": "f"}}}),
            "tool_choice: there is no tool of the name `f`",
        ),
        (json!({"tools": [{"type": "web_search"}]}), "tools.0: tools of type `web_search` are not supported"),
        (json!({"tools": [{"type": "function", "function": {}}]}), "tools.0: missing field `name`"),
        (json!({"response_format": {"type": "grammar"}}), "response_format.type: `grammar` is not supported"),
        (json!({"temperature": "hot"}), "temperature: "),
        (json!({"stream": 1}), "stream: true or false was expected"),
        (json!({"max_tokens": 0}), "max_tokens: a whole number was expected"),
        (json!({"model": ""}), "model: a model's name was expected"),
        (json!({"messages": {}}), "messages: an array was expected"),
        (json!({"messages": ["x"]}), "messages.0: an object was expected"),
        (json!({"messages": [{"role": "robot"}]}), "messages.0.role: one of `developer`"),
        (json!({"messages": [{"role": "tool", "content": "x"}]}), "messages.0.tool_call_id: is required"),
        (json!({"messages": [{"role": "user", "content": 5}]}), "messages.0: invalid type: integer `5`"),
        (
            json!({"messages": [{"role": "user", "content": [{"type": "hologram"}]}]}),
            "messages.0.content.0.type: parts of type `hologram` are not supported",
        ),
        (
            json!({"messages": [{"role": "user", "content": [{"type": "file", "file": {"file_id": "file-1"}}]}]}),
            "messages.0.content.0.file.file_id: files are not stored here",
        ),
        (
            json!({"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "file:///etc/passwd"}}]}]}),
            "messages.0.content.0: a `data:`, `https:` or `s3:` address was expected",
        ),
        (
            json!({"messages": [{"role": "assistant", "audio": {"id": "a"}}]}),
            "messages.0.audio: earlier sound",
        ),
    ] {
        let refusal = refusal(&members);
        assert!(refusal.starts_with(expected), "{members}: {refusal}");
    }
}

#[test]
fn what_decides_a_cost_may_be_said_only_once() {
    for body in [
        r#"{"model":"m","messages":[],"max_tokens":1,"max_tokens":9}"#,
        r#"{"model":"m","messages":[{"role":"user","content":"a","content":"b"}]}"#,
        r#"{"model":"m","messages":[{"role":"user","content":[{"type":"text","type":"image_url","text":"x"}]}]}"#,
        r#"{"model":"m","messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"data:a;base64,x","url":"y"}}]}]}"#,
    ] {
        assert!(openai_chat::parse(Bytes::from(body)).is_err(), "{body}");
    }
}

#[test]
fn every_choice_of_tools_has_its_meaning() {
    let tools =
        json!([{"type": "function", "function": {"name": "f"}}, {"type": "custom", "custom": {"name": "c"}}]);
    for (choice, expected, kept) in [
        (json!("none"), ToolChoice::None, 2),
        (json!("auto"), ToolChoice::Auto, 2),
        (json!("required"), ToolChoice::Any, 2),
        (json!({"type": "function", "function": {"name": "f"}}), ToolChoice::Tool("f".to_owned()), 2),
        (json!({"type": "custom", "custom": {"name": "c"}}), ToolChoice::Tool("c".to_owned()), 2),
        (
            json!({"type": "allowed_tools", "allowed_tools": {"mode": "required",
                   "tools": [{"type": "function", "function": {"name": "f"}}]}}),
            ToolChoice::Any,
            1,
        ),
        (
            json!({"type": "allowed_tools", "allowed_tools": {"mode": "auto",
                   "tools": [{"type": "custom", "custom": {"name": "c"}}]}}),
            ToolChoice::Auto,
            1,
        ),
        (json!(null), ToolChoice::Auto, 2),
    ] {
        let request = meaning(&json!({"tools": tools, "tool_choice": choice}));
        assert_eq!((request.tool_choice, request.tools.len()), (expected, kept), "{choice}");
    }
}

#[test]
fn an_old_ceiling_means_the_visible_words_and_a_new_one_all() {
    for (members, ceiling, beyond) in [
        (json!({"max_tokens": 9, "reasoning_effort": "low"}), Some(9), Some(Effort::Low)),
        (json!({"max_completion_tokens": 9, "reasoning_effort": "low"}), Some(9), None),
        (json!({"max_completion_tokens": 9, "max_tokens": 5, "reasoning_effort": "low"}), Some(9), None),
        (json!({"max_tokens": 9, "reasoning_effort": "none"}), Some(9), None),
        (json!({"max_tokens": 9, "reasoning": {"effort": "high"}}), Some(9), Some(Effort::High)),
        (json!({"reasoning_effort": "low"}), None, None),
        (json!({"max_tokens": 9, "n": 3}), Some(27), None),
    ] {
        let inbound = openai_chat::parse(body(&members)).unwrap();
        assert_eq!(
            (inbound.max_output_tokens(), inbound.effort_beyond_ceiling()),
            (ceiling, beyond),
            "{members}"
        );
        // A ceiling of the visible words would cut the thoughts off as well.
        let whole = ceiling.filter(|_| beyond.is_none());
        if members.get("n").is_none() {
            assert_eq!(meaning(&members).max_output_tokens, whole, "{members}");
        }
    }
}

#[test]
fn an_empty_text_is_left_out_but_a_turn_stays_a_turn() {
    let request = meaning(&json!({"messages": [
        {"role": "user", "content": ""},
        {"role": "assistant", "content": "", "tool_calls": [{"id": "1", "type": "function", "function": {"name": "f", "arguments": "null"}}]},
        {"role": "tool", "tool_call_id": "1", "content": null}]}));
    assert_eq!(request.messages.len(), 3);
    let [call] = request.messages[1].content.as_slice() else { panic!("{:?}", request.messages[1]) };
    let Content::ToolUse(call) = &call.content else { panic!("{call:?}") };
    assert_eq!(call.input.as_str(), "{}");
}

/// An answer with all that there is: thoughts with their signature, words with a citation, two calls at once.
fn events() -> Vec<Event> {
    let text = |text: &str| Delta::Text(text.to_owned());
    let input = |text: &str| Delta::Input(text.to_owned());
    let call = |id: &str, name: &str| BlockStart::ToolUse { id: id.to_owned(), name: name.to_owned() };
    let citation = Citation {
        url: Some("https://example.com".to_owned()),
        title: Some("Example".to_owned()),
        ..Citation::default()
    };
    vec![
        Event::Start { id: Some("msg_1".to_owned()), model: Some("upstream".to_owned()) },
        Event::BlockStart { index: 0, block: BlockStart::Thinking },
        Event::Delta { index: 0, delta: Delta::Thinking("Let me ".to_owned()) },
        Event::Delta { index: 0, delta: Delta::Thinking("see.".to_owned()) },
        Event::Delta { index: 0, delta: Delta::Signature("c2ln".to_owned()) },
        Event::BlockStop { index: 0 },
        Event::BlockStart { index: 1, block: BlockStart::SealedThinking { data: "ZW5j".to_owned() } },
        Event::BlockStop { index: 1 },
        Event::BlockStart { index: 2, block: BlockStart::Text },
        Event::Delta { index: 2, delta: text("Grüße, ") },
        Event::Delta { index: 2, delta: text("\"world\"\n") },
        Event::Delta { index: 2, delta: Delta::Citation(Box::new(citation)) },
        Event::BlockStop { index: 2 },
        Event::BlockStart { index: 3, block: call("call_a", "f") },
        Event::BlockStart { index: 4, block: call("call_b", "patch") },
        Event::Delta { index: 3, delta: input("{\"x\":") },
        Event::Delta { index: 4, delta: input("{\"input\":\"*** ") },
        Event::Delta { index: 3, delta: input("1}") },
        Event::Delta { index: 4, delta: input("Begin\\n\"}") },
        Event::BlockStop { index: 3 },
        Event::BlockStop { index: 4 },
        Event::BlockStart { index: 5, block: call("call_c", "nothing") },
        Event::BlockStop { index: 5 },
        Event::Usage(USAGE),
        Event::Stop { reason: StopReason::ToolUse, sequence: None, explanation: None },
    ]
}

fn written(members: &Value, events: Vec<Event>, failure: Option<&Failure>) -> String {
    let (_, mut writer) = translated(members);
    let mut out = BytesMut::new();
    for event in events {
        writer.write(event, &mut out);
    }
    assert!(
        !out.windows(8).any(|bytes| bytes == b"\"tool_calls\"," || bytes == b"[DONE]"),
        "the end is kept back"
    );
    writer.finish(&USAGE, failure, &mut out);
    String::from_utf8(out.to_vec()).unwrap()
}

fn tools() -> Value {
    json!([{"type": "function", "function": {"name": "f"}}, {"type": "function", "function": {"name": "nothing"}},
           {"type": "custom", "custom": {"name": "patch"}}])
}

#[test]
fn an_answer_has_openais_form_streamed() {
    let members = json!({"stream": true, "stream_options": {"include_usage": true}, "tools": tools()});
    insta::assert_snapshot!(written(&members, events(), None));
}

#[test]
fn an_answer_has_openais_form_whole() {
    insta::assert_snapshot!(written(&json!({"tools": tools()}), events(), None));
}

#[test]
fn a_client_of_old_gets_its_function_call() {
    let call = vec![
        Event::Start { id: None, model: None },
        Event::BlockStart {
            index: 0,
            block: BlockStart::ToolUse { id: "i".to_owned(), name: "f".to_owned() },
        },
        Event::Delta { index: 0, delta: Delta::Input("{}".to_owned()) },
        Event::BlockStop { index: 0 },
        Event::Stop { reason: StopReason::ToolUse, sequence: None, explanation: None },
    ];
    let whole: Value =
        serde_json::from_str(&written(&json!({"functions": [{"name": "f"}]}), call.clone(), None)).unwrap();
    let choice = &whole["choices"][0];
    assert_eq!(choice["finish_reason"], "function_call");
    assert_eq!(choice["message"]["function_call"], json!({"name": "f", "arguments": "{}"}));
    assert_eq!(choice["message"].get("tool_calls"), None);
    let stream = written(&json!({"functions": [{"name": "f"}], "stream": true}), call, None);
    assert!(stream.contains(r#""function_call":{"name":"f","arguments":""}"#), "{stream}");
    assert!(stream.contains(r#""finish_reason":"function_call""#), "{stream}");
}

#[test]
fn usage_comes_when_it_was_asked_for_and_only_then() {
    for (members, expected) in [
        (json!({"stream": true}), 0),
        (json!({"stream": true, "stream_options": {"include_usage": false}}), 0),
        (json!({"stream": true, "stream_options": {"include_usage": true}}), 1),
    ] {
        let stream = written(&members, events(), None);
        assert_eq!(
            stream
                .matches(
                    r#""choices":[],"usage":{"prompt_tokens":180,"completion_tokens":20,"total_tokens":200"#
                )
                .count(),
            expected
        );
        assert_eq!(
            stream.contains(r#""usage":null"#),
            expected == 1,
            "a promised usage is null until it comes"
        );
        assert!(stream.ends_with("\n\ndata: [DONE]\n\n"));
    }
}

#[test]
fn every_stop_has_openais_word() {
    for (reason, word) in [
        (StopReason::EndTurn, "stop"),
        (StopReason::StopSequence, "stop"),
        (StopReason::PauseTurn, "stop"),
        (StopReason::Malformed, "stop"),
        (StopReason::Other("new".to_owned()), "stop"),
        (StopReason::MaxTokens, "length"),
        (StopReason::ContextWindow, "length"),
        (StopReason::Refusal, "content_filter"),
        (StopReason::Guardrail, "content_filter"),
    ] {
        let stop = vec![Event::Stop { reason, sequence: None, explanation: Some("No.".to_owned()) }];
        let whole: Value = serde_json::from_str(&written(&json!({}), stop, None)).unwrap();
        assert_eq!(whole["choices"][0]["finish_reason"], word);
        assert_eq!(whole["choices"][0]["message"]["content"], Value::Null);
    }
}

#[test]
fn a_refusal_says_why() {
    let stop = vec![Event::Stop {
        reason: StopReason::Refusal,
        sequence: None,
        explanation: Some("No.".to_owned()),
    }];
    let whole: Value = serde_json::from_str(&written(&json!({}), stop.clone(), None)).unwrap();
    assert_eq!(whole["choices"][0]["message"]["refusal"], "No.");
    assert!(written(&json!({"stream": true}), stop, None).contains(r#""delta":{"refusal":"No."}"#));
}

#[test]
fn a_failure_in_mid_stream_is_an_error_and_never_looks_like_an_end() {
    let failure = Failure::local(FailureClass::Throttled, "ThrottlingException", "arn:aws:x");
    let stream = written(&json!({"stream": true}), events().into_iter().take(10).collect(), Some(&failure));
    assert!(!stream.contains(r#""finish_reason":""#), "{stream}");
    let error = stream.rsplit("\n\n").nth(2).unwrap();
    assert!(
        error.starts_with(r#"data: {"error":{"message":"#) && error.contains("rate_limit_error"),
        "{error}"
    );
    assert_eq!(
        written(&json!({}), events(), Some(&failure)),
        "",
        "the server renders it with its own status"
    );
}

#[test]
fn hidden_thoughts_stay_hidden() {
    for members in
        [json!({"reasoning": {"exclude": true}}), json!({"include_reasoning": false, "stream": true})]
    {
        let answer = written(&members, events(), None);
        assert!(!answer.contains("Let me") && answer.contains("c2ln"), "{answer}");
    }
}

#[test]
fn thoughts_go_out_and_come_back_with_their_signatures() {
    let whole: Value = serde_json::from_str(&written(&json!({"tools": tools()}), events(), None)).unwrap();
    let message = &whole["choices"][0]["message"];
    let request = meaning(&json!({"messages": [{"role": "user", "content": "Hi"}, message]}));
    let content: Vec<&Content> = request.messages[1].content.iter().map(|block| &block.content).collect();
    let thought = Content::Thinking { text: "Let me see.".to_owned(), signature: Some("c2ln".to_owned()) };
    assert_eq!(content[0], &thought);
    assert_eq!(content[1], &Content::SealedThinking { data: "ZW5j".to_owned() });
    assert!(matches!(content[2], Content::Text { .. }) && content.len() == 6);
    let Content::ToolUse(patch) = content[4] else { panic!("{:?}", content[4]) };
    assert_eq!(patch.input.as_str(), r#"{"input":"*** Begin\n"}"#);
}

#[test]
fn a_tool_call_that_the_ceiling_cuts_does_not_vanish() {
    let cut = vec![
        Event::BlockStart {
            index: 0,
            block: BlockStart::ToolUse { id: "i".to_owned(), name: "f".to_owned() },
        },
        Event::Delta { index: 0, delta: Delta::Input("{\"path\": \"sr".to_owned()) },
        Event::BlockStop { index: 0 },
        Event::Stop { reason: StopReason::MaxTokens, sequence: None, explanation: None },
    ];
    let whole: Value = serde_json::from_str(&written(&json!({}), cut.clone(), None)).unwrap();
    let choice = &whole["choices"][0];
    assert_eq!(choice["message"]["tool_calls"][0]["function"]["arguments"], "{\"path\": \"sr");
    assert_eq!(choice["finish_reason"], "length");
    assert!(written(&json!({"stream": true}), cut, None).contains(r#""arguments":"{\"path\": \"sr""#));
}
