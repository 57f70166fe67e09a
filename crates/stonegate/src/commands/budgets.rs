//! `stonegate budgets`: budgets on the store of this machine.

use clap::{Args, Subcommand, ValueEnum};
use serde_json::json;
use stonegate_api::{Budget, BudgetCreate, BudgetMode, BudgetWhenShort, BudgetWindow};

use crate::{
    operate::StoreArguments,
    output::{Column, Table, count, dollars},
    terminal::Style,
};

mod adjust;
mod events;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make a budget, or change the one that counts the same; a running server heeds it within a second.
    Set(Set),
    /// List budgets, how they stand, and what they will come to.
    List(List),
    /// Grant credit beyond a budget's limit, in its current window or for ever.
    Grant(adjust::Grant),
    /// Correct a budget's credit, up or down.
    Adjust(adjust::Grant),
    /// Put another limit in the place of a budget's own for a time; it ends by itself.
    Override(adjust::Override),
    /// List what was granted, adjusted and overridden: when, by whom and why.
    Adjustments(adjust::Adjustments),
    /// List the thresholds that budgets have reached.
    Events(events::Events),
    /// Remove a budget.
    Remove(Remove),
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  stonegate budgets set --account tenant:default --window monthly --limit-usd 500
  stonegate budgets set --account team:platform --window monthly --limit-usd 200
  stonegate budgets set --account user:ann --window daily --limit-usd 12.50
  stonegate budgets set --account key:laptop --window total --limit-tokens 1000000
  stonegate budgets set --account user:ann --window daily --limit-usd 20 --mode throttle --per-minute 0.10
  stonegate budgets set --account tenant:default --window weekly --limit-usd 300 --mode notify --thresholds 80,100")]
pub(crate) struct Set {
    /// Whose spending is limited: tenant:ID, team:ID, user:ID or key:ID; teams, users and keys may be given by name.
    #[arg(long, value_name = "ACCOUNT")]
    account: String,
    /// How often it renews, by the calendar of its tenant.
    #[arg(long, value_enum)]
    window: WindowArgument,
    #[command(flatten)]
    limit: Limit,
    /// What happens at the limit.
    #[arg(long, value_enum, default_value = "block")]
    mode: ModeArgument,
    /// The rate of mode throttle: so many US dollars or tokens a minute, as the limit is.
    #[arg(long, value_name = "AMOUNT")]
    per_minute: Option<String>,
    /// What happens to a call that would fit with less output.
    #[arg(long, value_enum, default_value = "lower")]
    when_short: WhenShortArgument,
    /// Per cents of the limit that raise an event.
    #[arg(long, value_name = "PERCENT", value_delimiter = ',', default_values_t = [50, 80, 100])]
    thresholds: Vec<u8>,
    /// The budget's id, where several count the same; made up for a new one.
    #[arg(long, value_name = "ID")]
    id: Option<String>,
    /// Count only calls of models that fit this pattern.
    #[arg(long = "model", value_name = "PATTERN")]
    model_filter: Option<String>,
    #[command(flatten)]
    store: StoreArguments,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct Limit {
    /// So many US dollars per window, to nine places.
    #[arg(long, value_name = "USD")]
    limit_usd: Option<String>,
    /// So many tokens per window.
    #[arg(long, value_name = "TOKENS")]
    limit_tokens: Option<u64>,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  stonegate budgets list
  stonegate budgets list --account team:platform --json")]
pub(crate) struct List {
    /// Only those on this account.
    #[arg(long, value_name = "ACCOUNT")]
    account: Option<String>,
    #[command(flatten)]
    store: StoreArguments,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  stonegate budgets remove bgt_fac7547ba03c64ed6d2a")]
pub(crate) struct Remove {
    /// The budget's id.
    #[arg(value_name = "ID")]
    id: String,
    #[command(flatten)]
    store: StoreArguments,
}

/// A window as it is typed.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum WindowArgument {
    /// Never renews.
    Total,
    /// Renews every day.
    Daily,
    /// Renews every Monday.
    Weekly,
    /// Renews every first of a month.
    Monthly,
}

/// A mode as it is typed.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum ModeArgument {
    /// Calls are refused.
    Block,
    /// Past the limit calls are slowed down to a rate.
    Throttle,
    /// It is noted only.
    Notify,
}

/// What happens when little is left, as it is typed.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum WhenShortArgument {
    /// The call's output ceiling is lowered to what is left.
    Lower,
    /// The call is refused.
    Refuse,
}

pub(crate) fn run(command: &Command) -> anyhow::Result<()> {
    match command {
        Command::Set(set) => set.run(),
        Command::List(list) => list.run(),
        Command::Grant(grant) | Command::Adjust(grant) => grant.run(),
        Command::Override(overriding) => overriding.run(),
        Command::Adjustments(adjustments) => adjustments.run(),
        Command::Events(events) => events.run(),
        Command::Remove(remove) => remove.run(),
    }
}

impl Set {
    fn run(&self) -> anyhow::Result<()> {
        let wanted = BudgetCreate {
            id: self.id.clone(),
            account: self.account.clone(),
            window: match self.window {
                WindowArgument::Total => BudgetWindow::Total,
                WindowArgument::Daily => BudgetWindow::Daily,
                WindowArgument::Weekly => BudgetWindow::Weekly,
                WindowArgument::Monthly => BudgetWindow::Monthly,
            },
            limit_usd: self.limit.limit_usd.clone(),
            limit_tokens: self.limit.limit_tokens,
            mode: match self.mode {
                ModeArgument::Block => BudgetMode::Block,
                ModeArgument::Throttle => BudgetMode::Throttle,
                ModeArgument::Notify => BudgetMode::Notify,
            },
            per_minute: self.per_minute.clone(),
            when_short: match self.when_short {
                WhenShortArgument::Lower => BudgetWhenShort::Lower,
                WhenShortArgument::Refuse => BudgetWhenShort::Refuse,
            },
            model_filter: self.model_filter.clone(),
            thresholds: Some(self.thresholds.clone()),
        };
        let budget = self.store.operate(async |operator| operator.set_budget(&wanted).await)?;
        self.store.print(&budget, |budget, style| table(std::slice::from_ref(budget), style))
    }
}

impl List {
    fn run(&self) -> anyhow::Result<()> {
        let account = self.account.as_deref();
        let budgets = self.store.operate(async |operator| operator.list_budgets(account).await)?;
        self.store.print_list(&budgets, table)
    }
}

impl Remove {
    fn run(&self) -> anyhow::Result<()> {
        self.store.operate(async |operator| operator.remove_budget(&self.id).await)?;
        self.store.print(&json!({ "id": self.id, "removed": true }), |_, _| format!("Removed {}.\n", self.id))
    }
}

fn table(budgets: &[Budget], style: Style) -> String {
    let columns = [
        Column::Text("ID"),
        Column::Text("ACCOUNT"),
        Column::Text("WINDOW"),
        Column::Text("MODE"),
        Column::Number("LIMIT"),
        Column::Number("SPENT"),
        Column::Number("LEASED"),
        Column::Number("LEFT"),
        Column::Text("RENEWS"),
        Column::Number("FORECAST"),
        Column::Text("RUNS OUT"),
    ];
    let rows = budgets.iter().map(|budget| {
        let amount = |amount: u64| in_unit(amount, &budget.unit);
        let forecast = budget.forecast.as_ref();
        [
            budget.id.clone(),
            named_account(budget),
            budget.window_key.clone(),
            budget.mode.clone(),
            amount(budget.limit),
            amount(budget.spent),
            amount(budget.leased),
            amount(budget.remaining),
            budget.renews_at.clone().unwrap_or_else(|| "never".to_owned()),
            forecast.and_then(|forecast| forecast.spent).map(amount).unwrap_or_default(),
            forecast.and_then(|forecast| forecast.runs_out_at.clone()).unwrap_or_default(),
        ]
    });
    Table::new(columns, rows).render("no budgets: nothing is limited", style)
}

/// An amount as people read it.
pub(super) fn in_unit(amount: u64, unit: &str) -> String {
    match unit {
        "usd" => dollars(amount),
        unit => format!("{} {unit}", count(amount)),
    }
}

/// `user:ann`, as `--account` takes it; the id stands in the JSON.
pub(super) fn named_account(budget: &Budget) -> String {
    match (&budget.account_name, budget.account.split_once(':')) {
        (Some(name), Some((kind, _))) => format!("{kind}:{name}"),
        (Some(_) | None, Some(_) | None) => budget.account.clone(),
    }
}
