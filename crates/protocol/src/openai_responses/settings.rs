//! What becomes of each top-level member when a request is translated. The one table: carried, left out and reported, or
//! refused by name.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;

use crate::carry::{Answering, Unsupported};
use crate::conversation::{
    Block, CacheLifetime, Content, JsonText, Message, OutputFormat, Request, Role, Thinking, ThinkingDisplay,
    ToolChoice,
};
use crate::effort::Effort;
use crate::inbound::Inbound as _;
use crate::relay::Writer;

use super::inbound::{ENCRYPTED_THOUGHTS, Inbound, Purpose};
use super::items;
use super::open::Thoughts;
use super::response::{Echo, Label};
use super::tools::{self, Forms, Twice};
use super::wire::{self, Format, Reasoning, Text};
use super::writer::{Product, ResponseWriter};

/// What the model is asked for where the client wants the conversation in short.
const SUMMARIZE: &str = "Summarize the conversation so far for a colleague who will go on with it and sees nothing else \
of it. Keep what was asked and why, decisions and their reasons, facts that were found out (names, paths, values, errors, \
exact wording where it matters), what was done, what is left to do, and what was about to be done. Do not go on with the \
task, do not call tools, and answer with the summary only.";

/// What the request means, and what writes its answer.
pub(super) fn translate(
    inbound: &Inbound,
    answering: &Answering,
) -> Result<(Request, Box<dyn Writer>), Unsupported> {
    let mut request = Request { max_output_tokens: inbound.max_output_tokens(), ..Request::default() };
    let mut forms = Forms::default();
    if let Some(instructions) = inbound.loose::<String>("instructions").filter(|text| !text.is_empty()) {
        request.system.push(Block::text(instructions));
    }
    for (index, range) in inbound.facts.tools.iter().enumerate() {
        let path = format!("tools.{index}");
        let tool: wire::Tool = serde_json::from_slice(inbound.raw(range))
            .map_err(|error| Unsupported::member(&path, &plain(&error)))?;
        tools::read(tool, &path, Twice::Refuse, &mut request, &mut forms)?;
    }
    let is_trigger = items::read(inbound, answering, &mut request, &mut forms)?;
    if request.messages.is_empty() && request.system.is_empty() {
        return Err(Unsupported::member("input", "at least one item is needed that is not empty"));
    }
    for member in &inbound.members {
        let raw = inbound.raw(&member.place.value);
        let is_done = inbound.is_resolved && member.name == "previous_response_id";
        if raw != b"null" && !is_done {
            Reading { name: &member.name, raw, request: &mut request }.take()?;
        }
    }
    let product = match inbound.purpose {
        Purpose::Answer if !is_trigger => Product::Answer,
        Purpose::Answer => Product::Compaction,
        Purpose::Compact => Product::CompactedResponse,
    };
    if product != Product::Answer {
        summarize(&mut request);
    }
    mark_prompt(inbound.caching(), &mut request);
    request.left_out.sort();
    request.left_out.dedup();
    let label = Label::new(answering, inbound.model());
    let thoughts = Thoughts::of(inbound);
    let writer = ResponseWriter::new(
        label,
        Echo::of(inbound, answering),
        forms,
        thoughts,
        product,
        inbound.is_stream(),
    );
    Ok((request, Box::new(writer)))
}

/// Asks for the conversation in short. Tools stay named where they were called, since some upstreams want that.
fn summarize(request: &mut Request) {
    request.messages.push(Message { role: Role::User, content: vec![Block::text(SUMMARIZE)] });
    if request.has_tool_blocks() {
        request.tool_choice = ToolChoice::None;
    } else {
        request.tools.clear();
        request.tool_choice = ToolChoice::Auto;
    }
    request.output_format = None;
}

/// OpenAI caches prompts by itself; other models want to be told where. Marked are the end of the system texts and of the
/// last two turns of the person: what this call reads, and what the next one will.
fn mark_prompt(lifetime: CacheLifetime, request: &mut Request) {
    if lifetime == CacheLifetime::None {
        return;
    }
    let turns = request.messages.iter_mut().rev().filter(|message| message.role == Role::User).take(2);
    let ends = turns.filter_map(|message| message.content.last_mut());
    for block in request.system.last_mut().into_iter().chain(ends) {
        // Empty texts cannot be marked.
        if !matches!(&block.content, Content::Text { text, .. } if text.is_empty()) {
            block.cache = block.cache.max(lifetime);
        }
    }
}

/// One member on its way into the request.
struct Reading<'a> {
    name: &'a str,
    raw: &'a [u8],
    request: &'a mut Request,
}

impl Reading<'_> {
    fn take(&mut self) -> Result<(), Unsupported> {
        match self.name {
            // Read where they decide: by `parse`, `items`, `tools` and `mark_prompt`; or only for the answer to repeat.
            "model"
            | "input"
            | "instructions"
            | "stream"
            | "max_output_tokens"
            | "tools"
            | "prompt_cache_key"
            | "prompt_cache_options"
            | "prompt_cache_retention"
            | "store" => Ok(()),
            // Carried.
            "tool_choice" => tools::choose(self.raw, self.request),
            "parallel_tool_calls" => self.read().map(|asked| self.request.parallel_tools = Some(asked)),
            "temperature" => self.read().map(|number| self.request.sampling.temperature = Some(number)),
            "top_p" => self.read().map(|number| self.request.sampling.top_p = Some(number)),
            "reasoning" => self.reasoning(),
            "text" => self.text(),
            "service_tier" => self.tier(),
            "safety_identifier" => self.read().map(|user| self.request.end_user = Some(user)),
            "user" => {
                let user: String = self.read()?;
                self.request.end_user.get_or_insert(user);
                Ok(())
            }
            "metadata" => self.metadata(),
            "include" => self.include(),
            _ => self.not_carried(),
        }
    }

    fn not_carried(&mut self) -> Result<(), Unsupported> {
        match self.name {
            // Hints: without them the answer means the same.
            "client_metadata" | "stream_options" | "access_programs" | "context_management" | "image" => {
                if !self.says_nothing() {
                    self.request.left_out.push(self.name.to_owned());
                }
                Ok(())
            }
            "truncation" => match self.read::<String>()?.as_str() {
                "disabled" => Ok(()),
                "auto" => {
                    self.request.left_out.push("truncation".to_owned());
                    Ok(())
                }
                _ => Err(self.refuse("`auto` or `disabled` was expected")),
            },
            "previous_response_id" => {
                Err(self.refuse("the response is not stored here; send its items in `input`"))
            }
            "background" | "top_logprobs" | "moderation" if self.says_nothing() => Ok(()),
            "background" => Err(self.refuse("responses are not made in the background here; leave it out")),
            "conversation" => Err(self.refuse("conversations are not kept here; send the items in `input`")),
            "prompt" => Err(self.refuse("prompts are not stored here; send the text in `instructions`")),
            "max_tool_calls" => {
                // It counts the calls of tools that OpenAI runs itself; there are none.
                self.read::<u64>()?;
                self.request.left_out.push("max_tool_calls".to_owned());
                Ok(())
            }
            "top_logprobs" | "moderation" => Err(self.refuse("is not supported by this model")),
            _ => Err(self.refuse("is not known to Stonegate")),
        }
    }

    fn read<T: DeserializeOwned>(&self) -> Result<T, Unsupported> {
        serde_json::from_slice(self.raw).map_err(|error| Unsupported::member(self.name, &plain(&error)))
    }

    fn refuse(&self, why: &str) -> Unsupported {
        Unsupported::member(self.name, why)
    }

    /// Values by which a client asks for what it would get anyway.
    fn says_nothing(&self) -> bool {
        matches!(self.raw, b"false" | b"0" | b"[]" | b"{}" | b"\"\"")
    }

    fn reasoning(&mut self) -> Result<(), Unsupported> {
        let reasoning: Reasoning = self.read()?;
        self.request.thinking_display =
            if reasoning.wants_summary() { ThinkingDisplay::Shown } else { ThinkingDisplay::Usual };
        for (is_there, member) in [
            (reasoning.context.is_some_and(|context| context != "auto"), "reasoning.context"),
            (reasoning.mode.is_some_and(|mode| mode != "standard"), "reasoning.mode"),
        ] {
            if is_there {
                self.request.left_out.push(member.to_owned());
            }
        }
        match reasoning.effort.as_deref() {
            None => {}
            Some("none") => self.request.thinking = Some(Thinking::Off),
            Some(level) => {
                let known = Effort::from_wire(level).ok_or_else(|| {
                    let why = "`none`, `minimal`, `low`, `medium`, `high`, `xhigh` or `max` was expected";
                    Unsupported::member("reasoning.effort", why)
                })?;
                self.request.effort = Some(known);
            }
        }
        Ok(())
    }

    fn text(&mut self) -> Result<(), Unsupported> {
        let Text { format, verbosity } = self.read()?;
        // What a model does anyway is no wish.
        self.request.verbosity = verbosity.filter(|level| level != "medium");
        let Some(Format { r#type, name, description, schema, strict, .. }) = format else {
            return Ok(());
        };
        self.request.output_format = match (r#type.as_str(), schema) {
            ("text", _) => None,
            ("json_object", _) => Some(OutputFormat::JsonObject),
            ("json_schema", Some(schema)) if schema.is_object() => {
                Some(OutputFormat::JsonSchema { name, description, schema, strict })
            }
            ("json_schema", _) => {
                return Err(Unsupported::member("text.format.schema", "a JSON schema was expected"));
            }
            (other, _) => {
                let why = format!("`{other}` is not supported; use `text`, `json_object` or `json_schema`");
                return Err(Unsupported::member("text.format.type", &why));
            }
        };
        Ok(())
    }

    fn tier(&mut self) -> Result<(), Unsupported> {
        let asked: String = self.read()?;
        match (wire::service_tier(&asked), asked.as_str()) {
            (Some(tier), _) => self.request.service_tier = Some(tier.to_owned()),
            (None, "auto" | "default" | "standard") => {}
            // Tiers that Bedrock does not have under these names.
            (None, "scale" | "ultrafast") => self.request.left_out.push("service_tier".to_owned()),
            (None, _) => {
                return Err(self.refuse("`auto`, `default`, `flex`, `priority` or `fast` was expected"));
            }
        }
        Ok(())
    }

    fn metadata(&mut self) -> Result<(), Unsupported> {
        let labels: BTreeMap<String, JsonText> = self.read()?;
        for (name, value) in labels {
            match value.text() {
                Some(text) => {
                    self.request.metadata.insert(name, text.into_owned());
                }
                None => self.request.left_out.push(format!("metadata.{name}")),
            }
        }
        Ok(())
    }

    /// Whether thoughts are sealed for the client, [`Thoughts`] knows; the rest is of tools that are not served, or changes what an answer says.
    fn include(&mut self) -> Result<(), Unsupported> {
        let asked: Vec<String> = self.read()?;
        for what in asked {
            match what.as_str() {
                ENCRYPTED_THOUGHTS => {}
                "message.output_text.logprobs" => {
                    return Err(self.refuse("`message.output_text.logprobs` is not given by this model"));
                }
                _ => self.request.left_out.push(format!("include.{what}")),
            }
        }
        Ok(())
    }
}

/// What is wrong with a value, without the place in its text, which means nothing to a caller.
pub(super) fn plain(error: &serde_json::Error) -> String {
    let text = error.to_string();
    match text.rfind(" at line ") {
        Some(at) => text.get(..at).unwrap_or(&text).to_owned(),
        None => text,
    }
}
