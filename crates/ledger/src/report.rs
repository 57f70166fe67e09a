//! Questions about the past, and their answers.

use std::sync::Arc;

use jiff::Timestamp;

use crate::{
    account::AccountId,
    budget::{Amount, Budget},
    call::CallId,
    journal::{Basis, Tokens, UsageRecord},
    lease::CounterState,
    money::Nanodollars,
    series::Series,
    text::spelled,
    window::WindowKey,
};

/// Which calls are meant. What is `None` is not asked about.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UsageFilter {
    /// Calls that came in at this time or later; to the millisecond, as call ids are.
    pub from: Option<Timestamp>,
    /// Calls that came in before this time.
    pub until: Option<Timestamp>,
    /// Calls of that tenant.
    pub tenant: Option<Arc<str>>,
    /// Calls of that team.
    pub team: Option<Arc<str>>,
    /// Calls of that user.
    pub user: Option<Arc<str>>,
    /// Calls with that key.
    pub key: Option<Arc<str>>,
    /// Calls that that model answered.
    pub model: Option<Arc<str>>,
    /// Calls that went to that upstream.
    pub endpoint: Option<Arc<str>>,
    /// Calls of that program.
    pub client: Option<Arc<str>>,
    /// Calls in that protocol.
    pub dialect: Option<Arc<str>>,
    /// Calls with that tag: `NAME=VALUE`, or `NAME` whatever its value.
    pub tag: Option<Arc<str>>,
}

impl UsageFilter {
    /// Whether a record is meant. Stores that can ask a database do so; this says what it has to answer.
    pub fn admits(&self, record: &UsageRecord) -> bool {
        self.from.is_none_or(|from| record.call >= CallId::first_at(from))
            && self.until.is_none_or(|until| record.call < CallId::first_at(until))
            && self.admits_series(&Series::of(record))
    }

    /// Whether the calls of a series are meant, whenever they came in.
    pub fn admits_series(&self, series: &Series) -> bool {
        let is = |wanted: &Option<Arc<str>>, found: &Arc<str>| {
            wanted.as_ref().is_none_or(|wanted| wanted == found)
        };
        is(&self.tenant, &series.tenant)
            && is(&self.team, &series.team)
            && is(&self.user, &series.user)
            && is(&self.key, &series.key)
            && is(&self.model, &series.model)
            && is(&self.endpoint, &series.endpoint)
            && is(&self.client, &series.client)
            && is(&self.dialect, &series.dialect)
            && self.tag_mark().is_none_or(|mark| format!(",{},", series.tags).contains(&mark))
    }

    /// What the text of a call's tags, between two commas, contains if the call has the tag that is asked for.
    pub fn tag_mark(&self) -> Option<String> {
        let tag = self.tag.as_deref()?;
        Some(if tag.contains('=') { format!(",{tag},") } else { format!(",{tag}=") })
    }
}

/// What usage is summed by. Calls that have no such thing come under the empty name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum UsageBy {
    /// Each tenant.
    Tenant,
    /// Each team.
    Team,
    /// Each user.
    User,
    /// Each key.
    Key,
    /// Each model that answered.
    Model,
    /// Each upstream.
    Endpoint,
    /// Each client's program.
    Client,
    /// Each client's protocol.
    Dialect,
    /// Each tag, written `NAME=VALUE`: a call with several counts for each of them. Where calls with some tag are asked
    /// for, that tag only.
    Tag,
}

spelled!(UsageBy {
    Tenant = "tenant",
    Team = "team",
    User = "user",
    Key = "key",
    Model = "model",
    Endpoint = "endpoint",
    Client = "client",
    Dialect = "dialect",
    Tag = "tag",
});

/// The time that each sum is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum UsagePer {
    /// Each day in UTC.
    Day,
    /// Each hour.
    Hour,
}

spelled!(UsagePer { Day = "day", Hour = "hour" });

/// Asks what was used. The span is of whole hours: one that is touched counts as a whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UsageQuery {
    /// Which calls are summed.
    pub filter: UsageFilter,
    /// What they are summed by; `None` for all together.
    pub by: Option<UsageBy>,
    /// For each day or hour; `None` for the whole span.
    pub per: Option<UsagePer>,
    /// Only sums after that period and group: where the last page ended.
    pub after: Option<(Option<Timestamp>, Arc<str>)>,
    /// How many at most.
    pub limit: u32,
}

impl UsageQuery {
    /// All that is meant, in one sum.
    pub fn of(filter: UsageFilter) -> Self {
        Self { filter, by: None, per: None, after: None, limit: u32::MAX }
    }
}

/// What was used in a period by one user, key, model and so on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UsageSum {
    /// When the day or hour begins; `None` when it is of the whole span.
    pub period: Option<Timestamp>,
    /// Its id or name.
    pub group: Arc<str>,
    /// How many calls.
    pub calls: u64,
    /// How many of them rest on an estimate.
    pub estimated: u64,
    /// How many of them are still charged what they had reserved.
    pub unresolved: u64,
    /// All their tokens.
    pub tokens: Tokens,
    /// All their cost.
    pub cost: Nanodollars,
    /// What they would have cost at the same prices without any caching.
    pub uncached_cost: Nanodollars,
}

impl UsageSum {
    /// Nothing used yet.
    pub fn empty() -> Self {
        let (calls, estimated, unresolved) = (0, 0, 0);
        let (cost, uncached_cost) = (Nanodollars::ZERO, Nanodollars::ZERO);
        let (period, group, tokens) = (None, Arc::default(), Tokens::default());
        Self { period, group, calls, estimated, unresolved, tokens, cost, uncached_cost }
    }

    /// What one record is.
    fn one(record: &UsageRecord) -> Self {
        let one_if = |basis: Basis| u64::from(record.basis == basis);
        Self {
            calls: 1,
            estimated: one_if(Basis::Estimated),
            unresolved: one_if(Basis::Unresolved),
            tokens: record.tokens,
            cost: record.cost,
            uncached_cost: record.uncached_cost,
            ..Self::empty()
        }
    }

    /// Adds a record.
    pub fn add(&mut self, record: &UsageRecord) {
        self.merge(&Self::one(record));
    }

    /// Takes out a record that was added.
    pub(crate) fn remove(&mut self, record: &UsageRecord) {
        self.combine(&Self::one(record), u64::saturating_sub);
    }

    /// Adds another sum.
    pub fn merge(&mut self, other: &Self) {
        self.combine(other, u64::saturating_add);
    }

    fn combine(&mut self, other: &Self, with: fn(u64, u64) -> u64) {
        let money = |own: Nanodollars, more: Nanodollars| Nanodollars::new(with(own.get(), more.get()));
        self.calls = with(self.calls, other.calls);
        self.estimated = with(self.estimated, other.estimated);
        self.unresolved = with(self.unresolved, other.unresolved);
        self.cost = money(self.cost, other.cost);
        self.uncached_cost = money(self.uncached_cost, other.uncached_cost);
        let (sum, more) = (&mut self.tokens, &other.tokens);
        sum.input = with(sum.input, more.input);
        sum.output = with(sum.output, more.output);
        sum.cache_read = with(sum.cache_read, more.cache_read);
        sum.cache_write_5m = with(sum.cache_write_5m, more.cache_write_5m);
        sum.cache_write_1h = with(sum.cache_write_1h, more.cache_write_1h);
        if let Some(thinking) = more.thinking {
            sum.thinking = Some(with(sum.thinking.unwrap_or(0), thinking));
        }
    }
}

/// Asks for single records, the newest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JournalQuery {
    /// Which calls.
    pub filter: UsageFilter,
    /// Only calls before this one: where the last page ended.
    pub before: Option<CallId>,
    /// How many at most.
    pub limit: u32,
}

/// One page of records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JournalPage {
    /// The records, the newest first.
    pub records: Vec<UsageRecord>,
    /// Where the next page starts; `None` when this was the last.
    pub next: Option<CallId>,
}

/// Asks for budgets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BudgetFilter {
    /// Only those on this account.
    pub account: Option<AccountId>,
}

/// A budget and how it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BudgetState {
    /// The budget.
    pub budget: Budget,
    /// The window it stands in now.
    pub window: WindowKey,
    /// When it renews.
    pub renews_at: Option<Timestamp>,
    /// How much may be spent in this window: its limit, or what overrides it, and credit.
    pub limit: Amount,
    /// What its counter says.
    pub counter: CounterState,
    /// The part of what is spent that no call accounts for: leases of replicas that died.
    pub unresolved: Amount,
}

impl BudgetState {
    /// What is not spent. A part of it may be on lease: nobody has spent that.
    pub fn remaining(&self) -> Amount {
        self.limit.saturating_sub(self.counter.spent)
    }
}
