//! The blocks of a Messages request as the parts of a conversation.
//!
//! What a client's history holds of Anthropic's own platform (calls and results of its server tools, compaction that was
//! left empty …) a model of another maker can do without: it is left out and reported. In a user's turn nothing is left out:
//! what is not known there is refused by name.

use std::collections::{BTreeMap, BTreeSet};

use crate::carry::{Fetched, Unsupported};
use crate::conversation::{
    Block, CacheLifetime, Citation, Content, JsonText, Media, MediaKind, Role, Source, Span, ToolResult,
    ToolUse,
};

use super::wire::{
    BlockWire, CitationWire, CitationsWire, ContentWire, MarkWire, SourceObjectWire, SourceWire,
};

/// How the line begins by which Claude Code tells Anthropic's platform who pays. Reserved words there, and noise to all
/// others, whose prompt cache it would break.
const ATTRIBUTION: &str = "x-anthropic-billing-header";

/// Reads blocks.
pub(super) struct Blocks<'a> {
    pub(super) fetched: &'a BTreeMap<String, Fetched>,
    pub(super) left_out: &'a mut Vec<String>,
    /// Tools that were taken away in the midst of the conversation.
    pub(super) removed_tools: BTreeSet<String>,
}

impl Blocks<'_> {
    /// The system prompt, without the line that is meant for Anthropic's platform.
    pub(super) fn system(&mut self, content: ContentWire) -> Result<Vec<Block>, Unsupported> {
        let mut parts = self.parts(content, Role::System, "system")?;
        let before = parts.len();
        parts.retain(|part| {
            !matches!(&part.content, Content::Text { text, .. } if text.trim_start().starts_with(ATTRIBUTION))
        });
        if parts.len() < before {
            self.leave_out("system.billing_header");
        }
        Ok(parts)
    }

    /// The content of a message.
    pub(super) fn parts(
        &mut self,
        content: ContentWire,
        role: Role,
        path: &str,
    ) -> Result<Vec<Block>, Unsupported> {
        let blocks = match content {
            ContentWire::Text(text) => return Ok(vec![Block::text(text)]),
            ContentWire::Blocks(blocks) => blocks,
            ContentWire::Other => return Err(Unsupported::member(path, "Input should be a valid list")),
        };
        let mut parts = Vec::with_capacity(blocks.len());
        for (index, block) in blocks.into_iter().enumerate() {
            let place = Place { path, index };
            let cache = MarkWire::lifetime(block.cache_control.as_ref());
            match self.block(block, role, &place)? {
                Some(content) => parts.push(Block { content, cache }),
                // The mark after what is left out holds for what stands before it.
                None => mark_last(&mut parts, cache),
            }
        }
        Ok(parts)
    }

    fn leave_out(&mut self, member: &str) {
        self.left_out.push(member.to_owned());
    }

    fn block(
        &mut self,
        block: BlockWire,
        role: Role,
        place: &Place<'_>,
    ) -> Result<Option<Content>, Unsupported> {
        let content = match (block.r#type.as_str(), role) {
            ("text", _) => text(block, place)?,
            ("image", Role::User) => Content::Media(self.image(block, place)?),
            ("document", Role::User | Role::Assistant) => Content::Media(self.document(block, place)?),
            ("search_result", Role::User) => search_result(block, place)?,
            ("tool_result", Role::User) => Content::ToolResult(self.tool_result(block, place)?),
            ("tool_use", Role::Assistant) => Content::ToolUse(tool_use(block, place)?),
            ("thinking", Role::Assistant) => Content::Thinking {
                text: block.thinking.unwrap_or_default(),
                signature: block.signature.filter(|signature| !signature.is_empty()),
            },
            ("redacted_thinking", Role::Assistant) => {
                Content::SealedThinking { data: place.required(block.data, "data")? }
            }
            // What the platform wrote in the place of the turns before.
            ("compaction", Role::Assistant) => match block.content {
                Some(ContentWire::Text(text)) if !text.is_empty() => {
                    Content::Text { text, citations: Vec::new() }
                }
                _ => return Ok(None),
            },
            ("tool_addition" | "tool_removal", Role::System) => {
                self.change_tools(&block);
                return Ok(None);
            }
            (_, Role::Assistant) => {
                self.leave_out(&format!("messages.{}", block.r#type));
                return Ok(None);
            }
            ("container_upload", _) => {
                let why =
                    "files are kept on Anthropic's own platform; send the bytes as an image or a document";
                return Err(place.refused(why));
            }
            (kind, _) => {
                return Err(place.refused(&format!("a block of the type `{kind}` cannot stand here")));
            }
        };
        Ok(Some(content))
    }

    /// Deferred tools are sent from the start, so that an addition changes nothing; a removal holds.
    fn change_tools(&mut self, block: &BlockWire) {
        let tool = block.tool.as_ref();
        let Some(name) = tool.and_then(|tool| tool.tool_name.as_ref().or(tool.name.as_ref())) else {
            return;
        };
        if block.r#type == "tool_removal" {
            self.removed_tools.insert(name.clone());
        } else {
            self.removed_tools.remove(name);
        }
    }

    fn image(&self, block: BlockWire, place: &Place<'_>) -> Result<Media, Unsupported> {
        let source = place.source(block.source)?;
        let (media_type, source) = match source.r#type.as_str() {
            "base64" => (
                source.media_type.unwrap_or_default().to_ascii_lowercase(),
                Source::Base64(place.required(source.data, "source.data")?),
            ),
            "url" => self.remote(place.required(source.url, "source.url")?),
            other => return Err(place.refused(&unknown_source(other))),
        };
        Ok(Media { kind: MediaKind::Image, media_type, source, name: None, context: None, cite: false })
    }

    fn document(&self, block: BlockWire, place: &Place<'_>) -> Result<Media, Unsupported> {
        let source = place.source(block.source)?;
        let media_type = source.media_type.unwrap_or_default().to_ascii_lowercase();
        let (media_type, source) = match source.r#type.as_str() {
            "base64" => (media_type, Source::Base64(place.required(source.data, "source.data")?)),
            "text" => (plain(media_type), Source::Text(place.required(source.data, "source.data")?)),
            "url" => self.remote(place.required(source.url, "source.url")?),
            "content" => (plain(String::new()), Source::Text(inner_texts(source.content, place)?)),
            other => return Err(place.refused(&unknown_source(other))),
        };
        Ok(Media {
            kind: MediaKind::Document,
            media_type,
            source,
            name: block.title.filter(|title| !title.is_empty()),
            context: block.context.filter(|context| !context.is_empty()),
            cite: matches!(block.citations, Some(CitationsWire::Enabled(true))),
        })
    }

    fn remote(&self, url: String) -> (String, Source) {
        match self.fetched.get(&url) {
            Some(fetched) => (fetched.media_type.clone(), Source::Base64(fetched.base64.clone())),
            None => (String::new(), Source::Url(url)),
        }
    }

    fn tool_result(&self, block: BlockWire, place: &Place<'_>) -> Result<ToolResult, Unsupported> {
        let blocks = match block.content {
            Some(ContentWire::Text(text)) => {
                vec![BlockWire { r#type: "text".to_owned(), text: Some(text), ..BlockWire::default() }]
            }
            Some(ContentWire::Blocks(blocks)) => blocks,
            Some(ContentWire::Other) | None => Vec::new(),
        };
        let mut content = Vec::with_capacity(blocks.len());
        for inner in blocks {
            let cache = MarkWire::lifetime(inner.cache_control.as_ref());
            let part = match inner.r#type.as_str() {
                "text" => text(inner, place)?,
                "image" => Content::Media(self.image(inner, place)?),
                "document" => Content::Media(self.document(inner, place)?),
                "search_result" => search_result(inner, place)?,
                // The tool that was looked for is declared already; the model only has to hear of it.
                "tool_reference" => {
                    let name = inner.tool_name.unwrap_or_default();
                    Content::Text {
                        text: format!("The tool `{name}` can be called now."),
                        citations: Vec::new(),
                    }
                }
                kind => {
                    let why = format!("a block of the type `{kind}` cannot stand in the result of a tool");
                    return Err(place.refused(&why));
                }
            };
            content.push(Block { content: part, cache });
        }
        Ok(ToolResult {
            id: place.required(block.tool_use_id, "tool_use_id")?,
            content,
            is_error: block.is_error.unwrap_or(false),
        })
    }
}

/// Sets a mark on the last part, unless it has a longer one.
pub(super) fn mark_last(parts: &mut [Block], cache: CacheLifetime) {
    if let Some(last) = parts.last_mut() {
        last.cache = last.cache.max(cache);
    }
}

/// Where a block stands, for those who have to be told.
struct Place<'a> {
    path: &'a str,
    index: usize,
}

impl Place<'_> {
    fn refused(&self, why: &str) -> Unsupported {
        Unsupported::member(&format!("{}.{}", self.path, self.index), why)
    }

    fn required<T>(&self, value: Option<T>, member: &str) -> Result<T, Unsupported> {
        value.ok_or_else(|| {
            Unsupported::member(&format!("{}.{}.{member}", self.path, self.index), "Field required")
        })
    }

    fn source(&self, source: Option<SourceWire>) -> Result<SourceObjectWire, Unsupported> {
        match source {
            Some(SourceWire::Object(source)) => Ok(source),
            Some(SourceWire::Address(_)) | None => self.required(None, "source"),
        }
    }
}

fn text(block: BlockWire, place: &Place<'_>) -> Result<Content, Unsupported> {
    let citations = match block.citations {
        Some(CitationsWire::Cited(cited)) => cited.into_iter().map(Citation::from).collect(),
        Some(CitationsWire::Enabled(_)) | None => Vec::new(),
    };
    Ok(Content::Text { text: place.required(block.text, "text")?, citations })
}

fn tool_use(block: BlockWire, place: &Place<'_>) -> Result<ToolUse, Unsupported> {
    Ok(ToolUse {
        id: place.required(block.id, "id")?,
        name: place.required(block.name, "name")?,
        input: block.input.unwrap_or_else(JsonText::empty_object),
    })
}

fn search_result(block: BlockWire, place: &Place<'_>) -> Result<Content, Unsupported> {
    let source = match block.source {
        Some(SourceWire::Address(source)) => source,
        Some(SourceWire::Object(_)) | None => return place.required(None, "source"),
    };
    let blocks = match block.content {
        Some(ContentWire::Blocks(blocks)) => blocks,
        Some(ContentWire::Text(_) | ContentWire::Other) | None => Vec::new(),
    };
    Ok(Content::SearchResult {
        source,
        title: block.title.unwrap_or_default(),
        texts: blocks.into_iter().filter_map(|inner| inner.text).collect(),
        cite: matches!(block.citations, Some(CitationsWire::Enabled(true))),
    })
}

/// A document that came in parts, as one text.
fn inner_texts(content: Option<ContentWire>, place: &Place<'_>) -> Result<String, Unsupported> {
    let blocks = match content {
        Some(ContentWire::Text(text)) => return Ok(text),
        Some(ContentWire::Blocks(blocks)) => blocks,
        Some(ContentWire::Other) | None => return place.required(None, "source.content"),
    };
    let texts: Option<Vec<String>> = blocks.into_iter().map(|inner| inner.text).collect();
    let texts = texts.ok_or_else(|| {
        place.refused("a document whose parts are images cannot be carried; send the images by themselves")
    })?;
    Ok(texts.join("\n\n"))
}

fn plain(media_type: String) -> String {
    if media_type.is_empty() { "text/plain".to_owned() } else { media_type }
}

fn unknown_source(kind: &str) -> String {
    match kind {
        "file" => "files are kept on Anthropic's own platform; send the bytes as base64".to_owned(),
        _ => format!("a source of the type `{kind}` is not known"),
    }
}

impl From<CitationWire> for Citation {
    fn from(wire: CitationWire) -> Citation {
        let document = wire.document_index.or(wire.search_result_index);
        let between = |start: Option<u64>, end: Option<u64>| Some((document?, start?, end?));
        let characters = between(wire.start_char_index, wire.end_char_index)
            .map(|(document, start, end)| Span::Characters { document, start, end });
        let pages = between(wire.start_page_number, wire.end_page_number)
            .map(|(document, start, end)| Span::Pages { document, start, end });
        let parts = between(wire.start_block_index, wire.end_block_index)
            .map(|(document, start, end)| Span::Parts { document, start, end });
        Citation {
            cited_text: wire.cited_text,
            title: wire.document_title.or(wire.title),
            url: wire.url.or(wire.source),
            span: characters.or(pages).or(parts),
        }
    }
}
