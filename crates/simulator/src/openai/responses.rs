//! `POST …/responses`.

mod input;
pub(crate) mod kept;
pub(crate) mod tools;

use std::sync::Arc;

use serde_json::{Map, Value, json};

use self::{input::Input, tools::Tools};
use super::{
    effort, invalid,
    members::{self, Kind, Member},
    routes::{self, Api},
    unsupported,
};
use crate::{
    dialect::Door,
    face::responses::{Responses, Wishes},
    invoke,
    models::{Chat, Family, Feature, Model},
    prompt::{self, list, text},
    reception::Arrived,
    refusal::Refusal,
    request::{self, Form, Request},
    seal::{self, Sealed},
    state::State,
    tokens,
};

const MEMBERS: &[Member] = &[
    ("model", Kind::Text),
    ("input", Kind::Any),
    ("background", Kind::Flag),
    ("client_metadata", Kind::Object),
    ("include", Kind::List),
    ("instructions", Kind::Text),
    ("max_output_tokens", Kind::Whole { least: 16, most: u64::MAX }),
    ("max_tool_calls", Kind::Whole { least: 1, most: u64::MAX }),
    ("metadata", Kind::Object),
    ("parallel_tool_calls", Kind::Flag),
    ("previous_response_id", Kind::Text),
    ("prompt_cache_key", Kind::Text),
    ("prompt_cache_options", Kind::Object),
    ("prompt_cache_retention", Kind::OneOf(&["in_memory", "24h"])),
    ("reasoning", Kind::Object),
    ("safety_identifier", Kind::Text),
    ("service_tier", Kind::OneOf(&["auto", "default", "flex", "priority"])),
    ("store", Kind::Flag),
    ("stream", Kind::Flag),
    ("stream_options", Kind::Object),
    ("temperature", Kind::Number { least: 0.0, most: 2.0 }),
    ("text", Kind::Object),
    ("tool_choice", Kind::Any),
    ("tools", Kind::List),
    ("top_logprobs", Kind::Whole { least: 0, most: 20 }),
    ("top_p", Kind::Number { least: 0.0, most: 1.0 }),
    ("truncation", Kind::OneOf(&["auto", "disabled"])),
    ("user", Kind::Text),
];
const SUMMARY: Kind = Kind::OneOf(&["auto", "concise", "detailed"]);
const REASONING: &[Member] = &[
    ("effort", Kind::Text),
    ("summary", SUMMARY),
    ("generate_summary", SUMMARY),
    ("context", Kind::OneOf(&["auto", "current_turn", "all_turns"])),
    ("mode", Kind::OneOf(&["standard", "pro"])),
];
const TEXT: &[Member] = &[("format", Kind::Object), ("verbosity", Kind::OneOf(&["low", "medium", "high"]))];
const FORMAT: &[Member] = &[
    ("type", Kind::OneOf(&["text", "json_object", "json_schema"])),
    ("name", Kind::Text),
    ("description", Kind::Text),
    ("schema", Kind::Object),
    ("strict", Kind::Flag),
];
const INCLUDABLE: &[&str] = &[
    "file_search_call.results",
    "web_search_call.results",
    "web_search_call.action.sources",
    "message.input_image.image_url",
    "computer_call_output.output.image_url",
    "code_interpreter_call.outputs",
    "reasoning.encrypted_content",
    "message.output_text.logprobs",
];

/// Reads and checks a call.
pub(crate) fn request(state: &State, call: Arrived<'_>) -> Result<Request, Refusal> {
    let options = state.options();
    let body = request::parse(call.body)?;
    let object = members::object("body", &body)?;
    members::check("", object, MEMBERS)?;
    let named = members::required("", object, "model")?;
    let (model, chat) = routes::find(&options, call, Api::Responses, named)?;
    let thinks = settings(&body, model, chat)?;

    let items = items(state, &body)?;
    let mut input = Input::new(model, &state.kept, call.door);
    input.read("input", &items)?;
    input.finish()?;
    let mut tools = Tools::default();
    tools.read("tools", list(&body, "tools"), call.door)?;
    tools.read("input.tools", &input.tools, call.door)?;
    if !tools.offered.is_empty() && !model.can(Feature::Tools) {
        return Err(unsupported("tools"));
    }
    let conversation = conversation(&body, model, input, &tools, thinks)?;
    if tokens::of_prompt(&conversation) > model.context_window {
        let mut refusal = invalid(
            "input",
            "Your input exceeds the context window of this model. Please adjust your input and try again.",
        );
        refusal.details.insert("code".to_owned(), "context_length_exceeded".into());
        return Err(refusal);
    }

    let is_sealed = list(&body, "include").iter().any(|wish| wish == "reasoning.encrypted_content");
    let is_kept = body.get("store") != Some(&Value::Bool(false));
    let wishes = Wishes {
        model: named.to_owned(),
        created: options.clock.now().as_second(),
        seal: is_sealed.then(|| seal::sign(Sealed::Reasoning, "", state.chance.nonce())),
        shows_summaries: chat.family == Family::Gpt,
        calls: tools.calls,
        keeping: is_kept.then(|| (state.kept.clone(), items)),
        body: body.clone(),
    };
    let streams = body.get("stream") == Some(&Value::Bool(true));
    Ok(Request {
        conversation,
        model,
        named: named.to_owned(),
        form: if streams { Form::Stream } else { Form::Whole },
        face: Arc::new(Responses::new(wishes)),
        guarded: if call.door == Door::Runtime { invoke::guarded(call)? } else { None },
    })
}

/// Everything that was said so far: what is kept of the response before, and the new items.
fn items(state: &State, body: &Value) -> Result<Vec<Value>, Refusal> {
    let mut items = match body.get("previous_response_id").and_then(Value::as_str) {
        None => Vec::new(),
        Some(id) => state.kept.find(id).ok_or_else(|| {
            let mut refusal =
                invalid("previous_response_id", format!("Previous response with id '{id}' not found."));
            refusal.details.insert("code".to_owned(), "previous_response_not_found".into());
            refusal
        })?,
    };
    match body.get("input") {
        Some(Value::String(text)) => {
            items.push(
                json!({ "type": "message", "role": "user", "content": [{ "type": "input_text", "text": text }] }),
            );
        }
        Some(Value::Array(new)) => items.extend(new.iter().cloned()),
        None | Some(Value::Null) => return Err(members::missing("input")),
        Some(other) => {
            return Err(members::wrong_type("input", other, "one of a string or array of objects"));
        }
    }
    Ok(items)
}

/// Checks what is neither input nor tools. Gives the `thinking` of the conversation.
fn settings(body: &Value, model: &Model, chat: &Chat) -> Result<Option<Value>, Refusal> {
    if body.get("background") == Some(&Value::Bool(true)) {
        // Mantle has it; it is not played, and an answer at once would not be what was asked for.
        return Err(invalid("background", "The background parameter is not supported."));
    }
    for (index, wish) in list(body, "include").iter().enumerate() {
        members::one_of(&format!("include[{index}]"), wish, INCLUDABLE)?;
    }
    if body.get("stream_options").is_some_and(Value::is_object)
        && body.get("stream") != Some(&Value::Bool(true))
    {
        return Err(invalid(
            "stream_options",
            "The 'stream_options' parameter is only allowed when 'stream' is enabled.",
        ));
    }
    format(body, model)?;

    let reasoning = body.get("reasoning").unwrap_or(&Value::Null);
    if let Some(reasoning) = reasoning.as_object() {
        members::check("reasoning.", reasoning, REASONING)?;
    }
    let wanted = reasoning.get("effort").and_then(Value::as_str);
    effort("reasoning.effort", wanted, chat)?;
    let mut thinks = prompt::thinking_of(chat, wanted, false);
    if chat.family == Family::Gpt {
        let refused = ["temperature", "top_p", "top_logprobs"];
        let is_set = |name: &&&str| body.get(**name).is_some_and(|value| !value.is_null());
        if let Some(name) = refused.iter().find(is_set).filter(|_| thinks.is_some()) {
            return Err(unsupported(name));
        }
        let is_told = ["summary", "generate_summary"].iter().any(|name| !text(reasoning, name).is_empty());
        if let Some(thinking) = &mut thinks {
            thinking["display"] = json!(if is_told { "summarized" } else { "omitted" });
        }
    }
    Ok(thinks)
}

/// `text.format`.
fn format(body: &Value, model: &Model) -> Result<(), Refusal> {
    let Some(wishes) = body.get("text").and_then(Value::as_object) else { return Ok(()) };
    members::check("text.", wishes, TEXT)?;
    let Some(format) = wishes.get("format").and_then(Value::as_object) else { return Ok(()) };
    members::check("text.format.", format, FORMAT)?;
    match members::required("text.format.", format, "type")? {
        "json_schema" => {
            if !model.can(Feature::Structured) {
                return Err(unsupported("text.format"));
            }
            let name = members::required("text.format.", format, "name")?;
            let schema = format.get("schema").ok_or_else(|| members::missing("text.format.schema"))?;
            let is_closed = schema.get("additionalProperties") == Some(&Value::Bool(false));
            if format.get("strict") == Some(&Value::Bool(true)) && !is_closed {
                return Err(invalid(
                    "text.format.schema",
                    format!(
                        "Invalid schema for response_format '{name}': In context=(), 'additionalProperties' is \
                         required to be supplied and to be false."
                    ),
                ));
            }
        }
        "json_object" => {
            let said = body.get("input").map(|input| input.to_string().to_lowercase());
            if !said.is_some_and(|said| said.contains("json")) {
                return Err(invalid(
                    "input",
                    "Response input messages must contain the word 'json' in some form to use 'text.format' of type \
                     'json_object'.",
                ));
            }
        }
        _ => {}
    }
    Ok(())
}

fn conversation(
    body: &Value,
    model: &Model,
    input: Input<'_>,
    tools: &Tools,
    thinks: Option<Value>,
) -> Result<Value, Refusal> {
    let instructions = Some(text(body, "instructions")).filter(|text| !text.is_empty());
    let instructions = instructions.map(|text| json!({ "type": "text", "text": text }));
    let system: Vec<Value> = instructions.into_iter().chain(input.system).collect();
    let mut conversation = Map::new();
    conversation.insert("messages".to_owned(), input.messages.into());
    conversation.insert("system".to_owned(), system.into());
    conversation.insert("tools".to_owned(), tools.offered.clone().into());
    if let Some(choice) = body.get("tool_choice").filter(|choice| !choice.is_null()) {
        conversation.insert("tool_choice".to_owned(), tools.choice(choice)?);
    }
    if let Some(tokens) = body.get("max_output_tokens").and_then(Value::as_u64) {
        conversation.insert("max_tokens".to_owned(), json!(tokens.min(model.max_output_tokens)));
    }
    let schema = body.pointer("/text/format/schema");
    conversation.extend(schema.map(|schema| {
        ("output_config".to_owned(), json!({ "format": { "type": "json_schema", "schema": schema } }))
    }));
    conversation.extend(thinks.map(|thinking| ("thinking".to_owned(), thinking)));
    Ok(conversation.into())
}
