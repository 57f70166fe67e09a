//! A Responses request as it came: its bytes, where its members stand, and the few facts that the way of a call needs.

use std::ops::Range;

use bytes::Bytes;
use serde::de::DeserializeOwned;

use crate::carry::{Answering, Bounds, Carried, Target, Unsupported};
use crate::conversation::{CacheLifetime, Request, Sizes};
use crate::dialect::Dialect;
use crate::inbound::Malformed;
use crate::json::{Place, Scanner, text};
use crate::learned::Learned;
use crate::relay::Writer;

use super::facts::Facts;
use super::stored::Stored;
use super::wire::{CacheOptions, service_tier};

/// A Responses request, read once. The body stays as it came.
#[derive(Debug)]
pub struct Inbound {
    pub(super) body: Bytes,
    pub(super) members: Vec<Member>,
    pub(super) facts: Facts,
    pub(super) purpose: Purpose,
    model: String,
    stream: bool,
    max_output_tokens: Option<u64>,
    service_tier: Option<String>,
    caching: CacheLifetime,
    /// Whether what `previous_response_id` and references name stands in `input` already.
    pub(super) is_resolved: bool,
}

/// What the client wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// An answer: `POST /responses`.
    Answer,
    /// The conversation in short: `POST /responses/compact`.
    Compact,
}

/// A top-level member: its name, and where it stands.
#[derive(Debug)]
pub(super) struct Member {
    pub(super) name: String,
    pub(super) place: Place,
}

/// Reads a `POST /v1/responses` body.
///
/// # Errors
/// Where the body is no JSON object, names a top-level member twice, lacks what every request has, or says what decides
/// its cost in a form that cannot be read.
pub fn parse(body: Bytes) -> Result<Inbound, Malformed> {
    read(body, Purpose::Answer)
}

/// Reads a `POST /v1/responses/compact` body.
///
/// # Errors
/// As for [`parse`].
pub fn parse_compact(body: Bytes) -> Result<Inbound, Malformed> {
    read(body, Purpose::Compact)
}

fn read(body: Bytes, purpose: Purpose) -> Result<Inbound, Malformed> {
    let mut members: Vec<Member> = Vec::with_capacity(16);
    let mut facts = Facts::default();
    let mut scanner = Scanner::new(&body);
    if scanner.peek() != Some(b'{') {
        let message = "The request body must be a JSON object".to_owned();
        return Err(Malformed { message, pointer: String::new() });
    }
    scanner.members(|scanner, name, key| {
        let value = facts.member(name, scanner)?;
        members.push(Member { name: name.to_owned(), place: Place { key, value } });
        Ok::<(), Malformed>(())
    })?;
    scanner.end()?;
    facts.sizes.text_bytes = (body.len() as u64).saturating_sub(facts.opaque_bytes);
    let known = Known { body: &body, members: &members };
    let caching = known.caching().max(facts.marks);
    Ok(Inbound {
        model: known.model()?,
        stream: purpose == Purpose::Answer && known.flag("stream")?,
        max_output_tokens: known.count("max_output_tokens")?,
        service_tier: known
            .loose::<String>("service_tier")
            .and_then(|asked| service_tier(&asked))
            .map(str::to_owned),
        caching,
        is_resolved: false,
        purpose,
        facts,
        members,
        body,
    })
}

/// The members of a body, by name.
struct Known<'a> {
    body: &'a [u8],
    members: &'a [Member],
}

impl Known<'_> {
    /// The value of a member; none where it is not there or `null`.
    fn find(&self, name: &str) -> Option<&[u8]> {
        let member = self.members.iter().find(|member| member.name == name)?;
        self.body.get(member.place.value.clone()).filter(|raw| *raw != b"null")
    }

    fn model(&self) -> Result<String, Malformed> {
        let raw = self.find("model").ok_or_else(|| Malformed::member("model", "is required"))?;
        match text(raw) {
            Some(model) if !model.is_empty() => Ok(model.into_owned()),
            Some(_) | None => Err(Malformed::member("model", "a model's name was expected")),
        }
    }

    fn flag(&self, name: &str) -> Result<bool, Malformed> {
        match self.find(name) {
            None | Some(b"false") => Ok(false),
            Some(b"true") => Ok(true),
            Some(_) => Err(Malformed::member(name, "true or false was expected")),
        }
    }

    fn count(&self, name: &str) -> Result<Option<u64>, Malformed> {
        match self.find(name).map(serde_json::from_slice::<u64>) {
            None => Ok(None),
            Some(Ok(count)) if count > 0 => Ok(Some(count)),
            Some(Ok(_) | Err(_)) => Err(Malformed::member(name, "a whole number was expected, 1 or greater")),
        }
    }

    /// A member that is judged when the request is translated; here it only adds to the facts.
    fn loose<T: DeserializeOwned>(&self, name: &str) -> Option<T> {
        serde_json::from_slice(self.find(name)?).ok()
    }

    /// How long the whole prompt is to be cached, in the words of a client whose vendor caches by itself: one that names
    /// its cache expects to be served from it.
    fn caching(&self) -> CacheLifetime {
        let options: CacheOptions = self.loose("prompt_cache_options").unwrap_or_default();
        let retention: Option<String> = self.loose("prompt_cache_retention");
        let is_named = self.find("prompt_cache_key").is_some() || retention.is_some();
        match (options.mode.as_deref(), options.ttl.as_deref(), retention.as_deref()) {
            (Some("explicit"), ..) => CacheLifetime::None,
            (_, Some("12h" | "1h"), _) | (_, _, Some("24h")) => CacheLifetime::Hour,
            (Some(_), ..) => CacheLifetime::FiveMinutes,
            (None, ..) if is_named => CacheLifetime::FiveMinutes,
            (None, ..) => CacheLifetime::None,
        }
    }
}

impl Inbound {
    /// The body as it came.
    #[must_use]
    pub fn body(&self) -> &Bytes {
        &self.body
    }

    pub(super) fn find(&self, name: &str) -> Option<&Member> {
        self.members.iter().find(|member| member.name == name)
    }

    pub(super) fn raw(&self, range: &Range<usize>) -> &[u8] {
        self.body.get(range.clone()).unwrap_or_default()
    }

    /// The value of a member; none where it is not there, `null`, or of another form.
    pub(super) fn loose<T: DeserializeOwned>(&self, name: &str) -> Option<T> {
        serde_json::from_slice(self.raw(&self.find(name)?.place.value)).ok()
    }

    /// How long the whole prompt is to be cached.
    pub(super) fn caching(&self) -> CacheLifetime {
        self.caching
    }
}

impl crate::inbound::Inbound for Inbound {
    fn dialect(&self) -> Dialect {
        Dialect::OpenaiResponses
    }

    fn goes_on_from(&self) -> Option<String> {
        self.previous_response_id()
    }

    fn with_kept(&self, kept: &[u8]) -> Result<Box<dyn crate::inbound::Inbound>, Malformed> {
        let unreadable = || Malformed::member("previous_response_id", "what was kept of it cannot be read");
        let previous = Stored::from_bytes(kept).ok_or_else(unreadable)?;
        Ok(Box::new(self.with_history(&previous)?))
    }

    fn wants_kept(&self) -> bool {
        self.purpose == Purpose::Answer && self.loose::<bool>("store") != Some(false)
    }

    fn kept(&self, last: &[u8]) -> Option<(String, Bytes)> {
        let stored = Stored::of(self, last)?;
        Some((stored.id()?, stored.to_bytes()))
    }

    fn model(&self) -> &str {
        &self.model
    }

    fn is_stream(&self) -> bool {
        self.stream
    }

    fn max_output_tokens(&self) -> Option<u64> {
        self.max_output_tokens
    }

    fn sizes(&self) -> &Sizes {
        &self.facts.sizes
    }

    fn cache_lifetime(&self) -> CacheLifetime {
        self.caching
    }

    fn service_tier(&self) -> Option<&str> {
        self.service_tier.as_deref()
    }

    fn remote_media(&self) -> Vec<String> {
        let mut addresses: Vec<String> =
            self.facts.remote.iter().map(|remote| remote.address.clone()).collect();
        addresses.sort();
        addresses.dedup();
        addresses
    }

    fn pass_through(
        &self,
        target: &Target<'_>,
        learned: &Learned,
        bounds: Bounds,
        answering: &Answering,
    ) -> Option<Result<Carried, Unsupported>> {
        super::passing::pass_through(self, target, learned, bounds, answering)
    }

    fn translate(&self, answering: &Answering) -> Result<(Request, Box<dyn Writer>), Unsupported> {
        super::settings::translate(self, answering)
    }
}
