//! What one agent of a client says to another: `agent_message`, an item that Codex sends and that OpenAI's published API
//! does not have.
//!
//! Observed of Codex 0.169 with its agents on: a task for another agent is a part `encrypted_content`, since OpenAI's own
//! models write it under seal. Of all other models Codex puts there what the model wrote, word for word.

use serde::Serialize;

use super::wire::{Item, Part, Words};

/// What the item's type is called.
pub(super) const AGENT_MESSAGE: &str = "agent_message";
/// The type of a part that may be sealed.
const ENCRYPTED: &str = "encrypted_content";
/// What OpenAI's seals begin with: a Fernet token, version and first bytes of its time.
const SEAL: &str = "gAAAA";

/// The words of a message between agents, as parts of a user's message; none where one of them is sealed.
pub(super) fn words(item: &Item) -> Result<Option<Vec<Part>>, serde_json::Error> {
    let said = match item.content.as_ref().filter(|content| content.as_str() != "null").map(Words::read) {
        None => Vec::new(),
        Some(Ok(Words::Text(text))) => vec![text_part(text)],
        Some(Ok(Words::Parts(parts))) => parts,
        Some(Err(error)) => return Err(error),
    };
    let mut parts = Vec::with_capacity(said.len() + 1);
    for part in said {
        match part.encrypted_content {
            Some(sealed) if part.r#type == ENCRYPTED && is_sealed(&sealed) => return Ok(None),
            Some(plain) if part.r#type == ENCRYPTED => parts.push(text_part(plain)),
            Some(_) | None => parts.push(part),
        }
    }
    if let Some(author) = item.author.as_deref().filter(|author| !names(&parts, author)) {
        parts.insert(0, text_part(format!("Message from the agent {author}:\n")));
    }
    Ok(Some(parts))
}

/// A user's message with the words, as JSON; none where it has other parts than words.
pub(super) fn as_message(parts: &[Part]) -> Option<Vec<u8>> {
    let texts: Option<Vec<&str>> = parts.iter().map(|part| part.text.as_deref()).collect();
    let content = texts?.into_iter().map(|text| TextWire { r#type: "input_text", text }).collect();
    serde_json::to_vec(&MessageWire { r#type: "message", role: "user", content }).ok()
}

#[derive(Serialize)]
struct MessageWire<'a> {
    r#type: &'static str,
    role: &'static str,
    content: Vec<TextWire<'a>>,
}

#[derive(Serialize)]
struct TextWire<'a> {
    r#type: &'static str,
    text: &'a str,
}

fn text_part(text: String) -> Part {
    Part { r#type: "input_text".to_owned(), text: Some(text), ..Part::default() }
}

/// Whether nobody but the one who wrote it can read the text.
fn is_sealed(text: &str) -> bool {
    text.starts_with(SEAL) && text.len() >= 100 && !text.contains(char::is_whitespace)
}

fn names(parts: &[Part], author: &str) -> bool {
    parts.iter().filter_map(|part| part.text.as_deref()).any(|text| text.contains(author))
}
