//! Bodies of models that write: which one a model takes, and the conversation that it comes to.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::{
    malformed,
    schema::{self, ANY, FLAG, FRACTION, MAYBE_EMPTY, Member, Schema, TEXT, optional, required},
};
use crate::{
    face::{Face, native::Native, native::Words},
    models::{Chat, Family, Model},
    openai,
    prompt::{list, text, thinking_of},
    refusal::Refusal,
};

/// Bodies with the same members.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Body {
    Nova,
    /// Of completions, as the words of the answer have it.
    Completion(Words),
    CommandR,
    /// Chat Completions under conditions of the maker's own.
    Messages(Maker),
    /// Chat Completions as the engine behind open weights takes them.
    Engine,
}

/// Makers whose bodies look like Chat Completions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Maker {
    Mistral,
    Jamba,
    Writer,
}

/// Mistral's models that take a prompt; the last of them takes messages as well.
const MISTRAL_PROMPTS: &[&str] = &[
    "mistral.mistral-7b-instruct-v0:2",
    "mistral.mixtral-8x7b-instruct-v0:1",
    "mistral.mistral-small-2402-v1:0",
    MISTRAL_LARGE,
];
const MISTRAL_LARGE: &str = "mistral.mistral-large-2402-v1:0";
/// Mistral's models whose chat has Mistral's own form.
const MISTRAL_CHATS: &[&str] = &[MISTRAL_LARGE, "mistral.mistral-large-2407-v1:0"];

impl Body {
    /// The one that a model takes; `None` where InvokeModel does not serve it.
    pub(super) fn of(model: &Model, chat: &Chat, body: &Value) -> Option<Body> {
        let is = |part: &str| model.id.contains(part);
        let has_messages = body.get("messages").is_some();
        Some(match chat.family {
            Family::Nova | Family::Nova2 => Body::Nova,
            Family::Llama => Body::Completion(Words::Llama),
            Family::Mistral => {
                let takes_prompt = MISTRAL_PROMPTS.contains(&model.id);
                if takes_prompt && !(has_messages && model.id == MISTRAL_LARGE) {
                    Body::Completion(Words::Mistral)
                } else if MISTRAL_CHATS.contains(&model.id) {
                    Body::Messages(Maker::Mistral)
                } else {
                    Body::Engine
                }
            }
            Family::Jamba => Body::Messages(Maker::Jamba),
            Family::Command => Body::Completion(Words::Command),
            Family::CommandR => Body::CommandR,
            Family::Open if is("deepseek.r1") => Body::Completion(Words::DeepSeek),
            Family::Open if is("palmyra") => Body::Messages(Maker::Writer),
            Family::Open | Family::GptOss => Body::Engine,
            Family::Gpt | Family::Grok => return None,
        })
    }
}

static TOKENS: Schema = Schema::Whole { least: 1, most: u64::MAX };
static STOPS: Schema = Schema::List { of: &TEXT, least: 0, most: 10 };
static WARM: Schema = Schema::Number { least: 0.0, most: 2.0 };
static PENALTY: Schema = Schema::Number { least: -2.0, most: 2.0 };
static LIST: Schema = Schema::List { of: &ANY, least: 0, most: usize::MAX };
static MESSAGES: Schema = Schema::List { of: &ANY, least: 1, most: usize::MAX };

static LLAMA: &[Member] = &[
    required("prompt", &TEXT),
    optional("temperature", &FRACTION),
    optional("top_p", &FRACTION),
    optional("max_gen_len", &TOKENS),
    optional("images", &Schema::List { of: &TEXT, least: 0, most: 1 }),
];
static MISTRAL: &[Member] = &[
    required("prompt", &TEXT),
    optional("max_tokens", &TOKENS),
    optional("stop", &STOPS),
    optional("temperature", &FRACTION),
    optional("top_p", &FRACTION),
    optional("top_k", &Schema::Whole { least: 1, most: 200 }),
];
static DEEPSEEK: &[Member] = &[
    required("prompt", &TEXT),
    optional("max_tokens", &TOKENS),
    optional("stop", &STOPS),
    optional("temperature", &FRACTION),
    optional("top_p", &FRACTION),
];
static COMMAND: &[Member] = &[
    required("prompt", &TEXT),
    optional("max_tokens", &TOKENS),
    optional("stop_sequences", &Schema::List { of: &TEXT, least: 0, most: 4 }),
    optional("temperature", &Schema::Number { least: 0.0, most: 5.0 }),
    optional("p", &FRACTION),
    optional("k", &Schema::Whole { least: 0, most: 500 }),
    optional("stream", &FLAG),
    // More than one is not played.
    optional("num_generations", &Schema::Whole { least: 1, most: 1 }),
    optional("return_likelihoods", &Schema::OneOf(&["GENERATION", "ALL", "NONE"])),
    optional("truncate", &Schema::OneOf(&["NONE", "START", "END"])),
    optional("logit_bias", &ANY),
];
static HISTORY: Schema = Schema::List {
    of: &Schema::Object(&[
        required("role", &Schema::OneOf(&["USER", "CHATBOT"])),
        required("message", &MAYBE_EMPTY),
    ]),
    least: 0,
    most: usize::MAX,
};
static COMMAND_R: &[Member] = &[
    required("message", &TEXT),
    optional("chat_history", &HISTORY),
    optional("documents", &LIST),
    optional("search_queries_only", &FLAG),
    optional("preamble", &MAYBE_EMPTY),
    optional("max_tokens", &TOKENS),
    optional("temperature", &FRACTION),
    optional("p", &FRACTION),
    optional("k", &Schema::Whole { least: 0, most: 500 }),
    optional("prompt_truncation", &Schema::OneOf(&["OFF", "AUTO_PRESERVE_ORDER"])),
    optional("frequency_penalty", &FRACTION),
    optional("presence_penalty", &FRACTION),
    optional("seed", &ANY),
    optional("return_prompt", &FLAG),
    optional("tools", &LIST),
    optional("tool_results", &LIST),
    optional("stop_sequences", &STOPS),
    optional("raw_prompting", &FLAG),
];
static MISTRAL_CHAT: &[Member] = &[
    required("messages", &MESSAGES),
    optional("tools", &LIST),
    optional("tool_choice", &Schema::OneOf(&["auto", "any", "none"])),
    optional("max_tokens", &TOKENS),
    optional("temperature", &FRACTION),
    optional("top_p", &FRACTION),
];
static JAMBA: &[Member] = &[
    required("messages", &MESSAGES),
    optional("max_tokens", &Schema::Whole { least: 0, most: 4_096 }),
    optional("temperature", &WARM),
    optional("top_p", &FRACTION),
    optional("stop", &ANY),
    // More than one is not played.
    optional("n", &Schema::Whole { least: 1, most: 1 }),
    optional("frequency_penalty", &Schema::Number { least: -2.0, most: 2.0 }),
    optional("presence_penalty", &PENALTY),
    optional("tools", &LIST),
    optional("documents", &LIST),
    optional("response_format", &ANY),
];
static WRITER: &[Member] = &[
    required("messages", &MESSAGES),
    optional("max_tokens", &Schema::Whole { least: 1, most: 8_192 }),
    optional("min_tokens", &Schema::Whole { least: 0, most: 8_192 }),
    optional("temperature", &WARM),
    optional("top_p", &FRACTION),
    optional("stop", &Schema::List { of: &TEXT, least: 0, most: 4 }),
    optional("seed", &ANY),
    optional("presence_penalty", &PENALTY),
    optional("frequency_penalty", &PENALTY),
    optional("tools", &LIST),
    optional("tool_choice", &ANY),
];

/// The conversation of a body, and the face of its answer.
pub(super) fn read(
    body: &Value,
    model: &Model,
    chat: &Chat,
    kind: Body,
    created: i64,
) -> Result<(Value, Arc<dyn Face>), Refusal> {
    match kind {
        Body::Nova => super::nova::read(body, model),
        Body::Completion(words) => {
            let conversation = completion(body, model, chat, words)?;
            Ok((conversation, Arc::new(Native::new(words, body))))
        }
        Body::CommandR => Ok((command_r(body, model)?, Arc::new(Native::new(Words::CommandR, body)))),
        Body::Messages(maker) => messages(body, model, chat, maker, created),
        Body::Engine => {
            let conversation = openai::chat::of_invoke(body, model, chat)?;
            Ok((conversation, Arc::new(Native::new(Words::chat(model.id, created, chat), body))))
        }
    }
}

/// The ceiling that a body names, or that the maker has where none is named.
fn ceiling(body: &Value, name: &str, model: &Model, usual: u64) -> Result<u64, Refusal> {
    let most = model.max_output_tokens;
    match body.get(name).and_then(Value::as_u64) {
        Some(wanted) if wanted > most => {
            Err(malformed(&format!("#/{name}: {wanted} is not less or equal to {most}")))
        }
        Some(wanted) => Ok(wanted),
        None => Ok(usual.min(most)),
    }
}

fn completion(body: &Value, model: &Model, chat: &Chat, words: Words) -> Result<Value, Refusal> {
    let (members, name, stops) = match words {
        Words::Llama => (LLAMA, "max_gen_len", ""),
        Words::Mistral => (MISTRAL, "max_tokens", "stop"),
        Words::DeepSeek => (DEEPSEEK, "max_tokens", "stop"),
        _ => (COMMAND, "max_tokens", "stop_sequences"),
    };
    let usual = match words {
        Words::Llama => 512,
        Words::Mistral if model.id.contains("2402") => 8_192,
        Words::Mistral => 512,
        Words::DeepSeek => u64::MAX,
        _ => 20,
    };
    schema::check(body, members)?;
    let mut content: Vec<Value> = list(body, "images")
        .iter()
        .map(|image| json!({ "type": "image", "source": { "type": "base64", "data": image } }))
        .collect();
    content.push(json!({ "type": "text", "text": text(body, "prompt") }));
    let mut conversation = json!({
        "messages": [{ "role": "user", "content": content }],
        "max_tokens": ceiling(body, name, model, usual)?, "stop_sequences": list(body, stops),
    });
    if let Some(thinking) = thinking_of(chat, None, false) {
        conversation["thinking"] = thinking;
    }
    Ok(conversation)
}

fn command_r(body: &Value, model: &Model) -> Result<Value, Refusal> {
    schema::check(body, COMMAND_R)?;
    let turn =
        |role: &str, said: &str| json!({ "role": role, "content": [{ "type": "text", "text": said }] });
    let mut messages: Vec<Value> = list(body, "chat_history")
        .iter()
        .map(|said| {
            let role = if text(said, "role") == "USER" { "user" } else { "assistant" };
            turn(role, text(said, "message"))
        })
        .collect();
    messages.push(turn("user", text(body, "message")));
    Ok(json!({
        "messages": messages, "system": text(body, "preamble"),
        "max_tokens": ceiling(body, "max_tokens", model, 4_000)?,
        "stop_sequences": list(body, "stop_sequences"),
    }))
}

fn messages(
    body: &Value,
    model: &Model,
    chat: &Chat,
    maker: Maker,
    created: i64,
) -> Result<(Value, Arc<dyn Face>), Refusal> {
    let (members, usual) = match maker {
        Maker::Mistral => (MISTRAL_CHAT, 8_192),
        Maker::Jamba => (JAMBA, 4_096),
        Maker::Writer => (WRITER, 16),
    };
    schema::check(body, members)?;
    let most = ceiling(body, "max_tokens", model, usual)?;
    let mut plain = body.clone();
    if let Some(members) = plain.as_object_mut() {
        members.insert("max_tokens".to_owned(), json!(most));
        members.insert("messages".to_owned(), list(body, "messages").iter().map(flat).collect());
    }
    let conversation = openai::chat::of_maker(&plain, model, chat)?;
    let words = match maker {
        Maker::Mistral => Words::MistralChat,
        Maker::Jamba | Maker::Writer => Words::chat(model.id, created, chat),
    };
    Ok((conversation, Arc::new(Native::new(words, body))))
}

/// A message whose content may be an object with a text, as Writer's guide has it.
fn flat(message: &Value) -> Value {
    let Some(said) = message.pointer("/content/text") else { return message.clone() };
    let mut flat: Map<String, Value> = message.as_object().cloned().unwrap_or_default();
    flat.insert("content".to_owned(), said.clone());
    flat.into()
}
