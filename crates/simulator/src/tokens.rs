//! How many tokens something has: not as Claude counts, but close, stable, and the same whoever asks.

use serde_json::Value;

use crate::prompt::{list, text};

/// What each message costs beside its content.
const PER_MESSAGE: u64 = 4;
/// What tools cost beside their definitions.
const FOR_TOOLS: u64 = 346;
const PER_IMAGE: u64 = 1_600;
/// Of a PDF, by its decoded bytes, with a page as the least.
const PDF_BYTES_PER_TOKEN: u64 = 40;
const PDF_LEAST: u64 = 1_800;

/// About four characters of ASCII a token; other characters one each.
pub(crate) fn of_text(text: &str) -> u64 {
    let ascii = text.bytes().filter(u8::is_ascii).count() as u64;
    let others = text.chars().filter(|character| !character.is_ascii()).count() as u64;
    ascii.div_ceil(4) + others
}

/// The whole prompt.
pub(crate) fn of_prompt(body: &Value) -> u64 {
    of_tools(body) + of_system(body) + of_messages(body)
}

pub(crate) fn of_tools(body: &Value) -> u64 {
    let tools = list(body, "tools");
    if tools.is_empty() { 0 } else { FOR_TOOLS + tools.iter().map(of_tool).sum::<u64>() }
}

pub(crate) fn of_tool(tool: &Value) -> u64 {
    of_text(&without_mark(tool).to_string())
}

fn of_system(body: &Value) -> u64 {
    match body.get("system") {
        Some(Value::String(text)) => of_text(text),
        Some(Value::Array(blocks)) => blocks.iter().map(of_block).sum(),
        _ => 0,
    }
}

fn of_messages(body: &Value) -> u64 {
    list(body, "messages").iter().map(|message| PER_MESSAGE + of_content(message.get("content"))).sum()
}

fn of_content(content: Option<&Value>) -> u64 {
    match content {
        Some(Value::String(text)) => of_text(text),
        Some(Value::Array(blocks)) => blocks.iter().map(of_block).sum(),
        _ => 0,
    }
}

/// One block of content. Base64 is no text.
pub(crate) fn of_block(block: &Value) -> u64 {
    match text(block, "type") {
        "text" => of_text(text(block, "text")),
        "image" => PER_IMAGE,
        "document" => of_document(block),
        // Thinking of earlier turns is dropped by Anthropic unless a tool loop is going on; count it, to stay simple.
        "thinking" => of_text(text(block, "thinking")),
        "redacted_thinking" => 64,
        "tool_result" => 8 + of_content(block.get("content")),
        _ => of_text(&without_mark(block).to_string()),
    }
}

fn of_document(block: &Value) -> u64 {
    let source = block.get("source").unwrap_or(&Value::Null);
    let title = of_text(text(block, "title")) + of_text(text(block, "context"));
    title
        + match text(source, "type") {
            "base64" => (text(source, "data").len() as u64 * 3 / 4 / PDF_BYTES_PER_TOKEN).max(PDF_LEAST),
            "text" => of_text(text(source, "data")),
            _ => of_content(source.get("content")),
        }
}

/// The value without its cache mark, which is no part of what the model reads.
pub(crate) fn without_mark(value: &Value) -> Value {
    let mut value = value.clone();
    if let Some(members) = value.as_object_mut() {
        members.remove("cache_control");
    }
    value
}
