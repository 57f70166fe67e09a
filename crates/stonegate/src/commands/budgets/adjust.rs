//! `stonegate budgets grant|adjust|override|adjustments`.

use clap::Args;
use stonegate_api::{Adjustment, AdjustmentCreate, AdjustmentKind, Word};

use super::table;
use crate::{
    operate::StoreArguments,
    output::{Column, Table},
    terminal::Style,
};

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  stonegate budgets grant bgt_1a2b 25 --reason 'release week'
  stonegate budgets grant bgt_1a2b 100 --for-ever --reason 'two new people'
  stonegate budgets adjust bgt_1a2b -25 --reason 'granted twice'")]
pub(crate) struct Grant {
    /// The budget's id.
    #[arg(value_name = "ID")]
    id: String,
    /// How much, in the budget's unit: US dollars or tokens.
    #[arg(value_name = "AMOUNT", allow_hyphen_values = true)]
    amount: String,
    /// Why; kept for good.
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// In every window, and not in the current one alone.
    #[arg(long)]
    for_ever: bool,
    #[command(flatten)]
    store: StoreArguments,
}

impl Grant {
    pub(super) fn run(&self) -> anyhow::Result<()> {
        let kind = if self.for_ever { AdjustmentKind::CreditForEver } else { AdjustmentKind::Credit };
        let (amount, reason) = (Some(self.amount.clone()), self.reason.clone());
        adjust(
            &self.store,
            &self.id,
            &AdjustmentCreate { kind, amount, reason, ..AdjustmentCreate::default() },
        )
    }
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  stonegate budgets override bgt_1a2b 200 --until 7d --reason 'migration'
  stonegate budgets override bgt_1a2b 0 --from 2026-12-24 --until 2026-12-27 --reason 'nobody is here'
  stonegate budgets override bgt_1a2b --end --reason 'done early'")]
pub(crate) struct Override {
    /// The budget's id.
    #[arg(value_name = "ID")]
    id: String,
    /// The limit for that time, in the budget's unit: US dollars or tokens.
    #[arg(value_name = "AMOUNT", required_unless_present = "end", conflicts_with = "end")]
    amount: Option<String>,
    /// When it begins: a time, a day, or a while from now such as 12h [default: now]
    #[arg(long, value_name = "TIME", conflicts_with = "end")]
    from: Option<String>,
    /// When it ends: a time, a day, or a while from now such as 7d.
    #[arg(long, value_name = "TIME", required_unless_present = "end", conflicts_with = "end")]
    until: Option<String>,
    /// End the one that is there: the budget's own limit holds again.
    #[arg(long)]
    end: bool,
    /// Why; kept for good.
    #[arg(long, value_name = "TEXT")]
    reason: String,
    #[command(flatten)]
    store: StoreArguments,
}

impl Override {
    pub(super) fn run(&self) -> anyhow::Result<()> {
        let wanted = AdjustmentCreate {
            id: None,
            kind: if self.end { AdjustmentKind::EndOverride } else { AdjustmentKind::Override },
            amount: self.amount.clone(),
            from: self.from.clone(),
            until: self.until.clone(),
            reason: self.reason.clone(),
        };
        adjust(&self.store, &self.id, &wanted)
    }
}

fn adjust(store: &StoreArguments, id: &str, wanted: &AdjustmentCreate) -> anyhow::Result<()> {
    let budget = store.operate(async |operator| operator.adjust_budget(id, wanted).await)?;
    store.print(&budget, |budget, style| table(std::slice::from_ref(budget), style))
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  stonegate budgets adjustments                     of all budgets, the newest first
  stonegate budgets adjustments bgt_fac7547ba03c64ed6d2a --limit 10")]
pub(crate) struct Adjustments {
    /// Only of this budget.
    #[arg(value_name = "ID")]
    id: Option<String>,
    /// At most so many, the newest first.
    #[arg(long, value_name = "COUNT", default_value_t = 100)]
    limit: u32,
    #[command(flatten)]
    store: StoreArguments,
}

impl Adjustments {
    pub(super) fn run(&self) -> anyhow::Result<()> {
        let (id, limit) = (self.id.as_deref(), self.limit);
        let entries = self.store.operate(async |operator| operator.list_adjustments(id, limit).await)?;
        self.store.print_list(&entries, entries_table)
    }
}

fn entries_table(entries: &[Adjustment], style: Style) -> String {
    let columns = [
        Column::Text("AT"),
        Column::Text("BUDGET"),
        Column::Text("WHAT"),
        Column::Number("AMOUNT"),
        Column::Text("HOLDS"),
        Column::Text("BY"),
        Column::Text("REASON"),
    ];
    let rows = entries.iter().map(|entry| {
        let what = match &entry.kind {
            Word::Known(AdjustmentKind::Credit | AdjustmentKind::CreditForEver) => "credit",
            Word::Known(AdjustmentKind::Override) => "override",
            Word::Known(AdjustmentKind::EndOverride) => "end override",
            Word::Other(word) => word,
        };
        let holds = match (&entry.window_key, &entry.from, &entry.until) {
            (Some(window), _, _) => window.clone(),
            (None, Some(from), Some(until)) => format!("{from} to {until}"),
            (None, _, _) => "for ever".to_owned(),
        };
        [
            entry.at.clone(),
            entry.budget.clone(),
            what.to_owned(),
            entry.amount.map_or_else(String::new, |amount| amount.to_string()),
            holds,
            entry.by.clone(),
            entry.reason.clone(),
        ]
    });
    Table::new(columns, rows).render("nothing was granted, adjusted or overridden", style)
}
