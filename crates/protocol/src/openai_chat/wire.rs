//! The wire forms of a Chat Completions request, and of the forms that other gateways' clients add to it.

use std::fmt;

use serde::de::{Deserializer, SeqAccess, Visitor, value::SeqAccessDeserializer};
use serde::{Deserialize, Serialize};

use crate::conversation::{CacheLifetime, JsonText};

/// A message of any role.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Message {
    pub(super) role: Option<String>,
    pub(super) content: Content,
    pub(super) name: Option<String>,
    pub(super) refusal: Option<String>,
    pub(super) tool_calls: Option<Vec<ToolCall>>,
    pub(super) function_call: Option<Function>,
    pub(super) tool_call_id: Option<String>,
    pub(super) is_error: Option<bool>,
    pub(super) audio: Option<JsonText>,
    pub(super) reasoning_content: Option<String>,
    pub(super) reasoning: Option<String>,
    pub(super) reasoning_signature: Option<String>,
    pub(super) reasoning_details: Option<Vec<ReasoningDetail>>,
    pub(super) thinking_blocks: Option<Vec<ThinkingBlock>>,
    pub(super) cache_control: Option<Mark>,
}

/// The content of a message: one text, parts, or nothing.
#[derive(Debug, Default)]
pub(super) enum Content {
    #[default]
    Nothing,
    Text(String),
    Parts(Vec<Part>),
}

/// By hand, since an untagged enum would build everything twice.
impl<'de> Deserialize<'de> for Content {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Form;

        impl<'de> Visitor<'de> for Form {
            type Value = Content;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string or an array of content parts")
            }

            fn visit_str<E>(self, text: &str) -> Result<Content, E> {
                Ok(Content::Text(text.to_owned()))
            }

            fn visit_string<E>(self, text: String) -> Result<Content, E> {
                Ok(Content::Text(text))
            }

            fn visit_unit<E>(self) -> Result<Content, E> {
                Ok(Content::Nothing)
            }

            fn visit_seq<A: SeqAccess<'de>>(self, parts: A) -> Result<Content, A::Error> {
                Vec::deserialize(SeqAccessDeserializer::new(parts)).map(Content::Parts)
            }
        }

        deserializer.deserialize_any(Form)
    }
}

/// A content part of any type; those of Anthropic's Messages as well, since some clients mix the two.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Part {
    pub(super) r#type: Option<String>,
    pub(super) text: Option<String>,
    pub(super) refusal: Option<String>,
    pub(super) image_url: Option<Address>,
    pub(super) video_url: Option<Address>,
    pub(super) input_audio: Option<InputAudio>,
    pub(super) file: Option<File>,
    pub(super) thinking: Option<String>,
    pub(super) signature: Option<String>,
    pub(super) data: Option<String>,
    pub(super) cache_control: Option<Mark>,
    pub(super) prompt_cache_breakpoint: Option<Mark>,
    pub(super) source: Option<ImageSource>,
    pub(super) id: Option<String>,
    pub(super) name: Option<String>,
    pub(super) input: Option<JsonText>,
    pub(super) tool_use_id: Option<String>,
    pub(super) content: Content,
    pub(super) is_error: Option<bool>,
}

/// Where an image of Anthropic's form is.
#[derive(Debug, Deserialize)]
pub(super) struct ImageSource {
    pub(super) media_type: Option<String>,
    pub(super) data: Option<String>,
    pub(super) url: Option<String>,
}

/// Where an image or video is: an object, or its address alone as older clients write it.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Address {
    Plain(String),
    Object { url: String, format: Option<String> },
}

#[derive(Debug, Deserialize)]
pub(super) struct InputAudio {
    pub(super) data: String,
    pub(super) format: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct File {
    pub(super) file_data: Option<String>,
    pub(super) file_id: Option<String>,
    pub(super) filename: Option<String>,
    /// LiteLLM's word for the MIME type.
    pub(super) format: Option<String>,
}

/// `cache_control` and `prompt_cache_breakpoint`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Mark {
    ttl: Option<String>,
}

impl Mark {
    pub(super) fn lifetime(&self) -> CacheLifetime {
        lifetime(self.ttl.as_deref())
    }
}

/// How long an entry lives for which a client asks with that `ttl`. Bedrock knows five minutes and an hour; OpenAI's `30m`
/// and `12h` mean at least so long, and the longer one comes nearest.
pub(super) fn lifetime(ttl: Option<&str>) -> CacheLifetime {
    match ttl {
        None | Some("5m") => CacheLifetime::FiveMinutes,
        Some(_) => CacheLifetime::Hour,
    }
}

/// A call of a tool.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ToolCall {
    pub(super) id: Option<String>,
    pub(super) function: Option<Function>,
    pub(super) custom: Option<Custom>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Function {
    pub(super) name: String,
    pub(super) arguments: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Custom {
    pub(super) name: String,
    pub(super) input: Option<String>,
}

/// OpenRouter's form of thoughts.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ReasoningDetail {
    pub(super) r#type: Option<String>,
    pub(super) text: Option<String>,
    pub(super) summary: Option<String>,
    pub(super) signature: Option<String>,
    pub(super) data: Option<String>,
}

/// LiteLLM's form of thoughts, which is Anthropic's.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ThinkingBlock {
    pub(super) r#type: Option<String>,
    pub(super) thinking: Option<String>,
    pub(super) signature: Option<String>,
    pub(super) data: Option<String>,
}

/// A tool: a function, a custom one, or a function as the Responses and Messages APIs write it, without `function`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Tool {
    pub(super) r#type: Option<String>,
    pub(super) function: Option<Definition>,
    pub(super) custom: Option<CustomDefinition>,
    pub(super) cache_control: Option<Mark>,
    pub(super) name: Option<String>,
    pub(super) description: Option<String>,
    #[serde(alias = "input_schema")]
    pub(super) parameters: Option<JsonText>,
    pub(super) strict: Option<bool>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Definition {
    pub(super) name: String,
    pub(super) description: Option<String>,
    pub(super) parameters: Option<JsonText>,
    pub(super) strict: Option<bool>,
    pub(super) cache_control: Option<Mark>,
}

#[derive(Debug, Deserialize)]
pub(super) struct CustomDefinition {
    pub(super) name: String,
    pub(super) description: Option<String>,
    pub(super) format: Option<CustomFormat>,
}

#[derive(Debug, Deserialize)]
pub(super) struct CustomFormat {
    pub(super) grammar: Option<Grammar>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Grammar {
    pub(super) syntax: String,
    pub(super) definition: String,
}

/// `tool_choice` and `function_call`.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Choice {
    Word(String),
    Named {
        #[serde(default)]
        r#type: Option<String>,
        #[serde(default)]
        function: Option<Name>,
        #[serde(default)]
        custom: Option<Name>,
        #[serde(default)]
        allowed_tools: Option<AllowedTools>,
        /// `function_call`'s own form, and the Responses API's.
        #[serde(default)]
        name: Option<String>,
    },
}

#[derive(Debug, Deserialize)]
pub(super) struct Name {
    pub(super) name: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct AllowedTools {
    pub(super) mode: Option<String>,
    pub(super) tools: Vec<AllowedTool>,
}

#[derive(Debug, Deserialize)]
pub(super) struct AllowedTool {
    pub(super) function: Option<Name>,
    pub(super) custom: Option<Name>,
    pub(super) name: Option<String>,
}

/// `response_format`.
#[derive(Debug, Deserialize)]
pub(super) struct ResponseFormat {
    pub(super) r#type: String,
    pub(super) json_schema: Option<JsonSchema>,
}

#[derive(Debug, Deserialize)]
pub(super) struct JsonSchema {
    pub(super) name: Option<String>,
    pub(super) description: Option<String>,
    pub(super) schema: Option<JsonText>,
    pub(super) strict: Option<bool>,
}

/// `stop`: one text or several.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Stop {
    One(String),
    Many(Vec<String>),
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct StreamOptions {
    pub(super) include_usage: Option<bool>,
    pub(super) include_obfuscation: Option<bool>,
}

/// OpenRouter's `reasoning`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Reasoning {
    pub(super) effort: Option<String>,
    pub(super) max_tokens: Option<u64>,
    pub(super) exclude: Option<bool>,
    pub(super) enabled: Option<bool>,
}

/// Anthropic's `thinking`, as LiteLLM's clients send it.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Thinking {
    pub(super) r#type: Option<String>,
    pub(super) budget_tokens: Option<u64>,
    pub(super) display: Option<String>,
}

/// Converse's `guardrailConfig`, by which LiteLLM's clients know it.
#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct GuardrailConfig {
    pub(super) guardrail_identifier: String,
    pub(super) guardrail_version: String,
    pub(super) trace: Option<String>,
    pub(super) stream_processing_mode: Option<String>,
}

/// Bedrock's word for a service tier of OpenAI's; none for what is Bedrock's default anyway, and for what Bedrock does
/// not have.
pub(super) fn service_tier(tier: &str) -> Option<&'static str> {
    match tier {
        "flex" => Some("flex"),
        // OpenAI's two words for the same.
        "priority" | "fast" => Some("priority"),
        "reserved" => Some("reserved"),
        _ => None,
    }
}

/// `performanceConfig`.
#[derive(Deserialize)]
pub(super) struct Performance {
    pub(super) latency: Option<String>,
}
