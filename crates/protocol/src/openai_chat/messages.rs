//! The messages of a request as turns of a conversation.

use serde_json::value::RawValue;

use crate::carry::{Answering, Unsupported};
use crate::conversation::answer::tool_input;
use crate::conversation::{
    Block, CacheLifetime, Content, JsonText, MediaKind, Message, Request, Role, ToolResult, ToolUse,
};

use super::inbound::Inbound;
use super::media;
use super::tools::custom_input;
use super::wire::{self, Function, Mark, Part, ReasoningDetail, ThinkingBlock, ToolCall};

/// Reads the messages into the request.
pub(super) fn read(
    inbound: &Inbound,
    answering: &Answering,
    request: &mut Request,
) -> Result<(), Unsupported> {
    let mut reading = Reading { answering, request, last_function_call: None };
    for (index, range) in inbound.facts.messages.iter().enumerate() {
        let path = format!("messages.{index}");
        let message: wire::Message = serde_json::from_slice(inbound.raw(range))
            .map_err(|error| Unsupported::member(&path, &super::settings::plain(&error)))?;
        reading.message(index, &path, message)?;
    }
    Ok(())
}

struct Reading<'a> {
    answering: &'a Answering,
    request: &'a mut Request,
    /// The id that was made up for the last call of the old form, which has none.
    last_function_call: Option<String>,
}

impl Reading<'_> {
    fn message(&mut self, index: usize, path: &str, message: wire::Message) -> Result<(), Unsupported> {
        if message.name.is_some() && message.role.as_deref() != Some("function") {
            self.request.left_out.push("messages.*.name".to_owned());
        }
        match message.role.as_deref() {
            Some("system" | "developer") => self.system(path, message),
            Some("user") => {
                let mark = message.cache_control;
                let mut content = self.content(path, message.content)?;
                if content.is_empty() {
                    content.push(Block::text(""));
                }
                self.turn(Role::User, content, mark.as_ref());
                Ok(())
            }
            Some("assistant") => self.assistant(index, path, message),
            Some("tool") => {
                let Some(id) = message.tool_call_id else {
                    return Err(Unsupported::member(&format!("{path}.tool_call_id"), "is required"));
                };
                self.result(path, id, message.content, message.is_error, message.cache_control.as_ref())
            }
            Some("function") => {
                let id = self.last_function_call.clone().unwrap_or_else(|| format!("function_{index}"));
                self.result(path, id, message.content, message.is_error, message.cache_control.as_ref())
            }
            Some(_) | None => {
                let why =
                    "one of `developer`, `system`, `user`, `assistant`, `tool` and `function` was expected";
                Err(Unsupported::member(&format!("{path}.role"), why))
            }
        }
    }

    /// What stands before the first turn is the system prompt; a later word of the operator's keeps its place.
    fn system(&mut self, path: &str, message: wire::Message) -> Result<(), Unsupported> {
        let mut content = self.content(path, message.content)?;
        if let Some(at) = content.iter().position(|block| !matches!(block.content, Content::Text { .. })) {
            return Err(Unsupported::member(&format!("{path}.content.{at}"), "only text may stand here"));
        }
        if self.request.messages.is_empty() {
            set_mark(&mut content, message.cache_control.as_ref());
            self.request.system.append(&mut content);
        } else if !content.is_empty() {
            self.turn(Role::System, content, message.cache_control.as_ref());
        }
        Ok(())
    }

    /// Thoughts go first: they led to the words and calls behind them.
    fn assistant(&mut self, index: usize, path: &str, message: wire::Message) -> Result<(), Unsupported> {
        if message.audio.is_some() {
            let why = "earlier sound is not stored here; send its transcript as `content`";
            return Err(Unsupported::member(&format!("{path}.audio"), why));
        }
        let said = message.reasoning_content.or(message.reasoning);
        let mut content = match (message.thinking_blocks, message.reasoning_details) {
            (Some(blocks), _) if !blocks.is_empty() => thinking_blocks(blocks),
            (_, Some(details)) if !details.is_empty() => reasoning_details(details),
            _ => {
                let signature = message.reasoning_signature.filter(|signature| !signature.is_empty());
                let text = said.unwrap_or_default();
                let is_empty = text.is_empty() && signature.is_none();
                let thinking = Content::Thinking { text, signature };
                if is_empty { Vec::new() } else { vec![thinking.into()] }
            }
        };
        content.append(&mut self.content(path, message.content)?);
        if let Some(refusal) = message.refusal.filter(|refusal| !refusal.is_empty()) {
            content.push(Block::text(refusal));
        }
        for (at, call) in message.tool_calls.into_iter().flatten().enumerate() {
            let path = format!("{path}.tool_calls.{at}");
            content.push(Content::ToolUse(tool_use(call, &path)?).into());
        }
        if let Some(Function { name, arguments }) = message.function_call {
            let id = format!("function_{index}");
            self.last_function_call = Some(id.clone());
            let input = object_input(arguments.as_deref());
            content.push(Content::ToolUse(ToolUse { id, name, input }).into());
        }
        if !content.is_empty() {
            self.turn(Role::Assistant, content, message.cache_control.as_ref());
        }
        Ok(())
    }

    fn result(
        &mut self,
        path: &str,
        id: String,
        content: wire::Content,
        is_error: Option<bool>,
        mark: Option<&Mark>,
    ) -> Result<(), Unsupported> {
        let mut content = self.content(path, content)?;
        // A mark inside of a result has no place of its own upstream: it marks the prompt up to and with the result.
        let inside = content.iter().map(|block| block.cache).max().unwrap_or_default();
        content.iter_mut().for_each(|block| block.cache = CacheLifetime::None);
        let result = ToolResult { id, content, is_error: is_error.unwrap_or(false) };
        let cache = inside.max(mark.map(Mark::lifetime).unwrap_or_default());
        let block = Block { content: Content::ToolResult(result), cache };
        self.request.messages.push(Message { role: Role::User, content: vec![block] });
        Ok(())
    }

    fn turn(&mut self, role: Role, mut content: Vec<Block>, mark: Option<&Mark>) {
        set_mark(&mut content, mark);
        self.request.messages.push(Message { role, content });
    }

    /// Empty texts say nothing, and some upstreams refuse them.
    fn content(&self, path: &str, content: wire::Content) -> Result<Vec<Block>, Unsupported> {
        match content {
            wire::Content::Nothing => Ok(Vec::new()),
            wire::Content::Text(text) if text.is_empty() => Ok(Vec::new()),
            wire::Content::Text(text) => Ok(vec![Block::text(text)]),
            wire::Content::Parts(parts) => {
                let mut blocks: Vec<Block> = Vec::with_capacity(parts.len());
                for (index, part) in parts.into_iter().enumerate() {
                    let cache = part
                        .cache_control
                        .as_ref()
                        .or(part.prompt_cache_breakpoint.as_ref())
                        .map(Mark::lifetime)
                        .unwrap_or_default();
                    match self.part(&format!("{path}.content.{index}"), part)? {
                        Some(content) => blocks.push(Block { content, cache }),
                        // The mark of an empty part is one of what stands before it.
                        None => {
                            if let Some(before) = blocks.last_mut() {
                                before.cache = before.cache.max(cache);
                            }
                        }
                    }
                }
                Ok(blocks)
            }
        }
    }

    fn part(&self, path: &str, part: Part) -> Result<Option<Content>, Unsupported> {
        let missing = |member: &str| Unsupported::member(&format!("{path}.{member}"), "is required");
        let content = match part.r#type.as_deref() {
            Some("text" | "input_text" | "output_text") => text(part.text.ok_or_else(|| missing("text"))?),
            Some("refusal") => text(part.refusal.ok_or_else(|| missing("refusal"))?),
            Some("image_url" | "input_image") => {
                let address = part.image_url.ok_or_else(|| missing("image_url"))?;
                Some(Content::Media(media::addressed(MediaKind::Image, address, path, self.answering)?))
            }
            Some("video_url") => {
                let address = part.video_url.ok_or_else(|| missing("video_url"))?;
                Some(Content::Media(media::addressed(MediaKind::Video, address, path, self.answering)?))
            }
            Some("input_audio") => {
                Some(Content::Media(media::sound(part.input_audio.ok_or_else(|| missing("input_audio"))?)))
            }
            Some("file") => {
                let file = part.file.ok_or_else(|| missing("file"))?;
                Some(Content::Media(media::file(file, path, self.answering)?))
            }
            Some("thinking") => {
                let text = part.thinking.unwrap_or_default();
                Some(Content::Thinking { text, signature: part.signature })
            }
            Some("redacted_thinking") => {
                Some(Content::SealedThinking { data: part.data.ok_or_else(|| missing("data"))? })
            }
            Some("image") => {
                let image = part.source.ok_or_else(|| missing("source"))?;
                Some(Content::Media(media::image(image, path, self.answering)?))
            }
            Some("tool_use") => Some(Content::ToolUse(ToolUse {
                id: part.id.ok_or_else(|| missing("id"))?,
                name: part.name.ok_or_else(|| missing("name"))?,
                input: part.input.filter(JsonText::is_object).unwrap_or_else(JsonText::empty_object),
            })),
            Some("tool_result") => Some(Content::ToolResult(ToolResult {
                id: part.tool_use_id.ok_or_else(|| missing("tool_use_id"))?,
                content: self.content(path, part.content)?,
                is_error: part.is_error.unwrap_or(false),
            })),
            Some(other) => {
                let why = format!("parts of type `{other}` are not supported");
                return Err(Unsupported::member(&format!("{path}.type"), &why));
            }
            None => return Err(missing("type")),
        };
        Ok(content)
    }
}

fn text(text: String) -> Option<Content> {
    (!text.is_empty()).then(|| Content::Text { text, citations: Vec::new() })
}

fn set_mark(content: &mut [Block], mark: Option<&Mark>) {
    if let (Some(last), Some(mark)) = (content.last_mut(), mark) {
        last.cache = last.cache.max(mark.lifetime());
    }
}

fn thinking_blocks(blocks: Vec<ThinkingBlock>) -> Vec<Block> {
    let content = blocks.into_iter().filter_map(|block| match (block.r#type.as_deref(), block.data) {
        (Some("redacted_thinking"), Some(data)) => Some(Content::SealedThinking { data }),
        (Some("redacted_thinking"), None) => None,
        (_, _) => Some(Content::Thinking {
            text: block.thinking.unwrap_or_default(),
            signature: block.signature.filter(|signature| !signature.is_empty()),
        }),
    });
    content.map(Block::from).collect()
}

/// Details that a client gathered from a stream may come in pieces: a signature ends the thought before it.
fn reasoning_details(details: Vec<ReasoningDetail>) -> Vec<Block> {
    let mut content: Vec<Content> = Vec::new();
    for detail in details {
        if let Some(data) = detail.data {
            content.push(Content::SealedThinking { data });
            continue;
        }
        let more = detail.text.or(detail.summary).unwrap_or_default();
        let sign = detail.signature.filter(|signature| !signature.is_empty());
        match content.last_mut() {
            Some(Content::Thinking { text, signature: signature @ None }) => {
                text.push_str(&more);
                *signature = sign;
            }
            _ => content.push(Content::Thinking { text: more, signature: sign }),
        }
    }
    content.into_iter().map(Block::from).collect()
}

fn tool_use(call: ToolCall, path: &str) -> Result<ToolUse, Unsupported> {
    let Some(id) = call.id else {
        return Err(Unsupported::member(&format!("{path}.id"), "is required"));
    };
    match (call.function, call.custom) {
        (Some(Function { name, arguments }), _) => {
            Ok(ToolUse { id, name, input: object_input(arguments.as_deref()) })
        }
        (None, Some(custom)) => Ok(ToolUse {
            id,
            name: custom.name,
            input: custom_input(custom.input.as_deref().unwrap_or_default()),
        }),
        (None, None) => Err(Unsupported::member(&format!("{path}.function"), "is required")),
    }
}

/// Clients write `null` and nothing at all where a tool takes no arguments.
fn object_input(arguments: Option<&str>) -> JsonText {
    let text = arguments.unwrap_or_default();
    if text.trim() == RawValue::NULL.get() { JsonText::empty_object() } else { tool_input(text) }
}
