//! A Chat Completions request as it came: its bytes, where its members stand, and the few facts that the way of a call
//! needs.

use std::ops::Range;

use bytes::Bytes;

use crate::anthropic;
use crate::capabilities::Capabilities;
use crate::carry::{Answering, Bounds, Carried, Door, Target, Unsupported};
use crate::conversation::{CacheLifetime, Passes, Request, Sizes};
use crate::dialect::Dialect;
use crate::effort::Effort;
use crate::inbound::{Malformed, Member, Members};
use crate::learned::Learned;
use crate::openai::members::{count, flag, model};
use crate::relay::Writer;
use crate::traits::Traits;

use super::facts::Facts;
use super::wire::{Performance, Reasoning, StreamOptions, Thinking, service_tier};

/// A Chat Completions request, read once. The body stays as it came.
#[derive(Debug)]
pub struct Inbound {
    pub(super) members: Members,
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

/// Reads a `POST /v1/chat/completions` body.
///
/// # Errors
/// Where the body is no JSON object, names a top-level member twice, lacks what every request has, or says what decides
/// its cost in a form that cannot be read.
pub fn parse(body: Bytes) -> Result<Inbound, Malformed> {
    let mut facts = Facts::default();
    let members = Members::read(body, |name, scanner| facts.member(name, scanner))?;
    facts.sizes.text_bytes = (members.body().len() as u64).saturating_sub(facts.opaque_bytes);
    if members.value("messages").is_none() {
        return Err(Malformed::member("messages", "is required"));
    }
    Ok(Inbound {
        model: model(&members)?,
        stream: flag(&members, "stream")?,
        max_tokens: count(&members, "max_tokens")?,
        max_completion_tokens: count(&members, "max_completion_tokens")?,
        choices: count(&members, "n")?.unwrap_or(1),
        effort: effort(&members),
        thinking_budget: thinking_budget(&members),
        service_tier: members
            .loose::<String>("service_tier")
            .and_then(|asked| service_tier(&asked))
            .map(str::to_owned),
        stream_options: members.loose("stream_options").unwrap_or_default(),
        facts,
        members,
    })
}

fn effort(members: &Members) -> Option<Effort> {
    let said: Option<String> = members.loose("reasoning_effort");
    let nested = || members.loose::<Reasoning>("reasoning").and_then(|reasoning| reasoning.effort);
    said.or_else(nested).and_then(|level| Effort::from_wire(&level))
}

fn thinking_budget(members: &Members) -> Option<u64> {
    let thinking = members.loose::<Thinking>("thinking").and_then(|thinking| thinking.budget_tokens);
    thinking.or_else(|| members.loose::<Reasoning>("reasoning").and_then(|reasoning| reasoning.max_tokens))
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
        self.members.body()
    }

    /// The ceiling of one choice.
    pub(super) fn ceiling(&self) -> Option<u64> {
        self.max_completion_tokens.or(self.max_tokens)
    }

    pub(super) fn find(&self, name: &str) -> Option<&Member> {
        self.members.find(name)
    }

    pub(super) fn raw(&self, range: &Range<usize>) -> &[u8] {
        self.members.raw(range)
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

    fn passes(&self, capabilities: &Capabilities) -> Passes {
        let additional = self.members.value("additionalModelRequestFields");
        additional
            .map_or_else(Passes::default, |members| anthropic::passes::of_additional(members, capabilities))
    }

    fn names_beta(&self, _beta: &str) -> bool {
        self.members.value("additionalModelRequestFields").is_some()
    }

    fn is_latency_optimized(&self) -> bool {
        let performance: Option<Performance> = self.members.loose("performanceConfig");
        performance.and_then(|asked| asked.latency).is_some_and(|latency| latency != "standard")
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
