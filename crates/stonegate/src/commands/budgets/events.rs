//! `stonegate budgets events`.

use clap::Args;
use stonegate_api::BudgetEvent;

use super::in_unit;
use crate::{
    operate::StoreArguments,
    output::{Column, Table},
    terminal::Style,
};

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  stonegate budgets events --account tenant:acme
  stonegate budgets events --after 4711 --json      for programs: only what is new since then")]
pub(crate) struct Events {
    /// Only of this budget.
    #[arg(long, value_name = "ID")]
    budget: Option<String>,
    /// Only of budgets on this account.
    #[arg(long, value_name = "ACCOUNT")]
    account: Option<String>,
    /// Only those after this number.
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    after: u64,
    /// At most so many, the oldest first.
    #[arg(long, value_name = "COUNT", default_value_t = 1_000)]
    limit: u32,
    #[command(flatten)]
    store: StoreArguments,
}

impl Events {
    pub(super) fn run(&self) -> anyhow::Result<()> {
        let (budget, account) = (self.budget.as_deref(), self.account.as_deref());
        let events = self
            .store
            .operate(async |operator| operator.list_events(budget, account, self.after, self.limit).await)?;
        self.store.print_list(&events, table)
    }
}

fn table(events: &[BudgetEvent], style: Style) -> String {
    let columns = [
        Column::Number("NUMBER"),
        Column::Text("AT"),
        Column::Text("BUDGET"),
        Column::Text("ACCOUNT"),
        Column::Text("WINDOW"),
        Column::Number("REACHED"),
        Column::Number("SPENT"),
        Column::Number("LIMIT"),
    ];
    let rows = events.iter().map(|event| {
        [
            event.number.to_string(),
            event.at.clone(),
            event.budget.clone(),
            event.account.clone(),
            event.window_key.clone(),
            format!("{} %", event.threshold),
            in_unit(event.spent, &event.unit),
            in_unit(event.limit, &event.unit),
        ]
    });
    Table::new(columns, rows).render("no budget has reached a threshold", style)
}
