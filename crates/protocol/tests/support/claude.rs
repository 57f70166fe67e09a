//! Claude models of several generations, as the catalog knows them.

use stonegate_protocol::{Capabilities, Traits};

/// One model: what it can do, and what Bedrock takes for it.
pub(crate) struct Claude {
    pub(crate) id: &'static str,
    pub(crate) traits: Traits,
    pub(crate) capabilities: Capabilities,
}

#[derive(serde::Deserialize)]
struct Entry {
    features: Vec<stonegate_protocol::traits::Feature>,
    thinking: Vec<stonegate_protocol::traits::ThinkingKind>,
    effort: Option<stonegate_protocol::Effort>,
    max_output_tokens: u64,
    capabilities: Capabilities,
}

/// The model that the tests call so.
pub(crate) fn claude(name: &str) -> Claude {
    let (id, entry) = match name {
        // Thinks as it finds good, by effort; samples by itself.
        "opus_5_5" => (
            "us.anthropic.claude-opus-5-5",
            r#"
        features = ["tools", "forced_tool_choice", "images", "documents", "reasoning", "structured_output", "prompt_cache", "prompt_cache_1h", "mid_conversation_system"]
        thinking = ["adaptive"]
        effort = "max"
        max_output_tokens = 128000
        capabilities = { sampling = false, refused_thinking = ["enabled"] }
            "#,
        ),
        // Thinks within a budget; knows no effort.
        "sonnet_4_5" => (
            "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
            r#"
        features = ["tools", "forced_tool_choice", "images", "documents", "reasoning", "structured_output", "prompt_cache", "prompt_cache_1h", "assistant_prefill", "sampling"]
        thinking = ["budget"]
        max_output_tokens = 64000
        capabilities = { effort = "unsupported", refused_thinking = ["adaptive"], system_messages = false }
            "#,
        ),
        // Does not think, and has no structured output.
        "haiku_3_5" => (
            "us.anthropic.claude-3-5-haiku-20241022-v1:0",
            r#"
        features = ["tools", "forced_tool_choice", "prompt_cache", "assistant_prefill", "sampling"]
        thinking = []
        max_output_tokens = 8192
        capabilities = { effort = "unsupported", refused_thinking = ["adaptive", "enabled"], system_messages = false, structured_outputs = false, images = false, documents = false, cache_1h = "strip" }
            "#,
        ),
        // Always thinks, and cannot be forced to call a tool.
        "fable_5_1" => (
            "us.anthropic.claude-fable-5-1",
            r#"
        features = ["tools", "images", "documents", "reasoning", "structured_output", "prompt_cache", "prompt_cache_1h", "mid_conversation_system"]
        thinking = ["adaptive", "always_on"]
        effort = "xhigh"
        max_output_tokens = 128000
        capabilities = { sampling = false, refused_thinking = ["enabled"], forced_tool_choice = false, effort = { up_to = "xhigh" } }
            "#,
        ),
        _ => panic!("no such model: {name}"),
    };
    let entry: Entry = toml::from_str(entry).unwrap();
    let traits = Traits {
        family: "anthropic".to_owned(),
        bedrock_id: id.to_owned(),
        features: entry.features.into_iter().collect(),
        thinking: entry.thinking.into_iter().collect(),
        effort: entry.effort,
        max_output_tokens: entry.max_output_tokens,
        minimum_cacheable_tokens: Some(1024),
    };
    Claude { id, traits, capabilities: entry.capabilities }
}
