//! One walk over the body: sizes, cache marks, addresses to fetch, and where things stand that Bedrock may not take.
//!
//! Only where a mark or medium can stand is looked at: messages, the parts of their contents, and tools. What a tool was
//! called with, a schema, a text: walked over, never read.

use std::ops::Range;

use crate::conversation::sizes::{CacheLifetime, Encoded, Medium, Sizes};
use crate::inbound::Malformed;
use crate::json::Scanner;
use crate::openai::media::{counted, is_remote};

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

/// The media in the messages of a body that looks like Chat Completions': sizes without the text, and the bytes of base64.
/// `at` is where the value of `messages` begins.
pub(crate) fn media(body: &[u8], at: usize) -> (Sizes, u64) {
    let mut facts = Facts::default();
    match facts.member("messages", &mut Scanner::starting_at(body, at)) {
        Ok(_) => (facts.sizes, facts.opaque_bytes),
        Err(_) => (Sizes::default(), 0),
    }
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
            ("additionalModelRequestFields", Some(b'{')) => scanner.members(|scanner, name, _| {
                if name == "tools" && scanner.peek() == Some(b'[') {
                    scanner.array(|scanner, _| {
                        self.sizes.typed_tools += 1;
                        scanner.value().map(drop).map_err(Malformed::from)
                    })?;
                } else {
                    scanner.value()?;
                }
                Ok::<(), Malformed>(())
            }),
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
        let range = scanner.members(|scanner, name, key| {
            match (name, scanner.peek()) {
                ("content", Some(b'[')) => {
                    scanner.array(|scanner, _| self.part(scanner, DEEPEST_PART))?;
                }
                ("cache_control", Some(b'{')) => {
                    let value = self.mark(scanner)?;
                    self.marks.push(key.start..value.end);
                }
                ("role", Some(b'"')) => {
                    let value = scanner.string()?;
                    if scanner.text(&value).as_deref() == Some("developer") {
                        self.developers.push(value);
                    }
                }
                (name, _) => {
                    let reasoning = REASONING_MEMBERS.into_iter().find(|known| *known == name);
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
        // A second medium in one part could make text look like an image.
        let mut medium_seen = false;
        scanner.members(|scanner, name, key| {
            match (name, scanner.peek()) {
                ("content", Some(b'[')) if deeper > 0 => {
                    scanner.array(|scanner, _| self.part(scanner, deeper - 1))?;
                }
                ("cache_control", Some(b'{')) => {
                    let value = self.mark(scanner)?;
                    self.marks.push(key.start..value.end);
                }
                ("prompt_cache_breakpoint", Some(b'{')) => {
                    let value = self.mark(scanner)?;
                    self.breakpoints.push(key.start..value.end);
                }
                ("image_url" | "source" | "video_url" | "input_audio" | "file", Some(b'{' | b'"')) => {
                    once(&mut medium_seen, "content part")?;
                    let (encoded, medium) = self.medium(name, scanner)?;
                    self.sizes.add(medium, encoded);
                    self.opaque_bytes += encoded.written_bytes;
                }
                // Of the engines that serve open weights; only what is passed through can have it.
                ("audio_url", _) => {
                    self.sizes.unbounded += 1;
                    scanner.value()?;
                }
                _ => {
                    scanner.value()?;
                }
            }
            Ok::<(), Malformed>(())
        })?;
        Ok(())
    }

    /// A medium, as an object or as its address alone; gives its base64, and what it counts as.
    fn medium(&mut self, member: &str, scanner: &mut Scanner<'_>) -> Result<(Encoded, Medium), Malformed> {
        let (mut encoded, mut address) = (Encoded::default(), None);
        let (mut format, mut filename) = (None, None);
        let mut seen = false;
        if scanner.peek() == Some(b'"') {
            let (found, place) = self.address(scanner)?;
            (encoded, address) = (found, Some(place));
        } else {
            scanner.members(|scanner, name, key| {
                match (name, scanner.peek()) {
                    ("url" | "file_data", Some(b'"')) => {
                        once(&mut seen, "content part")?;
                        let (found, place) = self.address(scanner)?;
                        (encoded, address) = (found, Some(place));
                    }
                    ("data", Some(b'"')) => {
                        once(&mut seen, "content part")?;
                        let data = scanner.string()?;
                        encoded = Encoded::string(scanner, &data);
                    }
                    ("file_id", Some(b'"')) => {
                        let known = self.remote.len();
                        self.address(scanner)?;
                        // Nobody here knows what it names.
                        self.sizes.unbounded += 1;
                        for remote in self.remote.iter_mut().skip(known) {
                            remote.place.start = key.start;
                            remote.is_file_id = true;
                        }
                    }
                    ("format", _) => format = Some(scanner.value()?),
                    ("filename", _) => filename = Some(scanner.value()?),
                    _ => {
                        scanner.value()?;
                    }
                }
                Ok::<(), Malformed>(())
            })?;
        }
        let text = |place: Option<Range<usize>>| place.and_then(|place| scanner.text(&place));
        let medium = match member {
            "image_url" | "source" => Medium::Image,
            "video_url" => Medium::Video,
            "input_audio" => Medium::Audio,
            _ => counted(
                &text(address).unwrap_or_default(),
                text(format).as_deref(),
                text(filename).as_deref(),
            ),
        };
        Ok((encoded, medium))
    }

    /// A `data:` address, one to fetch, or bare base64; gives the base64 in the first, and where it stands.
    fn address(&mut self, scanner: &mut Scanner<'_>) -> Result<(Encoded, Range<usize>), Malformed> {
        let range = scanner.string()?;
        let encoded = Encoded::address(scanner, &range);
        if let Some(text) = scanner.text(&range).filter(|text| is_remote(text)) {
            let place = range.clone();
            self.remote.push(Remote { address: text.into_owned(), place, is_file_id: false });
        }
        Ok((encoded, range))
    }

    fn tool(&mut self, scanner: &mut Scanner<'_>) -> Result<(), Malformed> {
        self.sizes.tools += 1;
        if scanner.peek() != Some(b'{') {
            self.tools.push(scanner.value()?);
            return Ok(());
        }
        let range = scanner.members(|scanner, name, key| {
            match (name, scanner.peek()) {
                ("cache_control", Some(b'{')) => {
                    let value = self.mark(scanner)?;
                    self.marks.push(key.start..value.end);
                }
                ("custom", Some(b'{')) => {
                    self.has_custom_tools = true;
                    scanner.value()?;
                }
                ("function", Some(b'{')) => {
                    scanner.members(|scanner, name, key| {
                        if name == "cache_control" && scanner.peek() == Some(b'{') {
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
        let value = scanner.members(|scanner, name, _| {
            let value = scanner.value()?;
            if name == "ttl" {
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
