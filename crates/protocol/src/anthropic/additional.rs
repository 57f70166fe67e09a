//! Members that only Claude knows, as a conversation of another dialect brings them along (Converse's
//! `additionalModelRequestFields`). What the conversation has words for is taken into it, so that it is fitted like all
//! else; the rest goes on as it came.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::carry::Unsupported;
use crate::conversation::{JsonText, Request, Thinking, ThinkingDisplay};
use crate::effort::Effort;

use super::outbound::unsupported;

/// The members, sorted out.
#[derive(Debug, Default)]
pub(super) struct Additional {
    pub(super) thinking: Option<Thinking>,
    pub(super) display: Option<ThinkingDisplay>,
    pub(super) effort: Option<Effort>,
    /// Tools with a type of Anthropic's.
    pub(super) tools: Vec<JsonText>,
    /// The members of `output_config` that are left.
    pub(super) output_config: BTreeMap<String, JsonText>,
    /// The members that are left.
    pub(super) members: BTreeMap<String, JsonText>,
}

#[derive(Deserialize)]
struct ThinkingWire {
    r#type: String,
    budget_tokens: Option<u64>,
    display: Option<String>,
}

impl Additional {
    /// What the request brings along.
    pub(super) fn read(request: &Request) -> Result<Additional, Unsupported> {
        let Some(text) = &request.additional else {
            return Ok(Additional::default());
        };
        let Ok(members) = serde_json::from_str(text.as_str()) else {
            return Err(unsupported("additional", "additional: additional members have to be an object"));
        };
        let mut additional = Additional { members, ..Additional::default() };
        additional.take_thinking();
        additional.take_output_config();
        if let Some(tools) = additional.members.remove("tools") {
            additional.tools = serde_json::from_str(tools.as_str())
                .map_err(|_not_a_list| unsupported("tools", "tools: additional tools have to be a list"))?;
        }
        Ok(additional)
    }

    fn take_thinking(&mut self) {
        let wire = self.members.get("thinking").and_then(|text| serde_json::from_str(text.as_str()).ok());
        let Some(ThinkingWire { r#type: kind, budget_tokens, display }) = wire else {
            return;
        };
        self.thinking = match (kind.as_str(), budget_tokens) {
            ("enabled", Some(budget)) => Some(Thinking::Budget(budget)),
            ("adaptive", _) => Some(Thinking::Adaptive),
            ("disabled", _) => Some(Thinking::Off),
            _ => return,
        };
        self.display = match display.as_deref() {
            Some("summarized") => Some(ThinkingDisplay::Shown),
            Some("omitted") => Some(ThinkingDisplay::Hidden),
            Some(_) | None => None,
        };
        self.members.remove("thinking");
    }

    fn take_output_config(&mut self) {
        let Some(text) = self.members.get("output_config") else {
            return;
        };
        let Ok(mut config) = serde_json::from_str::<BTreeMap<String, JsonText>>(text.as_str()) else {
            return;
        };
        self.effort =
            config.get("effort").and_then(JsonText::text).and_then(|effort| Effort::from_wire(&effort));
        if self.effort.is_some() {
            config.remove("effort");
        }
        self.output_config = config;
        self.members.remove("output_config");
    }
}
