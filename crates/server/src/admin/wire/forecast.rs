//! What budgets will have spent when they renew, by what was used in the weeks before.

use std::{
    collections::{HashMap, hash_map::Entry},
    sync::Arc,
};

use jiff::Timestamp;
use stonegate_api::BudgetForecast;
use stonegate_ledger::{
    AccountId, AccountKind, Amount, BudgetState, LedgerStore, Limit, Nanodollars, Outlook, Past, StoreError,
    UsageBy, UsageFilter, UsagePer, UsageQuery, UsageSum,
};

use super::{budgets::dollars, shown_time};

/// The sums of one answer, by their groups.
type Groups = HashMap<Arc<str>, Vec<UsageSum>>;

/// Looks ahead for several budgets, and asks the ledger once for all that need the same.
pub(crate) struct Forecaster<'a> {
    ledger: &'a dyn LedgerStore,
    now: Timestamp,
    breadth: Breadth,
    answers: HashMap<Question, Groups>,
}

/// How many accounts a question is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Breadth {
    /// One budget is looked at.
    One,
    /// Many are.
    Many,
}

/// What was used, by what, in a span.
#[derive(PartialEq, Eq, Hash)]
struct Question {
    by: UsageBy,
    of: Option<AccountId>,
    per: Option<UsagePer>,
    span: (Timestamp, Timestamp),
}

impl<'a> Forecaster<'a> {
    pub(crate) fn new(ledger: &'a dyn LedgerStore, now: Timestamp, breadth: Breadth) -> Self {
        Self { ledger, now, breadth, answers: HashMap::new() }
    }

    /// What is to be expected of a budget.
    pub(crate) async fn forecast(&mut self, state: &BudgetState) -> Result<BudgetForecast, StoreError> {
        let outlook = Outlook::new(self.now, state.renews_at);
        let days = self.used(state, Some(UsagePer::Day), outlook.days()).await?;
        let days = days.into_iter().filter_map(|(day, amount)| Some((day?, amount))).collect();
        let mut stretches = Vec::new();
        for span in outlook.stretches() {
            let used = self.used(state, None, span).await?;
            stretches.push(used.iter().fold(0, |sum: Amount, (_, amount)| sum.saturating_add(*amount)));
        }
        let forecast = outlook.forecast(state.counter.spent, state.limit, &Past { days, stretches });
        let is_money = matches!(state.budget.limit, Limit::Usd(_));
        Ok(BudgetForecast {
            spent: forecast.spent,
            spent_usd: forecast.spent.filter(|_| is_money).map(|spent| dollars(Nanodollars::new(spent))),
            runs_out_at: forecast.runs_out_at.map(shown_time),
        })
    }

    /// What a budget's account used in a span, in the budget's unit.
    async fn used(
        &mut self,
        state: &BudgetState,
        per: Option<UsagePer>,
        span: (Timestamp, Timestamp),
    ) -> Result<Vec<(Option<Timestamp>, Amount)>, StoreError> {
        let budget = &state.budget;
        let by_models = budget.model_filter.is_some();
        let of = (by_models || self.breadth == Breadth::One).then(|| budget.account.clone());
        let by = if by_models { UsageBy::Model } else { by(budget.account.kind) };
        let groups = self.groups(Question { by, of, per, span }).await?;
        let is_meant =
            |group: &str| if by_models { budget.counts(group) } else { *group == *budget.account.id };
        let sums = groups.iter().filter(|(group, _)| is_meant(group)).flat_map(|(_, sums)| sums);
        let amount = |sum: &UsageSum| match budget.limit {
            Limit::Usd(_) => sum.cost.get(),
            Limit::Tokens(_) => sum.tokens.total(),
        };
        Ok(sums.map(|sum| (sum.period, amount(sum))).collect())
    }

    async fn groups(&mut self, question: Question) -> Result<&Groups, StoreError> {
        Ok(match self.answers.entry(question) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(unknown) => {
                let mut groups = Groups::new();
                for sum in self.ledger.usage(unknown.key().query()).await? {
                    groups.entry(Arc::clone(&sum.group)).or_default().push(sum);
                }
                unknown.insert(groups)
            }
        })
    }
}

impl Question {
    fn query(&self) -> UsageQuery {
        let mut filter =
            UsageFilter { from: Some(self.span.0), until: Some(self.span.1), ..UsageFilter::default() };
        if let Some(account) = &self.of {
            let id = Some(Arc::clone(&account.id));
            match account.kind {
                AccountKind::Tenant => filter.tenant = id,
                AccountKind::Team => filter.team = id,
                AccountKind::User => filter.user = id,
                AccountKind::Key => filter.key = id,
            }
        }
        UsageQuery { by: Some(self.by), per: self.per, ..UsageQuery::of(filter) }
    }
}

fn by(kind: AccountKind) -> UsageBy {
    match kind {
        AccountKind::Tenant => UsageBy::Tenant,
        AccountKind::Team => UsageBy::Team,
        AccountKind::User => UsageBy::User,
        AccountKind::Key => UsageBy::Key,
    }
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;
    use stonegate_ledger::{
        AccountPath, Authorization, Basis, Budget, BudgetFilter, CallId, ChargeEnd, ChargeId, MemoryStore,
        Outcome, Tags, Tokens, UsageRecord, Window,
    };

    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    /// Someone used so many nano-dollars, and twice as many tokens.
    async fn used(store: &MemoryStore, (user, model): (&str, &str), cost: u64, number: u8, at: Timestamp) {
        let (cost, tokens) = (Nanodollars::new(cost), Tokens { input: 2 * cost, ..Tokens::default() });
        let call = CallId::from_parts(at, [number; 10]);
        let record = UsageRecord {
            call,
            started_at: at,
            path: AccountPath::new("acme", None, user, None),
            dialect: "charge".into(),
            client: None,
            tags: Tags::default(),
            model_requested: model.into(),
            model_served: model.into(),
            endpoint: None,
            tokens,
            cost,
            uncached_cost: cost,
            price_version: "charge".into(),
            first_byte_us: None,
            total_us: 0,
            outcome: Outcome::Complete,
            basis: Basis::Reported,
            stop_reason: None,
            upstream_request_id: None,
            status: 0,
            stream: false,
            counters: Vec::new(),
        };
        let (key, request) = (call.to_string().into(), "".into());
        let expires_at = at + SignedDuration::from_mins(1);
        let wanted = Authorization { record, key, request, at, expires_at, waits_until: at };
        store.authorize(wanted).await.unwrap();
        store.end_charge(ChargeId(call), ChargeEnd::Capture { cost, tokens }, at).await.unwrap();
    }

    /// A tenant in which Ann uses 10 each day at ten, and Bob 20 of another model, since two weeks ago.
    async fn tenant() -> MemoryStore {
        let store = MemoryStore::new();
        for day in 4..=18 {
            let ten = at(&format!("2026-11-{day:02}T10:00:00Z"));
            used(&store, ("ann", "opus"), 10, 1, ten).await;
            used(&store, ("bob", "haiku"), 20, 2, ten).await;
        }
        store
    }

    #[track_caller]
    fn check(forecast: &BudgetForecast, spent: Option<u64>, runs_out_at: Option<&str>) {
        assert_eq!((forecast.spent, forecast.runs_out_at.as_deref()), (spent, runs_out_at));
    }

    #[tokio::test]
    async fn a_budget_is_told_what_its_account_and_models_used_in_its_unit() {
        let store = tenant().await;
        let usd = |amount| Limit::Usd(Nanodollars::new(amount));
        let budget = |id: &str, account: &str, window, limit| {
            Budget::block(id, account.parse().unwrap(), window, limit)
        };
        let of_haiku = Some("haiku*".to_owned());
        for budget in [
            budget("ann", "user:ann", Window::Weekly, usd(30)),
            budget("bob-tokens", "user:bob", Window::Weekly, Limit::Tokens(1_000)),
            budget("carl", "user:carl", Window::Total, usd(1)),
            Budget { model_filter: of_haiku, ..budget("haiku", "tenant:acme", Window::Weekly, usd(80)) },
            budget("today", "tenant:acme", Window::Daily, usd(100)),
            budget("total", "tenant:acme", Window::Total, usd(300)),
        ] {
            store.define_budget(budget).await.unwrap();
        }
        let now = at("2026-11-18T12:00:00Z");
        let states = store.list_budgets(BudgetFilter::default(), now).await.unwrap();
        for breadth in [Breadth::One, Breadth::Many] {
            let mut forecaster = Forecaster::new(&store, now, breadth);
            let mut forecasts = Vec::new();
            for state in &states {
                forecasts.push(forecaster.forecast(state).await.unwrap());
            }
            let [ann, bob, carl, haiku, today, total] = &*forecasts else { unreachable!("{forecasts:?}") };
            // Thursday to Sunday are to come, of which three quarters fit.
            check(ann, Some(40), Some("2026-11-21T21:00:00Z"));
            assert_eq!(ann.spent_usd.as_deref(), Some("0.00000004"));
            check(bob, Some(160), None);
            check(carl, None, None);
            check(haiku, Some(80), None);
            // Nobody works in the afternoon.
            check(today, Some(0), None);
            // 210 a week.
            check(total, None, Some("2026-11-28T12:00:00Z"));
        }
    }
}
