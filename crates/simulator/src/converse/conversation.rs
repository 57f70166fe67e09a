//! A body of Converse in the shape of a conversation.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Map, Value, json};

use super::{fields, turns::kind_of};
use crate::{
    models::{Kind, Model},
    prompt::{self, list, text},
    refusal::Refusal,
};

/// Brings it into shape. A cache point marks what stands before it.
pub(super) fn of(body: &Value, model: &Model) -> Result<Value, Refusal> {
    let mut conversation = Map::new();
    if model.claude().is_some() {
        conversation.insert("anthropic_version".to_owned(), json!("bedrock-2023-05-31"));
    }
    let messages = list(body, "messages").iter().enumerate().map(|(index, message)| {
        let content = marked(list(message, "content"), &format!("messages.{index}.content"), block)?;
        Ok(json!({ "role": message.get("role"), "content": content }))
    });
    conversation.insert("messages".to_owned(), messages.collect::<Result<Value, Refusal>>()?);
    if !list(body, "system").is_empty() {
        let system = marked(list(body, "system"), "system", block)?;
        conversation.insert("system".to_owned(), system.into());
    }
    if let Some(config) = body.get("toolConfig").filter(|config| config.is_object()) {
        let tools = marked(list(config, "tools"), "toolConfig.tools", tool)?;
        conversation.insert("tools".to_owned(), tools.into());
        conversation.extend(choice(config).map(|choice| ("tool_choice".to_owned(), choice)));
    }
    inference(body, model, &mut conversation);
    output(body, &mut conversation);
    let fields = body.get("additionalModelRequestFields").and_then(Value::as_object);
    match &model.kind {
        Kind::Claude(_) => merge(&mut conversation, fields),
        Kind::Chat(chat) => {
            let effort = fields::asked_effort(fields, chat)
                .or(body.pointer("/outputConfig/effort").and_then(Value::as_str));
            let config = fields.and_then(|fields| fields.get("reasoningConfig")).unwrap_or(&Value::Null);
            let wants_config = text(config, "type") == "enabled";
            let thinking = prompt::thinking_of(chat, effort, wants_config);
            conversation.extend(thinking.map(|thinking| ("thinking".to_owned(), thinking)));
        }
        Kind::Task(_) => {}
    }
    Ok(Value::Object(conversation))
}

/// Anthropic's own members; objects that both sides have are put together.
fn merge(conversation: &mut Map<String, Value>, fields: Option<&Map<String, Value>>) {
    for (name, value) in fields.into_iter().flatten() {
        match (conversation.get_mut(name), value) {
            (Some(Value::Object(known)), Value::Object(more)) => known.extend(more.clone()),
            _ => {
                conversation.insert(name.clone(), value.clone());
            }
        }
    }
}

fn inference(body: &Value, model: &Model, conversation: &mut Map<String, Value>) {
    let config = body.get("inferenceConfig").unwrap_or(&Value::Null);
    let names = [
        ("maxTokens", "max_tokens"),
        ("temperature", "temperature"),
        ("topP", "top_p"),
        ("stopSequences", "stop_sequences"),
    ];
    for (theirs, ours) in names {
        let value = config.get(theirs).filter(|value| !value.is_null());
        let is_empty = value.and_then(Value::as_array).is_some_and(Vec::is_empty);
        conversation.extend(value.filter(|_| !is_empty).map(|value| (ours.to_owned(), value.clone())));
    }
    // Bedrock fills in the least of the model's and a bound of its own where Claude needs one.
    if model.claude().is_some() && !conversation.contains_key("max_tokens") {
        let least = model.max_output_tokens.min(model.context_window / 8);
        conversation.insert("max_tokens".to_owned(), json!(least));
    }
}

fn output(body: &Value, conversation: &mut Map<String, Value>) {
    let config = body.get("outputConfig").unwrap_or(&Value::Null);
    let mut output = Map::new();
    let effort = Some(text(config, "effort")).filter(|effort| !effort.is_empty());
    output.extend(effort.map(|effort| ("effort".to_owned(), json!(effort))));
    let schema = config.pointer("/textFormat/structure/jsonSchema/schema").and_then(Value::as_str);
    let schema = schema.and_then(|schema| serde_json::from_str::<Value>(schema).ok());
    output.extend(
        schema.map(|schema| ("format".to_owned(), json!({ "type": "json_schema", "schema": schema }))),
    );
    if !output.is_empty() {
        conversation.insert("output_config".to_owned(), output.into());
    }
}

fn choice(config: &Value) -> Option<Value> {
    let choice = config.get("toolChoice").filter(|choice| choice.is_object())?;
    Some(match kind_of(choice) {
        "tool" => json!({ "type": "tool", "name": choice.get("tool").map(|tool| text(tool, "name")) }),
        kind => json!({ "type": kind }),
    })
}

/// Translates each element, and puts the mark of a cache point on the one before it.
fn marked(blocks: &[Value], path: &str, translate: fn(&Value) -> Value) -> Result<Vec<Value>, Refusal> {
    let mut translated: Vec<Value> = Vec::new();
    for (index, block) in blocks.iter().enumerate() {
        let Some(point) = block.get("cachePoint") else {
            translated.push(translate(block));
            continue;
        };
        let mut mark = json!({ "type": "ephemeral" });
        if let Some(ttl) = point.get("ttl") {
            mark["ttl"] = ttl.clone();
        }
        let before = translated.last_mut().and_then(Value::as_object_mut).ok_or_else(|| {
            Refusal::validation(format!(
                "The cachePoint at {path}.{index} has nothing before it. Add a content block before it and try again."
            ))
        })?;
        before.insert("cache_control".to_owned(), mark);
    }
    Ok(translated)
}

fn tool(tool: &Value) -> Value {
    let Some(spec) = tool.get("toolSpec") else {
        return json!({ "type": "system_tool", "name": tool.get("systemTool").map(|tool| text(tool, "name")) });
    };
    let schema = spec.get("inputSchema").and_then(|schema| schema.get("json"));
    let mut tool = json!({ "name": text(spec, "name"), "input_schema": schema });
    for name in ["description", "strict"] {
        if let Some(value) = spec.get(name).filter(|value| !value.is_null()) {
            tool[name] = value.clone();
        }
    }
    tool
}

fn block(block: &Value) -> Value {
    let kind = kind_of(block);
    let inner = block.get(kind).unwrap_or(&Value::Null);
    match kind {
        "text" => json!({ "type": "text", "text": inner }),
        "image" => image(inner),
        "document" => document(inner),
        "video" | "audio" => json!({ "type": kind, "format": text(inner, "format"), "size": size(inner) }),
        "toolUse" => json!({
            "type": "tool_use", "id": text(inner, "toolUseId"), "name": text(inner, "name"),
            "input": inner.get("input"),
        }),
        "toolResult" => tool_result(inner),
        "guardContent" => {
            json!({ "type": "text", "text": inner.get("text").map(|guarded| text(guarded, "text")) })
        }
        "reasoningContent" => reasoning(inner),
        "citationsContent" => {
            let said: Vec<&str> = list(inner, "content").iter().map(|part| text(part, "text")).collect();
            json!({ "type": "text", "text": said.concat() })
        }
        "searchResult" => search_result(inner),
        "toolAddition" => json!({ "type": "tool_addition", "tool": inner.get("tool") }),
        "toolRemoval" => json!({ "type": "tool_removal", "tool": inner.get("tool") }),
        json => json!({ "type": "text", "text": block.get(json).map(Value::to_string) }),
    }
}

fn size(media: &Value) -> usize {
    media.get("source").map_or(0, |source| text(source, "bytes").len() * 3 / 4)
}

fn image(image: &Value) -> Value {
    let media_type = format!("image/{}", text(image, "format"));
    match image.get("source").and_then(|source| source.get("bytes")) {
        Some(data) => {
            json!({ "type": "image", "source": { "type": "base64", "media_type": media_type, "data": data } })
        }
        None => json!({ "type": "image", "source": { "type": "url", "media_type": media_type } }),
    }
}

/// What is not a PDF is text by the time that the model sees it.
fn document(document: &Value) -> Value {
    let source = document.get("source").unwrap_or(&Value::Null);
    let format = text(document, "format");
    let plain = |data: String| json!({ "type": "text", "media_type": "text/plain", "data": data });
    let source = match source.get("bytes").and_then(Value::as_str) {
        Some(data) if format == "pdf" => {
            json!({ "type": "base64", "media_type": "application/pdf", "data": data })
        }
        Some(data) => match STANDARD.decode(data).map(String::from_utf8) {
            Ok(Ok(read)) => plain(read),
            _ => plain(format!("(the text of a {format} document)")),
        },
        None => match source.get("content") {
            Some(_) => {
                let parts: Vec<&str> =
                    list(source, "content").iter().map(|part| text(part, "text")).collect();
                json!({ "type": "content", "content": parts.concat() })
            }
            None => plain(source.get("text").and_then(Value::as_str).unwrap_or("(from a bucket)").to_owned()),
        },
    };
    let mut translated = json!({ "type": "document", "title": text(document, "name"), "source": source });
    for name in ["context", "citations"] {
        if let Some(value) = document.get(name).filter(|value| !value.is_null()) {
            translated[name] = value.clone();
        }
    }
    translated
}

fn tool_result(result: &Value) -> Value {
    let content: Vec<Value> = list(result, "content").iter().map(block).collect();
    let mut translated =
        json!({ "type": "tool_result", "tool_use_id": text(result, "toolUseId"), "content": content });
    if text(result, "status") == "error" {
        translated["is_error"] = json!(true);
    }
    translated
}

fn reasoning(reasoning: &Value) -> Value {
    match reasoning.get("reasoningText") {
        Some(shown) => json!({
            "type": "thinking", "thinking": text(shown, "text"), "signature": text(shown, "signature"),
        }),
        None => json!({ "type": "redacted_thinking", "data": text(reasoning, "redactedContent") }),
    }
}

fn search_result(result: &Value) -> Value {
    let content: Vec<Value> = list(result, "content")
        .iter()
        .map(|part| json!({ "type": "text", "text": text(part, "text") }))
        .collect();
    let mut translated = json!({
        "type": "search_result", "source": text(result, "source"), "title": text(result, "title"),
        "content": content,
    });
    if let Some(citations) = result.get("citations").filter(|value| !value.is_null()) {
        translated["citations"] = citations.clone();
    }
    translated
}
