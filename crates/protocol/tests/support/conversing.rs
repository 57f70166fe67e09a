//! Models that are called by Converse, and their answers.

use bytes::{Bytes, BytesMut};
use stonegate_protocol::framing::eventstream::Frame;
use stonegate_protocol::traits::{Feature, ThinkingKind};
use stonegate_protocol::{Capabilities, Door, Effort, Target, Traits};

/// A model behind Converse, with what a target borrows.
#[derive(Debug)]
pub(crate) struct Model {
    upstream_id: &'static str,
    capabilities: Capabilities,
    traits: Traits,
}

impl Model {
    pub(crate) fn named(name: &str) -> Model {
        let (upstream_id, family, features, thinking, effort, max_output_tokens) = MODELS
            .into_iter()
            .find(|(known, ..)| *known == name)
            .map(|(_, id, family, f, t, e, m)| (id, family, f, t, e, m))
            .unwrap();
        let features: std::collections::BTreeSet<Feature> = parsed(features);
        let thinking: std::collections::BTreeSet<ThinkingKind> = parsed(thinking);
        let traits = Traits {
            family: family.to_owned(),
            bedrock_id: upstream_id.trim_start_matches("us.").to_owned(),
            features,
            thinking,
            effort: Effort::from_wire(effort),
            max_output_tokens,
            minimum_cacheable_tokens: None,
        };
        Model { upstream_id, capabilities: Capabilities::default(), traits }
    }

    pub(crate) fn target(&self) -> Target<'_> {
        Target {
            upstream_id: self.upstream_id,
            door: Door::CONVERSE,
            capabilities: &self.capabilities,
            traits: &self.traits,
            long_context: false,
        }
    }
}

/// Name, id upstream, family, features, ways of thinking, highest effort, most output.
type Line = (&'static str, &'static str, &'static str, &'static str, &'static str, &'static str, u64);
const MODELS: [Line; 7] = [
    (
        "nova2",
        "us.amazon.nova-2-lite-v1:0",
        "amazon",
        "tools forced_tool_choice images documents video reasoning structured_output prompt_cache sampling",
        "effort",
        "high",
        64_000,
    ),
    (
        "nova",
        "us.amazon.nova-lite-v1:0",
        "amazon",
        "tools forced_tool_choice images documents structured_output prompt_cache sampling",
        "",
        "",
        10_000,
    ),
    (
        "oss",
        "openai.gpt-oss-120b-1:0",
        "openai",
        "tools forced_tool_choice reasoning structured_output sampling",
        "effort",
        "high",
        16_384,
    ),
    (
        "gpt",
        "us.openai.gpt-6-sol",
        "openai",
        "tools forced_tool_choice images reasoning structured_output prompt_cache",
        "effort",
        "max",
        128_000,
    ),
    (
        "deepseek",
        "deepseek.v3-v1:0",
        "deepseek",
        "tools forced_tool_choice reasoning sampling",
        "",
        "high",
        8_000,
    ),
    ("llama", "us.meta.llama3-3-70b-instruct-v1:0", "meta", "tools sampling", "", "", 4_096),
    (
        "claude",
        "us.anthropic.claude-sonnet-4-6",
        "anthropic",
        "tools forced_tool_choice images documents reasoning structured_output prompt_cache prompt_cache_1h mid_conversation_system assistant_prefill sampling",
        "budget adaptive",
        "high",
        64_000,
    ),
];

/// A list of words as what they name.
fn parsed<T: serde::de::DeserializeOwned>(words: &str) -> T {
    let words: Vec<&str> = words.split_whitespace().collect();
    serde_json::from_value(serde_json::json!(words)).unwrap()
}

/// A frame of ConverseStream.
pub(crate) fn event(kind: &str, payload: &str) -> Frame {
    let headers = [(":event-type", kind), (":content-type", "application/json"), (":message-type", "event")];
    Frame::new(&headers, payload.to_owned())
}

/// A frame with a modelled exception.
pub(crate) fn exception(name: &str, message: &str) -> Frame {
    let headers =
        [(":exception-type", name), (":content-type", "application/json"), (":message-type", "exception")];
    Frame::new(&headers, serde_json::json!({ "message": message }).to_string())
}

pub(crate) fn bytes(frames: &[Frame]) -> Bytes {
    let mut bytes = BytesMut::new();
    frames.iter().for_each(|frame| frame.encode(&mut bytes).unwrap());
    bytes.freeze()
}

/// A whole answer: thoughts signed and sealed, words with a citation, two calls, figures, and an event from the future.
pub(crate) fn answer() -> Vec<Frame> {
    [
        ("messageStart", r#"{"role":"assistant","p":"abc"}"#),
        ("contentBlockDelta", r#"{"contentBlockIndex":0,"delta":{"reasoningContent":{"text":"Let me \"see\""}}}"#),
        ("contentBlockDelta", r#"{"contentBlockIndex":0,"delta":{"reasoningContent":{"signature":"Er/+=="}}}"#),
        ("contentBlockStop", r#"{"contentBlockIndex":0}"#),
        ("contentBlockDelta", r#"{"contentBlockIndex":1,"delta":{"reasoningContent":{"redactedContent":"c2VhbA=="}}}"#),
        ("contentBlockStop", r#"{"contentBlockIndex":1}"#),
        ("contentBlockDelta", r#"{"contentBlockIndex":2,"delta":{"text":"Grüße, "}}"#),
        ("brandNew", r#"{"x":[1]}"#),
        ("contentBlockDelta", r#"{"contentBlockIndex":2,"delta":{"text":"世界"}}"#),
        ("contentBlockDelta", r#"{"contentBlockIndex":2,"delta":{"citation":{"title":"T","sourceContent":[{"text":"said"}],"location":{"documentPage":{"documentIndex":0,"start":1,"end":2}}}}}"#),
        ("contentBlockStop", r#"{"contentBlockIndex":2}"#),
        ("contentBlockStart", r#"{"contentBlockIndex":3,"start":{"toolUse":{"toolUseId":"t1","name":"mcp_look_at_it_2bd1e0e0"}}}"#),
        ("contentBlockDelta", r#"{"contentBlockIndex":3,"delta":{"toolUse":{"input":"{\"a\":"}}}"#),
        ("contentBlockDelta", r#"{"contentBlockIndex":3,"delta":{"toolUse":{"input":"1}"}}}"#),
        ("contentBlockStop", r#"{"contentBlockIndex":3}"#),
        ("contentBlockStart", r#"{"contentBlockIndex":4,"start":{"toolUse":{"toolUseId":"t2","name":"other"}}}"#),
        ("contentBlockStop", r#"{"contentBlockIndex":4}"#),
        ("messageStop", r#"{"stopReason":"tool_use"}"#),
        ("metadata", r#"{"usage":{"inputTokens":10,"outputTokens":30,"totalTokens":345,"cacheReadInputTokens":5,"cacheWriteInputTokens":300,"cacheDetails":[{"ttl":"1h","inputTokens":200}]},"metrics":{"latencyMs":7}}"#),
    ]
    .map(|(kind, payload)| event(kind, payload))
    .to_vec()
}

/// The same answer in one piece.
pub(crate) const WHOLE: &str = r#"{"output":{"message":{"role":"assistant","content":[{"reasoningContent":{"reasoningText":{"text":"Let me \"see\"","signature":"Er/+=="}}},{"reasoningContent":{"redactedContent":"c2VhbA=="}},{"citationsContent":{"content":[{"text":"Grüße, 世界"}],"citations":[{"title":"T","sourceContent":[{"text":"said"}],"location":{"documentPage":{"documentIndex":0,"start":1,"end":2}}}]}},{"toolUse":{"toolUseId":"t1","name":"mcp_look_at_it_2bd1e0e0","input":{"a":1}}},{"toolUse":{"toolUseId":"t2","name":"other","input":{}}}]}},"stopReason":"tool_use","usage":{"inputTokens":10,"outputTokens":30,"totalTokens":345,"cacheReadInputTokens":5,"cacheWriteInputTokens":300,"cacheDetails":[{"ttl":"1h","inputTokens":200}]},"metrics":{"latencyMs":7}}"#;
