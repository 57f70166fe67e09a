//! Questions about the past, and their answers.

use std::sync::Arc;

use jiff::Timestamp;

use crate::{
    account::{AccountId, AccountPath},
    budget::{Amount, Budget},
    call::CallId,
    journal::{Basis, Tokens, UsageRecord},
    lease::CounterState,
    money::Nanodollars,
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
}

impl UsageFilter {
    /// Whether a record is meant. Stores that can ask a database do so; this says what it has to answer.
    pub fn admits(&self, record: &UsageRecord) -> bool {
        fn is(wanted: Option<&Arc<str>>, found: Option<&Arc<str>>) -> bool {
            wanted.is_none_or(|wanted| found == Some(wanted))
        }
        let path: &AccountPath = &record.path;
        self.from.is_none_or(|from| record.call >= CallId::first_at(from))
            && self.until.is_none_or(|until| record.call < CallId::first_at(until))
            && is(self.tenant.as_ref(), Some(path.tenant()))
            && is(self.team.as_ref(), path.team())
            && is(self.user.as_ref(), Some(path.user()))
            && is(self.key.as_ref(), path.key())
            && is(self.model.as_ref(), Some(&record.model_served))
    }
}

/// What usage is summed by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum UsageBy {
    /// Each tenant.
    Tenant,
    /// Each team; calls outside of teams come under the empty name.
    Team,
    /// Each user.
    User,
    /// Each key; calls without one come under the empty name.
    Key,
    /// Each model that answered.
    Model,
    /// Each day in UTC on which calls came in.
    Day,
}

spelled!(UsageBy { Tenant = "tenant", Team = "team", User = "user", Key = "key", Model = "model", Day = "day" });

impl UsageBy {
    /// The group that a record falls in.
    pub fn group(self, record: &UsageRecord) -> Arc<str> {
        let named = |id: Option<&Arc<str>>| id.cloned().unwrap_or_else(|| "".into());
        match self {
            Self::Tenant => record.path.tenant().clone(),
            Self::Team => named(record.path.team()),
            Self::User => record.path.user().clone(),
            Self::Key => named(record.path.key()),
            Self::Model => record.model_served.clone(),
            Self::Day => record.started_at.strftime("%F").to_string().into(),
        }
    }
}

/// Asks what was used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UsageQuery {
    /// Which calls are summed.
    pub filter: UsageFilter,
    /// What they are summed by.
    pub by: UsageBy,
}

/// What was used by one user, key, model and so on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UsageSum {
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
}

impl UsageSum {
    /// Nothing used yet.
    pub fn empty(group: Arc<str>) -> Self {
        let (calls, estimated, unresolved) = (0, 0, 0);
        Self { group, calls, estimated, unresolved, tokens: Tokens::default(), cost: Nanodollars::ZERO }
    }

    /// Adds a record.
    pub fn add(&mut self, record: &UsageRecord) {
        let one_if = |basis: Basis| u64::from(record.basis == basis);
        self.calls = self.calls.saturating_add(1);
        self.estimated = self.estimated.saturating_add(one_if(Basis::Estimated));
        self.unresolved = self.unresolved.saturating_add(one_if(Basis::Unresolved));
        self.cost = self.cost.saturating_add(record.cost);
        let (sum, more) = (&mut self.tokens, &record.tokens);
        sum.input = sum.input.saturating_add(more.input);
        sum.output = sum.output.saturating_add(more.output);
        sum.cache_read = sum.cache_read.saturating_add(more.cache_read);
        sum.cache_write_5m = sum.cache_write_5m.saturating_add(more.cache_write_5m);
        sum.cache_write_1h = sum.cache_write_1h.saturating_add(more.cache_write_1h);
        if let Some(thinking) = more.thinking {
            sum.thinking = Some(sum.thinking.unwrap_or(0).saturating_add(thinking));
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
