//! `stonegate usage`: what was used, and what it cost.

use clap::{Args, Subcommand, ValueEnum};
use stonegate_api::{Usage, UsageBy, UsageRow};
use stonegate_server::operator::UsageRequest;

use crate::{
    operate::StoreArguments,
    output::{Column, Table, count, dollars},
    terminal::Style,
};

mod correct;
mod unresolved;

#[derive(Debug, Subcommand)]
enum Command {
    /// List what is charged though nobody saw what it took: after a server died, say.
    Unresolved(unresolved::List),
    /// Say what such a call, or a part of a dead server's lease, really took; budgets follow at once.
    Correct(correct::Correct),
    /// List what was corrected: when, by whom and why.
    Corrections(correct::List),
}

#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "\
Examples:
  stonegate usage --by model --since 7d
  stonegate usage --by day --since 2026-11-01 --user ann --json"
)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    /// What it is summed by.
    #[arg(long, value_enum, default_value = "user")]
    by: ByArgument,
    /// Calls from then on: a day, a time, or a while back such as 7d.
    #[arg(long, value_name = "WHEN")]
    since: Option<String>,
    /// Calls before then.
    #[arg(long, value_name = "WHEN")]
    until: Option<String>,
    /// Only this tenant's.
    #[arg(long, value_name = "ID")]
    tenant: Option<String>,
    /// Only this user's, by id or name.
    #[arg(long, value_name = "USER")]
    user: Option<String>,
    /// Only with this key, by id or name.
    #[arg(long, value_name = "KEY")]
    key: Option<String>,
    /// Only what this model answered.
    #[arg(long, value_name = "MODEL")]
    model: Option<String>,
    #[command(flatten)]
    store: StoreArguments,
}

/// What usage is summed by, as it is typed.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum ByArgument {
    /// Each user.
    User,
    /// Each key.
    Key,
    /// Each model that answered.
    Model,
    /// Each day in UTC.
    Day,
    /// Each tenant.
    Tenant,
}

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    match &arguments.command {
        Some(Command::Unresolved(list)) => return list.run(),
        Some(Command::Correct(correct)) => return correct.run(),
        Some(Command::Corrections(list)) => return list.run(),
        None => {}
    }
    let wanted = UsageRequest {
        by: match arguments.by {
            ByArgument::User => UsageBy::User,
            ByArgument::Key => UsageBy::Key,
            ByArgument::Model => UsageBy::Model,
            ByArgument::Day => UsageBy::Day,
            ByArgument::Tenant => UsageBy::Tenant,
        },
        since: arguments.since.clone(),
        until: arguments.until.clone(),
        tenant: arguments.tenant.clone(),
        user: arguments.user.clone(),
        key: arguments.key.clone(),
        model: arguments.model.clone(),
    };
    let usage = arguments.store.operate(async |operator| operator.usage(&wanted).await)?;
    arguments.store.print(&usage, table)
}

fn table(usage: &Usage, style: Style) -> String {
    let columns = [
        Column::Text(match usage.by {
            UsageBy::User => "USER",
            UsageBy::Key => "KEY",
            UsageBy::Model => "MODEL",
            UsageBy::Day => "DAY",
            UsageBy::Tenant => "TENANT",
        }),
        Column::Number("CALLS"),
        Column::Number("INPUT"),
        Column::Number("OUTPUT"),
        Column::Number("CACHED"),
        Column::Number("TO CACHE"),
        Column::Number("COST"),
    ];
    let rows = usage.data.iter().chain((usage.data.len() > 1).then_some(&usage.total)).map(row);
    let mut text = Table::new(columns, rows).render("no calls in this time", style);
    let UsageRow { estimated, unresolved, .. } = &usage.total;
    if *estimated > 0 {
        text += &style.dim(&format!("{} rest on an estimate.\n", calls(*estimated)));
    }
    if *unresolved > 0 {
        text += &style
            .dim(&format!("{} charged what was reserved, until it is known better.\n", calls(*unresolved)));
    }
    text
}

fn calls(number: u64) -> String {
    format!("{} {}", count(number), if number == 1 { "call" } else { "calls" })
}

fn row(sum: &UsageRow) -> [String; 7] {
    let tokens = &sum.tokens;
    [
        sum.name.clone().unwrap_or_else(|| sum.group.clone()),
        count(sum.calls),
        count(tokens.input),
        count(tokens.output),
        count(tokens.cache_read),
        count(tokens.cache_write_5m.saturating_add(tokens.cache_write_1h)),
        dollars(sum.cost_nanodollars),
    ]
}
