//! The turns of a conversation as items of a Responses request.

use std::borrow::Cow;

use serde::Serialize;

use crate::carry::{Dropped, Unsupported};
use crate::conversation::{
    Block, CacheLifetime, Content, Media, MediaKind, Message, Request, Role, Source, ToolNames,
};
use crate::traits::{Feature, Traits};

/// Claude Code's note for Anthropic's own accounting. Other models would take it for a part of their prompt.
const BILLING_NOTE: &str = "x-anthropic-billing-header:";

/// Writes the system prompt and all turns.
pub(super) fn write<'a>(
    request: &'a Request,
    traits: &'a Traits,
    names: &'a ToolNames,
    dropped: &mut Vec<Dropped>,
) -> Result<Vec<ItemWire<'a>>, Unsupported> {
    let mut writing = Writing { traits, names, dropped, items: Vec::new(), parts: Vec::new() };
    for block in &request.system {
        let is_note = matches!(&block.content, Content::Text { text, .. } if text.starts_with(BILLING_NOTE));
        if !is_note {
            writing.block(Role::System, block, "system")?;
        }
    }
    writing.end_message(Role::System);
    for (index, message) in request.messages.iter().enumerate() {
        writing.message(message, &format!("messages.{index}.content"))?;
    }
    Ok(writing.items)
}

struct Writing<'a, 'd> {
    traits: &'a Traits,
    names: &'a ToolNames,
    dropped: &'d mut Vec<Dropped>,
    items: Vec<ItemWire<'a>>,
    /// The parts of the message that is being written.
    parts: Vec<PartWire<'a>>,
}

impl<'a> Writing<'a, '_> {
    fn leave_out(&mut self, member: &str) {
        self.dropped.push(Dropped::Member(member.to_owned()));
    }

    fn message(&mut self, message: &'a Message, path: &str) -> Result<(), Unsupported> {
        for block in &message.content {
            self.block(message.role, block, path)?;
        }
        self.end_message(message.role);
        Ok(())
    }

    fn end_message(&mut self, role: Role) {
        if self.parts.is_empty() {
            return;
        }
        let role = match role {
            Role::User => "user",
            Role::Assistant => "assistant",
            Role::System => "developer",
        };
        self.items.push(ItemWire::Message { role, content: std::mem::take(&mut self.parts) });
    }

    fn block(&mut self, role: Role, block: &'a Block, path: &str) -> Result<(), Unsupported> {
        if block.cache != CacheLifetime::None {
            // OpenAI's models cache by themselves.
            self.leave_out("cache_control");
        }
        match &block.content {
            Content::ToolUse(call) => {
                self.end_message(role);
                let name = self.names.upstream(&call.name);
                let arguments = call.input.text().unwrap_or_else(|| Cow::Borrowed(call.input.as_str()));
                self.items.push(ItemWire::FunctionCall { call_id: &call.id, name, arguments });
            }
            Content::ToolResult(result) => {
                self.end_message(role);
                let mut output = Vec::with_capacity(result.content.len() + 1);
                if result.is_error {
                    output.push(PartWire::InputText { text: Cow::Borrowed("The tool failed:") });
                }
                for inner in &result.content {
                    output.extend(self.part(Role::User, inner, path)?);
                }
                self.items.push(ItemWire::FunctionCallOutput { call_id: &result.id, output });
            }
            // The model knows its own thoughts by what it sealed, and refuses all others.
            Content::Thinking { text, signature: Some(signature) } => {
                self.end_message(role);
                let summary = (!text.is_empty()).then_some(PartWire::SummaryText { text });
                let summary = summary.into_iter().collect();
                self.items.push(ItemWire::Reasoning { summary, encrypted_content: signature });
            }
            Content::SealedThinking { data } => {
                self.end_message(role);
                self.items.push(ItemWire::Reasoning { summary: Vec::new(), encrypted_content: data });
            }
            Content::Thinking { signature: None, .. } => self.leave_out("messages.*.thinking"),
            Content::Text { .. } | Content::Media(_) | Content::SearchResult { .. } => {
                let part = self.part(role, block, path)?;
                self.parts.extend(part);
            }
        }
        Ok(())
    }

    fn part(
        &mut self,
        role: Role,
        block: &'a Block,
        path: &str,
    ) -> Result<Option<PartWire<'a>>, Unsupported> {
        Ok(match &block.content {
            Content::Text { text, .. } if text.is_empty() => None,
            Content::Text { text, .. } if role == Role::Assistant => Some(PartWire::OutputText { text }),
            Content::Text { text, .. } => Some(PartWire::InputText { text: Cow::Borrowed(text) }),
            Content::SearchResult { source, title, texts, .. } => {
                let text = format!("{title} ({source}):\n{}", texts.join("\n"));
                Some(PartWire::InputText { text: Cow::Owned(text) })
            }
            Content::Media(media) if role == Role::User => Some(self.media(media, path)?),
            Content::Media(_) => {
                return Err(Unsupported::member(path, "this model takes media from the user only"));
            }
            Content::Thinking { .. }
            | Content::SealedThinking { .. }
            | Content::ToolUse(_)
            | Content::ToolResult(_) => None,
        })
    }

    fn media(&mut self, media: &'a Media, path: &str) -> Result<PartWire<'a>, Unsupported> {
        let feature = match media.kind {
            MediaKind::Image => Feature::Images,
            MediaKind::Document => Feature::Documents,
            MediaKind::Audio | MediaKind::Video => {
                return Err(Unsupported::member(path, "sound and video are not supported by this model"));
            }
        };
        let is_text = matches!(media.source, Source::Text(_));
        if !self.traits.can(feature) && !is_text {
            return Err(Unsupported::member(path, "this model does not read media of this kind"));
        }
        if media.context.is_some() || media.cite {
            self.leave_out("messages.*.content.*.citations");
        }
        let address = match &media.source {
            Source::Text(text) => return Ok(PartWire::InputText { text: Cow::Borrowed(text) }),
            Source::Base64(data) => Cow::Owned(format!("data:{};base64,{data}", media.media_type)),
            Source::Url(address) => Cow::Borrowed(address.as_str()),
            Source::S3 { uri, .. } => Cow::Borrowed(uri.as_str()),
        };
        Ok(match (media.kind, &media.source) {
            (MediaKind::Image, _) => PartWire::InputImage { image_url: address },
            (_, Source::Base64(_)) => {
                let filename = media.name.as_deref().unwrap_or("document");
                PartWire::InputFile { filename: Some(filename), file_data: Some(address), file_url: None }
            }
            _ => PartWire::InputFile { filename: None, file_data: None, file_url: Some(address) },
        })
    }
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum ItemWire<'a> {
    Message { role: &'static str, content: Vec<PartWire<'a>> },
    FunctionCall { call_id: &'a str, name: Cow<'a, str>, arguments: Cow<'a, str> },
    FunctionCallOutput { call_id: &'a str, output: Vec<PartWire<'a>> },
    Reasoning { summary: Vec<PartWire<'a>>, encrypted_content: &'a str },
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum PartWire<'a> {
    InputText {
        text: Cow<'a, str>,
    },
    OutputText {
        text: &'a str,
    },
    SummaryText {
        text: &'a str,
    },
    InputImage {
        image_url: Cow<'a, str>,
    },
    InputFile {
        #[serde(skip_serializing_if = "Option::is_none")]
        filename: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        file_data: Option<Cow<'a, str>>,
        #[serde(skip_serializing_if = "Option::is_none")]
        file_url: Option<Cow<'a, str>>,
    },
}
