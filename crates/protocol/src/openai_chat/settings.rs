//! What becomes of each top-level member when a request is translated. The one table: carried, left out and reported, or
//! refused by name.

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Number;

use crate::carry::{Answering, Unsupported};
use crate::conversation::{
    Block, CacheLifetime, Guardrail, JsonText, OutputFormat, Request, Role, Thinking, ThinkingDisplay,
};
use crate::effort::Effort;
use crate::inbound::{Inbound as _, Member};
use crate::relay::Writer;

use super::answer::Whole;
use super::inbound::Inbound;
use super::stream::{Label, Stream};
use super::wire::{self, GuardrailConfig, JsonSchema, Mark, Reasoning, ResponseFormat, Stop};
use super::{messages, tools};

/// What the request means, and what writes its answer.
pub(super) fn translate(
    inbound: &Inbound,
    answering: &Answering,
) -> Result<(Request, Box<dyn Writer>), Unsupported> {
    // A ceiling of the visible words is none of the whole answer: there the gateway's own holds, which has room for both.
    let is_whole = inbound.effort_beyond_ceiling().is_none();
    let max_output_tokens = inbound.ceiling().filter(|_| is_whole);
    let mut request = Request { max_output_tokens, ..Request::default() };
    messages::read(inbound, answering, &mut request)?;
    let forms = tools::read(inbound, &mut request)?;
    for member in &inbound.members {
        Reading { name: &member.name, raw: inbound.raw(&member.place.value), request: &mut request }
            .take()?;
    }
    mark_prompt(inbound, &mut request)?;
    // Who asks a chat for thinking wants to read it; some models keep it back unless they are told so.
    let thinks = match request.thinking {
        Some(Thinking::Adaptive | Thinking::Budget(_)) => true,
        Some(Thinking::Off) => false,
        None => request.effort.is_some(),
    };
    if thinks && request.thinking_display == ThinkingDisplay::Usual {
        request.thinking_display = ThinkingDisplay::Shown;
    }
    request.left_out.sort();
    request.left_out.dedup();
    let label = Label::new(answering, inbound.model());
    let writer: Box<dyn Writer> = if inbound.is_stream() {
        let wants_usage = inbound.stream_options.include_usage == Some(true);
        Box::new(Stream::new(&label, forms, request.thinking_display, wants_usage))
    } else {
        Box::new(Whole::new(label, forms, request.thinking_display))
    };
    Ok((request, writer))
}

/// One member on its way into the request.
struct Reading<'a> {
    name: &'a str,
    raw: &'a [u8],
    request: &'a mut Request,
}

impl Reading<'_> {
    fn take(&mut self) -> Result<(), Unsupported> {
        if self.raw == b"null" {
            return Ok(());
        }
        match self.name {
            // Read where they decide: by `parse`, `messages`, `tools` and `mark_prompt`.
            "model"
            | "messages"
            | "stream"
            | "max_tokens"
            | "max_completion_tokens"
            | "tools"
            | "functions"
            | "tool_choice"
            | "function_call"
            | "cache_control"
            | "prompt_caching" => Ok(()),
            // Carried.
            "temperature" => self.number().map(|number| self.request.sampling.temperature = Some(number)),
            "top_p" => self.number().map(|number| self.request.sampling.top_p = Some(number)),
            "top_k" => self.read().map(|count| self.request.sampling.top_k = Some(count)),
            "stop" => self.stop(),
            "parallel_tool_calls" => self.parallel(),
            "response_format" => self.format(),
            "reasoning_effort" => {
                let level: String = self.read()?;
                self.effort(&level)
            }
            "reasoning" => self.reasoning(),
            "thinking" => self.thinking(),
            "include_reasoning" => {
                if !self.read::<bool>()? {
                    self.request.thinking_display = ThinkingDisplay::Hidden;
                }
                Ok(())
            }
            "verbosity" => self.verbosity(),
            "service_tier" => self.tier(),
            "safety_identifier" => self.read().map(|user| self.request.end_user = Some(user)),
            "user" => {
                let user: String = self.read()?;
                self.request.end_user.get_or_insert(user);
                Ok(())
            }
            "metadata" | "requestMetadata" => self.metadata(),
            "guardrailConfig" => self.guardrail(),
            "performanceConfig" => self.performance(),
            "additionalModelRequestFields" => self.additional(),
            _ => self.not_carried(),
        }
    }

    fn not_carried(&mut self) -> Result<(), Unsupported> {
        match self.name {
            // Hints: without them the answer means the same.
            "frequency_penalty" | "presence_penalty" | "repetition_penalty" | "min_p" | "top_a" | "store"
            | "prediction" | "prompt_cache_key" | "prompt_cache_options" | "prompt_cache_retention"
            | "client_metadata" | "audio" | "transforms" | "provider" | "route" | "usage" => {
                if !self.says_nothing() {
                    self.request.left_out.push(self.name.to_owned());
                }
                Ok(())
            }
            "stream_options" => {
                let options: wire::StreamOptions = self.read()?;
                if options.include_obfuscation == Some(true) {
                    self.request.left_out.push("stream_options.include_obfuscation".to_owned());
                }
                Ok(())
            }
            // What changes the answer's meaning or form.
            "n" => match self.read::<u64>()? {
                1 => Ok(()),
                _ => Err(self.refuse("this model gives one answer at a time")),
            },
            "modalities" => {
                let asked: Vec<String> = self.read()?;
                if asked.iter().all(|modality| modality == "text") { Ok(()) } else { Err(self.refuse("this model answers in text only")) }
            }
            "logprobs" | "top_logprobs" | "logit_bias" | "seed" | "moderation" | "web_search_options" => {
                if self.says_nothing() && self.name != "web_search_options" && self.name != "seed" {
                    return Ok(());
                }
                Err(self.refuse("is not supported by this model"))
            }
            _ => Err(self.refuse(
                "is not known to Stonegate; what only the model knows can be sent in `additionalModelRequestFields`",
            )),
        }
    }

    fn read<T: DeserializeOwned>(&self) -> Result<T, Unsupported> {
        serde_json::from_slice(self.raw).map_err(|error| Unsupported::member(self.name, &plain(&error)))
    }

    fn number(&self) -> Result<Number, Unsupported> {
        self.read()
    }

    fn refuse(&self, why: &str) -> Unsupported {
        Unsupported::member(self.name, why)
    }

    /// Values by which a client asks for what it would get anyway.
    fn says_nothing(&self) -> bool {
        matches!(self.raw, b"false" | b"0" | b"0.0" | b"[]" | b"{}" | b"\"\"")
    }

    fn stop(&mut self) -> Result<(), Unsupported> {
        self.request.stop_sequences = match self.read()? {
            Stop::One(text) => vec![text],
            Stop::Many(texts) => texts,
        };
        self.request.stop_sequences.retain(|text| !text.is_empty());
        Ok(())
    }

    fn parallel(&mut self) -> Result<(), Unsupported> {
        let asked = self.read()?;
        self.request.parallel_tools.get_or_insert(asked);
        Ok(())
    }

    fn format(&mut self) -> Result<(), Unsupported> {
        let ResponseFormat { r#type, json_schema } = self.read()?;
        self.request.output_format = match (r#type.as_str(), json_schema) {
            ("text", _) => None,
            ("json_object", _) => Some(OutputFormat::JsonObject),
            ("json_schema", Some(JsonSchema { name, description, schema: Some(schema), strict })) => {
                if !schema.is_object() {
                    let path = "response_format.json_schema.schema";
                    return Err(Unsupported::member(path, "a JSON schema was expected"));
                }
                Some(OutputFormat::JsonSchema { name, description, schema, strict })
            }
            ("json_schema", Some(_)) => Some(OutputFormat::JsonObject),
            ("json_schema", None) => {
                return Err(Unsupported::member("response_format.json_schema", "is required"));
            }
            (other, _) => {
                let why = format!("`{other}` is not supported; use `text`, `json_object` or `json_schema`");
                return Err(Unsupported::member("response_format.type", &why));
            }
        };
        Ok(())
    }

    fn effort(&mut self, level: &str) -> Result<(), Unsupported> {
        if level == "none" {
            self.request.thinking = Some(Thinking::Off);
            return Ok(());
        }
        let known = Effort::from_wire(level).ok_or_else(|| {
            self.refuse("`none`, `minimal`, `low`, `medium`, `high`, `xhigh` or `max` was expected")
        })?;
        self.request.effort = Some(known);
        Ok(())
    }

    fn reasoning(&mut self) -> Result<(), Unsupported> {
        let Reasoning { effort, max_tokens, exclude, enabled } = self.read()?;
        if let Some(level) = effort {
            self.effort(&level)?;
        }
        match (max_tokens, enabled) {
            (Some(budget), _) => self.request.thinking = Some(Thinking::Budget(budget)),
            (None, Some(true)) if self.request.effort.is_none() => {
                self.request.thinking = Some(Thinking::Adaptive);
            }
            (None, Some(false)) => self.request.thinking = Some(Thinking::Off),
            (None, Some(true) | None) => {}
        }
        if exclude == Some(true) {
            self.request.thinking_display = ThinkingDisplay::Hidden;
        }
        Ok(())
    }

    fn thinking(&mut self) -> Result<(), Unsupported> {
        let wire::Thinking { r#type, budget_tokens, display } = self.read()?;
        self.request.thinking = match (r#type.as_deref(), budget_tokens) {
            (Some("disabled"), _) => Some(Thinking::Off),
            (Some("enabled"), Some(budget)) => Some(Thinking::Budget(budget)),
            (Some("adaptive" | "enabled"), _) => Some(Thinking::Adaptive),
            (Some(other), _) => {
                return Err(Unsupported::member("thinking.type", &format!("`{other}` is not supported")));
            }
            (None, _) => return Err(Unsupported::member("thinking.type", "is required")),
        };
        match display.as_deref() {
            Some("omitted") => self.request.thinking_display = ThinkingDisplay::Hidden,
            Some("summarized") => self.request.thinking_display = ThinkingDisplay::Shown,
            Some(_) | None => {}
        }
        Ok(())
    }

    fn verbosity(&mut self) -> Result<(), Unsupported> {
        let level: String = self.read()?;
        // What a model does anyway is no wish.
        self.request.verbosity = (level != "medium").then_some(level);
        Ok(())
    }

    fn tier(&mut self) -> Result<(), Unsupported> {
        let asked: String = self.read()?;
        match (wire::service_tier(&asked), asked.as_str()) {
            (Some(tier), _) => self.request.service_tier = Some(tier.to_owned()),
            (None, "auto" | "default" | "standard" | "standard_only") => {}
            // A tier for which OpenAI's customers pay ahead; Bedrock has no such thing under that name.
            (None, "scale") => self.request.left_out.push("service_tier".to_owned()),
            (None, _) => {
                return Err(
                    self.refuse("`auto`, `default`, `flex`, `priority`, `fast` or `reserved` was expected")
                );
            }
        }
        Ok(())
    }

    /// Labels are texts; what a client keeps there besides is for its own vendor.
    fn metadata(&mut self) -> Result<(), Unsupported> {
        let labels: std::collections::BTreeMap<String, JsonText> = self.read()?;
        for (name, value) in labels {
            match value.text() {
                Some(text) => {
                    self.request.metadata.insert(name, text.into_owned());
                }
                None => self.request.left_out.push(format!("{}.{name}", self.name)),
            }
        }
        Ok(())
    }

    fn guardrail(&mut self) -> Result<(), Unsupported> {
        let config: GuardrailConfig = self.read()?;
        self.request.guardrail = Some(Guardrail {
            id: config.guardrail_identifier,
            version: config.guardrail_version,
            trace: config.trace,
            stream_mode: config.stream_processing_mode,
        });
        Ok(())
    }

    fn performance(&mut self) -> Result<(), Unsupported> {
        self.read().map(|wire::Performance { latency }| self.request.latency = latency)
    }

    fn additional(&mut self) -> Result<(), Unsupported> {
        let fields: JsonText = self.read()?;
        if !fields.is_object() {
            return Err(self.refuse("an object was expected"));
        }
        self.request.additional = Some(fields);
        Ok(())
    }
}

/// Marks for the whole prompt: `cache_control` at the top level, as OpenRouter's clients write it, and Bedrock Access
/// Gateway's `prompt_caching`.
fn mark_prompt(inbound: &Inbound, request: &mut Request) -> Result<(), Unsupported> {
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Caching {
        system: bool,
        messages: bool,
    }
    let last = |request: &mut Request, lifetime| {
        let turns = request.messages.iter_mut().rev().filter(|message| message.role == Role::User);
        mark_last(turns.flat_map(|message| message.content.iter_mut().rev()).next(), lifetime);
    };
    if let Some(mark) = member::<Mark>(inbound, "cache_control")? {
        last(request, mark.lifetime());
    }
    if let Some(caching) = member::<Caching>(inbound, "prompt_caching")? {
        if caching.system {
            mark_last(request.system.last_mut(), CacheLifetime::FiveMinutes);
        }
        if caching.messages {
            last(request, CacheLifetime::FiveMinutes);
        }
    }
    Ok(())
}

fn mark_last(block: Option<&mut Block>, lifetime: CacheLifetime) {
    if let Some(block) = block {
        block.cache = block.cache.max(lifetime);
    }
}

fn member<T: DeserializeOwned>(inbound: &Inbound, name: &str) -> Result<Option<T>, Unsupported> {
    let Some(Member { place, .. }) = inbound.find(name) else {
        return Ok(None);
    };
    serde_json::from_slice(inbound.raw(&place.value))
        .map_err(|error| Unsupported::member(name, &plain(&error)))
}

/// What is wrong with a value, without the place in its text, which means nothing to a caller.
pub(super) fn plain(error: &serde_json::Error) -> String {
    let text = error.to_string();
    match text.rfind(" at line ") {
        Some(at) => text.get(..at).unwrap_or(&text).to_owned(),
        None => text,
    }
}
