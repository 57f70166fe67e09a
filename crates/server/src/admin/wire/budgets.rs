//! Budgets on the wire.

use jiff::Timestamp;
use stonegate_api::{BudgetCreate, BudgetMode, BudgetOverride, BudgetWhenShort, BudgetWindow};
use stonegate_identity::{Directory, KeyId, TeamId, TenantId, UserId};
use stonegate_ledger::{
    AccountId, AccountKind, Allowance, Amount, Budget, BudgetFilter, BudgetId, BudgetState, LedgerStore,
    Limit, Mode, Nanodollars, WhenShort, Window, Zone,
};

use super::{Problem, shown_time};
use crate::clock;

/// The budget that is wanted. The one that counts the same on the same account is changed; otherwise there is a new one.
pub(crate) async fn wanted(
    directory: &dyn Directory,
    ledger: &dyn LedgerStore,
    wanted: &BudgetCreate,
    now: Timestamp,
) -> Result<Budget, Problem> {
    let account = account("account", &wanted.account)?;
    let limit = limit(wanted)?;
    let time_zone = match tenant_of(directory, &account).await? {
        Some(tenant) => zone_of(directory, &tenant).await?,
        None => Zone::UTC,
    };
    let mut budget = Budget {
        id: BudgetId::new(wanted.id.as_deref().unwrap_or_default()),
        account: account.clone(),
        window: window(wanted.window),
        time_zone,
        limit,
        mode: mode(wanted, limit)?,
        model_filter: wanted.model_filter.clone(),
        when_short: match wanted.when_short {
            BudgetWhenShort::Lower => WhenShort::Lower,
            BudgetWhenShort::Refuse => WhenShort::Refuse,
        },
        thresholds: wanted.thresholds.clone().unwrap_or_else(|| THRESHOLDS.to_vec()),
        allowance: Allowance::default(),
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

/// What someone hears of who says nothing else.
const THRESHOLDS: [u8; 3] = [50, 80, 100];

/// The tenant that an account belongs to, if there is such an account.
pub(crate) async fn tenant_of(
    directory: &dyn Directory,
    account: &AccountId,
) -> Result<Option<TenantId>, Problem> {
    Ok(match account.kind {
        AccountKind::Tenant => TenantId::parse(&account.id).ok(),
        AccountKind::User => match UserId::parse(&account.id) {
            Ok(id) => directory.find_user(&id).await?.map(|user| user.tenant),
            Err(_) => None,
        },
        AccountKind::Key => match KeyId::parse(&account.id) {
            Ok(id) => directory.find_key(&id).await?.map(|key| key.tenant),
            Err(_) => None,
        },
        AccountKind::Team => match TeamId::parse(&account.id) {
            Ok(id) => directory.find_team(&id).await?.map(|team| team.tenant),
            Err(_) => None,
        },
    })
}

async fn zone_of(directory: &dyn Directory, tenant: &TenantId) -> Result<Zone, Problem> {
    let Some(tenant) = directory.find_tenant(tenant).await? else { return Ok(Zone::UTC) };
    let unknown = |bad: stonegate_ledger::UnknownZone| Problem::invalid("time_zone", bad.to_string());
    tenant.time_zone.parse().map_err(unknown)
}

/// Lets the budgets of a tenant's accounts turn by the tenant's calendar.
pub(crate) async fn follow_zone(
    directory: &dyn Directory,
    ledger: &dyn LedgerStore,
    tenant: &TenantId,
    now: Timestamp,
) -> Result<(), Problem> {
    let time_zone = zone_of(directory, tenant).await?;
    let mut theirs = Vec::new();
    for BudgetState { budget, .. } in ledger.list_budgets(BudgetFilter::default(), now).await? {
        if tenant_of(directory, &budget.account).await?.as_ref() == Some(tenant) {
            theirs.push(budget.id);
        }
    }
    Ok(ledger.move_budgets(theirs, time_zone).await?)
}

fn mode(wanted: &BudgetCreate, limit: Limit) -> Result<Mode, Problem> {
    match (wanted.mode, &wanted.per_minute) {
        (BudgetMode::Block, None) => Ok(Mode::Block),
        (BudgetMode::Notify, None) => Ok(Mode::Notify),
        (BudgetMode::Throttle, Some(text)) => {
            Ok(Mode::Throttle { per_minute: amount("per_minute", text, limit)? })
        }
        (BudgetMode::Throttle, None) => Err(Problem::invalid(
            "per_minute",
            "mode `throttle` needs a rate: so many US dollars or tokens a minute",
        )),
        (BudgetMode::Block | BudgetMode::Notify, Some(_)) => {
            Err(Problem::invalid("per_minute", "a rate goes with mode `throttle` only"))
        }
    }
}

/// An amount in the unit of that limit, as people write it.
pub(crate) fn amount(field: &'static str, text: &str, unit: Limit) -> Result<Amount, Problem> {
    let (amount, form) = match unit {
        Limit::Usd(_) => (
            Nanodollars::parse_dollars(text).map(Nanodollars::get),
            "amount of US dollars: write it as 12 or 12.50, with nine places at most",
        ),
        Limit::Tokens(_) => (text.parse().ok(), "number of tokens"),
    };
    let amount = amount.filter(|amount| i64::try_from(*amount).is_ok());
    amount.ok_or_else(|| Problem::invalid(field, format!("`{text}` is no {form}")))
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
        (Some(text), None) => {
            let usd = Limit::Usd(Nanodollars::ZERO);
            Ok(usd.with_amount(amount("limit_usd", text, usd)?))
        }
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
        }
        .into(),
        time_zone: budget.time_zone.to_string(),
        window_key: state.window.to_string(),
        renews_at: state.renews_at.map(shown_time),
        mode: match budget.mode {
            Mode::Block => "block",
            Mode::Throttle { .. } => "throttle",
            Mode::Notify => "notify",
        }
        .to_owned(),
        per_minute: match budget.mode {
            Mode::Throttle { per_minute } => Some(per_minute),
            Mode::Block | Mode::Notify => None,
        },
        when_short: match budget.when_short {
            WhenShort::Lower => BudgetWhenShort::Lower,
            WhenShort::Refuse => BudgetWhenShort::Refuse,
        }
        .into(),
        model_filter: budget.model_filter.clone(),
        thresholds: budget.thresholds.clone(),
        unit: unit(budget.limit).to_owned(),
        limit: state.limit,
        own_limit: Some(budget.limit.amount()),
        credit: budget.allowance.credit,
        window_credit: state.counter.credit,
        overridden: budget.allowance.overridden.as_ref().map(|overridden| BudgetOverride {
            limit: overridden.amount,
            from: shown_time(overridden.from),
            until: shown_time(overridden.until),
        }),
        spent: state.counter.spent,
        leased: state.counter.leased,
        remaining: state.remaining(),
        unresolved: state.unresolved,
        uncovered: state.counter.uncovered,
        limit_usd: usd(state.limit),
        spent_usd: usd(state.counter.spent),
        forecast: None,
    }
}

/// The name of a limit's unit.
pub(super) fn unit(limit: Limit) -> &'static str {
    match limit {
        Limit::Usd(_) => "usd",
        Limit::Tokens(_) => "tokens",
    }
}

/// Dollars exactly, without the sign: `12.50`, `0.000125`.
pub(crate) fn dollars(money: Nanodollars) -> String {
    money.number().to_string()
}
