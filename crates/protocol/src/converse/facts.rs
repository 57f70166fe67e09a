//! One walk over a body: what a quote needs, and where the ceiling stands.
//!
//! Only where a medium or a cache point can stand is looked at; what a tool was called with, a schema, a text: walked
//! over, never read.

use std::ops::Range;

use crate::conversation::MediaKind;
use crate::conversation::sizes::{CacheLifetime, Encoded, Medium, Sizes};
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
    /// `performanceConfig.latency`, unless it is what everybody has.
    pub(super) is_latency_optimized: bool,
    /// `additionalModelRequestFields`, its value.
    pub(super) additional: Option<Range<usize>>,
    /// Whether there is a tool that upstream runs itself.
    pub(super) has_system_tools: bool,
    /// The longest definition of a tool, and how often tools are named in mid-conversation.
    longest_tool_bytes: u64,
    tool_references: u64,
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
        let repeated = facts.tool_references.saturating_mul(facts.longest_tool_bytes);
        facts.sizes.repeated_bytes = facts.sizes.repeated_bytes.saturating_add(repeated);
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
            ("additionalModelRequestFields", Some(b'{')) => self.additional = Some(self.additional(scanner)?),
            ("serviceTier", Some(b'{')) => members(scanner, |name, scanner| {
                let value = scanner.value()?;
                if name == "type" {
                    self.service_tier = scanner.text(&value).map(std::borrow::Cow::into_owned);
                }
                Ok(())
            })?,
            ("performanceConfig", Some(b'{')) => members(scanner, |name, scanner| {
                let value = scanner.value()?;
                if name == "latency" {
                    self.is_latency_optimized = scanner.text(&value).as_deref() != Some("standard");
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

    fn additional(&mut self, scanner: &mut Scanner<'_>) -> Result<Range<usize>, Malformed> {
        scanner.members(|scanner, name, _| {
            if CEILINGS.contains(&name) {
                let path = format!("additionalModelRequestFields.{name}");
                return Err(Malformed::member(&path, "Set inferenceConfig.maxTokens instead"));
            }
            if name == "tools" && scanner.peek() == Some(b'[') {
                scanner.array(|scanner, _| {
                    self.sizes.typed_tools += 1;
                    skip(scanner)
                })?;
                return Ok(());
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
                        ("toolSpec", _) => self.sizes.tools += 1,
                        ("systemTool", _) => {
                            self.sizes.tools += 1;
                            self.sizes.typed_tools += 1;
                            self.has_system_tools = true;
                        }
                        _ => {}
                    }
                    let bytes = scanner.value()?.len() as u64;
                    self.longest_tool_bytes = self.longest_tool_bytes.max(bytes);
                    Ok(())
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
                ("toolAddition", _) => {
                    self.tool_references += 1;
                    skip(scanner)
                }
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
        let (mut format, mut text_bytes) = (None, 0);
        let (mut has_bytes, mut is_elsewhere, mut is_cited) = (false, false, false);
        members(scanner, |name, scanner| match (name, scanner.peek()) {
            ("source", Some(b'{')) => members(scanner, |name, scanner| {
                let value = scanner.value()?;
                match name {
                    "bytes" => {
                        has_bytes = true;
                        encoded = Encoded::string(scanner, &value);
                    }
                    "s3Location" => is_elsewhere = true,
                    _ => text_bytes += value.len() as u64,
                }
                Ok(())
            }),
            ("format", _) => {
                format = Some(scanner.value()?);
                Ok(())
            }
            ("citations", Some(b'{')) => members(scanner, |_, scanner| {
                let value = scanner.value()?;
                is_cited |= scanner.raw(&value) == b"true";
                Ok(())
            }),
            _ => skip(scanner),
        })?;
        let format = format.and_then(|format| scanner.text(&format));
        let medium = match kind {
            MediaKind::Image => Medium::Image,
            MediaKind::Audio => Medium::Audio,
            MediaKind::Video => Medium::Video,
            MediaKind::Document if is_elsewhere => Medium::Paged,
            MediaKind::Document if has_bytes => match format.as_deref() {
                Some("txt" | "md" | "html" | "csv") => Medium::Text,
                Some(_) | None => Medium::Paged,
            },
            MediaKind::Document => Medium::Text,
        };
        self.sizes.add(medium, encoded);
        if is_cited {
            self.sizes.cite(text_bytes.saturating_add(encoded.decoded_bytes()));
        }
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
