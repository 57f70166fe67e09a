//! A Responses request as it came: its bytes, where its members stand, and the few facts that the way of a call needs.

use std::ops::Range;

use bytes::Bytes;
use serde::de::DeserializeOwned;

use crate::capabilities::Capabilities;
use crate::carry::{Answering, Bounds, Carried, Target, Unsupported};
use crate::conversation::{CacheLifetime, Passes, Request, Sizes};
use crate::dialect::Dialect;
use crate::inbound::{Malformed, Member, Members};
use crate::learned::Learned;
use crate::openai::members::{count, flag, model};
use crate::relay::Writer;

use super::facts::Facts;
use super::stored::Stored;
use super::wire::{CacheOptions, service_tier};

/// A Responses request, read once. The body stays as it came.
#[derive(Debug)]
pub struct Inbound {
    pub(super) members: Members,
    pub(super) facts: Facts,
    pub(super) purpose: Purpose,
    model: String,
    stream: bool,
    pub(super) max_output_tokens: Option<u64>,
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

/// What `include` asks for where a client wants thoughts that it can send back.
pub(super) const ENCRYPTED_THOUGHTS: &str = "reasoning.encrypted_content";

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
    let mut facts = Facts::default();
    let members = Members::read(body, |name, scanner| facts.member(name, scanner))?;
    facts.sizes.text_bytes = (members.body().len() as u64).saturating_sub(facts.opaque_bytes);
    Ok(Inbound {
        model: model(&members)?,
        stream: purpose == Purpose::Answer && flag(&members, "stream")?,
        max_output_tokens: count(&members, "max_output_tokens")?,
        service_tier: members
            .loose::<String>("service_tier")
            .and_then(|asked| service_tier(&asked))
            .map(str::to_owned),
        caching: caching(&members).max(facts.marks),
        is_resolved: false,
        purpose,
        facts,
        members,
    })
}

/// How long the whole prompt is to be cached, in the words of a client whose vendor caches by itself: one that names
/// its cache expects to be served from it.
fn caching(members: &Members) -> CacheLifetime {
    let options: CacheOptions = members.loose("prompt_cache_options").unwrap_or_default();
    let retention: Option<String> = members.loose("prompt_cache_retention");
    let is_named = members.value("prompt_cache_key").is_some() || retention.is_some();
    match (options.mode.as_deref(), options.ttl.as_deref(), retention.as_deref()) {
        (Some("explicit"), ..) => CacheLifetime::None,
        (_, Some("12h" | "1h"), _) | (_, _, Some("24h")) => CacheLifetime::Hour,
        (Some(_), ..) => CacheLifetime::FiveMinutes,
        (None, ..) if is_named => CacheLifetime::FiveMinutes,
        (None, ..) => CacheLifetime::None,
    }
}

impl Inbound {
    /// The body as it came.
    #[must_use]
    pub fn body(&self) -> &Bytes {
        self.members.body()
    }

    pub(super) fn find(&self, name: &str) -> Option<&Member> {
        self.members.find(name)
    }

    pub(super) fn raw(&self, range: &Range<usize>) -> &[u8] {
        self.members.raw(range)
    }

    /// The value of a member; none where it is not there, `null`, or of another form.
    pub(super) fn loose<T: DeserializeOwned>(&self, name: &str) -> Option<T> {
        self.members.loose(name)
    }

    /// Whether the client said that nothing shall be stored.
    pub(super) fn stores_nothing(&self) -> bool {
        self.loose::<bool>("store") == Some(false)
    }

    /// Whether the client asks for this to be in the answer.
    pub(super) fn includes(&self, what: &str) -> bool {
        self.loose::<Vec<String>>("include").is_some_and(|asked| asked.iter().any(|asked| asked == what))
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
        self.purpose == Purpose::Answer && !self.stores_nothing()
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

    fn passes(&self, _capabilities: &Capabilities) -> Passes {
        super::passes::passes(self)
    }

    fn names_beta(&self, _beta: &str) -> bool {
        false
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
