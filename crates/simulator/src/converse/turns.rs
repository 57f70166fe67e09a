//! The order of a conversation: who speaks when, and that every tool's call gets its result.

use serde_json::Value;

use super::media;
use crate::{
    models::{Feature, Kind, Model, Reasoning},
    prompt::{list, text},
    refusal::Refusal,
};

type Checked = Result<(), Refusal>;

pub(super) fn check(body: &Value, model: &Model) -> Checked {
    let messages = list(body, "messages");
    if messages.is_empty() {
        return Err(Refusal::validation(
            "A conversation must start with a user message. Try again with a conversation that starts with a user \
             message.",
        ));
    }
    for (index, message) in messages.iter().enumerate() {
        content(index, message, model)?;
    }
    roles(messages, model)?;
    pairs(messages)?;
    let mentions_tools = |kind: &str| {
        messages.iter().flat_map(|message| list(message, "content")).any(|block| block.get(kind).is_some())
    };
    if body.get("toolConfig").is_none() && (mentions_tools("toolUse") || mentions_tools("toolResult")) {
        return Err(Refusal::validation(
            "The toolConfig field must be defined when using toolUse and toolResult content blocks.",
        ));
    }
    media::check(messages, model)
}

fn roles(messages: &[Value], model: &Model) -> Checked {
    let mut spoken = messages.iter().map(|message| text(message, "role"));
    if spoken.any(|role| role == "system") && model.claude().is_none() {
        return Err(Refusal::validation(
            "This model doesn't support the system role in messages. Use the system field and try again.",
        ));
    }
    let roles: Vec<&str> =
        messages.iter().map(|message| text(message, "role")).filter(|role| *role != "system").collect();
    if roles.first() != Some(&"user") || messages.first().is_some_and(|first| text(first, "role") == "system")
    {
        return Err(Refusal::validation(
            "A conversation must start with a user message. Try again with a conversation that starts with a user \
             message.",
        ));
    }
    if roles.windows(2).any(|pair| matches!(pair, [first, second] if first == second)) {
        return Err(Refusal::validation(
            "A conversation must alternate between user and assistant roles. Make sure the conversation alternates \
             between user and assistant roles and try again.",
        ));
    }
    if roles.last() == Some(&"assistant") && model.claude().is_none() {
        return Err(Refusal::validation(
            "A conversation must end with a user message. Try again with a conversation that ends with a user message.",
        ));
    }
    Ok(())
}

fn content(index: usize, message: &Value, model: &Model) -> Checked {
    let blocks = list(message, "content");
    if blocks.is_empty() {
        return Err(Refusal::validation(format!(
            "The content field in the Message object at messages.{index} is empty. Add a ContentBlock object to the \
             content field and try again."
        )));
    }
    let role = text(message, "role");
    for (inner, block) in blocks.iter().enumerate() {
        let path = format!("messages.{index}.content.{inner}");
        if block.get("text").and_then(Value::as_str).is_some_and(|text| text.trim().is_empty()) {
            return Err(Refusal::validation(format!(
                "The text field in the ContentBlock object at {path} is blank. Add text to the text field, and try \
                 again."
            )));
        }
        in_place(&path, block, role)?;
        reasoning(&path, block, model)?;
        tool_result(&path, block)?;
    }
    Ok(())
}

/// The kind of a block: the one member that is set.
pub(super) fn kind_of(block: &Value) -> &str {
    let members = block.as_object().into_iter().flatten();
    members.filter(|(_, value)| !value.is_null()).map(|(name, _)| name.as_str()).next().unwrap_or_default()
}

fn in_place(path: &str, block: &Value, role: &str) -> Checked {
    let kind = kind_of(block);
    let roles: &[&str] = match kind {
        "text" | "cachePoint" => &["user", "assistant", "system"],
        "toolUse" | "reasoningContent" | "citationsContent" => &["assistant"],
        "toolAddition" | "toolRemoval" => &["system"],
        "image" | "document" | "video" | "audio" | "toolResult" | "guardContent" | "searchResult" => {
            &["user"]
        }
        _ => &["user", "assistant"],
    };
    if roles.contains(&role) {
        return Ok(());
    }
    Err(Refusal::validation(format!(
        "The {kind} block at {path} can't be used in a message with the {role} role. Remove the {kind} block and try \
         again."
    )))
}

fn reasoning(path: &str, block: &Value, model: &Model) -> Checked {
    let Some(content) = block.get("reasoningContent") else { return Ok(()) };
    let reasons = match &model.kind {
        Kind::Claude(_) => true,
        Kind::Chat(chat) => chat.reasoning != Reasoning::Never,
        Kind::Task(_) => false,
    };
    if !reasons {
        return Err(Refusal::validation(format!(
            "This model doesn't support the reasoningContent field at {path}. Remove reasoningContent and try again."
        )));
    }
    let is_signed = content.get("reasoningText").is_some_and(|text| text.get("signature").is_some());
    if model.claude().is_none() && (is_signed || content.get("redactedContent").is_some()) {
        return Err(Refusal::validation(format!(
            "This model doesn't support signed or redacted reasoning content, which was found at {path}."
        )));
    }
    Ok(())
}

fn tool_result(path: &str, block: &Value) -> Checked {
    let Some(result) = block.get("toolResult") else { return Ok(()) };
    let parts = list(result, "content");
    if text(result, "status") == "error" && parts.is_empty() {
        return Err(Refusal::validation(format!(
            "The content field at {path}.toolResult cannot be empty when status value is error."
        )));
    }
    let is_blank =
        |part: &Value| part.get("text").and_then(Value::as_str).is_some_and(|text| text.trim().is_empty());
    match parts.iter().position(is_blank) {
        Some(blank) => Err(Refusal::validation(format!(
            "The text field in the ToolResultContentBlock object at {path}.toolResult.content.{blank} is blank. Add \
             text to the text field, and try again."
        ))),
        None => Ok(()),
    }
}

fn ids<'a>(message: &'a Value, kind: &str) -> Vec<&'a str> {
    let blocks = list(message, "content").iter().filter_map(|block| block.get(kind));
    blocks.map(|block| text(block, "toolUseId")).collect()
}

/// Every call is answered in the next message, and nothing else is.
fn pairs(messages: &[Value]) -> Checked {
    let mut called: Vec<&str> = Vec::new();
    let spoken = messages.iter().enumerate().filter(|(_, message)| text(message, "role") != "system");
    let mut last = 0;
    for (index, message) in spoken {
        last = index;
        if text(message, "role") == "assistant" {
            called = ids(message, "toolUse");
            if let Some(double) = double(&called) {
                return Err(Refusal::validation(format!(
                    "The toolUse blocks at messages.{index}.content contain duplicate Ids: {double}"
                )));
            }
            continue;
        }
        let answered = ids(message, "toolResult");
        let missing: Vec<&str> = called.iter().copied().filter(|id| !answered.contains(id)).collect();
        if !missing.is_empty() {
            return Err(expected(index, &missing));
        }
        if answered.len() > called.len() {
            return Err(Refusal::validation(format!(
                "The number of toolResult blocks at messages.{index}.content exceeds the number of toolUse blocks of \
                 previous turn."
            )));
        }
        called.clear();
    }
    if called.is_empty() { Ok(()) } else { Err(expected(last + 1, &called)) }
}

fn expected(index: usize, ids: &[&str]) -> Refusal {
    Refusal::validation(format!(
        "Expected toolResult blocks at messages.{index}.content for the following Ids: {}",
        ids.join(", ")
    ))
}

fn double<'a>(ids: &[&'a str]) -> Option<&'a str> {
    ids.iter()
        .enumerate()
        .find(|(index, id)| ids.iter().take(*index).any(|earlier| earlier == *id))
        .map(|(_, id)| *id)
}

/// Whether a model takes a kind of block at all.
pub(super) fn takes(model: &Model, feature: Feature) -> bool {
    match &model.kind {
        Kind::Claude(_) => !matches!(
            feature,
            Feature::Video | Feature::Audio | Feature::S3 | Feature::SystemTools | Feature::ImplicitCache
        ),
        Kind::Chat(_) | Kind::Task(_) => model.can(feature),
    }
}
