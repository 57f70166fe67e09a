//! The parts of a Responses request, as they are written.

use serde::Deserialize;

use crate::conversation::JsonText;

/// One item of `input`: of any type, with the members of all that are known.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Item {
    pub(super) r#type: Option<String>,
    pub(super) id: Option<String>,
    pub(super) role: Option<String>,
    /// Which of the client's agents speaks.
    pub(super) author: Option<String>,
    /// A text or parts.
    pub(super) content: Option<JsonText>,
    pub(super) call_id: Option<String>,
    pub(super) name: Option<String>,
    pub(super) namespace: Option<String>,
    /// A text that holds JSON; of a search for tools, JSON itself.
    pub(super) arguments: Option<JsonText>,
    pub(super) input: Option<String>,
    /// A text or parts.
    pub(super) output: Option<JsonText>,
    pub(super) encrypted_content: Option<String>,
    pub(super) tools: Option<Vec<Tool>>,
}

/// One part of a content.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Part {
    pub(super) r#type: String,
    pub(super) text: Option<String>,
    pub(super) refusal: Option<String>,
    pub(super) image_url: Option<String>,
    pub(super) file_id: Option<String>,
    pub(super) file_url: Option<String>,
    pub(super) file_data: Option<String>,
    pub(super) filename: Option<String>,
    pub(super) detail: Option<String>,
    pub(super) encrypted_content: Option<String>,
    pub(super) prompt_cache_breakpoint: Option<JsonText>,
}

/// What is either a text or parts.
#[derive(Debug)]
pub(super) enum Words {
    Text(String),
    Parts(Vec<Part>),
}

impl Words {
    /// Reads either form.
    pub(super) fn read(json: &JsonText) -> Result<Words, serde_json::Error> {
        if json.as_str().starts_with('"') {
            serde_json::from_str(json.as_str()).map(Words::Text)
        } else {
            serde_json::from_str(json.as_str()).map(Words::Parts)
        }
    }
}

/// One tool: of any type, with the members of all that are known.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Tool {
    pub(super) r#type: String,
    pub(super) name: String,
    pub(super) description: Option<String>,
    pub(super) parameters: Option<JsonText>,
    pub(super) strict: Option<bool>,
    pub(super) format: Option<Format>,
    /// The tools of a namespace.
    pub(super) tools: Vec<Tool>,
    /// Who searches: `server` or `client`.
    pub(super) execution: Option<String>,
}

/// The form of a custom tool's input, and of an answer.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Format {
    pub(super) r#type: String,
    pub(super) syntax: Option<String>,
    pub(super) definition: Option<String>,
    pub(super) name: Option<String>,
    pub(super) description: Option<String>,
    pub(super) schema: Option<JsonText>,
    pub(super) strict: Option<bool>,
}

/// `tool_choice`, where it is no word.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Choice {
    pub(super) r#type: String,
    pub(super) name: Option<String>,
    pub(super) namespace: Option<String>,
    pub(super) mode: Option<String>,
    pub(super) tools: Vec<Choice>,
}

/// `reasoning`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Reasoning {
    pub(super) effort: Option<String>,
    pub(super) summary: Option<String>,
    pub(super) generate_summary: Option<String>,
    pub(super) context: Option<String>,
    pub(super) mode: Option<String>,
}

impl Reasoning {
    /// Whether the client wants to read a summary of the thoughts.
    pub(super) fn wants_summary(&self) -> bool {
        self.summary.as_deref().or(self.generate_summary.as_deref()).is_some_and(|kind| kind != "none")
    }
}

/// `text`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Text {
    pub(super) format: Option<Format>,
    pub(super) verbosity: Option<String>,
}

/// `prompt_cache_options`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct CacheOptions {
    pub(super) mode: Option<String>,
    pub(super) ttl: Option<String>,
}

/// Bedrock's word for a tier; none for what is Bedrock's usual one, or none at all.
pub(super) fn service_tier(asked: &str) -> Option<&'static str> {
    match asked {
        "priority" | "fast" => Some("priority"),
        "flex" => Some("flex"),
        "reserved" => Some("reserved"),
        _ => None,
    }
}
