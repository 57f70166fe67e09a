//! `stonegate charges`: what services outside hold of budgets, and take of it.

use clap::{Args, Subcommand};
use stonegate_api::{Charge, ChargeCapture, ChargeCreate};

use crate::{
    operate::StoreArguments,
    output::{Column, Table, dollars},
    terminal::Style,
};

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Hold credit for something that is bought elsewhere, with a key that has the scope `charges:make`.
    #[command(visible_alias = "authorise")]
    Authorize(Authorize),
    /// Take what was spent of what a charge holds, and free the rest.
    Capture(Capture),
    /// List the charges that hold credit, those that are free again soonest first.
    List(List),
    /// Show a charge and how it stands.
    #[command(after_help = "\
Example:
  stonegate charges show chg_01KADZ9Q8N0000000000000000")]
    Show(One),
    /// Free what a charge holds: anyone's on the store of this machine, one's own at a gateway.
    #[command(after_help = "\
Example:
  stonegate charges void chg_01KADZ9Q8N0000000000000000")]
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

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  stonegate charges list
  stonegate charges list --json")]
pub(crate) struct List {
    #[command(flatten)]
    store: StoreArguments,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  stonegate charges authorize web-search 0.05 --once search-4711
  stonegate charges capture chg_01KADZ9Q8N0000000000000000 0.02
  stonegate charges void chg_01KADZ9Q8N0000000000000000")]
pub(crate) struct Authorize {
    /// What it is for: the name that usage shows in the place of a model's.
    #[arg(value_name = "SERVICE")]
    service: String,
    /// The most that it may cost, in US dollars.
    #[arg(value_name = "USD")]
    amount_usd: String,
    /// The most that it may take of budgets in tokens.
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    tokens: u64,
    /// How long it is held unless it is captured [default: 600]
    #[arg(long, value_name = "SECONDS")]
    expires_in: Option<u64>,
    /// A name of one's own for the charge: with the same it is the same charge, however often this is run.
    #[arg(long, value_name = "NAME")]
    once: Option<String>,
    #[command(flatten)]
    store: StoreArguments,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  stonegate charges capture chg_01KADZ9Q8N0000000000000000          all that it holds
  stonegate charges capture chg_01KADZ9Q8N0000000000000000 0.02")]
pub(crate) struct Capture {
    /// The charge's id.
    #[arg(value_name = "ID")]
    id: String,
    /// What it cost, in US dollars [default: all that is held]
    #[arg(value_name = "USD")]
    amount_usd: Option<String>,
    /// What it took of budgets in tokens [default: all that is held]
    #[arg(long, value_name = "NUMBER")]
    tokens: Option<u64>,
    #[command(flatten)]
    store: StoreArguments,
}

pub(crate) fn run(command: &Command) -> anyhow::Result<()> {
    let (one, charge) = match command {
        Command::Authorize(authorize) => return authorize.run(),
        Command::Capture(capture) => return capture.run(),
        Command::List(List { store }) => {
            let found = store.operate(async |operator| operator.list_charges().await)?;
            return store.print_list(&found, table);
        }
        Command::Show(one) => (one, one.store.operate(async |operator| operator.find_charge(&one.id).await)?),
        Command::Void(one) => (one, one.store.operate(async |operator| operator.void_charge(&one.id).await)?),
    };
    one.store.print(&charge, shown)
}

impl Authorize {
    fn run(&self) -> anyhow::Result<()> {
        let wanted = ChargeCreate {
            service: self.service.clone(),
            amount_usd: self.amount_usd.clone(),
            tokens: self.tokens,
            expires_in_seconds: self.expires_in,
        };
        let charge = self
            .store
            .operate(async |desk| desk.gateway()?.authorize_charge(&wanted, self.once.clone()).await)?;
        self.store.print(&charge, shown)
    }
}

impl Capture {
    fn run(&self) -> anyhow::Result<()> {
        let wanted = ChargeCapture { amount_usd: self.amount_usd.clone(), tokens: self.tokens };
        let charge =
            self.store.operate(async |desk| desk.gateway()?.capture_charge(&self.id, &wanted).await)?;
        self.store.print(&charge, shown)
    }
}

fn shown(charge: &Charge, style: Style) -> String {
    table(std::slice::from_ref(charge), style)
}

fn table(charges: &[Charge], style: Style) -> String {
    let columns = [
        Column::Text("CHARGE"),
        Column::Text("STATE"),
        Column::Text("SERVICE"),
        Column::Text("USER"),
        Column::Number("AMOUNT"),
        Column::Number("TOKENS"),
        Column::Text("MADE"),
        Column::Text("UNTIL"),
        Column::Text("BUDGETS"),
        Column::Text("TAGS"),
    ];
    let rows = charges.iter().map(|charge| {
        let tags: Vec<_> = charge.tags.iter().map(|(name, value)| format!("{name}={value}")).collect();
        [
            charge.id.clone(),
            charge.state.clone(),
            charge.service.clone(),
            charge.user.clone(),
            dollars(charge.amount_nanodollars),
            charge.tokens.to_string(),
            charge.created_at.clone(),
            charge.expires_at.clone(),
            charge.budgets.join(" "),
            tags.join(" "),
        ]
    });
    Table::new(columns, rows).render("no charge holds anything", style)
}
