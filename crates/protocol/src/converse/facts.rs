//! One walk over a body: what a quote needs, and where the ceiling stands.
//!
//! Only where a medium or a cache point can stand is looked at; what a tool was called with, a schema, a text: walked
//! over, never read.

use std::ops::Range;

use crate::conversation::MediaKind;
use crate::conversation::sizes::{CacheLifetime, Encoded, Sizes};
use crate::inbound::Malformed;
use crate::json::Scanner;

/// What one walk over a body finds out.
#[derive(Debug, Default)]
pub(super) struct Facts {
    pub(super) sizes: Sizes,
    /// Bytes of base64, which are no text.
    opaque_bytes: u64,
    pub(super) cache_lifetime: CacheLifetime,
    /// `inferenceConfig`, its value.
    pub(super) inference: Option<Range<usize>>,
    /// `inferenceConfig.maxTokens`: what it says, and where.
    pub(super) max_tokens: Option<(u64, Range<usize>)>,
    /// `additionalModelRequestFields.thinking.budget_tokens`: what it says, and where.
    pub(super) thinking_budget: Option<(u64, Range<usize>)>,
    /// Whether Nova shall think as hard as it can, which forbids a ceiling.
    pub(super) is_unbounded: bool,
    pub(super) service_tier: Option<String>,
}

/// The media in the messages and instructions of a body that looks like Converse's: sizes without the text, and the bytes
/// of base64. `name` and `at` are those of a top-level member and of its value.
pub(crate) fn media(name: &str, body: &[u8], at: usize) -> (Sizes, u64) {
    let mut facts = Facts::default();
    if matches!(name, "messages" | "system")
        && facts.member(name, &mut Scanner::starting_at(body, at)).is_err()
    {
        return (Sizes::default(), 0);
    }
    (facts.sizes, facts.opaque_bytes)
}

/// Members of the model's own that set a ceiling beside the one of Converse.
const CEILINGS: [&str; 8] = [
    "max_tokens",
    "max_completion_tokens",
    "max_gen_len",
    "max_new_tokens",
    "maxTokens",
    "maxTokenCount",
    "max_tokens_to_sample",
    "n",
];

impl Facts {
    /// Reads a body.
    pub(super) fn read(body: &[u8]) -> Result<Facts, Malformed> {
        let mut facts = Facts::default();
        let mut scanner = Scanner::new(body);
        if scanner.peek() != Some(b'{') {
            let message = "The request body must be a JSON object".to_owned();
            return Err(Malformed { message, pointer: String::new() });
        }
        members(&mut scanner, |name, scanner| facts.member(name, scanner))?;
        scanner.end()?;
        facts.sizes.text_bytes = (body.len() as u64).saturating_sub(facts.opaque_bytes);
        Ok(facts)
    }

    fn member(&mut self, name: &str, scanner: &mut Scanner<'_>) -> Result<(), Malformed> {
        match (name, scanner.peek()) {
            ("messages", Some(b'[')) => {
                scanner.array(|scanner, _| {
                    self.sizes.messages += 1;
                    members(scanner, |name, scanner| match (name, scanner.peek()) {
                        ("content", Some(b'[')) => self.blocks(scanner),
                        _ => skip(scanner),
                    })
                })?;
            }
            ("system", Some(b'[')) => self.blocks(scanner)?,
            ("toolConfig", Some(b'{')) => self.tools(scanner)?,
            ("inferenceConfig", Some(b'{')) => self.inference(scanner)?,
            ("additionalModelRequestFields", Some(b'{')) => self.additional(scanner)?,
            ("serviceTier", Some(b'{')) => members(scanner, |name, scanner| {
                let value = scanner.value()?;
                if name == "type" {
                    self.service_tier = scanner.text(&value).map(std::borrow::Cow::into_owned);
                }
                Ok(())
            })?,
            _ => skip(scanner)?,
        }
        Ok(())
    }

    fn inference(&mut self, scanner: &mut Scanner<'_>) -> Result<(), Malformed> {
        let range = scanner.members(|scanner, name, _| {
            let is_ceiling = name == "maxTokens";
            let value = scanner.value()?;
            if is_ceiling && scanner.raw(&value) != b"null" {
                const PATH: &str = "inferenceConfig.maxTokens";
                let asked: Option<u64> = serde_json::from_slice(scanner.raw(&value)).ok();
                let asked = asked.filter(|asked| *asked > 0);
                let asked =
                    asked.ok_or_else(|| Malformed::member(PATH, "An integer of at least 1 was expected"))?;
                self.max_tokens = Some((asked, value));
            } else if is_ceiling {
                // `null` says nothing, but stands where the ceiling goes.
                return Err(Malformed::member("inferenceConfig.maxTokens", "An integer was expected"));
            }
            Ok(())
        })?;
        self.inference = Some(range);
        Ok(())
    }

    fn additional(&mut self, scanner: &mut Scanner<'_>) -> Result<(), Malformed> {
        members(scanner, |name, scanner| {
            if CEILINGS.contains(&name) {
                let path = format!("additionalModelRequestFields.{name}");
                return Err(Malformed::member(&path, "Set inferenceConfig.maxTokens instead"));
            }
            if scanner.peek() != Some(b'{') {
                return skip(scanner);
            }
            members(scanner, |inner, scanner| {
                let value = scanner.value()?;
                match (name, inner) {
                    ("inferenceConfig" | "textGenerationConfig", inner) if CEILINGS.contains(&inner) => {
                        let path = format!("additionalModelRequestFields.{name}.{inner}");
                        return Err(Malformed::member(&path, "Set inferenceConfig.maxTokens instead"));
                    }
                    ("thinking", "budget_tokens") => {
                        let budget = serde_json::from_slice(scanner.raw(&value)).ok();
                        self.thinking_budget = budget.map(|budget| (budget, value));
                    }
                    ("reasoningConfig", "maxReasoningEffort") => {
                        self.is_unbounded = scanner.text(&value).as_deref() == Some("high");
                    }
                    _ => {}
                }
                Ok(())
            })
        })
    }

    fn tools(&mut self, scanner: &mut Scanner<'_>) -> Result<(), Malformed> {
        members(scanner, |name, scanner| {
            if name != "tools" || scanner.peek() != Some(b'[') {
                return skip(scanner);
            }
            let range = scanner.array(|scanner, _| {
                if scanner.peek() != Some(b'{') {
                    return skip(scanner);
                }
                members(scanner, |name, scanner| {
                    match (name, scanner.peek()) {
                        ("cachePoint", Some(b'{')) => return self.mark(scanner),
                        ("toolSpec" | "systemTool", _) => self.sizes.tools += 1,
                        _ => {}
                    }
                    skip(scanner)
                })
            })?;
            self.sizes.tool_bytes = range.len() as u64;
            Ok(())
        })
    }

    fn blocks(&mut self, scanner: &mut Scanner<'_>) -> Result<(), Malformed> {
        scanner.array(|scanner, _| {
            if scanner.peek() != Some(b'{') {
                return skip(scanner);
            }
            members(scanner, |name, scanner| match (name, scanner.peek()) {
                ("image", Some(b'{')) => self.medium(MediaKind::Image, scanner),
                ("document", Some(b'{')) => self.medium(MediaKind::Document, scanner),
                ("video", Some(b'{')) => self.medium(MediaKind::Video, scanner),
                ("audio", Some(b'{')) => self.medium(MediaKind::Audio, scanner),
                ("cachePoint", Some(b'{')) => self.mark(scanner),
                ("toolResult", Some(b'{')) => {
                    members(scanner, |name, scanner| match (name, scanner.peek()) {
                        ("content", Some(b'[')) => self.results(scanner),
                        _ => skip(scanner),
                    })
                }
                ("guardContent", Some(b'{')) => {
                    members(scanner, |name, scanner| match (name, scanner.peek()) {
                        ("image", Some(b'{')) => self.medium(MediaKind::Image, scanner),
                        _ => skip(scanner),
                    })
                }
                _ => skip(scanner),
            })
        })?;
        Ok(())
    }

    /// What stands in a tool's result: no further results in it, so that nothing nests without end.
    fn results(&mut self, scanner: &mut Scanner<'_>) -> Result<(), Malformed> {
        scanner.array(|scanner, _| {
            if scanner.peek() != Some(b'{') {
                return skip(scanner);
            }
            members(scanner, |name, scanner| match (name, scanner.peek()) {
                ("image", Some(b'{')) => self.medium(MediaKind::Image, scanner),
                ("document", Some(b'{')) => self.medium(MediaKind::Document, scanner),
                ("video", Some(b'{')) => self.medium(MediaKind::Video, scanner),
                _ => skip(scanner),
            })
        })?;
        Ok(())
    }

    fn medium(&mut self, kind: MediaKind, scanner: &mut Scanner<'_>) -> Result<(), Malformed> {
        let mut encoded = Encoded::default();
        members(scanner, |name, scanner| {
            if name != "source" || scanner.peek() != Some(b'{') {
                return skip(scanner);
            }
            members(scanner, |name, scanner| {
                let value = scanner.value()?;
                if name == "bytes" {
                    encoded = Encoded::string(scanner, &value);
                }
                Ok(())
            })
        })?;
        let sizes = &mut self.sizes;
        let (count, bytes) = match kind {
            MediaKind::Image => (&mut sizes.images, &mut sizes.image_bytes),
            MediaKind::Document => (&mut sizes.documents, &mut sizes.document_bytes),
            MediaKind::Audio => (&mut sizes.audios, &mut sizes.audio_bytes),
            MediaKind::Video => (&mut sizes.videos, &mut sizes.video_bytes),
        };
        *count += 1;
        *bytes += encoded.decoded_bytes();
        self.opaque_bytes += encoded.written_bytes;
        Ok(())
    }

    fn mark(&mut self, scanner: &mut Scanner<'_>) -> Result<(), Malformed> {
        let mut lifetime = CacheLifetime::FiveMinutes;
        members(scanner, |name, scanner| {
            let value = scanner.value()?;
            if name == "ttl" && scanner.text(&value).as_deref() == Some("1h") {
                lifetime = CacheLifetime::Hour;
            }
            Ok(())
        })?;
        self.cache_lifetime = self.cache_lifetime.max(lifetime);
        Ok(())
    }
}

fn skip(scanner: &mut Scanner<'_>) -> Result<(), Malformed> {
    scanner.value()?;
    Ok(())
}

fn members<'b>(
    scanner: &mut Scanner<'b>,
    mut each: impl FnMut(&str, &mut Scanner<'b>) -> Result<(), Malformed>,
) -> Result<(), Malformed> {
    scanner.members(|scanner, name, _| each(name, scanner))?;
    Ok(())
}
