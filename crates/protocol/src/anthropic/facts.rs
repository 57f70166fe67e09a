//! One walk over the body: cache marks, sizes, and the nested members that Bedrock may refuse.
//!
//! Only where a mark or medium can stand is looked at: the blocks of `system` and of messages, tool results and documents
//! inside them, and tools. What a tool was called with, a schema, a text: walked over, never read, so that a
//! `cache_control` in somebody's source code stays what it is.

use std::borrow::Cow;
use std::ops::Range;

use crate::conversation::sizes::{CacheLifetime, Encoded, Medium, Sizes};
use crate::inbound::Malformed;
use crate::json::{Place, Scanner};

/// How deep blocks may stand inside blocks before they are no longer looked at (a tool result in a message is two).
const DEEPEST_BLOCK: u32 = 16;

/// What one walk over a body finds out.
#[derive(Debug, Default)]
pub(super) struct Facts {
    pub(super) sizes: Sizes,
    /// Bytes of base64, which are no text.
    opaque_bytes: u64,
    /// The longest definition of a tool, and how often tools are named in mid-conversation.
    longest_tool_bytes: u64,
    tool_references: u64,
    pub(super) cache_lifetime: CacheLifetime,
    /// Every `cache_control` but the one at the top level.
    pub(super) marks: Vec<CacheMark>,
    /// The `cache_control` at the top level.
    pub(super) top_mark: Option<CacheMark>,
    /// Members of messages other than `role` and `content`: index of the message, name, place.
    pub(super) message_members: Vec<(String, Range<usize>)>,
    /// The first message with the role `system`.
    pub(super) system_message: Option<usize>,
    /// Tools that say their type: index and type.
    pub(super) typed_tools: Vec<(usize, String)>,
    pub(super) tool_choice: Option<String>,
    pub(super) thinking: Option<String>,
    /// `thinking.budget_tokens` and where it stands.
    pub(super) thinking_budget: Option<(u64, Range<usize>)>,
    /// `output_config.effort` and where its value stands.
    pub(super) effort: Option<(String, Range<usize>)>,
    /// Whether there is an `output_config.format`.
    pub(super) has_output_format: bool,
    pub(super) context_edits: Vec<ContextEdit>,
    pub(super) service_tier: Option<String>,
    /// Images and documents that are given by address.
    pub(super) remote_sources: Vec<RemoteSource>,
    /// The end of the prompt, where a mark for all of it would be set.
    pub(super) last_content: Option<LastContent>,
}

/// A `cache_control` and those of its members that Bedrock may refuse.
#[derive(Clone, Debug, Default)]
pub(super) struct CacheMark {
    /// The member in its block, key to value.
    pub(super) member: Range<usize>,
    /// The value.
    pub(super) value: Range<usize>,
    pub(super) scope: Option<Range<usize>>,
    pub(super) ttl: Option<Range<usize>>,
    pub(super) is_hour: bool,
}

/// The `source` of an image or document that is given by address.
#[derive(Clone, Debug)]
pub(super) struct RemoteSource {
    /// The whole value.
    pub(super) value: Range<usize>,
    pub(super) url: String,
}

/// One of `context_management.edits`.
#[derive(Debug)]
pub(super) struct ContextEdit {
    pub(super) kind: String,
    pub(super) place: Range<usize>,
    /// `trigger.value`; zero where it cannot be read.
    pub(super) trigger: Option<u64>,
}

/// The `source` of an image or document, as far as it is counted.
#[derive(Debug, Default)]
struct Source {
    encoded: Encoded,
    /// Whether it is text, or blocks that are counted by themselves.
    is_text: bool,
    /// The length of its text.
    text_bytes: u64,
}

/// What the last message ends with.
#[derive(Clone, Debug)]
pub(super) enum LastContent {
    /// A plain string, with quotes.
    Text(Range<usize>),
    /// A block.
    Block { range: Range<usize>, is_cacheable: bool, is_marked: bool },
}

impl Facts {
    /// Takes the value of a top-level member and notes what it tells.
    pub(super) fn member(
        &mut self,
        name: &str,
        scanner: &mut Scanner<'_>,
    ) -> Result<Range<usize>, Malformed> {
        let first = scanner.peek();
        match (name, first) {
            ("messages", Some(b'[')) => self.messages(scanner),
            ("messages", _) => Err(Malformed::member("messages", "Input should be a valid list")),
            ("system", Some(b'[')) => scanner.array(|scanner, _| self.block(scanner, 0).map(drop)),
            ("tools", Some(b'[')) => {
                let range = scanner.array(|scanner, index| self.tool(scanner, index))?;
                self.sizes.tool_bytes = range.len() as u64;
                Ok(range)
            }
            ("cache_control", Some(b'{')) => {
                let mark = self.mark(scanner)?;
                let value = mark.value.clone();
                self.top_mark = Some(mark);
                Ok(value)
            }
            ("thinking", Some(b'{')) => self.thinking(scanner),
            ("tool_choice", Some(b'{')) => scanner.members(|scanner, name, _| {
                let value = scanner.value()?;
                if name == "type" {
                    self.tool_choice = scanner.text(&value).map(Cow::into_owned);
                }
                Ok(())
            }),
            ("output_config", Some(b'{')) => self.output_config(scanner),
            ("context_management", Some(b'{')) => self.context_management(scanner),
            ("service_tier", Some(b'"')) => {
                let value = scanner.string()?;
                self.service_tier = scanner.text(&value).map(Cow::into_owned);
                Ok(value)
            }
            _ => Ok(scanner.value()?),
        }
    }

    fn messages(&mut self, scanner: &mut Scanner<'_>) -> Result<Range<usize>, Malformed> {
        scanner.array(|scanner, index| {
            self.sizes.messages += 1;
            self.last_content = None;
            if scanner.peek() != Some(b'{') {
                return Err(Malformed::member(
                    &format!("messages.{index}"),
                    "Input should be a valid dictionary",
                ));
            }
            scanner.named(|scanner, name, key| {
                match name {
                    b"role" => {
                        let value = scanner.value()?;
                        if scanner.text(&value).as_deref() == Some("system") {
                            self.system_message.get_or_insert(index);
                        }
                    }
                    b"content" => self.last_content = self.content(scanner, 0)?,
                    _ => {
                        let value = scanner.value()?;
                        let name = String::from_utf8_lossy(name).into_owned();
                        self.message_members.push((name, key.start..value.end));
                    }
                }
                Ok::<(), Malformed>(())
            })?;
            Ok(())
        })
    }

    /// The content of a message, tool result or document: a string or blocks. Gives what it ends with.
    fn content(&mut self, scanner: &mut Scanner<'_>, depth: u32) -> Result<Option<LastContent>, Malformed> {
        match scanner.peek() {
            Some(b'[') if depth < DEEPEST_BLOCK => {
                let mut last = None;
                scanner.array(|scanner, _| {
                    last = self.block(scanner, depth)?;
                    Ok::<(), Malformed>(())
                })?;
                Ok(last)
            }
            Some(b'"') => Ok(Some(LastContent::Text(scanner.string()?))),
            _ => {
                scanner.value()?;
                Ok(None)
            }
        }
    }

    fn block(&mut self, scanner: &mut Scanner<'_>, depth: u32) -> Result<Option<LastContent>, Malformed> {
        if scanner.peek() != Some(b'{') {
            scanner.value()?;
            return Ok(None);
        }
        let mut kind: Option<Range<usize>> = None;
        let mut source = Source::default();
        let (mut is_marked, mut is_cited) = (false, false);
        let mut is_empty_text = false;
        let range = scanner.named(|scanner, name, key| {
            match name {
                b"type" => kind = Some(scanner.value()?),
                b"cache_control" if scanner.peek() == Some(b'{') => {
                    let mut mark = self.mark(scanner)?;
                    mark.member.start = key.start;
                    self.marks.push(mark);
                    is_marked = true;
                }
                b"source" if scanner.peek() == Some(b'{') => source = self.source(scanner, depth)?,
                b"citations" if scanner.peek() == Some(b'{') => {
                    scanner.named(|scanner, _, _| {
                        let value = scanner.value()?;
                        is_cited |= scanner.raw(&value) == b"true";
                        Ok::<(), Malformed>(())
                    })?;
                }
                b"content" => {
                    self.content(scanner, depth + 1)?;
                }
                b"text" => is_empty_text = scanner.value()?.len() <= 2,
                _ => {
                    scanner.value()?;
                }
            }
            Ok::<(), Malformed>(())
        })?;
        let kind = kind.and_then(|kind| scanner.text(&kind));
        let kind = kind.as_deref().unwrap_or_default();
        self.medium(kind, &source);
        if is_cited {
            self.sizes.cite(source.text_bytes);
        }
        let is_cacheable = !matches!(kind, "thinking" | "redacted_thinking" | "") && !is_empty_text;
        Ok(Some(LastContent::Block { range, is_cacheable, is_marked }))
    }

    fn medium(&mut self, kind: &str, source: &Source) {
        let medium = match (kind, source.is_text) {
            ("image", _) => Medium::Image,
            ("document", true) => Medium::Text,
            ("document", false) => Medium::Paged,
            ("tool_reference" | "tool_addition", _) => {
                self.tool_references += 1;
                return;
            }
            ("text", _) => return,
            // Nobody here knows what it is.
            (_, _) => {
                self.sizes.unbounded += u64::from(source.encoded.base64_bytes > 0);
                return;
            }
        };
        self.sizes.add(medium, source.encoded);
        self.opaque_bytes += source.encoded.written_bytes;
    }

    /// The source of an image or document.
    fn source(&mut self, scanner: &mut Scanner<'_>, depth: u32) -> Result<Source, Malformed> {
        let (mut kind, mut data, mut url) = (None, None, None);
        let range = scanner.named(|scanner, name, _| {
            match name {
                b"type" => kind = Some(scanner.value()?),
                b"url" => url = Some(scanner.value()?),
                b"data" => data = Some(scanner.value()?),
                b"content" => {
                    self.content(scanner, depth + 1)?;
                }
                _ => {
                    scanner.value()?;
                }
            }
            Ok::<(), Malformed>(())
        })?;
        let text = |range: Option<Range<usize>>| range.and_then(|range| scanner.text(&range));
        let mut source = Source::default();
        match (text(kind).as_deref(), data) {
            (Some("base64"), Some(data)) => source.encoded = Encoded::string(scanner, &data),
            (Some("text"), data) => {
                source.is_text = true;
                source.text_bytes = data.map_or(0, |data| data.len() as u64);
            }
            (Some("content"), _) => source.is_text = true,
            (Some("url"), _) => {
                let url = text(url).map(Cow::into_owned);
                self.remote_sources.extend(url.map(|url| RemoteSource { value: range, url }));
            }
            _ => {}
        }
        Ok(source)
    }

    fn tool(&mut self, scanner: &mut Scanner<'_>, index: usize) -> Result<(), Malformed> {
        self.sizes.tools += 1;
        if scanner.peek() != Some(b'{') {
            scanner.value()?;
            return Ok(());
        }
        let range = scanner.named(|scanner, name, key| {
            match name {
                b"type" => {
                    let value = scanner.value()?;
                    if let Some(kind) = scanner.text(&value) {
                        self.sizes.typed_tools += u64::from(kind != "custom");
                        self.typed_tools.push((index, kind.into_owned()));
                    }
                }
                b"cache_control" if scanner.peek() == Some(b'{') => {
                    let mut mark = self.mark(scanner)?;
                    mark.member.start = key.start;
                    self.marks.push(mark);
                }
                _ => {
                    scanner.value()?;
                }
            }
            Ok::<(), Malformed>(())
        })?;
        self.longest_tool_bytes = self.longest_tool_bytes.max(range.len() as u64);
        Ok(())
    }

    /// What only the whole body tells.
    pub(super) fn conclude(&mut self, body_bytes: usize) {
        self.sizes.text_bytes = (body_bytes as u64).saturating_sub(self.opaque_bytes);
        let repeated = self.tool_references.saturating_mul(self.longest_tool_bytes);
        self.sizes.repeated_bytes = self.sizes.repeated_bytes.saturating_add(repeated);
    }

    fn mark(&mut self, scanner: &mut Scanner<'_>) -> Result<CacheMark, Malformed> {
        let mut mark = CacheMark::default();
        mark.value = scanner.named(|scanner, name, key| {
            let place = Place { key, value: scanner.value()? };
            match name {
                b"scope" => mark.scope = Some(place.member()),
                b"ttl" => {
                    mark.is_hour = scanner.text(&place.value).as_deref() == Some("1h");
                    mark.ttl = Some(place.member());
                }
                _ => {}
            }
            Ok::<(), Malformed>(())
        })?;
        mark.member = mark.value.clone();
        let lifetime = if mark.is_hour { CacheLifetime::Hour } else { CacheLifetime::FiveMinutes };
        self.cache_lifetime = self.cache_lifetime.max(lifetime);
        Ok(mark)
    }

    fn thinking(&mut self, scanner: &mut Scanner<'_>) -> Result<Range<usize>, Malformed> {
        scanner.members(|scanner, name, _| {
            let value = scanner.value()?;
            match name {
                "type" => self.thinking = scanner.text(&value).map(Cow::into_owned),
                "budget_tokens" => {
                    self.thinking_budget =
                        serde_json::from_slice(scanner.raw(&value)).ok().map(|budget| (budget, value));
                }
                _ => {}
            }
            Ok(())
        })
    }

    fn output_config(&mut self, scanner: &mut Scanner<'_>) -> Result<Range<usize>, Malformed> {
        scanner.members(|scanner, name, _| {
            let value = scanner.value()?;
            match name {
                "effort" => {
                    self.effort = scanner.text(&value).map(|effort| (effort.into_owned(), value));
                }
                "format" => self.has_output_format = scanner.raw(&value) != b"null",
                _ => {}
            }
            Ok(())
        })
    }

    fn context_management(&mut self, scanner: &mut Scanner<'_>) -> Result<Range<usize>, Malformed> {
        scanner.members(|scanner, name, _| {
            if name != "edits" || scanner.peek() != Some(b'[') {
                scanner.value()?;
                return Ok(());
            }
            scanner.array(|scanner, _| {
                if scanner.peek() != Some(b'{') {
                    scanner.value()?;
                    return Ok(());
                }
                let (mut kind, mut trigger) = (None, None);
                let range = scanner.members(|scanner, name, _| {
                    match (name, scanner.peek()) {
                        ("type", _) => {
                            let value = scanner.value()?;
                            kind = scanner.text(&value).map(Cow::into_owned);
                        }
                        ("trigger", Some(b'{')) => {
                            scanner.members(|scanner, name, _| {
                                let value = scanner.value()?;
                                if name == "value" {
                                    trigger = Some(serde_json::from_slice(scanner.raw(&value)).unwrap_or(0));
                                }
                                Ok::<(), Malformed>(())
                            })?;
                        }
                        _ => {
                            scanner.value()?;
                        }
                    }
                    Ok::<(), Malformed>(())
                })?;
                self.context_edits.push(ContextEdit {
                    kind: kind.unwrap_or_default(),
                    place: range,
                    trigger,
                });
                Ok::<(), Malformed>(())
            })?;
            Ok(())
        })
    }
}
