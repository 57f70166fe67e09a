//! Budgets on the wire.

use stonegate_api::{BudgetCreate, BudgetMode, BudgetWindow};
use stonegate_ledger::{
    AccountId, Budget, BudgetFilter, BudgetId, BudgetState, LedgerStore, Limit, Mode, Nanodollars, Window,
};

use super::{Problem, shown_time};
use crate::clock;

/// The budget that is wanted. The one that counts the same on the same account is changed; otherwise there is a new one.
pub(crate) async fn wanted(
    ledger: &dyn LedgerStore,
    wanted: &BudgetCreate,
    now: jiff::Timestamp,
) -> Result<Budget, Problem> {
    let account = account("account", &wanted.account)?;
    let limit = limit(wanted)?;
    let mut budget = Budget {
        id: BudgetId::new(wanted.id.as_deref().unwrap_or_default()),
        account: account.clone(),
        window: window(wanted.window),
        limit,
        mode: match wanted.mode {
            BudgetMode::Block => Mode::Block,
            BudgetMode::Notify => Mode::Notify,
        },
        model_filter: wanted.model_filter.clone(),
        thresholds: wanted.thresholds.clone(),
    };
    if wanted.id.is_none() {
        let there = ledger.list_budgets(BudgetFilter { account: Some(account) }, now).await?;
        let same = there
            .into_iter()
            .map(|state| state.budget)
            .find(|other| other.counts_as(&budget) && other.model_filter == budget.model_filter);
        budget.id = same.map_or_else(new_id, |same| same.id);
    }
    Ok(budget)
}

fn new_id() -> BudgetId {
    BudgetId::new(format!("bgt_{:020x}", u128::from_be_bytes(clock::random()) >> 48))
}

/// An account as the wire writes it: `user:ID`.
pub(crate) fn account(field: &'static str, text: &str) -> Result<AccountId, Problem> {
    text.parse().map_err(|error: stonegate_ledger::UnknownText| Problem::invalid(field, error.to_string()))
}

fn limit(wanted: &BudgetCreate) -> Result<Limit, Problem> {
    match (&wanted.limit_usd, wanted.limit_tokens) {
        (Some(text), None) => Nanodollars::parse_dollars(text).map(Limit::Usd).ok_or_else(|| {
            let message = format!(
                "`{text}` is no amount of US dollars: write it as 12 or 12.50, with nine places at most"
            );
            Problem::invalid("limit_usd", message)
        }),
        (None, Some(tokens)) => Ok(Limit::Tokens(tokens)),
        (Some(_), Some(_)) => {
            Err(Problem::invalid("limit_tokens", "give `limit_usd` or `limit_tokens`, not both"))
        }
        (None, None) => Err(Problem::invalid("limit_usd", "give `limit_usd` or `limit_tokens`")),
    }
}

fn window(window: BudgetWindow) -> Window {
    match window {
        BudgetWindow::Total => Window::Total,
        BudgetWindow::Daily => Window::Daily,
        BudgetWindow::Weekly => Window::Weekly,
        BudgetWindow::Monthly => Window::Monthly,
    }
}

pub(crate) fn shown(state: &BudgetState) -> stonegate_api::Budget {
    let budget = &state.budget;
    let is_money = matches!(budget.limit, Limit::Usd(_));
    let usd = |amount: u64| is_money.then(|| dollars(Nanodollars::new(amount)));
    stonegate_api::Budget {
        id: budget.id.to_string(),
        account: budget.account.to_string(),
        account_name: None,
        window: match budget.window {
            Window::Total => BudgetWindow::Total,
            Window::Daily => BudgetWindow::Daily,
            Window::Weekly => BudgetWindow::Weekly,
            Window::Monthly => BudgetWindow::Monthly,
        },
        window_key: state.window.to_string(),
        renews_at: state.renews_at.map(shown_time),
        mode: match budget.mode {
            Mode::Block => "block",
            Mode::Throttle { .. } => "throttle",
            Mode::Notify => "notify",
        }
        .to_owned(),
        model_filter: budget.model_filter.clone(),
        thresholds: budget.thresholds.clone(),
        unit: if is_money { "usd" } else { "tokens" }.to_owned(),
        limit: budget.limit.amount(),
        spent: state.counter.spent,
        leased: state.counter.leased,
        remaining: state.remaining(),
        unresolved: state.unresolved,
        limit_usd: usd(budget.limit.amount()),
        spent_usd: usd(state.counter.spent),
    }
}

/// Dollars exactly, without the sign: `12.50`, `0.000125`.
pub(crate) fn dollars(money: Nanodollars) -> String {
    money.to_string().trim_start_matches('$').to_owned()
}
