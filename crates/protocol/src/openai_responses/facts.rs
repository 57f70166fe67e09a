//! One walk over the body: sizes, addresses to fetch, and where items and tools stand.

use std::ops::Range;

use crate::conversation::sizes::{CacheLifetime, Encoded, Medium, Sizes};
use crate::inbound::Malformed;
use crate::json::Scanner;
use crate::openai::media::{counted, is_remote};

/// What one walk over a body finds out.
#[derive(Debug, Default)]
pub(super) struct Facts {
    pub(super) sizes: Sizes,
    /// Bytes of base64, which are no text.
    pub(super) opaque_bytes: u64,
    /// Where each item of `input` stands; empty where `input` is a text.
    pub(super) items: Vec<Range<usize>>,
    /// Where each tool stands.
    pub(super) tools: Vec<Range<usize>>,
    /// Media that have to be fetched.
    pub(super) remote: Vec<Remote>,
    /// Whether a part of the prompt is marked for the cache.
    pub(super) marks: CacheLifetime,
}

/// A medium at an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Remote {
    pub(super) address: String,
    /// The member, key to value.
    pub(super) place: Range<usize>,
    /// Whether it is a file, which has another member for its bytes.
    pub(super) is_file: bool,
}

impl Facts {
    /// Takes the value of a top-level member and notes what it tells.
    pub(super) fn member(
        &mut self,
        name: &str,
        scanner: &mut Scanner<'_>,
    ) -> Result<Range<usize>, Malformed> {
        match (name, scanner.peek()) {
            ("input", Some(b'[')) => scanner.array(|scanner, index| self.item(scanner, index)),
            ("input", Some(b'"' | b'n')) => {
                self.sizes.messages += 1;
                Ok(scanner.value()?)
            }
            ("input", _) => Err(Malformed::member("input", "a text or an array of items was expected")),
            ("tools", Some(b'[')) => {
                let range = scanner.array(|scanner, _| {
                    self.sizes.tools += 1;
                    self.tools.push(scanner.value()?);
                    Ok::<(), Malformed>(())
                })?;
                self.sizes.tool_bytes += range.len() as u64;
                Ok(range)
            }
            ("tools", Some(byte)) if byte != b'n' => {
                Err(Malformed::member("tools", "an array of tools was expected"))
            }
            _ => Ok(scanner.value()?),
        }
    }

    fn item(&mut self, scanner: &mut Scanner<'_>, index: usize) -> Result<(), Malformed> {
        self.sizes.messages += 1;
        if scanner.peek() != Some(b'{') {
            return Err(Malformed::member(&format!("input.{index}"), "an object was expected"));
        }
        let mut seen = false;
        let range = scanner.members(|scanner, name, _| {
            match (name, scanner.peek()) {
                ("content" | "output", Some(b'[')) => {
                    once(&mut seen, &format!("input.{index}.content"))?;
                    scanner.array(|scanner, _| self.part(scanner))?;
                }
                // What a computer shows.
                ("output", Some(b'{')) => self.part(scanner)?,
                _ => {
                    scanner.value()?;
                }
            }
            Ok::<(), Malformed>(())
        })?;
        self.items.push(range);
        Ok(())
    }

    fn part(&mut self, scanner: &mut Scanner<'_>) -> Result<(), Malformed> {
        if scanner.peek() != Some(b'{') {
            scanner.value()?;
            return Ok(());
        }
        // Said twice, a medium could hide a text.
        let mut seen = false;
        let mut file = None;
        let mut filename = None;
        scanner.members(|scanner, name, key| {
            match (name, scanner.peek()) {
                ("image_url", Some(b'"')) => {
                    once(&mut seen, "content part")?;
                    let (encoded, _) = self.medium(false, &key, scanner)?;
                    self.sizes.add(Medium::Image, encoded);
                }
                ("file_url" | "file_data", Some(b'"')) => {
                    once(&mut seen, "content part")?;
                    file = Some(self.medium(true, &key, scanner)?);
                }
                // Sound says more the less room it takes; and nobody here knows what an id names.
                ("input_audio", Some(b'{')) | ("file_id", Some(b'"')) => {
                    self.sizes.unbounded += 1;
                    scanner.value()?;
                }
                ("filename", _) => filename = Some(scanner.value()?),
                ("prompt_cache_breakpoint", Some(b'{')) => {
                    self.marks = self.marks.max(CacheLifetime::FiveMinutes);
                    scanner.value()?;
                }
                _ => {
                    scanner.value()?;
                }
            }
            Ok::<(), Malformed>(())
        })?;
        if let Some((encoded, address)) = file {
            let address = scanner.text(&address).unwrap_or_default();
            let filename = filename.and_then(|name| scanner.text(&name));
            self.sizes.add(counted(&address, None, filename.as_deref()), encoded);
        }
        Ok(())
    }

    /// Gives the base64 of a medium, and where its address stands.
    fn medium(
        &mut self,
        is_file: bool,
        key: &Range<usize>,
        scanner: &mut Scanner<'_>,
    ) -> Result<(Encoded, Range<usize>), Malformed> {
        let range = scanner.string()?;
        let mut encoded = Encoded::address(scanner, &range);
        let text = scanner.text(&range).unwrap_or_default();
        if is_remote(&text) {
            let place = key.start..range.end;
            self.remote.push(Remote { address: text.into_owned(), place, is_file });
        } else if is_file && !text.starts_with("data:") {
            encoded = Encoded::string(scanner, &range);
        }
        self.opaque_bytes += encoded.written_bytes;
        Ok((encoded, range))
    }
}

fn once(seen: &mut bool, path: &str) -> Result<(), Malformed> {
    if std::mem::replace(seen, true) {
        return Err(Malformed::member(path, "the member is given twice"));
    }
    Ok(())
}
