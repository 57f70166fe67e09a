//! The items of `input` as system texts and turns.

use crate::carry::{Answering, Unsupported};
use crate::conversation::answer::tool_input;
use crate::conversation::{
    Block, CacheLifetime, Content, JsonText, Message, Request, Role, ToolResult, ToolUse,
};

use super::agents::{self, AGENT_MESSAGE};
use super::inbound::Inbound;
use super::media;
use super::sealed::Sealed;
use super::settings::plain;
use super::tools::{self, Forms, Twice};
use super::wire::{Item, Part, Words};

/// What stands before the summary of a conversation that was made short.
const SUMMARY_HEAD: &str = "What follows is a summary of the conversation so far:\n\n";

/// Reads `input` into the request. Gives whether its end asks for the conversation in short.
pub(super) fn read(
    inbound: &Inbound,
    answering: &Answering,
    request: &mut Request,
    forms: &mut Forms,
) -> Result<bool, Unsupported> {
    if let Some(text) = inbound.loose::<String>("input") {
        if !text.is_empty() {
            request.messages.push(Message { role: Role::User, content: vec![Block::text(text)] });
        }
        return Ok(false);
    }
    let mut reading = Reading { answering, request, forms };
    let last = inbound.facts.items.len().saturating_sub(1);
    for (index, range) in inbound.facts.items.iter().enumerate() {
        let path = format!("input.{index}");
        let item: Item = serde_json::from_slice(inbound.raw(range))
            .map_err(|error| Unsupported::member(&path, &plain(&error)))?;
        if item.r#type.as_deref() == Some("compaction_trigger") {
            if index == last {
                return Ok(true);
            }
            return Err(Unsupported::member(&path, "`compaction_trigger` has to be the last item"));
        }
        reading.item(item, &path)?;
    }
    Ok(false)
}

struct Reading<'a> {
    answering: &'a Answering,
    request: &'a mut Request,
    forms: &'a mut Forms,
}

impl Reading<'_> {
    fn item(&mut self, item: Item, path: &str) -> Result<(), Unsupported> {
        let is_message = item.role.is_some();
        match item.r#type.as_deref() {
            Some("message") => self.message(&item, path),
            Some(AGENT_MESSAGE) => self.agent_message(&item, path),
            None if is_message => self.message(&item, path),
            Some("function_call" | "custom_tool_call" | "tool_search_call") => self.call(item, path),
            Some("function_call_output" | "custom_tool_call_output") => self.result(&item, path),
            Some("tool_search_output") => self.found(item, path),
            Some("additional_tools") => self.offer(item.tools.unwrap_or_default(), path),
            Some("reasoning") => self.thoughts(&item, path),
            Some("compaction" | "compaction_summary") => self.summary(&item, path),
            // What OpenAI's own search did for another model: its words are in the message that follows.
            Some("web_search_call") => {
                self.request.left_out.push("input.*.web_search_call".to_owned());
                Ok(())
            }
            Some("item_reference") | None => {
                let why = "the item is not known here: only items of the response in `previous_response_id` can be \
                           named, and only while it is stored; send the item itself";
                Err(Unsupported::member(path, why))
            }
            Some(kind) => {
                let why = format!("items of type `{kind}` are not supported by this model");
                Err(Unsupported::member(path, &why))
            }
        }
    }

    fn push(&mut self, role: Role, content: Vec<Block>) {
        match self.request.messages.last_mut() {
            _ if content.is_empty() => {}
            Some(last) if last.role == role => last.content.extend(content),
            Some(_) | None => self.request.messages.push(Message { role, content }),
        }
    }

    fn message(&mut self, item: &Item, path: &str) -> Result<(), Unsupported> {
        let blocks = self.content(item.content.as_ref(), &format!("{path}.content"))?;
        match item.role.as_deref() {
            Some("user") => self.push(Role::User, blocks),
            Some("assistant") => self.push(Role::Assistant, blocks),
            Some("system" | "developer") if self.request.messages.is_empty() => {
                self.request.system.extend(blocks);
            }
            Some("system" | "developer") => self.push(Role::System, blocks),
            _ => {
                let why = "`user`, `assistant`, `system` or `developer` was expected";
                return Err(Unsupported::member(&format!("{path}.role"), why));
            }
        }
        Ok(())
    }

    /// One of the client's agents speaks to another: to the model, somebody who is not itself.
    fn agent_message(&mut self, item: &Item, path: &str) -> Result<(), Unsupported> {
        let path = format!("{path}.content");
        let words = agents::words(item).map_err(|error| Unsupported::member(&path, &plain(&error)))?;
        let Some(parts) = words else {
            let why = "the message was sealed by another model, and this one cannot read it";
            return Err(Unsupported::member(&path, why));
        };
        let blocks = self.parts(parts, &path)?;
        self.push(Role::User, blocks);
        Ok(())
    }

    fn content(&mut self, content: Option<&JsonText>, path: &str) -> Result<Vec<Block>, Unsupported> {
        let Some(content) = content.filter(|content| content.as_str() != "null") else {
            return Ok(Vec::new());
        };
        let words = Words::read(content).map_err(|error| Unsupported::member(path, &plain(&error)))?;
        match words {
            Words::Text(text) if text.is_empty() => Ok(Vec::new()),
            Words::Text(text) => Ok(vec![Block::text(text)]),
            Words::Parts(parts) => self.parts(parts, path),
        }
    }

    fn parts(&mut self, parts: Vec<Part>, path: &str) -> Result<Vec<Block>, Unsupported> {
        let mut blocks = Vec::with_capacity(parts.len());
        for (index, part) in parts.into_iter().enumerate() {
            blocks.extend(self.part(part, &format!("{path}.{index}"))?);
        }
        Ok(blocks)
    }

    fn part(&mut self, part: Part, path: &str) -> Result<Option<Block>, Unsupported> {
        let is_marked = part.prompt_cache_breakpoint.as_ref().is_some_and(|mark| mark.as_str() != "null");
        let mut block = match part.r#type.as_str() {
            "input_text" | "output_text" | "text" | "summary_text" | "reasoning_text" | "refusal" => {
                match part.text.or(part.refusal).filter(|text| !text.is_empty()) {
                    Some(text) => Block::text(text),
                    None => return Ok(None),
                }
            }
            "input_image" => {
                if part.detail.as_deref().is_some_and(|detail| detail != "auto") {
                    self.request.left_out.push("input.*.content.*.detail".to_owned());
                }
                Content::Media(media::image(part, path, self.answering)?).into()
            }
            "input_file" => Content::Media(media::file(part, path, self.answering)?).into(),
            kind => {
                let why = format!("parts of type `{kind}` are not supported by this model");
                return Err(Unsupported::member(path, &why));
            }
        };
        if is_marked {
            block.cache = CacheLifetime::FiveMinutes;
        }
        Ok(Some(block))
    }

    fn call(&mut self, item: Item, path: &str) -> Result<(), Unsupported> {
        let id = item.call_id.or(item.id).ok_or_else(|| required(path, "call_id"))?;
        let is_search = item.r#type.as_deref() == Some("tool_search_call");
        let name = match item.name {
            Some(name) => tools::flat(item.namespace.as_deref(), &name),
            None if is_search => tools::SEARCH.to_owned(),
            None => return Err(required(path, "name")),
        };
        let input = match (item.input, item.arguments) {
            (Some(text), _) => tools::custom_input(&text),
            (None, Some(arguments)) => match arguments.text() {
                Some(text) => tool_input(&text),
                None => arguments,
            },
            (None, None) => JsonText::empty_object(),
        };
        self.push(Role::Assistant, vec![Content::ToolUse(ToolUse { id, name, input }).into()]);
        Ok(())
    }

    fn result(&mut self, item: &Item, path: &str) -> Result<(), Unsupported> {
        let content = self.content(item.output.as_ref(), &format!("{path}.output"))?;
        self.answer(item, content, path)
    }

    fn answer(&mut self, item: &Item, content: Vec<Block>, path: &str) -> Result<(), Unsupported> {
        let id = item.call_id.clone().ok_or_else(|| required(path, "call_id"))?;
        let result = ToolResult { id, content, is_error: false };
        self.push(Role::User, vec![Content::ToolResult(result).into()]);
        Ok(())
    }

    /// What a search found is offered from now on, and the model is told so.
    fn found(&mut self, mut item: Item, path: &str) -> Result<(), Unsupported> {
        let found = item.tools.take().unwrap_or_default();
        let names: Vec<String> = found
            .iter()
            .flat_map(|tool| {
                let inner = tool.tools.iter().map(|inner| tools::flat(Some(&tool.name), &inner.name));
                let own = tool.tools.is_empty().then(|| tool.name.clone());
                inner.chain(own)
            })
            .collect();
        self.offer(found, path)?;
        // A search that the server ran has no call of ours that it could answer.
        if item.call_id.is_none() {
            return Ok(());
        }
        let told = if names.is_empty() {
            "No tools were found.".to_owned()
        } else {
            format!("These tools can be called now: {}", names.join(", "))
        };
        self.answer(&item, vec![Block::text(told)], path)
    }

    fn offer(&mut self, found: Vec<super::wire::Tool>, path: &str) -> Result<(), Unsupported> {
        for (index, tool) in found.into_iter().enumerate() {
            let path = format!("{path}.tools.{index}");
            tools::read(tool, &path, Twice::Keep, self.request, self.forms)?;
        }
        Ok(())
    }

    fn thoughts(&mut self, item: &Item, path: &str) -> Result<(), Unsupported> {
        let block = match item.encrypted_content.as_deref().map(Sealed::open) {
            Some(Some(Sealed::Thinking { text, signature })) => Content::Thinking { text, signature },
            Some(Some(Sealed::Unreadable { data })) => Content::SealedThinking { data },
            Some(Some(Sealed::Summary { .. }) | None) => {
                self.request.left_out.push("input.*.encrypted_content".to_owned());
                return Ok(());
            }
            None => {
                let said = self.content(item.content.as_ref(), &format!("{path}.content"))?;
                let text: String = said.iter().filter_map(text_of).collect();
                if text.is_empty() {
                    self.request.left_out.push("input.*.reasoning".to_owned());
                    return Ok(());
                }
                Content::Thinking { text, signature: None }
            }
        };
        self.push(Role::Assistant, vec![block.into()]);
        Ok(())
    }

    fn summary(&mut self, item: &Item, path: &str) -> Result<(), Unsupported> {
        match item.encrypted_content.as_deref().and_then(Sealed::open) {
            Some(Sealed::Summary { text }) => {
                self.push(Role::User, vec![Block::text(format!("{SUMMARY_HEAD}{text}"))]);
                Ok(())
            }
            // Without it the model would know nothing of what was before: no hint, but the conversation itself.
            Some(Sealed::Thinking { .. } | Sealed::Unreadable { .. }) | None => Err(Unsupported::member(
                &format!("{path}.encrypted_content"),
                "this compaction was made elsewhere or is damaged, and cannot be read",
            )),
        }
    }
}

fn text_of(block: &Block) -> Option<&str> {
    match &block.content {
        Content::Text { text, .. } => Some(text),
        Content::Media(_)
        | Content::Thinking { .. }
        | Content::SealedThinking { .. }
        | Content::ToolUse(_)
        | Content::ToolResult(_)
        | Content::SearchResult { .. } => None,
    }
}

fn required(path: &str, member: &str) -> Unsupported {
    Unsupported::member(&format!("{path}.{member}"), "is required")
}
