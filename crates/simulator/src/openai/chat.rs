//! `POST …/chat/completions`.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::{
    effort, invalid,
    members::{self, Kind, Member},
    parts::Allowed,
    routes::{self, Api},
    unsupported,
};
use crate::{
    dialect::Door,
    face::chat::{ChatCompletions, Reasoned},
    invoke,
    models::{Chat, Family, Feature, Model},
    prompt::{self, list, text},
    reception::Arrived,
    refusal::Refusal,
    request::{self, Form, Request},
    state::State,
    tokens,
};

const PENALTY: Kind = Kind::Number { least: -2.0, most: 2.0 };
const TOKENS: Kind = Kind::Whole { least: 1, most: u64::MAX };

const MEMBERS: &[Member] = &[
    ("model", Kind::Text),
    ("messages", Kind::List),
    ("frequency_penalty", PENALTY),
    ("logit_bias", Kind::Object),
    ("logprobs", Kind::Flag),
    ("max_completion_tokens", TOKENS),
    ("max_tokens", TOKENS),
    ("metadata", Kind::Object),
    ("n", Kind::Whole { least: 1, most: 1 }),
    ("parallel_tool_calls", Kind::Flag),
    ("presence_penalty", PENALTY),
    ("prompt_cache_key", Kind::Text),
    ("reasoning_effort", Kind::Text),
    ("response_format", Kind::Object),
    ("safety_identifier", Kind::Text),
    ("seed", Kind::Any),
    ("service_tier", Kind::OneOf(&["auto", "default", "flex", "priority"])),
    ("stop", Kind::Any),
    ("store", Kind::Flag),
    ("stream", Kind::Flag),
    ("stream_options", Kind::Object),
    ("temperature", Kind::Number { least: 0.0, most: 2.0 }),
    ("tool_choice", Kind::Any),
    ("tools", Kind::List),
    ("top_logprobs", Kind::Whole { least: 0, most: 20 }),
    ("top_p", Kind::Number { least: 0.0, most: 1.0 }),
    ("user", Kind::Text),
    ("verbosity", Kind::OneOf(&["low", "medium", "high"])),
];

/// Reads and checks a call.
pub(crate) fn request(state: &State, call: Arrived<'_>) -> Result<Request, Refusal> {
    let options = state.options();
    let body = request::parse(call.body)?;
    let object = members::object("body", &body)?;
    members::check("", object, MEMBERS)?;
    let named = members::required("", object, "model")?;
    let (model, chat) = routes::find(&options, call, Api::Chat, named)?;
    settings(&body, chat, call.door)?;
    let conversation = conversation(&body, model, chat)?;
    if tokens::of_prompt(&conversation) > model.context_window {
        return Err(invalid("messages", "Input is too long for requested model."));
    }
    let streams = body.get("stream") == Some(&Value::Bool(true));
    let reasoned = match (chat.family, call.door) {
        (Family::GptOss, Door::Runtime) => Reasoned::Inline,
        _ => Reasoned::Apart,
    };
    let usage = body.pointer("/stream_options/include_usage") == Some(&Value::Bool(true));
    let created = options.clock.now().as_second();
    let guarded = if call.door == Door::Runtime { invoke::guarded(call)? } else { None };
    Ok(Request {
        conversation,
        model,
        named: named.to_owned(),
        form: if streams { Form::Stream } else { Form::Whole },
        face: Arc::new(ChatCompletions::new(named, created, reasoned, usage)),
        guarded,
    })
}

/// The conversation of a body that the engine behind open weights takes from InvokeModel, which knows nothing of the
/// parameter that is wrong.
pub(crate) fn of_invoke(body: &Value, model: &Model, chat: &Chat) -> Result<Value, Refusal> {
    let read = || {
        let object = members::object("body", body)?;
        members::check("", object, MEMBERS)?;
        let named = body.get("model").and_then(Value::as_str).unwrap_or(model.id);
        if named != model.id {
            return Err(invalid("model", "The model in the body is not the one in the path."));
        }
        settings(body, chat, Door::Runtime)?;
        conversation(body, model, chat)
    };
    read().map_err(|refusal| Refusal { details: Map::new(), ..refusal })
}

/// The conversation of a body that looks like one of Chat Completions, and was checked already.
pub(crate) fn of_maker(body: &Value, model: &Model, chat: &Chat) -> Result<Value, Refusal> {
    conversation(body, model, chat).map_err(|refusal| Refusal { details: Map::new(), ..refusal })
}

fn is_set(body: &Value, name: &str) -> bool {
    body.get(name).is_some_and(|value| !value.is_null())
}

fn settings(body: &Value, chat: &Chat, door: Door) -> Result<(), Refusal> {
    let wanted = body.get("reasoning_effort").and_then(Value::as_str);
    effort("reasoning_effort", wanted, chat)?;
    let reasons = prompt::thinking_of(chat, wanted, false).is_some();
    let is_gpt = chat.family == Family::Gpt;
    let refused: &[&str] = match chat.family {
        Family::Gpt if reasons => &[
            "temperature",
            "top_p",
            "presence_penalty",
            "frequency_penalty",
            "logprobs",
            "top_logprobs",
            "logit_bias",
            "stop",
            "max_tokens",
        ],
        Family::Gpt => &["stop", "max_tokens"],
        Family::GptOss => &["logit_bias"],
        Family::Grok => &["presence_penalty", "frequency_penalty"],
        _ => &[],
    };
    if let Some(name) = refused.iter().find(|name| is_set(body, name)) {
        return Err(unsupported(name));
    }
    if !list(body, "tools").is_empty() && is_gpt && door == Door::Runtime && reasons {
        return Err(invalid(
            "reasoning_effort",
            "Function tools with reasoning_effort are not supported for this model in /v1/chat/completions. Please use \
             /v1/responses instead, or set reasoning_effort to 'none'.",
        ));
    }
    if is_set(body, "stream_options") && body.get("stream") != Some(&Value::Bool(true)) {
        return Err(invalid(
            "stream_options",
            "The 'stream_options' parameter is only allowed when 'stream' is enabled.",
        ));
    }
    if list(body, "tools").is_empty() && (is_set(body, "tool_choice") || is_set(body, "parallel_tool_calls"))
    {
        return Err(invalid(
            "tool_choice",
            "'tool_choice' and 'parallel_tool_calls' are only allowed when 'tools' are specified.",
        ));
    }
    let format = body.get("response_format").unwrap_or(&Value::Null);
    let says_json = body.get("messages").is_some_and(|said| said.to_string().to_lowercase().contains("json"));
    if text(format, "type") == "json_object" && !says_json {
        return Err(invalid(
            "messages",
            "'messages' must contain the word 'json' in some form, to use 'response_format' of type 'json_object'.",
        ));
    }
    Ok(())
}

fn conversation(body: &Value, model: &Model, chat: &Chat) -> Result<Value, Refusal> {
    let mut system: Vec<Value> = Vec::new();
    let mut messages: Vec<Value> = Vec::new();
    let mut open: Vec<String> = Vec::new();
    let said = list(body, "messages");
    if said.is_empty() {
        return Err(invalid(
            "messages",
            "Invalid 'messages': empty array. Expected an array with minimum length 1.",
        ));
    }
    for (index, message) in said.iter().enumerate() {
        let param = format!("messages[{index}]");
        let object = members::object(&param, message)?;
        let role = members::required(&format!("{param}."), object, "role")?;
        if role != "tool" && !open.is_empty() {
            return Err(unanswered(&open));
        }
        let content = message.get("content").filter(|content| !content.is_null());
        let place = format!("{param}.content");
        let read = |kinds| {
            content.map_or(Ok(Vec::new()), |content| Allowed { model, kinds }.content(&place, content))
        };
        match role {
            "system" | "developer" => system.extend(read(&["text"])?),
            "user" => {
                let blocks = read(&["text", "image_url", "input_audio", "file"])?;
                messages.push(json!({ "role": "user", "content": blocks }));
            }
            "assistant" => {
                let mut blocks = read(&["text", "refusal"])?;
                for call in list(message, "tool_calls") {
                    let input =
                        call.pointer("/function/arguments").and_then(Value::as_str).unwrap_or_default();
                    let input: Value = serde_json::from_str(input).unwrap_or_else(|_| json!({}));
                    let name = call.pointer("/function/name");
                    blocks.push(
                        json!({ "type": "tool_use", "id": text(call, "id"), "name": name, "input": input }),
                    );
                    open.push(text(call, "id").to_owned());
                }
                messages.push(json!({ "role": "assistant", "content": blocks }));
            }
            "tool" => {
                let id = text(message, "tool_call_id");
                let Some(at) = open.iter().position(|known| known == id) else {
                    return Err(invalid(
                        &param,
                        "messages with role 'tool' must be a response to a preceeding message with 'tool_calls'.",
                    ));
                };
                open.remove(at);
                let result = json!({ "type": "tool_result", "tool_use_id": id, "content": read(&["text"])? });
                messages.push(json!({ "role": "user", "content": [result] }));
            }
            other => members::one_of(
                &format!("{param}.role"),
                &json!(other),
                &["system", "developer", "user", "assistant", "tool"],
            )?,
        }
    }
    if !open.is_empty() {
        return Err(unanswered(&open));
    }
    let mut conversation = Map::new();
    conversation.insert("messages".to_owned(), messages.into());
    conversation.insert("system".to_owned(), system.into());
    wishes(body, model, chat, &mut conversation)?;
    Ok(conversation.into())
}

fn unanswered(open: &[String]) -> Refusal {
    invalid(
        "messages",
        format!(
            "An assistant message with 'tool_calls' must be followed by tool messages responding to each 'tool_call_id'. \
         The following tool_call_ids did not have response messages: {}",
            open.join(", ")
        ),
    )
}

/// Tools, lengths, format and reasoning.
fn wishes(
    body: &Value,
    model: &Model,
    chat: &Chat,
    conversation: &mut Map<String, Value>,
) -> Result<(), Refusal> {
    let mut tools = Vec::new();
    for (index, tool) in list(body, "tools").iter().enumerate() {
        members::one_of(&format!("tools[{index}].type"), &json!(text(tool, "type")), &["function"])?;
        let function = tool.get("function").unwrap_or(&Value::Null);
        let object = members::object(&format!("tools[{index}].function"), function)?;
        let name = members::required(&format!("tools[{index}].function."), object, "name")?;
        let schema = function.get("parameters").cloned().unwrap_or_else(|| json!({ "type": "object" }));
        tools.push(
            json!({ "name": name, "description": function.get("description"), "input_schema": schema }),
        );
    }
    if !tools.is_empty() && !model.can(Feature::Tools) {
        return Err(unsupported("tools"));
    }
    conversation.insert("tools".to_owned(), tools.into());
    let choice =
        body.get("tool_choice").filter(|choice| !choice.is_null()).map(|choice| match choice.as_str() {
            Some("required") => json!({ "type": "any" }),
            Some(kind) => json!({ "type": kind }),
            None => json!({ "type": "tool", "name": choice.pointer("/function/name") }),
        });
    conversation.extend(choice.map(|choice| ("tool_choice".to_owned(), choice)));
    let tokens =
        ["max_completion_tokens", "max_tokens"].into_iter().find_map(|name| body.get(name)?.as_u64());
    conversation
        .extend(tokens.map(|tokens| ("max_tokens".to_owned(), json!(tokens.min(model.max_output_tokens)))));
    let stop = match body.get("stop") {
        Some(Value::String(stop)) => json!([stop]),
        Some(Value::Array(stops)) => json!(stops),
        _ => json!([]),
    };
    conversation.insert("stop_sequences".to_owned(), stop);
    let schema = body.pointer("/response_format/json_schema/schema");
    conversation.extend(schema.map(|schema| {
        ("output_config".to_owned(), json!({ "format": { "type": "json_schema", "schema": schema } }))
    }));
    let wanted = body.get("reasoning_effort").and_then(Value::as_str);
    conversation
        .extend(prompt::thinking_of(chat, wanted, false).map(|thinking| ("thinking".to_owned(), thinking)));
    Ok(())
}
