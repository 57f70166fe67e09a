//! What a call may cost, and what it did cost.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Deserialize;
use stonegate_ledger::{Nanodollars, Picodollars, Quote};
use stonegate_protocol::Usage;
use stonegate_protocol::conversation::{CacheLifetime, Passes, Sizes};

use crate::calibration::Surcharge;
use crate::estimate::most_tokens;

/// A service tier. What is not [`Tier::Standard`] has to be asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tier {
    /// The default.
    #[default]
    Standard,
    /// Sooner, and dearer.
    Priority,
    /// Later, and cheaper.
    Flex,
    /// In a batch.
    Batch,
    /// Faster, and much dearer.
    Ultrafast,
    /// The latency that Bedrock calls optimized (`performanceConfig`), which is no service tier and has its own price too.
    OptimizedLatency,
}

impl Tier {
    /// The tier's name on the wire (`X-Amzn-Bedrock-Service-Tier`); `default` and `standard` are one.
    #[must_use]
    pub fn from_wire(name: &str) -> Option<Tier> {
        match name {
            "standard" | "default" => Some(Tier::Standard),
            "priority" => Some(Tier::Priority),
            "flex" => Some(Tier::Flex),
            "batch" => Some(Tier::Batch),
            "ultrafast" => Some(Tier::Ultrafast),
            _ => None,
        }
    }
}

/// Something besides tokens that Bedrock bills.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// An image that goes in.
    InputImage,
    /// A token of an image that goes in.
    InputImageToken,
    /// An image that comes out.
    OutputImage,
    /// A token of speech that goes in.
    InputAudioToken,
    /// A token of speech that comes out.
    OutputAudioToken,
    /// A second of speech that goes in.
    InputAudioSecond,
    /// A second of video that goes in.
    InputVideoSecond,
    /// A query.
    Query,
    /// A token that comes out, where input is billed by something else.
    OutputToken,
}

/// What a call is billed by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Billing {
    /// Tokens.
    Tokens,
    /// Something else.
    Unit(Unit),
}

/// Prices per token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rates {
    /// A prompt token that has nothing to do with a cache.
    pub input: Picodollars,
    /// A token that comes out.
    pub output: Picodollars,
    /// A prompt token read from a cache.
    pub cache_read: Option<Picodollars>,
    /// A prompt token written to a cache for five minutes.
    pub cache_write_5m: Option<Picodollars>,
    /// A prompt token written to a cache for an hour.
    pub cache_write_1h: Option<Picodollars>,
}

impl Rates {
    // Where a rate is missing, the model does not do that, as far as anyone knows. Should its report say so all the same,
    // the next dearer rate is taken: never nothing.

    fn read(&self) -> Picodollars {
        self.cache_read.unwrap_or(self.input)
    }

    fn write_5m(&self) -> Picodollars {
        self.cache_write_5m.unwrap_or(self.input)
    }

    fn write_1h(&self) -> Picodollars {
        self.cache_write_1h.unwrap_or_else(|| self.write_5m().max(self.input))
    }

    /// The dearest that a prompt token can become. Writes for five minutes always count: models of some makers cache
    /// without being asked.
    fn dearest_input(&self, lifetime: CacheLifetime) -> Picodollars {
        let hour = match lifetime {
            CacheLifetime::None | CacheLifetime::FiveMinutes => Picodollars::default(),
            CacheLifetime::Hour => self.write_1h(),
        };
        self.input.max(self.read()).max(self.write_5m()).max(hour)
    }
}

/// A price that does not change any more: one model, one door, one tier.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Price {
    /// The tier.
    pub tier: Tier,
    /// None where tokens are not what is billed.
    rates: Option<Rates>,
    /// Rates for the whole call from a prompt of more than so many tokens on; rising.
    steps: Vec<(u64, Rates)>,
    /// What else is billed.
    units: BTreeMap<Unit, Picodollars>,
    /// The other tiers.
    others: BTreeMap<Tier, Arc<Price>>,
}

/// What a quote is asked for.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// The request's sizes.
    pub sizes: &'a Sizes,
    /// The longest lifetime of a cache entry that it asks for.
    pub cache_lifetime: CacheLifetime,
    /// The context window that the request can have: a longer prompt is refused upstream, and costs nothing.
    pub context_window: u64,
    /// The most that an image counts.
    pub image_tokens: u64,
    /// What upstream was seen to add to prompts of the model's family.
    pub surcharge: Surcharge,
    /// How often upstream may read the prompt and write.
    pub passes: Passes,
    /// The most that the model writes in one pass, whatever ceiling is asked for.
    pub longest_output: u64,
    /// The output ceiling that it asks for.
    pub max_output_tokens: u64,
    /// How far that ceiling may be lowered.
    pub least_output_tokens: u64,
}

impl Asked<'_> {
    /// The most tokens of the prompt by its sizes.
    fn sized(&self) -> u64 {
        most_tokens(self.sizes, self.image_tokens, self.surcharge)
    }

    /// What of it can be read. What upstream adds by itself is no part of what the catalog has the window for.
    fn in_window(&self, prompt_tokens: u64) -> u64 {
        prompt_tokens.min(self.context_window).saturating_add(self.surcharge.per_call)
    }

    /// The most tokens of the prompt as it is read once.
    pub(crate) fn prompt_tokens(&self) -> u64 {
        self.in_window(self.sized())
    }

    /// Whether the window bounds the prompt, and not its sizes.
    pub(crate) fn fills_window(&self) -> bool {
        self.sized() > self.context_window
    }

    /// Whether the prompt is read once.
    pub(crate) fn is_single_pass(&self) -> bool {
        self.passes.beside == 0 || self.prompt_tokens() < self.passes.from_tokens
    }
}

/// The most tokens of prompts and of summaries, before the last pass writes.
///
/// A pass after the first reads what the one before it wrote, beside what it is told to write then.
fn all_passes(asked: &Asked<'_>) -> (u64, u64) {
    let Passes { beside, .. } = asked.passes;
    if asked.is_single_pass() {
        return (asked.prompt_tokens(), 0);
    }
    let written = asked.longest_output;
    let frame = most_tokens(&Sizes::default(), 0, asked.surcharge);
    let longest = asked.sized().saturating_add(written).saturating_add(frame);
    let prompts = asked.in_window(longest).saturating_mul(beside.saturating_add(1));
    (prompts, written.saturating_mul(beside))
}

impl Price {
    pub(crate) fn new(
        tier: Tier,
        rates: Option<Rates>,
        mut steps: Vec<(u64, Rates)>,
        units: BTreeMap<Unit, Picodollars>,
    ) -> Price {
        steps.sort_by_key(|(above, _)| *above);
        Price { tier, rates, steps, units, others: BTreeMap::new() }
    }

    pub(crate) fn with_others(mut self, others: impl IntoIterator<Item = Price>) -> Price {
        self.others = others.into_iter().map(|price| (price.tier, Arc::new(price))).collect();
        self
    }

    /// The price in another tier; none where the model is not offered in it.
    #[must_use]
    pub fn at(self: &Arc<Self>, tier: Tier) -> Option<Arc<Price>> {
        if tier == self.tier { Some(Arc::clone(self)) } else { self.others.get(&tier).cloned() }
    }

    /// The rates for a prompt of that many tokens, cached ones included. None where tokens are not what is billed.
    #[must_use]
    pub fn rates(&self, prompt_tokens: u64) -> Option<&Rates> {
        self.reachable(prompt_tokens).last()
    }

    /// Whether tokens are what is billed.
    #[must_use]
    pub fn is_by_token(&self) -> bool {
        self.rates.is_some()
    }

    /// What one of those costs.
    #[must_use]
    pub fn unit(&self, unit: Unit) -> Option<Picodollars> {
        self.units.get(&unit).copied()
    }

    /// The most that a call may cost: every prompt token at the dearest that the request can make it, at the dearest step
    /// that it can reach.
    #[must_use]
    pub fn quote(&self, asked: &Asked<'_>) -> Quote {
        let (prompts, summaries) = all_passes(asked);
        let input_tokens = prompts.saturating_add(summaries);
        let rates = || self.reachable(input_tokens);
        let input = rates().map(|rates| rates.dearest_input(asked.cache_lifetime)).max();
        let output = rates().map(|rates| rates.output).max();
        // What is written in other passes counts as input where its report is lost.
        let beside = output.max(input).unwrap_or_default();
        Quote {
            // What is not billed by the token cannot be bounded by tokens: no budget covers it.
            input: input
                .map_or(Nanodollars::MAX, |input| Nanodollars::cost([(prompts, input), (summaries, beside)])),
            input_tokens,
            per_output_token: output.unwrap_or_default(),
            output_tokens: asked.max_output_tokens,
            least_output_tokens: asked.least_output_tokens,
        }
    }

    /// What a call did cost: each kind of token at its own rate, rounded up once.
    #[must_use]
    pub fn cost(&self, usage: &Usage) -> Nanodollars {
        let Some(rates) = self.rates(usage.prompt_tokens()) else {
            return Nanodollars::ZERO;
        };
        Nanodollars::cost([
            (usage.input_tokens, rates.input),
            (usage.output_tokens, rates.output),
            (usage.cache_read_tokens, rates.read()),
            (usage.cache_write_5m_tokens, rates.write_5m()),
            (usage.cache_write_1h_tokens, rates.write_1h()),
        ])
    }

    /// What the same call would have cost if its whole prompt had been read anew: nothing from a cache, nothing into one.
    #[must_use]
    pub fn uncached_cost(&self, usage: &Usage) -> Nanodollars {
        let input_tokens = usage.prompt_tokens();
        self.cost(&Usage { input_tokens, output_tokens: usage.output_tokens, ..Usage::default() })
    }

    /// The rates that a prompt of up to that many tokens can come to, the last one last.
    fn reachable(&self, prompt_tokens: u64) -> impl Iterator<Item = &Rates> {
        let steps = self.steps.iter().filter(move |(above, _)| prompt_tokens > *above);
        self.rates.iter().chain(steps.map(|(_, rates)| rates))
    }

    /// The dearest of many, compared by what a token of output and of cached input costs.
    pub(crate) fn dearest<'a>(prices: impl Iterator<Item = &'a Arc<Price>>) -> Option<Arc<Price>> {
        let rank = |price: &Price| {
            let rates = price.reachable(u64::MAX);
            rates.map(|rates| (rates.output, rates.dearest_input(CacheLifetime::Hour))).max()
        };
        prices.filter(|price| price.rates.is_some()).max_by_key(|price| rank(price)).cloned()
    }
}
