//! What the rows of a model say that it can do.

use anyhow::Result;

use super::Found;
use super::naming::vendor;
use super::source::Row;

impl Found {
    /// What the first row says that says anything; doors that serve most come first.
    fn first<T>(&self, ask: impl Fn(&Row) -> Option<T>) -> Option<T> {
        let order = ["global", "us", "in-region", "mantle"];
        let rank = |door: &str| order.iter().position(|known| *known == door).unwrap_or(order.len());
        let mut rows: Vec<_> = self.rows.iter().collect();
        rows.sort_by_key(|(place, _)| (place.region.is_some(), rank(&place.door)));
        rows.into_iter().find_map(|(_, row)| ask(row))
    }

    fn says(&self, flag: &str) -> Option<bool> {
        self.first(|row| row.flag(flag))
    }

    fn is(&self, flag: &str) -> bool {
        self.says(flag) == Some(true)
    }

    /// A count, the same through every door but for those that say nothing.
    pub(crate) fn count(&self, name: &str) -> Result<Option<u64>> {
        self.first(|row| row.count(name).transpose()).transpose()
    }

    /// A string.
    pub(crate) fn text(&self, name: &str) -> Option<String> {
        self.first(|row| row.text(name))
    }

    /// Whether it is one of Anthropic's.
    pub(crate) fn is_claude(&self) -> bool {
        vendor(&self.bedrock_id) == "anthropic"
    }

    /// Whether it came with Claude 4.7 or later: from there on sampling parameters are gone, and the API version of
    /// 2026-10-21 is understood.
    pub(crate) fn is_recent_claude(&self) -> bool {
        self.is_claude() && self.says("supports_sampling_params") == Some(false)
    }

    /// What it is for.
    pub(crate) fn purpose(&self) -> &'static str {
        match self.text("mode").as_deref() {
            Some("embedding") => "embedding",
            Some("rerank") => "rerank",
            Some("image_generation") => "image",
            Some("image_edit") => "image_edit",
            Some("realtime") => "realtime",
            // It answers questions about videos, and is billed by their seconds.
            _ if self.bedrock_id.starts_with("twelvelabs.pegasus") => "video",
            _ => "chat",
        }
    }

    /// The wire protocols.
    pub(crate) fn dialects(&self) -> Vec<&'static str> {
        if self.purpose() != "chat" {
            return vec!["bedrock_native"];
        }
        if self.is_claude() {
            return vec!["anthropic", "converse"];
        }
        let endpoints =
            self.first(|row| Some(row.list("supported_endpoints")).filter(|list| !list.is_empty()));
        let endpoints = endpoints.unwrap_or_default();
        let serves = |path: &str| endpoints.iter().any(|known| known == path);
        let is_only_mantle = self.rows.keys().all(|place| place.door == "mantle");
        let is_responses = self.text("mode").as_deref() == Some("responses");
        let mut dialects = Vec::new();
        if serves("/v1/chat/completions") || is_only_mantle && !is_responses {
            dialects.push("openai_chat");
        }
        if serves("/v1/responses") || is_responses {
            dialects.push("openai_responses");
        }
        if !is_only_mantle {
            dialects.push("converse");
        }
        dialects
    }

    /// What it can do.
    pub(crate) fn features(&self) -> Vec<&'static str> {
        let is_chat = self.purpose() == "chat";
        let has_hour = self.rows.values().any(|row| row.names().any(|name| name == HOUR));
        let structured = if self.is_claude() {
            self.is("supports_native_structured_output")
                || self.is("supports_bedrock_native_structured_output")
        } else {
            self.is("supports_response_schema")
                || self.is("supports_bedrock_runtime_chat_completions_response_format")
        };
        let images = ["supports_vision", "supports_image_input", "supports_embedding_image_input"];
        let forced = self.is("supports_tool_choice") && self.says("supports_forced_tool_use") != Some(false);
        [
            ("tools", self.is("supports_function_calling")),
            ("forced_tool_choice", forced),
            ("tool_search", self.is("supports_tool_search")),
            ("computer_use", self.is("supports_computer_use")),
            ("images", images.into_iter().any(|flag| self.is(flag))),
            ("documents", self.is("supports_pdf_input")),
            ("video", self.is("supports_video_input")),
            ("audio", self.is("supports_audio_input")),
            ("reasoning", self.is("supports_reasoning")),
            ("structured_output", structured),
            ("prompt_cache", self.is("supports_prompt_caching")),
            ("prompt_cache_1h", has_hour),
            ("assistant_prefill", self.is("supports_assistant_prefill")),
            ("sampling", is_chat && self.says("supports_sampling_params") != Some(false)),
            ("mid_conversation_system", self.is("supports_mid_conversation_system")),
        ]
        .into_iter()
        .filter_map(|(feature, has)| has.then_some(feature))
        .collect()
    }

    /// How it thinks.
    pub(crate) fn thinking(&self) -> Vec<&'static str> {
        let reasons = self.is("supports_reasoning");
        let adapts = self.is("supports_adaptive_thinking");
        let by_effort = matches!(vendor(&self.bedrock_id), "amazon" | "openai" | "xai");
        [
            ("budget", self.is_claude() && reasons && (!adapts || self.is("supports_legacy_thinking"))),
            ("adaptive", adapts),
            ("always_on", self.is("thinking_always_on")),
            ("effort", by_effort && reasons),
        ]
        .into_iter()
        .filter_map(|(kind, has)| has.then_some(kind))
        .collect()
    }

    /// The highest effort that it takes.
    pub(crate) fn effort(&self) -> Option<String> {
        let takes =
            if self.is_claude() { self.is("supports_output_config") } else { self.is("supports_reasoning") };
        let known = || {
            let levels =
                [("supports_max_reasoning_effort", "max"), ("supports_xhigh_reasoning_effort", "xhigh")];
            levels.into_iter().find(|(flag, _)| self.is(flag)).map_or("high", |(_, level)| level).to_owned()
        };
        takes.then(|| self.text("bedrock_output_config_effort_ceiling").unwrap_or_else(known))
    }

    /// Whether CountTokens is worth asking: it is of Claude 3.5 and later.
    pub(crate) fn counts_tokens(&self) -> bool {
        let name = self.bedrock_id.strip_prefix("anthropic.claude-");
        let old = ["v1", "v2", "instant", "3-opus", "3-sonnet", "3-haiku"];
        name.is_some_and(|name| !old.iter().any(|old| name.starts_with(old)))
    }

    /// Whether a window of a million tokens has to be asked for: where prompts of more than the plain window have a price.
    pub(crate) fn asks_for_long_context(&self) -> Result<bool> {
        let has_step = |row: &Row| row.names().any(|name| name == "input_cost_per_token_above_200k_tokens");
        let window = self.count("max_input_tokens")?;
        Ok(self.is_claude() && window == Some(200_000) && self.rows.values().any(has_step))
    }

    /// The path of the `bedrock-mantle` endpoint that serves it.
    pub(crate) fn mantle_path(&self) -> &'static str {
        let rows = self.rows.iter().filter(|(place, _)| place.door == "mantle");
        let openai = rows.map(|(_, row)| row).any(|row| row.flag("use_openai_responses_path") == Some(true));
        match (self.is_claude(), openai) {
            (true, _) => "/anthropic/v1",
            (false, true) => "/openai/v1",
            (false, false) => "/v1",
        }
    }
}

const HOUR: &str = "cache_creation_input_token_cost_above_1hr";
