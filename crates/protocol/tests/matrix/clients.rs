//! What the clients of each dialect send, and how they understand what they get.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde_json::{Value, json};
use stonegate_protocol::framing::eventstream::{Decoder, FrameKind};
use stonegate_protocol::framing::sse;
use stonegate_protocol::{Inbound, anthropic, bedrock_native, converse, openai_chat, openai_responses};

/// The dialects that are served, by the names in the fixtures.
pub(crate) const CLIENTS: [&str; 5] =
    ["anthropic", "bedrock_native", "converse", "openai_chat", "openai_responses"];

/// The name of a client's request in the fixtures: clients of InvokeModel write Claude's.
pub(crate) fn writes(client: &str) -> &str {
    if client == "bedrock_native" { "anthropic" } else { client }
}

/// A request of a client's.
pub(crate) fn request(client: &str, mut members: Value, stream: bool) -> Box<dyn Inbound> {
    const MODEL: &str = "the-clients-name";
    if client == "converse" {
        return Box::new(converse::parse(Bytes::from(members.to_string()), stream, MODEL).unwrap());
    }
    if client == "bedrock_native" {
        let stream = stream || members["stream"] == true;
        members.as_object_mut().unwrap().remove("stream");
        members["anthropic_version"] = json!("bedrock-2023-05-31");
        let body = Bytes::from(members.to_string());
        return Box::new(bedrock_native::parse(body, stream, MODEL, |_| None).unwrap());
    }
    members["model"] = json!(MODEL);
    members["stream"] = json!(members["stream"].as_bool().unwrap_or(false) || stream);
    if client == "openai_chat" && stream {
        members["stream_options"] = json!({ "include_usage": true });
    }
    let body = Bytes::from(members.to_string());
    match client {
        "anthropic" => Box::new(anthropic::parse(None, &[], body).unwrap()),
        "openai_chat" => Box::new(openai_chat::parse(body).unwrap()),
        "openai_responses" => Box::new(openai_responses::parse(body).unwrap()),
        _ => panic!("no such client: {client}"),
    }
}

/// What an answer means, whatever dialect it came in.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Meaning {
    pub(crate) thoughts: String,
    pub(crate) text: String,
    pub(crate) calls: Vec<(String, String, Value)>,
    pub(crate) stop: String,
    /// Of the whole prompt, and of the answer.
    pub(crate) tokens: (u64, u64),
}

/// The meaning of a whole answer.
pub(crate) fn whole(client: &str, body: &[u8]) -> Meaning {
    let answer: Value = serde_json::from_slice(body).unwrap();
    match client {
        "anthropic" | "bedrock_native" => messages_meaning(&answer),
        "converse" => converse_meaning(&answer),
        "openai_responses" => responses_meaning(&answer),
        _ => chat_meaning(
            &answer["choices"][0]["message"],
            &answer["choices"][0]["finish_reason"],
            &answer["usage"],
        ),
    }
}

/// The meaning of a stream.
pub(crate) fn streamed(client: &str, body: &[u8]) -> Meaning {
    let events = events(client, body);
    match client {
        "anthropic" | "bedrock_native" => messages_meaning(&messages_sum(&events)),
        "converse" => converse_meaning(&converse_sum(&events)),
        "openai_responses" => responses_sum(&events),
        _ => chat_sum(&events),
    }
}

/// A stream, to be read by people.
pub(crate) fn shown(client: &str, body: &[u8]) -> String {
    match client {
        "converse" | "bedrock_native" => {
            events(client, body).iter().map(|event| format!("{event}\n")).collect()
        }
        _ => str::from_utf8(body).unwrap().to_owned(),
    }
}

/// Whether the last that a stream tells is that something went wrong.
pub(crate) fn ends_with_an_error(client: &str, body: &[u8]) -> bool {
    let events = events(client, body);
    let last = events.last().unwrap();
    last["type"] == "response.failed" || last.get("error").or(last.get("exception")).is_some()
}

/// The events of a stream; those of Converse as `{"kind": payload}`.
fn events(client: &str, body: &[u8]) -> Vec<Value> {
    let mut events = Vec::new();
    if matches!(client, "converse" | "bedrock_native") {
        let mut decoder = Decoder::default();
        decoder.push(Bytes::copy_from_slice(body));
        while let Some(frame) = decoder.next_frame().unwrap() {
            let payload: Value = serde_json::from_slice(frame.payload()).unwrap();
            match frame.kind() {
                FrameKind::Event("chunk") => {
                    let event = STANDARD.decode(payload["bytes"].as_str().unwrap()).unwrap();
                    events.push(serde_json::from_slice(&event).unwrap());
                }
                FrameKind::Event(kind) => events.push(json!({ kind: payload })),
                FrameKind::Exception(name) => events.push(json!({ "exception": name })),
                other => panic!("{other:?}"),
            }
        }
        return events;
    }
    let mut parser = sse::Parser::default();
    parser.push(body);
    while let Some(event) = parser.next_event().unwrap() {
        if event.data != "[DONE]" {
            events.push(serde_json::from_str::<Value>(&event.data).unwrap());
        }
    }
    events
}

fn responses_meaning(response: &Value) -> Meaning {
    let reason = word(&response["incomplete_details"]["reason"]);
    let mut meaning = Meaning { stop: word(&response["status"]) + &reason, ..Meaning::default() };
    for item in response["output"].as_array().into_iter().flatten() {
        for part in item["content"].as_array().into_iter().chain(item["summary"].as_array()).flatten() {
            match part["type"].as_str().unwrap() {
                "output_text" => meaning.text += part["text"].as_str().unwrap(),
                "summary_text" | "reasoning_text" => meaning.thoughts += part["text"].as_str().unwrap(),
                _ => {}
            }
        }
        if item["type"] == "function_call" {
            meaning.calls.push((word(&item["call_id"]), word(&item["name"]), arguments(&item["arguments"])));
        }
    }
    let usage = &response["usage"];
    meaning.tokens =
        (usage["input_tokens"].as_u64().unwrap_or(0), usage["output_tokens"].as_u64().unwrap_or(0));
    meaning
}

/// The meaning of the items that were told to be done, which has to be the last event's.
fn responses_sum(events: &[Value]) -> Meaning {
    let mut response = events.last().unwrap()["response"].clone();
    let told = responses_meaning(&response);
    let of_type = |kind: &'static str| events.iter().filter(move |event| event["type"] == kind);
    response["output"] = of_type("response.output_item.done").map(|event| event["item"].clone()).collect();
    assert_eq!(responses_meaning(&response), told);
    let deltas: String = of_type("response.output_text.delta").map(|event| word(&event["delta"])).collect();
    assert_eq!(deltas, told.text);
    told
}

fn converse_meaning(answer: &Value) -> Meaning {
    let mut meaning = Meaning { stop: word(&answer["stopReason"]), ..Meaning::default() };
    for block in answer["output"]["message"]["content"].as_array().into_iter().flatten() {
        meaning.text += block["text"].as_str().unwrap_or_default();
        meaning.thoughts += block["reasoningContent"]["reasoningText"]["text"].as_str().unwrap_or_default();
        if let Some(call) = block.get("toolUse") {
            meaning.calls.push((word(&call["toolUseId"]), word(&call["name"]), arguments(&call["input"])));
        }
    }
    let usage = &answer["usage"];
    let count = |name: &str| usage[name].as_u64().unwrap_or(0);
    let prompt = count("inputTokens") + count("cacheReadInputTokens") + count("cacheWriteInputTokens");
    meaning.tokens = (prompt, count("outputTokens"));
    meaning
}

/// The answer that the events are the sum of.
fn converse_sum(events: &[Value]) -> Value {
    let mut blocks: Vec<Value> = Vec::new();
    let mut answer = json!({});
    for event in events {
        let (kind, payload) = event.as_object().unwrap().iter().next().unwrap();
        let index = usize::try_from(payload["contentBlockIndex"].as_u64().unwrap_or(0)).unwrap();
        match kind.as_str() {
            "contentBlockStart" => {
                assert_eq!(index, blocks.len(), "blocks come in order");
                let mut block = payload["start"].clone();
                block["toolUse"]["input"] = json!("");
                blocks.push(block);
            }
            "contentBlockDelta" => {
                if index == blocks.len() {
                    blocks
                        .push(json!({ "text": "", "reasoningContent": { "reasoningText": { "text": "" } } }));
                }
                let (block, delta) = (&mut blocks[index], &payload["delta"]);
                add(&mut block["text"], &delta["text"]);
                add(
                    &mut block["reasoningContent"]["reasoningText"]["text"],
                    &delta["reasoningContent"]["text"],
                );
                add(&mut block["toolUse"]["input"], &delta["toolUse"]["input"]);
            }
            "messageStop" => answer["stopReason"] = payload["stopReason"].clone(),
            "metadata" => answer["usage"] = payload["usage"].clone(),
            _ => {}
        }
    }
    for block in &mut blocks {
        let is_call = block["toolUse"].get("name").is_some();
        if !is_call {
            block.as_object_mut().unwrap().remove("toolUse");
        }
    }
    answer["output"] = json!({ "message": { "content": blocks } });
    answer
}

fn messages_meaning(message: &Value) -> Meaning {
    let mut meaning = Meaning { stop: word(&message["stop_reason"]), ..Meaning::default() };
    for block in message["content"].as_array().into_iter().flatten() {
        meaning.text += block["text"].as_str().unwrap_or_default();
        meaning.thoughts += block["thinking"].as_str().unwrap_or_default();
        if block["type"] == "tool_use" {
            meaning.calls.push((word(&block["id"]), word(&block["name"]), arguments(&block["input"])));
        }
    }
    let usage = &message["usage"];
    let count = |name: &str| usage[name].as_u64().unwrap_or(0);
    let prompt =
        count("input_tokens") + count("cache_read_input_tokens") + count("cache_creation_input_tokens");
    meaning.tokens = (prompt, count("output_tokens"));
    meaning
}

/// The message that the events are the sum of.
fn messages_sum(events: &[Value]) -> Value {
    let mut message = Value::Null;
    for event in events {
        let index = usize::try_from(event["index"].as_u64().unwrap_or(0)).unwrap();
        match event["type"].as_str().unwrap() {
            "message_start" => {
                message = event["message"].clone();
                message["content"] = json!([]);
            }
            "content_block_start" => {
                let mut block = event["content_block"].clone();
                if block["type"] == "tool_use" {
                    block["input"] = json!("");
                }
                message["content"].as_array_mut().unwrap().push(block);
            }
            "content_block_delta" => {
                let block = &mut message["content"][index];
                for (from, to) in [("text", "text"), ("thinking", "thinking"), ("partial_json", "input")] {
                    add(&mut block[to], &event["delta"][from]);
                }
            }
            "message_delta" => {
                message["stop_reason"] = event["delta"]["stop_reason"].clone();
                for (name, value) in event["usage"].as_object().unwrap() {
                    message["usage"][name] = value.clone();
                }
            }
            _ => {}
        }
    }
    message
}

fn chat_meaning(message: &Value, finish_reason: &Value, usage: &Value) -> Meaning {
    let mut meaning = Meaning {
        thoughts: word(&message["reasoning_content"]),
        text: word(&message["content"]),
        stop: word(finish_reason),
        tokens: (
            usage["prompt_tokens"].as_u64().unwrap_or(0),
            usage["completion_tokens"].as_u64().unwrap_or(0),
        ),
        ..Meaning::default()
    };
    for call in message["tool_calls"].as_array().into_iter().flatten() {
        let function = &call["function"];
        meaning.calls.push((word(&call["id"]), word(&function["name"]), arguments(&function["arguments"])));
    }
    meaning
}

fn chat_sum(events: &[Value]) -> Meaning {
    let mut message = json!({ "content": "", "reasoning_content": "", "tool_calls": [] });
    let (mut finish_reason, mut usage) = (Value::Null, Value::Null);
    for event in events {
        let choice = &event["choices"][0];
        for name in ["content", "reasoning_content"] {
            add(&mut message[name], &choice["delta"][name]);
        }
        for piece in choice["delta"]["tool_calls"].as_array().into_iter().flatten() {
            let index = usize::try_from(piece["index"].as_u64().unwrap()).unwrap();
            let calls = message["tool_calls"].as_array_mut().unwrap();
            if index == calls.len() {
                calls.push(json!({ "id": piece["id"], "function": { "name": piece["function"]["name"], "arguments": "" } }));
            }
            add(&mut calls[index]["function"]["arguments"], &piece["function"]["arguments"]);
        }
        for (known, new) in [(&mut finish_reason, &choice["finish_reason"]), (&mut usage, &event["usage"])] {
            if !new.is_null() {
                *known = new.clone();
            }
        }
    }
    chat_meaning(&message, &finish_reason, &usage)
}

fn add(to: &mut Value, more: &Value) {
    if let Some(more) = more.as_str() {
        *to = json!(to.as_str().unwrap().to_owned() + more);
    }
}

fn word(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// What a call passes: as an object, whether it came as one or as text; no text is an empty one.
fn arguments(value: &Value) -> Value {
    match value.as_str() {
        Some("") => json!({}),
        Some(text) => serde_json::from_str(text).unwrap_or_else(|_| json!(text)),
        None => value.clone(),
    }
}
