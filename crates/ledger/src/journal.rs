//! The audit trail of money: one record per call, and a note of those that are still open.

use std::sync::Arc;

use jiff::Timestamp;

use crate::{
    account::AccountPath,
    budget::{Amount, Limit},
    call::CallId,
    lease::Counter,
    money::Nanodollars,
    tags::Tags,
    text::spelled,
};

/// What went in and came out, as upstream counts it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tokens {
    /// Read at the full price.
    pub input: u64,
    /// Written, thinking included.
    pub output: u64,
    /// Read from the cache.
    pub cache_read: u64,
    /// Written to the cache for five minutes.
    pub cache_write_5m: u64,
    /// Written to the cache for an hour.
    pub cache_write_1h: u64,
    /// The part of the output that was thinking, where upstream says so.
    pub thinking: Option<u64>,
}

impl Tokens {
    /// Everything that went in or came out. Thinking is output already.
    pub fn total(&self) -> u64 {
        [self.output, self.cache_read, self.cache_write_5m, self.cache_write_1h]
            .into_iter()
            .fold(self.input, u64::saturating_add)
    }
}

/// How a call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// The whole answer arrived.
    Complete,
    /// Upstream broke off.
    UpstreamFailed,
    /// The client left.
    ClientGone,
    /// The gateway stopped, and the answer did not end within its drain time.
    GatewayStopped,
    /// Upstream said no, and billed nothing.
    Refused,
    /// Dropped before anything was sent.
    Abandoned,
    /// The replica died while the call was under way.
    Lost,
}

spelled!(Outcome {
    Complete = "complete",
    UpstreamFailed = "upstream_failed",
    ClientGone = "client_gone",
    GatewayStopped = "gateway_stopped",
    Refused = "refused",
    Abandoned = "abandoned",
    Lost = "lost",
});

/// What a record's numbers rest on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Basis {
    /// Upstream's own report.
    Reported,
    /// An upper estimate of what was seen.
    Estimated,
    /// Nothing: the call is charged what it had reserved, until someone knows better.
    Unresolved,
    /// The word of a person who knew better.
    Corrected,
}

spelled!(Basis {
    Reported = "reported",
    Estimated = "estimated",
    Unresolved = "unresolved",
    Corrected = "corrected",
});

/// What is known of a call when its money is reserved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft {
    /// Its id.
    pub call: CallId,
    /// When it came in.
    pub started_at: Timestamp,
    /// The client's protocol, such as `anthropic`.
    pub dialect: Arc<str>,
    /// The client's program, by a name of a short list, where it says so.
    pub client: Option<Arc<str>>,
    /// What the key and the client have marked the call with.
    pub tags: Tags,
    /// The model as the client named it.
    pub model_requested: Arc<str>,
    /// The model of the catalog that this resolved to. Budgets' model filters look at this name.
    pub model_served: Arc<str>,
    /// The price list that the call is charged by.
    pub price_version: Arc<str>,
    /// Whether the client asked for a stream.
    pub stream: bool,
}

/// One call as it is kept for good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UsageRecord {
    /// Its id; the same id twice counts once.
    pub call: CallId,
    /// When it came in.
    pub started_at: Timestamp,
    /// Who paid.
    pub path: AccountPath,
    /// The client's protocol.
    pub dialect: Arc<str>,
    /// The client's program, where it says so.
    pub client: Option<Arc<str>>,
    /// What the key and the client have marked it with.
    pub tags: Tags,
    /// The model as the client named it.
    pub model_requested: Arc<str>,
    /// The model that answered.
    pub model_served: Arc<str>,
    /// The upstream that was called last. `None` when none was.
    pub endpoint: Option<Arc<str>>,
    /// What went in and came out.
    pub tokens: Tokens,
    /// What it cost.
    pub cost: Nanodollars,
    /// What it would have cost at the same price if nothing had been written to a cache or read from one.
    pub uncached_cost: Nanodollars,
    /// The price list that says so.
    pub price_version: Arc<str>,
    /// From the request to the first byte of the answer.
    pub first_byte_us: Option<u64>,
    /// From the request to the end.
    pub total_us: u64,
    /// How it ended.
    pub outcome: Outcome,
    /// What the numbers rest on.
    pub basis: Basis,
    /// Why the model stopped.
    pub stop_reason: Option<Arc<str>>,
    /// Upstream's own name for the call.
    pub upstream_request_id: Option<Arc<str>>,
    /// The HTTP status that the client got.
    pub status: u16,
    /// Whether the client asked for a stream.
    pub stream: bool,
    /// The counters that the call was charged to.
    pub counters: Vec<Counter>,
}

impl UsageRecord {
    /// What this call takes from a budget of that limit's unit.
    pub fn amount(&self, unit: Limit) -> Amount {
        charge(unit, self.cost, &self.tokens)
    }
}

/// What a call takes from a budget of that limit's unit.
pub(crate) fn charge(unit: Limit, cost: Nanodollars, tokens: &Tokens) -> Amount {
    match unit {
        Limit::Usd(_) => cost.get(),
        Limit::Tokens(_) => tokens.total(),
    }
}

/// A call under way, as the store knows it. Should its replica die, this is what it is charged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opened {
    /// The record that the call leaves if nothing more is ever heard of it: charged what it had reserved,
    /// [`Outcome::Lost`], [`Basis::Unresolved`].
    pub if_lost: UsageRecord,
}

impl Opened {
    /// The note for a call that has reserved so much on these counters.
    pub fn new(
        draft: Draft,
        path: AccountPath,
        reserved: (Nanodollars, Tokens),
        counters: Vec<Counter>,
    ) -> Self {
        let (cost, tokens) = reserved;
        let lost = Settlement::new(Outcome::Lost, Basis::Unresolved, cost, tokens);
        Self { if_lost: draft.finish(path, lost, counters) }
    }

    /// The call's id.
    pub fn call(&self) -> CallId {
        self.if_lost.call
    }
}

/// How a call ended and what it really cost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settlement {
    /// What went in and came out.
    pub tokens: Tokens,
    /// What it cost, by the price list it was reserved at.
    pub cost: Nanodollars,
    /// What it would have cost by the same price without any caching.
    pub uncached_cost: Nanodollars,
    /// How it ended.
    pub outcome: Outcome,
    /// What the numbers rest on.
    pub basis: Basis,
    /// From the request to the first byte of the answer.
    pub first_byte_us: Option<u64>,
    /// From the request to the end.
    pub total_us: u64,
    /// Why the model stopped.
    pub stop_reason: Option<Arc<str>>,
    /// The HTTP status that the client got; 0 when it got none.
    pub status: u16,
    /// The model that answered, where it is another than the draft says.
    pub model_served: Option<Arc<str>>,
    /// The upstream that was called last.
    pub endpoint: Option<Arc<str>>,
    /// Upstream's own name for the call.
    pub upstream_request_id: Option<Arc<str>>,
}

impl Settlement {
    /// A settlement that says how the call ended and what it cost, and nothing else yet.
    pub fn new(outcome: Outcome, basis: Basis, cost: Nanodollars, tokens: Tokens) -> Self {
        Self {
            tokens,
            cost,
            uncached_cost: cost,
            outcome,
            basis,
            first_byte_us: None,
            total_us: 0,
            stop_reason: None,
            status: 0,
            model_served: None,
            endpoint: None,
            upstream_request_id: None,
        }
    }
}

impl Draft {
    /// The record that a draft becomes.
    pub(crate) fn finish(self, path: AccountPath, end: Settlement, counters: Vec<Counter>) -> UsageRecord {
        UsageRecord {
            call: self.call,
            started_at: self.started_at,
            path,
            dialect: self.dialect,
            client: self.client,
            tags: self.tags,
            model_requested: self.model_requested,
            model_served: end.model_served.unwrap_or(self.model_served),
            endpoint: end.endpoint,
            tokens: end.tokens,
            cost: end.cost,
            uncached_cost: end.uncached_cost,
            price_version: self.price_version,
            first_byte_us: end.first_byte_us,
            total_us: end.total_us,
            outcome: end.outcome,
            basis: end.basis,
            stop_reason: end.stop_reason,
            upstream_request_id: end.upstream_request_id,
            status: end.status,
            stream: self.stream,
            counters,
        }
    }
}
