//! A Chat Completions request as it came: its bytes, where its members stand, and the few facts that the way of a call
//! needs.

use std::ops::Range;

use bytes::Bytes;

use crate::carry::{Answering, Bounds, Carried, Door, Target, Unsupported};
use crate::conversation::{CacheLifetime, Request, Sizes};
use crate::dialect::Dialect;
use crate::effort::Effort;
use crate::inbound::Malformed;
use crate::json::{Place, Scanner, text};
use crate::learned::Learned;
use crate::relay::Writer;
use crate::traits::Traits;

use super::facts::Facts;
use super::wire::{Reasoning, StreamOptions, Thinking, service_tier};

/// A Chat Completions request, read once. The body stays as it came.
#[derive(Debug)]
pub struct Inbound {
    pub(super) body: Bytes,
    pub(super) members: Vec<Member>,
    pub(super) facts: Facts,
    pub(super) stream_options: StreamOptions,
    pub(super) choices: u64,
    model: String,
    stream: bool,
    max_tokens: Option<u64>,
    max_completion_tokens: Option<u64>,
    effort: Option<Effort>,
    thinking_budget: Option<u64>,
    service_tier: Option<String>,
}

/// A top-level member: its name, and where it stands.
#[derive(Debug)]
pub(super) struct Member {
    pub(super) name: String,
    pub(super) place: Place,
}

/// Reads a `POST /v1/chat/completions` body.
///
/// # Errors
/// Where the body is no JSON object, names a top-level member twice, lacks what every request has, or says what decides
/// its cost in a form that cannot be read.
pub fn parse(body: Bytes) -> Result<Inbound, Malformed> {
    let mut members: Vec<Member> = Vec::with_capacity(16);
    let mut facts = Facts::default();
    let mut scanner = Scanner::new(&body);
    if scanner.peek() != Some(b'{') {
        return Err(Malformed {
            message: "The request body must be a JSON object".to_owned(),
            pointer: String::new(),
        });
    }
    scanner.members(|scanner, name, key| {
        let value = facts.member(name, scanner)?;
        members.push(Member { name: name.to_owned(), place: Place { key, value } });
        Ok::<(), Malformed>(())
    })?;
    scanner.end()?;
    facts.sizes.text_bytes = (body.len() as u64).saturating_sub(facts.opaque_bytes);
    let known = Known { body: &body, members: &members };
    if known.find("messages").is_none() {
        return Err(Malformed::member("messages", "is required"));
    }
    Ok(Inbound {
        model: known.model()?,
        stream: known.flag("stream")?,
        max_tokens: known.count("max_tokens")?,
        max_completion_tokens: known.count("max_completion_tokens")?,
        choices: known.count("n")?.unwrap_or(1),
        effort: known.effort(),
        thinking_budget: known.thinking_budget(),
        service_tier: known.service_tier(),
        stream_options: known.loose("stream_options").unwrap_or_default(),
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
    fn loose<T: serde::de::DeserializeOwned>(&self, name: &str) -> Option<T> {
        serde_json::from_slice(self.find(name)?).ok()
    }

    fn effort(&self) -> Option<Effort> {
        let said: Option<String> = self.loose("reasoning_effort");
        let nested = || self.loose::<Reasoning>("reasoning").and_then(|reasoning| reasoning.effort);
        said.or_else(nested).and_then(|level| Effort::from_wire(&level))
    }

    fn thinking_budget(&self) -> Option<u64> {
        let thinking = self.loose::<Thinking>("thinking").and_then(|thinking| thinking.budget_tokens);
        thinking.or_else(|| self.loose::<Reasoning>("reasoning").and_then(|reasoning| reasoning.max_tokens))
    }

    fn service_tier(&self) -> Option<String> {
        service_tier(&self.loose::<String>("service_tier")?).map(str::to_owned)
    }
}

impl Inbound {
    /// The model as the client named it.
    #[must_use]
    pub fn model(&self) -> &str {
        &self.model
    }

    /// Whether the client wants its answer as a stream of chunks.
    #[must_use]
    pub fn is_stream(&self) -> bool {
        self.stream
    }

    /// The body as it came.
    #[must_use]
    pub fn body(&self) -> &Bytes {
        &self.body
    }

    /// The ceiling of one choice.
    pub(super) fn ceiling(&self) -> Option<u64> {
        self.max_completion_tokens.or(self.max_tokens)
    }

    pub(super) fn find(&self, name: &str) -> Option<&Member> {
        self.members.iter().find(|member| member.name == name)
    }

    pub(super) fn raw(&self, range: &Range<usize>) -> &[u8] {
        self.body.get(range.clone()).unwrap_or_default()
    }
}

impl crate::inbound::Inbound for Inbound {
    fn dialect(&self) -> Dialect {
        Dialect::OpenaiChat
    }

    fn model(&self) -> &str {
        self.model()
    }

    fn is_stream(&self) -> bool {
        self.is_stream()
    }

    /// Of all choices together: each may be as long as the client said.
    fn max_output_tokens(&self) -> Option<u64> {
        self.ceiling().map(|ceiling| ceiling.saturating_mul(self.choices))
    }

    fn least_output_tokens(&self) -> u64 {
        let least = self.thinking_budget.map_or(1, |_| LEAST_THINKING_BUDGET + 1);
        let least = self.max_output_tokens().map_or(least, |most| least.min(most));
        least.max(self.choices)
    }

    /// `max_tokens` is the old word, of models that did not think: clients mean by it the words that they see.
    /// `max_completion_tokens` says of itself that it includes the thoughts.
    fn effort_beyond_ceiling(&self) -> Option<Effort> {
        match (self.max_completion_tokens, self.max_tokens) {
            (None, Some(_)) => self.effort,
            (Some(_), _) | (None, None) => None,
        }
    }

    fn sizes(&self) -> &Sizes {
        &self.facts.sizes
    }

    fn cache_lifetime(&self) -> CacheLifetime {
        self.facts.cache_lifetime
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

    fn fits(&self, door: Door<'_>, traits: &Traits) -> bool {
        super::passing::fits(self, door, traits)
    }

    fn translate(&self, answering: &Answering) -> Result<(Request, Box<dyn Writer>), Unsupported> {
        super::settings::translate(self, answering)
    }
}

/// The least budget for thinking that any model takes.
const LEAST_THINKING_BUDGET: u64 = 1_024;
