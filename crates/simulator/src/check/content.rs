//! Blocks of content: which may stand where, and their members.

use serde_json::{Map, Value};

use super::{
    Rules,
    shape::{
        Checked, Invalid, array, booleans, field, is_name, join, object, present, should_be, text_field,
        unknown_tag,
    },
};
use crate::seal::{self, Sealed};

/// Where a block stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// In `system`.
    System,
    /// In a message of the role `system`.
    SystemTurn,
    User,
    Assistant,
    /// Inside of a tool's result.
    ToolResult,
    /// Inside of a document or a search result.
    Document,
}

impl Place {
    fn kinds(self) -> &'static [&'static str] {
        match self {
            Place::System => &["text"],
            Place::SystemTurn => &["text", "tool_addition", "tool_removal"],
            Place::User => &["document", "image", "search_result", "text", "tool_result"],
            Place::Assistant => &[
                "compaction",
                "document",
                "redacted_thinking",
                "server_tool_use",
                "text",
                "thinking",
                "tool_search_tool_result",
                "tool_use",
            ],
            Place::ToolResult => &["document", "image", "search_result", "text", "tool_reference"],
            Place::Document => &["image", "text"],
        }
    }

    /// What comes first in a complaint about all blocks of a kind.
    fn root(self) -> &'static str {
        if self == Place::System { "system" } else { "messages" }
    }
}

impl Rules<'_> {
    /// The content of a message or of a tool result that is not absent.
    pub(super) fn content(&self, path: &str, content: &Value, place: Place) -> Checked {
        match content {
            Value::String(_) => Ok(()),
            Value::Array(blocks) => blocks
                .iter()
                .enumerate()
                .try_for_each(|(index, block)| self.block(&format!("{path}.{index}"), block, place)),
            _ => Err(should_be(path, "a valid list")),
        }
    }

    pub(super) fn block(&self, path: &str, block: &Value, place: Place) -> Checked {
        let block = object(path, block)?;
        let kind = text_field(block, path, "type")?;
        self.is_in_place(path, kind, place)?;
        let path = if place == Place::System { path.to_owned() } else { join(path, kind) };
        self.mark(&path, block)?;
        match kind {
            "text" => self.text(&path, block, place),
            "image" => self.image(&path, block),
            "document" => self.document(&path, block),
            "search_result" => self.search_result(&path, block),
            "thinking" => self.thinking_block(&path, block),
            "redacted_thinking" => self.redacted(&path, block),
            "tool_use" | "server_tool_use" => self.tool_use(&path, block),
            "tool_result" => self.tool_result(&path, block),
            "tool_search_tool_result" => {
                self.only(&path, block, &["type", "tool_use_id", "content", "cache_control"])
            }
            "tool_reference" => self.only(&path, block, &["type", "tool_name", "cache_control"]),
            "compaction" => self.only(&path, block, &["type", "content", "cache_control"]),
            _ => self.only(&path, block, &["type", "tool", "cache_control"]),
        }
    }

    fn is_in_place(&self, path: &str, kind: &str, place: Place) -> Checked {
        let message: String = path.split('.').take(2).collect::<Vec<_>>().join(".");
        match (kind, place) {
            ("tool_use", Place::User) => {
                return Err(Invalid(format!(
                    "{message}: `tool_use` blocks can only be in `assistant` messages"
                )));
            }
            ("tool_result", Place::Assistant) => {
                return Err(Invalid(format!(
                    "{message}: `tool_result` blocks can only be in `user` messages"
                )));
            }
            ("thinking" | "redacted_thinking", Place::User) => {
                return Err(Invalid(format!(
                    "{message}: `{kind}` blocks can only be in `assistant` messages"
                )));
            }
            ("document", Place::Assistant) if self.is_new_version() => {
                return Err(Invalid(format!("{message}: `document` blocks can only be in `user` messages")));
            }
            _ => {}
        }
        let needs = match kind {
            "tool_addition" | "tool_removal" => "mid-conversation-tool-changes-2026-07-01",
            "tool_reference" | "tool_search_tool_result" => "tool-search-tool-2025-10-19",
            "compaction" => "compact-2026-01-12",
            _ => "",
        };
        if place.kinds().contains(&kind) && (needs.is_empty() || self.has_beta(needs)) {
            return Ok(());
        }
        Err(unknown_tag(path, kind, place.kinds()))
    }

    fn text(&self, path: &str, block: &Map<String, Value>, place: Place) -> Checked {
        self.only(path, block, &["type", "text", "cache_control", "citations"])?;
        let text = text_field(block, path, "text")?;
        let root = place.root();
        if text.is_empty() {
            return Err(Invalid(match present(block, "cache_control") {
                Some(_) => format!("{path}: cache_control cannot be set for empty text blocks"),
                None => format!("{root}: text content blocks must be non-empty"),
            }));
        }
        if text.trim().is_empty() {
            return Err(Invalid(format!("{root}: text content blocks must contain non-whitespace text")));
        }
        let cites =
            present(block, "citations").and_then(Value::as_array).is_some_and(|cited| !cited.is_empty());
        if cites && self.is_new_version() && place != Place::Assistant {
            return Err(Invalid(format!(
                "{path}.citations: citations may only be on `assistant` text blocks"
            )));
        }
        Ok(())
    }

    fn thinking_block(&self, path: &str, block: &Map<String, Value>) -> Checked {
        self.only(path, block, &["type", "thinking", "signature"])?;
        let text = text_field(block, path, "thinking")?;
        let signature = text_field(block, path, "signature")?;
        if seal::is_good(Sealed::Thinking, text, signature) {
            return Ok(());
        }
        let place = path.trim_end_matches(".thinking");
        Err(Invalid(format!("{place}: Invalid `signature` in `thinking` block")))
    }

    fn redacted(&self, path: &str, block: &Map<String, Value>) -> Checked {
        self.only(path, block, &["type", "data"])?;
        if seal::is_good(Sealed::Redacted, "", text_field(block, path, "data")?) {
            return Ok(());
        }
        let place = path.trim_end_matches(".redacted_thinking");
        Err(Invalid(format!("{place}: Invalid `data` in `redacted_thinking` block")))
    }

    fn tool_use(&self, path: &str, block: &Map<String, Value>) -> Checked {
        self.only(path, block, &["type", "id", "name", "input", "cache_control", "caller", "toolset_name"])?;
        if !is_name(text_field(block, path, "id")?, 128) {
            return Err(Invalid(format!("{path}.id: String should match pattern '^[a-zA-Z0-9_-]+$'")));
        }
        if !is_name(text_field(block, path, "name")?, 128) {
            return Err(Invalid(format!(
                "{path}.name: String should match pattern '^[a-zA-Z0-9_-]{{1,128}}$'"
            )));
        }
        if !field(block, path, "input")?.is_object() {
            return Err(should_be(&join(path, "input"), "a valid dictionary"));
        }
        Ok(())
    }

    fn tool_result(&self, path: &str, block: &Map<String, Value>) -> Checked {
        self.only(path, block, &["type", "tool_use_id", "content", "is_error", "cache_control"])?;
        text_field(block, path, "tool_use_id")?;
        booleans(block, path, &["is_error"])?;
        let Some(content) = present(block, "content") else { return Ok(()) };
        let path = join(path, "content");
        if let Value::Array(blocks) = content {
            array(&path, content)?;
            let failed = block.get("is_error") == Some(&Value::Bool(true));
            if failed && blocks.iter().any(|block| block.get("type").is_some_and(|kind| kind != "text")) {
                return Err(Invalid(format!(
                    "{path}: all content must be type `text` if `is_error` is true"
                )));
            }
        }
        self.content(&path, content, Place::ToolResult)
    }
}
