//! `stonegate usage unresolved`.

use clap::Args;
use stonegate_api::{Unresolved, UnresolvedCall, WriteOff};

use crate::{
    operate::StoreArguments,
    output::{Column, Table, count, dollars},
    terminal::Style,
};

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  stonegate usage unresolved
  stonegate usage unresolved --limit 10 --json")]
pub(crate) struct List {
    /// At most so many calls, the newest first.
    #[arg(long, value_name = "COUNT", default_value_t = 100)]
    limit: u32,
    #[command(flatten)]
    store: StoreArguments,
}

impl List {
    pub(super) fn run(&self) -> anyhow::Result<()> {
        let found = self.store.operate(async |operator| operator.list_unresolved(self.limit).await)?;
        self.store.print(&found, text)
    }
}

fn text(found: &Unresolved, style: Style) -> String {
    if found.data.is_empty() && found.write_offs.is_empty() {
        return "nothing is charged on suspicion\n".to_owned();
    }
    let mut text = String::new();
    if !found.data.is_empty() {
        text += &calls(&found.data, style);
    }
    if !found.write_offs.is_empty() {
        if !text.is_empty() {
            text += "\n";
        }
        text += &leases(&found.write_offs, style);
    }
    text
}

fn calls(calls: &[UnresolvedCall], style: Style) -> String {
    let columns = [
        Column::Text("CALL"),
        Column::Text("AT"),
        Column::Text("USER"),
        Column::Text("MODEL"),
        Column::Text("OUTCOME"),
        Column::Number("INPUT"),
        Column::Number("OUTPUT"),
        Column::Number("CHARGED"),
    ];
    let rows = calls.iter().map(|call| {
        [
            call.call.clone(),
            call.started_at.clone(),
            call.user.clone(),
            call.model.clone(),
            call.outcome.clone(),
            count(call.tokens.input),
            count(call.tokens.output),
            dollars(call.cost_nanodollars),
        ]
    });
    Table::new(columns, rows).render("", style)
}

fn leases(write_offs: &[WriteOff], style: Style) -> String {
    let columns = [
        Column::Text("DEAD SERVER"),
        Column::Text("BUDGET"),
        Column::Text("WINDOW"),
        Column::Text("ACCOUNT"),
        Column::Number("WRITTEN OFF"),
    ];
    let rows = write_offs.iter().map(|write_off| {
        [
            write_off.replica.clone(),
            write_off.budget.clone(),
            write_off.window_key.clone(),
            write_off.account.clone(),
            super::super::budgets::in_unit(write_off.amount, &write_off.unit),
        ]
    });
    Table::new(columns, rows).render("", style)
}
