//! A conversation that passed the checks, as the answering half sees it: whatever its wire form was, it is in the shape
//! of Anthropic's body, the richest of them.
//!
//! Only here `thinking.display` may also be `masked` or `hidden`, for models whose reasoning is not shown.

use serde_json::{Value, json};

use crate::models::{Chat, Family, Generation, Model, Reasoning};

/// What the model is asked.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Prompt<'a> {
    pub(crate) body: &'a Value,
    pub(crate) model: &'static Model,
}

/// How the model is to think.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Thinking {
    Off,
    /// Thinks, and the text is shown.
    Shown,
    /// Thinks, and only a signature is given.
    Omitted,
    /// Thinks, and a word stands for the text.
    Masked,
    /// Thinks, and nothing but the tokens tells of it.
    Hidden,
}

static NOTHING: Vec<Value> = Vec::new();

pub(crate) fn list<'a>(object: &'a Value, member: &str) -> &'a [Value] {
    object.get(member).and_then(Value::as_array).unwrap_or(&NOTHING)
}

pub(crate) fn text<'a>(object: &'a Value, member: &str) -> &'a str {
    object.get(member).and_then(Value::as_str).unwrap_or_default()
}

/// The texts of a message or a tool result, whether its content is a string or blocks.
pub(crate) fn texts(message: &Value) -> Vec<&str> {
    match message.get("content") {
        Some(Value::String(text)) => vec![text],
        Some(Value::Array(blocks)) => blocks
            .iter()
            .filter(|block| text(block, "type") == "text")
            .map(|block| text(block, "text"))
            .collect(),
        _ => Vec::new(),
    }
}

pub(crate) fn has_block(message: &Value, kind: &str) -> bool {
    list(message, "content").iter().any(|block| text(block, "type") == kind)
}

/// The `thinking` of a conversation with a model of another maker than Anthropic: whether it thinks, and how visibly.
pub(crate) fn thinking_of(chat: &Chat, effort: Option<&str>, wants_config: bool) -> Option<Value> {
    let thinks = match chat.reasoning {
        Reasoning::Never => false,
        Reasoning::Always => true,
        Reasoning::OnRequest(_) => effort.is_some_and(|effort| effort != "none"),
        Reasoning::ByDefault(_) => effort != Some("none"),
        Reasoning::Config => wants_config,
    };
    let display = match chat.family {
        Family::Gpt => "hidden",
        Family::Nova2 => "masked",
        _ => "summarized",
    };
    thinks.then(|| json!({ "type": "enabled", "display": display }))
}

impl<'a> Prompt<'a> {
    pub(crate) fn messages(&self) -> &'a [Value] {
        list(self.body, "messages")
    }

    pub(crate) fn tools(&self) -> &'a [Value] {
        list(self.body, "tools")
    }

    /// Without a wish of the client's, as many as the model can write.
    pub(crate) fn max_tokens(&self) -> u64 {
        self.body.get("max_tokens").and_then(Value::as_u64).unwrap_or(self.model.max_output_tokens)
    }

    pub(crate) fn has_beta(&self, beta: &str) -> bool {
        list(self.body, "anthropic_beta").iter().any(|known| known == beta)
    }

    /// The messages from the end back to the last one of the assistant, oldest first: what is new in this call.
    pub(crate) fn last_user_turn(&self) -> Vec<&'a Value> {
        let mut turn: Vec<&Value> = self
            .messages()
            .iter()
            .rev()
            .skip_while(|message| text(message, "role") == "assistant")
            .take_while(|message| text(message, "role") != "assistant")
            .filter(|message| text(message, "role") == "user")
            .collect();
        turn.reverse();
        turn
    }

    /// Every text of the last user turn.
    pub(crate) fn new_texts(&self) -> Vec<&'a str> {
        self.last_user_turn().into_iter().flat_map(texts).collect()
    }

    /// What the person wrote last, without the reminders that coding agents put around it.
    pub(crate) fn question(&self) -> &'a str {
        let is_words =
            |text: &&str| !text.trim().is_empty() && !text.trim_start().starts_with("<system-reminder>");
        self.new_texts().into_iter().rfind(is_words).unwrap_or_default().trim()
    }

    pub(crate) fn thinking(&self) -> Thinking {
        let thinking = self.body.get("thinking").unwrap_or(&Value::Null);
        let claude = self.model.claude();
        let omits_by_default = claude.is_some_and(|claude| claude.generation >= Generation::FourSeven);
        let asked = matches!(text(thinking, "type"), "enabled" | "adaptive" | "between_tools");
        if !asked {
            let thinks = claude.is_some_and(|claude| claude.thinks_always);
            return if thinks { Thinking::Omitted } else { Thinking::Off };
        }
        match text(thinking, "display") {
            "omitted" => Thinking::Omitted,
            "masked" => Thinking::Masked,
            "hidden" => Thinking::Hidden,
            "" if omits_by_default => Thinking::Omitted,
            _ => Thinking::Shown,
        }
    }

    /// The schema that the answer must satisfy.
    pub(crate) fn schema(&self) -> Option<&'a Value> {
        let format = self.body.get("output_config")?.get("format")?;
        format.get("schema").filter(|_| text(format, "type") == "json_schema")
    }
}
