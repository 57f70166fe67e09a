//! One walk over the body: sizes, cache marks, addresses to fetch, and where things stand that Bedrock may not take.
//!
//! Only where a mark or medium can stand is looked at: messages, the parts of their contents, and tools. What a tool was
//! called with, a schema, a text: walked over, never read.

use std::ops::Range;

use memchr::memmem;

use crate::conversation::sizes::{CacheLifetime, Sizes};
use crate::inbound::Malformed;
use crate::json::Scanner;

/// Members of messages that carry a model's thoughts back to it. No API of OpenAI's has them; they are ours and those of
/// other gateways.
pub(super) const REASONING_MEMBERS: [&str; 5] =
    ["reasoning_content", "reasoning", "reasoning_details", "reasoning_signature", "thinking_blocks"];

/// How deep parts may stand inside parts before they are no longer looked at (a tool result in a message is one).
const DEEPEST_PART: u32 = 2;

/// What one walk over a body finds out.
#[derive(Debug, Default)]
pub(super) struct Facts {
    pub(super) sizes: Sizes,
    /// Bytes of base64, which are no text.
    pub(super) opaque_bytes: u64,
    pub(super) cache_lifetime: CacheLifetime,
    /// Where each message stands.
    pub(super) messages: Vec<Range<usize>>,
    /// Where each tool stands.
    pub(super) tools: Vec<Range<usize>>,
    /// Media that have to be fetched.
    pub(super) remote: Vec<Remote>,
    /// Every `cache_control` but the one at the top level, key to value.
    pub(super) marks: Vec<Range<usize>>,
    /// Every role `developer`.
    pub(super) developers: Vec<Range<usize>>,
    /// Every `prompt_cache_breakpoint`, key to value.
    pub(super) breakpoints: Vec<Range<usize>>,
    /// Whether there is a tool, or a call of one, of type `custom`.
    pub(super) has_custom_tools: bool,
    /// Every member of a message that is among [`REASONING_MEMBERS`], key to value.
    pub(super) reasoning: Vec<(&'static str, Range<usize>)>,
}

/// A medium at an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Remote {
    pub(super) address: String,
    /// The address with its quotes, or the whole `file_id` that holds it.
    pub(super) place: Range<usize>,
    pub(super) is_file_id: bool,
}

impl Facts {
    /// Takes the value of a top-level member and notes what it tells.
    pub(super) fn member(
        &mut self,
        name: &str,
        scanner: &mut Scanner<'_>,
    ) -> Result<Range<usize>, Malformed> {
        match (name, scanner.peek()) {
            ("messages", Some(b'[')) => scanner.array(|scanner, index| self.message(scanner, index)),
            ("messages", _) => Err(Malformed::member("messages", "an array was expected")),
            ("tools" | "functions", Some(b'[')) => {
                let range = scanner.array(|scanner, _| self.tool(scanner))?;
                self.sizes.tool_bytes += range.len() as u64;
                Ok(range)
            }
            ("cache_control", Some(b'{')) => self.mark(scanner),
            ("prompt_caching", Some(b'{')) => {
                self.cache_lifetime = self.cache_lifetime.max(CacheLifetime::FiveMinutes);
                Ok(scanner.value()?)
            }
            _ => Ok(scanner.value()?),
        }
    }

    fn message(&mut self, scanner: &mut Scanner<'_>, index: usize) -> Result<(), Malformed> {
        self.sizes.messages += 1;
        if scanner.peek() != Some(b'{') {
            return Err(Malformed::member(&format!("messages.{index}"), "an object was expected"));
        }
        let mut content_seen = false;
        let range = scanner.object(|scanner, key| {
            match (scanner.raw(&key), scanner.peek()) {
                (b"\"content\"", first) => {
                    once(&mut content_seen, &format!("messages.{index}.content"))?;
                    match first {
                        Some(b'[') => scanner.array(|scanner, _| self.part(scanner, DEEPEST_PART))?,
                        _ => scanner.value()?,
                    };
                }
                (b"\"cache_control\"", Some(b'{')) => {
                    let value = self.mark(scanner)?;
                    self.marks.push(key.start..value.end);
                }
                (b"\"role\"", Some(b'"')) => {
                    let value = scanner.string()?;
                    if scanner.raw(&value) == b"\"developer\"" {
                        self.developers.push(value);
                    }
                }
                (name, _) => {
                    let reasoning = REASONING_MEMBERS
                        .into_iter()
                        .find(|known| name.get(1..name.len() - 1) == Some(known.as_bytes()));
                    let value = scanner.value()?;
                    self.reasoning.extend(reasoning.map(|name| (name, key.start..value.end)));
                }
            }
            Ok::<(), Malformed>(())
        })?;
        self.messages.push(range);
        Ok(())
    }

    fn part(&mut self, scanner: &mut Scanner<'_>, deeper: u32) -> Result<(), Malformed> {
        if scanner.peek() != Some(b'{') {
            scanner.value()?;
            return Ok(());
        }
        // What decides how a part is counted may be said only once: a second saying could make text look like an image.
        let (mut type_seen, mut medium_seen) = (false, false);
        scanner.object(|scanner, key| {
            match (scanner.raw(&key), scanner.peek()) {
                (b"\"type\"", _) => {
                    once(&mut type_seen, "type")?;
                    scanner.value()?;
                }
                (b"\"content\"", Some(b'[')) if deeper > 0 => {
                    scanner.array(|scanner, _| self.part(scanner, deeper - 1))?;
                }
                (b"\"cache_control\"", Some(b'{')) => {
                    let value = self.mark(scanner)?;
                    self.marks.push(key.start..value.end);
                }
                (b"\"prompt_cache_breakpoint\"", Some(b'{')) => {
                    let value = self.mark(scanner)?;
                    self.breakpoints.push(key.start..value.end);
                }
                (
                    b"\"image_url\"" | b"\"source\"" | b"\"video_url\"" | b"\"input_audio\"" | b"\"file\"",
                    Some(b'{' | b'"'),
                ) => {
                    once(&mut medium_seen, "content part")?;
                    let encoded_bytes = self.medium(scanner)?;
                    self.count(scanner.raw(&key), encoded_bytes);
                }
                _ => {
                    scanner.value()?;
                }
            }
            Ok::<(), Malformed>(())
        })?;
        Ok(())
    }

    fn count(&mut self, member: &[u8], encoded_bytes: u64) {
        let decoded_bytes = encoded_bytes / 4 * 3;
        let sizes = &mut self.sizes;
        let (number, bytes) = match member {
            b"\"image_url\"" | b"\"source\"" => (&mut sizes.images, &mut sizes.image_bytes),
            b"\"video_url\"" => (&mut sizes.videos, &mut sizes.video_bytes),
            b"\"input_audio\"" => (&mut sizes.audios, &mut sizes.audio_bytes),
            _ => (&mut sizes.documents, &mut sizes.document_bytes),
        };
        *number += 1;
        *bytes += decoded_bytes;
        self.opaque_bytes += encoded_bytes;
    }

    /// A medium, as an object or as its address alone; gives the length of its base64.
    fn medium(&mut self, scanner: &mut Scanner<'_>) -> Result<u64, Malformed> {
        if scanner.peek() == Some(b'"') {
            return self.address(scanner);
        }
        let (mut seen, mut bytes) = (false, 0);
        scanner.object(|scanner, key| {
            match (scanner.raw(&key), scanner.peek()) {
                (b"\"url\"" | b"\"file_data\"", Some(b'"')) => {
                    once(&mut seen, "content part")?;
                    bytes = self.address(scanner)?;
                }
                (b"\"data\"", Some(b'"')) => {
                    once(&mut seen, "content part")?;
                    bytes = scanner.string()?.len().saturating_sub(2) as u64;
                }
                (b"\"file_id\"", Some(b'"')) => {
                    let known = self.remote.len();
                    self.address(scanner)?;
                    for remote in self.remote.iter_mut().skip(known) {
                        remote.place.start = key.start;
                        remote.is_file_id = true;
                    }
                }
                _ => {
                    scanner.value()?;
                }
            }
            Ok::<(), Malformed>(())
        })?;
        Ok(bytes)
    }

    /// A `data:` address, one to fetch, or bare base64; gives the length of the base64 in it.
    fn address(&mut self, scanner: &mut Scanner<'_>) -> Result<u64, Malformed> {
        let range = scanner.string()?;
        let raw = scanner.raw(&range);
        let head = raw.get(1..raw.len().min(200)).unwrap_or_default();
        if head.starts_with(b"data:") {
            let comma = memmem::find(head, b";base64,").map(|at| at + b";base64,".len());
            return Ok(comma.map_or(0, |comma| raw.len().saturating_sub(comma + 2) as u64));
        }
        if let Some(text) = scanner.text(&range).filter(|text| super::media::is_remote(text)) {
            self.remote.push(Remote { address: text.into_owned(), place: range, is_file_id: false });
        }
        Ok(0)
    }

    fn tool(&mut self, scanner: &mut Scanner<'_>) -> Result<(), Malformed> {
        self.sizes.tools += 1;
        if scanner.peek() != Some(b'{') {
            self.tools.push(scanner.value()?);
            return Ok(());
        }
        let range = scanner.object(|scanner, key| {
            match (scanner.raw(&key), scanner.peek()) {
                (b"\"cache_control\"", Some(b'{')) => {
                    let value = self.mark(scanner)?;
                    self.marks.push(key.start..value.end);
                }
                (b"\"custom\"", Some(b'{')) => {
                    self.has_custom_tools = true;
                    scanner.value()?;
                }
                (b"\"function\"", Some(b'{')) => {
                    scanner.object(|scanner, key| {
                        if scanner.raw(&key) == b"\"cache_control\"" && scanner.peek() == Some(b'{') {
                            let value = self.mark(scanner)?;
                            self.marks.push(key.start..value.end);
                        } else {
                            scanner.value()?;
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
        self.tools.push(range);
        Ok(())
    }

    fn mark(&mut self, scanner: &mut Scanner<'_>) -> Result<Range<usize>, Malformed> {
        let mut lifetime = CacheLifetime::FiveMinutes;
        let value = scanner.object(|scanner, key| {
            let value = scanner.value()?;
            if scanner.raw(&key) == b"\"ttl\"" {
                lifetime = super::wire::lifetime(scanner.text(&value).as_deref());
            }
            Ok::<(), Malformed>(())
        })?;
        self.cache_lifetime = self.cache_lifetime.max(lifetime);
        Ok(value)
    }
}

fn once(seen: &mut bool, path: &str) -> Result<(), Malformed> {
    if std::mem::replace(seen, true) {
        return Err(Malformed::member(path, "the member is given twice"));
    }
    Ok(())
}
