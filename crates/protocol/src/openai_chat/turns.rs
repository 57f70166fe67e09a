//! The turns of a conversation as messages of Chat Completions.

use std::borrow::Cow;

use serde::Serialize;

use crate::carry::{Dropped, Unsupported};
use crate::conversation::{
    Block, CacheLifetime, Content, Media, MediaKind, Message, Request, Role, Source, ToolNames, ToolResult,
};
use crate::traits::{Feature, Traits};

use super::quirks::Quirks;

/// Claude Code's note for Anthropic's own accounting. Other models would take it for a part of their prompt.
const BILLING_NOTE: &str = "x-anthropic-billing-header:";

/// Writes the system prompt and all turns.
pub(super) fn write<'a>(
    request: &'a Request,
    traits: &'a Traits,
    quirks: Quirks,
    names: &'a ToolNames,
    dropped: &mut Vec<Dropped>,
) -> Result<Vec<MessageWire<'a>>, Unsupported> {
    let mut writing = Writing { traits, quirks, names, dropped, messages: Vec::new() };
    let system = request.system.iter().filter(|block| !is_billing_note(block));
    let parts = writing.parts("system", system)?;
    writing.push("system", parts);
    for (index, message) in request.messages.iter().enumerate() {
        writing.message(&format!("messages.{index}.content"), message)?;
    }
    Ok(writing.messages)
}

fn is_billing_note(block: &Block) -> bool {
    matches!(&block.content, Content::Text { text, .. } if text.starts_with(BILLING_NOTE))
}

struct Writing<'a, 'd> {
    traits: &'a Traits,
    quirks: Quirks,
    names: &'a ToolNames,
    dropped: &'d mut Vec<Dropped>,
    messages: Vec<MessageWire<'a>>,
}

impl<'a> Writing<'a, '_> {
    fn leave_out(&mut self, member: &str) {
        self.dropped.push(Dropped::Member(member.to_owned()));
    }

    fn push(&mut self, role: &'static str, parts: Vec<PartWire<'a>>) {
        if let Some(content) = ContentWire::of(parts) {
            self.messages.push(MessageWire { content: Some(content), ..MessageWire::of(role) });
        }
    }

    fn message(&mut self, path: &str, message: &'a Message) -> Result<(), Unsupported> {
        match message.role {
            Role::User => {
                // Results have to follow the calls at once; media in them have no place there.
                let mut media = Vec::new();
                for block in &message.content {
                    if let Content::ToolResult(result) = &block.content {
                        self.note_mark(block);
                        media.append(&mut self.result(path, result)?);
                    }
                }
                let rest = message.content.iter();
                let rest = rest.filter(|block| !matches!(block.content, Content::ToolResult(_)));
                media.append(&mut self.parts(path, rest)?);
                self.push("user", media);
            }
            Role::System => {
                let parts = self.parts(path, message.content.iter())?;
                self.push("system", parts);
            }
            Role::Assistant => self.assistant(path, message)?,
        }
        Ok(())
    }

    fn assistant(&mut self, path: &str, message: &'a Message) -> Result<(), Unsupported> {
        let mut calls = Vec::new();
        let mut said = Vec::new();
        for block in &message.content {
            match &block.content {
                Content::ToolUse(call) => {
                    self.note_mark(block);
                    let input = if call.input.is_object() { None } else { call.input.text() };
                    let function = FunctionWire {
                        name: self.names.upstream(&call.name),
                        arguments: input.unwrap_or(Cow::Borrowed(call.input.as_str())),
                    };
                    calls.push(CallWire { id: &call.id, r#type: "function", function });
                }
                Content::Thinking { .. } | Content::SealedThinking { .. } => {
                    self.leave_out("messages.*.content.*.thinking");
                }
                Content::Text { .. }
                | Content::Media(_)
                | Content::ToolResult(_)
                | Content::SearchResult { .. } => said.push(block),
            }
        }
        let content = ContentWire::of(self.parts(path, said.into_iter())?);
        if content.is_some() || !calls.is_empty() {
            let message = MessageWire { content, tool_calls: calls, ..MessageWire::of("assistant") };
            self.messages.push(message);
        }
        Ok(())
    }

    /// Writes a result, and gives the media in it.
    fn result(&mut self, path: &str, result: &'a ToolResult) -> Result<Vec<PartWire<'a>>, Unsupported> {
        let is_text =
            |block: &&Block| matches!(block.content, Content::Text { .. } | Content::SearchResult { .. });
        let (texts, media): (Vec<&Block>, Vec<&Block>) = result.content.iter().partition(is_text);
        let parts = self.parts(path, texts.into_iter())?;
        let mut text: String =
            parts.into_iter().map(PartWire::into_text).collect::<Vec<Cow<'_, str>>>().join("\n");
        if !media.is_empty() {
            text.push_str(if text.is_empty() { "" } else { "\n" });
            text.push_str("(The media of this result follow in the next user message.)");
        }
        if result.is_error {
            text.insert_str(0, "Error: ");
        }
        self.messages.push(MessageWire {
            content: Some(ContentWire::Text(Cow::Owned(text))),
            tool_call_id: Some(&result.id),
            ..MessageWire::of("tool")
        });
        self.parts(path, media.into_iter())
    }

    fn parts(
        &mut self,
        path: &str,
        blocks: impl Iterator<Item = &'a Block>,
    ) -> Result<Vec<PartWire<'a>>, Unsupported> {
        let mut parts = Vec::new();
        for block in blocks {
            let Some(kind) = self.part(path, block)? else { continue };
            let prompt_cache_breakpoint = match block.cache {
                CacheLifetime::None => None,
                CacheLifetime::FiveMinutes | CacheLifetime::Hour if self.quirks.takes_breakpoints => {
                    Some(BreakpointWire { mode: "explicit" })
                }
                CacheLifetime::FiveMinutes | CacheLifetime::Hour => {
                    self.leave_out("cache_control");
                    None
                }
            };
            parts.push(PartWire { kind, prompt_cache_breakpoint });
        }
        Ok(parts)
    }

    fn note_mark(&mut self, block: &Block) {
        if block.cache != CacheLifetime::None {
            self.leave_out("cache_control");
        }
    }

    fn part(&mut self, path: &str, block: &'a Block) -> Result<Option<PartKind<'a>>, Unsupported> {
        Ok(match &block.content {
            Content::Text { text, .. } if text.is_empty() => None,
            Content::Text { text, .. } => Some(PartKind::Text { text: Cow::Borrowed(text) }),
            Content::Media(media) => Some(self.media(path, media)?),
            Content::SearchResult { source, title, texts, .. } => {
                let text = format!("{title} ({source})\n{}", texts.join("\n"));
                Some(PartKind::Text { text: Cow::Owned(text) })
            }
            Content::Thinking { .. } | Content::SealedThinking { .. } => {
                self.leave_out("messages.*.content.*.thinking");
                None
            }
            // These have places of their own.
            Content::ToolUse(_) | Content::ToolResult(_) => None,
        })
    }

    fn media(&mut self, path: &str, media: &'a Media) -> Result<PartKind<'a>, Unsupported> {
        if let (MediaKind::Document, Source::Text(text)) = (media.kind, &media.source) {
            let named = media.name.iter().map(|name| format!("{name}:\n{text}")).next();
            return Ok(PartKind::Text { text: named.map_or(Cow::Borrowed(text.as_str()), Cow::Owned) });
        }
        let (feature, what) = match media.kind {
            MediaKind::Image => (Feature::Images, "images"),
            MediaKind::Document => (Feature::Documents, "documents"),
            MediaKind::Audio => (Feature::Audio, "sound"),
            MediaKind::Video => (Feature::Video, "video"),
        };
        if !self.traits.can(feature) {
            return Err(Unsupported::member(path, &format!("this model takes no {what}")));
        }
        if media.context.is_some() {
            self.leave_out("messages.*.content.*.context");
        }
        Ok(match media.kind {
            MediaKind::Image => {
                PartKind::ImageUrl { image_url: UrlWire { url: address(media, "image/png") } }
            }
            MediaKind::Video => {
                PartKind::VideoUrl { video_url: UrlWire { url: address(media, "video/mp4") } }
            }
            MediaKind::Document => PartKind::File {
                file: FileWire {
                    filename: media.name.as_deref().unwrap_or("document.pdf"),
                    file_data: address(media, "application/pdf"),
                },
            },
            MediaKind::Audio => match &media.source {
                Source::Base64(data) => {
                    PartKind::InputAudio { input_audio: AudioWire { data, format: sound_format(media) } }
                }
                Source::Text(_) | Source::Url(_) | Source::S3 { .. } => {
                    return Err(Unsupported::member(path, "sound has to come with the request, in base64"));
                }
            },
        })
    }
}

fn address<'a>(media: &'a Media, unsaid_type: &str) -> Cow<'a, str> {
    match &media.source {
        Source::Base64(data) => {
            let kind = if media.media_type.is_empty() { unsaid_type } else { media.media_type.as_str() };
            Cow::Owned(format!("data:{kind};base64,{data}"))
        }
        Source::Text(text) => Cow::Borrowed(text),
        Source::Url(url) => Cow::Borrowed(url),
        Source::S3 { uri, .. } => Cow::Borrowed(uri),
    }
}

fn sound_format(media: &Media) -> &str {
    match media.media_type.strip_prefix("audio/") {
        Some("mpeg") => "mp3",
        Some("x-wav" | "wave") | None => "wav",
        Some(format) => format,
    }
}

/// A message of any role.
#[derive(Default, Serialize)]
pub(super) struct MessageWire<'a> {
    role: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    content: Option<ContentWire<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tool_calls: Vec<CallWire<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_call_id: Option<&'a str>,
}

impl MessageWire<'_> {
    fn of(role: &'static str) -> Self {
        MessageWire { role, ..MessageWire::default() }
    }
}

/// One text is written as such, which every server knows; parts only where there are several.
#[derive(Serialize)]
#[serde(untagged)]
enum ContentWire<'a> {
    Text(Cow<'a, str>),
    Parts(Vec<PartWire<'a>>),
}

impl<'a> ContentWire<'a> {
    fn of(mut parts: Vec<PartWire<'a>>) -> Option<ContentWire<'a>> {
        if parts.len() == 1 && parts.iter().all(PartWire::is_plain) {
            return parts.pop().map(|part| ContentWire::Text(part.into_text()));
        }
        (!parts.is_empty()).then_some(ContentWire::Parts(parts))
    }
}

#[derive(Serialize)]
struct PartWire<'a> {
    #[serde(flatten)]
    kind: PartKind<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    prompt_cache_breakpoint: Option<BreakpointWire>,
}

impl<'a> PartWire<'a> {
    fn is_plain(&self) -> bool {
        matches!(self.kind, PartKind::Text { .. }) && self.prompt_cache_breakpoint.is_none()
    }

    fn into_text(self) -> Cow<'a, str> {
        match self.kind {
            PartKind::Text { text } => text,
            PartKind::ImageUrl { .. }
            | PartKind::VideoUrl { .. }
            | PartKind::InputAudio { .. }
            | PartKind::File { .. } => Cow::Borrowed(""),
        }
    }
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum PartKind<'a> {
    Text { text: Cow<'a, str> },
    ImageUrl { image_url: UrlWire<'a> },
    VideoUrl { video_url: UrlWire<'a> },
    InputAudio { input_audio: AudioWire<'a> },
    File { file: FileWire<'a> },
}

#[derive(Serialize)]
struct BreakpointWire {
    mode: &'static str,
}

#[derive(Serialize)]
struct UrlWire<'a> {
    url: Cow<'a, str>,
}

#[derive(Serialize)]
struct AudioWire<'a> {
    data: &'a str,
    format: &'a str,
}

#[derive(Serialize)]
struct FileWire<'a> {
    filename: &'a str,
    file_data: Cow<'a, str>,
}

#[derive(Serialize)]
struct CallWire<'a> {
    id: &'a str,
    r#type: &'static str,
    function: FunctionWire<'a>,
}

#[derive(Serialize)]
struct FunctionWire<'a> {
    name: Cow<'a, str>,
    arguments: Cow<'a, str>,
}
