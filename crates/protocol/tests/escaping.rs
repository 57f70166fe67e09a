//! However a request writes its names and texts, it is the same request and costs the same.

#![expect(clippy::unwrap_used, reason = "what a test cannot go on without may stop it")]

use bytes::Bytes;
use proptest::prelude::*;
use serde_json::{Value, json};
use stonegate_protocol::conversation::{CacheLifetime, Sizes};
use stonegate_protocol::{
    Inbound, Malformed, anthropic, bedrock_native, converse, openai_chat, openai_responses,
};

/// What the way of a call goes by.
#[derive(Debug, PartialEq)]
struct Known {
    model: String,
    is_stream: bool,
    asked: Option<u64>,
    least: u64,
    sizes: Sizes,
    lifetime: CacheLifetime,
    tier: Option<String>,
    remote: Vec<String>,
}

fn known(inbound: &dyn Inbound) -> Known {
    Known {
        model: inbound.model().to_owned(),
        is_stream: inbound.is_stream(),
        asked: inbound.max_output_tokens(),
        least: inbound.least_output_tokens(),
        // Escapes make the text longer, never the price lower.
        sizes: Sizes { text_bytes: 0, tool_bytes: 0, ..*inbound.sizes() },
        lifetime: inbound.cache_lifetime(),
        tier: inbound.service_tier().map(str::to_owned),
        remote: inbound.remote_media(),
    }
}

fn read(dialect: &str, body: String) -> Result<(Known, u64), Malformed> {
    let body = Bytes::from(body);
    let inbound: Box<dyn Inbound> = match dialect {
        "messages" => Box::new(anthropic::parse(None, &[], body)?),
        "chat" => Box::new(openai_chat::parse(body)?),
        "responses" => Box::new(openai_responses::parse(body)?),
        "converse" => Box::new(converse::parse(body, false, "m")?),
        _ => Box::new(bedrock_native::parse(body, false, "m", |_| None)?),
    };
    Ok((known(inbound.as_ref()), inbound.sizes().text_bytes))
}

fn marked() -> Value {
    json!({"type": "ephemeral", "ttl": "1h"})
}

fn claude() -> Value {
    json!({
        "max_tokens": 4000,
        "service_tier": "auto",
        "thinking": {"type": "enabled", "budget_tokens": 2000},
        "system": [{"type": "text", "text": "Be brief.", "cache_control": marked()}],
        "tools": [{"name": "f", "input_schema": {"type": "object"}, "cache_control": {"type": "ephemeral"}}],
        "messages": [{"role": "user", "content": [
            {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "QUJDRA=="}},
            {"type": "document", "source": {"type": "url", "url": "https://example.com/a.pdf"}},
            {"type": "tool_result", "tool_use_id": "t", "content": [
                {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": "QUJD"}},
                {"type": "text", "text": "a\"b\\c\u{1f600}"}
            ]}
        ]}]
    })
}

fn with(mut body: Value, members: &Value) -> Value {
    body.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    body
}

/// A body of every dialect, with all that decides its price.
fn bodies() -> [(&'static str, Value); 5] {
    [
        ("messages", with(claude(), &json!({"model": "m", "stream": true}))),
        ("native", with(claude(), &json!({"anthropic_version": "bedrock-2023-05-31"}))),
        (
            "chat",
            json!({
                "model": "m", "stream": true, "max_completion_tokens": 300, "service_tier": "priority",
                "tools": [{"type": "function", "function": {"name": "f", "cache_control": marked()}}],
                "messages": [{"role": "developer", "content": "x"}, {"role": "user", "content": [
                    {"type": "text", "text": "a", "cache_control": marked()},
                    {"type": "image_url", "image_url": {"url": "data:image/png;base64,QUJDRA=="}},
                    {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}},
                    {"type": "input_audio", "input_audio": {"data": "QUJDRA==", "format": "mp3"}},
                    {"type": "file", "file": {"file_data": "data:application/pdf;base64,QUJD"}}
                ]}]
            }),
        ),
        (
            "responses",
            json!({
                "model": "m", "max_output_tokens": 300, "service_tier": "flex",
                "tools": [{"type": "function", "name": "f", "parameters": {}}],
                "input": [{"role": "user", "content": [
                    {"type": "input_text", "text": "a", "prompt_cache_breakpoint": {"mode": "explicit"}},
                    {"type": "input_image", "image_url": "data:image/png;base64,QUJDRA=="},
                    {"type": "input_file", "file_url": "https://example.com/a.pdf"},
                    {"type": "input_file", "filename": "a.pdf", "file_data": "QUJDRA=="}
                ]}]
            }),
        ),
        (
            "converse",
            json!({
                "inferenceConfig": {"maxTokens": 300}, "serviceTier": {"type": "flex"},
                "system": [{"text": "x"}, {"cachePoint": {"type": "default", "ttl": "1h"}}],
                "toolConfig": {"tools": [{"toolSpec": {"name": "f"}}, {"cachePoint": {"type": "default"}}]},
                "messages": [{"role": "user", "content": [
                    {"image": {"format": "png", "source": {"bytes": "QUJDRA=="}}},
                    {"document": {"format": "pdf", "name": "a", "source": {"bytes": "QUJD"}}},
                    {"toolResult": {"toolUseId": "t", "content": [
                        {"video": {"format": "mp4", "source": {"bytes": "QUJDRA=="}}}
                    ]}}
                ]}]
            }),
        ),
    ]
}

/// Writes strings with escapes where `choose` says so.
struct Hand<'c> {
    choices: std::iter::Cycle<std::slice::Iter<'c, bool>>,
    written: String,
}

impl Hand<'_> {
    fn string(&mut self, text: &str) {
        self.written.push('"');
        for letter in text.chars() {
            let mut units = [0; 2];
            if *self.choices.next().unwrap() || letter == '"' || letter == '\\' || letter < ' ' {
                for unit in letter.encode_utf16(&mut units) {
                    self.written.push_str(&format!("\\u{unit:04x}"));
                }
            } else {
                self.written.push(letter);
            }
        }
        self.written.push('"');
    }

    fn value(&mut self, value: &Value) {
        match value {
            Value::String(text) => self.string(text),
            Value::Array(elements) => {
                self.written.push('[');
                for (index, element) in elements.iter().enumerate() {
                    self.comma(index);
                    self.value(element);
                }
                self.written.push(']');
            }
            Value::Object(members) => {
                self.written.push('{');
                for (index, (name, value)) in members.iter().enumerate() {
                    self.comma(index);
                    self.string(name);
                    self.written.push(':');
                    self.value(value);
                }
                self.written.push('}');
            }
            other => self.written.push_str(&other.to_string()),
        }
    }

    fn comma(&mut self, index: usize) {
        if index > 0 {
            self.written.push(',');
        }
    }
}

fn written(value: &Value, choices: &[bool]) -> String {
    let mut hand = Hand { choices: choices.iter().cycle(), written: String::new() };
    hand.value(value);
    hand.written
}

proptest! {
    #[test]
    fn escapes_change_neither_what_is_asked_nor_its_price(
        choices in prop::collection::vec(any::<bool>(), 1..97)
    ) {
        for (dialect, body) in bodies() {
            let (plain, text_bytes) = read(dialect, body.to_string()).unwrap();
            let (escaped, escaped_text_bytes) = read(dialect, written(&body, &choices)).unwrap();
            prop_assert_eq!(&escaped, &plain, "{}", dialect);
            prop_assert!(escaped_text_bytes >= text_bytes, "{dialect}");
        }
    }
}

#[test]
fn a_request_with_all_of_it_is_read() {
    for (dialect, body) in bodies() {
        let (known, _) = read(dialect, body.to_string()).unwrap();
        assert_ne!(known.lifetime, CacheLifetime::None, "{dialect}");
        assert!(known.sizes.images + known.sizes.documents >= 2, "{dialect}: {:?}", known.sizes);
    }
}

/// Every object of the body that has a member of one of the names, with that member written a second time.
fn doubled(body: &Value, names: &[&str]) -> Vec<(String, String)> {
    let text = body.to_string();
    let mut doubled = Vec::new();
    for name in names {
        let member = format!("\"{name}\":");
        for (at, _) in text.match_indices(&member) {
            let escaped = format!("\"\\u{:04x}{}\":1,", name.as_bytes()[0], &name[1..]);
            doubled.push(((*name).to_owned(), format!("{}{escaped}{}", &text[..at], &text[at..])));
        }
    }
    doubled
}

#[test]
fn what_decides_a_price_may_be_said_once_only() {
    let names = [
        (
            "messages",
            &[
                "type",
                "source",
                "content",
                "cache_control",
                "data",
                "url",
                "ttl",
                "budget_tokens",
                "max_tokens",
            ][..],
        ),
        ("native", &["source", "content", "cache_control", "ttl", "anthropic_version"]),
        (
            "chat",
            &["type", "content", "cache_control", "ttl", "image_url", "url", "data", "file_data", "function"],
        ),
        ("responses", &["image_url", "file_data", "content", "prompt_cache_breakpoint"]),
        ("converse", &["bytes", "source", "ttl", "cachePoint", "maxTokens", "content", "image", "toolSpec"]),
    ];
    for ((dialect, body), (named, names)) in bodies().into_iter().zip(names) {
        assert_eq!(dialect, named);
        // A schema is the tool's own affair.
        let body: Value =
            serde_json::from_str(&body.to_string().replace(r#"{"type":"object"}"#, "{}")).unwrap();
        for (name, twice) in doubled(&body, names) {
            let refused = read(dialect, twice.clone()).err();
            let message = refused.map(|malformed| malformed.message).unwrap_or_default();
            assert!(message.ends_with(&format!("{name}: The member is given twice")), "{message} {twice}");
        }
    }
}
