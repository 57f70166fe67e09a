//! The order of a conversation: roles, tool calls and their results, thinking before tools.

use serde_json::{Map, Value};

use super::{
    Purpose, Rules,
    content::Place,
    shape::{Checked, Invalid, array, either, field, join, object, should_be, text_field},
};
use crate::{
    models::Generation,
    prompt::{has_block, list, text},
};

/// Messages of one role in a row, which Anthropic reads as one. Those of the role `system` stand between turns.
struct Turn<'a> {
    role: &'a str,
    /// The index of its last message.
    index: usize,
    /// Each block with the indices of its message and in its message.
    blocks: Vec<(usize, usize, &'a Value)>,
}

impl<'a> Turn<'a> {
    fn ids(&self, kind: &str, member: &str) -> Vec<&'a str> {
        let of_kind = self.blocks.iter().filter(|(_, _, block)| text(block, "type") == kind);
        of_kind.map(|(_, _, block)| text(block, member)).collect()
    }
}

impl<'a> Rules<'a> {
    pub(super) fn messages(&self) -> Checked {
        let messages = array("messages", field(self.members, "", "messages")?)?;
        if messages.is_empty() {
            return Err(Invalid("messages: at least one message is required".to_owned()));
        }
        for (index, message) in messages.iter().enumerate() {
            self.message(&format!("messages.{index}"), message, index + 1 == messages.len())?;
        }
        let turns = turns(messages);
        if turns.first().is_none_or(|turn| turn.role != "user") || text(&messages[0], "role") == "system" {
            return Err(Invalid("messages: first message must use the \"user\" role".to_owned()));
        }
        self.pairs(&turns)?;
        self.has_tools(messages)?;
        self.thinking_order(messages, &turns)?;
        self.prefill(&turns)
    }

    fn message(&self, path: &str, message: &Value, is_last: bool) -> Checked {
        let message = object(path, message)?;
        let role = text_field(message, path, "role")?;
        let place = match role {
            "user" => Place::User,
            "assistant" => Place::Assistant,
            "system" if self.claude.generation >= Generation::FourSeven => Place::SystemTurn,
            "system" => {
                return Err(Invalid(
                    "messages: Unexpected role \"system\". The Messages API accepts a top-level `system` parameter, \
                     not \"system\" as an input message role."
                        .to_owned(),
                ));
            }
            _ => return Err(should_be(&join(path, "role"), &either(&["user", "assistant"]))),
        };
        self.message_members(path, message)?;
        let content = field(message, path, "content")?;
        let is_empty =
            content.as_str().is_some_and(str::is_empty) || content.as_array().is_some_and(Vec::is_empty);
        if is_empty && !(is_last && role == "assistant") {
            return Err(Invalid(format!(
                "{path}: all messages must have non-empty content except for the optional final assistant message"
            )));
        }
        if content.as_str().is_some_and(|text| !text.is_empty() && text.trim().is_empty()) {
            return Err(Invalid("messages: text content blocks must contain non-whitespace text".to_owned()));
        }
        self.content(&join(path, "content"), content, place)
    }

    fn message_members(&self, path: &str, message: &Map<String, Value>) -> Checked {
        if !self.has_beta("mid-conversation-output-config-2026-07-01") {
            return self.only(path, message, &["role", "content"]);
        }
        self.only(path, message, &["role", "content", "output_config"])?;
        let path = join(path, "output_config");
        match message.get("output_config") {
            Some(config) => self.only(&path, object(&path, config)?, &["effort"]),
            None => Ok(()),
        }
    }

    /// Every call of a tool is answered in the next turn, and nothing else is.
    fn pairs(&self, turns: &[Turn<'a>]) -> Checked {
        let mut called: Vec<&str> = Vec::new();
        for (number, turn) in turns.iter().enumerate() {
            if turn.role == "assistant" {
                called = turn.ids("tool_use", "id");
                if let Some(double) = double(&called) {
                    return Err(Invalid(format!(
                        "messages.{}.content: `tool_use` ids must be unique: {double}",
                        turn.index
                    )));
                }
                if number + 1 == turns.len() && !called.is_empty() {
                    return Err(unanswered(turn.index, &called));
                }
                continue;
            }
            answers(turn, &called)?;
            let results = turn.ids("tool_result", "tool_use_id");
            let missing: Vec<&str> = called.iter().copied().filter(|id| !results.contains(id)).collect();
            if !missing.is_empty() {
                let before = turns.get(number.wrapping_sub(1)).map_or(0, |turn| turn.index);
                return Err(unanswered(before, &missing));
            }
            called.clear();
        }
        Ok(())
    }

    fn has_tools(&self, messages: &[Value]) -> Checked {
        let mentions = messages
            .iter()
            .any(|message| has_block(message, "tool_use") || has_block(message, "tool_result"));
        if mentions && list(self.body, "tools").is_empty() {
            return Err(Invalid(
                "Requests which include `tool_use` or `tool_result` blocks must define tools.".to_owned(),
            ));
        }
        Ok(())
    }

    fn thinking_order(&self, messages: &[Value], turns: &[Turn<'a>]) -> Checked {
        let thinks = |block: &Value| matches!(text(block, "type"), "thinking" | "redacted_thinking");
        for (index, message) in
            messages.iter().enumerate().filter(|(_, message)| text(message, "role") == "assistant")
        {
            let blocks = list(message, "content");
            if blocks.last().is_some_and(thinks) && index + 1 < messages.len() {
                return Err(Invalid(format!(
                    "messages.{index}: The final block in an assistant message cannot be `thinking`."
                )));
            }
        }
        let mode = self.members.get("thinking").map(|thinking| text(thinking, "type")).unwrap_or_default();
        let [.., assistant, user] = turns else { return Ok(()) };
        let in_tool_loop = user.role == "user" && !user.ids("tool_result", "tool_use_id").is_empty();
        let Some((index, inner, first)) = assistant.blocks.first().filter(|_| in_tool_loop) else {
            return Ok(());
        };
        let has_thinking = assistant.blocks.iter().any(|(_, _, block)| thinks(block));
        let must = mode == "enabled" || (mode == "adaptive" && has_thinking);
        if must && !thinks(first) {
            return Err(Invalid(format!(
                "messages.{index}.content.{inner}.type: Expected `thinking` or `redacted_thinking`, but found `{}`. \
                 When `thinking` is enabled, a final `assistant` message must start with a thinking block (preceding \
                 the lastmost set of `tool_use` and `tool_result` blocks).",
                text(first, "type")
            )));
        }
        Ok(())
    }

    /// An answer that the client began.
    fn prefill(&self, turns: &[Turn<'a>]) -> Checked {
        let Some(last) =
            turns.last().filter(|turn| turn.role == "assistant" && self.purpose == Purpose::Answer)
        else {
            return Ok(());
        };
        if self.claude.generation >= Generation::FourSix {
            return Err(Invalid(
                "This model does not support assistant message prefill. The conversation must end with a user message."
                    .to_owned(),
            ));
        }
        let ends_in_space = |text: &str| text.ends_with(char::is_whitespace);
        let message = &list(self.body, "messages").get(last.index);
        let string = message.and_then(|message| message.get("content")).and_then(Value::as_str);
        let last_text = string.or_else(|| last.blocks.last().map(|(_, _, block)| text(block, "text")));
        if last_text.is_some_and(ends_in_space) {
            return Err(Invalid(
                "messages: final assistant content cannot end with trailing whitespace".to_owned(),
            ));
        }
        Ok(())
    }
}

fn turns(messages: &[Value]) -> Vec<Turn<'_>> {
    let mut turns: Vec<Turn<'_>> = Vec::new();
    for (index, message) in messages.iter().enumerate() {
        let role = text(message, "role");
        let blocks = list(message, "content").iter().enumerate().map(|(inner, block)| (index, inner, block));
        match turns.last_mut() {
            _ if role == "system" => {}
            Some(turn) if turn.role == role => {
                turn.index = index;
                turn.blocks.extend(blocks);
            }
            _ => turns.push(Turn { role, index, blocks: blocks.collect() }),
        }
    }
    turns
}

fn double<'a>(ids: &[&'a str]) -> Option<&'a str> {
    ids.iter()
        .enumerate()
        .find(|(index, id)| ids.iter().take(*index).any(|earlier| earlier == *id))
        .map(|(_, id)| *id)
}

fn unanswered(index: usize, ids: &[&str]) -> Invalid {
    Invalid(format!(
        "messages.{index}: `tool_use` ids were found without `tool_result` blocks immediately after: {}. Each \
         `tool_use` block must have a corresponding `tool_result` block in the next message.",
        ids.join(", ")
    ))
}

/// Results answer calls of the turn before, each once, and come before anything else.
fn answers(turn: &Turn<'_>, called: &[&str]) -> Checked {
    let mut answered: Vec<&str> = Vec::new();
    for (position, (index, inner, block)) in turn.blocks.iter().enumerate() {
        if text(block, "type") != "tool_result" {
            continue;
        }
        let id = text(block, "tool_use_id");
        if answered.contains(&id) {
            return Err(Invalid(format!(
                "messages.{index}.content.{inner}: each tool_use must have a single result. Found multiple \
                 `tool_result` blocks with id: {id}"
            )));
        }
        if !called.contains(&id) {
            return Err(Invalid(format!(
                "messages.{index}.content.{inner}: unexpected `tool_use_id` found in `tool_result` blocks: {id}. Each \
                 `tool_result` block must have a corresponding `tool_use` block in the previous message."
            )));
        }
        if position > answered.len() {
            let before = turn.blocks.first().map_or(0, |(index, _, _)| index.saturating_sub(1));
            return Err(unanswered(before, &[id]));
        }
        answered.push(id);
    }
    Ok(())
}
