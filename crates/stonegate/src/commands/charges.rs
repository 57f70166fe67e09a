//! `stonegate charges`: what services outside hold of budgets.

use clap::{Args, Subcommand};
use stonegate_api::Charge;

use crate::{
    operate::StoreArguments,
    output::{Column, Table, dollars},
    terminal::Style,
};

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Show a charge and how it stands.
    Show(One),
    /// Free what a charge holds: anyone's on the store of this machine, one's own at a gateway.
    Void(One),
}

#[derive(Debug, Args)]
pub(crate) struct One {
    /// The charge's id.
    #[arg(value_name = "ID")]
    id: String,
    #[command(flatten)]
    store: StoreArguments,
}

pub(crate) fn run(command: &Command) -> anyhow::Result<()> {
    let (one, charge) = match command {
        Command::Show(one) => (one, one.store.operate(async |operator| operator.find_charge(&one.id).await)?),
        Command::Void(one) => (one, one.store.operate(async |operator| operator.void_charge(&one.id).await)?),
    };
    one.store.print(&charge, table)
}

fn table(charge: &Charge, style: Style) -> String {
    let columns = [
        Column::Text("CHARGE"),
        Column::Text("STATE"),
        Column::Text("SERVICE"),
        Column::Text("USER"),
        Column::Number("AMOUNT"),
        Column::Number("TOKENS"),
        Column::Text("UNTIL"),
        Column::Text("BUDGETS"),
    ];
    let row = [
        charge.id.clone(),
        charge.state.clone(),
        charge.service.clone(),
        charge.user.clone(),
        dollars(charge.amount_nanodollars),
        charge.tokens.to_string(),
        charge.expires_at.clone(),
        charge.budgets.join(" "),
    ];
    Table::new(columns, [row]).render("", style)
}
