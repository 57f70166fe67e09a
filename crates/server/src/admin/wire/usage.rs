//! Usage on the wire.

use std::collections::HashMap;

use jiff::Timestamp;
use stonegate_api::{Usage, UsageBy, UsagePer, UsageRow, UsageTokens};
use stonegate_identity::{Directory, KeyId, TeamId, UserId};
use stonegate_ledger::{LedgerStore, Nanodollars, UsageFilter, UsageQuery, UsageSum};

use super::{Problem, budgets::dollars, shown_time, time};

/// How long a span may be that is told hour by hour.
const MOST_HOURLY_DAYS: i64 = 92;
/// How many sums a page has when nobody says, and at most.
pub(crate) const PAGE: u32 = 1_000;
const PAGE_MOST: u32 = 10_000;

/// What is asked for.
pub(crate) struct Wanted {
    pub(crate) by: Option<UsageBy>,
    pub(crate) per: Option<UsagePer>,
    pub(crate) filter: UsageFilter,
    /// How many sums at most; all when absent.
    pub(crate) limit: Option<u32>,
    /// Where the last page ended.
    pub(crate) after: Option<String>,
}

/// Answers it: the sums with their total, and with people's names where there are some.
pub(crate) async fn report(
    ledger: &dyn LedgerStore,
    directory: &dyn Directory,
    wanted: Wanted,
    now: Timestamp,
) -> Result<Usage, Problem> {
    let Wanted { by, per, filter, limit, after } = wanted;
    // Somebody who asks for neither asks who it was.
    let by = by.or(if per.is_none() { Some(UsageBy::User) } else { None });
    check(per, &filter, limit, now)?;
    let most = limit.unwrap_or(u32::MAX);
    let query = UsageQuery {
        by: by.map(asked_by),
        per: per.map(asked_per),
        after: after.as_deref().map(cursor).transpose()?,
        // One more tells whether there is another page.
        limit: most.saturating_add(1),
        ..UsageQuery::of(filter.clone())
    };
    let mut sums = ledger.usage(query).await?;
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    let is_last = sums.len() <= most;
    sums.truncate(most);
    let next = sums.last().filter(|_| !is_last).map(shown_cursor);
    let total = ledger.usage(UsageQuery::of(filter.clone())).await?.pop();
    let names = names(directory, by, &sums).await?;
    let total = UsageSum { group: "total".into(), ..total.unwrap_or_else(UsageSum::empty) };
    let data = sums.iter().map(|sum| row(sum, names.get(&*sum.group).cloned())).collect();
    let (from, to) = (filter.from.map(shown_time), filter.until.map(shown_time));
    Ok(Usage { by, per, from, to, data, total: row(&total, None), next })
}

fn check(
    per: Option<UsagePer>,
    filter: &UsageFilter,
    limit: Option<u32>,
    now: Timestamp,
) -> Result<(), Problem> {
    if limit.is_some_and(|limit| !(1..=PAGE_MOST).contains(&limit)) {
        return Err(Problem::invalid("limit", format!("a page has 1 to {PAGE_MOST} sums")));
    }
    let length = filter.from.map(|from| filter.until.unwrap_or(now).duration_since(from));
    let is_long = length.is_none_or(|length| length.as_hours() > MOST_HOURLY_DAYS * 24);
    if per == Some(UsagePer::Hour) && is_long {
        let message =
            format!("hour by hour, at most {MOST_HOURLY_DAYS} days can be told: give `from` and `to`");
        return Err(Problem::invalid("per", message));
    }
    Ok(())
}

/// Where a page ends: `PERIOD|GROUP`.
fn shown_cursor(sum: &UsageSum) -> String {
    format!("{}|{}", sum.period.map(shown_time).unwrap_or_default(), sum.group)
}

fn cursor(text: &str) -> Result<(Option<Timestamp>, std::sync::Arc<str>), Problem> {
    let (period, group) =
        text.split_once('|').ok_or_else(|| Problem::invalid("after", "send what came as `next`"))?;
    let period = (!period.is_empty()).then(|| time("after", period)).transpose()?;
    Ok((period, group.into()))
}

fn asked_by(by: UsageBy) -> stonegate_ledger::UsageBy {
    match by {
        UsageBy::User => stonegate_ledger::UsageBy::User,
        UsageBy::Key => stonegate_ledger::UsageBy::Key,
        UsageBy::Team => stonegate_ledger::UsageBy::Team,
        UsageBy::Tenant => stonegate_ledger::UsageBy::Tenant,
        UsageBy::Model => stonegate_ledger::UsageBy::Model,
        UsageBy::Endpoint => stonegate_ledger::UsageBy::Endpoint,
        UsageBy::Client => stonegate_ledger::UsageBy::Client,
        UsageBy::Dialect => stonegate_ledger::UsageBy::Dialect,
        UsageBy::Tag => stonegate_ledger::UsageBy::Tag,
    }
}

fn asked_per(per: UsagePer) -> stonegate_ledger::UsagePer {
    match per {
        UsagePer::Day => stonegate_ledger::UsagePer::Day,
        UsagePer::Hour => stonegate_ledger::UsagePer::Hour,
    }
}

async fn names(
    directory: &dyn Directory,
    by: Option<UsageBy>,
    sums: &[UsageSum],
) -> Result<HashMap<String, String>, Problem> {
    let mut names = HashMap::new();
    for sum in sums {
        if names.contains_key(&*sum.group) {
            continue;
        }
        let name = match by {
            Some(UsageBy::User) => match UserId::parse(&sum.group) {
                Ok(id) => directory.find_user(&id).await?.map(|user| user.name),
                Err(_) => None,
            },
            Some(UsageBy::Key) => match KeyId::parse(&sum.group) {
                Ok(id) => {
                    directory.find_key(&id).await?.map(|key| format!("{} ({})", key.name, key.user_name))
                }
                Err(_) => None,
            },
            Some(UsageBy::Team) => match TeamId::parse(&sum.group) {
                Ok(id) => directory.find_team(&id).await?.map(|team| team.name),
                Err(_) => None,
            },
            _ => return Ok(names),
        };
        names.extend(name.map(|name| (sum.group.to_string(), name)));
    }
    Ok(names)
}

fn row(sum: &UsageSum, name: Option<String>) -> UsageRow {
    let savings = sum.uncached_cost.get().cast_signed().saturating_sub(sum.cost.get().cast_signed());
    let sign = if savings < 0 { "-" } else { "" };
    UsageRow {
        period: sum.period.map(shown_time),
        group: sum.group.to_string(),
        name,
        calls: sum.calls,
        estimated: sum.estimated,
        unresolved: sum.unresolved,
        tokens: UsageTokens {
            input: sum.tokens.input,
            output: sum.tokens.output,
            cache_read: sum.tokens.cache_read,
            cache_write_5m: sum.tokens.cache_write_5m,
            cache_write_1h: sum.tokens.cache_write_1h,
            thinking: sum.tokens.thinking,
        },
        cost_nanodollars: sum.cost.get(),
        cost_usd: dollars(sum.cost),
        cache_savings_nanodollars: Some(savings),
        cache_savings_usd: Some(format!("{sign}{}", dollars(Nanodollars::new(savings.unsigned_abs())))),
    }
}

/// The sums as comma-separated values, with a line of headings.
pub(crate) fn csv(usage: &Usage) -> String {
    let mut text = String::from(
        "period,group,name,calls,estimated,unresolved,input_tokens,output_tokens,cache_read_tokens,\
         cache_write_5m_tokens,cache_write_1h_tokens,thinking_tokens,cost_usd,cache_savings_usd\r\n",
    );
    for row in &usage.data {
        let UsageRow { calls, estimated, unresolved, tokens, cost_usd, cache_savings_usd, .. } = row;
        let UsageTokens { input, output, cache_read, cache_write_5m, cache_write_1h, thinking } = tokens;
        let [period, group, name] = [row.period.as_deref(), Some(&*row.group), row.name.as_deref()]
            .map(|cell| cell_of(cell.unwrap_or_default()));
        let thinking = thinking.map(|tokens| tokens.to_string()).unwrap_or_default();
        let cache_savings_usd = cache_savings_usd.as_deref().unwrap_or_default();
        text += &format!(
            "{period},{group},{name},{calls},{estimated},{unresolved},{input},{output},{cache_read},\
             {cache_write_5m},{cache_write_1h},{thinking},{cost_usd},{cache_savings_usd}\r\n"
        );
    }
    text
}

/// A text as a cell. What a spreadsheet would take for a formula gets a mark that it does not.
fn cell_of(text: &str) -> String {
    let mark = if text.starts_with(['=', '+', '-', '@', '\t', '\r']) { "'" } else { "" };
    if text.contains([',', '"', '\r', '\n']) {
        format!("\"{mark}{}\"", text.replace('"', "\"\""))
    } else {
        format!("{mark}{text}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_holds_any_text_and_no_formula() {
        for (text, expected) in [
            ("ann", "ann"),
            ("Ann, \"the\" boss", "\"Ann, \"\"the\"\" boss\""),
            ("=1+1", "'=1+1"),
            ("@sum(a,b)", "\"'@sum(a,b)\""),
        ] {
            assert_eq!(cell_of(text), expected);
        }
    }

    #[test]
    fn a_cursor_reads_as_it_was_shown() {
        let period = "2026-11-21T00:00:00Z".parse().ok();
        for (period, group) in [(None, "usr_1"), (period, "a|b"), (period, "")] {
            let sum = UsageSum { period, group: group.into(), ..UsageSum::empty() };
            assert_eq!(cursor(&shown_cursor(&sum)).ok(), Some((period, group.into())));
        }
        assert!(cursor("nonsense").is_err() && cursor("now|a").is_err());
    }
}
