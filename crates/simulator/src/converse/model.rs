//! The part of Bedrock Runtime's service model that a call of Converse has, as botocore has it.

use super::shape::{
    Member, Pattern,
    Shape::{self, Blob, Boolean, Document, Enumeration, Float, Integer, List, Map, Structure, Text, Union},
    optional, required,
};

const ANY: Pattern = Pattern { text: "[\\s\\S]*", fits: |_| true };

const fn string(least: usize, most: usize) -> Shape {
    Text { least, most, pattern: ANY }
}

const fn list(of: &'static Shape) -> Shape {
    List { of, least: 0, most: usize::MAX }
}

static STRING: Shape = string(0, usize::MAX);
static NON_EMPTY: Shape = string(1, usize::MAX);

fn is_tool_name(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
}

fn is_tool_use_id(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b':' | b'-'))
}

fn is_metadata(text: &str) -> bool {
    let fits = |letter: char| letter.is_ascii_alphanumeric() || letter.is_whitespace();
    text.chars().all(|letter| fits(letter) || ":_@$#=/+,-.".contains(letter))
}

fn is_s3_uri(text: &str) -> bool {
    let Some(rest) = text.strip_prefix("s3://") else { return false };
    let bucket = rest.split('/').next().unwrap_or_default();
    (3..=63).contains(&bucket.len())
        && bucket.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'.' || b == b'-')
}

fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_guardrail(text: &str) -> bool {
    let is_id = |id: &str| id.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    match text.strip_prefix("arn:aws") {
        Some(rest) => rest.rsplit_once(":guardrail/").is_some_and(|(_, id)| !id.is_empty() && is_id(id)),
        None => is_id(text),
    }
}

fn is_guardrail_version(text: &str) -> bool {
    let is_number = !text.starts_with('0') && text.len() <= 8 && text.bytes().all(|b| b.is_ascii_digit());
    text.is_empty() || text == "DRAFT" || is_number
}

static TOOL_NAME: Shape =
    Text { least: 1, most: 64, pattern: Pattern { text: "[a-zA-Z0-9_-]+", fits: is_tool_name } };
static TOOL_USE_ID: Shape =
    Text { least: 1, most: 64, pattern: Pattern { text: "[a-zA-Z0-9_.:-]+", fits: is_tool_use_id } };
static METADATA_KEY: Shape = Text {
    least: 1,
    most: 256,
    pattern: Pattern { text: "[a-zA-Z0-9\\s:_@$#=/+,-.]{1,256}", fits: is_metadata },
};
static METADATA_VALUE: Shape = Text {
    least: 0,
    most: 256,
    pattern: Pattern { text: "[a-zA-Z0-9\\s:_@$#=/+,-.]{0,256}", fits: is_metadata },
};
static S3_URI: Shape = Text {
    least: 1,
    most: 1024,
    pattern: Pattern { text: "s3://[a-z0-9][\\.\\-a-z0-9]{1,61}[a-z0-9](/.*)?", fits: is_s3_uri },
};
static ACCOUNT: Shape =
    Text { least: 0, most: usize::MAX, pattern: Pattern { text: "[0-9]{12}", fits: is_account } };

static S3_LOCATION: Shape = Structure(&[required("uri", &S3_URI), optional("bucketOwner", &ACCOUNT)]);
static SOURCE: Shape = Union(&[optional("bytes", &Blob), optional("s3Location", &S3_LOCATION)]);
static ERROR: Shape = Structure(&[optional("message", &STRING)]);
static IMAGE: Shape = Structure(&[
    required("format", &Enumeration(&["png", "jpeg", "gif", "webp"])),
    required("source", &SOURCE),
    optional("error", &ERROR),
]);
static CITATIONS: Shape = Structure(&[required("enabled", &Boolean)]);
static TEXT_PART: Shape = Union(&[optional("text", &STRING)]);
static TEXT_PARTS: Shape = list(&TEXT_PART);
static DOCUMENT_SOURCE: Shape = Union(&[
    optional("bytes", &Blob),
    optional("s3Location", &S3_LOCATION),
    optional("text", &STRING),
    optional("content", &TEXT_PARTS),
]);
static DOCUMENT_NAME: Shape = string(1, 200);
static DOCUMENT: Shape = Structure(&[
    optional("format", &Enumeration(&["pdf", "csv", "doc", "docx", "xls", "xlsx", "html", "txt", "md"])),
    required("name", &DOCUMENT_NAME),
    required("source", &DOCUMENT_SOURCE),
    optional("context", &STRING),
    optional("citations", &CITATIONS),
]);
static VIDEO: Shape = Structure(&[
    required("format", &Enumeration(&["mkv", "mov", "mp4", "webm", "flv", "mpeg", "mpg", "wmv", "three_gp"])),
    required("source", &SOURCE),
]);
static AUDIO: Shape = Structure(&[
    required(
        "format",
        &Enumeration(&[
            "mp3", "opus", "wav", "aac", "flac", "mp4", "ogg", "mkv", "mka", "x-aac", "m4a", "mpeg", "mpga",
            "pcm", "webm",
        ]),
    ),
    required("source", &SOURCE),
    optional("error", &ERROR),
]);
static TOOL_USE: Shape = Structure(&[
    required("toolUseId", &TOOL_USE_ID),
    required("name", &TOOL_NAME),
    required("input", &Document),
    optional("type", &Enumeration(&["server_tool_use"])),
]);
static SEARCH_TEXT: Shape = Structure(&[required("text", &STRING)]);
static SEARCH_TEXTS: Shape = list(&SEARCH_TEXT);
static SEARCH_RESULT: Shape = Structure(&[
    required("source", &STRING),
    required("title", &STRING),
    required("content", &SEARCH_TEXTS),
    optional("citations", &CITATIONS),
]);
static RESULT_PART: Shape = Union(&[
    optional("json", &Document),
    optional("text", &STRING),
    optional("image", &IMAGE),
    optional("document", &DOCUMENT),
    optional("video", &VIDEO),
    optional("searchResult", &SEARCH_RESULT),
]);
static RESULT_PARTS: Shape = list(&RESULT_PART);
static TOOL_RESULT: Shape = Structure(&[
    required("toolUseId", &TOOL_USE_ID),
    required("content", &RESULT_PARTS),
    optional("status", &Enumeration(&["success", "error"])),
    optional("type", &STRING),
]);
static QUALIFIERS: Shape = list(&Enumeration(&["grounding_source", "query", "guard_content"]));
static GUARD_TEXT: Shape = Structure(&[required("text", &STRING), optional("qualifiers", &QUALIFIERS)]);
static GUARD_IMAGE_SOURCE: Shape = Union(&[optional("bytes", &Blob)]);
static GUARD_IMAGE: Shape =
    Structure(&[required("format", &Enumeration(&["png", "jpeg"])), required("source", &GUARD_IMAGE_SOURCE)]);
static GUARD_CONTENT: Shape = Union(&[optional("text", &GUARD_TEXT), optional("image", &GUARD_IMAGE)]);
static CACHE_POINT: Shape =
    Structure(&[required("type", &Enumeration(&["default"])), optional("ttl", &Enumeration(&["5m", "1h"]))]);
static REASONING_TEXT: Shape = Structure(&[required("text", &STRING), optional("signature", &STRING)]);
static REASONING: Shape =
    Union(&[optional("reasoningText", &REASONING_TEXT), optional("redactedContent", &Blob)]);
static WHOLE_NUMBER: Shape = Integer { least: 0 };
static SPAN: &[Member] = &[
    optional("documentIndex", &WHOLE_NUMBER),
    optional("searchResultIndex", &WHOLE_NUMBER),
    optional("start", &WHOLE_NUMBER),
    optional("end", &WHOLE_NUMBER),
];
static PLACE: Shape = Structure(SPAN);
static WEB: Shape = Structure(&[optional("url", &STRING), optional("domain", &STRING)]);
static LOCATION: Shape = Union(&[
    optional("web", &WEB),
    optional("documentChar", &PLACE),
    optional("documentPage", &PLACE),
    optional("documentChunk", &PLACE),
    optional("searchResultLocation", &PLACE),
]);
static CITATION: Shape = Structure(&[
    optional("title", &STRING),
    optional("source", &STRING),
    optional("sourceContent", &TEXT_PARTS),
    optional("location", &LOCATION),
]);
static CITED: Shape = list(&CITATION);
static CITATIONS_CONTENT: Shape =
    Structure(&[optional("content", &TEXT_PARTS), optional("citations", &CITED)]);
static REFERENCE_TYPE: Shape = string(1, 64);
static REFERENCE_NAME: Shape = string(1, 128);
static TOOL_REFERENCE: Shape = Structure(&[
    optional("type", &REFERENCE_TYPE),
    optional("name", &REFERENCE_NAME),
    optional("serverName", &REFERENCE_NAME),
]);
static TOOL_CHANGE: Shape = Structure(&[required("tool", &TOOL_REFERENCE)]);
static BLOCK: Shape = Union(&[
    optional("text", &STRING),
    optional("image", &IMAGE),
    optional("document", &DOCUMENT),
    optional("video", &VIDEO),
    optional("audio", &AUDIO),
    optional("toolUse", &TOOL_USE),
    optional("toolResult", &TOOL_RESULT),
    optional("guardContent", &GUARD_CONTENT),
    optional("cachePoint", &CACHE_POINT),
    optional("reasoningContent", &REASONING),
    optional("citationsContent", &CITATIONS_CONTENT),
    optional("searchResult", &SEARCH_RESULT),
    optional("toolAddition", &TOOL_CHANGE),
    optional("toolRemoval", &TOOL_CHANGE),
]);
static BLOCKS: Shape = list(&BLOCK);
static MESSAGE: Shape = Structure(&[
    required("role", &Enumeration(&["user", "assistant", "system"])),
    required("content", &BLOCKS),
]);
static MESSAGES: Shape = list(&MESSAGE);
static SYSTEM_BLOCK: Shape = Union(&[
    optional("text", &NON_EMPTY),
    optional("guardContent", &GUARD_CONTENT),
    optional("cachePoint", &CACHE_POINT),
]);
static SYSTEM: Shape = list(&SYSTEM_BLOCK);
static SCHEMA: Shape = Union(&[optional("json", &Document)]);
static TOOL_SPEC: Shape = Structure(&[
    required("name", &TOOL_NAME),
    optional("description", &NON_EMPTY),
    required("inputSchema", &SCHEMA),
    optional("strict", &Boolean),
]);
static NAMED: Shape = Structure(&[required("name", &TOOL_NAME)]);
static TOOL: Shape = Union(&[
    optional("toolSpec", &TOOL_SPEC),
    optional("systemTool", &NAMED),
    optional("cachePoint", &CACHE_POINT),
]);
static TOOLS: Shape = List { of: &TOOL, least: 1, most: usize::MAX };
static EMPTY: Shape = Structure(&[]);
static TOOL_CHOICE: Shape =
    Union(&[optional("auto", &EMPTY), optional("any", &EMPTY), optional("tool", &NAMED)]);
static TOOL_CONFIG: Shape = Structure(&[required("tools", &TOOLS), optional("toolChoice", &TOOL_CHOICE)]);
static STOP_SEQUENCES: Shape = List { of: &NON_EMPTY, least: 0, most: 2500 };
static INFERENCE: Shape = Structure(&[
    optional("maxTokens", &Integer { least: 1 }),
    optional("temperature", &Float { most: 1.0 }),
    optional("topP", &Float { most: 1.0 }),
    optional("stopSequences", &STOP_SEQUENCES),
]);
static GUARDRAIL_ID: Shape = Text {
    least: 0,
    most: 2048,
    pattern: Pattern {
        text: "(|([a-z0-9]+)|(arn:aws(-[^:]+)?:bedrock:[a-z0-9-]{1,20}:[0-9]{12}:guardrail/[a-z0-9]+))",
        fits: is_guardrail,
    },
};
static GUARDRAIL_VERSION: Shape = Text {
    least: 0,
    most: usize::MAX,
    pattern: Pattern { text: "(|([1-9][0-9]{0,7})|(DRAFT))", fits: is_guardrail_version },
};
static TRACE: Shape = Enumeration(&["enabled", "disabled", "enabled_full"]);
static GUARDRAIL: Shape = Structure(&[
    optional("guardrailIdentifier", &GUARDRAIL_ID),
    optional("guardrailVersion", &GUARDRAIL_VERSION),
    optional("trace", &TRACE),
]);
static STREAM_GUARDRAIL: Shape = Structure(&[
    optional("guardrailIdentifier", &GUARDRAIL_ID),
    optional("guardrailVersion", &GUARDRAIL_VERSION),
    optional("trace", &TRACE),
    optional("streamProcessingMode", &Enumeration(&["sync", "async"])),
]);
static VARIABLES: Shape = Map { key: &STRING, value: &TEXT_PART, most: usize::MAX };
static FIELD_PATH: Shape = string(1, 256);
static FIELD_PATHS: Shape = List { of: &FIELD_PATH, least: 0, most: 10 };
static REQUEST_METADATA: Shape = Map { key: &METADATA_KEY, value: &METADATA_VALUE, most: 16 };
static PERFORMANCE: Shape = Structure(&[optional("latency", &Enumeration(&["standard", "optimized"]))]);
static SERVICE_TIER: Shape =
    Structure(&[required("type", &Enumeration(&["priority", "default", "flex", "reserved"]))]);
static JSON_SCHEMA: Shape =
    Structure(&[required("schema", &STRING), optional("name", &STRING), optional("description", &STRING)]);
static FORMAT_STRUCTURE: Shape = Union(&[optional("jsonSchema", &JSON_SCHEMA)]);
static TEXT_FORMAT: Shape =
    Structure(&[required("type", &Enumeration(&["json_schema"])), required("structure", &FORMAT_STRUCTURE)]);
static EFFORT: Shape = string(0, 16);
static OUTPUT: Shape = Structure(&[optional("textFormat", &TEXT_FORMAT), optional("effort", &EFFORT)]);

/// `ConverseRequest` without the model id of the path.
pub(super) static CONVERSE: Shape = Structure(&[
    optional("messages", &MESSAGES),
    optional("system", &SYSTEM),
    optional("inferenceConfig", &INFERENCE),
    optional("toolConfig", &TOOL_CONFIG),
    optional("guardrailConfig", &GUARDRAIL),
    optional("additionalModelRequestFields", &Document),
    optional("promptVariables", &VARIABLES),
    optional("additionalModelResponseFieldPaths", &FIELD_PATHS),
    optional("requestMetadata", &REQUEST_METADATA),
    optional("performanceConfig", &PERFORMANCE),
    optional("serviceTier", &SERVICE_TIER),
    optional("outputConfig", &OUTPUT),
]);

/// `ConverseStreamRequest`; its `guardrailConfig` has one member more.
pub(super) static CONVERSE_STREAM: Shape = Structure(&[
    optional("messages", &MESSAGES),
    optional("system", &SYSTEM),
    optional("inferenceConfig", &INFERENCE),
    optional("toolConfig", &TOOL_CONFIG),
    optional("guardrailConfig", &STREAM_GUARDRAIL),
    optional("additionalModelRequestFields", &Document),
    optional("promptVariables", &VARIABLES),
    optional("additionalModelResponseFieldPaths", &FIELD_PATHS),
    optional("requestMetadata", &REQUEST_METADATA),
    optional("performanceConfig", &PERFORMANCE),
    optional("serviceTier", &SERVICE_TIER),
    optional("outputConfig", &OUTPUT),
]);

/// `ConverseTokensRequest`, of CountTokens.
pub(super) static TO_COUNT: Shape = Structure(&[
    optional("messages", &MESSAGES),
    optional("system", &SYSTEM),
    optional("toolConfig", &TOOL_CONFIG),
    optional("additionalModelRequestFields", &Document),
]);
