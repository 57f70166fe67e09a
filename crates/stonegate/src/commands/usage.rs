//! `stonegate usage`: what was used, and what it cost.

use clap::{Args, Subcommand, ValueEnum};
use stonegate_api::{Usage, UsageBy, UsagePer, UsageRow};
use stonegate_server::operator::{UsageRequest, usage_csv};

use crate::{
    operate::StoreArguments,
    output::{Column, Table, count, dollars},
    terminal::{Style, print},
    trouble::Trouble,
};
use forecast::Outlook;

mod correct;
mod forecast;
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
Times are UTC: 2026-11-01, 2026-11-01T08:00:00Z, or a while back such as 7d. Hours count as a whole.

Examples:
  stonegate usage --by model --last 7d
  stonegate usage --per day --from 2026-11-01 --user ann --json
  stonegate usage --user ann --last 30d --forecast
  stonegate usage --by tag --tag project --from 2026-10-01 --to 2026-11-01 --csv"
)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    /// What it is summed by [default: user, without --per]
    #[arg(long, value_enum)]
    by: Option<ByArgument>,
    /// For each day or hour (of 92 days at most).
    #[arg(long, value_enum)]
    per: Option<PerArgument>,
    /// Calls from then on: a day, a time, or a while back such as 7d.
    #[arg(long, alias = "since", value_name = "WHEN")]
    from: Option<String>,
    /// Calls before then.
    #[arg(long, alias = "until", value_name = "WHEN")]
    to: Option<String>,
    /// Calls of the last while, such as 7d, 12h or 1mo.
    #[arg(long, value_name = "WHILE", conflicts_with_all = ["from", "to"])]
    last: Option<String>,
    #[command(flatten)]
    which: Which,
    /// Also what budgets will have spent when they renew: those of the user, key, team or tenant that is named, else all.
    #[arg(long, conflicts_with = "csv")]
    forecast: bool,
    /// Print comma-separated values.
    #[arg(long, conflicts_with = "json")]
    csv: bool,
    #[command(flatten)]
    store: StoreArguments,
}

/// Which calls.
#[derive(Debug, Args)]
struct Which {
    /// Only this tenant's.
    #[arg(long, value_name = "ID")]
    tenant: Option<String>,
    /// Only this team's, by id or name.
    #[arg(long, value_name = "TEAM")]
    team: Option<String>,
    /// Only this user's, by id or name.
    #[arg(long, value_name = "USER")]
    user: Option<String>,
    /// Only with this key, by id or name.
    #[arg(long, value_name = "KEY")]
    key: Option<String>,
    /// Only what this model answered.
    #[arg(long, value_name = "MODEL")]
    model: Option<String>,
    /// Only what went to this upstream.
    #[arg(long, value_name = "NAME")]
    endpoint: Option<String>,
    /// Only of this program, such as claude-code.
    #[arg(long, value_name = "NAME")]
    client: Option<String>,
    /// Only in this protocol, such as anthropic.
    #[arg(long, value_name = "NAME")]
    dialect: Option<String>,
    /// Only with this tag: NAME=VALUE, or NAME for any value.
    #[arg(long, value_name = "TAG")]
    tag: Option<String>,
}

/// What usage is summed by, as it is typed.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum ByArgument {
    /// Each user.
    User,
    /// Each key.
    Key,
    /// Each team.
    Team,
    /// Each tenant.
    Tenant,
    /// Each model that answered.
    Model,
    /// Each upstream.
    Endpoint,
    /// Each client's program.
    Client,
    /// Each protocol that clients speak.
    Dialect,
    /// Each tag; a call with several counts for each.
    Tag,
    /// The same as `--per day`.
    #[value(hide = true)]
    Day,
    /// The same as `--per hour`.
    #[value(hide = true)]
    Hour,
}

/// The time that each sum is of, as it is typed.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum PerArgument {
    /// Each day in UTC.
    Day,
    /// Each hour.
    Hour,
}

/// What `--by` means: a group, or a time, which people ask for by the same word.
enum Meant {
    Group(UsageBy),
    Time(UsagePer),
}

impl ByArgument {
    fn meant(self) -> Meant {
        match self {
            Self::User => Meant::Group(UsageBy::User),
            Self::Key => Meant::Group(UsageBy::Key),
            Self::Team => Meant::Group(UsageBy::Team),
            Self::Tenant => Meant::Group(UsageBy::Tenant),
            Self::Model => Meant::Group(UsageBy::Model),
            Self::Endpoint => Meant::Group(UsageBy::Endpoint),
            Self::Client => Meant::Group(UsageBy::Client),
            Self::Dialect => Meant::Group(UsageBy::Dialect),
            Self::Tag => Meant::Group(UsageBy::Tag),
            Self::Day => Meant::Time(UsagePer::Day),
            Self::Hour => Meant::Time(UsagePer::Hour),
        }
    }
}

impl Arguments {
    /// The group and the time that each sum is of.
    fn sums(&self) -> Result<(Option<UsageBy>, Option<UsagePer>), Trouble> {
        let per = self.per.map(|per| match per {
            PerArgument::Day => UsagePer::Day,
            PerArgument::Hour => UsagePer::Hour,
        });
        match (self.by.map(ByArgument::meant), per) {
            (None, per) => Ok((None, per)),
            (Some(Meant::Group(by)), per) => Ok((Some(by), per)),
            (Some(Meant::Time(by)), Some(per)) if by != per => Err(Trouble::Wrong(
                "--by names one time and --per another: sums are per day or per hour; leave one out"
                    .to_owned(),
            )),
            (Some(Meant::Time(per)), _) => Ok((None, Some(per))),
        }
    }
}

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    match &arguments.command {
        Some(Command::Unresolved(list)) => return list.run(),
        Some(Command::Correct(correct)) => return correct.run(),
        Some(Command::Corrections(list)) => return list.run(),
        None => {}
    }
    let which = &arguments.which;
    let (by, per) = arguments.sums()?;
    let wanted = UsageRequest {
        by,
        per,
        from: arguments.last.clone().or_else(|| arguments.from.clone()),
        to: arguments.to.clone(),
        tenant: which.tenant.clone(),
        team: which.team.clone(),
        user: which.user.clone(),
        key: which.key.clone(),
        model: which.model.clone(),
        endpoint: which.endpoint.clone(),
        client: which.client.clone(),
        dialect: which.dialect.clone(),
        tag: which.tag.clone(),
    };
    if arguments.forecast {
        let outlook = arguments.store.operate(async |operator| {
            let usage = operator.usage(&wanted).await?;
            Ok(Outlook { usage, budgets: forecast::budgets(operator, which).await? })
        })?;
        return arguments.store.print(&outlook, |Outlook { usage, budgets }, style| {
            format!("{}\n{}", table(usage, style), forecast::table(budgets, style))
        });
    }
    let usage = arguments.store.operate(async |operator| operator.usage(&wanted).await)?;
    if arguments.csv {
        print(&usage_csv(&usage))?;
        return Ok(());
    }
    arguments.store.print(&usage, table)
}

fn table(usage: &Usage, style: Style) -> String {
    let mut rows: Vec<&UsageRow> = usage.data.iter().collect();
    if usage.per.is_none() {
        // The dearest first; a course of time stays in its order.
        rows.sort_by_key(|row| std::cmp::Reverse(row.cost_nanodollars));
    }
    rows.extend((rows.len() > 1).then_some(&usage.total));
    let period = Column::Text(if usage.per == Some(UsagePer::Hour) { "HOUR" } else { "DAY" });
    let nothing = "no calls in this time";
    let mut text = match (usage.per, usage.by) {
        (None, by) => {
            Table::<8>::new(columns([heading(by)]), rows.iter().map(|row| cells(row, [group(row)])))
                .render(nothing, style)
        }
        (Some(per), None) => {
            Table::<8>::new(columns([period]), rows.iter().map(|row| cells(row, [when(row, per)])))
                .render(nothing, style)
        }
        (Some(per), by) => {
            let rows = rows.iter().map(|row| cells(row, [when(row, per), group_in_time(row)]));
            Table::<9>::new(columns([period, heading(by)]), rows).render(nothing, style)
        }
    };
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

fn heading(by: Option<UsageBy>) -> Column {
    Column::Text(match by {
        None => "",
        Some(UsageBy::User) => "USER",
        Some(UsageBy::Key) => "KEY",
        Some(UsageBy::Team) => "TEAM",
        Some(UsageBy::Tenant) => "TENANT",
        Some(UsageBy::Model) => "MODEL",
        Some(UsageBy::Endpoint) => "ENDPOINT",
        Some(UsageBy::Client) => "CLIENT",
        Some(UsageBy::Dialect) => "DIALECT",
        Some(UsageBy::Tag) => "TAG",
    })
}

/// What every table tells, behind what it is told of.
const FIGURES: [Column; 7] = [
    Column::Number("CALLS"),
    Column::Number("INPUT"),
    Column::Number("OUTPUT"),
    Column::Number("CACHED"),
    Column::Number("TO CACHE"),
    Column::Number("SAVED"),
    Column::Number("COST"),
];

fn columns<const L: usize, const N: usize>(lead: [Column; L]) -> [Column; N] {
    let mut all = lead.into_iter().chain(FIGURES);
    std::array::from_fn(|_| all.next().unwrap_or(Column::Text("")))
}

fn cells<const L: usize, const N: usize>(sum: &UsageRow, lead: [String; L]) -> [String; N] {
    let tokens = &sum.tokens;
    let saved = sum.cache_savings_nanodollars.map(|saved| {
        let sign = if saved < 0 { "-" } else { "" };
        format!("{sign}{}", dollars(saved.unsigned_abs()))
    });
    let figures = [
        count(sum.calls),
        count(tokens.input),
        count(tokens.output),
        count(tokens.cache_read),
        count(tokens.cache_write_5m.saturating_add(tokens.cache_write_1h)),
        saved.unwrap_or_else(|| "–".to_owned()),
        dollars(sum.cost_nanodollars),
    ];
    let mut all = lead.into_iter().chain(figures);
    std::array::from_fn(|_| all.next().unwrap_or_default())
}

fn group(sum: &UsageRow) -> String {
    let group = if sum.group.is_empty() { "(none)" } else { &sum.group };
    sum.name.clone().unwrap_or_else(|| group.to_owned())
}

/// The total of a course of time is named in the first column.
fn group_in_time(sum: &UsageRow) -> String {
    if sum.period.is_none() { String::new() } else { group(sum) }
}

/// The day or hour of a sum.
fn when(sum: &UsageRow, per: UsagePer) -> String {
    let Some(period) = &sum.period else { return sum.group.clone() };
    let length = match per {
        UsagePer::Day => "2026-11-21".len(),
        UsagePer::Hour => "2026-11-21T08:00".len(),
    };
    period.get(..length).unwrap_or(period).replace('T', " ")
}

fn calls(number: u64) -> String {
    format!("{} {}", count(number), if number == 1 { "call" } else { "calls" })
}
