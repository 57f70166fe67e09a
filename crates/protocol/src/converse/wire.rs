//! A request of Converse, as botocore's `bedrock-runtime` 2023-09-30 has it: the same types are read from clients and
//! written to Bedrock.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Number;

use crate::conversation::turns::Turn;
use crate::conversation::{CacheLifetime, JsonText};

/// `ConverseRequest`, less what stands in the path.
#[derive(Default, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(super) struct Body<'a> {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) system: Vec<System<'a>>,
    pub(super) messages: Vec<Turn<Block<'a>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) inference_config: Option<Inference>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) tool_config: Option<ToolConfig<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) guardrail_config: Option<GuardrailConfig<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) additional_model_request_fields: Option<JsonText>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) prompt_variables: Option<JsonText>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) additional_model_response_field_paths: Option<Vec<String>>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) request_metadata: BTreeMap<Cow<'a, str>, Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) performance_config: Option<Performance<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) service_tier: Option<Tier<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) output_config: Option<Output<'a>>,
}

/// `SystemContentBlock`
#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum System<'a> {
    Text(Cow<'a, str>),
    GuardContent(JsonText),
    CachePoint(CachePoint),
}

/// `ContentBlock`, and what may stand in a tool's result.
#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Block<'a> {
    Text(Cow<'a, str>),
    Image(Picture<'a>),
    Document(Document<'a>),
    Video(Picture<'a>),
    Audio(Picture<'a>),
    ToolUse(ToolUse<'a>),
    ToolResult(ToolResult<'a>),
    GuardContent(JsonText),
    CachePoint(CachePoint),
    ReasoningContent(Reasoning<'a>),
    CitationsContent(Cited<'a>),
    SearchResult(Found<'a>),
    ToolAddition(JsonText),
    ToolRemoval(JsonText),
    /// In results only.
    Json(JsonText),
}

impl<'a> Block<'a> {
    pub(super) fn text(text: impl Into<Cow<'a, str>>) -> Block<'a> {
        Block::Text(text.into())
    }

    /// The words, where it is words.
    pub(super) fn into_text(self) -> Option<Cow<'a, str>> {
        if let Block::Text(text) = self { Some(text) } else { None }
    }

    /// Id and name, where it is a call.
    pub(super) fn call(&self) -> Option<&ToolUse<'a>> {
        if let Block::ToolUse(call) = self { Some(call) } else { None }
    }
}

#[derive(Clone, Copy, Deserialize, Serialize)]
pub(super) struct CachePoint {
    r#type: CachePointType,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    ttl: Option<Ttl>,
}

#[derive(Clone, Copy, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
enum CachePointType {
    Default,
}

#[derive(Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
pub(super) enum Ttl {
    #[serde(rename = "5m")]
    FiveMinutes,
    #[serde(rename = "1h")]
    Hour,
}

impl CachePoint {
    /// Five minutes go without saying; some models know no `ttl`.
    pub(super) fn of(lifetime: CacheLifetime) -> Option<CachePoint> {
        let ttl = match lifetime {
            CacheLifetime::None => return None,
            CacheLifetime::FiveMinutes => None,
            CacheLifetime::Hour => Some(Ttl::Hour),
        };
        Some(CachePoint { r#type: CachePointType::Default, ttl })
    }

    pub(super) fn lifetime(self) -> CacheLifetime {
        match self.ttl {
            Some(Ttl::Hour) => CacheLifetime::Hour,
            Some(Ttl::FiveMinutes) | None => CacheLifetime::FiveMinutes,
        }
    }
}

/// An image, a video or sound: what has a format and a source.
#[derive(Deserialize, Serialize)]
pub(super) struct Picture<'a> {
    pub(super) format: Cow<'a, str>,
    pub(super) source: Bytes<'a>,
}

/// Where bytes are.
#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Bytes<'a> {
    /// In base64.
    #[serde(rename = "bytes")]
    Here(Cow<'a, str>),
    S3Location(S3<'a>),
    /// Documents only.
    Text(Cow<'a, str>),
    /// Documents only.
    Content(Vec<TextPart<'a>>),
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct S3<'a> {
    pub(super) uri: Cow<'a, str>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(super) bucket_owner: Option<Cow<'a, str>>,
}

#[derive(Deserialize, Serialize)]
pub(super) struct TextPart<'a> {
    pub(super) text: Cow<'a, str>,
}

#[derive(Deserialize, Serialize)]
pub(super) struct Document<'a> {
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(super) format: Option<Cow<'a, str>>,
    pub(super) name: Cow<'a, str>,
    pub(super) source: Bytes<'a>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(super) context: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(super) citations: Option<Cites>,
}

#[derive(Clone, Copy, Deserialize, Serialize)]
pub(super) struct Cites {
    pub(super) enabled: bool,
}

impl Cites {
    pub(super) fn of(cite: bool) -> Option<Cites> {
        cite.then_some(Cites { enabled: true })
    }
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ToolUse<'a> {
    pub(super) tool_use_id: Cow<'a, str>,
    pub(super) name: Cow<'a, str>,
    pub(super) input: Cow<'a, JsonText>,
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ToolResult<'a> {
    pub(super) tool_use_id: Cow<'a, str>,
    pub(super) content: Vec<Block<'a>>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(super) status: Option<Cow<'a, str>>,
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Reasoning<'a> {
    ReasoningText(Thoughts<'a>),
    /// In base64.
    RedactedContent(Cow<'a, str>),
}

#[derive(Deserialize, Serialize)]
pub(super) struct Thoughts<'a> {
    pub(super) text: Cow<'a, str>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(super) signature: Option<Cow<'a, str>>,
}

#[derive(Deserialize, Serialize)]
pub(super) struct Cited<'a> {
    #[serde(default)]
    pub(super) content: Vec<TextPart<'a>>,
    #[serde(default)]
    pub(super) citations: Vec<Citation>,
}

/// `Citation`, and `CitationsDelta` of a stream.
#[derive(Default, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Citation {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) title: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) source: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) source_content: Vec<TextPart<'static>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) location: Option<Location>,
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Location {
    Web(Web),
    DocumentChar(Range),
    DocumentPage(Range),
    DocumentChunk(Range),
    #[serde(rename = "searchResultLocation")]
    SearchResult(FoundRange),
}

#[derive(Default, Deserialize, Serialize)]
#[serde(default)]
pub(super) struct Web {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) domain: Option<String>,
}

#[derive(Clone, Copy, Default, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Range {
    pub(super) document_index: u64,
    pub(super) start: u64,
    pub(super) end: u64,
}

#[derive(Clone, Copy, Default, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct FoundRange {
    pub(super) search_result_index: u64,
    pub(super) start: u64,
    pub(super) end: u64,
}

#[derive(Deserialize, Serialize)]
pub(super) struct Found<'a> {
    pub(super) source: Cow<'a, str>,
    pub(super) title: Cow<'a, str>,
    pub(super) content: Vec<TextPart<'a>>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(super) citations: Option<Cites>,
}

#[derive(Default, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Inference {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) max_tokens: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) temperature: Option<Number>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) top_p: Option<Number>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) stop_sequences: Vec<String>,
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ToolConfig<'a> {
    pub(super) tools: Vec<Tool<'a>>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(super) tool_choice: Option<Choice<'a>>,
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Tool<'a> {
    #[serde(rename = "toolSpec")]
    Spec(Spec<'a>),
    #[serde(rename = "systemTool")]
    System(JsonText),
    CachePoint(CachePoint),
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Spec<'a> {
    pub(super) name: Cow<'a, str>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(super) description: Option<Cow<'a, str>>,
    pub(super) input_schema: Schema<'a>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(super) strict: Option<bool>,
}

#[derive(Deserialize, Serialize)]
pub(super) struct Schema<'a> {
    pub(super) json: Cow<'a, JsonText>,
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Choice<'a> {
    Auto(Nothing),
    Any(Nothing),
    Tool(Named<'a>),
}

#[derive(Default, Deserialize, Serialize)]
pub(super) struct Nothing {}

#[derive(Deserialize, Serialize)]
pub(super) struct Named<'a> {
    pub(super) name: Cow<'a, str>,
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct GuardrailConfig<'a> {
    pub(super) guardrail_identifier: Cow<'a, str>,
    pub(super) guardrail_version: Cow<'a, str>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(super) trace: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(super) stream_processing_mode: Option<Cow<'a, str>>,
}

#[derive(Deserialize, Serialize)]
pub(super) struct Performance<'a> {
    pub(super) latency: Cow<'a, str>,
}

#[derive(Deserialize, Serialize)]
pub(super) struct Tier<'a> {
    pub(super) r#type: Cow<'a, str>,
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Output<'a> {
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(super) text_format: Option<TextFormat<'a>>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(super) effort: Option<String>,
}

#[derive(Deserialize, Serialize)]
pub(super) struct TextFormat<'a> {
    pub(super) r#type: Cow<'a, str>,
    pub(super) structure: Structure<'a>,
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Structure<'a> {
    pub(super) json_schema: JsonSchema<'a>,
}

#[derive(Deserialize, Serialize)]
pub(super) struct JsonSchema<'a> {
    /// The schema's text.
    pub(super) schema: Cow<'a, str>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(super) name: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(super) description: Option<Cow<'a, str>>,
}
